# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of wrong changes fits the code of today; `make mutants` makes them."""

from __future__ import annotations

import ast

import pytest
from mutants import ROOT, changed, mutants


@pytest.mark.parametrize("mutant", mutants(), ids=lambda one: f"{one['file']}-{one['line']}")
def test_a_wrong_change_can_be_made(mutant):
    ast.parse(changed(mutant))
    assert all((ROOT / name.partition("::")[0]).exists() for name in mutant["tests"].split() if name.endswith(".py"))
