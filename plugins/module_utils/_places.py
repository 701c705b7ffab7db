# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects, teams and organizations as places with members: which there are, who can come in, who must stay.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from typing import Collection, Dict, Iterable, List, Mapping

from . import _atlas as atlas
from . import _people as people
from ._access import ACTIVE, LAPSED, ORGANIZATION, PENDING, PROJECT, TEAM, Member, Project, Refusal, Step, replay
from ._asked import Newcomer, Params
from ._cases import Case
from ._client import Client
from ._names import the_organization
from ._words import listed


def visible(client: Client, kind: str, params: Params) -> List[Project]:
    """The places of a kind among which a task names its own. Raises `Refusal` and `AtlasError`."""
    if kind == PROJECT:
        return atlas.projects(client)
    organization = the_organization(params["organization"], atlas.organizations(client))
    return [organization] if kind == ORGANIZATION else atlas.teams_of(client, organization.id)


def of_plan(client: Client, kind: str, org_ids: Iterable[str]) -> Dict[str, Project]:
    """The places of a kind that a plan may be about, by id. Raises `AtlasError`."""
    if kind == TEAM:
        found = [team for org_id in sorted(set(org_ids)) for team in atlas.teams_of(client, org_id)]
    else:
        found = atlas.projects(client) if kind == PROJECT else atlas.organizations(client)
    return {place.id: place for place in found}


def newcomer(who: Newcomer, org: people.Organization, kind: str = PROJECT) -> Member:
    """Somebody who is to be added, as the organization knows them: ACTIVE ones get in at once, others are invited.

    Who is to come into a team must be in the organization, who is to come into that is invited. Raises `Refusal`.
    """
    person = who.person
    if kind == TEAM and org.people is None:
        raise Refusal(f"whether {who.email} is in the organization could not be read: {org.error}")
    if kind == TEAM and (person is None or person.status in LAPSED):
        raise Refusal(f"{who.email} is not in the organization; invite them with atlas_organization_user first")
    if person is None:
        unsure = kind == PROJECT and (org.people is None or bool(org.odd))
        return Member(who.email, None, None if unsure else PENDING, frozenset())
    return Member(person.user, person.user_id, ACTIVE if person.status == ACTIVE else PENDING, frozenset())


# --- who must stay ---------------------------------------------------------------------------------------------------


LAST = (
    "which keeps at least one user; add somebody else to it first, take it off its projects or delete it, or take the "
    "person out of the organization with atlas_organization_user"
)


def must_stay(cases: Iterable[Case], own: Collection[str]) -> List[str]:
    """What to say of steps that would empty a team, or are about the account of the credential (its names: ``own``)."""
    refusals = []
    for case in cases:
        names = case.labels()
        mine = [names[step.user] for step in case.steps if is_own(case, step, own)]
        if mine:
            refusals.append(f"{case.project.name}: {mine[0]} {OWN}")
        last = last_of_team(case.project, case.before, case.steps)
        if last:
            alone = listed(sorted(names[step.user] for step in last))
            refusals.append(f"{case.project.name}: {alone} would leave nobody in the team, {LAST}")
    return refusals


OWN = "is the account of this credential, which takes nothing from itself"


def is_own(case: Case, step: Step, own: Collection[str]) -> bool:
    """Whether a step takes something from the account of the credential in a team or organization."""
    member = case.members[step.user]
    taken = step.action in ("remove", "revoke") and case.project.kind != PROJECT
    return taken and (member.user in own or member.user_id in own)


def last_of_team(team: Project, members: Mapping[str, object], steps: Iterable[Step]) -> List[Step]:
    """The steps that empty a team: Atlas refuses the last of them. ``members`` are all who are listed there."""
    steps = list(steps)
    if team.kind != TEAM or not members or replay({key: frozenset() for key in members}, steps):
        return []
    return [step for step in steps if step.action == "remove"]
