# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of the Atlas Administration API v2 that we use, in the words of `_access`.

Every function is a work (see `_client`): it makes requests through a `Client`, yields pauses and returns data.
Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ._access import (
    ACTIVE,
    LAPSED,
    ORGANIZATION_ROLES,
    OWNER,
    STATUSES,
    Entry,
    Member,
    Person,
    Project,
    Step,
    Team,
    Way,
    by_id,
    folded,
    indirect_ways,
    shows,
    ways_by_roles,
)
from ._client import API, BACKOFF, BASE_VERSION, USERS_VERSION, AtlasError, Client, Json, T, TokenError, Work, segment

# --- reading ---------------------------------------------------------------------------------------------------------


def projects(client: Client) -> Work[List[Project]]:
    """All projects that the credential sees."""
    path = "/groups"
    rows = yield from client.pages(path, BASE_VERSION)
    return _shaped(client, path, _project, rows)


def members(client: Client, project: Project) -> Work[List[Member]]:
    """The direct members of a project: those of all four statuses, the last two of which must be asked for."""
    path = f"/groups/{segment(project.id)}/users"
    rows = yield from client.pages(path, USERS_VERSION, {"orgMembershipStatuses": list(STATUSES)})
    return _shaped(client, path, _member, rows)


def flattened(client: Client, project: Project, organization: bool = True) -> Work[List[Member]]:
    """Everybody who gets into a project: directly, through a team or (unless told not to) an organization role."""
    path = f"/groups/{segment(project.id)}/users"
    query = {"flattenTeams": "true", "includeOrgUsers": "true" if organization else "false"}
    rows = yield from client.pages(path, USERS_VERSION, query)
    return _shaped(client, path, _member, rows)


def teams(client: Client, project: Project) -> Work[List[Team]]:
    """The teams that have a role in a project."""
    path = f"/groups/{segment(project.id)}/teams"
    rows = yield from client.pages(path, BASE_VERSION, key="teamId")
    return _shaped(client, path, _team, rows)


def team_names(client: Client, org_id: str) -> Work[Dict[str, str]]:
    """The names of the organization's teams by id. Needs Organization Member."""
    path = f"/orgs/{segment(org_id)}/teams"
    rows = yield from client.pages(path, BASE_VERSION)
    return dict(_shaped(client, path, _team_name, rows))


def people(client: Client, org_id: str) -> Work[Dict[str, Person]]:
    """Everybody in the organization by user id. Needs Organization Member."""
    path = f"/orgs/{segment(org_id)}/users"
    rows = yield from client.pages(path, USERS_VERSION)
    return {person.user_id: person for person in _shaped(client, path, _person, rows)}


def legacy_invitations(client: Client, project: Project) -> Work[List[Member]]:
    """The invitations made by the deprecated endpoint, which `members` does not show. Needs Project Owner."""
    path = f"/groups/{segment(project.id)}/invites"
    rows = yield from client.get(path, BASE_VERSION)
    if not isinstance(rows, list):
        raise client.misshapen("GET", path, "it is no list")
    return _shaped(client, path, _legacy_invitation, rows)


# What Atlas records in a project's activity feed for each kind of step (Atlas API documentation, project events).
EVENTS = {
    "add": ("INVITED_TO_GROUP", "JOINED_GROUP"),
    "grant": ("USER_ROLES_CHANGED_AUDIT",),
    "revoke": ("USER_ROLES_CHANGED_AUDIT",),
    "remove": ("REMOVED_FROM_GROUP", "GROUP_INVITATION_DELETED"),
}


def events(client: Client, project_id: str, since: str) -> Work[List[Tuple[str, str, str]]]:
    """(id, type, email folded) of what happened to people in a project since an ISO 8601 time."""
    path = f"/groups/{segment(project_id)}/events"
    types = sorted({name for names in EVENTS.values() for name in names})
    rows = yield from client.pages(path, BASE_VERSION, {"eventType": types, "minDate": since})
    return [
        (str(row.get("id")), str(row.get("eventTypeName")), folded(str(row.get("targetUsername", "")))) for row in rows
    ]


