# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No run says that all is well and leaves a project without an ACTIVE owner, whoever else acts meanwhile."""

from __future__ import annotations

import json

import pytest
from meanwhile import after, before, gives, leaves, takes_out
from module_run import run_module
from test_faults import PROJECTS_TOKEN, Task, start
from test_laws import ABSENT, CREDENTIALS, ROLE, USER, Scenario

ANN, BOB, TESS, OUTSIDER = "ann@corp.example", "bob@corp.example", "tess@corp.example", "outsider@corp.example"
PIA = "pia@partner.example"
OWNER, READ = "GROUP_OWNER", "GROUP_READ_ONLY"
REMOVE = (USER, {"project": "alpha", "user": ANN, **ABSENT}, "DELETE", "/users/")
DEMOTE = (
    ROLE,
    {"project": "alpha", "user": ANN, "role": OWNER, "fallback_role": READ, **ABSENT},
    "POST",
    ":removeRole",
)
SET = (USER, {"project": "alpha", "user": ANN, "roles": READ}, "POST", ":removeRole")
TAKES = {"remove": REMOVE, "demote": DEMOTE, "set": SET}
ALL = {**CREDENTIALS, "projects": PROJECTS_TOKEN}


def owners(sim, project):
    return [
        user for user, one in sim.state()[project].items() if one["status"] == "ACTIVE" and OWNER in one["roles"]
    ]  # fmt: skip


def last(result):
    one = result["actions"][-1]
    return one["action"], one["roles"], one["status"], one["why"]


# --- another administrator -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, options, method, path", TAKES.values(), ids=list(TAKES))
@pytest.mark.parametrize("credential", ALL.values(), ids=list(ALL))
def test_the_other_owner_who_went_since_the_plan_was_made_is_seen_before_the_step(
    small, monkeypatch, name, options, method, path, credential
):
    alpha = small.project_id("alpha")
    before(monkeypatch, takes_out(small, "alpha", BOB), "GET", f"{alpha}/users", nth=2)
    result = run_module(name, small, **options, **credential)
    assert result["failed"] and owners(small, "alpha") == [ANN]
    assert "nobody else is an ACTIVE owner any more" in result["msg"] and "alpha" in result["msg"]
    assert result["actions"][-1]["status"] == "failed" and not [one for one in small.writes if path in one.path]


@pytest.mark.parametrize("name, options, method, path", [DEMOTE, SET], ids=["demote", "set"])
@pytest.mark.parametrize("when", [before, after], ids=["before", "after"])
@pytest.mark.parametrize("credential", ALL.values(), ids=list(ALL))
def test_a_role_that_turns_out_to_be_the_last_owners_is_given_back(
    small, monkeypatch, name, options, method, path, when, credential
):
    when(monkeypatch, takes_out(small, "alpha", BOB), method, path)
    result = run_module(name, small, **options, **credential)
    assert result["failed"] and owners(small, "alpha") == [ANN]
    assert last(result) == ("grant", [OWNER], "done", "restored")
    assert "alpha" in result["msg"] and f"{OWNER} was given back" in result["msg"]
    assert result["memberships"][0]["roles"] == [OWNER, READ]


def test_a_role_that_can_not_be_given_back_is_told(small, monkeypatch):
    before(monkeypatch, takes_out(small, "alpha", BOB), "POST", ":removeRole")
    small.fault({"status": 403, "errorCode": "ACCESS_FORBIDDEN"}, method="POST", path=":addRole", nth=2, times=None)
    result = run_module(DEMOTE[0], small, **DEMOTE[1])
    assert result["failed"] and last(result) == ("grant", [OWNER], "failed", "restored")
    assert "alpha: no ACTIVE owner is left after revoke" in result["msg"] and "403 ACCESS_FORBIDDEN" in result["msg"]


@pytest.mark.parametrize("when", [before, after], ids=["before", "after"])
def test_a_removal_that_turns_out_to_be_the_last_owners_fails_and_nobody_is_invited(small, monkeypatch, when):
    when(monkeypatch, takes_out(small, "alpha", BOB), "DELETE", "/users/")
    result = run_module(REMOVE[0], small, **REMOVE[1])
    assert result["failed"] and not owners(small, "alpha")
    assert f"alpha: no ACTIVE owner is left after remove of {ANN}" in result["msg"]
    assert [one.method for one in small.writes] == ["DELETE"]


def test_later_steps_of_a_project_without_an_owner_are_skipped_and_other_projects_go_on(small, monkeypatch):
    gives(small, "beta", BOB, OWNER)()
    before(monkeypatch, takes_out(small, "alpha", ANN), "DELETE", small.project_id("alpha"))
    result = run_module(USER, small, projects=["alpha", "beta"], users=[BOB, PIA], **ABSENT)
    assert result["failed"] and owners(small, "beta") == [ANN]
    assert [(one["project"], one["user"], one["status"]) for one in result["actions"]] == [
        ("alpha", BOB, "done"),
        ("alpha", PIA, "skipped"),
        ("beta", BOB, "done"),
        ("beta", PIA, "done"),
    ]


