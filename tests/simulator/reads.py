# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers of the resources that only read."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from . import views
from .call import Call
from .errors import ApiError, bad_request, not_a_member
from .loading import moment_of
from .views import Document
from .world import IMPLICIT_ROLES, Organization, Project, Roles, Team, User


def encode(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


# -- members of a project --------------------------------------------------------------------------------------------


def list_project_users(call: Call) -> bytes:
    """One page of members, encoded once until something changes (pages are big, and clean-ups read many of them)."""
    if call.service.knobs.read_after_write_lag_s or call.paging:
        return _project_users_page(call)
    key, pages = call.listing_key(), call.project.pages
    if key not in pages:
        pages[key] = _project_users_page(call)
    return pages[key]


def _project_users_page(call: Call) -> bytes:
    """Put together from encoded people, who are the same in hundreds of projects."""
    org, statuses, named = call.project.org, call.statuses(), call.name_filter()
    rows = [
        (user, roles)
        for user_id, roles in _roles_by_user(call).items()
        if user_id in org.users
        for user in (org.users[user_id],)
        if user.status in statuses and named(user)
    ]
    document = call.page(call.in_order(rows, lambda row: row[0].username), lambda row: row)
    encoded = (
        f'{_encoded_person(org, user)[:-1]},"roles":{_encoded_roles(roles)}}}'
        for user, roles in document.pop("results")
    )
    return encode(document)[:-1] + f',"results":[{",".join(encoded)}]}}'.encode()


def _encoded_person(org: Organization, user: User) -> str:
    text = org.encoded_people.get(user.id)
    if text is None:
        text = org.encoded_people[user.id] = encode(views.person(user)).decode()
    return text


@lru_cache(maxsize=1024)
def _encoded_roles(roles: Roles) -> str:
    return encode(roles).decode()


def _roles_by_user(call: Call) -> dict[str, Roles]:
    direct = _listed_members(call)
    inherited = inherited_roles(call.project, call.flag("flattenTeams"), call.flag("includeOrgUsers"))
    if call.service.knobs.flattened_roles == "team_only":
        return {**direct, **inherited}
    return {
        **direct,
        **{user_id: tuple(dict.fromkeys(direct.get(user_id, ()) + roles)) for user_id, roles in inherited.items()},
    }


def _listed_members(call: Call) -> dict[str, Roles]:
    """The members as a listing shows them: with a lag, those of before the last writes."""
    lag = call.service.knobs.read_after_write_lag_s
    if not lag:
        return call.project.members
    return next((members for written, members in call.project.past if written + lag > call.now), call.project.members)


def inherited_roles(project: Project, teams: bool = True, org_roles: bool = True) -> dict[str, Roles]:
    """The project roles that people have through teams and organization roles."""
    found: dict[str, Roles] = {}
    for team_id, roles in project.teams.items() if teams else ():
        for user_id in project.org.teams[team_id].members:
            found[user_id] = tuple(dict.fromkeys(found.get(user_id, ()) + roles))
    for user in project.org.users.values() if org_roles else ():
        implicit = tuple(IMPLICIT_ROLES[role] for role in user.org_roles if role in IMPLICIT_ROLES)
        if implicit:
            found[user.id] = tuple(dict.fromkeys(found.get(user.id, ()) + implicit))
    return found


def get_project_user(call: Call) -> Document:
    user_id = call.id_param("userId", "INVALID_USER_ID")
    roles = call.project.members.get(user_id)
    if roles is None or call.project.org.users[user_id].status not in call.statuses():
        raise not_a_member(user_id, call.project.id)
    return views.project_user(call.project.org.users[user_id], roles)


# -- projects and organizations --------------------------------------------------------------------------------------


def list_projects(call: Call) -> Document:
    return call.page(_seen_projects(call), views.project)


def get_project(call: Call) -> Document:
    return views.project(call.project)


def get_project_by_name(call: Call) -> Document:
    name = call.params["groupName"]
    found = [project for project in _seen_projects(call) if project.name == name]
    if not found:
        raise ApiError(404, "GROUP_NAME_NOT_FOUND", f"No group with name {name} exists.", [name])
    if len(found) > 1:
        raise ApiError(409, "MULTIPLE_GROUPS", f"More than one group has the name {name}.", [name])
    return views.project(found[0])


def _seen_projects(call: Call) -> list[Project]:
    return [project for project in call.service.world.projects.values() if call.credential.roles_in(project)]


def list_orgs(call: Call) -> Document:
    org = call.credential.org
    denied = call.credential.of_single_projects and not call.service.knobs.org_member_reads
    seen = [] if denied or call.text("name") not in (None, org.name) else [org]
    return call.page(seen, views.organization)


def get_org(call: Call) -> Document:
    return views.organization(call.org)


def list_org_projects(call: Call) -> bytes:
    return _cached(call, lambda: call.page(_org_projects(call), views.project), call.credential.id)


def _org_projects(call: Call) -> list[Project]:
    """Those that the caller sees. The name filter finds beginnings of names, whatever their case."""
    beginning = (call.text("name") or "").lower()
    return [
        project
        for project in call.org.projects.values()
        if project.name.lower().startswith(beginning) and call.credential.roles_in(project)
    ]


# -- people and teams of an organization -----------------------------------------------------------------------------


def list_org_users(call: Call) -> bytes:
    return _cached(call, lambda: _org_users_page(call, list(_seen(call)[0].values())))


def get_org_user(call: Call) -> Document:
    user_id = call.id_param("userId", "INVALID_USER_ID")
    user = call.org.users.get(user_id)
    if user is None or user.status not in call.statuses():
        raise ApiError(404, "USER_NOT_IN_ORG", f"User {user_id} is not in organization {call.org.id}.", [user_id])
    return views.org_user(user, call.org, assignments_of(call.org))


def list_org_teams(call: Call) -> Document:
    return call.page(list(call.org.teams.values()), lambda team: views.team(team, call.org))


def get_org_team(call: Call) -> Document:
    return views.team(team_of(call), call.org)


def list_team_users(call: Call) -> Document:
    wanted = call.text("userId")
    users, teams = _seen(call)
    members = [users[user_id] for user_id in teams[team_of(call).id] if wanted in (None, user_id)]
    return _org_users_page(call, members)


def _org_users_page(call: Call, users: list[User]) -> Document:
    statuses, named = call.statuses(), call.name_filter()
    found = call.in_order(
        [user for user in users if user.status in statuses and named(user)], lambda user: user.username
    )
    return call.page(found, lambda user: views.org_user(user, call.org, assignments_of(call.org)))


def _seen(call: Call) -> tuple[dict[str, User], dict[str, list[str]]]:
    return call.org.seen(call.now, call.service.knobs.read_after_write_lag_s)


def team_of(call: Call) -> Team:
    team_id = call.id_param("teamId", "INVALID_TEAM_ID")
    if team_id not in call.org.teams:
        raise ApiError(404, "TEAM_NOT_FOUND", f"No team with ID {team_id} exists.", [team_id])
    return call.org.teams[team_id]


def assignments_of(org: Organization) -> dict[str, list[Document]]:
    if "assignments" not in org.cache:
        org.cache["assignments"] = views.assignments(org)
    found: dict[str, list[Document]] = org.cache["assignments"]
    return found


def _cached(call: Call, make: Callable[[], Document], seen_by: str = "") -> bytes:
    """An encoded page of an organization, kept until something in it changes."""
    if call.paging or call.service.knobs.read_after_write_lag_s:
        return encode(make())
    key = (call.path, seen_by, call.listing_key())
    if key not in call.org.cache:
        call.org.cache[key] = encode(make())
    page: bytes = call.org.cache[key]
    return page


# -- what else a project has -----------------------------------------------------------------------------------------


def list_project_teams(call: Call) -> Document:
    return call.page(list(call.project.teams.items()), lambda item: views.team_role(*item, call.project))


def list_events(call: Call) -> Document:
    return _feed(call, call.project.events)


def list_org_events(call: Call) -> Document:
    return _feed(call, call.org.events)


def _feed(call: Call, recorded: list[tuple[float, Document]]) -> Document:
    """Newest first."""
    delay = call.service.knobs.events_delay_s
    since, until = _date(call, "minDate", float("-inf")), _date(call, "maxDate", float("inf"))
    kinds, excluded = call.query.get("eventType"), call.query.get("excludedEventType", [])
    events = [
        event
        for at, event in reversed(recorded)
        if at + delay <= call.now
        and since <= at <= until
        and (kinds is None or event["eventTypeName"] in kinds)
        and event["eventTypeName"] not in excluded
    ]
    raw = call.flag("includeRaw")
    raw_of = {"_t": "USER_AUDIT"}
    return call.page(events, lambda event: {**event, "raw": {**raw_of, "id": event["id"]}} if raw else event, feed=True)


def _date(call: Call, name: str, default: float) -> float:
    text = call.text(name)
    if text is None:
        return default
    try:
        return moment_of(text.replace(" ", "+"), call.now)
    except (ValueError, RecursionError):
        raise bad_request("INVALID_QUERY_PARAMETER", f"Query parameter {name} is no date: {text}.", name) from None
