# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a review asks, judges and leaves behind, run after run, against a simulated Atlas."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from meanwhile import before
from module_run import run_module
from test_review import POLICY, read, rows

from ansible_collections.atlasops.access.plugins.module_utils._journal import Journal
from ansible_collections.atlasops.access.plugins.module_utils._people import AHEAD
from simulator import Simulator, generated
from simulator.knobs import PROJECT_ROLES
from simulator.loading import new_user

REVIEW, USER, ROLE = "atlas_access_review", "atlas_project_user", "atlas_project_role"
BOB, DAN = "bob@corp.example", "dan@corp.example"
ANY = {"max_removal_percent": 100, "max_project_removal_percent": 100}


def review(sim, policy=None, guards=None, **options):
    policy, guards = POLICY if policy is None else policy, ANY if guards is None else guards
    return run_module(REVIEW, sim, policy=policy, guards=guards, **options)


def guards_of(result):
    return [one["guard"] for one in result["blocked"]]


def carried_out(sim, result, check=False):
    """The plan of a review, as the role carries it out, its journal outside of what is sealed."""
    directory = Path(result["evidence_dir"])
    sealed = (directory / "SHA256SUMS").exists()
    journal = f"{directory}.jsonl" if sealed else f"{directory}/actions.jsonl"
    plan = {"file": str(directory / "plan.json"), "digest": result["plan_digest"]}
    calls = [(USER, ["add"]), (ROLE, ["grant", "revoke"]), (USER, ["remove"])]
    return [
        run_module(name, sim, check, plan={**plan, "actions": kinds}, journal=journal)
        for name, kinds in calls
        if any(result["plan_counts"][kind] for kind in kinds)
    ]


# --- requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("projects", [20, AHEAD - 1, AHEAD, AHEAD + 1])
def test_a_review_asks_once_for_each_project(projects, quick):
    with Simulator(generated(projects=projects, members=30)) as sim:
        in_teams = any(team.members for org in sim.world.orgs.values() for team in org.teams.values())
        sim.forget()
        result = review(sim, {"allowed_domains": ["other.example"]}, access_token="big-token")
        assert result["completeness"]["projects_in_scope"] == projects and result["completeness"]["complete"]
        assert len(sim.requests) <= (2 if in_teams else 1) * projects + 8


def test_projects_are_read_while_the_people_of_the_organization_are(small, monkeypatch):
    """Whichever is asked for first waits until the other one is asked for as well."""
    both = threading.Barrier(2, timeout=30)
    people = before(monkeypatch, both.wait, "GET", f"/orgs/{small.world.project('alpha').org.id}/users")
    members = before(monkeypatch, both.wait, "GET", f"/groups/{small.world.project('alpha').id}/users")
    assert review(small)["completeness"]["complete"] and people and members


def test_a_review_asks_for_no_teams_where_nobody_is_in_one(small):
    def without_teams(world):
        for org in world.orgs.values():
            for team in org.teams.values():
                team.members.clear()
            for project in org.projects.values():
                world.changed(project)

    small.change(without_teams)
    small.forget()
    review(small)
    assert len(small.requests) <= 3 + 8 and not any("teams" in one.path for one in small.requests)


# --- how much is known -----------------------------------------------------------------------------------------------


def test_the_organization_is_named_and_its_projects_counted(small, tmp_path):
    result = review(small, evidence_dir=str(tmp_path))
    (org,) = read(result)["organizations"]
    world = next(iter(small.world.orgs.values()))
    assert org == {"id": world.id, "name": world.name, "projects": 3, "seen": 3}
    assert result["completeness"]["projects_known"] == 3 and result["completeness"]["complete"]


def test_a_credential_that_sees_fewer_projects_than_there_are_is_not_complete(small):
    result = review(small, access_token="projects-token")
    whole = result["completeness"]
    assert (whole["projects_seen"], whole["projects_known"], whole["complete"]) == (2, 3, False)
    assert any("has 3 projects, and this credential sees 2 of them" in warning for warning in result["warnings"])
    named = review(small, access_token="projects-token", projects=["alpha"])
    assert named["completeness"]["complete"], "what was named was read"


