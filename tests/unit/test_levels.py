# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leavers lose: projects, teams as well, or everything and the organization; one plan for all of it."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from module_run import run_module

from ansible_collections.atlasops.access.plugins.module_utils._journal import Journal
from simulator import Simulator
from simulator.loading import new_user

LEA, ROOT, TOM = "lea@corp.example", "root@corp.example", "tom@corp.example"
WORLD: dict[str, Any] = {
    "organizations": {
        "Example Org": {
            "service_accounts": {
                "mdb_sa_id_" + "a" * 24: {"secret": "s", "role": "ORG_OWNER", "access_tokens": ["small-token"]},
                "mdb_sa_id_" + "b" * 24: {"secret": "mdb_sa_sk_reader", "role": "ORG_READ_ONLY"},
            },
            "users": {LEA: {}, TOM: {}, ROOT: {"org_roles": ["ORG_OWNER"]}},
            "teams": {"platform": {"members": [LEA, TOM]}, "data": {"members": [LEA, TOM]}},
            "projects": {
                "one": {"members": {LEA: ["GROUP_READ_ONLY"], ROOT: ["GROUP_OWNER"]}},
                "two": {"members": {LEA: ["GROUP_OWNER"], ROOT: ["GROUP_OWNER"]}, "teams": {"data": ["GROUP_OWNER"]}},
                "three": {"members": {LEA: ["GROUP_READ_ONLY"], ROOT: ["GROUP_OWNER"]}},
                "four": {"members": {ROOT: ["GROUP_OWNER"]}, "teams": {"platform": ["GROUP_READ_ONLY"]}},
            },
        }
    }
}
GUARDS = {"max_removal_percent": 100, "max_project_removal_percent": 100}
READER = {"client_id": "mdb_sa_id_" + "b" * 24, "client_secret": "mdb_sa_sk_reader"}


@pytest.fixture
def sim(quick):
    with Simulator(WORLD) as sim:
        yield sim


def review(sim, level, mode="review", leavers=(LEA,), **more):
    policy = {"leavers": list(leavers), **more.pop("policy", {})}
    guards = {**GUARDS, **more.pop("guards", {})}
    return run_module("atlas_access_review", sim, policy=policy, guards=guards, leavers_lose=level, mode=mode, **more)


def carry_out(sim, directory, level, check=False, **more):
    """As the role does it: review, the calls that carry the plan out, verification."""
    reviewed = review(sim, level, "dry-run" if check else "clean-up", evidence_dir=str(directory), seal=False, **more)
    assert not reviewed.get("failed"), reviewed["msg"]
    run = reviewed["evidence_dir"]
    plan = {"file": os.path.join(run, "plan.json"), "digest": reviewed["plan_digest"], "actions": ["remove"]}
    given = {"plan": plan, "journal": os.path.join(run, "actions.jsonl")}
    for name in ("atlas_project_user", "atlas_team_user", "atlas_organization_user"):
        result = run_module(name, sim, check, **given)
        assert not result.get("failed"), result["msg"]
        reviewed.setdefault("left", []).extend(
            (row["project"], row["via"]) for row in result.get("residual_access", [])
        )
    verified = run_module("atlas_access_evidence", sim, check, evidence_dir=run)
    assert not verified.get("failed"), verified["msg"]
    return reviewed, verified, run


def places(sim):
    everything = {**sim.state(), **sim.directory()}
    return {name for name, people in everything.items() if LEA in people}


def test_three_levels_end_what_they_say(sim, tmp_path):
    reviewed, verified, _run = carry_out(sim, tmp_path, "projects")
    assert reviewed["plan_places"] == {"project": 3, "team": 0, "organization": 0}
    assert any(line.startswith("four: report lea@") and "; gets in through team platform" in line
               for line in reviewed["report"])  # fmt: skip
    assert places(sim) == {"platform", "data", "Example Org"} and reviewed["left"] == [("two", "team")]
    assert verified["outcome"]["state"] == "open"
    assert any("lea@corp.example still gets into" in one for one in verified["outcome"]["still"])

    reviewed, verified, run = carry_out(sim, tmp_path, "teams")
    assert reviewed["plan_places"] == {"project": 0, "team": 2, "organization": 0}
    assert places(sim) == {"Example Org"} and verified["outcome"]["still"] == []
    assert verified["outcome"]["state"] == "done" and verified["verified"] == 2
    text = Path(run, "restore.yml").read_text(encoding="utf-8")
    restore = yaml.safe_load(text.replace("!unsafe ", ""))
    assert len(restore["team_memberships"]) == 2 and restore["memberships"] == []

    reviewed, verified, _run = carry_out(sim, tmp_path, "organization")
    assert reviewed["plan_places"] == {"project": 0, "team": 0, "organization": 1}
    assert places(sim) == set() and verified["outcome"] == {**verified["outcome"], "state": "done", "still": []}
    assert carry_out(sim, tmp_path, "organization")[1]["outcome"]["state"] == "unchanged"