def settled(client: Client, project: Project, actions: Iterable[Mapping[str, Any]], legacy: bool) -> Work[List[Member]]:
    """The members of a project, read again a few times while actions reported as done there do not show yet."""
    mine = [one for one in actions if one["project_id"] == project.id and one["status"] == "done"]
    for pause in BACKOFF + (None,):
        found = yield from members(client, project)
        if legacy:
            found += yield from legacy_invitations(client, project)
        if pause is None or all(in_effect(one, found) for one in mine):
            break
        yield pause
    return found


def in_effect(action: Mapping[str, Any], found: Iterable[Member]) -> bool:
    """Whether an action, as the writing modules return it, is in effect among these members."""
    email = None if action["action"] == "remove" else folded(str(action["user"]))
    mine = (one for one in found if one.user_id == action["user_id"] or folded(one.user) == email)
    return shows(action["action"], action["roles"], next(mine, None))


class Roster(NamedTuple):
    """Who gets into one project, by key, or why that could not be read.

    ``unread`` says why it is not known who gets in through teams and organization roles, ``legacy_unread`` why legacy
    invitations, which were asked for, are not known.
    """

    project: Project
    entries: Dict[str, Entry]
    error: Optional[AtlasError] = None
    unread: Optional[AtlasError] = None
    legacy_unread: Optional[AtlasError] = None


class _Known(NamedTuple):
    """An organization as far as the credential may read it.

    ``people`` are those who may get in without being members, None if nobody can be read; ``names`` are the teams'.
    """

    people: Optional[Dict[str, Person]]
    names: Dict[str, str]


def _known(people_found: Union[Dict[str, Person], AtlasError], names: Union[Dict[str, str], AtlasError]) -> _Known:
    if isinstance(people_found, AtlasError):
        return _Known(None, {})
    may_get_in = {
        key: person
        for key, person in people_found.items()
        if person.team_ids or not person.org_roles.isdisjoint(ORGANIZATION_ROLES)
    }
    return _Known(may_get_in, {} if isinstance(names, AtlasError) else names)


def rosters(client: Client, projects: Sequence[Project], indirect: bool = True, legacy: bool = False) -> List[Roster]:
    """Who gets into the projects, directly or (if ``indirect``) through teams and organization roles.

    Not a work itself. Costs one request a project, with ``indirect`` one more, and two for an organization, with
    ``legacy`` another one. Where the organization can't be read, one more flattened listing a project stands in.
    """
    orgs = sorted({project.org_id for project in projects}) if indirect else []
    found = client.together([people(client, org) for org in orgs])
    named = client.together([team_names(client, org) for org in orgs])
    known = {org: _known(who, names) for org, who, names in zip(orgs, found, named)}
    answers = client.together([_roster(client, one, known.get(one.org_id), legacy) for one in projects])
    return [
        Roster(one, {}, answer) if isinstance(answer, AtlasError) else answer for one, answer in zip(projects, answers)
    ]


def _roster(client: Client, project: Project, known: Optional[_Known], legacy: bool) -> Work[Roster]:
    rows = yield from members(client, project)
    legacy_unread = None
    if legacy:
        try:
            rows += yield from legacy_invitations(client, project)
        except AtlasError as error:
            legacy_unread = error
    direct = by_id(rows)
    if known is None:
        return Roster(project, _direct_entries(direct, {}), None, None, legacy_unread)
    try:
        ways, others = yield from _indirect(client, project, known, direct)
    except AtlasError as error:
        return Roster(project, _direct_entries(direct, {}), None, error, legacy_unread)
    return Roster(project, {**_direct_entries(direct, ways), **others}, None, None, legacy_unread)


def _direct_entries(direct: Mapping[str, Member], ways: Mapping[str, List[Way]]) -> Dict[str, Entry]:
    found = {}
    for key, member in direct.items():
        directly = _directly(member.roles)
        found[key] = Entry(member, (*directly, *ways[key]) if ways.get(key) else directly)
    return found


@lru_cache(maxsize=1000)
def _directly(roles: FrozenSet[str]) -> Tuple[Way]:
    return (Way("direct", None, roles),)


