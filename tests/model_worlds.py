# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model test chooses from: worlds, tasks, faults, and deeds of another administrator."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Iterator, NamedTuple, Optional

from hypothesis import strategies as st
from test_laws import ROLE, USER

from simulator import Simulator
from simulator import world as atlas

ACTIVE, PENDING, EXPIRED, REJECTED = atlas.STATUSES
LIVING = atlas.VISIBLE_STATUSES
OWNER, READ, MANAGER, VIEWER = (
    "GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_CLUSTER_MANAGER", "GROUP_OBSERVABILITY_VIEWER",
)  # fmt: skip
ORG = "Model Org"
PROJECTS = ("alpha", "beta")
ANN, BOB, CID, DEE, NEW = EMAILS = tuple(f"{name}@corp.example" for name in ("ann", "bob", "cid", "dee", "new"))
TWIN = "7" * 24
TOKENS = {"owner": "small-token", "projects": "projects-token"}

WORLD: dict[str, Any] = {
    "organizations": {
        ORG: {
            "service_accounts": {
                "mdb_sa_id_0123456789abcdef01234567": {
                    "secret": "mdb_sa_sk_small", "role": "ORG_OWNER", "access_tokens": ["small-token"],
                },
                "mdb_sa_id_1123456789abcdef01234567": {
                    "secret": "mdb_sa_sk_projects",
                    "projects": {"alpha": "GROUP_ACCESS_MANAGER", "beta": OWNER},
                    "access_tokens": ["projects-token"],
                },
            },
            "users": {email: {} for email in EMAILS if email != NEW},
            "teams": {"platform": {"members": []}},
            "projects": {name: {} for name in PROJECTS},
        }
    }
}  # fmt: skip


def id_of(name: str) -> str:
    """The id of whom a task or a deed names: an email, or the twin."""
    return TWIN if name == "twin" else atlas.derive("user", name)


# --- worlds ----------------------------------------------------------------------------------------------------------

ROLES = st.sets(st.sampled_from([READ, OWNER, MANAGER]), min_size=1, max_size=2).map(lambda roles: tuple(sorted(roles)))
STATUSES = st.sampled_from([ACTIVE, ACTIVE, ACTIVE, PENDING, EXPIRED, REJECTED])
KNOWN = st.sampled_from(EMAILS[:4])


class Twin(NamedTuple):
    """Another account, or invitation, of an email whose first account is ACTIVE."""

    email: str
    status: str
    members: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class World:
    status: dict[str, str]
    members: dict[str, dict[str, tuple[str, ...]]]
    twin: Optional[Twin]
    team: frozenset[str]
    team_roles: dict[str, tuple[str, ...]]
    org_roles: dict[str, str]
    legacy: frozenset[tuple[str, str]]
    role_not_held: int
    role_held: int

    def status_of(self, email: str) -> str:
        return ACTIVE if self.twin and self.twin.email == email else self.status.get(email, ACTIVE)

    def ways(self, project: str) -> Iterator[tuple[str, str, str]]:
        """Who gets in without being a member: id, email, how."""
        for email in EMAILS[:4]:
            if self.status_of(email) in LIVING:
                if email in self.team and self.team_roles.get(project):
                    yield id_of(email), email, "team"
                if email in self.org_roles:
                    yield id_of(email), email, "organization"


WORLDS = st.builds(
    World,
    status=st.dictionaries(KNOWN, STATUSES),
    members=st.fixed_dictionaries({name: st.dictionaries(KNOWN, ROLES) for name in PROJECTS}),
    twin=st.none() | st.builds(Twin, KNOWN, STATUSES, st.dictionaries(st.sampled_from(PROJECTS), ROLES, min_size=1)),
    team=st.frozensets(KNOWN, max_size=2),
    team_roles=st.dictionaries(st.sampled_from(PROJECTS), ROLES),
    org_roles=st.dictionaries(KNOWN, st.sampled_from(["ORG_OWNER", "ORG_READ_ONLY"]), max_size=1),
    legacy=st.frozensets(st.tuples(st.sampled_from(PROJECTS), st.sampled_from(EMAILS)), max_size=2),
    role_not_held=st.sampled_from([400, 404, 409, 200]),
    role_held=st.sampled_from([409, 200]),
)


def build(sim: Simulator, world: World, task: Task) -> None:
    """That world, and nothing else, in the simulator."""
    sim.reset()
    sim.knobs.org_member_reads = task.reads_organization
    sim.knobs.remove_role_not_held, sim.knobs.add_role_held = world.role_not_held, world.role_held
    sim.change(lambda live: _fill(live, world))


