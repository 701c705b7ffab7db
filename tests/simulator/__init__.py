# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stateful MongoDB Atlas Administration API on loopback, for tests, demos and benchmarks."""

from __future__ import annotations

from .loading import generated, load_world
from .server import Simulator

__all__ = ["Simulator", "generated", "load_world"]