def test_what_the_organization_does_not_tell_can_not_be_known(small, tmp_path):
    small.fault(403, path="/orgs/", times=None)
    result = review(small, evidence_dir=str(tmp_path))
    assert result["completeness"]["projects_known"] is None
    assert [one["name"] for one in read(result)["organizations"]] == [None]


@pytest.mark.parametrize(("count", "known"), [("low", 3), ("absent", None)])
def test_a_count_that_is_an_estimate_is_looked_into(small, count, known):
    small.knobs.total_count = count
    whole = review(small)["completeness"]
    assert whole["projects_known"] == known and whole["complete"]


def test_people_in_no_project_and_organization_roles_are_in_the_population(small, tmp_path):
    result = review(small, evidence_dir=str(tmp_path), projects="alpha")
    found = rows(Path(result["evidence_dir"]) / "population.csv")
    org = next(iter(small.world.orgs.values()))
    assert {row["user_id"] for row in found} >= {*org.users}
    for row in found:
        if row["user_id"] in org.users:
            assert row["organization_roles"] == ";".join(sorted(org.users[row["user_id"]].org_roles))


def test_whoever_is_in_a_project_that_could_not_be_read_is_not_told_to_be_in_none(small, tmp_path):
    small.fault(403, path=f"{small.project_id('gamma')}/users", times=None)
    result = review(small, evidence_dir=str(tmp_path), projects="gamma")
    found = rows(Path(result["evidence_dir"]) / "population.csv")
    assert found and not {row["user"] for row in found} & small.state()["gamma"].keys()
    assert result["failed"] and result["outcome"]["state"] == "partial"


@pytest.mark.parametrize("unread", ["organization", "teams"])
def test_a_way_in_that_could_not_be_read_is_told_as_unknown(small, tmp_path, unread):
    """The review says what the module that removes says, and the clean-up is not green."""
    if unread == "organization":
        small.knobs.org_member_reads = False
    else:
        small.fault({"status": 403}, method="GET", path="teams", times=None)
    access = {"access_token": "projects-token"}
    result = review(small, {"leavers": [BOB]}, projects="alpha", evidence_dir=str(tmp_path), mode="clean-up", **access)
    (found,) = result["findings"]
    removed = run_module(USER, small, True, project="alpha", user=BOB, state="absent", **access)
    told = [{name: way[name] for name in ("via", "name", "roles")} for way in removed["residual_access"]]
    assert found["residual_access"] == told and told[0]["via"] == "unknown"
    assert "other ways in could not be read" in result["report"][0]
    assert any("could not be read" in one for one in result["outcome"]["still"])


@pytest.mark.parametrize("path", ["teams", "users"])
def test_a_leaver_who_was_not_found_where_not_all_could_be_read_is_not_said_to_be_nowhere(small, tmp_path, path):
    """Tess gets into alpha through a team alone."""
    tess = "tess@corp.example"
    small.fault({"status": 403}, method="GET", path=f"{small.project_id('alpha')}/{path}", times=None)
    policy = {"leavers": [tess, "nobody@corp.example"]}
    result = review(small, policy, projects="alpha", evidence_dir=str(tmp_path), mode="clean-up")
    names = f"nobody@corp.example, {tess}"
    assert f"leavers who were not found in what could be read: {names}" in result["warnings"]
    assert result["outcome"]["state"] == ("open" if path == "teams" else "partial")
    assert path == "users" or any(names in one for one in result["outcome"]["still"])


# --- protected people ------------------------------------------------------------------------------------------------


def test_a_misspelt_protected_person_stops_a_plan_over_the_whole_organization(small):
    guards = {**ANY, "protected_users": ["bobb@corp.example"]}
    result = review(small, guards=guards)
    (stop,) = result["blocked"]
    assert stop["guard"] == "protected_users" and BOB in stop["detail"]
    assert guards_of(review(small, guards=guards, projects="alpha")) == []
    small.knobs.org_member_reads = False
    assert guards_of(review(small, guards=guards, access_token="projects-token")) == []


