# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listings, filters, paging, versions, and what each credential sees."""

from __future__ import annotations

import pytest

from simulator import Simulator, generated

ALL = ["ACTIVE", "PENDING", "INVITATION_EXPIRED", "INVITATION_REJECTED"]
CARA = "Cara.Diaz+atlas@Corp.Example"
DIRECT = {"ann@corp.example", "bob@corp.example", CARA, "dan@corp.example", "pia@partner.example"}


def test_expired_and_rejected_are_hidden(api):
    assert set(api.users()) == DIRECT
    assert set(api.users(orgMembershipStatuses=ALL)) == DIRECT | {"eve@partner.example", "rob@partner.example"}
    assert set(api.users(orgMembershipStatus="PENDING")) == {"pia@partner.example"}
    eve = "/groups/<alpha>/users/<eve@partner.example>"
    assert api.get(eve).status_code == 404
    assert api.get(eve, orgMembershipStatuses=ALL).json()["orgMembershipStatus"] == "INVITATION_EXPIRED"


@pytest.mark.parametrize(
    "status, project, org",
    [
        ("ACTIVE", 4, 9),
        ("PENDING", 1, 1),
        ("INVITATION_EXPIRED", 1, 1),
        ("INVITATION_REJECTED", 1, 1),
    ],
)
def test_one_status(api, sim, status, project, org):
    """The single parameter takes all four values, in projects, organizations and teams."""
    org_id = sim.world.project("alpha").org.id
    team_id = next(iter(sim.world.orgs[org_id].teams))
    assert len(api.users(orgMembershipStatus=status)) == project
    assert len(api.get(f"/orgs/{org_id}/users", orgMembershipStatus=status).json()["results"]) == org
    answer = api.get(f"/orgs/{org_id}/teams/{team_id}/users", orgMembershipStatus=status)
    assert len(answer.json()["results"]) == (2 if status == "ACTIVE" else 0)


def test_people_come_by_name(api, sim):
    org_id = sim.world.project("alpha").org.id

    def listed(path, **query):
        return [row["username"] for row in api.get(path, **query).json()["results"]]

    for path in ("/groups/<alpha>/users", f"/orgs/{org_id}/users"):
        sim.knobs.people_order = "username"
        assert listed(path) == sorted(listed(path))
        assert listed(path, itemsPerPage=2, pageNum=2) == listed(path)[2:4], "in order before it is cut to pages"
        sim.knobs.people_order = "unsorted"
        assert listed(path) != sorted(listed(path))


def test_rows_per_status(api):
    results = api.get("/groups/<alpha>/users", orgMembershipStatuses=ALL).json()["results"]
    rows = {row["username"]: row for row in results}
    assert "lastAuth" not in rows[CARA] and rows[CARA]["mobileNumber"] is None
    assert rows["ann@corp.example"]["lastAuth"] and "invitationCreatedAt" not in rows["ann@corp.example"]
    assert rows["pia@partner.example"]["invitationExpiresAt"] and "createdAt" not in rows["pia@partner.example"]
    assert rows["rob@partner.example"]["invitationExpiresAt"] is None


def test_derived_access(api):
    flat = api.users(flattenTeams="true")
    assert flat["rita@corp.example"] == ["GROUP_READ_ONLY"]
    assert flat["bob@corp.example"] == ["GROUP_OWNER", "GROUP_READ_ONLY"]
    org = api.users(includeOrgUsers="true")
    assert org["root@corp.example"] == ["GROUP_OWNER"] and org["auditor@corp.example"] == ["GROUP_READ_ONLY"]
    assert "rita@corp.example" not in org


def test_flattened_roles_knob(api, sim):
    assert api.users("gamma", flattenTeams="true")["ann@corp.example"] == ["GROUP_OWNER"]
    sim.knobs.flattened_roles = "team_only"
    assert api.users(flattenTeams="true")["bob@corp.example"] == ["GROUP_READ_ONLY"]


