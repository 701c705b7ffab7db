# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four writes: what they do, what they refuse, what they leave in the activity feed."""

from __future__ import annotations

import time

import pytest

DAN, BOB, ANN, PIA = "dan@corp.example", "bob@corp.example", "ann@corp.example", "pia@partner.example"
EVE, ROB, RITA, ROOT = "eve@partner.example", "rob@partner.example", "rita@corp.example", "root@corp.example"


def add(api, project, email, *roles):
    return api.post(f"/groups/<{project}>/users", username=email, roles=list(roles or ["GROUP_READ_ONLY"]))


def role(api, verb, email, name, project="alpha"):
    return api.post(f"/groups/<{project}>/users/<{email}>:{verb}", groupRole=name)


def events(api, project="alpha"):
    rows = api.get(f"/groups/<{project}>/events").json()["results"]
    return [(row["eventTypeName"], row["targetUsername"]) for row in rows]


# -- add -------------------------------------------------------------------------------------------------------------


def test_add_active_person(api, sim):
    answer = add(api, "alpha", "OUTSIDER@corp.example", "GROUP_OWNER")
    assert answer.status_code == 201
    assert answer.json()["orgMembershipStatus"] == "ACTIVE"
    assert answer.json()["id"] == sim.user_id("outsider@corp.example")
    assert sim.state()["alpha"]["outsider@corp.example"]["roles"] == ["GROUP_OWNER"]
    assert events(api) == [("JOINED_GROUP", "outsider@corp.example")]


def test_add_invited_person_extends_the_invitation(api, sim):
    assert add(api, "gamma", PIA).json()["orgMembershipStatus"] == "PENDING"
    assert sim.state()["gamma"][PIA]["id"] == sim.state()["alpha"][PIA]["id"]
    assert events(api, "gamma") == [("INVITED_TO_GROUP", PIA)]


def test_add_unknown_person_invites(api, sim):
    row = add(api, "alpha", "new+me@partner.example").json()
    assert row["orgMembershipStatus"] == "PENDING" and row["inviterUsername"] == "mdb_sa_id_0123456789abcdef01234567"
    assert row["invitationExpiresAt"] > row["invitationCreatedAt"]
    assert add(api, "beta", "New+me@partner.example").json()["id"] == row["id"]


@pytest.mark.parametrize("email", [EVE, ROB])
def test_add_replaces_an_ended_invitation(api, sim, email):
    before = sim.user_id(email)
    row = add(api, "alpha", email, "GROUP_CLUSTER_MANAGER").json()
    assert row["orgMembershipStatus"] == "PENDING" and row["roles"] == ["GROUP_CLUSTER_MANAGER"]
    assert sim.state()["alpha"][email] == {"id": before, "status": "PENDING", "roles": ["GROUP_CLUSTER_MANAGER"]}
    assert api.users(username=email) == {email: ["GROUP_CLUSTER_MANAGER"]}


@pytest.mark.parametrize("email", [EVE, ROB])
def test_renewed_invitation_may_have_a_new_id(api, sim, email):
    sim.knobs.renewed_id = "new"
    before = sim.user_id(email)
    team = sim.change(lambda world: next(iter(world.project("alpha").org.teams.values())))
    team.members.append(before)
    row = add(api, "beta", email).json()
    assert row["id"] == sim.user_id(email) == sim.state()["beta"][email]["id"] != before
    assert email not in sim.state()["alpha"] and before not in team.members
    org = api.get("/orgs").json()["results"][0]["id"]
    assert api.get(f"/orgs/{org}/users/{before}").status_code == 404
    (listed,) = api.get(f"/orgs/{org}/users", username=email).json()["results"]
    assert (listed["id"], listed["orgMembershipStatus"], listed["teamIds"]) == (row["id"], "PENDING", [])


def test_add_replaces_the_whole_invitation(api, sim):
    assert add(api, "beta", EVE).status_code == 201
    assert EVE not in sim.state()["alpha"] and EVE in sim.state()["beta"]


