# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has which roles in a project, and the steps from one such access to another.

Pure: no I/O, no Ansible. Private to this collection.

An *access* is one project seen as a map from user to set of roles. A user's key is the email in lower case.
An invitation that expired or was rejected holds a place in the project but gives nobody access: its set of roles
is empty, and to give such a person a role means to invite again.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from datetime import datetime, timezone
from functools import lru_cache
from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

ACTIVE = "ACTIVE"
PENDING = "PENDING"
LAPSED = ("INVITATION_EXPIRED", "INVITATION_REJECTED")
STATUSES = (ACTIVE, PENDING) + LAPSED

OWNER = "GROUP_OWNER"

# The project roles known in 2026. The API takes free strings, and new ones come without a new version of it.
KNOWN_ROLES = (
    "GROUP_ACCESS_MANAGER",
    "GROUP_ALERTS_MANAGER",
    "GROUP_BACKUP_CREATOR",
    "GROUP_BACKUP_EXPORT_OPERATOR",
    "GROUP_BACKUP_MANAGER",
    "GROUP_BACKUP_RECOVERY_OPERATOR",
    "GROUP_CLUSTER_CREATOR",
    "GROUP_CLUSTER_LOG_VIEWER",
    "GROUP_CLUSTER_MANAGER",
    "GROUP_CLUSTER_RESILIENCE_TESTER",
    "GROUP_DATABASE_ACCESS_ADMIN",
    "GROUP_DATA_ACCESS_ADMIN",
    "GROUP_DATA_ACCESS_READ_ONLY",
    "GROUP_DATA_ACCESS_READ_WRITE",
    "GROUP_INDEX_MANAGER",
    "GROUP_MODEL_OWNER",
    "GROUP_NETWORK_ACCESS_MANAGER",
    "GROUP_OBSERVABILITY_VIEWER",
    OWNER,
    "GROUP_READ_ONLY",
    "GROUP_REAL_TIME_PERFORMANCE_OPERATOR",
    "GROUP_REPLICA_SET_MANAGER",
    "GROUP_SEARCH_INDEX_EDITOR",
    "GROUP_STREAM_PROCESSING_OWNER",
    "GROUP_SUPPORT_ACCESS_MANAGER",
    "GROUP_TRIGGER_MANAGER",
)

# What these organization roles give in every project of the organization, without being listed there.
ORGANIZATION_ROLES = {"ORG_OWNER": OWNER, "ORG_READ_ONLY": "GROUP_READ_ONLY"}

Roles = FrozenSet[str]
Access = Mapping[str, Roles]