def _fill(live: atlas.World, world: World) -> None:
    (org,) = live.orgs.values()
    for email in EMAILS[:4]:
        user = org.users[id_of(email)]
        user.status = world.status_of(email)
        user.org_roles = (world.org_roles.get(email, "ORG_MEMBER"),)
    (team,) = org.teams.values()
    team.members = [id_of(email) for email in sorted(world.team)]
    for name in PROJECTS:
        project = live.project(name)
        project.members = {id_of(email): roles for email, roles in world.members[name].items()}
        project.teams = {team.id: world.team_roles[name]} if name in world.team_roles else {}
    for name, email in sorted(world.legacy):
        key = atlas.derive("legacy", name, email)
        old = atlas.LegacyInvitation(key, email, (READ,), time.time() - 5 * atlas.DAY, ANN)
        live.project(name).legacy[key] = old
    if world.twin:
        first = org.users[id_of(world.twin.email)]
        org.users[TWIN] = replace(first, id=TWIN, status=world.twin.status, org_roles=("ORG_MEMBER",))
        for name, roles in world.twin.members.items():
            live.project(name).members[TWIN] = roles


# --- tasks -----------------------------------------------------------------------------------------------------------


class Wish(NamedTuple):
    """Somebody as a task names them, by email or id, in a project (None: all of the task's)."""

    user: str
    by_id: bool
    roles: tuple[str, ...]
    project: Optional[str] = None

    def means(self, key: str, user: str) -> bool:
        return key == id_of(self.user) if self.by_id else self.user == user

    @property
    def name(self) -> str:
        return id_of(self.user) if self.by_id else self.user


@dataclass(frozen=True)
class Task:
    module: str
    state: str
    wishes: tuple[Wish, ...]
    of_lists: tuple[str, ...]
    roles: tuple[str, ...]
    exclusive: bool
    fallback: Optional[str]
    allow_no_owner: bool
    legacy_invitations: bool
    credential: str
    reads_organization: bool

    @property
    def projects(self) -> tuple[str, ...]:
        return self.of_lists or tuple(sorted({str(wish.project) for wish in self.wishes}))

    @property
    def emails(self) -> set[str]:
        return {wish.user for wish in self.wishes}

    def seen_in(self, world: World) -> Task:
        """The task with what it can't know: where the organization can't be read, the id of a lapsed invitation is
        taken for the email behind it, whose account may be another."""
        twin = world.twin
        if (
            self.reads_organization
            or (self.module, self.state) != (USER, "present")
            or twin is None
            or twin.status in LIVING
        ):
            return self
        wishes = (one._replace(user=twin.email, by_id=False) if one.user == TWIN_NAME else one for one in self.wishes)
        return replace(self, wishes=tuple(wishes))

    def names(self, project: str, key: str, user: str) -> bool:
        return any(wish.means(key, user) for wish in self.wishes if wish.project in (None, project))

    def asked(self, project: str, key: str, user: str) -> Optional[set[str]]:
        """The roles asked for somebody in a project; None for nobody who is named."""
        mine = [wish for wish in self.wishes if wish.project in (None, project) and wish.means(key, user)]
        return {role for wish in mine for role in wish.roles} if mine else None

    def roles_in(self, project: str) -> set[str]:
        return {role for wish in self.wishes if wish.project in (None, project) for role in wish.roles}

    def options(self) -> dict[str, Any]:
        given: dict[str, Any] = {
            "state": self.state, "exclusive": self.exclusive, "allow_no_owner": self.allow_no_owner,
            "access_token": TOKENS[self.credential],
        }  # fmt: skip
        if self.module == ROLE and self.fallback:
            given["fallback_role"] = self.fallback
        if self.module == USER:
            given["legacy_invitations"] = self.legacy_invitations
        if not self.of_lists:
            rows = [{"project": one.project, "user": one.name, "roles": list(one.roles)} for one in self.wishes]
            return {**given, "memberships": rows}
        if not (self.module == USER and self.state == "absent"):
            given["roles"] = list(self.roles)
        return {**given, "projects": list(self.of_lists), "users": [one.name for one in self.wishes]}


@st.composite
def tasks(draw: Any) -> Task:
    module, state = draw(st.sampled_from([USER, ROLE])), draw(st.sampled_from(["absent", "present"]))
    rows = draw(st.booleans())
    roles = draw(ROLES)
    person = st.sampled_from([(email, by_id) for by_id in (False, True) for email in EMAILS[:4]] + [(NEW, False)])
    people = draw(st.lists(person | st.just((TWIN_NAME, True)), min_size=1, max_size=3, unique=True))
    places = st.sampled_from(PROJECTS)
    wishes = tuple(
        Wish(user, by_id, draw(ROLES) if rows else roles, draw(places) if rows else None) for user, by_id in people
    )
    credential = draw(st.sampled_from(["owner", "projects"]))
    return Task(
        module=module,
        state=state,
        wishes=wishes,
        of_lists=() if rows else draw(st.sampled_from([("alpha",), ("beta",), PROJECTS])),
        roles=roles,
        exclusive=state == "present" and draw(st.booleans()),
        fallback=draw(st.sampled_from([None, VIEWER, VIEWER, READ])) if module == ROLE else None,
        allow_no_owner=draw(st.sampled_from([False, False, False, True])),
        legacy_invitations=module == USER and state == "absent" and draw(st.booleans()),
        credential=credential,
        reads_organization=credential == "owner" or draw(st.booleans()),
    )


