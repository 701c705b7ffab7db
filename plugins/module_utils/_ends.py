# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ends for people who leave teams: in which projects, how they still get in there, and who owns these then.

Read before the writes, so that check mode and the run say the same. Knows nothing of Ansible. Private to this
collection.
"""

from __future__ import annotations

from typing import Collection, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Union

from . import _atlas as atlas
from . import _people as people
from ._access import (
    ACTIVE,
    LAPSED,
    OWNER,
    PROJECT,
    TEAM,
    UNKNOWN_WAY,
    Member,
    Person,
    Project,
    Residual,
    Step,
    Team,
    Way,
    access_of,
    active_owners,
    by_id,
    folded,
    indirect_ways,
    owned_by_team,
    replay,
)
from ._cases import Case, End
from ._client import Client
from ._errors import AtlasError
from ._residual import Leaving, named


class _Around(NamedTuple):
    """A project that a team is in: its teams, and those of its members who may be asked about."""

    project: Project
    teams: Sequence[Team]
    members: Mapping[str, Member]


# Projects, each with its teams, or why they could not be read.
Placed = Sequence[Tuple[Project, Union[List[Team], AtlasError]]]


def with_teams(client: Client, org_ids: Collection[str]) -> Placed:
    """The projects of organizations with their teams, at one request each. Raises `AtlasError`."""
    projects = [one for one in atlas.projects(client) if one.org_id in org_ids]
    return list(zip(projects, client.together(lambda one: atlas.teams(client, one), projects)))


def ends(
    client: Client, known: people.Organizations, leaving: Sequence[Leaving], placed: Placed
) -> Tuple[List[End], List[Residual], List[str]]:
    """What ends by leaving teams, how people still get into the projects of these teams, and what could not be read.

    ``leaving`` are the teams, each with all who are named, and who of them is a member now. Costs a request for each
    of the teams' projects that somebody named is a member of.
    """
    found: List[End] = []
    rows: List[Residual] = []
    said: List[str] = []
    read = client.together(lambda one: _around(client, *one, known, leaving), placed)
    for (one, _teams), around in zip(placed, read):
        mine = [place for place in leaving if place.project.org_id == one.org_id]
        if isinstance(around, AtlasError):
            said.append(f"{one.name}: whether people named get in, and how, could not be read: {around}")
            org = known[one.org_id]
            users = {person.user for place in mine for person in named(org, place)} | _untold(org, mine)
            rows += [Residual(one, user, UNKNOWN_WAY) for user in sorted(users)]
        elif around:
            more = _of_project(around, mine, known[one.org_id])
            found += more[0]
            rows += more[1]
    return found, sorted(rows, key=lambda row: (row.project.name, row.project.id, row.user, row.way.kind)), said


def _around(
    client: Client,
    project: Project,
    teams: Union[List[Team], AtlasError],
    known: people.Organizations,
    leaving: Sequence[Leaving],
) -> Optional[_Around]:
    """None where none of the teams is in the project."""
    if isinstance(teams, AtlasError):
        raise teams
    concerned = [place for place in leaving if place.project.id in {team.id for team in teams}]
    if not concerned:
        return None
    named = {
        person.user_id for place in concerned for person in _people(known, place) if project.id in person.project_ids
    }
    members = by_id(atlas.members(client, project)) if named else {}
    return _Around(project, teams, {key: members[key] for key in named if key in members})


def _people(known: people.Organizations, place: Leaving) -> List[Person]:
    return named(known[place.project.org_id], place)


def _untold(org: people.Organization, places: Sequence[Leaving]) -> Set[str]:
    """Who is named, and of whom the organization does not tell how they get in: it, or their row, could not be read."""
    known = org.people or {}
    members = [one for place in places for one in place.members]
    found = {str(one.user_id) for one in members if one.user_id not in known}
    for place in places:
        if org.people is None:
            found |= place.ids | place.emails
        found |= {odd.user for odd in org.odd if odd.user_id in place.ids or folded(odd.user) in place.emails}
    users = {name: one.user for one in members for name in (str(one.user_id), one.user, folded(one.user))}
    return {users.get(name, name) for name in found}


def _of_project(
    around: _Around, leaving: Sequence[Leaving], org: people.Organization
) -> Tuple[List[End], List[Residual]]:
    in_project = {team.id: team for team in around.teams}
    concerned = [place for place in leaving if place.project.id in in_project]
    going: Dict[str, List[Project]] = {}
    for place in concerned:
        for key in by_id(place.members):
            going.setdefault(key, []).append(place.project)
    found: List[End] = []
    rows: List[Residual] = []
    everybody = {person.user_id: person for place in concerned for person in named(org, place)}
    for key, person in sorted(everybody.items()):
        left = {team.id for team in going.get(key, ())}
        ways = _ways(person, around, left, org)
        rows += [Residual(around.project, person.user, way) for way in ways]
        stays = frozenset().union(*(way.roles for way in ways))
        for team in going.get(key, ()) if person.status not in LAPSED else ():
            roles = in_project[team.id].roles - stays
            if roles:
                found.append(End(team, key, around.project, roles))
    return found, rows + [Residual(around.project, user, UNKNOWN_WAY) for user in _untold(org, concerned)]


def _ways(person: Person, around: _Around, left: Set[str], org: people.Organization) -> List[Way]:
    """How somebody gets into a project without the teams that they leave."""
    member = around.members.get(person.user_id)
    direct = [Way("direct", None, member.roles)] if member and member.status not in LAPSED else []
    stays = [team for team in around.teams if team.id not in left]
    return direct + indirect_ways(person, stays, org.names)


# --- who owns the projects then --------------------------------------------------------------------------------------


# Places, each with its steps.
Planned = Sequence[Tuple[Case, Sequence[Step]]]


class Bereft(NamedTuple):
    """A project that loses its last ACTIVE owner by a step out of a team, or of which that could not be read."""

    case: Case
    step: Step
    why: str


def bereft(client: Client, cases: Planned, known: people.Organizations, placed: Placed) -> List[Bereft]:
    """The steps out of teams that leave a project without an ACTIVE owner. ``cases`` are all places with their steps.

    Costs a request for each project that only those who leave own through teams, or of which that can't be told.
    """
    then = people.without(known, leaving_of(cases))
    found: List[Bereft] = []
    for project, teams in placed:
        org = known.get(project.org_id, people.UNREAD)
        unread = teams if isinstance(teams, AtlasError) else org.error
        if not unread and (not _owned(teams, org) or _owned(teams, then.get(project.org_id, org))):
            continue
        takers = _takers(cases, project, teams, org)
        losing = {case.project.id for case, _step in takers}
        if all(_keeps_active(case, steps) for case, steps in cases if case.project.id in losing):
            continue
        steps = next((steps for case, steps in cases if case.project.id == project.id), ())
        why = _left_without(client, project, steps, unread)
        found += [Bereft(case, step, why) for case, step in takers if why]
    return found


def _owned(teams: Union[List[Team], AtlasError], org: people.Organization) -> bool:
    return not isinstance(teams, AtlasError) and owned_by_team(teams, (org.people or {}).values())


def _takers(
    cases: Planned, project: Project, teams: Union[List[Team], AtlasError], org: people.Organization
) -> List[Tuple[Case, Step]]:
    """The steps that take ACTIVE people out of the teams that own a project, else out of its organization.

    Where its teams could not be read, any may own it.
    """
    mine = [(case, step) for case, steps in cases for step in steps if _takes_active(case, step)]
    in_org = [one for one in mine if one[0].project.org_id == project.org_id]
    if isinstance(teams, AtlasError):
        return [one for one in in_org if one[0].project.kind == TEAM]
    owning = {team.id for team in teams if OWNER in team.roles}
    of_teams = [one for one in in_org if one[0].project.id in owning]
    owners = {key for key, person in (org.people or {}).items() if owning & person.team_ids}
    return of_teams or [(case, step) for case, step in in_org if case.project.kind != PROJECT and step.user in owners]


def _takes_active(case: Case, step: Step) -> bool:
    return step.action == "remove" and case.members[step.user].status == ACTIVE


def _keeps_active(case: Case, steps: Sequence[Step]) -> bool:
    """Whether somebody ACTIVE is in a team after these steps, which add people first."""
    return case.project.kind == TEAM and any(
        case.members[key].status == ACTIVE for key in replay(case.before, steps) if key in case.members
    )


def leaving_of(cases: Planned) -> Dict[str, Set[str]]:
    """Who leaves which teams and organizations, by user id."""
    ended: Dict[str, Set[str]] = {}
    for case, steps in cases:
        for step in steps if case.project.kind != PROJECT else ():
            if step.action == "remove":
                ended.setdefault(step.user, set()).add(case.project.id)
    return ended


def _left_without(client: Client, project: Project, steps: Iterable[Step], unread: Optional[AtlasError]) -> str:
    """What speaks against it that nobody owns a project through a team any more; empty if somebody does as a member."""
    try:
        members = by_id(atlas.members(client, project))
    except AtlasError as error:
        return f"whether an owner of {project.name} would be left could not be read: {error}"
    if active_owners(replay(access_of(members), steps), members):
        return ""
    if unread:
        return f"whether an owner of {project.name} would be left could not be read: {unread}"
    return (
        f"this would leave the project {project.name} without an ACTIVE owner, for only people of the team own it; "
        f"make somebody else {OWNER} there first"
    )
