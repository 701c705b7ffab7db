# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a review reads: who gets into the projects in scope, how much of it is known, how earlier runs ended.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from . import _atlas as atlas
from . import _exceptions as exceptions
from . import _people as people
from ._access import STATUSES, Person, Project, Refusal, Roles, folded
from ._client import Client
from ._errors import AtlasError
from ._names import empty_lists, is_glob, projects_in_scope, unmatched_tags
from ._settle import Known
from ._steps import Row
from ._verify import in_effect
from ._words import TOLD, are, counted, listed, was

Params = Mapping[str, Any]


class Identity(NamedTuple):
    """What an organization says of itself: its name, and how many projects it has; None where that can't be read.

    The people's memberships may prove more projects than a credential of some sees in any listing.
    """

    name: Optional[str]
    projects: Optional[int]


class Survey(NamedTuple):
    """What was read for a review: all projects that the credential sees, and who gets into those in scope."""

    visible: List[Project]
    rosters: List[people.Roster]
    organizations: people.Organizations
    identities: Mapping[str, Identity]
    doubts: List[str]

    @property
    def known(self) -> Set[str]:
        """Everybody in the organizations, by id and by email, folded."""
        return {name for org in self.organizations.values() for name in (*(org.people or ()), *org.keys)}


def known(org: people.Organization) -> Known:
    """Who is in an organization, as far as that could be read."""
    return Known(org.find, org.team_access == people.READ)


def survey(
    client: Client,
    params: Params,
    visible: List[Project],
    scope: Sequence[Project],
    then: Callable[[people.Roster, people.Organizations], None],
) -> Survey:
    """Read who gets into the projects in scope, and hand each to ``then`` as soon as it is. Raises `AtlasError`."""
    mine: Dict[str, Set[str]] = {org_id: set() for org_id in sorted({one.org_id for one in scope})}
    for project in visible:
        if project.org_id in mine:
            mine[project.org_id].add(project.id)
    told = client.meanwhile(lambda: _told(client, mine))
    seen = people.rosters(client, scope, legacy=params["legacy_invitations"], then=then)
    identities = {
        org_id: Identity(name, _projects(count, seen.organizations[org_id], mine[org_id]))
        for org_id, (name, count) in told().items()
    }
    return Survey(visible, seen.rosters, seen.organizations, identities, seen.doubts)


def _told(client: Client, mine: Mapping[str, Set[str]]) -> Dict[str, Tuple[Optional[str], Optional[int]]]:
    """What organizations say of their names and of how many projects they have, at two requests each."""
    names = client.together(lambda org_id: atlas.organization_name(client, org_id), list(mine))
    counts = client.together(lambda org_id: atlas.project_count(client, org_id, len(mine[org_id])), list(mine))
    return {
        org_id: (None if isinstance(name, AtlasError) else name, None if isinstance(count, AtlasError) else count)
        for org_id, name, count in zip(mine, names, counts)
    }


def _projects(count: Optional[int], org: people.Organization, seen: Set[str]) -> Optional[int]:
    assigned = seen.union(*(person.project_ids for person in (org.people or {}).values()))
    return max(count or 0, len(assigned)) if count or len(assigned) > len(seen) else None


def in_scope(params: Params, visible: Sequence[Project], warnings: List[str]) -> List[Project]:
    """The projects to look at. Raises `Refusal` where there is none."""
    named, excluded, tags = (params[name] for name in ("projects", "exclude_projects", "project_tags"))
    scope = projects_in_scope(visible, named, excluded, tags, warnings)
    if not scope:
        why = empty_lists(params, ["projects"]) + unmatched_tags(tags, visible)
        if excluded and projects_in_scope(visible, named, None, tags):
            why.append("exclude_projects takes out every project that projects and project_tags leave")
        raise Refusal(f"no project is in scope; {'; '.join(why or ['look at projects and project_tags'])}")
    return scope


def is_whole(seen: Survey) -> bool:
    """Whether the scope is whole organizations, whose people could be read."""
    mine = Counter(one.project.org_id for one in seen.rosters)
    return all(
        org.team_access == people.READ and seen.identities[org_id].projects == mine[org_id]
        for org_id, org in seen.organizations.items()
    )


def organizations(seen: Survey) -> List[Row]:
    """What the organizations in scope say of themselves, and how many of their projects are seen."""
    counts = Counter(project.org_id for project in seen.visible)
    return [
        {"id": org_id, "name": one.name, "projects": one.projects, "seen": counts[org_id]}
        for org_id, one in seen.identities.items()
    ]


def without_project(seen: Survey) -> Tuple[List[Person], Dict[str, Roles]]:
    """The people of the organizations who get into no project in scope, and everybody's organization roles."""
    everybody = [person for org in seen.organizations.values() for person in (org.people or {}).values()]
    here: Set[str] = set().union(*(one.entries for one in seen.rosters))
    # Who is in a project that could not be read is in one.
    unread = {one.project.id for one in seen.rosters if one.error}
    elsewhere = [one for one in everybody if one.user_id not in here and unread.isdisjoint(one.project_ids)]
    return elsewhere, {one.user_id: one.org_roles for one in everybody}