TWIN_NAME = "twin"
TASKS = tasks()


# --- what else happens -----------------------------------------------------------------------------------------------


class Fault(NamedTuple):
    what: Any
    method: Optional[str]
    nth: int
    times: Optional[int]


FAULTS = st.lists(
    st.builds(
        Fault,
        st.sampled_from(["cut_after", "cut_before", "cut_mid_body", 503, 500, 404, 403, "garbage"]),
        st.sampled_from(["DELETE", "POST", "GET", None]),
        st.integers(1, 6),
        st.sampled_from([1, 1, None]),
    ),
    max_size=2,
)


class Deed(NamedTuple):
    """What another administrator does right before the nth request or write, or the request after the nth write.

    Where it can't be done, nothing happens.
    """

    moment: str
    nth: int
    kind: str
    project: str
    user: str
    role: str

    def do(self, live: atlas.World) -> bool:
        """Whether it changes anything."""
        (org,) = live.orgs.values()
        user, project = org.users.get(id_of(self.user)), live.project(self.project)
        if user is None:
            return False
        held = project.members.get(user.id)
        if self.kind in ("lapse", "join"):
            if user.status == PENDING:
                user.status = EXPIRED if self.kind == "lapse" else ACTIVE
                return True
        elif self.kind == "leave":
            for one in org.projects.values():
                one.members.pop(user.id, None)
            org.drop_user(user)
            return True
        elif self.kind == "remove" and held:
            del project.members[user.id]
            return True
        elif self.kind == "add" and held is None and user.status in LIVING:
            project.members[user.id] = (self.role,)
            return True
        elif self.kind == "grant" and held and user.status in LIVING and self.role not in held:
            project.members[user.id] = (*held, self.role)
            return True
        elif self.kind == "revoke" and held and user.status in LIVING and self.role in held and len(held) > 1:
            project.members[user.id] = tuple(role for role in held if role != self.role)
            return True
        return False


MOMENTS = [
    *((moment, number) for number in (1, 2, 3) for moment in ("write", "after write")),
    *(("request", number) for number in range(1, 13)),
]
DEEDS = st.lists(
    st.builds(
        lambda moment, *rest: Deed(*moment, *rest),
        st.sampled_from(MOMENTS),
        st.sampled_from(["remove", "revoke", "grant", "add", "lapse", "join", "leave"]),
        st.sampled_from(PROJECTS),
        KNOWN | st.just(TWIN_NAME),
        st.sampled_from([OWNER, READ, MANAGER]),
    ),
    max_size=3,
)


# --- two who take the two owners of a project ------------------------------------------------------------------------

_OWNER_ROLES = st.sampled_from([(OWNER,), (OWNER, READ)])
OWNED_WORLDS = st.builds(
    World,
    status=st.dictionaries(st.sampled_from([CID, DEE]), STATUSES),
    members=st.fixed_dictionaries(
        {
            "alpha": st.fixed_dictionaries({ANN: _OWNER_ROLES, BOB: _OWNER_ROLES}, optional={CID: ROLES}),
            "beta": st.just({}),
        }
    ),
    twin=st.none(),
    team=st.frozensets(st.sampled_from([ANN, BOB, CID]), max_size=2),
    team_roles=st.sampled_from([{}, {"alpha": (READ,)}, {"alpha": (OWNER,)}]),
    org_roles=st.just({}),
    legacy=st.just(frozenset()),
    role_not_held=st.just(400),
    role_held=st.just(409),
)


@st.composite
def _demotions(draw: Any) -> Task:
    module, state = draw(st.sampled_from([(USER, "absent"), (USER, "present"), (ROLE, "absent"), (ROLE, "present")]))
    taking = module == ROLE and state == "absent"
    other = state == "present" and draw(st.booleans())
    wish = Wish(ANN, draw(st.booleans()), (OWNER,) if taking or other else (READ,), "alpha")
    credential = draw(st.sampled_from(["owner", "projects"]))
    return Task(
        module=module,
        state=state,
        wishes=(wish._replace(user=CID) if other else wish,),
        of_lists=(),
        roles=(),
        exclusive=other,
        fallback=VIEWER if module == ROLE else None,
        allow_no_owner=False,
        legacy_invitations=False,
        credential=credential,
        reads_organization=credential == "owner" or draw(st.booleans()),
    )


DEMOTIONS = _demotions()
DEMOTING_DEEDS = st.lists(
    st.builds(
        lambda moment, *rest: Deed(*moment, *rest),
        st.sampled_from(MOMENTS),
        st.sampled_from(["remove", "revoke", "leave", "grant", "lapse"]),
        st.just("alpha"),
        st.sampled_from([BOB, ANN, CID]),
        st.just(OWNER),
    ),
    min_size=1,
    max_size=2,
)