@pytest.mark.parametrize("email", [ANN, PIA])
def test_add_member_again(api, code_of, email):
    assert code_of(add(api, "alpha", email)) == (409, "USER_ALREADY_IN_GROUP")


def test_add_team_member_directly(api, sim):
    assert add(api, "alpha", RITA).status_code == 201
    assert sim.state()["alpha"][RITA]["status"] == "ACTIVE"


@pytest.mark.parametrize(
    "body, code",
    [
        ({"username": "x@corp.example"}, "MISSING_ATTRIBUTE"),
        ({"roles": ["GROUP_OWNER"]}, "MISSING_ATTRIBUTE"),
        ({"username": "x@corp.example", "roles": ["GROUP_OWNER"], "id": 1}, "INVALID_ATTRIBUTE"),
        ({"username": "x@corp.example", "roles": []}, "INVALID_ATTRIBUTE"),
        ({"username": "x@corp.example", "roles": "GROUP_OWNER"}, "INVALID_ATTRIBUTE"),
        ({"username": "x@corp.example", "roles": ["GROUP_OWNER", "GROUP_OWNER"]}, "INVALID_ATTRIBUTE"),
        ({"username": "nobody", "roles": ["GROUP_OWNER"]}, "INVALID_EMAIL_ADDRESS"),
        ({"username": "x@corp.example", "roles": ["ORG_OWNER"]}, "CANNOT_ADD_ORG_ROLE"),
        ({"username": "x@corp.example", "roles": ["owner"]}, "INVALID_ROLE_FOR_GROUP"),
        ({"username": "x@corp.example", "roles": ["GROUP_BOSS"]}, "INVALID_ROLE_FOR_GROUP"),
    ],
)
def test_add_bad_bodies(api, sim, code_of, body, code):
    before = sim.state()
    assert code_of(api.post("/groups/<alpha>/users", **body)) == (400, code)
    assert sim.state() == before


def test_bodies_that_are_none(api, code_of):
    post = {"method": "POST", "path": "/groups/<alpha>/users"}
    vendor = {"Content-Type": "application/vnd.atlas.2025-02-19+json"}
    assert api.call(**post, data="{}", headers={"Content-Type": "application/json"}).status_code == 415
    assert code_of(api.call(**post, data="{oops", headers=vendor)) == (400, "MALFORMED_JSON")
    assert code_of(api.call(**post, data="[]", headers=vendor)) == (400, "INVALID_JSON")


def test_new_roles_come_without_a_version(api, sim):
    sim.knobs.known_roles = sim.knobs.known_roles | {"GROUP_BOSS"}
    assert add(api, "alpha", RITA, "GROUP_BOSS").status_code == 201


def test_invitation_limit(api, sim, code_of):
    sim.knobs.invitations, sim.knobs.invitation_window_s = 2, 0.3
    assert [add(api, "alpha", f"n{n}@partner.example").status_code for n in (1, 2)] == [201, 201]
    assert code_of(add(api, "alpha", "n3@partner.example")) == (400, "INVITATIONS_RATE_LIMITED_IP")
    assert add(api, "alpha", RITA).status_code == 201, "no invitation, no limit"
    time.sleep(0.31)
    assert add(api, "alpha", "n3@partner.example").status_code == 201


# -- remove ----------------------------------------------------------------------------------------------------------


def test_remove(api, sim, code_of):
    assert api.delete(f"/groups/<alpha>/users/<{DAN}>").status_code == 204
    assert DAN not in sim.state()["alpha"] and DAN in sim.state()["beta"]
    assert sim.user_id(DAN), "still in the organization"
    assert code_of(api.delete(f"/groups/<alpha>/users/<{DAN}>")) == (404, "USER_NOT_IN_GROUP")
    assert events(api) == [("REMOVED_FROM_GROUP", DAN)]