_ID = re.compile(r"[0-9a-fA-F]{24}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_ROLE = re.compile(r"GROUP_[A-Z0-9_]+")


class Refusal(Exception):
    """What is asked for can't or must not be done; the text is one sentence for the user. Nothing was written."""


class Project(NamedTuple):
    """A project (the API says group)."""

    id: str
    name: str
    org_id: str
    created: Optional[str] = None
    tags: Mapping[str, str] = {}


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
    """Somebody in the organization."""

    user: str
    user_id: str
    status: str
    org_roles: Roles
    team_ids: FrozenSet[str]
    last_auth: Optional[str] = None
    created_at: Optional[str] = None


class Way(NamedTuple):
    """One way into a project: ``kind`` is direct, team or organization; ``name`` the team's or the role's."""

    kind: str
    name: Optional[str]
    roles: Roles


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
    """One write. ``action`` is add, grant, revoke or remove; grant and revoke carry one role."""

    action: str
    user: str
    roles: Tuple[str, ...]


# --- a project as a map ----------------------------------------------------------------------------------------------


def by_key(members: Iterable[Member]) -> Dict[str, Member]:
    """Members by their key. Should two share an email, the later one's key carries its id as well."""
    found: Dict[str, Member] = {}
    for member in members:
        key = member.user.lower()
        found[f"{key} ({member.user_id})" if key in found else key] = member
    return found


def access_of(members: Mapping[str, Member]) -> Dict[str, Roles]:
    """The access that these members have now."""
    return {key: frozenset() if member.status in LAPSED else member.roles for key, member in members.items()}


def keys_of(name: str, members: Mapping[str, Member]) -> List[str]:
    """The keys under which a user, named by email or id, is in the project; the email itself for somebody new.

    Raises `Refusal` never; an id that is not in the project gives no key.
    """
    name = name.lower()
    found = [key for key, member in members.items() if name in (member.user.lower(), member.user_id)]
    return found or ([] if is_id(name) else [name])


def days_since(when: Optional[str], now: datetime) -> Optional[int]:
    """Whole days from an ISO 8601 time to now; None for none and for what is not a time."""
    then = _time(when) if when else None
    return (now - then).days if then else None


@lru_cache(maxsize=10_000)
def _time(when: str) -> Optional[datetime]:
    # Cached: a person's last login comes back with every project.
    try:
        then = datetime.fromisoformat(when.replace("Z", "+00:00"))
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
    users = sorted(user for user in set(before) | set(after) if before.get(user) != after.get(user))
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
    changed = sorted(user for user in set(before) | set(after) if before.get(user) != after.get(user))
    return _plain(before, changed), _plain(after, changed)


def _plain(access: Access, users: Iterable[str]) -> Dict[str, List[str]]:
    return {user: sorted(access[user]) for user in users if user in access}


def active_owners(access: Access, members: Mapping[str, Member]) -> List[str]:
    """Who owns the project under this access and is ACTIVE already; somebody yet to be added may stay invited."""
    return [key for key, roles in access.items() if OWNER in roles and key in members and members[key].status == ACTIVE]


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


# --- names -----------------------------------------------------------------------------------------------------------


def is_id(name: str) -> bool:
    """24 hexadecimal digits are an id, of a project or of a user."""
    return bool(_ID.fullmatch(name))


def check_user(name: str) -> None:
    """Raises `Refusal` for what is neither an email address nor a user id."""
    if not is_id(name) and not _EMAIL.fullmatch(name):
        raise Refusal(f"users: '{name}' is neither an email address nor a user id (24 hexadecimal digits)")


def check_roles(names: Iterable[str], option: str = "roles") -> List[str]:
    """Warnings for project roles that nobody knows, with the nearest known name.

    Raises `Refusal` for what can't be a project role.
    """
    warnings = []
    for name in sorted(set(names)):
        if not _ROLE.fullmatch(name):
            raise Refusal(f"{option}: '{name}' is not a project role; {_suggest_role(name)}")
        if name not in KNOWN_ROLES:
            warnings.append(f"{option}: the project role '{name}' is not a known one; {_suggest_role(name)}")
    return warnings


def _suggest_role(name: str) -> str:
    if name.upper().startswith("ORG_"):
        return "organization roles are not managed here, write a role that starts with GROUP_, such as GROUP_READ_ONLY"
    wanted = re.sub(r"\W+", "_", name.upper())
    wanted = wanted[len("GROUP_") :] if wanted.startswith("GROUP_") else wanted
    rests = [role[len("GROUP_") :] for role in KNOWN_ROLES]
    near = difflib.get_close_matches(wanted, rests, n=1, cutoff=0.5)
    return f"did you mean GROUP_{near[0]}?" if near else "project roles look like GROUP_READ_ONLY"


def select_projects(patterns: Sequence[str], projects: Sequence[Project]) -> List[Project]:
    """The projects that ids, names and globs name, in the order of their names.

    Raises `Refusal` for a pattern that names none, and for a name that more than one project has.
    """
    chosen: Dict[str, Project] = {}
    for pattern in patterns:
        for project in _matching(pattern, projects):
            chosen[project.id] = project
    return sorted(chosen.values(), key=lambda project: (project.name, project.id))


def _matching(pattern: str, projects: Sequence[Project]) -> List[Project]:
    if is_id(pattern):
        found = [project for project in projects if project.id == pattern.lower()]
    else:
        # A name may hold brackets' meaning of its own nowhere: the API's names have no *, ? or [ in them.
        found = [project for project in projects if fnmatch.fnmatchcase(project.name, pattern)]
    if not found:
        raise Refusal(f"projects: '{pattern}' is unknown to this credential; {_near(pattern, projects)}")
    if len(found) > 1 and not is_glob(pattern):
        ids = ", ".join(project.id for project in found)
        raise Refusal(f"projects: '{pattern}' is the name of {len(found)} projects, write the id of one: {ids}")
    return found


def is_glob(pattern: str) -> bool:
    """Whether a project is given as a pattern rather than as a name or id."""
    return any(sign in pattern for sign in "*?[")


def _near(name: str, projects: Sequence[Project]) -> str:
    if not projects:
        return "it sees no project at all"
    names = {project.name.lower(): project.name for project in projects}
    near = [names[close] for close in difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)]
    if near:
        return "near names: " + ", ".join(near)
    return f"it sees {len(projects)} project{'s' if len(projects) > 1 else ''}"
