# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in after a run: what the next review sees, and what the dry run said."""

from __future__ import annotations

import csv
from datetime import datetime, timezone
from pathlib import Path

import pytest
from module_run import run_module
from test_review import read
from test_review_runs import ANY, BOB, DAN, carried_out

from ansible_collections.atlasops.access.plugins.module_utils import _after as after
from ansible_collections.atlasops.access.plugins.module_utils._access import Entry, Member, Project, Way
from ansible_collections.atlasops.access.plugins.module_utils._tables import population
from simulator import Simulator

POLICIES = {
    "leavers": {"leavers": [BOB, DAN]},
    "holders": {"role_holders": {"GROUP_OWNER": [BOB]}, "fallback_role": "GROUP_READ_ONLY"},
    "everybody": {"allowed_users": [BOB]},
}
DEMO = {"client_id": "mdb_sa_id_" + "d0" * 12, "client_secret": "mdb_sa_sk_demo-only"}
COMPARED = ("project", "project_id", "user", "user_id", "status", "roles", "via")


def ran(sim, base, policy, mode, **options):
    """A run as the role makes it; the directory and its document."""
    asked = {"policy": policy, "guards": {**ANY, "min_owners": 0}, "evidence_dir": str(base), "mode": mode, **options}
    result = run_module("atlas_access_review", sim, **asked, seal=False)
    assert result.rc == 0 and not result["blocked"], result
    if mode != "review":
        carried_out(sim, result, mode == "dry-run")
    ended = run_module("atlas_access_evidence", sim, evidence_dir=result["evidence_dir"])
    assert ended["seal"], ended
    return Path(result["evidence_dir"]), read(result)


def table(path: Path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rows_of(path: Path):
    return sorted(tuple(row[name] for name in COMPARED) for row in table(path) if row["project_id"])


@pytest.mark.parametrize("policy", POLICIES)
def test_it_is_what_the_next_review_sees(small, tmp_path, policy):
    place, document = ran(small, tmp_path, POLICIES[policy], "clean-up")
    assert document["steps"] and document["after"]["kind"] == "read"
    next_place, seen = ran(small, tmp_path, POLICIES[policy], "review")
    assert rows_of(place / "population-after.csv") == rows_of(next_place / "population.csv")
    assert rows_of(place / "population-after.csv") != rows_of(place / "population.csv")
    told = document["after"]
    assert told["owners"] == {one["id"]: one["owners"] for one in seen["projects"]}
    assert told["matrix"] == seen["matrix"]["rows"]
    assert (told["people"], told["living"]) == (seen["summary"]["people"], seen["summary"]["living"])
    assert "population-after.csv" in (place / "SHA256SUMS").read_text()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("mode", ["dry-run", "review"])
def test_what_would_be_is_what_is_then(small, tmp_path, policy, mode):
    place, dry = ran(small, tmp_path, POLICIES[policy], mode)
    assert dry["after"]["kind"] == "planned" and not (place / "population-after.csv").exists()
    _place, real = ran(small, tmp_path, POLICIES[policy], "clean-up")
    for name in ("people", "living", "owners", "matrix", "projects"):
        assert dry["after"][name] == real["after"][name], name


def test_each_row_says_when_it_was_seen(small, tmp_path):
    place, document = ran(small, tmp_path, {"leavers": [DAN]}, "clean-up")
    changed = {one["project_id"] for one in document["steps"]}
    for row in table(place / "population-after.csv"):
        assert row["as_of"] == document["ended" if row["project_id"] in changed else "started"]


def test_where_nothing_changed_or_nothing_was_let_pass_it_is_left_out(small, tmp_path):
    place, document = ran(small, tmp_path, {"leavers": []}, "clean-up")
    assert document["after"] is None and not (place / "population-after.csv").exists()
    asked = {"policy": {"leavers": [DAN]}, "guards": {"max_removals": 0}, "mode": "clean-up", "seal": False}
    result = run_module("atlas_access_review", small, **asked, evidence_dir=str(tmp_path))
    run_module("atlas_access_evidence", small, evidence_dir=result["evidence_dir"])
    assert result["blocked"] and read(result)["after"] is None
    assert not (Path(result["evidence_dir"]) / "population-after.csv").exists()


def test_a_project_that_can_not_be_read_again_is_told_and_stays_as_it_was_seen(small, tmp_path):
    asked = {"policy": {"leavers": [DAN]}, "guards": ANY, "mode": "clean-up", "seal": False}
    result = run_module("atlas_access_review", small, **asked, evidence_dir=str(tmp_path))
    carried_out(small, result)
    small.fault(403, method="GET", path=f"{small.project_id('alpha')}/users", times=None)
    run_module("atlas_access_evidence", small, evidence_dir=result["evidence_dir"])
    place, document = Path(result["evidence_dir"]), read(result)
    assert document["after"]["unread"] == ["alpha"]
    kept = [row for row in table(place / "population-after.csv") if row["project"] == "alpha"]
    assert {row["as_of"] for row in kept} == {document["started"]} and DAN in {row["user"] for row in kept}


def test_legacy_invitations_that_nobody_read_again_are_kept(tmp_path):
    with Simulator("demo") as sim:
        asked = {**DEMO, "legacy_invitations": True, "policy": {"leavers": ["dana.field@corp.example"]}}
        guards = {**ANY, "min_owners": 0}
        options = {**asked, "guards": guards, "evidence_dir": str(tmp_path), "mode": "clean-up", "seal": False}
        result = run_module("atlas_access_review", sim, **options)
        plan = {"file": result["evidence_dir"] + "/plan.json", "digest": result["plan_digest"], "actions": ["remove"]}
        journal = result["evidence_dir"] + "/actions.jsonl"
        assert run_module("atlas_project_user", sim, **DEMO, plan=plan, journal=journal).rc == 0
        run_module("atlas_access_evidence", sim, **DEMO, evidence_dir=result["evidence_dir"])
        again = run_module("atlas_access_review", sim, **{**options, "mode": "review", "seal": True})
    place = Path(result["evidence_dir"])
    assert rows_of(place / "population-after.csv") == rows_of(Path(again["evidence_dir"]) / "population.csv")


def test_no_name_of_a_team_is_taken_for_a_way_or_a_role():
    odd = Way("team", "a;direct;team b (GROUP_OWNER) \\", frozenset(["GROUP_READ_ONLY"]))
    entry = Entry(Member("=tess@corp.example", "1" * 24, "ACTIVE", frozenset()), (odd,))
    shown = [(Project("a" * 24, "alpha", "0" * 24), {"1" * 24: entry})]
    rows = list(csv.DictReader(population(shown, datetime(2026, 1, 1, tzinfo=timezone.utc))))
    document = {"projects": [{"id": "a" * 24, "name": "alpha"}], "matrix": {"whole": True, "rows": {}}}
    told = after.picture(after.population(rows, {"a" * 24: []}, {}, ("then", "now")), document)
    assert told["matrix"] == {"=tess@corp.example": {"alpha": ["GROUP_READ_ONLY"]}}
    assert told["owners"] == {"a" * 24: []} and (told["people"], told["living"]) == (1, 0)
