# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An organization as a place with members: left after everything in it, never without an owner, read again."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from meanwhile import before
from module_run import run_module

from simulator import Simulator

ORGANIZATION = "atlas_organization_user"
ANN, BOB, TESS, RITA = "ann@corp.example", "bob@corp.example", "tess@corp.example", "rita@corp.example"
DAN, ROOT, OUT = "dan@corp.example", "root@corp.example", "outsider@corp.example"
ABSENT = {"state": "absent"}


def leave(sim, user, check=False, **options):
    return run_module(ORGANIZATION, sim, check, **{"user": user, **ABSENT, **options})


def steps(result):
    return [
        (one["place"], one[one["place"]], one["user"].split("@")[0], one["action"], one["status"])
        for one in result["actions"]
        if one["user"]
    ]


def nowhere(sim, user):
    return all(user not in people for people in (*sim.state().values(), *sim.directory().values()))


# --- leaving ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("removal", ["cascade", "refuse"])
def test_projects_and_teams_are_left_first(small, removal):
    small.knobs.org_removal = removal
    result = leave(small, BOB)
    assert not result.get("failed"), result["msg"]
    assert steps(result) == [
        ("project", "alpha", "bob", "remove", "done"),
        ("project", "gamma", "bob", "remove", "done"),
        ("team", "readers", "bob", "remove", "done"),
        ("organization", "Small Org", "bob", "remove", "done"),
    ]
    assert [request.path.rsplit("/", 2)[-2] for request in small.writes][-1] == "users" and nowhere(small, BOB)
    assert "/orgs/" in small.writes[-1].path


def test_what_was_held_is_in_the_result(small):
    result = leave(small, BOB, check=True)
    (held,) = result["held"]
    assert (held["user"], held["organization"], held["roles"]) == (BOB, "Small Org", ["ORG_MEMBER"])
    assert [(one["project"], one["roles"]) for one in held["projects"]] == [
        ("alpha", ["GROUP_OWNER", "GROUP_READ_ONLY"]),
        ("gamma", ["GROUP_OWNER"]),
    ]
    assert [one["team"] for one in held["teams"]] == ["readers"]
    assert leave(small, BOB)["held"] == result["held"]


@pytest.mark.parametrize("removal", ["cascade", "refuse"])
def test_the_last_of_a_team_is_tried_all_the_same(small, removal):
    small.knobs.org_removal = removal
    result = leave(small, f"{BOB}, {RITA}")
    ((first, last),) = [
        (one, other)
        for one, other in ((BOB, RITA), (RITA, BOB))
        if any(f"{other} is the last in the team readers" in warning for warning in result["warnings"])
    ]
    assert ("team", "readers", first.split("@")[0], "remove", "done") in steps(result)
    if removal == "cascade":
        assert not result.get("failed") and nowhere(small, BOB) and nowhere(small, RITA)
    else:
        assert result["failed"] and nowhere(small, first) and last in small.directory()["Small Org"]
        assert result["actions"][-1]["error"]["status"] == 400


def test_who_could_not_leave_a_project_stays_in_the_organization(small):
    small.fault(500, method="DELETE", path=f"{small.project_id('beta')}/users", times=None)
    result = leave(small, f"{DAN}, {OUT}")
    assert result["failed"]
    told = steps(result)
    assert ("project", "beta", "dan", "remove", "failed") in told
    assert ("organization", "Small Org", "dan", "remove", "skipped") in told
    assert ("organization", "Small Org", "outsider", "remove", "done") in told
    small.change(lambda world: None)
    small._service.faults.clear()
    again = leave(small, f"{DAN}, {OUT}")
    assert not again.get("failed") and nowhere(small, DAN)


def test_who_is_in_a_project_that_could_not_be_read_stays_in_the_organization(small):
    small.fault(500, method="GET", path=f"{small.project_id('beta')}/users", times=None)
    check = leave(small, DAN, check=True)
    result = leave(small, DAN)
    assert result["failed"] and DAN in small.directory()["Small Org"]
    assert check["counts"]["skipped"] == result["counts"]["skipped"] == 1
    assert ("organization", "Small Org", "dan", "remove", "skipped") in steps(result)
    assert {one["project"]: one["roles"] for one in result["held"][0]["projects"]}["beta"] is None


