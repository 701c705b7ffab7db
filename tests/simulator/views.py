# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state as the JSON documents of the API."""

from __future__ import annotations

import time
from typing import Any

from .world import (
    DAY,
    INVITATION_DAYS,
    Credential,
    LegacyInvitation,
    Organization,
    Project,
    Roles,
    Secret,
    Team,
    User,
    derive,
)

# The recorded links name a host that clients cannot reach; so do these.
LINK_BASE = "http://internal.atlas.invalid:8080"
Document = dict[str, Any]


def iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def links(path: str, rel: str = "self") -> list[Document]:
    return [{"href": LINK_BASE + path, "rel": rel}]


def person(user: User) -> Document:
    """The fields that depend on the status only."""
    document: Document = {"id": user.id, "orgMembershipStatus": user.status, "username": user.username}
    if user.status == "ACTIVE":
        document.update(
            createdAt=iso(user.created_at),
            firstName=user.first_name,
            lastName=user.last_name,
            country=user.country,
            mobileNumber=None,
        )
        if user.last_auth is not None:
            document["lastAuth"] = iso(user.last_auth)
        return document
    rejected = user.status == "INVITATION_REJECTED"
    document.update(
        invitationCreatedAt=iso(user.invited_at),
        inviterUsername=user.inviter,
        invitationExpiresAt=None if rejected else iso(user.invited_at + INVITATION_DAYS * DAY),
    )
    return document


def project_user(user: User, roles: Roles) -> Document:
    return {**person(user), "roles": list(roles)}


def org_user(user: User, org: Organization, assignments: dict[str, list[Document]]) -> Document:
    teams = [team.id for team in org.teams.values() if user.id in team.members]
    roles = {"groupRoleAssignments": assignments.get(user.id, []), "orgRoles": list(user.org_roles)}
    return {**person(user), "teamIds": teams, "roles": roles}


def assignments(org: Organization) -> dict[str, list[Document]]:
    """The direct project roles of everybody, by user id."""
    found: dict[str, list[Document]] = {}
    for project in org.projects.values():
        for user_id, roles in project.members.items():
            found.setdefault(user_id, []).append({"groupId": project.id, "groupRoles": list(roles)})
    return found


def project(entry: Project) -> Document:
    return {
        "clusterCount": 0,
        "created": iso(entry.created),
        "id": entry.id,
        "name": entry.name,
        "orgId": entry.org.id,
        "tags": [{"key": key, "value": value} for key, value in entry.tags.items()],
        "withDefaultAlertsSettings": True,
        "links": links(f"/api/atlas/v2/groups/{entry.id}"),
    }


def organization(org: Organization) -> Document:
    return {"id": org.id, "name": org.name, "isDeleted": False, "links": links(f"/api/atlas/v2/orgs/{org.id}")}


def team(entry: Team, org: Organization) -> Document:
    return {"id": entry.id, "name": entry.name, "links": links(f"/api/atlas/v2/orgs/{org.id}/teams/{entry.id}")}


def team_role(team_id: str, roles: Roles, entry: Project) -> Document:
    return {
        "teamId": team_id,
        "roleNames": list(roles),
        "links": links(f"/api/atlas/v2/groups/{entry.id}/teams/{team_id}"),
    }


def legacy_invitation(invitation: LegacyInvitation, entry: Project) -> Document:
    return {
        "id": invitation.id,
        "groupId": entry.id,
        "groupName": entry.name,
        "username": invitation.username,
        "roles": list(invitation.roles),
        "inviterUsername": invitation.inviter,
        "createdAt": iso(invitation.created),
        "expiresAt": iso(invitation.created + INVITATION_DAYS * DAY),
        "links": links(f"/api/atlas/v2/groups/{entry.id}/invites/{invitation.id}"),
    }


def service_account(account: Credential, roles: Roles) -> Document:
    """With the roles of the organization or of a project, whichever was asked."""
    return {
        "clientId": account.id,
        "name": account.name,
        "description": account.name,
        "createdAt": iso(account.created),
        "roles": list(roles),
        "secrets": [_secret(account, one) for one in account.secrets],
    }


def _secret(account: Credential, entry: Secret) -> Document:
    document = {
        "id": entry.id,
        "createdAt": iso(entry.created),
        "expiresAt": iso(entry.expires),
        "maskedSecretValue": "mdb_sa_sk_..." + account.secret[-4:],
    }
    return document if entry.last_used is None else {**document, "lastUsedAt": iso(entry.last_used)}


def api_key(key: Credential) -> Document:
    """The same in every listing: roles of all its projects and of the organization, the end of its secret."""
    key_id = derive("api key", key.id)
    in_projects = [
        {"groupId": project_id, "roleName": role} for project_id, roles in key.projects.items() for role in roles
    ]
    return {
        "id": key_id,
        "desc": key.name,
        "publicKey": key.id,
        "privateKey": "********-****-****-" + key.secret[-12:],
        "roles": [*in_projects, {"orgId": key.org.id, "roleName": key.role}],
        "links": links(f"/api/atlas/v2/orgs/{key.org.id}/apiKeys/{key_id}"),
    }
