# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of the Atlas Administration API v2 that we use, in the words of `_access`.

Every function makes requests through a `Client`, returns data, and raises `AtlasError`. Knows nothing of Ansible.
Private to this collection.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Pattern, Tuple

from . import _shapes as shapes
from ._access import LAPSED, ORGANIZATION, PROJECT, STATUSES, TEAM, Member, Person, Project, Step, Team, folded, shows
from ._client import BACKOFF, BASE_VERSION, USERS_VERSION, Client, Patience, segment
from ._errors import API, AtlasError, Interrupted, Json, TokenError
from ._paging import pages

# --- reading ---------------------------------------------------------------------------------------------------------


def projects(client: Client) -> List[Project]:
    """All projects that the credential sees."""
    path = "/groups"
    rows = pages(client, path, BASE_VERSION)
    return shapes.shaped(client, path, shapes.project, rows)


def teams_of(client: Client, org_id: str) -> List[Project]:
    """The teams of an organization, as places. Needs Organization Member."""
    path = f"/orgs/{segment(org_id)}/teams"
    rows = pages(client, path, BASE_VERSION)
    return shapes.shaped(client, path, lambda row: shapes.org_team(org_id, row), rows)


def organizations(client: Client) -> List[Project]:
    """The organizations that the credential sees, as places."""
    path = "/orgs"
    return shapes.shaped(client, path, shapes.organization, pages(client, path, BASE_VERSION))


def members(client: Client, place: Project, patience: Optional[Patience] = None) -> List[Member]:
    """The direct members of a place: those of all four statuses, the last two of which must be asked for."""
    path = f"{_path(place)}/users"
    shape = {PROJECT: shapes.member, TEAM: shapes.team_member, ORGANIZATION: shapes.org_member}[place.kind]
    rows = pages(client, path, USERS_VERSION, {"orgMembershipStatuses": list(STATUSES)}, patience=patience)
    return shapes.shaped(client, path, shape, rows)


def _path(place: Project) -> str:
    if place.kind == TEAM:
        return f"/orgs/{segment(place.org_id)}/teams/{segment(place.id)}"
    return f"/{'groups' if place.kind == PROJECT else 'orgs'}/{segment(place.id)}"


def flattened(
    client: Client, project: Project, organization: bool = True, patience: Optional[Patience] = None
) -> List[Member]:
    """Everybody who gets into a project: directly, through a team or (unless told not to) an organization role."""
    path = f"/groups/{segment(project.id)}/users"
    query = {"flattenTeams": "true", "includeOrgUsers": "true" if organization else "false"}
    rows = pages(client, path, USERS_VERSION, query, patience=patience)
    return shapes.shaped(client, path, shapes.member, rows)


def teams(client: Client, project: Project, patience: Optional[Patience] = None) -> List[Team]:
    """The teams that have a role in a project."""
    path = f"/groups/{segment(project.id)}/teams"
    rows = pages(client, path, BASE_VERSION, key="teamId", patience=patience)
    return shapes.shaped(client, path, shapes.team, rows)


class Odd(NamedTuple):
    """Somebody whose row could not be read, as far as it tells; ``what`` of it is odd."""

    user_id: str
    user: str
    what: str


def people(
    client: Client, org_id: str, patience: Optional[Patience] = None, lapsed: bool = False
) -> Tuple[Dict[str, Person], List[Odd]]:
    """Everybody in the organization by user id, and whose rows could not be read: one costs only itself.

    ``lapsed``: also those whose invitations lapsed. Needs Organization Member.
    """
    path = f"/orgs/{segment(org_id)}/users"
    found: Dict[str, Person] = {}
    odd = []
    query = {"orgMembershipStatuses": list(STATUSES)} if lapsed else None
    for row in pages(client, path, USERS_VERSION, query, patience=patience):
        try:
            person = shapes.person(row)
            found[person.user_id] = person
        except shapes.MISSHAPEN as error:
            odd.append(Odd(row["id"], str(row.get("username") or row["id"]), f"its {error.args[0]!r}"))
    return found, odd


def organization_name(client: Client, org_id: str) -> str:
    """The name of an organization. Needs Organization Member."""
    path = f"/orgs/{segment(org_id)}"
    return shapes.shaped(client, path, lambda row: shapes.text(row, "name"), [client.get(path, BASE_VERSION)])[0]


