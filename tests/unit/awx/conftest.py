# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be made in AWX, as Ansible reads it, with settings of three kinds."""

from __future__ import annotations

import fcntl
import json
import os
from types import SimpleNamespace

import pytest
import yaml
from awx_kit import LISTS, ROOT, SETTINGS, make


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SimpleNamespace]:
    """All lists of awx_objects.yml with each of these settings, which win over those of the file; made once for all
    workers of a run of the tests."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kit"
    place.mkdir(exist_ok=True)
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((place / name).exists() for name in SETTINGS):
            make(place)
    found = {name: json.loads((place / name).read_text()) for name in SETTINGS}
    return {
        name: SimpleNamespace(**{one.removeprefix("controller_"): lists[one] for one in LISTS})
        for name, lists in found.items()
    }


@pytest.fixture(scope="session")
def kit(made: dict[str, SimpleNamespace]) -> SimpleNamespace:
    return made["kit"]


@pytest.fixture(scope="session")
def other(made: dict[str, SimpleNamespace]) -> SimpleNamespace:
    return made["other"]


@pytest.fixture(scope="session")
def hooked(made: dict[str, SimpleNamespace]) -> SimpleNamespace:
    return made["hooked"]


@pytest.fixture(scope="session")
def role_options() -> set[str]:
    specs = yaml.safe_load((ROOT / "roles/access_cleanup/meta/argument_specs.yml").read_text())
    return set(specs["argument_specs"]["main"]["options"])
