# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of the Atlas Administration API v2 that we use, in the words of `_access`.

Every function is a work (see `_client`): it makes requests through a `Client`, yields pauses and returns data.
Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import (
    ACTIVE,
    LAPSED,
    OWNER,
    STATUSES,
    Entry,
    Member,
    Person,
    Project,
    Step,
    Team,
    Way,
    by_key,
    indirect_ways,
    ways_by_roles,
)
from ._client import API, BACKOFF, BASE_VERSION, USERS_VERSION, AtlasError, Client, Json, Work, segment


# --- reading ---------------------------------------------------------------------------------------------------------


def projects(client: Client) -> Work[List[Project]]:
    """All projects that the credential sees."""
    path = "/groups"
    rows = yield from client.pages(path, BASE_VERSION)
    return [_shaped(client, path, _project, row) for row in rows]


def members(client: Client, project: Project) -> Work[List[Member]]:
    """The direct members of a project: those of all four statuses, the last two of which must be asked for."""
    path = f"/groups/{segment(project.id)}/users"
    rows = yield from client.pages(path, USERS_VERSION, {"orgMembershipStatuses": list(STATUSES)})
    return [_shaped(client, path, _member, row) for row in rows]


def flattened(client: Client, project: Project, organization: bool = True) -> Work[List[Member]]:
    """Everybody who gets into a project: directly, through a team or (unless told not to) an organization role."""
    path = f"/groups/{segment(project.id)}/users"
    query = {"flattenTeams": "true", "includeOrgUsers": "true" if organization else "false"}
    rows = yield from client.pages(path, USERS_VERSION, query)
    return [_shaped(client, path, _member, row) for row in rows]


def teams(client: Client, project: Project) -> Work[List[Team]]:
    """The teams that have a role in a project."""
    path = f"/groups/{segment(project.id)}/teams"
    rows = yield from client.pages(path, BASE_VERSION)
    return [_shaped(client, path, _team, row) for row in rows]


def team_names(client: Client, org_id: str) -> Work[Dict[str, str]]:
    """The names of the organization's teams by id. Needs Organization Member."""
    path = f"/orgs/{segment(org_id)}/teams"
    rows = yield from client.pages(path, BASE_VERSION)
    return {_text(row, "id"): _text(row, "name") for row in rows}


def people(client: Client, org_id: str) -> Work[Dict[str, Person]]:
    """Everybody in the organization by email in lower case. Needs Organization Member."""
    path = f"/orgs/{segment(org_id)}/users"
    rows = yield from client.pages(path, USERS_VERSION)
    found = [_shaped(client, path, _person, row) for row in rows]
    return {person.user.lower(): person for person in found}


def legacy_invitations(client: Client, project: Project) -> Work[List[Member]]:
    """The invitations made by the deprecated endpoint, which `members` does not show. Needs Project Owner."""
    path = f"/groups/{segment(project.id)}/invites"
    rows = yield from client.get(path, BASE_VERSION)
    if not isinstance(rows, list):
        raise client.misshapen("GET", path)
    return [_shaped(client, path, _legacy_invitation, row) for row in rows]


class Roster(NamedTuple):
    """Who gets into one project, or why that could not be read.

    ``unread`` says what is missing: nothing, or how somebody gets in through teams and organization roles.
    """

    project: Project
    entries: List[Entry]
    error: Optional[AtlasError] = None
    unread: Optional[AtlasError] = None


def rosters(client: Client, projects: Sequence[Project], indirect: bool = True) -> List[Roster]:
    """Who gets into the projects, directly or (if ``indirect``) through teams and organization roles.

    Not a work itself. Costs one request a project, with ``indirect`` one more, and two for an organization.
    Where the organization can't be read, one more flattened listing a project stands in.
    """
    orgs = sorted({project.org_id for project in projects}) if indirect else []
    listed = dict(zip(orgs, client.together([people(client, org) for org in orgs])))
    names = dict(zip(orgs, client.together([team_names(client, org) for org in orgs])))
    known = {org: None if isinstance(found, AtlasError) else found for org, found in listed.items()}
    named: Dict[str, Dict[str, str]] = {org: {} if isinstance(found, AtlasError) else found for org, found in names.items()}
    works = [_roster(client, one, indirect, known.get(one.org_id), named.get(one.org_id, {})) for one in projects]
    found = client.together(works)
    return [Roster(one, [], answer) if isinstance(answer, AtlasError) else answer for one, answer in zip(projects, found)]


def _roster(
    client: Client, project: Project, indirect: bool, known: Optional[Mapping[str, Person]], names: Mapping[str, str]
) -> Work[Roster]:
    direct = by_key((yield from members(client, project)))
    if not indirect:
        return Roster(project, [Entry(member, (_directly(member),)) for member in direct.values()])
    try:
        in_project = yield from teams(client, project)
        everybody = None if known is not None else by_key((yield from flattened(client, project)))
    except AtlasError as error:
        return Roster(project, [Entry(member, (_directly(member),)) for member in direct.values()], None, error)
    entries = []
    for key, member in direct.items():
        if everybody is None:
            ways = indirect_ways((known or {}).get(key), in_project, names)
        else:
            ways = ways_by_roles(everybody[key].roles, member.roles, in_project) if key in everybody else []
        entries.append(Entry(member, (_directly(member), *ways)))
    entries += _indirect_entries(direct, in_project, known or {}, names) if everybody is None else [
        Entry(member._replace(roles=frozenset()), tuple(ways_by_roles(member.roles, frozenset(), in_project)))
        for key, member in everybody.items()
        if key not in direct
    ]
    return Roster(project, entries)


