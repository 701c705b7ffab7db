# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has which roles in a project, and the steps from one such access to another.

Pure: no I/O, no Ansible. Private to this collection.

An *access* is one project seen as a map from user to set of roles. A user's key is the user id; the email, folded,
stands only for somebody who has no id there yet. An invitation that expired or was rejected (it *lapsed*) holds a
place in the project but gives nobody access: its set of roles is empty, and to give such a person a role means to
invite again.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timezone
from functools import lru_cache
from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Tuple, Union

ACTIVE = "ACTIVE"
PENDING = "PENDING"
LAPSED = ("INVITATION_EXPIRED", "INVITATION_REJECTED")
STATUSES = (ACTIVE, PENDING) + LAPSED

# Kinds of places with members.
PROJECT, TEAM, ORGANIZATION = KINDS = ("project", "team", "organization")

OWNER = "GROUP_OWNER"
# What an owner holds, in a place that has owners.
OWNERS = {PROJECT: OWNER, ORGANIZATION: "ORG_OWNER"}
# Stands for being in a team, where Atlas knows no roles.
TEAM_MEMBER = "TEAM_MEMBER"
_OWNING = frozenset(OWNERS.values())

# Roles that let somebody decide about others or reach the data.
PRIVILEGED = (
    OWNER,
    "GROUP_ACCESS_MANAGER",
    "GROUP_CLUSTER_MANAGER",
    "GROUP_DATABASE_ACCESS_ADMIN",
    "GROUP_DATA_ACCESS_ADMIN",
    "GROUP_DATA_ACCESS_READ_WRITE",
    "GROUP_NETWORK_ACCESS_MANAGER",
)

# What these organization roles give in every project of the organization, without being listed there.
ORGANIZATION_ROLES = {"ORG_OWNER": OWNER, "ORG_READ_ONLY": "GROUP_READ_ONLY"}

Roles = FrozenSet[str]
Access = Mapping[str, Roles]
# Who is a member where, lapsed invitations apart: (project id, account id) -> roles.
Memberships = Mapping[Tuple[str, str], Roles]

_FRACTION = re.compile(r"\.(\d+)")


class Refusal(Exception):
    """What is asked for can't or must not be done; the text is one sentence for the user. Nothing was written.

    ``about`` is the key of a user whose name is to be put in front of the sentence.
    """

    def __init__(self, text: str, about: Optional[str] = None) -> None:
        super().__init__(text)
        self.about = about


class Project(NamedTuple):
    """A project (the API says group); by its ``kind`` any other place with members."""

    id: str
    name: str
    org_id: str
    created: Optional[str] = None
    tags: Mapping[str, str] = {}
    kind: str = PROJECT


class Member(NamedTuple):
    """One membership, without its project. Times are ISO 8601 in UTC, as Atlas gives them.

    ``last_auth`` is the account's last login to Atlas, anywhere. ``created_at`` is the account's creation, not the
    date of joining. ``legacy`` marks an invitation made by the deprecated endpoint; its ``user_id`` is the
    invitation's id.
    """

    user: str
    user_id: Optional[str]
    status: Optional[str]
    roles: Roles
    last_auth: Optional[str] = None
    created_at: Optional[str] = None
    invitation_created_at: Optional[str] = None
    invitation_expires_at: Optional[str] = None
    inviter: Optional[str] = None
    legacy: bool = False


class Team(NamedTuple):
    """A team in a project and the roles that it gives there; the API does not say its name there."""

    id: str
    roles: Roles


class Person(NamedTuple):
    """Somebody in the organization; ``project_ids`` are the projects where they are a member."""

    user: str
    user_id: str
    status: str
    org_roles: Roles
    team_ids: FrozenSet[str]
    last_auth: Optional[str] = None
    created_at: Optional[str] = None
    project_ids: FrozenSet[str] = frozenset()


class Way(NamedTuple):
    """One way into a project: ``kind`` is direct, team or organization; ``name`` the team's or the role's."""

    kind: str
    name: Optional[str]
    roles: Roles


