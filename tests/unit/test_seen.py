# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else acts between reading and writing: the result tells what Atlas showed, not what was planned."""

from __future__ import annotations

import pytest
from meanwhile import before, gives, leaves, takes_out
from module_run import run_module
from test_faults import PROJECTS_TOKEN
from test_laws import ABSENT, DAN, ROLE, USER

OUTSIDER = "outsider@corp.example"
OWNER, READ, MANAGER, EDITOR = (
    "GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_CLUSTER_MANAGER", "GROUP_SEARCH_INDEX_EDITOR",
)  # fmt: skip
STATUSES = {"400": 400, "401": 401, "403": 403, "404": 404, "409": 409}


def shown(sim, result, project, email):
    """What the result says of somebody, held against the state."""
    mine = [row for row in result["memberships"] if (row["project"], row["user"].lower()) == (project, email)]
    member = {name.lower(): member for name, member in sim.state()[project].items()}.get(email)
    assert [(row["roles"], row["status"], row["user_id"]) for row in mine] == (
        [(member["roles"], member["status"], member["id"])] if member else []
    )
    return mine[0] if mine else None


def whys(result):
    return [(one["action"], one["status"], one["why"]) for one in result["actions"]]


# --- roles -----------------------------------------------------------------------------------------------------------


def test_a_role_that_somebody_gave_in_between_is_a_failure_where_exactly_these_are_wanted(small, monkeypatch):
    before(monkeypatch, gives(small, "alpha", DAN, OWNER, READ), "POST", ":addRole")
    result = run_module(USER, small, project="alpha", user=DAN, roles=EDITOR)
    assert result["failed"] and result["changed"]
    assert f"alpha: {DAN} holds {OWNER}, which somebody else gave in between." in result["msg"]
    assert shown(small, result, "alpha", DAN)["roles"] == [OWNER, EDITOR]
    assert result["diff"]["after"]["alpha"][DAN] == [OWNER, EDITOR]


def test_the_same_task_again_takes_that_role(small, monkeypatch):
    with monkeypatch.context() as context:
        before(context, gives(small, "alpha", DAN, OWNER, READ), "POST", ":addRole")
        assert run_module(USER, small, project="alpha", user=DAN, roles=EDITOR)["failed"]
    again = run_module(USER, small, project="alpha", user=DAN, roles=EDITOR)
    assert not again.get("failed") and shown(small, again, "alpha", DAN)["roles"] == [EDITOR]


@pytest.mark.parametrize(
    "state, role, path", [("present", EDITOR, ":addRole"), ("absent", READ, ":removeRole")], ids=["grant", "revoke"]
)
def test_it_is_a_warning_where_one_role_is_given_or_taken(small, monkeypatch, state, role, path):
    before(monkeypatch, gives(small, "alpha", DAN, OWNER, READ, MANAGER), "POST", path)
    options = {"role": role, "state": state, "fallback_role": EDITOR}
    result = run_module(ROLE, small, project="alpha", user=DAN, **options)
    assert not result.get("failed") and result["changed"]
    (said,) = [warning for warning in result["warnings"] if "in between" in warning]
    assert said.startswith(f"alpha: {DAN} holds ") and OWNER in said and MANAGER in said
    assert {OWNER, MANAGER} <= set(shown(small, result, "alpha", DAN)["roles"])


def test_somebody_whom_another_one_added_with_more_roles(small, monkeypatch):
    before(monkeypatch, gives(small, "beta", OUTSIDER, OWNER, READ), "POST", "/users")
    result = run_module(USER, small, project="beta", user=OUTSIDER, roles=READ)
    assert result["failed"] and f"{OUTSIDER} holds {OWNER}, which somebody else gave in between" in result["msg"]
    assert shown(small, result, "beta", OUTSIDER)["roles"] == [OWNER, READ]


def test_somebody_whom_another_one_added_just_so_is_no_failure(small, monkeypatch):
    before(monkeypatch, gives(small, "beta", OUTSIDER, READ), "POST", "/users")
    result = run_module(USER, small, project="beta", user=OUTSIDER, roles=READ)
    assert not result.get("failed") and whys(result) == [("add", "done", "already there")]
    assert shown(small, result, "beta", OUTSIDER)["roles"] == [READ]


def test_a_role_that_another_one_gave_is_already_there(small, monkeypatch):
    before(monkeypatch, gives(small, "alpha", DAN, READ, EDITOR), "POST", ":addRole")
    small.knobs.add_role_held = 409
    result = run_module(ROLE, small, project="alpha", user=DAN, role=EDITOR)
    assert not result.get("failed") and whys(result) == [("grant", "done", "already there")]