def test_username_filter(api, sim):
    assert list(api.users(username=CARA)) == [CARA]
    assert api.users(username=CARA.lower()) == {}
    sim.knobs.username_filter = "any-case"
    assert list(api.users(username=CARA.lower())) == [CARA]
    project = sim.project_id("alpha")
    bare_plus = api.session.get(
        f"{sim.url}/api/atlas/v2/groups/{project}/users?username={CARA}",
        headers={"Accept": "application/vnd.atlas.2025-02-19+json"},
    )
    assert bare_plus.json()["results"] == []


@pytest.mark.parametrize(
    "query, code",
    [
        ({"orgMembershipStatus": "ACTIVE", "orgMembershipStatuses": "ACTIVE"}, "MUTUALLY_EXCLUSIVE_QUERY_PARAMETERS"),
        ({"orgMembershipStatus": "EXPIRED"}, "INVALID_ENUM_VALUE"),
        ({"orgMembershipStatuses": [*ALL, "ACTIVE"]}, "INVALID_QUERY_PARAMETER"),
        ({"itemsPerPage": 501}, "INVALID_QUERY_PARAMETER"),
        ({"itemsPerPage": 0}, "INVALID_QUERY_PARAMETER"),
        ({"pageNum": "x"}, "INVALID_QUERY_PARAMETER"),
        ({"flattenTeams": "yes"}, "INVALID_QUERY_PARAMETER"),
        ({"flatten": "true"}, "INVALID_QUERY_PARAMETER"),
    ],
)
def test_bad_queries(api, code_of, query, code):
    assert code_of(api.get("/groups/<alpha>/users", **query)) == (400, code)


def test_paging_at_501(client_for):
    with Simulator(generated(projects=1, members=501)) as sim:
        api = client_for(sim, "big-token")
        pages = [api.get("/groups/<project-000>/users", itemsPerPage=500, pageNum=n).json() for n in (1, 2, 3)]
        assert [len(page["results"]) for page in pages] == [500, 1, 0]
        assert pages[0]["totalCount"] == 501
        assert len({row["id"] for page in pages for row in page["results"]}) == 501
        assert len(api.get("/groups/<project-000>/users").json()["results"]) == 100


@pytest.mark.parametrize(
    "knob, query, total",
    [
        ("exact", {}, 5),
        ("low", {}, 2),
        ("high", {}, 12),
        ("absent", {}, None),
        ("exact", {"includeCount": "true"}, 5),
        ("exact", {"includeCount": "false"}, None),
    ],
)
def test_total_count(api, sim, knob, query, total):
    sim.knobs.total_count = knob
    assert api.get("/groups/<alpha>/users", **query).json().get("totalCount") == total


@pytest.mark.parametrize("knob, people, events", [("recorded", None, 0), ("absent", None, None), ("zero", 0, 0)])
def test_uncounted(api, sim, knob, people, events):
    sim.knobs.uncounted = knob
    api.delete("/groups/<alpha>/users/<dan@corp.example>")
    for path, total in (("users", people), ("events", events)):
        document = api.get(f"/groups/<alpha>/{path}", includeCount="false").json()
        assert document["results"] and document.get("totalCount") == total


def test_projects(api, sim, code_of):
    assert [row["name"] for row in api.get("/groups").json()["results"]] == ["alpha", "beta", "gamma"]
    org = api.get("/groups/byName/alpha").json()["orgId"]
    assert [row["name"] for row in api.get(f"/orgs/{org}/groups", name="be").json()["results"]] == ["beta"]
    assert code_of(api.get("/groups/byName/nothing")) == (404, "GROUP_NAME_NOT_FOUND")


def test_same_name_twice(client_for, code_of):
    world = {
        "organizations": {
            "One": {
                "service_accounts": {"mdb_sa_id_" + "1" * 24: {"secret": "s", "access_tokens": ["t"]}},
                "projects": {"twin": {"id": "1" * 24}},
            },
            "Two": {"projects": {"twin": {}}},
        }
    }
    with Simulator(world) as sim:
        api = client_for(sim, "t")
        assert api.get("/groups/byName/twin").json()["id"] == "1" * 24
        assert api.get("/groups").json()["totalCount"] == 1
        other = next(project.id for project in sim.world.projects.values() if project.id != "1" * 24)
        assert code_of(api.get(f"/groups/{other}")) == (404, "GROUP_NOT_FOUND")
        assert code_of(api.get(f"/orgs/{sim.world.projects[other].org.id}")) == (401, "USER_CANNOT_ACCESS_ORG")