# What stands for the ways that the credential can't tell.
UNKNOWN_WAY = Way("unknown", None, frozenset())


class Residual(NamedTuple):
    """A way by which somebody still gets in. Of kind unknown where the credential can't tell."""

    project: Project
    user: str
    way: Way


class Entry(NamedTuple):
    """Somebody who is in a project or gets into it: a member (without roles, if not a direct one) and the ways in.

    The direct way, if it is one, comes first.
    """

    member: Member
    ways: Tuple[Way, ...]

    @property
    def direct(self) -> bool:
        return bool(self.ways) and self.ways[0].kind == "direct"


class Step(NamedTuple):
    """One write. ``action`` is add, grant, revoke or remove; grant and revoke carry one role; ``user`` is a key."""

    action: str
    user: str
    roles: Tuple[str, ...]


# --- a project as a map ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=100_000)
def folded(email: str) -> str:
    """An email as it is compared: without case, accents composed (NFC)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).lower())


def by_id(members: Iterable[Member]) -> Dict[str, Member]:
    """Members by their key. As read they all have an id, a legacy invitation that of the invitation."""
    return {str(member.user_id): member for member in members}


def keys_by_email(members: Mapping[str, Union[Member, Person]]) -> Dict[str, List[str]]:
    """The keys of the members of each email, folded; more than one where memberships share it."""
    found: Dict[str, List[str]] = {}
    for key, member in members.items():
        found.setdefault(folded(member.user), []).append(key)
    return found


def labels(members: Mapping[str, Member]) -> Dict[str, str]:
    """What people see for each key: the email as Atlas spells it, with the id behind it where two share one."""
    if len({folded(member.user) for member in members.values()}) == len(members):
        return {key: member.user for key, member in members.items()}
    shared = {key for keys in keys_by_email(members).values() if len(keys) > 1 for key in keys}
    return {key: f"{member.user} ({key})" if key in shared else member.user for key, member in members.items()}


def access_of(members: Mapping[str, Member]) -> Dict[str, Roles]:
    """The access that these members have now."""
    return {key: frozenset() if member.status in LAPSED else member.roles for key, member in members.items()}


def days_since(when: Optional[str], now: datetime) -> Optional[int]:
    """Whole days from an ISO 8601 time to now; None for none and for what is not a time."""
    then = moment(when) if when else None
    return (now - then).days if then else None


@lru_cache(maxsize=10_000)
def moment(when: str) -> Optional[datetime]:
    """An ISO 8601 time; None for what is none."""
    # Cached: a person's last login comes back with every project.
    # Python 3.9 knows fractions of three and of six digits only.
    six_digits = _FRACTION.sub(lambda found: f".{found[1]:0<6.6}", when)
    try:
        then = datetime.fromisoformat(six_digits.replace("Z", "+00:00"))
    except ValueError:
        return None
    return then if then.tzinfo else then.replace(tzinfo=timezone.utc)


def idle_days(member: Member, now: datetime) -> Optional[int]:
    """Days since an ACTIVE person last logged in to Atlas, or if never, since the account was created."""
    if member.status != ACTIVE:
        return None
    return days_since(member.last_auth or member.created_at, now)


# --- from one access to another --------------------------------------------------------------------------------------


def plan(before: Access, after: Access) -> List[Step]:
    """The steps that lead from one access to another: add, grant, revoke, remove across the whole project.

    Giving comes before taking, so that nobody is without a role and no project without an owner in between.
    """
    users = _changed(before, after)
    adds, grants, revokes, removes = [], [], [], []
    for user in users:
        had, has = before.get(user, frozenset()), after.get(user, frozenset())
        if user not in after:
            removes.append(Step("remove", user, tuple(sorted(had))))
        elif has and not had:
            adds.append(Step("add", user, tuple(sorted(has))))
        else:
            grants += [Step("grant", user, (role,)) for role in sorted(has - had)]
            revokes += [Step("revoke", user, (role,)) for role in sorted(had - has)]
    return adds + grants + revokes + removes


def shows(action: str, roles: Iterable[str], member: Optional[Member]) -> bool:
    """Whether a project where this is the member (None: nobody) is as such a step wants it."""
    if action == "remove":
        return member is None
    if action == "revoke":
        return member is None or not member.roles.intersection(roles)
    return member is not None and member.status not in LAPSED and member.roles.issuperset(roles)


def made_already(why: Optional[str]) -> bool:
    """Whether the note of a step says that somebody else made it: 'already gone', 'already there'."""
    return (why or "").startswith("already")


def replay(access: Access, steps: Iterable[Step]) -> Dict[str, Roles]:
    """The access after these steps."""
    result = dict(access)
    for step in steps:
        if step.action == "remove":
            result.pop(step.user, None)
        elif step.action == "revoke":
            result[step.user] = result[step.user] - set(step.roles)
        else:
            result[step.user] = result.get(step.user, frozenset()) | set(step.roles)
    return result


def difference(before: Access, after: Access) -> Tuple[Dict[str, List[str]], Dict[str, List[str]]]:
    """What differs between two accesses, before and after, sorted and of plain types."""
    changed = _changed(before, after)
    return _plain(before, changed), _plain(after, changed)


def _changed(before: Access, after: Access) -> List[str]:
    return sorted({user for user, _roles in before.items() ^ after.items()})


def _plain(access: Access, users: Iterable[str]) -> Dict[str, List[str]]:
    return {user: sorted(access[user]) for user in users if user in access}


def owns(roles: Iterable[str]) -> bool:
    """Whether somebody with these roles owns the place that they are of."""
    return not _OWNING.isdisjoint(roles)


def active_owners(access: Access, members: Mapping[str, Member]) -> List[str]:
    """Who owns the place under this access and is ACTIVE already; somebody yet to be added may stay invited."""
    return [key for key, roles in access.items() if owns(roles) and key in members and members[key].status == ACTIVE]


def takes_owner(step: Step, before: Access, members: Mapping[str, Member]) -> bool:
    """Whether a step takes an ACTIVE owner from a place that has this access."""
    taken = step.action == "remove" or (step.action == "revoke" and owns(step.roles))
    return taken and step.user in active_owners({step.user: before.get(step.user, frozenset())}, members)


def indirect_ways(person: Optional[Person], teams: Iterable[Team], names: Mapping[str, str]) -> List[Way]:
    """How somebody gets into a project without being a member: by its teams and by organization roles.

    ``names`` are the teams' by id; a team whose name is not known goes by its id.
    """
    if person is None or person.status in LAPSED:
        return []
    by_team = [Way("team", names.get(team.id, team.id), team.roles) for team in teams if team.id in person.team_ids]
    by_role = [
        Way("organization", role, frozenset([gives]))
        for role, gives in ORGANIZATION_ROLES.items()
        if role in person.org_roles
    ]
    return sorted(by_team, key=lambda way: str(way.name)) + by_role


def owned_by_team(teams: Iterable[Team], people: Iterable[Person]) -> bool:
    """Whether one of a project's teams has the owner role and somebody ACTIVE in it."""
    owning = {team.id for team in teams if OWNER in team.roles}
    return bool(owning) and any(person.status == ACTIVE and owning & person.team_ids for person in people)


def ways_by_roles(listed: Roles, direct: Roles, teams: Iterable[Team]) -> List[Way]:
    """The same, as far as a flattened listing tells: the roles listed there that the membership does not give.

    A team whose roles are all listed is taken for the way; what no team explains comes from the organization.
    """
    ways = [Way("team", team.id, team.roles) for team in teams if team.roles <= listed and not team.roles <= direct]
    rest = listed.difference(direct, *(way.roles for way in ways))
    return ways + ([Way("organization", None, rest)] if rest else [])
