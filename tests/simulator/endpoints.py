# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of endpoints (path, version, rate limit, what the caller needs), and the resource that tells of limits."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from . import directory, programs, reads, writes
from .call import ID, Call, Handler
from .errors import bad_request
from .limits import Limit
from .views import Document

PREFIX = "/api/atlas/v2"
PAGING = frozenset({"pageNum", "itemsPerPage", "includeCount"})
EVENTS = PAGING | {"eventType", "includeRaw", "minDate", "maxDate"}
STATUS = frozenset({"orgMembershipStatus", "orgMembershipStatuses"})
FIRST, USERS, ACCOUNTS, LIMITS = "2023-01-01", "2025-02-19", "2024-08-05", "2025-03-12"

# What the caller needs: nothing, a place in the organization, or in the project one of these powers.
READ = frozenset({"GROUP_READ_ONLY"})
WRITE = frozenset({"GROUP_OWNER", "GROUP_ACCESS_MANAGER"})
OWNER = frozenset({"GROUP_OWNER"})
ORG_OWNER = frozenset({"ORG_OWNER"})
# Or more than a place in the organization.
ORG_READ = frozenset({"ORG_OWNER", "ORG_READ_ONLY"})


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    version: str
    limit: str
    handler: Handler
    needs: frozenset[str] = READ
    query: frozenset[str] = frozenset()
    success: int = 200
    has_body: bool = False
    deprecated: bool = False


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


def list_rate_limits(call: Call) -> Document:
    scopes = {"groupId": "GROUP", "orgId": "ORGANIZATION", "userId": "USER", "ipAddress": "IP"}
    wanted = [scope for name, scope in scopes.items() if name in call.query]
    _check_scopes(call)
    names, paths = call.query.get("name"), set(call.query.get("endpointPath", ()))
    documents = [
        _limit(limit)
        for limit in call.service.buckets.limits.values()
        if (not wanted or limit.scope in wanted) and (names is None or limit.title in names)
    ]
    found = [entry for entry in documents if not paths or paths & {held["path"] for held in entry["endpoints"]}]
    return call.page(found, lambda entry: entry)


def _check_scopes(call: Call) -> None:
    """The id of a credential takes many forms; those of the others and addresses do not."""
    for name in ("groupId", "orgId"):
        text = call.text(name)
        if text is not None and not ID.match(text):
            raise bad_request("INVALID_QUERY_PARAMETER", f"Query parameter {name} is no id: {text}.", name)
    try:
        ip_address(call.text("ipAddress") or "127.0.0.1")
    except ValueError as error:
        raise bad_request("INVALID_QUERY_PARAMETER", f"Query parameter ipAddress: {error}.", "ipAddress") from None


def _limit(limit: Limit) -> Document:
    endpoints = [
        {"method": endpoint.method, "path": PREFIX + endpoint.path}
        for endpoint in ENDPOINTS
        if endpoint.limit == limit.name
    ]
    return {
        "endpointSetId": limit.name,
        "endpointSetName": limit.title,
        "scope": limit.scope,
        "endpoints": endpoints,
        "capacity": {"value": int(limit.capacity)},
        "refillRate": {"value": int(limit.refill)},
        "refillDurationSeconds": {"value": int(limit.period_s)},
    }


PROJECT, ORG = "/groups/{groupId}", "/orgs/{orgId}"
USER = PROJECT + "/users/{userId}"
ORG_USER = ORG + "/users/{userId}"
TEAM = ORG + "/teams/{teamId}"
INVITE = PROJECT + "/invites/{invitationId}"