def test_remove_invited_person(api, sim):
    assert api.delete(f"/groups/<alpha>/users/<{PIA}>").status_code == 204
    assert PIA not in sim.state()["alpha"] and sim.state()["beta"][PIA]["status"] == "PENDING"
    assert events(api) == [("GROUP_INVITATION_DELETED", PIA)]


@pytest.mark.parametrize("removable", [True, False])
def test_remove_ended_invitation(api, sim, code_of, removable):
    sim.knobs.expired_removable = removable
    answer = api.delete(f"/groups/<alpha>/users/<{EVE}>")
    assert answer.status_code == 204 if removable else code_of(answer) == (404, "USER_NOT_IN_GROUP")
    assert (EVE in sim.state()["alpha"]) is not removable


@pytest.mark.parametrize(
    "status, code",
    [
        (404, "USER_NOT_IN_GROUP"),
        (400, "INVALID_USER"),
        (403, "ACCESS_FORBIDDEN"),
        (204, None),
    ],
)
@pytest.mark.parametrize("email", [RITA, ROOT])
def test_write_on_derived_access(api, sim, code_of, status, code, email):
    sim.knobs.team_only_write = status
    before = sim.state()
    removal = api.delete(f"/groups/<alpha>/users/<{email}>")
    revocation = role(api, "removeRole", email, "GROUP_READ_ONLY")
    if status == 204:
        assert (removal.status_code, revocation.status_code) == (204, 200)
    else:
        assert code_of(removal) == code_of(revocation) == (status, code)
    assert role(api, "addRole", email, "GROUP_OWNER").status_code == 404
    assert sim.state() == before


def test_removed_person_may_keep_access_through_a_team(api):
    api.delete(f"/groups/<alpha>/users/<{BOB}>")
    assert BOB not in api.users() and api.users(flattenTeams="true")[BOB] == ["GROUP_READ_ONLY"]


def test_last_owner(api, sim, code_of):
    sim.knobs.last_owner = "refuse"
    refused = (403, "CANNOT_DELETE_LAST_ADMIN")
    assert code_of(api.delete(f"/groups/<beta>/users/<{ANN}>")) == refused, "a pending owner does not count"
    role(api, "addRole", ANN, "GROUP_READ_ONLY", "beta")
    assert code_of(role(api, "removeRole", ANN, "GROUP_OWNER", "beta")) == refused
    assert api.delete(f"/groups/<gamma>/users/<{BOB}>").status_code == 204, "the team is an owner"
    assert api.delete(f"/groups/<beta>/users/<{PIA}>").status_code == 204
    sim.knobs.last_owner = "allow"
    assert api.delete(f"/groups/<beta>/users/<{ANN}>").status_code == 204


@pytest.mark.parametrize("code", ["CANNOT_DELETE_LAST_ADMIN", "CANNOT_DELETE_LAST_OWNER", "CANNOT_DEMOTE_LAST_OWNER"])
def test_last_owner_codes(api, sim, code_of, code):
    sim.knobs.last_owner, sim.knobs.last_owner_code = "refuse", code
    assert code_of(api.delete(f"/groups/<beta>/users/<{ANN}>")) == (403, code)
    role(api, "addRole", ANN, "GROUP_READ_ONLY", "beta")
    assert code_of(role(api, "removeRole", ANN, "GROUP_OWNER", "beta")) == (403, code)


# -- roles -----------------------------------------------------------------------------------------------------------


def test_add_and_remove_role(api, sim):
    assert set(role(api, "addRole", DAN, "GROUP_OWNER").json()["roles"]) == {"GROUP_READ_ONLY", "GROUP_OWNER"}
    assert role(api, "removeRole", DAN, "GROUP_READ_ONLY").json()["roles"] == ["GROUP_OWNER"]
    assert sim.state()["alpha"][DAN]["roles"] == ["GROUP_OWNER"]
    assert events(api) == [("USER_ROLES_CHANGED_AUDIT", DAN)] * 2