@pytest.mark.parametrize("removal", ["cascade", "refuse"])
@pytest.mark.parametrize("last", [403, 400])
@pytest.mark.parametrize("gone", [404, 400])
def test_everything_at_once_on_each_setting(sim, tmp_path, removal, last, gone):
    sim.knobs.update({"org_removal": removal, "last_of_team": last, "already_gone": gone})
    before = {**sim.state(), **sim.directory()}
    checked, dry, _run = carry_out(sim, tmp_path, "organization", check=True)
    assert {**sim.state(), **sim.directory()} == before and dry["outcome"]["state"] == "planned"
    reviewed, verified, _run = carry_out(sim, tmp_path, "organization")
    assert checked["left"] == reviewed["left"] == [], "what another step of the plan ends does not stay"
    assert reviewed["plan_digest"] == checked["plan_digest"]
    assert reviewed["plan_places"] == {"project": 3, "team": 2, "organization": 1}
    assert places(sim) == set() and verified["outcome"]["still"] == [] and verified["verified"] == 6


@pytest.mark.parametrize("check", [True, False])
def test_the_report_shows_who_gets_in_after_all_of_it(sim, tmp_path, check):
    for level, gets_in in (("projects", True), ("teams", False)):
        sim.reset()
        run = carry_out(sim, tmp_path / level, level, check)[2]
        picture = json.loads(Path(run, "review.json").read_text(encoding="utf-8"))["after"]
        assert (LEA in json.dumps(picture)) == gets_in, picture


def test_a_team_is_left_once_however_many_projects_it_has(sim):
    sim.change(lambda world: world.project("one").teams.update(world.project("four").teams))
    result = review(sim, "teams")
    assert Counter(row["project"] for row in result["findings"])["team platform"] == 1
    assert [line for line in result["plan"] if "platform" in line] and len(result["plan"]) == 5


def test_what_a_step_ends_is_no_residual_access(sim):
    for level, ways in (("projects", True), ("teams", False), ("organization", False)):
        rows = review(sim, level)["findings"]
        assert any(row["residual_access"] for row in rows) == ways, level


def test_the_digest_of_a_plan_for_projects_stays_as_it_was(sim):
    assert (
        review(sim, "projects")["plan_digest"]
        == run_module("atlas_access_review", sim, policy={"leavers": [LEA]}, guards=GUARDS)["plan_digest"]
    )
    assert len({review(sim, level)["plan_digest"] for level in ("projects", "teams", "organization")}) == 3


@pytest.mark.parametrize("scope", [{"projects": ["one"]}, {"exclude_projects": ["one"]}, {"project_tags": {"a": "b"}}])
def test_beyond_projects_the_scope_is_the_whole_organization(sim, scope):
    for level in ("teams", "organization"):
        result = review(sim, level, **scope)
        assert result["failed"] and "about the whole organization" in result["msg"] and not sim.requests
    assert "about the whole organization" not in review(sim, "projects", **scope).get("msg", "")


def test_a_living_exception_leaves_teams_and_the_organization(sim):
    policy = {"exceptions": [{"user": LEA, "project": "one", "until": "2099-01-01", "reason": "hand-over"}]}
    result = review(sim, "organization", policy=policy)
    assert result["plan_places"] == {"project": 2, "team": 0, "organization": 0}
    told = [row for row in result["findings"] if row["project"].startswith(("team ", "organization "))]
    assert len(told) == 3 and all(row["action"] == "report" for row in told)
    assert all("an exception holds for them" in " ".join(row["reasons"]) for row in told)


def test_the_last_of_a_team(sim, tmp_path):
    sim.change(lambda world: _alone(world, "platform"))
    result = review(sim, "teams")
    assert result["plan_places"]["team"] == 1
    assert any("is the last in the team platform" in warning for warning in result["warnings"])
    assert any("last_of_team" in " ".join(row["reasons"]) for row in result["findings"])
    result = review(sim, "organization")
    assert result["plan_places"] == {"project": 3, "team": 1, "organization": 1}
    carry_out(sim, tmp_path, "organization")
    assert places(sim) == set()


def _alone(world, name):
    org = next(iter(world.orgs.values()))
    team = next(team for team in org.teams.values() if team.name == name)
    team.members = [world.user(LEA).id]


def test_the_last_owners_stay(sim):
    result = review(sim, "organization", leavers=[ROOT])
    rows = {row["project"]: row for row in result["findings"]}
    assert rows["organization Example Org"]["action"] == "report"
    assert any("last_owner" in reason for reason in rows["organization Example Org"]["reasons"])