def test_who_is_still_there_at_the_end_is_told(small, monkeypatch):
    """Somebody else puts them back into a project before they leave the organization, and Atlas does not cascade."""
    members: dict[str, Any] = {}

    def keep(world):
        members.update(world.project("beta").members)

    small.change(keep)
    org = next(iter(small.world.orgs))

    def put_back():
        small.change(lambda world: world.project("beta").members.update(members))

    # Right before the listings are read again, the project lists them once more.
    before(monkeypatch, put_back, "GET", f"/groups/{small.project_id('beta')}/users", nth=2)
    drop = next(iter(small.world.orgs.values()))
    kept = drop.users[small.user_id(DAN)]
    before(
        monkeypatch,
        lambda: small.change(lambda world: world.orgs[org].add_user(kept)),
        "GET",
        f"/groups/{small.project_id('beta')}/users",
        nth=2,
    )
    result = leave(small, DAN)
    assert result["failed"] and "beta: dan@corp.example left the organization, and is here still" in result["msg"]


def test_listings_that_lag_say_nothing_false(small):
    small.knobs.read_after_write_lag_s = 0.03
    result = leave(small, DAN)
    assert not result.get("failed"), result["msg"]


def test_an_own_account_is_never_touched(small):
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "x", "email": DAN}).encode()).decode().rstrip("=")
    token = f"e30.{claims}.sig"
    world = {
        "organizations": {
            "Own Org": {
                "service_accounts": {
                    "mdb_sa_id_" + "1" * 24: {"secret": "s", "role": "ORG_OWNER", "access_tokens": [token]}
                },
                "users": {DAN: {}, ROOT: {"org_roles": ["ORG_OWNER"]}},
            }
        }
    }
    with Simulator(world) as sim:
        for check in (True, False):
            result = run_module(ORGANIZATION, sim, check, users=[DAN], access_token=token, **ABSENT)
            assert result["failed"] and "is the account of this credential" in result["msg"] and not sim.writes


# --- owners, roles, permissions --------------------------------------------------------------------------------------


def test_an_owner_may_go_where_another_stays(small):
    small.change(lambda world: setattr(world.user(OUT), "org_roles", ("ORG_OWNER",)))
    result = leave(small, ROOT)
    assert not result.get("failed") and nowhere(small, ROOT)
    assert "GET" in [one.method for one in small.requests]


def test_an_owner_who_became_the_last_in_between_stays(small, monkeypatch):
    small.change(lambda world: setattr(world.user(OUT), "org_roles", ("ORG_OWNER",)))

    def demote():
        small.change(lambda world: setattr(world.user(OUT), "org_roles", ("ORG_MEMBER",)))

    org = f"/orgs/{next(iter(small.world.orgs))}/users"
    calls = before(monkeypatch, demote, "GET", org, nth=4)
    result = leave(small, ROOT)
    assert len(calls) >= 4 and result["failed"] and ROOT in small.directory()["Small Org"]
    assert "nobody else is an ACTIVE owner any more" in result["msg"] and not small.writes


def test_roles_are_given_before_others_are_taken(small):
    result = run_module(ORGANIZATION, small, user="auditor@corp.example", role="ORG_MEMBER")
    assert [(one["action"], one["roles"]) for one in result["actions"]] == [
        ("grant", ["ORG_MEMBER"]),
        ("revoke", ["ORG_READ_ONLY"]),
    ]


@pytest.mark.parametrize("knobs", [{"add_role_held": 200}, {"last_role_status": 400}, {"remove_role_not_held": 404}])
def test_roles_on_each_setting(small, knobs):
    for name, value in knobs.items():
        setattr(small.knobs, name, value)
    result = run_module(ORGANIZATION, small, user=OUT, roles=["ORG_BILLING_ADMIN", "ORG_READ_ONLY"])
    assert not result.get("failed"), result["msg"]
    assert small.directory()["Small Org"][OUT]["roles"] == ["ORG_BILLING_ADMIN", "ORG_READ_ONLY"]


@pytest.mark.parametrize("token", ["reader-token", "projects-token"])
def test_without_organization_owner_the_error_says_so(small, token):
    result = leave(small, OUT, access_token=token)
    assert result["failed"] and "Organization Owner" in result["msg"] and OUT in small.directory()["Small Org"]