@pytest.mark.parametrize("number", [20, 21])
def test_of_many_people_and_exceptions_no_more_than_twenty_are_named(small, number):
    nobody = [f"nobody-{one}@corp.example" for one in range(number)]
    over = [{"user": user, "until": "2020-01-01"} for user in nobody]
    policy, guards = {"leavers": [BOB], "exceptions": over}, {**ANY, "protected_users": nobody}
    found = review(small, policy, guards, projects="alpha")["warnings"]
    for about, more in (("is protected", "1 more is protected"), ("the exception for", "1 more exception ended")):
        assert sum(about in one and " more " not in one for one in found) == 20
        assert sum(one.startswith(more) for one in found) == number - 20


def test_projects_that_could_not_be_read_do_not_make_a_result_too_large(quick):
    with Simulator(generated(projects=500, members=1)) as sim:
        sim.fault({"status": 403, "detail": "x" * 1000}, method="GET", path="/users", times=None)
        result = review(sim, access_token="big-token", max_wait=300, timeout=60)
    whole = result["completeness"]
    assert len(result.output) < 500_000 and not whole["complete"] and "500 of 500" in result["msg"]


@pytest.mark.parametrize("status", ["ACTIVE", "PENDING", "INVITATION_EXPIRED"])
def test_a_protected_person_in_no_project_is_known_to_the_organization(small, status):
    def idle(world):
        for project in world.projects.values():
            project.members.pop(small.user_id(DAN), None)
            world.changed(project)
        next(iter(world.orgs.values())).users[small.user_id(DAN)].status = status

    small.change(idle)
    result = review(small, {"leavers": [BOB]}, {**ANY, "protected_users": [DAN]})
    assert guards_of(result) == [] and not any("protected" in warning for warning in result["warnings"])


# --- approval --------------------------------------------------------------------------------------------------------

BOTH, LIMITED = {"leavers": [BOB, DAN]}, {**ANY, "max_removals": 0}


def test_the_rest_of_an_approved_plan_passes_and_a_new_step_does_not(small, tmp_path):
    base = {"evidence_dir": str(tmp_path)}
    first = review(small, BOTH, LIMITED, **base)
    assert guards_of(first) == ["max_removals"]
    approved = {**base, "approved_plan": f" {first['plan_digest'].upper()} "}
    run_module(USER, small, project="gamma", user=DAN, state="absent")
    rest = review(small, BOTH, LIMITED, **approved)
    assert rest["blocked"] == []
    assert any("1 of " in one and f"remove {DAN} in gamma" in one for one in rest["warnings"])
    approval = read(rest)["approval"]
    assert approval["lifted"] == ["max_removals"] and [one["user"] for one in approval["no_longer_due"]] == [DAN]
    more = review(small, {"leavers": [BOB, DAN, "eve@partner.example"]}, LIMITED, **approved)
    assert guards_of(more)[0] == "approved_plan" and "eve@partner.example" in more["blocked"][0]["detail"]
    elsewhere = review(small, BOTH, LIMITED, approved_plan=first["plan_digest"])
    assert guards_of(elsewhere)[0] == "approved_plan"
    hashes = {"approved_plan": first["plan_digest"], "approved_steps": first["step_hashes"]}
    assert guards_of(review(small, BOTH, LIMITED, **hashes)) == []


def test_a_plan_json_that_was_edited_approves_nothing(small, tmp_path):
    first = review(small, {"leavers": [BOB]}, evidence_dir=str(tmp_path))
    plan = Path(first["evidence_dir"]) / "plan.json"
    wider = review(small, BOTH)
    document = json.loads(plan.read_text())
    document["steps"].append({**document["steps"][0], "user": DAN})
    plan.write_text(json.dumps(document))
    result = review(small, BOTH, evidence_dir=str(tmp_path), approved_plan=first["plan_digest"])
    assert guards_of(result) == ["approved_plan"] and wider["blocked"] == []


