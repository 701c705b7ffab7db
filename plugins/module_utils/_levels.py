# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What leavers lose beyond their projects: teams, and the organization, as places that are reviewed like projects.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Sequence, Set, Tuple

from . import _atlas_programs as programs
from . import _people as people
from ._access import (
    ORGANIZATION,
    OWNER,
    OWNERS,
    TEAM,
    Entry,
    Person,
    Project,
    Refusal,
    Way,
    folded,
    plan,
)
from ._client import Client
from ._errors import AtlasError
from ._names import blank
from ._policy import Guards, Policy
from ._review import Finding, Reviewed, after, owners, review
from ._survey import Survey, is_whole
from ._today import living_exceptions
from ._totals import losing
from ._words import LAST_OWNER

PROJECTS, TEAMS, EVERYTHING = LEVELS = ("projects", "teams", "organization")


class Leaving(NamedTuple):
    """The projects as reviewed, without the ways in that other steps end; the other places; and what to tell."""

    projects: List[Reviewed]
    places: List[Reviewed]
    warnings: List[str]

    def in_summary(self, counts: Dict[str, Any]) -> Dict[str, Any]:
        """The counts of a review, with what was found in the other places."""
        found = [finding for one in self.places for finding in one.findings]
        by_action = {**counts["by_action"]}
        by_rule = {**counts["by_rule"]}
        for finding in found:
            by_action[finding.action] += 1
            by_rule["leavers"] += 1
        return {
            **counts,
            "findings": counts["findings"] + len(found),
            "by_action": by_action,
            "by_rule": by_rule,
            "removals_elsewhere": sum(len(losing(one)) for one in self.places),
        }


def check(params: Mapping[str, Any], policy: Policy) -> None:
    """Refuse a level beyond the projects where not all of them are asked for. Raises `Refusal`."""
    level = params["leavers_lose"]
    narrow = [name for name in ("exclude_projects", "project_tags") if not blank(params[name]) and params[name]]
    if not blank(params["projects"]) and list(params["projects"]) != ["*"]:
        narrow.insert(0, "projects")
    if level != PROJECTS and narrow:
        raise Refusal(
            f"leavers_lose: {level} is about the whole organization, and {narrow[0]} narrows the scope; leave out "
            f"{narrow[0]}, or write leavers_lose: {PROJECTS}"
        )


def leave(
    client: Client,
    level: str,
    policy: Policy,
    guards: Guards,
    seen: Survey,
    reviewed: Sequence[Reviewed],
    now: datetime,
) -> Leaving:
    """Plan what leavers lose at this level. Raises `Refusal` where the scope turns out not to be the organization."""
    if level == PROJECTS or not policy.leavers:
        return Leaving(list(reviewed), [], [])
    if not is_whole(seen):
        raise Refusal(
            f"leavers_lose: {level} needs the whole organization in scope, with people that can be read; this "
            f"credential does not see all of it, so write leavers_lose: {PROJECTS}, or use one with Organization Owner"
        )
    # What is decided of a leaver does not depend on the place, but for exceptions that are about all places.
    lean = Policy(leavers=policy.leavers, exceptions=tuple(one for one in policy.exceptions if one.project is None))
    excepted = living_exceptions(policy, now)
    places: List[Reviewed] = []
    warnings: List[str] = []
    staying = _staying(reviewed)
    for org_id, org in seen.organizations.items():
        everybody = org.people or {}
        organization = _organization(org_id, seen)
        found = review(lean, guards, organization, _entries(org, organization), None, now)
        going = {one.key for one in found.findings if one.action == "remove"}
        if not found.findings:
            continue
        stays = {key: _stays(everybody[key], seen, staying, excepted) for key in going}
        stays.update(_last_owners(reviewed, org_id, stays))
        unable = _unable(client, org_id) if going else ""
        stays = {key: why or unable for key, why in stays.items()}
        out = _held_back(found, stays) if level == EVERYTHING else None
        leave_all = {step.user for step in out.steps} if out else set()
        teams = _teams(org_id, org, {*going, *(one.key for one in found.findings)})
        if any(team.id not in org.names for team in teams):
            warnings.append(f"{organization.name}: its teams could not be read, so they go by their ids")
        for team in teams:
            one = _held_back(review(lean, guards, team, _entries(org, team), None, now), stays)
            one, said = _keep_last(one, leave_all)
            places.append(one)
            warnings += said
        places += [out] if out else []
        if unable:
            warnings.append(unable)
    return Leaving([_without_ended(one, places) for one in reviewed], [one for one in places if one.findings], warnings)


def _organization(org_id: str, seen: Survey) -> Project:
    name = seen.identities[org_id].name if org_id in seen.identities else None
    return Project(org_id, f"organization {name or org_id}", org_id, kind=ORGANIZATION)


def _teams(org_id: str, org: people.Organization, keys: Iterable[str]) -> List[Project]:
    """The teams that these people are in."""
    ids = {team_id for key in keys for team_id in (org.people or {})[key].team_ids}
    named = [Project(one, f"team {org.names.get(one, one)}", org_id, kind=TEAM) for one in ids]
    return sorted(named, key=lambda team: (team.name, team.id))


