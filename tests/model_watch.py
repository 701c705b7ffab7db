# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened in the world during a run of the model test: which of it the run did, and which somebody else."""

from __future__ import annotations

from typing import Any, Callable, ClassVar, NamedTuple, Optional, Sequence

from model_worlds import ACTIVE, OWNER, PROJECTS, Deed, id_of

from simulator import Simulator


class Member(NamedTuple):
    user: str
    status: str
    roles: tuple[str, ...]
    legacy: bool = False


State = dict[str, dict[str, Member]]


def snapshot(sim: Simulator) -> State:
    """Everybody in every project, by id: members, and legacy invitations."""
    found: State = {}
    for name in PROJECTS:
        project = sim.world.project(name)
        users = project.org.users
        found[name] = {
            **{key: Member(users[key].username, users[key].status, roles) for key, roles in project.members.items()},
            **{key: Member(one.username, "PENDING", one.roles, True) for key, one in project.legacy.items()},
        }
    return found


class Watch:
    """One run: around each of its requests it looks at the world, and lets the other administrator act before."""

    current: ClassVar[Watch]

    def __init__(self, sim: Simulator, deeds: Sequence[Deed]) -> None:
        self._sim = sim
        self._deeds = deeds
        self._ids = {sim.project_id(name): name for name in PROJECTS}
        self._emails = {key: one.username for org in sim.world.orgs.values() for key, one in org.users.items()}
        self.before = self.after = snapshot(sim)
        self._by_team = {name: self._owned_by_team(name) for name in PROJECTS}
        self.owned_before = {name: self._owned_now(name) for name in PROJECTS}
        # After each request: which project it was about, the world, and who is owned by whom.
        self.states: list[State] = [self.before]
        self.looks: list[tuple[Optional[str], dict[str, bool]]] = []
        self.ours: list[tuple[State, State]] = []
        self.touched: dict[tuple[str, str], int] = {}
        self._writes, self._wrote = 0, False
        self._touched: dict[tuple[str, str], int] = {}
        self._written: dict[tuple[str, str], int] = {}
        self._taken: dict[str, int] = {}

    def around(self, method: str, path: str, send: Callable[[], Any]) -> Any:
        number = len(self.looks) + 1
        moments = {("request", number)} | ({("after write", self._writes)} if self._wrote else set())
        self._wrote = method != "GET" and "/oauth/" not in path
        if self._wrote:
            self._writes += 1
            moments.add(("write", self._writes))
        for deed in self._deeds:
            if (deed.moment, deed.nth) in moments:
                self._let(deed, number)
        before = snapshot(self._sim)
        owned = {name: self._owned_now(name) for name in PROJECTS}
        project = next((name for key, name in self._ids.items() if key in path), None)
        self.looks.append((project, owned))
        try:
            return send()
        finally:
            after = snapshot(self._sim)
            self.states.append(after)
            if before != after:
                self.ours.append((before, after))
                self._note(before, after, number)

    def id_of(self, project: str) -> str:
        return next(key for key, name in self._ids.items() if name == project)

    def end(self) -> None:
        """After the run."""
        self.after = snapshot(self._sim)
        self.looks.append((None, {name: self._owned_now(name) for name in PROJECTS}))

    def spared(self, project: str, user: str) -> bool:
        """Whether nobody else touched whom a task names (an email, or an id) in a project."""
        return (project, self._emails.get(user, user)) not in self.touched

    def touched_last(self, project: str, user: str) -> bool:
        """Whether somebody else touched a person after what this run did to them."""
        mine = [key for key, email in self._emails.items() if email == user]
        return any(self._touched.get((project, key), 0) > self._written.get((project, key), 0) for key in mine)

    def owner_taken(self, project: str) -> Optional[int]:
        """The number of the last request that took an ACTIVE owner."""
        return self._taken.get(project)

    def owned(self, project: str, state: State) -> bool:
        return any(_owns(member) for member in state[project].values()) or self._by_team[project]

    def owned_at_last_look(self, project: str, taken: int) -> bool:
        """Whether there was an ACTIVE owner when the run last asked about a project from which it took one."""
        mine = [
            owned[project] for number, (about, owned) in enumerate(self.looks, 1) if about == project and number > taken
        ]
        return mine[-1] if mine else self.looks[taken][1][project]

    def _let(self, deed: Deed, number: int) -> None:
        if not self._sim.change(deed.do):
            return
        user = self._emails[id_of(deed.user)]
        everywhere = deed.kind in ("lapse", "join", "leave")
        for name in PROJECTS if everywhere else (deed.project,):
            self.touched[name, user] = self._touched[name, id_of(deed.user)] = number

    def _note(self, before: State, after: State, number: int) -> None:
        for name in PROJECTS:
            for key in {*before[name], *after[name]}:
                old, new = before[name].get(key), after[name].get(key)
                if old == new:
                    continue
                self._written[name, key] = number
                if old and _owns(old) and not (new and _owns(new)):
                    self._taken[name] = number

    def _owned_now(self, project: str) -> bool:
        return self.owned(project, snapshot(self._sim))

    def _owned_by_team(self, project: str) -> bool:
        """Asked before the run only: who is in teams a run reads once, as `test_an_owner_by_a_team_leaves` tells."""
        live = self._sim.world.project(project)
        users = live.org.users
        return any(
            users[key].status == ACTIVE
            for team, roles in live.teams.items()
            if OWNER in roles
            for key in live.org.teams[team].members
        )


def _owns(member: Member) -> bool:
    return member.status == ACTIVE and OWNER in member.roles and not member.legacy
