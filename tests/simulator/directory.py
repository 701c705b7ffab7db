# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers that change who is in a team or in the organization. What the documentation leaves open is a knob."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from . import views
from .call import Call
from .errors import ApiError, bad_request
from .reads import assignments_of, team_of
from .views import Document
from .world import Organization, Roles, Team, User
from .writes import EMAIL, INVITATION_ENDED, check_attributes, count_invitation, invite, record_in_org

ORG_ROLE = re.compile(r"^ORG_[A-Z_]+$")
ORG_OWNER = "ORG_OWNER"


# -- teams -----------------------------------------------------------------------------------------------------------


def add_team_user(call: Call) -> Document:
    """People who are ACTIVE or invited; those whose invitation ended are not in the organization."""
    team, user = team_of(call), _named(call)
    if user.status in INVITATION_ENDED:
        raise _not_in_org(user.id, call.org)
    if user.id in team.members:
        # Which code that is is written nowhere.
        raise ApiError(400, None, f"User {user.username} is already in team {team.name}.", [user.username])
    _set_members(call, team, [*team.members, user.id])
    record_in_org(call, "JOINED_TEAM" if user.status == "ACTIVE" else "INVITED_TO_TEAM", user.username, team)
    return _shown(call, user)


def remove_team_user(call: Call) -> Document:
    team, user = team_of(call), _named(call)
    if user.id not in team.members:
        raise ApiError(call.service.knobs.already_gone, None, f"User {user.username} is not in team {team.name}.")
    if team.members == [user.id]:
        raise ApiError(
            call.service.knobs.last_of_team,
            "CANNOT_REMOVE_LAST_USER_FROM_TEAM",
            f"The last user of the team {team.name} cannot be removed.",
            [team.id],
        )
    _set_members(call, team, [member for member in team.members if member != user.id])
    record_in_org(call, "REMOVED_FROM_TEAM", user.username, team)
    return _shown(call, user)


def _named(call: Call) -> User:
    check_attributes(call.body, ("id",))
    user_id = call.body["id"]
    if not isinstance(user_id, str) or not re.match(r"^[a-f0-9]{24}$", user_id):
        raise bad_request("INVALID_ATTRIBUTE", "Attribute id is no id.", "id")
    user = call.org.users.get(user_id)
    if user is None:
        raise _not_in_org(user_id, call.org)
    return user


def _set_members(call: Call, team: Team, members: list[str]) -> None:
    call.org.remember(call.now, call.service.knobs.read_after_write_lag_s)
    team.members = members
    call.service.world.changed_people(call.org)


# -- the organization ------------------------------------------------------------------------------------------------


def add_org_user(call: Call) -> Document:
    """A new invitation; one that expired or was rejected is replaced."""
    email, roles = _new_person(call)
    user = call.org.user(email)
    if user is not None and user.status not in INVITATION_ENDED:
        raise ApiError(409, "USER_ALREADY_IN_ORG", f"User {user.username} is already in the organization.", [email])
    count_invitation(call)
    call.org.remember(call.now, call.service.knobs.read_after_write_lag_s)
    user = invite(call, call.org, email, user)
    user.org_roles = roles
    record_in_org(call, "INVITED_TO_ORG", user.username)
    call.service.world.changed_people(call.org)
    return _shown(call, user)


def remove_org_user(call: Call) -> None:
    """Whether that takes people out of projects and teams as well, or is refused while they are there, is a knob."""
    user, org, knobs = _person(call), call.org, call.service.knobs
    if user.status in INVITATION_ENDED and not knobs.expired_removable:
        raise _not_in_org(user.id, org)
    if _is_last_owner(org, user):
        detail = "An organization needs to have at least one owner. You cannot demote or remove the last owner."
        raise ApiError(403, "CANNOT_DELETE_LAST_ADMIN", detail)
    held = [project for project in org.projects.values() if user.id in project.members]
    in_teams = [team for team in org.teams.values() if user.id in team.members]
    if knobs.org_removal == "refuse" and (held or in_teams):
        raise ApiError(400, None, f"User {user.username} is still in projects or teams of the organization.")
    org.remember(call.now, knobs.read_after_write_lag_s)
    for project in held:
        del project.members[user.id]
    org.drop_user(user)
    record_in_org(call, "REMOVED_FROM_ORG" if user.status == "ACTIVE" else "ORG_INVITATION_DELETED", user.username)
    call.service.world.changed_people(org)


