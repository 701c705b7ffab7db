# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clean-up that is killed at any moment: the next one finishes it, and the records of both tell what was written.

Twenty times with 80 removals, four of them in make test. `KILLS=200` kills that many clean-ups of 200 removals, at
moments that are new each time.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import role_calls
from accounts import accounted, journals, restorable, whole, written
from module_run import run_module

from simulator import Simulator

KILLS = int(os.environ.get("KILLS") or 0)
PROJECTS, LEAVERS = (20, 10) if KILLS else (10, 8)
ANN, BOB = "ann@corp.example", "bob@corp.example"
PEOPLE = [f"leaver{number:02}@corp.example" for number in range(2 * LEAVERS)]
TOKEN = {"access_token": "small-token"}
HOW = ("SIGKILL", "SIGTERM", "SIGINT", "module")
CASES = [pytest.param(one, marks=[] if KILLS or one < 4 else pytest.mark.thorough) for one in range(KILLS or 20)]
REVIEW = {
    # Twenty people leave; somebody else is to hold a role: steps of two modules.
    "policy": {"leavers": PEOPLE, "role_holders": {"GROUP_CLUSTER_MANAGER": [ANN]}, "fallback_role": "GROUP_READ_ONLY"},
    "guards": {"max_removal_percent": 100, "max_project_removal_percent": 100},
}


class Plain(Simulator):
    """Without the look at each answer's shape that other tests take."""

    around = staticmethod(lambda app: app)


def world() -> dict:
    def members(number: int) -> dict:
        here = PEOPLE[number % 2 :: 2]
        return {ANN: ["GROUP_OWNER"], BOB: ["GROUP_CLUSTER_MANAGER"], **{one: ["GROUP_READ_ONLY"] for one in here}}

    account = {"secret": "mdb_sa_sk_small", "role": "ORG_OWNER", "access_tokens": ["small-token"]}
    return {
        "organizations": {
            "Kill Org": {
                "service_accounts": {"mdb_sa_id_0123456789abcdef01234567": account},
                "users": {one: {} for one in (ANN, BOB, *PEOPLE)},
                "projects": {f"p{number:02}": {"members": members(number)} for number in range(PROJECTS)},
            }
        }
    }


@pytest.fixture(scope="module")
def atlas():
    with Plain(world()) as sim:
        yield sim


@pytest.fixture
def begin(atlas, tmp_path):
    """Begin a run of the role."""
    atlas.reset()
    review = {**REVIEW, "evidence_dir": str(tmp_path / "evidence")}
    return lambda: role_calls.Run(tmp_path, {**TOKEN, "base_url": atlas.url}, review)


@pytest.fixture(scope="module")
def seconds(atlas, tmp_path_factory):
    """How long a run takes that nobody disturbs; it does what is asked."""
    folder = tmp_path_factory.mktemp("undisturbed")
    review = {**REVIEW, "evidence_dir": str(folder / "evidence")}
    for _again in range(2):  # The first one waits until everything is loaded.
        atlas.reset()
        began = time.monotonic()
        run = role_calls.Run(folder, {**TOKEN, "base_url": atlas.url}, review).wait()
        took = time.monotonic() - began
    assert run.result(role_calls.EVIDENCE)["outcome"]["state"] == "done"
    assert sum(written(atlas).values()) == PROJECTS * (LEAVERS + 2)
    return took


def directories(folder: Path) -> list[Path]:
    base = folder / "evidence"
    return sorted(path for path in base.iterdir() if not path.is_symlink()) if base.exists() else []


def finish(atlas: Simulator, directory: Path) -> None:
    """What somebody does with a run that has no end on record."""
    result = run_module(role_calls.EVIDENCE, atlas, evidence_dir=str(directory))
    if (directory / "review.json").exists():
        assert not result.get("failed"), result["msg"]
        assert (directory / "SHA256SUMS").exists()
    else:
        assert not (directory / "actions.jsonl").exists(), "it wrote before it had reviewed"
        assert f"there is no review.json in '{directory}'" in result["msg"]


@pytest.mark.parametrize("case", CASES)
def test_a_clean_up_that_is_killed_is_finished_and_accounted_for(atlas, begin, seconds, tmp_path, quick, case):
    chance = random.Random(None if KILLS else case)
    how, moment = HOW[case % len(HOW)], chance.uniform(0, 1.1 * seconds)
    run = begin()
    time.sleep(moment)
    run.kill_module() if how == "module" else run.signal(signal.Signals[how])
    run.wait()
    accounted(atlas, directories(tmp_path))
    killed = [path for path in directories(tmp_path) if not (path / "SHA256SUMS").exists()]
    left_open, before = journals(killed).open, sum(written(atlas).values())

    again = begin().wait()
    outcome = again.result(role_calls.EVIDENCE)["outcome"]
    assert outcome["state"] in ("done", "unchanged"), (how, moment, outcome)
    accounted(atlas, directories(tmp_path))
    assert set(written(atlas).values()) == {1} and len(written(atlas)) == PROJECTS * (LEAVERS + 2)
    assert not any(user in PEOPLE for members in atlas.state().values() for user in members)

    newest = Path(again.result(role_calls.REVIEW)["evidence_dir"])
    told = json.loads((newest / "review.json").read_text())["unfinished"]
    assert len(told) == len(left_open) and {one["took_effect"] for one in told} <= {"yes", "no"}
    for directory in killed:
        finish(atlas, directory)
    for directory in directories(tmp_path):
        if (directory / "review.json").exists():
            whole(directory)
    gone = {(one.project_id, one.user_id) for one in written(atlas) if one.action == "remove"}
    brought_back = {(project, atlas.user_id(user)) for project, user in restorable(directories(tmp_path))}
    assert gone <= brought_back, "what undoes the runs leaves somebody out"
    if KILLS:
        print(json.dumps({"how": how, "writes_before": before, "left_open": len(left_open), "unfinished": len(killed)}))
    calm = run_module(role_calls.REVIEW, atlas, evidence_dir=str(tmp_path / "evidence"), **REVIEW)
    assert not calm["step_hashes"] and not [one for one in calm["warnings"] if "no end on record" in one]