def _indirect(
    client: Client, project: Project, known: _Known, direct: Mapping[str, Member]
) -> Work[Tuple[Dict[str, List[Way]], Dict[str, Entry]]]:
    """The other ways in of members, and who gets in without being one."""
    in_project = yield from teams(client, project)
    ways: Dict[str, List[Way]] = {}
    others: Dict[str, Entry] = {}
    if known.people is not None:
        for key, person in known.people.items():
            found = indirect_ways(person, in_project, known.names)
            if found:
                ways[key] = found
            if found and key not in direct:
                member = Member(
                    person.user, person.user_id, person.status, frozenset(), person.last_auth, person.created_at
                )
                others[key] = Entry(member, tuple(found))
        return ways, others
    for key, member in by_id((yield from flattened(client, project))).items():
        ways[key] = ways_by_roles(member.roles, direct[key].roles if key in direct else frozenset(), in_project)
        if key not in direct:
            others[key] = Entry(member._replace(roles=frozenset()), tuple(ways[key]))
    return ways, others


def owned_indirectly(client: Client, project: Project, direct: Iterable[Member]) -> Work[bool]:
    """Whether somebody ACTIVE who is no direct member owns a project, by a flattened listing.

    For credentials that may not read the organization's teams.
    """
    ids = {member.user_id for member in direct}
    everybody = yield from flattened(client, project, organization=False)
    return any(one.status == ACTIVE and OWNER in one.roles and one.user_id not in ids for one in everybody)


# --- writing ---------------------------------------------------------------------------------------------------------


def apply(client: Client, project: Project, step: Step, member: Member) -> Work[None]:
    """Make one step. ``member`` is whom it is about, as read (or, to add somebody, as named).

    An answer that is lost, or that does not show the effect, is settled by reading the project again; the write is
    repeated only when it did not take effect. Raises `AtlasError`.
    """
    method, path, body = _request(project, step, member)
    version = BASE_VERSION if member.legacy else USERS_VERSION
    started = time.monotonic()
    for tries, pause in enumerate(BACKOFF + (None,), 1):
        try:
            answer = yield from client.once(method, path, version, body=body)
            if _answer_shows(step, answer):
                return
            error = AtlasError(f"{method} {API}{path}", "the answer does not show the effect", 200)
        except TokenError:
            raise
        except AtlasError as caught:
            error = caught
        if (yield from _has_taken_effect(client, project, step, member, error)):
            return
        if not error.unsettled:
            raise error
        if pause is None or error.wait > client.max_wait:
            raise error.after(tries, started)
        yield max(pause, error.wait)


def _request(project: Project, step: Step, member: Member) -> Tuple[str, str, Optional[Dict[str, Any]]]:
    """Method, path and body of a step."""
    group = f"/groups/{segment(project.id)}"
    user = segment(str(member.user_id))
    if step.action == "add":
        return "POST", f"{group}/users", {"username": member.user, "roles": list(step.roles)}
    if step.action == "remove":
        return "DELETE", f"{group}/invites/{user}" if member.legacy else f"{group}/users/{user}", None
    verb = {"grant": "addRole", "revoke": "removeRole"}[step.action]
    return "POST", f"{group}/users/{user}:{verb}", {"groupRole": step.roles[0]}


def _answer_shows(step: Step, answer: Json) -> bool:
    """Whether a write's answer proves its effect: a DELETE has no body, the others answer with the user."""
    if step.action == "remove":
        return answer is None
    try:
        return shows(step.action, step.roles, _member(answer))
    except _MISSHAPEN:
        return False


def _has_taken_effect(client: Client, project: Project, step: Step, member: Member, error: AtlasError) -> Work[bool]:
    """Read again whether a write that did not succeed is in effect all the same.

    Nothing promises that a listing shows a write at once. So it gets some time after answers that say "it is so
    already", and before somebody would be invited again.
    """
    patient = error.status in (404, 409) or (step.action == "add" and error.unsettled)
    for pause in (BACKOFF if patient else ()) + (None,):
        try:
            found = yield from _member_now(client, project, step, member)
        except AtlasError as unread:
            error.detail = f"{error.detail.rstrip('.')}; whether it took effect could not be read: {unread.detail}"
            raise error from None
        if shows(step.action, step.roles, found):
            return True
        if pause is not None:
            yield pause
    return False


