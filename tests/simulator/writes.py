# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers that change who is in a project. The rules are those of the Atlas API documentation."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from . import views
from .call import Call
from .errors import ApiError, bad_request, not_a_member
from .limits import Window
from .loading import new_user
from .reads import inherited_roles
from .views import Document
from .world import LegacyInvitation, Organization, Project, Roles, Team, User, derive

EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")
ROLE = re.compile(r"^GROUP_[A-Z_]+$")
OWNER = "GROUP_OWNER"
INVITATION_ENDED = ("INVITATION_EXPIRED", "INVITATION_REJECTED")


# -- the four writes -------------------------------------------------------------------------------------------------


def add_project_user(call: Call) -> Document:
    """Active in the organization: access at once. Invited: the invitation covers this project too.

    Unknown, expired or rejected: a new invitation to the organization and this project.
    """
    email, roles = _new_membership(call)
    user = call.project.org.user(email)
    if user is None or user.status in INVITATION_ENDED:
        count_invitation(call)
        user = invite(call, call.project.org, email, user)
    elif user.id in call.project.members:
        raise ApiError(
            409,
            "USER_ALREADY_IN_GROUP",
            f"User {user.username} is already in group {call.project.id}.",
            [user.username, call.project.id],
        )
    _set_roles(call, user, roles)
    _record(call, "JOINED_GROUP" if user.status == "ACTIVE" else "INVITED_TO_GROUP", user.username)
    return views.project_user(user, roles)


def remove_project_user(call: Call) -> None:
    user, roles = _target(call)
    if roles is None:
        return
    if OWNER in roles:
        _keep_an_owner(call, user)
    _set_roles(call, user, None)
    joined = user.status == "ACTIVE"
    _record(call, "REMOVED_FROM_GROUP" if joined else "GROUP_INVITATION_DELETED", user.username)


def add_project_role(call: Call) -> Document:
    role = _one_role(call)
    user, roles = _target(call, only_direct=True)
    assert roles is not None
    if role in roles and call.service.knobs.add_role_held == 409:
        raise ApiError(409, "INVALID_ROLE_ASSIGNMENT", f"User {user.username} already has role {role}.", [role])
    if role not in roles:
        roles = (*roles, role)
        _set_roles(call, user, roles)
        _record(call, "USER_ROLES_CHANGED_AUDIT", user.username)
    return views.project_user(user, roles)


def remove_project_role(call: Call) -> Document:
    role = _one_role(call)
    user, roles = _target(call)
    if roles is None:
        return views.project_user(user, ())
    if role not in roles:
        return _role_not_held(call, user, roles, role)
    if len(roles) == 1:
        raise ApiError(
            call.service.knobs.last_role_status,
            "CANNOT_REMOVE_ALL_USER_ROLES",
            "You cannot remove all roles from a user. Specify at least one role.",
            [user.username],
        )
    if role == OWNER:
        _keep_an_owner(call, user)
    left = tuple(held for held in roles if held != role)
    _set_roles(call, user, left)
    _record(call, "USER_ROLES_CHANGED_AUDIT", user.username)
    return views.project_user(user, left)


# -- deprecated invitations ------------------------------------------------------------------------------------------


def list_invitations(call: Call) -> list[Document]:
    wanted = call.text("username")
    return [
        views.legacy_invitation(invitation, call.project)
        for invitation in call.project.legacy.values()
        if wanted in (None, invitation.username)
    ]


def get_invitation(call: Call) -> Document:
    return views.legacy_invitation(_invitation(call), call.project)


def delete_invitation(call: Call) -> None:
    invitation = _invitation(call)
    del call.project.legacy[invitation.id]
    _record(call, "GROUP_INVITATION_DELETED", invitation.username)


def _invitation(call: Call) -> LegacyInvitation:
    invitation = call.project.legacy.get(call.params["invitationId"])
    if invitation is None:
        raise ApiError(404, "INVALID_INVITATION_ID", "No such invitation exists.", [call.params["invitationId"]])
    return invitation


# -- what the body says ----------------------------------------------------------------------------------------------


def _new_membership(call: Call) -> tuple[str, Roles]:
    check_attributes(call.body, ("username", "roles"))
    email, roles = call.body["username"], call.body["roles"]
    if not isinstance(email, str) or not EMAIL.match(email):
        raise bad_request("INVALID_EMAIL_ADDRESS", f"{email} is no email address.", email)
    if not isinstance(roles, list) or not roles or len(set(map(str, roles))) < len(roles):
        raise bad_request("INVALID_ATTRIBUTE", "Attribute roles must be a list of different roles.", "roles")
    for role in roles:
        _check_role(call, role)
    return email, tuple(roles)


def _one_role(call: Call) -> str:
    check_attributes(call.body, ("groupRole",))
    role = call.body["groupRole"]
    _check_role(call, role)
    return str(role)


def check_attributes(body: Document, names: tuple[str, ...]) -> None:
    """All of these and no others."""
    for name in body:
        if name not in names:
            raise bad_request("INVALID_ATTRIBUTE", f"Attribute {name} is not known here.", name)
    for name in names:
        if name not in body:
            raise bad_request("MISSING_ATTRIBUTE", f"The required attribute {name} was not specified.", name)