def test_whether_an_owner_is_left_that_could_not_be_read_is_no_success(small):
    alpha = small.project_id("alpha")
    small.fault(500, method="GET", path=f"{alpha}/users$", nth=3, times=None)
    result = run_module(REMOVE[0], small, **REMOVE[1])
    assert result["failed"] and "whether an ACTIVE owner is left could not be read" in result["msg"]
    small.reset()
    small.fault(500, method="GET", path=f"{alpha}/users$", nth=2, times=None)
    result = run_module(REMOVE[0], small, **REMOVE[1])
    assert result["failed"] and not small.writes and len(owners(small, "alpha")) == 2


def test_a_last_owner_may_go_where_that_is_allowed(small, monkeypatch):
    before(monkeypatch, takes_out(small, "alpha", BOB), "DELETE", "/users/")
    result = run_module(REMOVE[0], small, **REMOVE[1], allow_no_owner=True)
    assert not result.get("failed") and not owners(small, "alpha")


# --- newcomers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("credential", ["small-token", "projects-token"])
def test_a_newcomer_who_is_only_invited_is_no_owner_to_count_on(small, monkeypatch, credential):
    before(monkeypatch, leaves(small, OUTSIDER), "POST", "/users")
    options = {"project": "beta", "users": [OUTSIDER], "roles": OWNER, "exclusive": True}
    result = run_module(USER, small, **options, access_token=credential)
    assert result["failed"] and owners(small, "beta") == [ANN]
    assert f"remove {ANN} failed" in result["msg"] and "nobody else is an ACTIVE owner" in result["msg"]


def test_a_newcomer_who_is_invited_where_nothing_hangs_on_it_is_no_failure(small, monkeypatch):
    before(monkeypatch, leaves(small, OUTSIDER), "POST", "/users")
    result = run_module(USER, small, project="beta", user=OUTSIDER, roles=OWNER)
    assert not result.get("failed") and owners(small, "beta") == [ANN]


def test_an_owner_whom_the_run_made_may_be_listed_late(small):
    small.knobs.read_after_write_lag_s = 0.03
    options = {"project": "beta", "users": [OUTSIDER], "roles": OWNER, "exclusive": True}
    result = run_module(USER, small, **options)
    assert not result.get("failed"), result["msg"]
    assert owners(small, "beta") == [OUTSIDER]


# --- two runs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["remove", "demote"])
def test_two_runs_at_once_that_take_one_owner_each(small, what):
    small.knobs.latency_s = 0.3
    name, options, *_unused = TAKES[what]
    tasks = [Task(Scenario(name, {**options, "user": who})) for who in (ANN, BOB)]
    with start(small, tasks[0]) as first, start(small, tasks[1]) as second:
        results = [json.loads(process.stdout.read().strip().splitlines()[-1]) for process in (first, second)]
    told = [one["msg"] for one in results if one.get("failed")]
    assert owners(small, "alpha") or any("alpha: no ACTIVE owner is left" in said for said in told)


# --- teams -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reads", [True, False], ids=["reads-organization", "reads-projects"])
@pytest.mark.parametrize("flattened", ["union", "team_only"])
@pytest.mark.parametrize("credential", ALL.values(), ids=list(ALL))
def test_a_team_owner_who_is_a_direct_member_too_counts(small, reads, flattened, credential):
    """Tess owns by her team, and reads by a membership of her own."""
    small.knobs.org_member_reads, small.knobs.flattened_roles = reads, flattened
    gives(small, "beta", TESS, READ)()

    def own(world):
        project = world.project("beta")
        (team,) = [team for team in project.org.teams.values() if team.name == "platform"]
        team.members = [world.user(TESS).id]
        project.teams[team.id] = (OWNER,)

    small.change(own)
    result = run_module(USER, small, project="beta", user=ANN, **ABSENT, **credential)
    assert not result.get("failed"), result["msg"]
    assert ANN not in small.state()["beta"] and TESS in small.state()["beta"]


@pytest.mark.parametrize("reads", [True, False], ids=["reads-organization", "reads-projects"])
@pytest.mark.parametrize("credential", ALL.values(), ids=list(ALL))
def test_a_last_owner_is_found_with_every_kind_of_credential(small, reads, credential):
    small.knobs.org_member_reads = reads
    result = run_module(USER, small, project="beta", user=ANN, **ABSENT, **credential)
    assert result["failed"] and "without an ACTIVE owner" in result["msg"] and not small.writes


def test_an_owner_of_the_organization_is_no_owner_of_the_project(small):
    """Root owns the organization; the rule is about the project's people and teams."""
    small.knobs.org_member_reads = False
    result = run_module(USER, small, project="beta", user=ANN, **ABSENT, **PROJECTS_TOKEN)
    assert result["failed"] and not small.writes


# --- Atlas's own refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["CANNOT_DELETE_LAST_ADMIN", "CANNOT_DELETE_LAST_OWNER", "CANNOT_DEMOTE_LAST_OWNER"])
@pytest.mark.parametrize("name, options, method, path", TAKES.values(), ids=list(TAKES))
def test_atlas_keeps_its_last_owner_and_that_is_told(small, monkeypatch, name, options, method, path, code):
    small.knobs.last_owner, small.knobs.last_owner_code = "refuse", code
    before(monkeypatch, takes_out(small, "alpha", BOB), method, path)
    result = run_module(name, small, **options)
    assert result["failed"] and owners(small, "alpha") == [ANN]
    assert f"403 {code}" in result["msg"] and f"make somebody else {OWNER} first" in result["msg"]
    assert result["actions"][-1]["error"]["code"] == code