@pytest.mark.parametrize("status, code", [(404, "USER_NOT_IN_ORG"), (400, "USER_NOT_IN_ORG"), (404, "INVALID_USER_ID")])
def test_a_404_is_believed_only_after_reading(small, status, code):
    small.fault({"status": status, "errorCode": code}, method="DELETE", path="/orgs/", times=None)
    result = leave(small, OUT)
    assert result["failed"] and OUT in small.directory()["Small Org"]
    assert result["actions"][-1]["status"] == "failed"


@pytest.mark.parametrize("status", [404, 400])
def test_who_left_in_between_is_gone_already(small, monkeypatch, status):
    small.knobs.already_gone = status
    org = next(iter(small.world.orgs.values()))
    before(monkeypatch, lambda: small.change(lambda world: org.drop_user(world.user(OUT))), "DELETE", "/orgs/")
    result = leave(small, OUT)
    assert not result.get("failed") and result["actions"][-1]["why"] == "already gone"


# --- what a task names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, says",
    [
        ({"roles": ["ORG_MEMBER"], **ABSENT}, "state=absent ends the whole membership"),
        ({}, "roles missing: name at least one, such as [ORG_MEMBER]"),
        ({"roles": ["GROUP_OWNER"]}, "'GROUP_OWNER' is not an organization role"),
        ({"roles": ["org owner"]}, "did you mean ORG_OWNER?"),
        ({"roles": ["ORG_MEMBER", ""]}, "holds a blank"),
        ({"roles": ["ORG_MEMBER"], "organization": "*"}, None),
        ({"roles": ["ORG_MEMBER"], "organization": "Smal Org"}, "near names: Small Org"),
        ({"user": "", "roles": ["ORG_MEMBER"]}, "users missing"),
        ({"user": None, "memberships": [{"roles": ["ORG_MEMBER"]}]}, "lacks a user"),
        ({"user": None, "memberships": [{"user": OUT}]}, "roles of outsider@corp.example missing"),
        (
            {"user": None, "memberships": [{"user": OUT, "organization": "Other", "roles": ["ORG_MEMBER"]}]},
            "'Other' is unknown",
        ),
        ({"user": "0" * 24, "roles": ["ORG_MEMBER"]}, "name the person by email"),
    ],
    ids=str,
)
@pytest.mark.parametrize("check", [True, False])
def test_bad_options(small, options, says, check):
    given = {"user": OUT, **options}
    given = {name: value for name, value in given.items() if value is not None}
    result = run_module(ORGANIZATION, small, check, **given)
    if says is None:
        assert not result.get("failed")
        return
    assert result["failed"] and says in result["msg"], result["msg"]
    assert not small.writes


def test_an_unknown_role_is_a_warning(small):
    small.knobs.known_org_roles = ["ORG_MEMBER", "ORG_NEW_ROLE"]
    result = run_module(ORGANIZATION, small, user=OUT, roles=["ORG_MEMBER", "ORG_NEW_ROLE"])
    assert not result.get("failed") and any("ORG_NEW_ROLE" in warning for warning in result["warnings"])


def test_where_the_organization_can_not_be_read_nothing_in_it_is_left(small, hasty):
    """It told of its people once, and then no more: whether they may leave it is not known."""
    small.fault(500, method="GET", path="/orgs/[0-9a-f]+/users$", nth=2, times=None)
    for check in (True, False):
        result = leave(small, DAN, check, max_wait=0.1)
        assert result["failed"] and not small.writes and not result["changed"]
        assert [(one["organization"], one["action"]) for one in result["actions"]] == [("Small Org", "read")]
        small._service.faults.scripted[0].seen = 0


@pytest.mark.parametrize("users", [ANN, f"{ANN}, {BOB}"], ids=["through-a-team", "with-the-direct-one"])
@pytest.mark.parametrize("check", [True, False])
def test_owners_through_teams_who_leave_as_well_do_not_count(small, users, check):
    """Gamma is owned by Bob, and through the team platform by Ann and Tess."""

    def others(world):
        world.user(TESS).status = "PENDING"
        world.changed_people(next(iter(world.orgs.values())))
        if BOB not in users:
            world.project("gamma").members.pop(world.user(BOB).id)
        # Neither alpha nor beta is lost by them.
        for name in ("alpha", "beta"):
            world.project(name).members[world.user(ROOT).id] = ("GROUP_OWNER",)

    small.change(others)
    result = leave(small, users, check)
    assert result["failed"] and not small.writes
    assert "gamma" in result["msg"] and "without an ACTIVE owner" in result["msg"]
    assert "alpha" not in result["msg"] and "beta" not in result["msg"]