def _check_role(call: Call, role: Any) -> None:
    if isinstance(role, str) and role.startswith("ORG_"):
        raise bad_request("CANNOT_ADD_ORG_ROLE", f"{role} is an organization role.", role)
    if not isinstance(role, str) or not ROLE.match(role) or role not in call.service.knobs.known_roles:
        raise bad_request("INVALID_ROLE_FOR_GROUP", f"Role {role} is invalid for group {call.project.id}.", role)


# -- rules -----------------------------------------------------------------------------------------------------------


def _target(call: Call, only_direct: bool = False) -> tuple[User, Roles | None]:
    """The member that the path names; no roles means: in by a team or an organization role only, and let through."""
    user_id = call.id_param("userId", "INVALID_USER_ID")
    project, knobs = call.project, call.service.knobs
    roles = project.members.get(user_id)
    if roles is None:
        if only_direct or user_id not in inherited_roles(project):
            raise not_a_member(user_id, project.id)
        _refuse_inherited(knobs.team_only_write, user_id, project)
        return project.org.users[user_id], None
    user = project.org.users[user_id]
    if user.status in INVITATION_ENDED and not knobs.expired_removable:
        raise not_a_member(user_id, project.id)
    return user, roles


def _refuse_inherited(status: int, user_id: str, project: Project) -> None:
    if status == 404:
        raise not_a_member(user_id, project.id)
    if status != 204:
        code = "INVALID_USER" if status == 400 else "ACCESS_FORBIDDEN"
        raise ApiError(status, code, f"User {user_id} has no direct role in group {project.id}.", [user_id])


def _role_not_held(call: Call, user: User, roles: Roles, role: str) -> Document:
    status = call.service.knobs.remove_role_not_held
    if status == 200:
        return views.project_user(user, roles)
    code = "RESOURCE_NOT_FOUND" if status == 404 else "INVALID_ROLE_ASSIGNMENT"
    raise ApiError(status, code, f"User {user.username} does not have role {role}.", [role])


def _keep_an_owner(call: Call, leaving: User) -> None:
    if call.service.knobs.last_owner == "allow" or leaving.status != "ACTIVE":
        return
    project = call.project
    users = project.org.users
    others = [
        user_id
        for user_id, roles in project.members.items()
        if OWNER in roles and user_id != leaving.id and users[user_id].status == "ACTIVE"
    ]
    teams = [
        member
        for team_id, roles in project.teams.items()
        if OWNER in roles
        for member in project.org.teams[team_id].members
        if users[member].status == "ACTIVE"
    ]
    if not others and not teams:
        raise ApiError(
            403,
            call.service.knobs.last_owner_code,
            f"Group {project.id} would be left without a Project Owner.",
            [project.id],
        )


def count_invitation(call: Call) -> None:
    knobs = call.service.knobs
    if not knobs.invitations:
        return
    window = call.service.invitations.setdefault(call.client, Window())
    if window.take(knobs.invitations, knobs.invitation_window_s, call.now):
        raise bad_request(
            "INVITATIONS_RATE_LIMITED_IP",
            f"Invitations are limited to {knobs.invitations} per minute and IP address.",
            call.client,
        )


# -- changing the state ----------------------------------------------------------------------------------------------


def invite(call: Call, org: Organization, email: str, ended: User | None) -> User:
    """A new invitation; an expired or rejected one goes, in every project."""
    if ended is None:
        return org.add_user(new_user(email, call.now, "PENDING", invited=views.iso(call.now), by=call.credential.id))
    for project in org.projects.values():
        project.members.pop(ended.id, None)
    call.service.world.changed_people(org)
    renewed = replace(ended, status="PENDING", invited_at=call.now, inviter=call.credential.id)
    if call.service.knobs.renewed_id == "new":
        org.drop_user(ended)
        renewed.id = derive("user", ended.username.lower(), ended.id)
    return org.add_user(renewed)


def _set_roles(call: Call, user: User, roles: Roles | None) -> None:
    project = call.project
    lag = call.service.knobs.read_after_write_lag_s
    if lag:
        project.past = [entry for entry in project.past if entry[0] + lag > call.now]
        project.past.append((call.now, dict(project.members)))
    if roles is None:
        del project.members[user.id]
    else:
        project.members[user.id] = roles
    call.service.world.changed(project)


def _record(call: Call, kind: str, username: str) -> None:
    project = call.project
    place = {"groupId": project.id, "orgId": project.org.id}
    project.events.append((call.now, _event(call, kind, username, place, len(project.events), f"groups/{project.id}")))


def record_in_org(call: Call, kind: str, username: str, team: Team | None = None) -> None:
    """What happened to somebody in the organization or one of its teams."""
    org = call.org
    place = {"orgId": org.id, **({"teamId": team.id} if team and call.service.knobs.event_team else {})}
    org.events.append((call.now, _event(call, kind, username, place, len(org.events), f"orgs/{org.id}")))


def _event(call: Call, kind: str, username: str, place: Document, number: int, path: str) -> Document:
    return {
        "id": derive("event", path.rpartition("/")[2], str(number)),
        "created": views.iso(call.now),
        "eventTypeName": kind,
        **place,
        "targetUsername": username,
        "isGlobalAdmin": False,
        "remoteAddress": call.client,
        **call.actor(),
        "links": views.links(f"/api/atlas/v2/{path}/events"),
    }