def test_organization(api, sim):
    org = api.get("/orgs").json()["results"][0]["id"]
    people = {row["username"]: row for row in api.get(f"/orgs/{org}/users", itemsPerPage=500).json()["results"]}
    dan = people["dan@corp.example"]["roles"]["groupRoleAssignments"]
    assert {row["groupId"] for row in dan} == {sim.project_id(name) for name in ("alpha", "beta", "gamma")}
    assert people["outsider@corp.example"]["roles"]["groupRoleAssignments"] == []
    teams = {row["name"]: row["id"] for row in api.get(f"/orgs/{org}/teams").json()["results"]}
    assert people["rita@corp.example"]["teamIds"] == [teams["readers"]]
    members = api.get(f"/orgs/{org}/teams/{teams['readers']}/users").json()["results"]
    assert {row["username"] for row in members} == {"rita@corp.example", "bob@corp.example"}
    assert api.get("/groups/<alpha>/teams").json()["results"][0]["roleNames"] == ["GROUP_READ_ONLY"]


def test_organization_sees_writes(api):
    org = api.get("/orgs").json()["results"][0]["id"]

    def count() -> int:
        (row,) = api.get(f"/orgs/{org}/users", username="dan@corp.example").json()["results"]
        return len(row["roles"]["groupRoleAssignments"])

    assert count() == 3
    api.delete("/groups/<gamma>/users/<dan@corp.example>")
    assert count() == 2


# -- versions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept, status",
    [
        ("application/vnd.atlas.2025-02-19+json", 200),
        ("application/vnd.atlas.2025-03-12+json", 200),
        ("application/vnd.atlas.2023-01-01+json", 406),
        ("application/vnd.atlas.2025-02-20+json", 406),
        ("application/json", 406),
        ("*/*", 406),
        ("text/html, application/vnd.atlas.2025-02-19+json;q=0.9", 200),
    ],
)
def test_accept(api, accept, status):
    assert api.call("GET", "/groups/<alpha>/users", headers={"Accept": accept}).status_code == status


def test_gone_versions(api, sim, code_of):
    sim.knobs.gone_versions = ["2023-01-01"]
    assert code_of(api.get("/groups/<alpha>")) == (410, "VERSION_GONE")
    assert api.get("/groups/<alpha>/users").status_code == 200


# -- deprecated invitations ------------------------------------------------------------------------------------------


def test_legacy_invitations(api, sim):
    answer = api.get("/groups/<alpha>/invites")
    (invitation,) = answer.json()
    assert "Deprecation" in answer.headers and "Sunset" in answer.headers
    assert invitation["username"] == "lee@partner.example" == sim.legacy("alpha")[0]["username"]
    assert "lee@partner.example" not in api.users(orgMembershipStatuses=ALL)
    assert api.get("/groups/<alpha>/invites", username="x@corp.example").json() == []
    assert api.delete(f"/groups/<alpha>/invites/{invitation['id']}").status_code == 204
    assert sim.legacy("alpha") == []
    assert api.delete(f"/groups/<alpha>/invites/{invitation['id']}").status_code == 404


def test_legacy_needs_an_owner(api, code_of):
    assert code_of(api.as_("projects-token").get("/groups/<alpha>/invites")) == (401, "USER_UNAUTHORIZED")
    assert api.as_("projects-token").get("/groups/<beta>/invites").status_code == 200


def test_legacy_gone(api, sim, code_of):
    sim.knobs.legacy_gone = True
    assert code_of(api.get("/groups/<alpha>/invites")) == (410, "VERSION_GONE")


# -- who sees what ---------------------------------------------------------------------------------------------------


def test_project_credential(api, code_of):
    few = api.as_("projects-token")
    assert [row["name"] for row in few.get("/groups").json()["results"]] == ["alpha", "beta"]
    assert code_of(few.get("/groups/<gamma>/users")) == (404, "GROUP_NOT_FOUND")
    accounts = api.get("/groups/<alpha>/serviceAccounts").json()["results"]
    assert [account["roles"] for account in accounts] == [["GROUP_ACCESS_MANAGER"]]