def test_what_stopped_a_run_under_an_approval_is_not_lifted_by_trying_again(small, tmp_path):
    base = {"evidence_dir": str(tmp_path)}
    first = review(small, BOTH, **base)
    assert first["blocked"] == []
    approved = {**base, "approved_plan": first["plan_digest"], "mode": "clean-up"}
    for _again in range(2):
        assert guards_of(review(small, BOTH, LIMITED, **approved)) == ["max_removals"]
    assert guards_of(review(small, BOTH, LIMITED, **base)) == ["max_removals"]
    assert guards_of(review(small, BOTH, LIMITED, **approved)) == [], "it was reviewed with that guard since"


def test_an_approval_may_be_required(small):
    result = review(small, require_approval=True)
    assert guards_of(result) == ["require_approval"]
    assert guards_of(review(small, require_approval=True, approved_plan=result["plan_digest"])) == []
    assert guards_of(review(small, {}, require_approval=True)) == []


def test_a_stop_with_long_names_is_returned_all_the_same(small, tmp_path):
    """Whoever reads the result must not take a plan that is blocked for one that is not."""
    roles = sorted(PROJECT_ROLES - {"GROUP_OWNER"})
    users = [new_user(f"{number:02}{'x' * 60}@{'y' * 60}.example", time.time()) for number in range(25)]

    def change(held):
        def hold(world):
            gamma = world.project("gamma")
            for user in users:
                gamma.members[gamma.org.add_user(user).id] = tuple(held)
            world.changed(gamma)

        small.change(hold)

    asked = {"policy": {"allowed_domains": ["corp.example"]}, "projects": "gamma", "evidence_dir": str(tmp_path)}
    change(roles)
    approved = review(small, **asked)["plan_digest"]
    change(roles[1:])
    result = review(small, **asked, approved_plan=approved, mode="clean-up")
    assert guards_of(result) == ["approved_plan"] and result["outcome"]["state"] == "blocked"
    assert len(read(result)["blocked"][0]["detail"]) > len(result["blocked"][0]["detail"])


@pytest.mark.parametrize("options", [{"approved_plan": "abc"}, {"approved_steps": ["0" * 64]}])
def test_an_approval_that_makes_no_sense_is_refused_before_any_request(small, options):
    result = review(small, **options)
    assert result["failed"] and "approved_" in result["msg"] and not small.requests


# --- what the modules would refuse -----------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [True, False])
def test_a_plan_in_which_owners_leave_is_carried_out_and_the_last_one_stays(small, tmp_path, check):
    owners = sorted(
        {user for people in small.state().values() for user, one in people.items() if "GROUP_OWNER" in one["roles"]}
    )
    result = review(small, {"leavers": owners}, evidence_dir=str(tmp_path), legacy_invitations=True)
    assert result["blocked"] == [] and any("last_owner: " in line for line in result["report"])
    for call in carried_out(small, result, check):
        assert not call.get("failed"), call.get("msg")
    again = review(small, {"leavers": owners}, legacy_invitations=True)
    assert check or again["summary"]["steps"] == 0, "the same policy again plans nothing"
    assert any("stays in" in one for one in again["outcome"]["still"])


def test_an_owner_of_the_organization_is_no_owner_by_a_team(small):
    """With a credential that may not read the organization, roles are all that is told."""

    def change(world):
        org = next(iter(world.orgs.values()))
        org.users[small.user_id("tess@corp.example")].org_roles = ("ORG_OWNER",)
        readers = next(team for team in org.teams.values() if team.name == "readers")
        readers.members.clear()
        beta = world.project("beta")
        beta.teams = {readers.id: ("GROUP_OWNER",)}
        world.changed(beta)

    small.change(change)
    small.knobs.org_member_reads = False
    leaving = {"projects": ["beta"], "access_token": "projects-token"}
    refused = run_module(USER, small, True, users=["ann@corp.example"], state="absent", **leaving)
    assert refused["failed"] and "without an ACTIVE owner" in refused["msg"]
    result = review(small, {"leavers": ["ann@corp.example"]}, **leaving)
    assert result["summary"]["steps"] == 0 and "last_owner: " in result["report"][0]


# --- the directory of a run ------------------------------------------------------------------------------------------


