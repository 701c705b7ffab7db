# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws over teams and organizations: worlds, tasks, faults and deeds of others, chosen by chance.

`MODEL_EXAMPLES` as in `test_model`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import event, given
from hypothesis import strategies as st
from model_watch import Watch
from model_worlds import EMAILS, FAULTS, LIVING, MOMENTS, OWNER, WORLDS, Deed, Fault, World, build, id_of
from module_run import Result, run_module
from test_laws import alike, everywhere, planned
from test_model import chosen, failures

from simulator import Simulator
from simulator import world as live

TEAM, ORGANIZATION = "atlas_team_user", "atlas_organization_user"
ORG_OWNER = "ORG_OWNER"
State = dict[str, dict[str, dict[str, Any]]]


class Task(NamedTuple):
    """What is asked about people in the team, or in the organization."""

    module: str
    state: str
    users: tuple[str, ...]
    roles: tuple[str, ...]
    exclusive: bool
    removal: str
    last_of_team: int
    already_gone: int
    reads_organization: bool = True

    def options(self) -> dict[str, Any]:
        given: dict[str, Any] = {"users": list(self.users), "state": self.state}
        if self.module == TEAM:
            return {**given, "teams": "*", "exclusive": self.exclusive}
        return {**given, "roles": list(self.roles)} if self.state == "present" else given

    @property
    def emails(self) -> set[str]:
        return {next(one for one in EMAILS if user.lower() in (one, id_of(one))) for user in self.users}


class Directory(NamedTuple):
    """Somebody else changes who is in the team or the organization, or who owns it."""

    moment: str
    nth: int
    kind: str
    user: str

    def do(self, world: live.World) -> bool:
        (org,) = world.orgs.values()
        (team,) = org.teams.values()
        user = org.users.get(id_of(self.user))
        if user is None:
            return False
        if self.kind == "out of team" and user.id in team.members and len(team.members) > 1:
            team.members = [one for one in team.members if one != user.id]
        elif self.kind == "into team" and user.id not in team.members and user.status in LIVING:
            team.members = [*team.members, user.id]
        elif self.kind == "own":
            user.org_roles = (ORG_OWNER,)
        elif self.kind == "disown":
            user.org_roles = ("ORG_MEMBER",)
        else:
            return False
        return True


class Seen(NamedTuple):
    result: Result
    writes: int
    states: list[State]
    owned: list[set[str]]
    touched: set[str]


def run(world: Simulator, task: Task, check: bool = False, deeds: Sequence[Any] = ()) -> Seen:
    """A run, the states of the world after each of its requests, and whom somebody else had a hand in."""
    states, owned, touched = [everywhere(world)], [owned_in(world)], set()

    class Look(Watch):
        def around(self, method: str, path: str, send: Any) -> Any:
            try:
                return super().around(method, path, send)
            finally:
                states.append(everywhere(world))
                owned.append(owned_in(world))

        def _let(self, deed: Any, number: int) -> None:
            if world.change(deed.do):
                touched.add(deed.user)

    Watch.current = Look(world, deeds)
    world.forget()
    result = run_module(task.module, world, check, max_wait=5, access_token="small-token", **task.options())
    assert not result.get("exception"), result["exception"]
    return Seen(result, len(world.writes), states, owned, touched)


# --- the laws --------------------------------------------------------------------------------------------------------


def owned_in(world: Simulator) -> set[str]:
    """The organization and the projects that have an ACTIVE owner, those by a team included."""
    (org,) = world.world.orgs.values()
    active = {key for key, one in org.users.items() if one.status == "ACTIVE"}
    found = {org.name for key in active if ORG_OWNER in org.users[key].org_roles}
    for project in org.projects.values():
        direct = {key for key, roles in project.members.items() if OWNER in roles}
        by_team = {key for team, roles in project.teams.items() if OWNER in roles for key in org.teams[team].members}
        found |= {project.name} if (direct | by_team) & active else set()
    return found


def never_bare(seen: Seen) -> None:
    """No team loses its last user, no organization its last owner, while nobody else has a hand in it.

    Whether the last of a team may leave the organization is up to Atlas.
    """
    if seen.touched or any("is tried" in one for one in seen.result["warnings"]):
        return
    before = seen.states[0]
    for now in seen.states:
        assert now["platform"] or not before["platform"], "a team without users"
    assert all(now >= seen.owned[0] for now in seen.owned), "an owner was the last"


def nobody_else(seen: Seen, task: Task) -> None:
    before, after = seen.states[0], seen.states[-1]
    spared = {one for one in EMAILS if one not in task.emails and one not in seen.touched}
    if task.exclusive:
        return
    for place in before:
        for user in spared:
            assert before[place].get(user) == after[place].get(user), ("not named", place, user)


def goal(seen: Seen, task: Task, world: Simulator) -> None:
    if seen.result.failed:
        return
    after = everywhere(world)
    for user in task.emails - seen.touched:
        if task.state == "absent":
            places = ["platform"] if task.module == TEAM else [*after]
            assert not any(user in after[place] for place in places), ("still there", user)
        elif task.module == TEAM:
            assert user in after["platform"], ("not in the team", user)
        else:
            assert after["Model Org"][user]["roles"] == sorted(task.roles), ("other roles", user)
    if task.exclusive and not seen.touched:
        assert set(after["platform"]) == task.emails