def _directly(member: Member) -> Way:
    return Way("direct", None, member.roles)


def _indirect_entries(
    direct: Mapping[str, Member], in_project: Sequence[Team], known: Mapping[str, Person], names: Mapping[str, str]
) -> List[Entry]:
    """People who are no members and get in all the same."""
    entries = []
    for key, person in known.items():
        ways = indirect_ways(person, in_project, names) if key not in direct else []
        if ways:
            member = Member(
                person.user, person.user_id, person.status, frozenset(), person.last_auth, person.created_at
            )
            entries.append(Entry(member, tuple(ways)))
    return entries


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
    for pause in BACKOFF + (None,):
        try:
            answer = yield from client.once(method, path, version, body=body)
            if _answer_shows(step, answer):
                return
            error = AtlasError(f"{method} {API}{path}", "the answer does not show the effect", 200)
        except AtlasError as caught:
            error = caught
        if (yield from _has_taken_effect(client, project, step, member, error)):
            return
        if pause is None or not error.unsettled:
            raise error
        yield pause


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
        return _shows(step, _member(answer))
    except (KeyError, TypeError, ValueError):
        return False


def _shows(step: Step, member: Optional[Member]) -> bool:
    """Whether a project where this is the member (None: nobody) is as the step wants it."""
    if step.action == "remove":
        return member is None
    if step.action == "revoke":
        return member is None or step.roles[0] not in member.roles
    live = member is not None and member.status not in LAPSED
    return live and member is not None and set(step.roles) <= member.roles


def _has_taken_effect(
    client: Client, project: Project, step: Step, member: Member, error: AtlasError
) -> Work[bool]:
    """Read again whether a write that did not succeed is in effect all the same.

    Answers that say "it is so already" are given some time: nothing promises that a listing shows a write at once.
    """
    pauses = BACKOFF if error.status in (404, 409) else ()
    for pause in pauses + (None,):
        try:
            shown = yield from _member_now(client, project, member)
        except AtlasError as unread:
            error.detail = f"{error.detail.rstrip('.')}; whether it took effect could not be read: {unread.detail}"
            raise error from None
        if _shows(step, shown):
            return True
        if pause is not None:
            yield pause
    return False


def _member_now(client: Client, project: Project, member: Member) -> Work[Optional[Member]]:
    if member.legacy:
        found = yield from legacy_invitations(client, project)
        return next((one for one in found if one.user_id == member.user_id), None)
    found = yield from members(client, project)
    if member.user_id:
        return next((one for one in found if one.user_id == member.user_id), None)
    return by_key(found).get(member.user.lower())


# --- shapes ----------------------------------------------------------------------------------------------------------


def _shaped(client: Client, path: str, shape: Any, row: Json) -> Any:
    try:
        return shape(row)
    except (KeyError, TypeError, ValueError):
        raise client.misshapen("GET", path) from None


def _text(row: Mapping[str, Json], name: str) -> str:
    value = row[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    return value


def _maybe(row: Mapping[str, Json], name: str) -> Optional[str]:
    value = row.get(name)
    return value if isinstance(value, str) else None


_ROLE_SETS: Dict[FrozenSet[str], FrozenSet[str]] = {}


def _texts(value: Json) -> FrozenSet[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError("not a list of strings")
    found = frozenset(value)
    # Few different sets of roles exist, and very many members.
    return _ROLE_SETS.setdefault(found, found)


def _project(row: Mapping[str, Json]) -> Project:
    tags = {_text(tag, "key"): str(tag.get("value", "")) for tag in row.get("tags") or []}
    return Project(_text(row, "id"), _text(row, "name"), _text(row, "orgId"), _maybe(row, "created"), tags)


def _member(row: Mapping[str, Json]) -> Member:
    return Member(
        _text(row, "username"),
        _text(row, "id"),
        _text(row, "orgMembershipStatus"),
        _texts(row["roles"]),
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
        _texts(row["roles"]),
        invitation_created_at=_maybe(row, "createdAt"),
        invitation_expires_at=_maybe(row, "expiresAt"),
        inviter=_maybe(row, "inviterUsername"),
        legacy=True,
    )


def _team(row: Mapping[str, Json]) -> Team:
    return Team(_text(row, "teamId"), _texts(row["roleNames"]))


def _person(row: Mapping[str, Json]) -> Person:
    roles = row.get("roles") or {}
    return Person(
        _text(row, "username"),
        _text(row, "id"),
        _text(row, "orgMembershipStatus"),
        _texts(roles.get("orgRoles") or []),
        _texts(row.get("teamIds") or []),
        _maybe(row, "lastAuth"),
        _maybe(row, "createdAt"),
    )