def test_runs_leave_each_other_alone(small, tmp_path):
    first = review(small, evidence_dir=str(tmp_path))
    before = {path: path.read_bytes() for path in Path(first["evidence_dir"]).iterdir()}
    second = review(small, evidence_dir=str(tmp_path))
    assert second["evidence_dir"] != first["evidence_dir"]
    assert {path: path.read_bytes() for path in Path(first["evidence_dir"]).iterdir()} == before


@pytest.mark.parametrize(
    ("mode", "seal", "policy", "state"),
    [
        ("review", True, POLICY, "reviewed"),
        ("review", False, POLICY, "reviewed"),
        ("dry-run", False, POLICY, "interrupted"),
        ("clean-up", False, POLICY, "interrupted"),
        ("clean-up", False, {}, "unchanged"),
        ("dry-run", False, {}, "planned"),
    ],
)
def test_the_outcome_is_that_of_the_moment(small, tmp_path, mode, seal, policy, state):
    result = review(small, policy, evidence_dir=str(tmp_path), mode=mode, seal=seal, run={"ticket": "SEC-1", "job": ""})
    directory = Path(result["evidence_dir"])
    document = json.loads((directory / "review.json").read_text())
    assert f"-{mode}-" in directory.name and document["mode"] == mode and document["run"] == {"ticket": "SEC-1"}
    assert document["outcome"]["state"] == result["outcome"]["state"] == state
    assert (directory / "SHA256SUMS").exists() is seal and bool(document["ended"]) is seal
    assert directory.name.endswith(result["plan_digest"][:8] if document["steps"] else "noplan")


def test_a_blocked_clean_up_says_so(small, tmp_path):
    result = review(small, guards={"max_removals": 0}, evidence_dir=str(tmp_path), mode="clean-up", seal=False)
    assert result["outcome"]["state"] == "blocked" and "max_removals" in result["outcome"]["sentence"]


def test_the_document_holds_the_parsed_policy_and_only_rules_that_were_asked_for(small, tmp_path):
    policy = {"leavers": f"Dan <{DAN}>", "allowed_users": [""], "role_holders": "", "inactive_days": "90"}
    result = review(small, policy, evidence_dir=str(tmp_path))
    document = read(result)
    assert document["policy"] == {"leavers": [DAN], "inactive_days": 90, "grace_days": 14}
    assert document["asked"] == list(result["summary"]["by_rule"]) == ["leavers", "inactive_days"]
    assert document["guards"] == {"min_owners": 1, **ANY}


ACCOUNT = {"client_id": "mdb_sa_id_1"}
ALWAYS = (
    "version collection base_url credential started ended mode run outcome organizations policy asked guards scope "
    "approval completeness summary blocked conflicts findings steps plan_digest plan leavers exceptions projects "
    "matrix invitations dormant unfinished comparison after actions verification"
).split()


def test_a_review_that_fails_early_leaves_a_sealed_directory(small, tmp_path):
    failures = [
        review(small, projects="nosuch", evidence_dir=str(tmp_path / "project")),
        review(small, {"leavers": ["dana"]}, evidence_dir=str(tmp_path / "policy")),
        run_module(
            REVIEW, small, client_id="mdb_sa_id_1", client_secret="mdb_sa_sk_wrong", evidence_dir=str(tmp_path / "s")
        ),
        run_module(REVIEW, small, **ACCOUNT, evidence_dir=str(tmp_path / "half")),
    ]
    whole = read(review(small, evidence_dir=str(tmp_path / "whole")))
    for result in failures:
        assert result["failed"] and result["outcome"]["state"] == "failed" and "plan_digest" not in result
        assert result["evidence_dir"].endswith("-review-noplan")
        document = read(result)
        assert document["error"] and document["outcome"]["state"] == "failed"
        assert [name for name in ALWAYS if name not in document or name not in whole] == []
        assert set(document["summary"]) == set(whole["summary"]) and set(document["completeness"]) == set(
            whole["completeness"]
        )


def test_a_secret_in_the_wrong_place_is_not_written_down(small, tmp_path):
    secret = "mdb_sa_sk_" + "s" * 40
    for options in ({"projects": [secret]}, {"policy": {"leavers": [secret]}}, {"exclude_projects": [secret]}):
        run_module(REVIEW, small, evidence_dir=str(tmp_path), **options)
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not any(secret in text for text in written)