def test_project_credential_is_a_member_of_the_organization(api, sim):
    few = api.as_("projects-token")
    org = sim.world.orgs[few.get("/orgs").json()["results"][0]["id"]]
    for path in ("users", "teams", f"teams/{next(iter(org.teams))}/users"):
        assert few.get(f"/orgs/{org.id}/{path}").json() == api.get(f"/orgs/{org.id}/{path}").json(), path
    for client, names in ((api, ["alpha", "beta", "gamma"]), (few, ["alpha", "beta"])):
        rows = client.get(f"/orgs/{org.id}/groups").json()["results"]
        assert [row["name"] for row in rows] == names, "a member sees the projects that it was added to"


@pytest.mark.parametrize("status", [401, 403])
def test_project_credential_denied(api, sim, code_of, status):
    sim.knobs.org_member_reads, sim.knobs.org_denied_status = False, status
    org, few = api.get("/orgs").json()["results"][0]["id"], api.as_("projects-token")
    assert few.get("/orgs").json()["results"] == []
    for path in ("", "/users", "/teams", "/groups"):
        assert code_of(few.get(f"/orgs/{org}{path}")) == (status, "USER_CANNOT_ACCESS_ORG")
        assert api.get(f"/orgs/{org}{path}").status_code == 200


def test_members_of_the_organization_see_what_they_were_added_to(client_for):
    def account(number, **given):
        return {"mdb_sa_id_" + str(number) * 24: {"secret": "s", "access_tokens": [f"t{number}"], **given}}

    accounts = {
        **account(1, role="ORG_MEMBER"),
        **account(2, role="ORG_READ_ONLY", projects={"one": "GROUP_OWNER"}),
    }
    world = {"organizations": {"O": {"service_accounts": accounts, "projects": {"one": {}, "two": {}}}}}
    with Simulator(world) as sim:
        member, reader = client_for(sim, "t1"), client_for(sim, "t2")
        assert member.get("/groups").json()["results"] == []
        assert member.get("/groups/<one>").status_code == 404
        assert len(member.get("/orgs").json()["results"]) == 1
        assert [row["name"] for row in reader.get("/groups").json()["results"]] == ["one", "two"]
        assert reader.get("/groups/<one>/invites").status_code == 200
        assert reader.get("/groups/<two>/invites").status_code == 401


def test_api_keys(api, sim):
    (key,) = api.get("/groups/<alpha>/apiKeys").json()["results"]
    org_id = sim.world.project("alpha").org.id
    assert key["publicKey"] == "alphakey" and key["privateKey"] == "********-****-****--private-key"
    assert key["roles"] == [
        {"groupId": sim.project_id("alpha"), "roleName": "GROUP_OWNER"},
        {"orgId": org_id, "roleName": "ORG_MEMBER"},
    ]
    assert key["links"][0]["href"].endswith(f"/orgs/{org_id}/apiKeys/{key['id']}")


def test_reader_cannot_write(api, code_of, sim):
    before = sim.state()
    reader = api.as_("reader-token")
    assert len(reader.users()) == 5
    assert code_of(reader.delete("/groups/<alpha>/users/<dan@corp.example>")) == (401, "NOT_GROUP_USER_ADMIN")
    assert sim.state() == before


def test_unknown_project(api, sim, code_of):
    answer = api.get("/groups/" + "0" * 24 + "/users")
    assert code_of(answer) == (404, "GROUP_NOT_FOUND") and answer.json()["parameters"] == ["0" * 24]
    assert "RateLimit-Limit" not in answer.headers
    sim.knobs.unknown_project = 401
    assert code_of(api.get("/groups/" + "0" * 24 + "/users")) == (401, "NOT_IN_GROUP")


def test_no_such_path(sim, api):
    answer = api.session.get(sim.url + "/api/atlas/v2/nothing")
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "RESOURCE_NOT_FOUND")
    assert api.session.put(sim.url + "/api/atlas/v2/groups").status_code == 405
