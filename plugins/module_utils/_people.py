# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who else gets in: through teams and organization roles. For info, reviews, guards and residual access alike.

Where an organization can't be read, flattened listings of its projects stand in: they tell roles, not the ways to them.
Knows nothing of Ansible, nor of a run's cases. Private to this collection.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import (
    Callable,
    Collection,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from . import _atlas as atlas
from ._access import (
    ACTIVE,
    LAPSED,
    ORGANIZATION_ROLES,
    OWNER,
    PROJECT,
    TEAM,
    TEAM_MEMBER,
    Entry,
    Member,
    Person,
    Project,
    Team,
    Way,
    by_id,
    folded,
    indirect_ways,
    keys_by_email,
    owned_by_team,
    ways_by_roles,
)
from ._client import Client, Patience
from ._errors import AtlasError

# How far access through teams and organization roles is known (``completeness.team_access`` of a review).
READ, BY_ROLES, UNREADABLE = "read", "by roles only", "unreadable"
# So many projects are read while their organizations are. Were it more, the next page of people would have to wait.
AHEAD = 64


class Organization(NamedTuple):
    """An organization as the credential sees it. ``people`` is None where it may not or could not be read.

    ``keys`` are the people's ids by email, folded; ``odd`` the rows that could not be read; ``names`` the teams';
    ``active`` the emails, folded, of who is ACTIVE.
    """

    people: Optional[Mapping[str, Person]]
    keys: Mapping[str, Sequence[str]] = {}
    odd: Sequence[atlas.Odd] = ()
    error: Optional[AtlasError] = None
    names: Mapping[str, str] = {}
    active: FrozenSet[str] = frozenset()

    def find(self, user_id: Optional[str], email: Optional[str]) -> Optional[Person]:
        """Somebody by id, else by email: of accounts that share one the living first."""
        people = self.people or {}
        if user_id in people:
            return people[str(user_id)]
        mine = [people[key] for key in self.keys.get(folded(email), ())] if email else []
        return min(mine, key=lambda person: (person.status != ACTIVE, person.status in LAPSED), default=None)

    @property
    def team_access(self) -> str:
        return BY_ROLES if self.people is None else UNREADABLE if self.odd else READ


Organizations = Mapping[str, Organization]
UNREAD = Organization(None)


def read_organizations(
    client: Client, org_ids: Iterable[str], patience: Optional[Patience] = None, lapsed: bool = False
) -> Dict[str, Organization]:
    """The organizations by id, a request for each page of people; without the names of teams.

    ``lapsed``: with the people whose invitations lapsed.
    """
    ids = sorted(set(org_ids))
    found = client.together(lambda org_id: atlas.people(client, org_id, patience, lapsed), ids)
    return {org_id: _organization(answer) for org_id, answer in zip(ids, found)}


def _organization(answer: Union[Tuple[Dict[str, Person], List[atlas.Odd]], AtlasError]) -> Organization:
    if isinstance(answer, AtlasError):
        return Organization(None, error=answer)
    people, odd = answer
    active = frozenset(folded(person.user) for person in people.values() if person.status == ACTIVE)
    return Organization(people, keys_by_email(people), odd, active=active)


def with_names(client: Client, known: Organizations, org_ids: Iterable[str]) -> Dict[str, Organization]:
    """The same, with the names of these organizations' teams; where those can't be read, teams go by their ids.

    Teams that share a name have their ids behind it: a name stands for one team wherever it is told or compared.
    """
    ids = sorted(set(org_ids))
    teams = dict(zip(ids, client.together(lambda org_id: atlas.teams_of(client, org_id), ids)))
    return {
        org_id: org._replace(names=_named(found)) if isinstance(found := teams.get(org_id), list) else org
        for org_id, org in known.items()
    }


def _named(teams: Iterable[Project]) -> Dict[str, str]:
    ids: Dict[str, List[str]] = {}
    for team in teams:
        ids.setdefault(team.name, []).append(team.id)
    return {key: name if len(mine) == 1 else f"{name} ({key})" for name, mine in ids.items() for key in mine}


def in_place(org: Organization, place: Project) -> List[Member]:
    """Who is in a team or in the organization itself, as the organization tells of its people."""
    return [
        Member(
            one.user,
            one.user_id,
            one.status,
            frozenset([TEAM_MEMBER]) if place.kind == TEAM else one.org_roles,
            one.last_auth,
            one.created_at,
        )
        for one in (org.people or {}).values()
        if place.kind != TEAM or place.id in one.team_ids
    ]


