# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who else gets in: through teams and organization roles. For info, reviews, guards and residual access alike.

Where an organization can't be read, flattened listings of its projects stand in: they tell roles, not the ways to them.
Knows nothing of Ansible, nor of a run's cases. Private to this collection.
"""

from __future__ import annotations

from functools import lru_cache
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
    Set,
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
    UNKNOWN_WAY,
    Entry,
    Member,
    Person,
    Project,
    Residual,
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
    known = read_organizations(client, {one.org_id for one in projects}, lapsed=True) if indirect else {}
    may_get_in = {org_id: _who_may_get_in(org) for org_id, org in known.items()}
    known = with_names(client, known, [org_id for org_id, people in may_get_in.items() if _in_teams(people.values())])

    def read(one: Project) -> Roster:
        roster = _roster(client, one, known.get(one.org_id), may_get_in.get(one.org_id, {}), legacy)
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


class Identity(NamedTuple):
    """What an organization says of itself: its name, and how many projects it has; None where that can't be read.

    The people's memberships may prove more projects than a credential of some sees in any listing.
    """

    name: Optional[str]
    projects: Optional[int]


def identities(client: Client, known: Organizations, visible: Iterable[Project]) -> Dict[str, Identity]:
    """The organizations by id, at two requests each."""
    seen: Dict[str, Set[str]] = {org_id: set() for org_id in known}
    for project in visible:
        seen.setdefault(project.org_id, set()).add(project.id)
    ids = sorted(known)
    names = client.together(lambda org_id: atlas.organization_name(client, org_id), ids)
    counts = client.together(lambda org_id: atlas.project_count(client, org_id, len(seen[org_id])), ids)
    return {
        org_id: Identity(
            None if isinstance(name, AtlasError) else name,
            _projects(None if isinstance(count, AtlasError) else count, known[org_id], seen[org_id]),
        )
        for org_id, name, count in zip(ids, names, counts)
    }


def _projects(count: Optional[int], org: Organization, seen: Set[str]) -> Optional[int]:
    assigned = seen.union(*(person.project_ids for person in (org.people or {}).values()))
    return max(count or 0, len(assigned)) if count or len(assigned) > len(seen) else None


def _who_may_get_in(org: Organization) -> Dict[str, Person]:
    return {
        key: person
        for key, person in (org.people or {}).items()
        if person.team_ids or not person.org_roles.isdisjoint(ORGANIZATION_ROLES)
    }


def _in_teams(people: Iterable[Person]) -> bool:
    return any(person.team_ids for person in people)


def _roster(
    client: Client, project: Project, org: Optional[Organization], may_get_in: Mapping[str, Person], legacy: bool
) -> Roster:
    rows = atlas.members(client, project)
    legacy_unread = None
    if legacy:
        try:
            rows += atlas.legacy_invitations(client, project)
        except AtlasError as error:
            legacy_unread = error
    direct = by_id(rows)
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
    in_project = atlas.teams(client, project) if _in_teams(may_get_in.values()) else []
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


# --- residual access -------------------------------------------------------------------------------------------------


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
    asked = {one.project.org_id for one in leaving if _in_teams(named(organizations[one.project.org_id], one))}
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
    teams = atlas.teams(client, leaving.project) if _in_teams(people) else []
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
