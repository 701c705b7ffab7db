# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of the role at the same time: each does what it judged, each write is on record once, owners stay.

Ten pairs, one of each kind in make test; `PAIRS=100` tries that many, with other beginnings.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import pytest
import role_calls
from accounts import accounted, mark, whole, written
from test_evidence import REMOVE
from test_killed import ANN, BOB, TOKEN, Plain

from ansible_collections.atlasops.access.plugins.module_utils import _journal as journal

PAIRS = int(os.environ.get("PAIRS") or 0)
OTHER_TOKEN = {"access_token": "other-token"}
PEOPLE = [f"leaver{number}@corp.example" for number in range(8)]
ALL = {"max_removal_percent": 100, "max_project_removal_percent": 100}
LEAVERS = {"policy": {"leavers": PEOPLE}, "guards": ALL}
KINDS = ("same", "apart", "review", "hosts", "owners")
CASES = [
    pytest.param(one, marks=[] if PAIRS or one < len(KINDS) else pytest.mark.thorough) for one in range(PAIRS or 10)
]


def world() -> dict:
    def organization(name: str, account: str, token: str) -> dict:
        members = {ANN: ["GROUP_OWNER"], BOB: ["GROUP_OWNER"], **{one: ["GROUP_READ_ONLY"] for one in PEOPLE}}
        return {
            "service_accounts": {account: {"secret": token, "role": "ORG_OWNER", "access_tokens": [token]}},
            "users": {one: {} for one in (ANN, BOB, *PEOPLE)},
            "projects": {f"{name}{number}": {"members": members} for number in range(8)},
        }

    return {
        "organizations": {
            "One": organization("one", "mdb_sa_id_0123456789abcdef01234567", "small-token"),
            "Two": organization("two", "mdb_sa_id_1123456789abcdef01234567", "other-token"),
        }
    }


@pytest.fixture(scope="module")
def atlas():
    with Plain(world()) as sim:
        yield sim


def both(kind: str) -> list[tuple[dict, dict, str]]:
    """For each run: its credential, what its review is asked, and the name of its directory."""
    mine = (TOKEN, LEAVERS, "evidence")
    if kind == "apart":
        return [mine, (TOKEN, LEAVERS, "elsewhere")]
    if kind == "review":
        return [mine, (TOKEN, {**LEAVERS, "mode": "review"}, "evidence")]
    if kind == "hosts":
        return [mine, (OTHER_TOKEN, LEAVERS, "evidence")]
    if kind == "owners":
        # Each takes the owner whom the other one counts on.
        return [(TOKEN, {"policy": {"leavers": [who]}, "guards": ALL}, "evidence") for who in (ANN, BOB)]
    return [mine, mine]


def runs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*") if path.is_dir() and not path.is_symlink())


def judged_alone(directory: Path) -> None:
    """What a run began is what its own review planned and let pass."""
    plan = json.loads((directory / "plan.json").read_text())
    lines = (directory / "actions.jsonl").read_text().splitlines() if plan["steps"] else []
    events = [json.loads(line) for line in lines if line]
    began = {mark(one["row"]) for one in events if one["event"] == "start" and one["why"] != "restored"}
    assert began <= {mark(one) for one in plan["steps"]} and not (began and plan["blocked"])


def owned(sim: Plain, project: str) -> bool:
    members = sim.state()[project].values()
    return any("GROUP_OWNER" in one["roles"] and one["status"] == "ACTIVE" for one in members)


@pytest.mark.parametrize("case", CASES)
def test_two_runs_at_once(atlas, tmp_path, case):
    atlas.reset()
    chance, kind = random.Random(None if PAIRS else case), KINDS[case % len(KINDS)]
    pair = []
    for credential, review, name in both(kind):
        options = {**review, "evidence_dir": str(tmp_path / name)}
        pair.append(role_calls.Run(tmp_path, {**credential, "base_url": atlas.url, "timeout": 20}, options))
        time.sleep(chance.choice([0, chance.uniform(0, 0.5)]))
    for run in pair:
        run.wait()

    accounted(atlas, runs(tmp_path))
    assert len(runs(tmp_path)) == 2
    documents = [whole(directory) for directory in runs(tmp_path)]
    for directory in runs(tmp_path):
        judged_alone(directory)
        assert not list(directory.glob("settled-*")), "a run under way was taken for a dead one"
    said = [result["msg"] for run in pair for _module, result in run.results if result and result.get("msg")]
    assert not any(document["unfinished"] for document in documents)
    if kind == "owners":
        told = {row["project"] for one in documents for row in one["actions"] if "no ACTIVE owner is left" in str(row)}
        lost = {name for name in atlas.state() if not owned(atlas, name)}
        assert lost <= told, ("without an owner, and nobody says so", lost - told, said)
        return
    assert not said, said
    states = [document["outcome"]["state"] for document in documents]
    assert set(states) <= {"done", "unchanged", "reviewed"}, states
    here = {user for name, members in atlas.state().items() for user in members if kind == "hosts" or "one" in name}
    assert here == {ANN, BOB} and len(written(atlas)) == len(PEOPLE) * 8 * (2 if kind == "hosts" else 1)


# --- a run that ends while it is looked at ---------------------------------------------------------------------------


def test_a_run_that_ends_while_its_journal_is_read_is_not_taken_for_one_that_died(tmp_path, monkeypatch):
    path = str(tmp_path / "actions.jsonl")
    notes = journal.Journal(path)
    notes.start(REMOVE)
    asked = journal._is_locked

    def ends_right_then(descriptor):
        locked = asked(descriptor)
        if notes._file is not None:
            notes.end(REMOVE, "done")
            notes.close()
            notes._file = None
        return locked

    monkeypatch.setattr(journal, "_is_locked", ends_right_then)
    told = journal.read(path)
    assert told.running or [one.status for one in told.records.values()] == ["done"]
    assert [one.status for one in journal.read(path).records.values()] == ["done"]
