# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Leaving an organization: its projects and teams are left first, and read again at the end.

Whether Atlas takes people out of those by itself is written nowhere. Knows nothing of Ansible. Private to this
collection.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set

from . import _atlas as atlas
from . import _people as people
from ._access import ORGANIZATION, PROJECT, TEAM, Person, Project, Refusal, folded
from ._asked import Who, Wish
from ._cases import Case, Run
from ._client import BACKOFF, Client
from ._errors import AtlasError
from ._places import last_of_team
from ._steps import DONE
from ._words import listed


def elsewhere(client: Client, organizations: Sequence[Case]) -> List[Case]:
    """The projects and teams of those who are to leave, for them to leave. Raises `Refusal` and `AtlasError`."""
    known = people.read_organizations(client, [case.project.id for case in organizations], lapsed=True)
    projects: Optional[Dict[str, Project]] = None
    found: List[Case] = []
    for case in organizations:
        leaving = _leaving(case, known[case.project.id])
        if not any(person.project_ids or person.team_ids for person in leaving):
            continue
        projects = projects or {one.id: one for one in atlas.projects(client)}
        teams = {team.id: team for team in atlas.teams_of(client, case.project.id)}
        found += _places(case.project, PROJECT, projects, {one: one.project_ids for one in leaving})
        found += _places(case.project, TEAM, teams, {one: one.team_ids for one in leaving})
    return found


def _leaving(case: Case, org: people.Organization) -> List[Person]:
    """Who is named, as the organization tells of them. Raises `Refusal` and `AtlasError`."""
    if org.people is None:
        raise org.error or AtlasError(case.project.name, "its people could not be read")
    ids = {wish.who.id for wish in case.wishes}
    emails = {folded(wish.who.email) for wish in case.wishes if wish.who.email and not wish.who.id}
    for row in org.odd:
        if row.user_id in ids or folded(row.user) in emails:
            raise Refusal(f"{case.project.name}: where {row.user} is can't be told, for {row.what} could not be read")
    return [one for key, one in sorted(org.people.items()) if key in ids or folded(one.user) in emails]


def _places(
    org: Project, kind: str, visible: Mapping[str, Project], where: Mapping[Person, Iterable[str]]
) -> List[Case]:
    wishes: Dict[str, List[Wish]] = {}
    for person, ids in where.items():
        for place_id in ids:
            wishes.setdefault(place_id, []).append(Wish(Who(person.user, person.user_id)))
    cases = [Case(visible.get(key) or Project(key, key, org.id, kind=kind), mine) for key, mine in wishes.items()]
    for case in cases:
        if case.project.id not in visible:
            gone = AtlasError(case.project.name, f"this credential does not see the {kind}")
            case.unread = ("it could not be found", gone)
    return sorted(cases, key=lambda case: (case.project.name, case.project.id))


def leavable(cases: Sequence[Case]) -> List[Case]:
    """Without the places of an organization that could not be read: whether somebody may leave it is not known then."""
    unread = {case.project.id for case in cases if case.project.kind == ORGANIZATION and case.unread}
    return [case for case in cases if case.project.kind == ORGANIZATION or case.project.org_id not in unread]


def keep_last(cases: Iterable[Case]) -> List[str]:
    """Plan no step that Atlas refuses because a team keeps its last user; what to say of that."""
    said = []
    for case in cases:
        last = last_of_team(case.project, case.before, case.steps)
        if last:
            case.steps.remove(last[-1])
            said.append(
                f"{case.labels()[last[-1].user]} is the last in the team {case.project.name}, which keeps at least one "
                "user, so no step takes them out of it; whether Atlas lets them leave the organization is tried"
            )
    return said


def held(cases: Sequence[Case]) -> List[Dict[str, Any]]:
    """What everybody who is to leave an organization holds in it; no roles (null) where they could not be read."""
    return [
        {
            "user": org.members[key].user,
            "user_id": key,
            "status": org.members[key].status,
            "organization": org.project.name,
            "organization_id": org.project.id,
            "roles": sorted(org.members[key].roles),
            "projects": _held(cases, org.project, PROJECT, key),
            "teams": _held(cases, org.project, TEAM, key),
        }
        for org in cases
        if org.project.kind == ORGANIZATION
        for key in sorted(org.wanted, key=lambda key: folded(org.members[key].user))
    ]


def _held(cases: Sequence[Case], org: Project, kind: str, key: str) -> List[Dict[str, Any]]:
    rows = []
    for case in cases:
        unread = case.unread and any(wish.who.id == key for wish in case.wishes)
        if case.project.kind == kind and case.project.org_id == org.id and (key in case.there or unread):
            row: Dict[str, Any] = {kind: case.project.name, f"{kind}_id": case.project.id}
            if kind == PROJECT:
                row["roles"] = None if unread else sorted(case.there[key].roles)
            rows.append(row)
    return rows


def look_again(client: Client, run: Run) -> None:
    """Read again where those who left an organization were, and say who is there still."""
    left: Set[str] = {
        one.step.user
        for case in run.cases
        if case.project.kind == ORGANIZATION
        for one in case.outcomes
        if one.step.action == "remove" and one.status == DONE
    }
    client.together(
        lambda case: _look(client, case, left), [case for case in run.cases if not left.isdisjoint(case.wanted)]
    )


def _look(client: Client, case: Case, left: Set[str]) -> None:
    patience = client.patience()
    try:
        for pause in (*BACKOFF, None):
            still = [one.user for one in atlas.members(client, case.project, patience) if one.user_id in left]
            if not still or pause is None or not patience.pause(pause):
                break
    except AtlasError as error:
        case.problem = case.problem or f"whether those who left the organization are gone could not be read: {error}"
        return
    if still:
        case.problem = case.problem or f"{listed(sorted(still))} left the organization, and is here still"