def test_a_directory_that_can_not_be_made_is_a_sentence(small, tmp_path):
    (tmp_path / "file").write_text("")
    for options in ({}, {"projects": "nosuch"}):
        result = review(small, evidence_dir=str(tmp_path / "file"), **options)
        assert result["failed"] and result["msg"] and "Traceback" not in result.output


def test_without_a_directory_nothing_is_written(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = review(small)
    assert result["evidence"] == [] and result["evidence_dir"] is None and not list(tmp_path.iterdir())


# --- unfinished runs -------------------------------------------------------------------------------------------------


def test_what_an_earlier_run_left_unfinished_is_settled_and_told_once(small, tmp_path):
    base = {"evidence_dir": str(tmp_path)}
    first = review(small, BOTH, mode="clean-up", seal=False, **base)
    directory = Path(first["evidence_dir"])
    steps = json.loads((directory / "plan.json").read_text())["steps"]
    gone, there = [next(row for row in steps if row["project"] == name) for name in ("gamma", "alpha")]
    run_module(USER, small, project="gamma", user=gone["user"], state="absent")
    journal = Journal(str(directory / "actions.jsonl"))
    for row in (gone, there):
        journal.start(row)
    journal.close()
    second = review(small, BOTH, **base)
    effects = {one["project"]: one["took_effect"] for one in read(second)["unfinished"]}
    assert effects == {"gamma": "yes", "alpha": "no"}
    assert any("1 took effect, 1 did not, 0 could not be read" in warning for warning in second["warnings"])
    assert [path.name.split("-")[0] for path in directory.glob("settled-*")] == ["settled"]
    third = review(small, BOTH, **base)
    assert read(third)["unfinished"] == [] and third["warnings"] == []


# --- for people ------------------------------------------------------------------------------------------------------


def test_long_lists_say_how_much_more_there_is_and_where(tmp_path, quick):
    with Simulator("generated:40x60") as sim:
        options = {"policy": {"allowed_users": ["x@x.example"]}, "access_token": "big-token"}
        result = run_module(REVIEW, sim, evidence_dir=str(tmp_path), **options)
        alone = run_module(REVIEW, sim, **options)
    findings, steps = result["summary"]["findings"], result["summary"]["steps"]
    where = Path(result["evidence_dir"])
    assert len(result["report"]) == 41
    assert result["report"][-1] == f"and {findings - 40:,} more findings, all in {where / 'findings.csv'}"
    more = int(result["plan"][-1].split()[1].replace(",", ""))
    assert result["plan"][-1].endswith(f"more steps, all in {where / 'plan.json'}")
    assert sum(line.count("@") for line in result["plan"][:-1]) == steps - more
    assert alone["plan"][-1].endswith("name an evidence_dir to have them all")
    assert result["step_hashes"] == [] if steps > 2000 else len(result["step_hashes"]) == steps
    assert sum(result["plan_counts"].values()) == steps


def test_leavers_are_told_where_they_were_found(small, tmp_path):
    result = review(small, {"leavers": [BOB, "nobody@corp.example"]}, evidence_dir=str(tmp_path))
    found = {row["user"]: row for row in read(result)["leavers"]}
    assert found["nobody@corp.example"]["found"] == 0
    assert found[BOB]["found"] == found[BOB]["direct"] + found[BOB]["indirect"] > 0
    assert any("nobody@corp.example" in warning for warning in result["warnings"])
    assert rows(Path(result["evidence_dir"]) / "leavers.csv")


@pytest.mark.parametrize("check, mode", [(True, "dry-run"), (False, "clean-up")])
def test_a_clean_up_in_check_mode_is_a_dry_run(check, mode, small, tmp_path):
    for policy in ({}, {"leavers": ["nobody"]}):
        result = review(small, policy, mode="clean-up", evidence_dir=str(tmp_path / "runs"), check=check)
        assert result["mode"] == mode == json.loads((tmp_path / "runs/latest/review.json").read_text())["mode"]