def without(known: Organizations, ended: Mapping[str, Collection[str]]) -> Dict[str, Organization]:
    """The organizations without what ends: by user id the ids of the places that somebody leaves."""
    return {
        org_id: org
        if org.people is None
        else org._replace(people={**org.people, **_without(org.people, ended, org_id)})
        for org_id, org in known.items()
    }


def _without(everybody: Mapping[str, Person], ended: Mapping[str, Collection[str]], org_id: str) -> Dict[str, Person]:
    return {
        key: everybody[key]._replace(
            # Nobody who left the organization is in one of its teams.
            team_ids=frozenset() if org_id in places else everybody[key].team_ids.difference(places),
            project_ids=everybody[key].project_ids.difference(places),
            org_roles=frozenset() if org_id in places else everybody[key].org_roles,
        )
        for key, places in ended.items()
        if key in everybody
    }


def doubts(organizations: Organizations, kind: str = PROJECT) -> List[str]:
    """What is not known of who gets in, because an organization could not be read; sentences.

    Of those who leave teams no listing of a project stands in for the organization.
    """
    what = (
        "access through teams and organization roles is told by roles only"
        if kind == PROJECT
        else "what ends with a team, and how the people named get into its projects otherwise, is not known"
    )
    said = [
        f"the people of the organization {org_id} could not be read, so {what}: {org.error}"
        for org_id, org in organizations.items()
        if org.error
    ]
    return said + [
        f"organization {org_id}: the row of {row.user} ({row.what}) could not be read, so how they get in is not known"
        for org_id, org in organizations.items()
        for row in org.odd
    ]


# --- who gets into projects ------------------------------------------------------------------------------------------


class Roster(NamedTuple):
    """Who gets into one project, by key, or why that could not be read.

    ``team_access`` says how far access through teams and organization roles is known; ``unread`` why it is not;
    ``legacy_unread`` why legacy invitations, which were asked for, are not.
    """

    project: Project
    entries: Dict[str, Entry]
    error: Optional[AtlasError] = None
    team_access: str = READ
    unread: Optional[AtlasError] = None
    legacy_unread: Optional[AtlasError] = None


class Direct(NamedTuple):
    """The members of a project by key, and why legacy invitations, which were asked for, are not among them."""

    members: Mapping[str, Member]
    legacy_unread: Optional[AtlasError]


class Seen(NamedTuple):
    """Who gets into projects, what was read of their organizations, and what is not known of it (sentences)."""

    rosters: List[Roster]
    organizations: Organizations
    doubts: List[str]


def rosters(
    client: Client,
    projects: Sequence[Project],
    indirect: bool = True,
    legacy: bool = False,
    then: Callable[[Roster, Organizations], None] = lambda roster, known: None,
) -> Seen:
    """Who gets into the projects, directly or (if ``indirect``) through teams and organization roles.

    Costs one request a project, with ``indirect`` one more where anybody is in a team, and two for an organization,
    with ``legacy`` another one a project. Where the organization can't be read, one more listing a project stands in.
    ``then`` gets each as soon as it is read, while others still are, in whatever order and thread.
    """
    org_ids = {one.org_id for one in projects} if indirect else set()
    organizations = client.meanwhile(lambda: read_organizations(client, org_ids, lapsed=True))
    ahead = {one.id: client.meanwhile(partial(_direct, client, one, legacy)) for one in projects[:AHEAD]}
    known = organizations()
    may_get_in = {org_id: _who_may_get_in(org) for org_id, org in known.items()}
    known = with_names(client, known, [org_id for org_id, people in may_get_in.items() if in_teams(people.values())])

    def read(one: Project) -> Roster:
        direct = ahead[one.id]() if one.id in ahead else _direct(client, one, legacy)
        roster = _roster(client, one, direct, known.get(one.org_id), may_get_in.get(one.org_id, {}))
        then(roster, known)
        return roster

    answers = client.together(read, projects)
    found = [Roster(one, {}, got) if isinstance(got, AtlasError) else got for one, got in zip(projects, answers)]
    return Seen(found, known, doubts(known))


def unsure(roster: Roster, org: Organization) -> FrozenSet[str]:
    """The keys of the members of whom nobody can tell whether they get in otherwise as well."""
    if roster.team_access == READ:
        return frozenset()
    odd = {name for row in org.odd for name in (row.user_id, folded(row.user))}
    return frozenset(
        key
        for key, (member, ways) in roster.entries.items()
        if member.status not in LAPSED
        and (
            roster.team_access == UNREADABLE
            and (roster.unread or {key, folded(member.user)} & odd)
            or (roster.team_access == BY_ROLES and len(ways) == 1)
        )
    )


