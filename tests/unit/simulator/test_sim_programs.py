# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API keys and service accounts of an organization: what is listed, for whom, and with which roles."""

from __future__ import annotations

import pytest

from simulator import Simulator

OWNER, MANAGED, OLD = ("mdb_sa_id_" + digit * 24 for digit in "123")
WORLD = {
    "organizations": {
        "O": {
            "service_accounts": {
                OWNER: {"secret": "mdb_sa_sk_seed-1", "role": "ORG_OWNER", "access_tokens": ["t"]},
                MANAGED: {"secret": "mdb_sa_sk_seed-2", "system_managed": True, "projects": {"one": "GROUP_OWNER"}},
                OLD: {
                    "secret": "mdb_sa_sk_seed-3",
                    "created": "-500d",
                    "projects": {"one": "GROUP_READ_ONLY", "two": "GROUP_OWNER"},
                    "secrets": [{"created": "-400d", "expires": "-35d", "last_used": "-40d"}, {"created": "-20d"}],
                },
            },
            "api_keys": {"firstkey": {"private_key": "seed", "projects": {"one": "GROUP_OWNER"}}},
            "projects": {"one": {}, "two": {}},
        }
    }
}


@pytest.fixture(scope="module")
def world():
    with Simulator(WORLD) as sim:
        yield sim


@pytest.fixture
def org(world, client_for):
    client = client_for(world, "t")
    path = f"/orgs/{next(iter(world.world.orgs))}"
    return lambda rest, **query: client.get(path + rest, **query)


def test_accounts_that_mongodb_manages_come_only_when_asked_for(org):
    def listed(**query):
        return [row["clientId"] for row in org("/serviceAccounts", **query).json()["results"]]

    assert listed() == listed(includeSystemManaged="false") == [OWNER, OLD]
    assert listed(includeSystemManaged="true") == [OWNER, MANAGED, OLD]


def test_the_organization_tells_its_own_roles_and_the_secrets_of_an_account(org):
    old = org("/serviceAccounts").json()["results"][-1]
    assert old["roles"] == ["ORG_MEMBER"]
    first, second = old["secrets"]
    assert first["lastUsedAt"] < first["expiresAt"] and "lastUsedAt" not in second


@pytest.mark.parametrize("told", [True, False])
def test_the_projects_of_an_account(world, org, told):
    world.knobs.account_project_roles = told
    rows = org(f"/serviceAccounts/{OLD}/groups").json()["results"]
    assert [row["groupId"] for row in rows] == [world.project_id("one"), world.project_id("two")]
    assert [row.get("roles") for row in rows] == ([["GROUP_READ_ONLY"], ["GROUP_OWNER"]] if told else [None, None])


def test_an_account_that_is_not_there(org):
    assert org(f"/serviceAccounts/mdb_sa_id_{'9' * 24}/groups").status_code == 404


def test_the_organization_lists_each_key_with_all_its_roles(org):
    (key,) = org("/apiKeys").json()["results"]
    assert key["publicKey"] == "firstkey" and [role["roleName"] for role in key["roles"]] == [
        "GROUP_OWNER",
        "ORG_MEMBER",
    ]


@pytest.mark.parametrize("status", [401, 403])
def test_a_member_of_the_organization_reads_keys_and_no_service_accounts(sim, api, code_of, status):
    sim.knobs.org_denied_status = status
    few, org = api.as_("projects-token"), f"/orgs/{next(iter(sim.world.orgs))}"
    assert few.get(f"{org}/apiKeys").status_code == 200
    for path in ("/serviceAccounts", "/serviceAccounts/mdb_sa_id_1123456789abcdef01234567/groups"):
        assert code_of(few.get(org + path)) == (status, "USER_UNAUTHORIZED")
        assert api.as_("reader-token").get(org + path).status_code == 200