@pytest.mark.parametrize("status", [403, 409, 400])
def test_last_role(api, sim, code_of, status):
    sim.knobs.last_role_status = status
    assert code_of(role(api, "removeRole", DAN, "GROUP_READ_ONLY")) == (status, "CANNOT_REMOVE_ALL_USER_ROLES")
    assert sim.state()["alpha"][DAN]["roles"] == ["GROUP_READ_ONLY"]


@pytest.mark.parametrize("status", [400, 404, 409, 200])
def test_remove_role_not_held(api, sim, status):
    sim.knobs.remove_role_not_held = status
    answer = role(api, "removeRole", DAN, "GROUP_OWNER")
    assert answer.status_code == status
    assert answer.json().get("errorCode") != "USER_NOT_IN_GROUP"


@pytest.mark.parametrize("status", [409, 200])
def test_add_role_held(api, sim, status):
    sim.knobs.add_role_held = status
    assert role(api, "addRole", DAN, "GROUP_READ_ONLY").status_code == status
    assert sim.state()["alpha"][DAN]["roles"] == ["GROUP_READ_ONLY"]


def test_roles_of_invited_people(api):
    assert role(api, "addRole", PIA, "GROUP_OWNER").json()["orgMembershipStatus"] == "PENDING"


@pytest.mark.parametrize("verb", ["addRole", "removeRole"])
def test_role_names(api, code_of, verb):
    assert code_of(role(api, verb, DAN, "ORG_OWNER")) == (400, "CANNOT_ADD_ORG_ROLE")
    assert code_of(role(api, verb, DAN, "GROUP_BOSS")) == (400, "INVALID_ROLE_FOR_GROUP")
    assert code_of(api.post(f"/groups/<alpha>/users/<{DAN}>:{verb}")) == (400, "MISSING_ATTRIBUTE")


# -- what shows when -------------------------------------------------------------------------------------------------


def test_read_after_write_lag(api, sim):
    sim.knobs.read_after_write_lag_s = 0.25
    api.delete(f"/groups/<alpha>/users/<{DAN}>")
    assert DAN in api.users() and DAN not in sim.state()["alpha"]
    assert api.get(f"/groups/<alpha>/users/<{DAN}>").status_code == 404, "only listings lag"
    time.sleep(0.26)
    assert DAN not in api.users()


def test_events(api, sim):
    sim.knobs.events_delay_s = 0.2
    api.delete(f"/groups/<alpha>/users/<{DAN}>")
    assert events(api) == []
    time.sleep(0.21)
    (row,) = api.get("/groups/<alpha>/events").json()["results"]
    assert row["userId"] == "0123456789abcdef01234567" and row["groupId"] == sim.project_id("alpha")
    for query, count in (
        ({"eventType": "JOINED_GROUP"}, 0),
        ({"eventType": ["JOINED_GROUP", "REMOVED_FROM_GROUP"]}, 1),
        ({"excludedEventType": "REMOVED_FROM_GROUP"}, 0),
        ({"minDate": "2100-01-01T00:00:00Z"}, 0),
        ({"minDate": "2020-01-01T00:00:00Z"}, 1),
        ({"maxDate": "2020-01-01T00:00:00Z"}, 0),
    ):
        assert len(api.get("/groups/<alpha>/events", **query).json()["results"]) == count, query


def test_errors_without_code(api, sim):
    sim.knobs.error_codes = False
    answer = api.delete("/groups/<alpha>/users/" + "0" * 24)
    assert answer.status_code == 404 and "errorCode" not in answer.json() and "X-Error-Code" not in answer.headers


def test_change_from_outside(api, sim):
    assert PIA in api.users(orgMembershipStatus="PENDING")
    sim.change(lambda world: setattr(world.user(PIA), "status", "ACTIVE"))
    assert api.users(orgMembershipStatus="PENDING") == {}