def project_count(client: Client, org_id: str, seen: int) -> Optional[int]:
    """How many projects an organization says that it has; None where it does not say. Needs Organization Member.

    The count is an estimate: where it is not the number ``seen``, the listing itself tells.
    """
    path = f"/orgs/{segment(org_id)}/groups"
    answer = client.get(path, BASE_VERSION, {"itemsPerPage": 1})
    count = answer.get("totalCount") if isinstance(answer, dict) else None
    # A total of 0 comes where nothing was counted, too.
    if not isinstance(count, int) or not count:
        return None
    return count if count == seen else len(pages(client, path, BASE_VERSION))


def legacy_invitations(client: Client, project: Project, patience: Optional[Patience] = None) -> List[Member]:
    """The invitations made by the deprecated endpoint, which `members` does not show. Needs Project Owner."""
    path = f"/groups/{segment(project.id)}/invites"
    rows = client.get(path, BASE_VERSION, patience=patience)
    if not isinstance(rows, list):
        raise client.misshapen("GET", path, "it is no list")
    return shapes.shaped(client, path, shapes.legacy_invitation, rows)


# What Atlas records in the activity feeds for each kind of step (Atlas API documentation, project and organization
# events). Those of teams stand in the feed of the organization.
_IN_PROJECT = {
    "add": ("INVITED_TO_GROUP", "JOINED_GROUP"),
    "grant": ("USER_ROLES_CHANGED_AUDIT",),
    "revoke": ("USER_ROLES_CHANGED_AUDIT",),
    "remove": ("REMOVED_FROM_GROUP", "GROUP_INVITATION_DELETED"),
}
_IN_TEAM = {"add": ("INVITED_TO_TEAM", "JOINED_TEAM"), "remove": ("REMOVED_FROM_TEAM",)}
_IN_ORGANIZATION = {
    "add": ("INVITED_TO_ORG", "JOINED_ORG"),
    "grant": ("USER_ROLES_CHANGED_AUDIT",),
    "revoke": ("USER_ROLES_CHANGED_AUDIT",),
    "remove": ("REMOVED_FROM_ORG", "ORG_INVITATION_DELETED"),
}
EVENTS = {PROJECT: _IN_PROJECT, TEAM: _IN_TEAM, ORGANIZATION: _IN_ORGANIZATION}


class Event(NamedTuple):
    """What Atlas recorded of somebody (an email, folded). ``by`` is who did it, None where it is not told.

    ``roles`` are the roles that the record speaks of, if it does, and ``team`` is the id of the team.
    """

    id: str
    kind: str
    user: str
    at: Optional[str]
    by: Optional[str]
    roles: FrozenSet[str]
    team: Optional[str] = None


def events(client: Client, place: Project, since: str, until: str) -> List[Event]:
    """What happened to people in a project, or in an organization and its teams, between two ISO 8601 times.

    Oldest first.
    """
    path = f"{_path(place)}/events"
    kinds = [_IN_PROJECT] if place.kind == PROJECT else [_IN_ORGANIZATION, _IN_TEAM]
    types = sorted({name for kind in kinds for names in kind.values() for name in names})
    rows = pages(client, path, BASE_VERSION, {"eventType": types, "minDate": since, "maxDate": until})
    # An organization's feed may tell of its projects as well.
    roles = re.compile(r"\b%s_[A-Z_]+\b" % ("GROUP" if place.kind == PROJECT else "ORG"))
    return [_event(row, roles) for row in reversed(rows) if place.kind == PROJECT or not row.get("groupId")]


def _event(row: Mapping[str, Json], roles: Pattern[str]) -> Event:
    # The schema has no field for roles; where a record tells them all the same, they are in it somewhere.
    said = json.dumps({name: value for name, value in row.items() if name != "eventTypeName"})
    return Event(
        str(row.get("id")),
        str(row.get("eventTypeName")),
        folded(str(row.get("targetUsername", ""))),
        shapes.maybe(row, "created"),
        shapes.maybe(row, "username") or shapes.maybe(row, "publicKey") or shapes.maybe(row, "userId"),
        frozenset(roles.findall(said)),
        shapes.maybe(row, "teamId"),
    )


# --- writing ---------------------------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """What Atlas showed after a step: the member (None: nobody), and a note where somebody else had done it before."""

    member: Optional[Member]
    note: str = ""