def truth(seen: Seen, task: Task) -> None:
    """What is done was so at some moment; changed says whether anything is."""
    done = [one for one in seen.result.get("actions", []) if one["status"] == "done"]
    assert seen.result.get("changed", False) == bool(done)
    for action in done:
        place = action[action.get("place", "team" if task.module == TEAM else "organization")]
        there = [action["user"] in state[place] for state in seen.states]
        if action["action"] == "remove":
            assert not all(there), ("never was gone", action)
        elif action["action"] == "add":
            assert any(there), ("never was there", action)


def obey(seen: Seen, task: Task, world: Simulator) -> None:
    failures(seen.result)
    truth(seen, task)
    never_bare(seen)
    nobody_else(seen, task)
    goal(seen, task, world)


# --- what is chosen --------------------------------------------------------------------------------------------------

USERS = st.sampled_from([*EMAILS, EMAILS[0].upper(), *map(id_of, EMAILS[:4])])
TASKS = st.builds(
    lambda kind, exclusive, **more: Task(*kind, exclusive=exclusive and kind == (TEAM, "present"), **more),
    kind=st.sampled_from([(TEAM, "absent"), (TEAM, "present"), (ORGANIZATION, "absent"), (ORGANIZATION, "present")]),
    users=st.lists(USERS, min_size=1, max_size=3, unique_by=lambda user: id_of(user.lower()) if "@" in user else user)
    .map(tuple),
    roles=st.sampled_from([("ORG_MEMBER",), ("ORG_READ_ONLY", "ORG_MEMBER"), (ORG_OWNER,)]),
    exclusive=st.booleans(),
    removal=st.sampled_from(["cascade", "refuse"]),
    last_of_team=st.sampled_from([403, 400]),
    already_gone=st.sampled_from([404, 400]),
)  # fmt: skip
DEEDS = st.lists(
    st.builds(
        lambda moment, *rest: Directory(*moment, *rest),
        st.sampled_from(MOMENTS),
        st.sampled_from(["out of team", "into team", "own", "disown"]),
        st.sampled_from(EMAILS[:4]),
    )
    | st.builds(
        lambda moment, kind, user: Deed(*moment, kind, "alpha", user, OWNER),
        st.sampled_from(MOMENTS),
        st.sampled_from(["leave", "remove", "add", "lapse", "join"]),
        st.sampled_from(EMAILS[:4]),
    ),
    max_size=2,
)


def prepare(sim: Simulator, drawn: World, task: Task) -> None:
    build(sim, drawn, task)
    sim.knobs.org_removal, sim.knobs.last_of_team = task.removal, task.last_of_team
    sim.knobs.already_gone = task.already_gone


# --- tried out -------------------------------------------------------------------------------------------------------


def without_twin(world: World) -> World:
    """States go by email here."""
    return World(**{**vars(world), "twin": None, "legacy": frozenset()})


LONE = WORLDS.map(without_twin)


@chosen(25)
@given(world=LONE, task=TASKS)
def test_the_laws_where_nobody_else_acts(model: Simulator, world: World, task: Task) -> None:
    prepare(model, world, task)
    before = everywhere(model)
    check = run(model, task, check=True)
    assert not check.writes and everywhere(model) == before, "check mode wrote"
    real = run(model, task)
    if task.removal == "refuse" and any("is tried" in one for one in check.result["warnings"]):
        # Whether the last of a team may leave the organization can't be known before, and is said.
        obey(real, task, model)
        return
    assert alike(check.result, real.result), (planned(check.result), planned(real.result))
    event("refused" if real.result.failed else "changed" if real.result["changed"] else "unchanged")
    obey(real, task, model)
    if real.result.failed:
        assert not real.writes or "refused" in real.result["msg"].lower() or real.result["actions"], real.result["msg"]
        return
    again = run(model, task)
    assert not again.result.failed and not again.result["changed"] and not again.writes, again.result.get("actions")


@chosen(30)
@given(world=LONE, task=TASKS, deeds=DEEDS, faults=FAULTS)
def test_the_laws_where_somebody_else_acts_and_the_service_fails(
    model: Simulator,
    world: World,
    task: Task,
    deeds: Sequence[Any],
    faults: Sequence[Fault],
) -> None:
    for check in (True, False):
        prepare(model, world, task)
        for fault in faults:
            model.fault(fault.what, method=fault.method, nth=fault.nth, times=fault.times)
        seen = run(model, task, check, deeds)
        assert not (check and seen.writes), "check mode wrote"
    event("failed" if seen.result.failed else "changed" if seen.result["changed"] else "unchanged")
    obey(seen, task, model)
    model.change(lambda unused: model._service.faults.clear())
    calm = run(model, task)
    obey(calm, task, model)
    if not calm.result.failed:
        again = run(model, task)
        assert not again.result["changed"] and not again.writes, again.result["actions"]