def _member_now(client: Client, project: Project, step: Step, member: Member) -> Work[Optional[Member]]:
    if member.legacy:
        found = yield from legacy_invitations(client, project)
    else:
        found = yield from members(client, project)
    if step.action == "add":
        # By email: somebody who is invited anew may have got another id.
        found = [one for one in found if folded(one.user) == folded(member.user)]
        return next((one for one in found if one.status not in LAPSED), None)
    return next((one for one in found if one.user_id == member.user_id), None)


# --- shapes ----------------------------------------------------------------------------------------------------------


_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)


def _shaped(client: Client, path: str, shape: Callable[[Any], T], rows: Sequence[Json]) -> List[T]:
    shaped = []
    for number, row in enumerate(rows, 1):
        try:
            shaped.append(shape(row))
        except _MISSHAPEN as error:
            name = row.get("username") or row.get("name") or row.get("id") if isinstance(row, dict) else None
            who = f" ({name})" if name else ""
            raise client.misshapen("GET", path, f"row {number}{who}, its {error.args[0]!r}") from None
    return shaped


_SEEN: Dict[str, str] = {}


def _text(row: Mapping[str, Json], name: str) -> str:
    value = row[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    # The same people, and all that is said of them, come back with every project.
    return _SEEN.setdefault(value, value)


def _maybe(row: Mapping[str, Json], name: str) -> Optional[str]:
    value = row.get(name)
    return _SEEN.setdefault(value, value) if isinstance(value, str) else None


_ROLE_SETS: Dict[Tuple[str, ...], FrozenSet[str]] = {}


def _texts(row: Mapping[str, Json], name: str) -> FrozenSet[str]:
    value = row[name]
    if not isinstance(value, list):
        raise TypeError(name)
    # Few different lists of roles exist, and very many members.
    listed = tuple(value)
    try:
        known = _ROLE_SETS.get(listed)
    except TypeError:
        raise TypeError(name) from None
    if known is None:
        if not all(isinstance(one, str) for one in listed):
            raise TypeError(name)
        known = _ROLE_SETS[listed] = frozenset(listed)
    return known


def _project(row: Mapping[str, Json]) -> Project:
    tags = row.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, dict) for tag in tags):
        raise TypeError("tags")
    by_key = {_text(tag, "key"): str(tag.get("value", "")) for tag in tags}
    return Project(_text(row, "id"), _text(row, "name"), _text(row, "orgId"), _maybe(row, "created"), by_key)


def _member(row: Mapping[str, Json]) -> Member:
    return Member(
        _text(row, "username"),
        _text(row, "id"),
        _text(row, "orgMembershipStatus"),
        _texts(row, "roles"),
        _maybe(row, "lastAuth"),
        _maybe(row, "createdAt"),
        _maybe(row, "invitationCreatedAt"),
        _maybe(row, "invitationExpiresAt"),
        _maybe(row, "inviterUsername"),
    )


def _legacy_invitation(row: Mapping[str, Json]) -> Member:
    return Member(
        _text(row, "username"),
        _text(row, "id"),
        "PENDING",
        _texts(row, "roles"),
        invitation_created_at=_maybe(row, "createdAt"),
        invitation_expires_at=_maybe(row, "expiresAt"),
        inviter=_maybe(row, "inviterUsername"),
        legacy=True,
    )


def _team(row: Mapping[str, Json]) -> Team:
    return Team(_text(row, "teamId"), _texts(row, "roleNames"))


def _team_name(row: Mapping[str, Json]) -> Tuple[str, str]:
    return _text(row, "id"), _text(row, "name")


def _person(row: Mapping[str, Json]) -> Person:
    roles = row.get("roles") or {}
    if not isinstance(roles, dict):
        raise TypeError("roles")
    return Person(
        _text(row, "username"),
        _text(row, "id"),
        _text(row, "orgMembershipStatus"),
        _texts(roles, "orgRoles") if roles.get("orgRoles") else frozenset(),
        _texts(row, "teamIds") if row.get("teamIds") else frozenset(),
        _maybe(row, "lastAuth"),
        _maybe(row, "createdAt"),
    )
