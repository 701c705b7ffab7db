# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Residual access: how people still get into projects once their memberships are gone.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Set, Tuple

from . import _atlas as atlas
from ._access import LAPSED, UNKNOWN_WAY, Member, Person, Project, Residual, by_id, folded, indirect_ways, ways_by_roles
from ._client import Client
from ._errors import AtlasError
from ._people import Organization, Organizations, in_teams, with_names


class Leaving(NamedTuple):
    """Whom a task takes out of a project: all ids and emails (folded) named, and who of them is a member now."""

    project: Project
    ids: Set[str]
    emails: Set[str]
    members: Sequence[Member]


def residual(
    client: Client, organizations: Organizations, leaving: Sequence[Leaving]
) -> Tuple[List[Residual], List[str]]:
    """How people get in without their memberships, and what could not be checked.

    Read before the writes, so that check mode and the run say the same, and a listing that lags says nothing false.
    Costs a request for each project that somebody named may get into through a team, or whose organization can't be
    read.
    """
    asked = {one.project.org_id for one in leaving if in_teams(named(organizations[one.project.org_id], one))}
    known = with_names(client, organizations, asked)
    found = client.together(lambda one: _residual(client, known[one.project.org_id], one), leaving)
    rows: List[Residual] = []
    said = []
    for one, answer in zip(leaving, found):
        if isinstance(answer, AtlasError):
            said.append(f"{one.project.name}: whether people named get in otherwise could not be read: {answer}")
            org = organizations[one.project.org_id]
            known_as = {str(member.user_id): member.user for member in one.members}
            known_as.update((person.user_id, person.user) for person in named(org, one))
            emails = one.emails - {folded(user) for user in known_as.values()}
            names = sorted({known_as.get(key, key) for key in one.ids} | emails)
            rows += [Residual(one.project, user, UNKNOWN_WAY) for user in names]
        else:
            rows += answer
    return sorted(rows, key=lambda row: (row.project.name, row.project.id, folded(row.user), row.way.kind)), said


def named(org: Organization, leaving: Leaving) -> List[Person]:
    """Those who are named, as the organization knows them."""
    known = org.people or {}
    return [known[key] for key in sorted(leaving.ids & known.keys())]


def _residual(client: Client, org: Organization, leaving: Leaving) -> List[Residual]:
    if org.people is None:
        return _residual_by_roles(client, leaving)
    people = named(org, leaving)
    teams = atlas.teams(client, leaving.project) if in_teams(people) else []
    odd = [one.user for one in org.odd if one.user_id in leaving.ids or folded(one.user) in leaving.emails]
    return [Residual(leaving.project, user, UNKNOWN_WAY) for user in odd] + [
        Residual(leaving.project, person.user, way)
        for person in people
        for way in indirect_ways(person, teams, org.names)
    ]


def _residual_by_roles(client: Client, leaving: Leaving) -> List[Residual]:
    """By a flattened listing: roles beyond a membership's own prove another way in, the same ones prove nothing."""
    direct = by_id(leaving.members)
    listed = [
        one
        for one in atlas.flattened(client, leaving.project)
        if one.user_id in leaving.ids or folded(one.user) in leaving.emails
    ]
    teams = atlas.teams(client, leaving.project) if listed else []
    rows = []
    for one in listed:
        own = direct.get(str(one.user_id))
        ways = ways_by_roles(one.roles, own.roles if own else frozenset(), teams)
        rows += [Residual(leaving.project, one.user, way) for way in ways]
        if own and not ways and own.status not in LAPSED:
            rows.append(Residual(leaving.project, one.user, UNKNOWN_WAY))
    return rows