def _entries(org: people.Organization, place: Project) -> Dict[str, Entry]:
    """People as members: with their organization roles, or with the one of a team."""
    return {str(one.user_id): Entry(one, (Way("direct", None, one.roles),)) for one in people.in_place(org, place)}


def _staying(reviewed: Sequence[Reviewed]) -> Dict[str, str]:
    """The first project that each member stays in, by key."""
    found: Dict[str, str] = {}
    for one in reviewed:
        removed = {step.user for step in one.steps if step.action == "remove"}
        for key in one.before.keys() - removed:
            found.setdefault(key, one.project.name)
    return found


def _stays(person: Person, seen: Survey, staying: Mapping[str, str], excepted: FrozenSet[str]) -> str:
    """Why somebody loses no more than projects; empty if nothing speaks against it."""
    if excepted & {folded(person.user), person.user_id}:
        return "an exception holds for them, so they lose projects only"
    for one in seen.rosters:
        if one.error and one.project.id in person.project_ids:
            return f"{one.project.name}, where they are a member, could not be read"
    stays_in = staying.get(person.user_id)
    return f"they stay in {stays_in}" if stays_in else ""


def _last_owners(reviewed: Sequence[Reviewed], org_id: str, stays: Mapping[str, str]) -> Dict[str, str]:
    """Who keeps their teams because nobody else would own a project, one for each: the reason why."""
    kept: Dict[str, str] = {}
    leaving = {key for key, why in stays.items() if not why}
    for one in reviewed:
        if one.project.org_id == org_id and one.left and one.left <= leaving:
            stayer = max(one.left)
            leaving.discard(stayer)
            kept[stayer] = (
                f"{LAST_OWNER}the project {one.project.name} would have no other ACTIVE owner; "
                f"make somebody else {OWNER} there first"
            )
    return kept


def _unable(client: Client, org_id: str) -> str:
    """Why this credential can't take anybody out of teams or the organization, as far as Atlas tells its roles."""
    mine = client.credential_id
    if mine is None:
        return ""
    try:
        listed = programs.service_accounts if mine.startswith("mdb_sa_id_") else programs.api_keys
        roles = [one.org_roles for one in listed(client, org_id).found if mine in (one.id, one.public_key)]
    except AtlasError as error:
        if error.status not in (401, 403):
            return ""
        roles = [frozenset()]
    if any(OWNERS[ORGANIZATION] in one for one in roles) or not roles:
        return ""
    return (
        "this credential has no Organization Owner, which it needs to take anybody out of teams or the organization, "
        "so leavers lose projects only"
    )


def _held_back(one: Reviewed, stays: Mapping[str, str]) -> Reviewed:
    """The same without the steps of those who stay, each with the reason why."""
    findings = [
        finding._replace(action="report", after=None, reasons=(*finding.reasons, stays[finding.key]))
        if finding.action == "remove" and stays.get(finding.key)
        else finding
        for finding in one.findings
    ]
    return _planned(one, findings)


def _planned(one: Reviewed, findings: List[Finding]) -> Reviewed:
    then = after(one.before, findings)
    return one._replace(findings=findings, steps=plan(one.before, then), left=owners(one.entries, then))


def _keep_last(one: Reviewed, leave_all: Set[str]) -> Tuple[Reviewed, List[str]]:
    """A team keeps its last user, and whoever leaves the organization may leave it by that; what to say of it."""
    going = [step.user for step in one.steps if step.action == "remove"]
    if not going or set(one.before) - set(going):
        return one, []
    last = going[-1]
    user = one.entries[last].member.user
    said = (
        f"{user} is the last in the {one.project.name}, which keeps at least one user, so no step takes them out of it"
    )
    if last in leave_all:
        kept = [finding for finding in one.findings if finding.key != last]
        return _planned(one, kept), [f"{said}; whether Atlas lets them leave the organization is tried"]
    ways = (
        "last_of_team: a team keeps at least one user; add somebody else to it, take it off its projects or delete it, "
        "or let the person lose the organization"
    )
    return _held_back(one, {last: ways}), [said]


def _without_ended(one: Reviewed, places: Sequence[Reviewed]) -> Reviewed:
    """A project without the ways in that steps elsewhere end, and without who gets in by no other."""
    org_id = one.project.org_id
    mine = [place for place in places if place.project.org_id == org_id]
    out = {step.user for place in mine if place.project.kind == ORGANIZATION for step in place.steps}
    # The names of an organization's teams are its own, see `people.with_names`.
    left = {(step.user, place.project.name) for place in mine if place.project.kind == TEAM for step in place.steps}
    findings = []
    for finding in one.findings:
        if "leavers" not in finding.rules or finding.ways == ():
            findings.append(finding)
            continue
        ways = tuple(
            way
            for way in finding.ways
            if finding.key not in out and (finding.key, f"{way.kind} {way.name}") not in left
        )
        if ways or finding.key in one.before:
            findings.append(finding._replace(ways=ways))
    return one._replace(findings=findings)