def completeness(params: Params, seen: Survey) -> Row:
    """What was read, and what could not be."""
    rosters = seen.rosters
    unreadable = [{"project": one.project.name, "error": str(one.error)} for one in rosters if one.error]
    ways = {one.team_access for one in rosters}
    team_access = next((one for one in (people.UNREADABLE, people.BY_ROLES) if one in ways), people.READ)
    legacy = "unreadable" if any(one.legacy_unread for one in rosters) else "read"
    counts = organizations(seen)
    known = None if any(one["projects"] is None for one in counts) else sum(one["projects"] for one in counts)
    unseen = any(one["projects"] is not None and one["projects"] > one["seen"] for one in counts)
    read = not unreadable and not seen.doubts and team_access == people.READ and legacy == "read"
    return {
        "complete": read and not (unseen and _asks_for_all(params)),
        "projects_seen": len(seen.visible),
        "projects_in_scope": len(rosters),
        "projects_known": known,
        "unreadable": unreadable,
        "statuses": list(STATUSES),
        "team_access": team_access,
        "legacy_invitations": legacy if params["legacy_invitations"] else "not asked for",
    }


def _asks_for_all(params: Params) -> bool:
    """Whether the scope goes beyond projects that are named one by one."""
    return not params["projects"] or any(is_glob(name) for name in params["projects"])


def effects(rows: Sequence[Row], seen: Survey, legacy: bool) -> List[str]:
    """Whether steps that earlier runs began show in what was read: yes, no or unreadable."""
    rosters = {one.project.id: one for one in seen.rosters}
    return [
        _effect_elsewhere(row, seen.organizations.get(row["org_id"]))
        if row.get("place")
        else _effect(row, rosters.get(row["project_id"]), legacy)
        for row in rows
    ]


def _effect(row: Row, roster: Optional[people.Roster], legacy: bool) -> str:
    if roster is None or roster.error or (row["legacy"] and (not legacy or roster.legacy_unread)):
        return "unreadable"
    return "yes" if in_effect(row, [one.member for one in roster.entries.values() if one.direct]) else "no"


def _effect_elsewhere(row: Row, org: Optional[people.Organization]) -> str:
    """The same in a team or organization, whose people are known without reading it."""
    names = {row["user_id"], folded(row["user"])}
    if org is None or org.people is None or any(names & {odd.user_id, folded(odd.user)} for odd in org.odd):
        return "unreadable"
    place = Project(row["project_id"], row["project"], row["org_id"], kind=row["place"])
    return "yes" if in_effect(row, people.in_place(org, place)) else "no"


def unsettled(runs: Sequence[str], took: Sequence[str]) -> List[str]:
    """What to say of runs that left steps unfinished; ``runs`` and what took effect go together."""
    ends = Counter(zip(runs, took))
    return [
        f"the run {run} began steps and did not end: {ends[run, 'yes']:,} took effect, {ends[run, 'no']} did not, "
        f"{ends[run, 'unreadable']} could not be read; see unfinished in review.json"
        for run in dict.fromkeys(runs)
    ]


def doubts(written: Row, missing: Sequence[str]) -> List[str]:
    """What a person should look at in a review; ``missing`` are protected people who stopped nothing."""
    whole = written["completeness"]
    found = exceptions.doubts(written["exceptions"])
    ruled = [f"{one['user']} in {one['project']} ({', '.join(one['rules'][:-1])})" for one in written["conflicts"]]
    if ruled:
        found.append(f"the desired state gives what other rules forbid, and those won: {listed(ruled, '; ')}")
    where = "neither in scope nor among people of the organization that could be read"
    found += [f"{user} is protected, but was found {where}" for user in missing[:TOLD]]
    if len(missing) > TOLD:
        more = len(missing) - TOLD
        found.append(f"{more:,} more {are(more)} protected, but {was(more)} found {where}")
    nowhere = [row["user"] for row in written["leavers"] if not row["found"]]
    if nowhere:
        unread = whole["unreadable"] or whole["team_access"] == people.UNREADABLE
        what = "were not found in what could be read" if unread else "get into no project in scope"
        found.append(f"leavers who {what}: {listed(nowhere)}")
    for org in written["organizations"]:
        if org["projects"] is not None and org["projects"] > org["seen"]:
            found.append(
                f"the organization {org['name'] or org['id']} has {counted(org['projects'], 'project')}, and this "
                f"credential sees {org['seen']:,} of them"
            )
    if whole["team_access"] == people.UNREADABLE:
        found.append("access through teams and organization roles could not be read in every project")
    if whole["legacy_invitations"] == "unreadable":
        found.append("legacy invitations could not be read in every project")
    return found
