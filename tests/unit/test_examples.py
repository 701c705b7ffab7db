# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example in the documentation of the modules does what it says, by the laws."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
import yaml
from module_run import MODULES, run_module
from test_laws import Scenario, obey_the_laws

from simulator import Simulator

NAMES = [path.stem for path in (Path(__file__).parents[2] / "plugins/modules").glob("*.py")]
WRITING = ("atlas_project_user", "atlas_project_role", "atlas_team_user", "atlas_organization_user")
ACCOUNT = {"client_id": "mdb_sa_id_" + "d0" * 12, "client_secret": "mdb_sa_sk_demo-only"}


def examples(*names):
    """The tasks of the examples; those that take the result of another task are left out."""
    found = []
    for name in sorted(names):
        for task in yaml.safe_load(importlib.import_module(f"{MODULES}.{name}").EXAMPLES):
            options = task.get(f"atlasops.access.{name}")
            if options and "{{" not in str(options):
                found.append(pytest.param(name, options, id=f"{name}-{task['name']}"))
    return found


@pytest.fixture(scope="module")
def world():
    with Simulator("demo") as sim:
        yield sim


@pytest.mark.parametrize(("name", "options"), examples(*WRITING))
def test_an_example_that_writes_obeys_the_laws(world, name, options):
    world.reset()
    obey_the_laws(world, Scenario(name, options), **ACCOUNT)


@pytest.mark.parametrize(("name", "options"), examples(*(set(NAMES) - set(WRITING))))
def test_an_example_that_reads_succeeds(world, name, options, tmp_path, monkeypatch):
    world.reset()
    monkeypatch.chdir(tmp_path)
    if name == "atlas_access_evidence":
        run_module("atlas_access_review", world, evidence_dir="evidence", **ACCOUNT)
        os.rename(os.path.realpath("evidence/latest"), options["evidence_dir"])
    result = run_module(name, world, **options, **ACCOUNT)
    assert not result.get("failed"), result.get("msg")
    # What adopting changes is files.
    assert result["changed"] == (name == "atlas_access_adopt") and not world.writes