ENDPOINTS = (
    Endpoint(
        "GET",
        PROJECT + "/users",
        USERS,
        "project_users",
        reads.list_project_users,
        query=PAGING | STATUS | _names("flattenTeams", "includeOrgUsers", "username"),
    ),
    Endpoint(
        "POST", PROJECT + "/users", USERS, "project_users", writes.add_project_user, WRITE, success=201, has_body=True
    ),
    Endpoint("POST", USER + ":addRole", USERS, "project_users", writes.add_project_role, WRITE, has_body=True),
    Endpoint("POST", USER + ":removeRole", USERS, "project_users", writes.remove_project_role, WRITE, has_body=True),
    Endpoint("GET", USER, USERS, "project_users", reads.get_project_user, query=_names("orgMembershipStatuses")),
    Endpoint("DELETE", USER, USERS, "project_users", writes.remove_project_user, WRITE, success=204),
    Endpoint("GET", "/groups", FIRST, "projects", reads.list_projects, query=PAGING),
    Endpoint("GET", "/groups/byName/{groupName}", FIRST, "projects", reads.get_project_by_name),
    Endpoint("GET", PROJECT, FIRST, "project", reads.get_project),
    Endpoint("GET", PROJECT + "/teams", FIRST, "project_teams", reads.list_project_teams, query=PAGING),
    Endpoint(
        "GET",
        PROJECT + "/invites",
        FIRST,
        "project",
        writes.list_invitations,
        OWNER,
        query=_names("username"),
        deprecated=True,
    ),
    Endpoint("GET", INVITE, FIRST, "project", writes.get_invitation, OWNER, deprecated=True),
    Endpoint("DELETE", INVITE, FIRST, "project", writes.delete_invitation, OWNER, success=204, deprecated=True),
    Endpoint(
        "GET",
        PROJECT + "/events",
        FIRST,
        "project_events",
        reads.list_events,
        query=EVENTS | _names("excludedEventType", "clusterNames"),
    ),
    Endpoint(
        "GET",
        PROJECT + "/serviceAccounts",
        ACCOUNTS,
        "project_service_accounts",
        programs.list_service_accounts,
        query=_names("pageNum", "itemsPerPage", "includeSystemManaged"),
    ),
    Endpoint("GET", PROJECT + "/apiKeys", FIRST, "project_api_keys", programs.list_api_keys, query=PAGING),
    Endpoint("GET", "/orgs", FIRST, "orgs", reads.list_orgs, query=PAGING | _names("name")),
    Endpoint("GET", ORG, FIRST, "org", reads.get_org),
    Endpoint("GET", ORG + "/groups", FIRST, "org", reads.list_org_projects, query=PAGING | _names("name")),
    Endpoint(
        "GET", ORG + "/users", USERS, "org_users", reads.list_org_users, query=PAGING | STATUS | _names("username")
    ),
    Endpoint("GET", ORG_USER, USERS, "org_users", reads.get_org_user, query=_names("orgMembershipStatuses")),
    Endpoint("POST", ORG + "/users", USERS, "org_users", directory.add_org_user, ORG_OWNER, success=201, has_body=True),
    Endpoint("DELETE", ORG_USER, USERS, "org_users", directory.remove_org_user, ORG_OWNER, success=204),
    Endpoint("POST", ORG_USER + ":addRole", USERS, "org_users", directory.add_org_role, ORG_OWNER, has_body=True),
    Endpoint("POST", ORG_USER + ":removeRole", USERS, "org_users", directory.remove_org_role, ORG_OWNER, has_body=True),
    Endpoint("POST", TEAM + ":addUser", USERS, "org_teams", directory.add_team_user, ORG_OWNER, has_body=True),
    Endpoint("POST", TEAM + ":removeUser", USERS, "org_teams", directory.remove_team_user, ORG_OWNER, has_body=True),
    Endpoint("GET", ORG + "/teams", FIRST, "org_teams", reads.list_org_teams, query=PAGING),
    Endpoint("GET", TEAM, FIRST, "org_teams", reads.get_org_team),
    Endpoint(
        "GET",
        TEAM + "/users",
        USERS,
        "org_teams",
        reads.list_team_users,
        query=STATUS | _names("pageNum", "itemsPerPage", "username", "userId"),
    ),
    Endpoint("GET", ORG + "/events", FIRST, "org_events", reads.list_org_events, query=EVENTS),
    Endpoint("GET", ORG + "/apiKeys", FIRST, "org_api_keys", programs.list_org_api_keys, query=PAGING),
    Endpoint(
        "GET",
        ORG + "/serviceAccounts",
        ACCOUNTS,
        "org_service_accounts",
        programs.list_org_service_accounts,
        ORG_READ,
        query=_names("pageNum", "itemsPerPage", "includeSystemManaged"),
    ),
    Endpoint(
        "GET",
        ORG + "/serviceAccounts/{clientId}/groups",
        ACCOUNTS,
        "org_service_accounts",
        programs.list_account_projects,
        ORG_READ,
        query=_names("pageNum", "itemsPerPage"),
    ),
    Endpoint(
        "GET",
        "/rateLimits",
        LIMITS,
        "rate_limits",
        list_rate_limits,
        query=_names("pageNum", "itemsPerPage", "groupId", "orgId", "userId", "ipAddress", "name", "endpointPath"),
    ),
)
