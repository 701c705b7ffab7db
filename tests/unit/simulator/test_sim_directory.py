# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes to teams and organizations: what they do, what they refuse, and what is a knob."""

from __future__ import annotations

import pytest

ANN, TESS, RITA, OUT = "ann@corp.example", "tess@corp.example", "rita@corp.example", "outsider@corp.example"
BOB, EVE, PIA, ROOT = "bob@corp.example", "eve@partner.example", "pia@partner.example", "root@corp.example"


@pytest.fixture
def org(sim):
    return f"/orgs/{next(iter(sim.world.orgs))}"


@pytest.fixture
def team(sim, org):
    teams = next(iter(sim.world.orgs.values())).teams.values()
    return lambda name: f"{org}/teams/{next(one.id for one in teams if one.name == name)}"


def move(api, path, verb, email):
    return api.post(f"{path}:{verb}User", id=api.sim.user_id(email))


def test_add_to_and_take_from_a_team(api, sim, team):
    answer = move(api, team("platform"), "add", OUT)
    assert answer.status_code == 200 and answer.json()["username"] == OUT and len(answer.json()["teamIds"]) == 1
    assert OUT in sim.directory()["platform"]
    assert move(api, team("platform"), "add", OUT).status_code == 400
    answer = move(api, team("platform"), "remove", OUT)
    assert answer.status_code == 200 and answer.json()["teamIds"] == []
    assert OUT not in sim.directory()["platform"]


def test_only_who_is_in_the_organization_can_be_in_a_team(api, team, code_of):
    assert code_of(move(api, team("platform"), "add", EVE)) == (404, "USER_NOT_IN_ORG")
    assert move(api, team("platform"), "add", PIA).status_code == 200
    assert code_of(api.post(team("platform") + ":addUser", id="0" * 24)) == (404, "USER_NOT_IN_ORG")
    assert code_of(api.post(team("platform") + ":addUser", id="x")) == (400, "INVALID_ATTRIBUTE")


@pytest.mark.parametrize("status", [403, 400])
def test_the_last_of_a_team_stays(api, sim, team, code_of, status):
    sim.knobs.last_of_team = status
    assert move(api, team("platform"), "remove", ANN).status_code == 200
    assert code_of(move(api, team("platform"), "remove", TESS)) == (status, "CANNOT_REMOVE_LAST_USER_FROM_TEAM")
    assert list(sim.directory()["platform"]) == [TESS]


@pytest.mark.parametrize("status", [404, 400])
def test_who_is_not_there(api, sim, org, team, status):
    sim.knobs.already_gone = status
    assert move(api, team("platform"), "remove", OUT).status_code == status
    assert api.delete(f"{org}/users/{'0' * 24}").status_code == status


@pytest.mark.parametrize("removal", ["cascade", "refuse"])
def test_out_of_the_organization(api, sim, org, removal):
    sim.knobs.org_removal = removal
    assert api.delete(f"{org}/users/<{OUT}>").status_code == 204
    assert OUT not in sim.directory()["Small Org"]
    answer = api.delete(f"{org}/users/<{BOB}>")
    assert answer.status_code == (204 if removal == "cascade" else 400)
    assert (BOB in sim.state()["alpha"]) == (BOB in sim.directory()["readers"]) == (removal == "refuse")
    assert (BOB in sim.directory()["Small Org"]) == (removal == "refuse")
    assert api.users("alpha")


def test_an_organization_keeps_an_owner(api, sim, org, code_of):
    assert code_of(api.delete(f"{org}/users/<{ROOT}>")) == (403, "CANNOT_DELETE_LAST_ADMIN")
    role = f"{org}/users/<{ROOT}>"
    assert code_of(api.post(role + ":removeRole", orgRole="ORG_OWNER")) == (403, "CANNOT_REMOVE_ALL_USER_ROLES")
    assert api.post(role + ":addRole", orgRole="ORG_MEMBER").status_code == 200
    assert code_of(api.post(role + ":removeRole", orgRole="ORG_OWNER")) == (403, "CANNOT_DEMOTE_LAST_ORG_OWNER")
    assert api.post(f"{org}/users/<{ANN}>:addRole", orgRole="ORG_OWNER").status_code == 200
    assert api.post(role + ":removeRole", orgRole="ORG_OWNER").json()["roles"]["orgRoles"] == ["ORG_MEMBER"]


def test_roles_of_the_organization(api, org, code_of):
    role = f"{org}/users/<{ANN}>"
    assert code_of(api.post(role + ":addRole", orgRole="GROUP_OWNER")) == (400, "CANNOT_ADD_GROUP_ROLE")
    assert api.post(role + ":addRole", orgRole="ORG_NOTHING").status_code == 400
    assert api.post(role + ":addRole", orgRole="ORG_MEMBER").status_code == 409
    assert api.post(role + ":removeRole", orgRole="ORG_OWNER").status_code == 400


def test_invite_into_the_organization(api, sim, org, code_of):
    body = {"username": "new@corp.example", "roles": {"orgRoles": ["ORG_MEMBER"]}}
    answer = api.post(org + "/users", **body)
    assert answer.status_code == 201 and answer.json()["orgMembershipStatus"] == "PENDING"
    assert code_of(api.post(org + "/users", **body)) == (409, "USER_ALREADY_IN_ORG")
    again = api.post(org + "/users", username=EVE, roles={"orgRoles": ["ORG_READ_ONLY"]})
    assert again.status_code == 201 and again.json()["roles"]["orgRoles"] == ["ORG_READ_ONLY"]
    assert sim.directory()["Small Org"][EVE]["status"] == "PENDING" and EVE not in sim.state()["alpha"]


@pytest.mark.parametrize("token", ["projects-token", "reader-token"])
def test_an_owner_is_needed(api, sim, org, team, code_of, token):
    before = sim.directory(), sim.state()
    other = api.as_(token)
    calls = [
        move(other, team("platform"), "remove", ANN),
        move(other, team("platform"), "add", OUT),
        other.delete(f"{org}/users/<{OUT}>"),
        other.post(f"{org}/users/<{OUT}>:addRole", orgRole="ORG_OWNER"),
        other.post(org + "/users", username="new@corp.example", roles={"orgRoles": ["ORG_OWNER"]}),
    ]
    assert [code_of(answer) for answer in calls] == [(401, "NOT_ORG_OWNER")] * len(calls)
    assert (sim.directory(), sim.state()) == before


def test_listings_lag(api, sim, org, team):
    sim.knobs.read_after_write_lag_s = 60
    assert api.delete(f"{org}/users/<{BOB}>").status_code == 204
    people = [row["username"] for row in api.get(org + "/users").json()["results"]]
    members = [row["username"] for row in api.get(team("readers") + "/users").json()["results"]]
    assert BOB in people and BOB in members
    sim.knobs.read_after_write_lag_s = 0
    assert BOB not in [row["username"] for row in api.get(org + "/users").json()["results"]]
