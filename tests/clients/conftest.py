# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small world for clients that others made: what they read there has to make sense to them.

`make clients` installs them and runs these tests; `make test` does not.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import Simulator

MODULES = Path(sys.prefix) / "npm" / "node_modules"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator("small") as sim:
        yield sim


@pytest.fixture
def org_id(sim: Simulator) -> str:
    return next(iter(sim.world.orgs))


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None or not MODULES.exists():
        pytest.skip("Node.js or npm is not here, so its clients were not installed")
    return found


@pytest.fixture
def node_environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NODE_PATH": str(MODULES)}