def _who_may_get_in(org: Organization) -> Dict[str, Person]:
    return {
        key: person
        for key, person in (org.people or {}).items()
        if person.team_ids or not person.org_roles.isdisjoint(ORGANIZATION_ROLES)
    }


def in_teams(people: Iterable[Person]) -> bool:
    return any(person.team_ids for person in people)


def _direct(client: Client, project: Project, legacy: bool) -> Direct:
    rows, unread = atlas.members(client, project), None
    if legacy:
        try:
            rows += atlas.legacy_invitations(client, project)
        except AtlasError as error:
            unread = error
    return Direct(by_id(rows), unread)


def _roster(
    client: Client, project: Project, read: Direct, org: Optional[Organization], may_get_in: Mapping[str, Person]
) -> Roster:
    direct, legacy_unread = read
    if org is None:
        return Roster(project, _direct_entries(direct, {}), legacy_unread=legacy_unread)
    try:
        ways, others = _indirect(client, project, org, may_get_in, direct)
    except AtlasError as error:
        return Roster(project, _direct_entries(direct, {}), None, UNREADABLE, error, legacy_unread)
    entries = {**_direct_entries(direct, ways), **others}
    return Roster(project, entries, None, org.team_access, None, legacy_unread)


def _direct_entries(direct: Mapping[str, Member], ways: Mapping[str, List[Way]]) -> Dict[str, Entry]:
    return {key: _entry(member, tuple(ways.get(key, ()))) for key, member in direct.items()}


# The same people come with every project.
@lru_cache(maxsize=10_000)
def _entry(member: Member, others: Tuple[Way, ...]) -> Entry:
    return Entry(member, (Way("direct", None, member.roles), *others))


def _indirect(
    client: Client,
    project: Project,
    org: Organization,
    may_get_in: Mapping[str, Person],
    direct: Mapping[str, Member],
) -> Tuple[Dict[str, List[Way]], Dict[str, Entry]]:
    """The other ways in of members, and who gets in without being one."""
    ways: Dict[str, List[Way]] = {}
    others: Dict[str, Entry] = {}
    if org.people is None:
        in_project = atlas.teams(client, project)
        by_teams = _by_teams(client, project, in_project)
        plain_teams = [team for team in in_project if OWNER not in team.roles]
        for key, member in by_id(atlas.flattened(client, project)).items():
            own = direct[key].roles if key in direct else frozenset()
            may_give = in_project if OWNER in by_teams.get(key, ()) else plain_teams
            ways[key] = ways_by_roles(member.roles, own, may_give)
            if key not in direct:
                others[key] = Entry(member._replace(roles=frozenset()), tuple(ways[key]))
        return ways, others
    in_project = atlas.teams(client, project) if in_teams(may_get_in.values()) else []
    for key, person in may_get_in.items():
        found = indirect_ways(person, in_project, org.names)
        if found:
            ways[key] = found
        if found and key not in direct:
            member = Member(
                person.user, person.user_id, person.status, frozenset(), person.last_auth, person.created_at
            )
            others[key] = Entry(member, tuple(found))
    return ways, others


def _by_teams(client: Client, project: Project, in_project: Sequence[Team]) -> Mapping[str, Collection[str]]:
    """The roles of everybody without those of the organization: an owner of that is no owner by a team.

    Read only where a team owns the project.
    """
    if not any(OWNER in team.roles for team in in_project):
        return {}
    return {key: one.roles for key, one in by_id(atlas.flattened(client, project, organization=False)).items()}


# --- owners ----------------------------------------------------------------------------------------------------------


def owned_by_others(
    client: Client,
    project: Project,
    org: Organization,
    direct: Iterable[Member],
    patience: Optional[Patience] = None,
    without: Collection[str] = (),
) -> bool:
    """Whether somebody ACTIVE owns a project otherwise than as a direct member, which other places know not.

    Raises `AtlasError`.

    With a credential that may not read the organization, by the roles of a flattened listing; those ``without`` whom
    an owner is looked for do not count then.
    """
    if project.kind != PROJECT:
        return False
    if org.people is not None:
        return owned_by_team(atlas.teams(client, project, patience), org.people.values())
    owners = {member.user_id for member in direct if OWNER in member.roles}.union(without)
    everybody = atlas.flattened(client, project, organization=False, patience=patience)
    return any(one.status == ACTIVE and OWNER in one.roles and one.user_id not in owners for one in everybody)
