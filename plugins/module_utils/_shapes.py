# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of answers in the words of `_access`; a row of another shape is an `AtlasError`.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ._access import ORGANIZATION, TEAM, TEAM_MEMBER, Member, Person, Project, Team
from ._client import Client, T
from ._errors import Json

MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)


def shaped(client: Client, path: str, shape: Callable[[Any], T], rows: Sequence[Json]) -> List[T]:
    """Every row in its shape. Raises `AtlasError`."""
    found = []
    for number, row in enumerate(rows, 1):
        try:
            found.append(shape(row))
        except MISSHAPEN as error:
            name = row.get("username") or row.get("name") or row.get("id") if isinstance(row, dict) else None
            who = f" ({name})" if name else ""
            raise client.misshapen("GET", path, f"row {number}{who}, its {error.args[0]!r}") from None
    return found


_SEEN: Dict[str, str] = {}


def text(row: Mapping[str, Json], name: str) -> str:
    value = row[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    # The same people, and all that is said of them, come back with every project.
    return _SEEN.setdefault(value, value)


_ID = re.compile("[0-9a-fA-F]{24}")


def identity(row: Mapping[str, Json], name: str) -> str:
    """An id, which becomes a part of a path: what is none would lead elsewhere."""
    value = text(row, name)
    if not _ID.fullmatch(value):
        raise ValueError(name)
    return value


def maybe(row: Mapping[str, Json], name: str) -> Optional[str]:
    value = row.get(name)
    return _SEEN.setdefault(value, value) if isinstance(value, str) else None


_ROLE_SETS: Dict[Tuple[str, ...], FrozenSet[str]] = {}


def texts(row: Mapping[str, Json], name: str) -> FrozenSet[str]:
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


def project(row: Mapping[str, Json]) -> Project:
    tags = row.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, dict) for tag in tags):
        raise TypeError("tags")
    by_key = {text(tag, "key"): str(tag.get("value", "")) for tag in tags}
    return Project(identity(row, "id"), text(row, "name"), identity(row, "orgId"), maybe(row, "created"), by_key)


# Rows as they were read, by account and roles, and what was made of them; so many that memory stays small.
_MEMBERS: Dict[Tuple[str, ...], Tuple[Mapping[str, Json], Member]] = {}
MOST_MEMBERS = 10_000


def member(row: Mapping[str, Json]) -> Member:
    """Somebody in a project; the same `Member` for a row that was there before, for most come with every project."""
    key: Tuple[str, ...] = ()
    try:
        key = (row["id"], *row["roles"])
        known = _MEMBERS.get(key)
    except (KeyError, TypeError):
        known = None
    if known and known[0] == row:
        return known[1]
    found = _member(row, texts(row, "roles"))
    if len(_MEMBERS) < MOST_MEMBERS:
        _MEMBERS[key] = row, found
    return found


def _member(row: Mapping[str, Json], roles: FrozenSet[str]) -> Member:
    return Member(
        text(row, "username"),
        identity(row, "id"),
        text(row, "orgMembershipStatus"),
        roles,
        maybe(row, "lastAuth"),
        maybe(row, "createdAt"),
        maybe(row, "invitationCreatedAt"),
        maybe(row, "invitationExpiresAt"),
        maybe(row, "inviterUsername"),
    )


def team_member(row: Mapping[str, Json]) -> Member:
    """Somebody in a team."""
    return _member(row, frozenset([TEAM_MEMBER]))


def still_in(team_id: str, row: Mapping[str, Json]) -> Optional[Member]:
    """Somebody as a member of that team, None where the row tells that they are not."""
    return team_member(row) if team_id in texts(row, "teamIds") else None


def org_member(row: Mapping[str, Json]) -> Member:
    """Somebody in an organization."""
    return _member(row, _org_roles(row["roles"]))


def legacy_invitation(row: Mapping[str, Json]) -> Member:
    return Member(
        text(row, "username"),
        identity(row, "id"),
        "PENDING",
        texts(row, "roles"),
        invitation_created_at=maybe(row, "createdAt"),
        invitation_expires_at=maybe(row, "expiresAt"),
        inviter=maybe(row, "inviterUsername"),
        legacy=True,
    )


def team(row: Mapping[str, Json]) -> Team:
    return Team(identity(row, "teamId"), texts(row, "roleNames"))


def org_team(org_id: str, row: Mapping[str, Json]) -> Project:
    """A team as a place with members."""
    return Project(identity(row, "id"), text(row, "name"), org_id, kind=TEAM)


def organization(row: Mapping[str, Json]) -> Project:
    """An organization as a place with members."""
    return Project(identity(row, "id"), text(row, "name"), identity(row, "id"), kind=ORGANIZATION)


def person(row: Mapping[str, Json]) -> Person:
    roles = row.get("roles") or {}
    return Person(
        text(row, "username"),
        identity(row, "id"),
        text(row, "orgMembershipStatus"),
        _org_roles(roles),
        texts(row, "teamIds") if row.get("teamIds") else frozenset(),
        maybe(row, "lastAuth"),
        maybe(row, "createdAt"),
        _assigned(roles.get("groupRoleAssignments")),
    )


def _org_roles(roles: Json) -> FrozenSet[str]:
    if not isinstance(roles, dict):
        raise TypeError("roles")
    return texts(roles, "orgRoles") if roles.get("orgRoles") else frozenset()


def _assigned(rows: Json) -> FrozenSet[str]:
    """The ids of the projects where somebody is a member, as the organization tells them."""
    listed = rows if isinstance(rows, list) else []
    return frozenset(
        _SEEN.setdefault(row["groupId"], row["groupId"])
        for row in listed
        if isinstance(row, dict) and isinstance(row.get("groupId"), str)
    )