# --- gone ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [400, 404, 409])
@pytest.mark.parametrize("whole", [True, False], ids=["the-member", "the-role"])
def test_a_role_that_is_gone_already_is_done(small, monkeypatch, refusal, whole):
    small.knobs.remove_role_not_held = refusal
    act = takes_out(small, "beta", DAN) if whole else gives(small, "beta", DAN, READ)
    before(monkeypatch, act, "POST", ":removeRole")
    result = run_module(ROLE, small, project="beta", user=DAN, role=MANAGER, **ABSENT)
    assert not result.get("failed") and whys(result) == [("revoke", "done", "already gone")]
    assert bool(shown(small, result, "beta", DAN)) != whole
    assert (f"beta: {DAN} is no member any more: somebody else took them out in between" in result["warnings"]) == whole


def test_a_member_who_is_gone_already_is_done(small, monkeypatch):
    before(monkeypatch, takes_out(small, "beta", DAN), "DELETE")
    result = run_module(USER, small, project="beta", user=DAN, **ABSENT)
    assert not result.get("failed") and whys(result) == [("remove", "done", "already gone")]
    assert not result["warnings"]


def test_a_member_who_is_to_hold_roles_and_is_gone_is_a_failure(small, monkeypatch):
    before(monkeypatch, takes_out(small, "beta", DAN), "POST", ":removeRole")
    result = run_module(USER, small, project="beta", user=DAN, roles=READ)
    assert result["failed"]
    assert f"beta: {DAN} is no member any more: somebody else took them out in between." in result["msg"]
    assert shown(small, result, "beta", DAN) is None


def test_a_member_who_is_to_get_a_role_and_is_gone_is_a_failure(small, monkeypatch):
    before(monkeypatch, takes_out(small, "beta", DAN), "POST", ":addRole")
    result = run_module(ROLE, small, project="beta", user=DAN, role=OWNER)
    assert result["failed"] and not result["changed"] and whys(result) == [("grant", "failed", None)]
    assert "404 USER_NOT_IN_GROUP" in result["msg"]


def test_a_project_that_goes_in_between_holds_up_no_other(small, monkeypatch):
    def goes(world):
        project = world.project("alpha")
        del world.projects[project.id], project.org.projects[project.id]

    alpha = small.project_id("alpha")
    before(monkeypatch, lambda: small.change(goes), "DELETE", alpha)
    result = run_module(USER, small, projects=["alpha", "gamma"], user=DAN, **ABSENT)
    assert result["failed"] and "1 of 2 projects failed. alpha: remove" in result["msg"]
    assert [one["status"] for one in result["actions"]] == ["failed", "done"]


# --- newcomers -------------------------------------------------------------------------------------------------------


def test_a_newcomer_who_turns_out_to_be_only_invited_is_told_and_no_failure(small, monkeypatch):
    before(monkeypatch, leaves(small, OUTSIDER), "POST", "/users")
    result = run_module(USER, small, project="beta", user=OUTSIDER, roles=READ)
    assert not result.get("failed")
    assert [warning for warning in result["warnings"] if f"beta: {OUTSIDER} is PENDING: only invited" in warning]
    assert shown(small, result, "beta", OUTSIDER)["status"] == "PENDING"


@pytest.mark.parametrize("email, status", [(OUTSIDER, "ACTIVE"), ("new.one@corp.example", "PENDING")])
def test_a_newcomers_id_and_status_come_from_the_answer_where_the_organization_is_not_read(small, email, status):
    small.knobs.org_member_reads = False
    result = run_module(USER, small, project="beta", user=email, roles=READ, **PROJECTS_TOKEN)
    assert not result.get("failed") and shown(small, result, "beta", email)["status"] == status
    assert [one["user_id"] for one in result["actions"]] == [small.user_id(email)]


# --- lost answers ----------------------------------------------------------------------------------------------------


LOST = {
    "remove": (USER, {"project": "beta", "user": DAN, **ABSENT}, "DELETE", ""),
    "revoke": (ROLE, {"project": "beta", "user": DAN, "role": MANAGER, **ABSENT}, "POST", ":removeRole"),
    "grant": (ROLE, {"project": "beta", "user": DAN, "role": OWNER}, "POST", ":addRole"),
    "add": (USER, {"project": "beta", "user": OUTSIDER, "roles": READ}, "POST", "/users"),
}


@pytest.mark.parametrize("status", STATUSES.values(), ids=list(STATUSES))
@pytest.mark.parametrize("name, options, method, path", LOST.values(), ids=list(LOST))
def test_a_refusal_after_a_lost_answer_is_settled_by_reading_whatever_its_status(
    small, name, options, method, path, status
):
    """The listing lags longer than the first read, and the write that is sent again is refused."""
    small.knobs.read_after_write_lag_s = 0.07
    small.fault("cut_after", method=method, path=f"/groups/.*{path}")
    refused = {"status": status, "errorCode": "SOME_CODE"}
    small.fault(refused, method=method, path=f"/groups/.*{path}", nth=2, times=None)
    result = run_module(name, small, **options)
    assert not result.get("failed"), result["msg"]
    assert [one["status"] for one in result["actions"]] == ["done"]