def test_whoever_stays_in_a_project_stays_in_the_organization(sim):
    sim.change(lambda world: world.project("three").members.pop(world.user(ROOT).id))
    sim.change(lambda world: world.project("three").members.update({world.user(LEA).id: ("GROUP_OWNER",)}))
    result = review(sim, "organization")
    assert result["plan_places"] == {"project": 2, "team": 0, "organization": 0}
    told = [row for row in result["findings"] if row["project"] == "organization Example Org"]
    assert "they stay in three" in " ".join(told[0]["reasons"])


def test_protected_people_and_counts_guard_all_places(sim):
    refused = review(sim, "organization", guards={"protected_users": [LEA]})
    assert refused["failed"] and not sim.requests
    assert not review(sim, "projects", guards={"max_removals": 3})["blocked"]
    blocked = review(sim, "teams", guards={"max_removals": 4})["blocked"]
    assert [one["guard"] for one in blocked] == ["max_removals"] and blocked[0]["detail"].startswith("5 of ")
    assert not review(sim, "teams", guards={"max_removals": 5})["blocked"]


def test_the_many_people_of_an_organization_do_not_water_down_a_percentage(sim):
    def many(world):
        org = next(iter(world.orgs.values()))
        for number in range(100):
            org.add_user(new_user(f"user{number}@corp.example", 0.0, "ACTIVE"))

    sim.change(many)
    for level in ("projects", "organization"):
        result = review(sim, level, guards={"max_removal_percent": 25})
        assert [one["detail"] for one in result["blocked"]] == [
            "3 of 7 memberships (42.9 %) would end or lose a role, and max_removal_percent is 25"
        ]
        counts = result["summary"]
        assert (counts["removals"], counts["removal_percent"]) == (3, 42.9)
        assert counts["removals_elsewhere"] == (3 if level == "organization" else 0)


def test_a_credential_that_may_not_is_told_before_the_first_write(sim):
    result = review(sim, "organization", **READER)
    assert result["plan_places"] == {"project": 3, "team": 0, "organization": 0}
    assert any("has no Organization Owner" in warning for warning in result["warnings"])
    assert any("has no Organization Owner" in " ".join(row["reasons"]) for row in result["findings"])


def test_who_is_in_the_organization_only_is_found_there(sim):
    result = review(sim, "organization", leavers=["tom@corp.example"])
    assert result["plan_places"] == {"project": 0, "team": 2, "organization": 1}
    assert not result["nowhere"]


def _called(world, **names):
    """Teams by other names."""
    org = next(iter(world.orgs.values()))
    for team in org.teams.values():
        team.name = names.get(team.name, team.name)
    world.changed_people(org)


@pytest.mark.parametrize("names", [{"data": "platform"}, {"platform": "data", "data": "data (old)"}], ids=str)
def test_teams_whose_names_are_alike_are_told_apart(sim, tmp_path, names):
    """One is left and the other is not, for nobody else is in it: what that one gives stays, and is told."""
    sim.change(lambda world: _alone(world, "platform"))
    sim.change(partial(_called, **names))
    project = "four"
    rows = review(sim, "teams")["findings"]
    assert {row["project"] for row in rows if row["residual_access"]} == {project}, rows
    for check in (True, False):
        _reviewed, verified, run = carry_out(sim, tmp_path / str(check), "teams", check)
        document = json.loads(Path(run, "review.json").read_text(encoding="utf-8"))
        assert list(document["after"]["matrix"].get(LEA, {})) == [project]
    assert [one.split(" through ")[0] for one in verified["outcome"]["still"]] == [f"{LEA} still gets into {project}"]
    assert len({row["project"] for row in document["findings"] if row["project"].startswith("team ")}) == 2


def test_another_level_is_not_compared_as_if_it_were_the_same(sim, tmp_path):
    """Who was found in a team is not gone because the next review does not look there; who came back is told."""
    told = [review(sim, one, evidence_dir=str(tmp_path / "a"))["compared"] for one in ("teams", "projects", "teams")]
    assert told[:2] == ["", ""] and told[2].endswith(": 0 new, 0 gone")
    carry_out(sim, tmp_path, "teams")
    for team in next(iter(sim.world.orgs.values())).teams.values():
        team.members.append(sim.user_id(LEA))
    sim.change(lambda world: world.changed_people(next(iter(world.orgs.values()))))
    assert "2 came back" in review(sim, "teams", evidence_dir=str(tmp_path))["compared"]


