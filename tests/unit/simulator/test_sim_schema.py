# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of the official schema is there, takes its parameters, and answers in its shape."""

from __future__ import annotations

import re

import pytest

from simulator.endpoints import ENDPOINTS, PREFIX

ALPHA, ANN = "<alpha>", "<ann@corp.example>"
CALLS = {
    "/orgs": {},
    "/orgs/{orgId}": {},
    "/orgs/{orgId}/groups": {"name": "al"},
    "/groups": {},
    "/groups/{groupId}": {},
    "/groups/byName/{groupName}": {},
    "/groups/{groupId}/users/{userId}": {},
    "/groups/{groupId}/users": {
        "flattenTeams": "true",
        "includeOrgUsers": "true",
        "orgMembershipStatuses": ["ACTIVE", "PENDING", "INVITATION_EXPIRED", "INVITATION_REJECTED"],
    },
    "/groups/{groupId}/teams": {},
    "/orgs/{orgId}/teams": {},
    "/orgs/{orgId}/teams/{teamId}": {},
    "/orgs/{orgId}/teams/{teamId}/users": {},
    "/orgs/{orgId}/users": {},
    "/orgs/{orgId}/users/{userId}": {},
    "/groups/{groupId}/invites": {},
    "/groups/{groupId}/invites/{invitationId}": {},
    "/groups/{groupId}/events": {"includeRaw": "true"},
    "/groups/{groupId}/serviceAccounts": {},
    "/groups/{groupId}/apiKeys": {},
    "/rateLimits": {},
}


@pytest.fixture
def real_path(sim):
    org = next(iter(sim.world.orgs.values()))
    ids = {
        "orgId": org.id,
        "groupId": sim.project_id("alpha"),
        "groupName": "alpha",
        "userId": sim.user_id("ann@corp.example"),
        "teamId": next(iter(org.teams)),
        "invitationId": sim.legacy("alpha")[0]["id"],
    }
    return lambda path: re.sub(r"{(\w+)}", lambda name: ids[name[1]], path)


def test_all_operations_are_served(schema):
    official = {
        (method.upper(), path)
        for path, item in schema.spec["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert official == {(endpoint.method, PREFIX + endpoint.path) for endpoint in ENDPOINTS}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_parameters_and_version(schema, endpoint):
    operation = schema.spec["paths"][PREFIX + endpoint.path][endpoint.method.lower()]
    names = {parameter.get("name") or parameter["$ref"].rpartition("/")[2] for parameter in operation["parameters"]}
    assert set(endpoint.query) == {name for name in names if "{" + name + "}" not in endpoint.path}
    described = operation["responses"][str(endpoint.success)]
    assert list(described["content"]) == [f"application/vnd.atlas.{endpoint.version}+json"]
    assert endpoint.has_body == ("requestBody" in operation)


@pytest.mark.parametrize("path", CALLS)
def test_answers_of_reads(schema, api, sim, real_path, path):
    api.post("/groups/<alpha>/users/<dan@corp.example>:addRole", groupRole="GROUP_OWNER")  # an event
    answer = api.get(real_path(path), **CALLS[path])
    assert answer.status_code == 200
    document = answer.json()
    assert document if isinstance(document, list) else document.get("results", True), "an empty answer proves little"


def test_answers_of_writes(schema, api):
    user = "/groups/<alpha>/users/<dan@corp.example>"
    assert api.post("/groups/<alpha>/users", username="new@corp.example", roles=["GROUP_OWNER"]).status_code == 201
    assert api.post(user + ":addRole", groupRole="GROUP_OWNER").status_code == 200
    assert api.post(user + ":removeRole", groupRole="GROUP_OWNER").status_code == 200
    assert api.delete(user).status_code == 204


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/groups/" + "0" * 24),
        ("GET", "/groups/xyz/users"),
        ("GET", "/orgs/" + "0" * 24),
        ("GET", "/orgs/xyz"),
        ("GET", "/groups/byName/nothing"),
        ("DELETE", "/groups/<alpha>/users/" + "0" * 24),
        ("GET", "/groups/<alpha>/users/xyz"),
        ("GET", "/groups/<alpha>/invites/" + "0" * 24),
    ],
)
def test_answers_for_what_is_not_there(schema, api, method, path):
    assert api.call(method, path).status_code == 404


def test_links_lead_nowhere(api, sim):
    for link in api.get("/groups").json()["links"]:
        assert not link["href"].startswith(sim.url)