def add_org_role(call: Call) -> Document:
    role, user = _one_role(call), _person(call)
    if role in user.org_roles and call.service.knobs.add_role_held == 409:
        raise ApiError(409, "INVALID_ROLE_ASSIGNMENT", f"User {user.username} already has role {role}.", [role])
    if role not in user.org_roles:
        user = _set_roles(call, user, (*user.org_roles, role))
    return _shown(call, user)


def remove_org_role(call: Call) -> Document:
    role, user, knobs = _one_role(call), _person(call), call.service.knobs
    if role not in user.org_roles:
        # No 409 is documented here.
        status = 400 if knobs.remove_role_not_held == 409 else knobs.remove_role_not_held
        if status == 200:
            return _shown(call, user)
        raise ApiError(status, "INVALID_ROLE_ASSIGNMENT", f"User {user.username} does not have role {role}.", [role])
    if len(user.org_roles) == 1:
        detail = "You cannot remove all roles from a user. Specify at least one role."
        status = 403 if knobs.last_role_status == 409 else knobs.last_role_status
        raise ApiError(status, "CANNOT_REMOVE_ALL_USER_ROLES", detail, [user.username])
    if role == ORG_OWNER and _is_last_owner(call.org, user):
        raise ApiError(403, "CANNOT_DEMOTE_LAST_ORG_OWNER", "Cannot demote the last owner of the organization.")
    return _shown(call, _set_roles(call, user, tuple(held for held in user.org_roles if held != role)))


def _person(call: Call) -> User:
    user_id = call.id_param("userId", "INVALID_USER_ID")
    user = call.org.users.get(user_id)
    if user is None:
        error = _not_in_org(user_id, call.org)
        gone = call.service.knobs.already_gone
        raise error if gone == 404 else ApiError(gone, error.code, error.detail, error.parameters)
    return user


def _new_person(call: Call) -> tuple[str, Roles]:
    check_attributes(call.body, ("username", "roles"))
    email, given = call.body["username"], call.body["roles"]
    if not isinstance(email, str) or not EMAIL.match(email):
        raise bad_request("INVALID_EMAIL_ADDRESS", f"{email} is no email address.", email)
    if not isinstance(given, dict):
        raise bad_request("INVALID_ATTRIBUTE", "Attribute roles must be an object.", "roles")
    check_attributes(given, ("orgRoles",))
    roles = given["orgRoles"]
    if not isinstance(roles, list) or not roles or len(set(map(str, roles))) < len(roles):
        raise bad_request("INVALID_ATTRIBUTE", "Attribute orgRoles must be a list of different roles.", "orgRoles")
    for role in roles:
        _check_role(call, role)
    return email, tuple(roles)


def _one_role(call: Call) -> str:
    check_attributes(call.body, ("orgRole",))
    _check_role(call, call.body["orgRole"])
    return str(call.body["orgRole"])


def _check_role(call: Call, role: Any) -> None:
    if isinstance(role, str) and role.startswith("GROUP_"):
        raise bad_request("CANNOT_ADD_GROUP_ROLE", f"{role} is a project role.", role)
    if not isinstance(role, str) or not ORG_ROLE.match(role) or role not in call.service.knobs.known_org_roles:
        raise bad_request("INVALID_ROLE", f"Role {role} is invalid for organization {call.org.id}.", role)


def _is_last_owner(org: Organization, leaving: User) -> bool:
    owners = [user for user in org.users.values() if ORG_OWNER in user.org_roles and user.status == "ACTIVE"]
    return owners == [leaving]


def _set_roles(call: Call, user: User, roles: Roles) -> User:
    call.org.remember(call.now, call.service.knobs.read_after_write_lag_s)
    changed = replace(user, org_roles=roles)
    call.org.users[user.id] = changed
    record_in_org(call, "USER_ROLES_CHANGED_AUDIT", user.username)
    call.service.world.changed_people(call.org)
    return changed


def _not_in_org(user_id: str, org: Organization) -> ApiError:
    return ApiError(404, "USER_NOT_IN_ORG", f"User {user_id} is not in organization {org.id}.", [user_id, org.id])


def _shown(call: Call, user: User) -> Document:
    return views.org_user(user, call.org, assignments_of(call.org))