@pytest.mark.parametrize("level", ["projects", "organization"])
@pytest.mark.parametrize("took", ["yes", "no", "unreadable"])
def test_what_became_of_steps_that_a_run_left_unfinished_is_told_of_every_place(sim, tmp_path, level, took):
    begun = review(sim, "organization", "clean-up", evidence_dir=str(tmp_path), seal=False)
    if took == "yes":
        run_module("atlas_organization_user", sim, user=LEA, state="absent")
    journal = Journal(os.path.join(begun["evidence_dir"], "actions.jsonl"))
    for row in json.loads(Path(begun["evidence_dir"], "plan.json").read_text(encoding="utf-8"))["steps"]:
        journal.start(row)
    journal.close()
    if took == "unreadable":
        level = "projects"
        sim.fault(403, method="GET", path="/orgs/[0-9a-f]+/users$", times=None)
    result = review(sim, level, evidence_dir=str(tmp_path))
    rows = json.loads(Path(result["evidence_dir"], "review.json").read_text(encoding="utf-8"))["unfinished"]
    ends = {row["project"]: row["took_effect"] for row in rows}
    places = ("team data", "team platform", "organization Example Org")
    assert len(ends) == 6 and {ends[name] for name in places} == {took}
    assert {ends[name] for name in ("one", "two", "three")} == {"yes" if took == "yes" else "no"}


@pytest.mark.parametrize("setting", ["told", "not told", "late", "unreadable"])
def test_what_atlas_recorded_is_found_for_every_place(sim, tmp_path, setting):
    sim.knobs.update({"event_team": setting == "told", "events_delay_s": 60 if setting == "late" else 0})
    if setting == "unreadable":
        sim.fault(403, method="GET", path="/orgs/[0-9a-f]+/events$", times=None)
    sim.forget()
    _reviewed, verified, run = carry_out(sim, tmp_path, "organization")
    assert len([one for one in sim.requests if re.search("/orgs/[0-9a-f]+/events$", one.path)]) == 1
    rows = json.loads(Path(run, "review.json").read_text(encoding="utf-8"))["actions"]
    elsewhere = {row["project"]: row for row in rows if row.get("place")}
    if setting in ("late", "unreadable"):
        why = "not yet listed" if setting == "late" else "could not be read"
        assert {one for row in elsewhere.values() for one in row["event_ids"]} == {why}
        assert verified["outcome"]["state"] == "done"
        return
    events = {name: row["events"][0]["type"] for name, row in elsewhere.items()}
    assert events == {"team data": "REMOVED_FROM_TEAM", "team platform": "REMOVED_FROM_TEAM",
                      "organization Example Org": "REMOVED_FROM_ORG"}  # fmt: skip
    assert len({row["event_ids"][0] for row in rows}) == 6
    if setting == "told":
        recorded = {event["id"]: event.get("teamId") for _at, event in next(iter(sim.world.orgs.values())).events}
        assert all(recorded[row["event_ids"][0]] in (None, row["project_id"]) for row in elsewhere.values())


def test_what_a_step_of_the_plan_did_not_end_stays(sim, tmp_path):
    """The step in the project failed, so that the one in the team does not end all."""
    sim.fault(403, method="DELETE", path=sim.project_id("two"), times=None)
    reviewed = review(sim, "teams", "clean-up", evidence_dir=str(tmp_path), seal=False)
    plan = {"file": f"{reviewed['evidence_dir']}/plan.json", "digest": reviewed["plan_digest"], "actions": ["remove"]}
    given = {"plan": plan, "journal": f"{reviewed['evidence_dir']}/actions.jsonl"}
    assert run_module("atlas_project_user", sim, **given)["residual_access"] == []
    result = run_module("atlas_team_user", sim, **given)
    assert [(row["project"], row["via"]) for row in result["residual_access"]] == [("two", "direct")]
    assert {row["project"] for row in result["ends"]} == {"four"}


@pytest.mark.parametrize("level", ["teams", "organization"])
def test_whoever_alone_owns_a_project_through_a_team_stays_in_it(sim, tmp_path, level):
    """The projects' own steps count on owners through teams, so those stay where nobody else owns the project."""
    sim.change(lambda world: world.project("two").members.pop(world.user(ROOT).id))
    reviewed, verified, _run = carry_out(sim, tmp_path, level, leavers=(LEA, TOM))
    told = [one for one in reviewed["report"] if "last_owner: the project two would have no other ACTIVE owner" in one]
    (kept,) = {who for who in (LEA, TOM) for one in told if who in one}
    gone = TOM if kept == LEA else LEA
    assert kept in sim.directory()["data"] and gone not in {*sim.directory()["data"], *sim.state()["two"]}
    assert verified["outcome"]["state"] == "open" and verified["outcome"]["still"]
    again = review(sim, level, leavers=(LEA, TOM))
    assert again["step_hashes"] == []


def test_teams_that_can_not_be_read_go_by_their_ids_and_that_is_told(sim):
    sim.fault(403, method="GET", path="/orgs/[0-9a-f]+/teams$", times=None)
    result = review(sim, "organization")
    assert result["plan_places"]["team"] == 2
    assert "organization Example Org: its teams could not be read, so they go by their ids" in result["warnings"]