def apply(client: Client, project: Project, step: Step, member: Member) -> Seen:
    """Make one step. ``member`` is whom it is about, as read (or, to add somebody, as named).

    An answer that is lost, or that does not show the effect, is settled by reading the project again; the write is
    repeated only when it did not take effect. Raises `AtlasError`.
    """
    method, path, body = _request(project, step, member)
    version = BASE_VERSION if member.legacy else USERS_VERSION
    patience = client.patience()
    started, tries, lost = time.monotonic(), 0, False
    error = AtlasError(f"{method} {API}{path}", "not sent yet")
    while True:
        tries += 1
        try:
            answer = client.call(method, path, version, patience, body=body)
            seen = _answered(project, step, answer)
            if seen and shows(step.action, step.roles, seen.member):
                return seen
            error = AtlasError(f"{method} {API}{path}", "the answer does not show the effect", 200)
        except (TokenError, Interrupted):
            if lost:
                raise error.after(tries, started) from None
            raise
        except AtlasError as caught:
            error = caught
        try:
            found = _settled(client, project, step, member, error, lost, patience)
            error.found = (found,)
            if shows(step.action, step.roles, found):
                return Seen(found, "" if lost or error.unsettled else NOTES[step.action])
            lost = lost or error.unsettled
            again = patience.after(error, repeatable=True)
        except Interrupted:
            again = False
        if not again:
            raise error.after(tries, started)


# What is said of a step that Atlas refused because somebody else had made it.
NOTES = {"add": "already there", "grant": "already there", "revoke": "already gone", "remove": "already gone"}


def _request(place: Project, step: Step, member: Member) -> Tuple[str, str, Optional[Dict[str, Any]]]:
    """Method, path and body of a step."""
    user = segment(str(member.user_id))
    if place.kind == TEAM:
        verb = "addUser" if step.action == "add" else "removeUser"
        return "POST", f"{_path(place)}:{verb}", {"id": member.user_id}
    if step.action == "remove":
        return "DELETE", f"{_path(place)}/{'invites' if member.legacy else 'users'}/{user}", None
    in_project = place.kind == PROJECT
    if step.action == "add":
        roles = list(step.roles)
        body = {"username": member.user, "roles": roles if in_project else {"orgRoles": roles}}
        return "POST", f"{_path(place)}/users", body
    verb = {"grant": "addRole", "revoke": "removeRole"}[step.action]
    body = {"groupRole" if in_project else "orgRole": step.roles[0]}
    return "POST", f"{_path(place)}/users/{user}:{verb}", body


def _answered(place: Project, step: Step, answer: Json) -> Optional[Seen]:
    """What a write's answer shows: a DELETE has no body, the others answer with the user."""
    if step.action == "remove" and place.kind != TEAM:
        return Seen(None) if answer is None else None
    try:
        if place.kind == TEAM:
            return Seen(shapes.still_in(place.id, answer))
        return Seen(shapes.member(answer) if place.kind == PROJECT else shapes.org_member(answer))
    except shapes.MISSHAPEN:
        return None


def _settled(
    client: Client, project: Project, step: Step, member: Member, error: AtlasError, lost: bool, patience: Patience
) -> Optional[Member]:
    """The member after a write that did not succeed, for it may be in effect all the same.

    Nothing promises that a listing shows a write at once. So it gets some time after a refusal that says "it is so
    already", after any refusal of a write that was sent before, and before somebody would be invited again.
    """
    # Of teams and organizations nothing tells whether it is 404 or 400.
    either = step.action in ("grant", "revoke") or project.kind != PROJECT
    says_so = (404, 409, 400) if either else (404, 409)
    patient = lost or error.status in says_so or (step.action == "add" and error.unsettled)
    for pause in (BACKOFF if patient else ()) + (None,):
        try:
            found = member_now(client, project, step, member, patience)
        except AtlasError as unread:
            error.detail = f"{error.detail.rstrip('.')}; whether it took effect could not be read: {unread.detail}"
            raise error from None
        if pause is None or shows(step.action, step.roles, found) or not patience.pause(pause):
            break
    return found


def member_now(client: Client, project: Project, step: Step, member: Member, patience: Patience) -> Optional[Member]:
    """Whom a step is about, as the project shows them."""
    read = legacy_invitations if member.legacy else members
    found = read(client, project, patience)
    if step.action == "add":
        # By email: somebody who is invited anew may have got another id.
        found = [one for one in found if folded(one.user) == folded(member.user)]
        return next((one for one in found if one.status not in LAPSED), None)
    return next((one for one in found if one.user_id == member.user_id), None)
