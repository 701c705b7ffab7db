# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws over worlds, tasks, faults and deeds of another administrator that are chosen by chance.

The same ones each time, unless `MODEL_EXAMPLES` says how many new ones to try.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, event, given, settings
from model_watch import Watch, snapshot
from model_worlds import (
    ANN,
    BOB,
    DEEDS,
    DEMOTING_DEEDS,
    DEMOTIONS,
    FAULTS,
    LIVING,
    OWNED_WORLDS,
    OWNER,
    TASKS,
    WORLDS,
    Deed,
    Fault,
    Task,
    Wish,
    World,
    build,
)
from module_run import Result, run_module
from test_laws import ROLE, USER, alike, planned

from simulator import Simulator

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES") or 0)


def chosen(examples: int) -> settings:
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        # Explaining a failure takes many more runs than shrinking it.
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def run(sim: Simulator, task: Task, check: bool = False, deeds: Any = ()) -> tuple[Result, Watch]:
    watch = Watch.current = Watch(sim, deeds)
    sim.forget()
    result = run_module(task.module, sim, check, max_wait=5, **task.options())
    watch.end()
    assert not result.get("exception"), result["exception"]
    return result, watch


def refused(result: Result, sim: Simulator, watch: Watch) -> bool:
    """A failure that is found before the first write anywhere."""
    return bool(result.get("failed")) and not sim.writes and not watch.ours and not result.get("actions")


# --- the laws --------------------------------------------------------------------------------------------------------


def silent(sim: Simulator, watch: Watch) -> None:
    assert not sim.writes and not watch.ours, "check mode wrote"


def holds(action: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether an action is so."""
    members = now[action["project"]]
    member = members.get(action["user_id"])
    if action["action"] == "remove":
        return member is None
    if action["action"] == "revoke":
        return member is None or not set(action["roles"]) & set(member.roles)
    if member is None and action["action"] == "add":
        member = next((one for one in members.values() if one.user == action["user"] and one.status in LIVING), None)
    return member is not None and member.status in LIVING and set(action["roles"]) <= set(member.roles)


def truth(result: Result, watch: Watch, task: Task, faulty: bool) -> None:
    actions = result.get("actions", [])
    restored = {action["project"] for action in actions if action["why"] == "restored"}
    for action in actions:
        if action["status"] != "done":
            continue
        assert any(holds(action, now) for now in watch.states), ("never was so", action)
        if (action["project"], action["user"]) not in watch.touched and action["project"] not in restored:
            assert holds(action, watch.after), ("is not so", action)
    done = [action for action in actions if action["status"] == "done"]
    assert result.get("changed", False) == bool(done)
    if not faulty and not watch.touched:
        assert bool(watch.ours) == bool(done)
    if not result.get("failed"):
        assert len(done) == len(actions), "ok, and not all done"
        assert done or not watch.ours, "changed something and says no"


def reported(result: Result, watch: Watch, task: Task) -> None:
    """The memberships that are told are those of the world, for those whom nobody touched after our last write."""
    unsure = {(one["project"], one["user"]) for one in result.get("actions", []) if one["status"] == "failed"}
    for project in task.projects:
        told = {one["user"]: {} for one in result.get("memberships", [])}
        for one in result.get("memberships", []):
            if one["project"] == project:
                told[one["user"]][one["user_id"]] = (one["status"], tuple(one["roles"]))
        there: dict[str, Any] = {}
        for key, member in watch.after[project].items():
            if task.names(project, key, member.user) and not member.legacy:
                there.setdefault(member.user, {})[key] = (member.status, tuple(sorted(member.roles)))
        legacy = {key for key, member in watch.before[project].items() if member.legacy}
        for user in {*told, *there}:
            if (
                (project, user) in unsure
                or watch.touched_last(project, user)
                or (result.get("failed") and not told.get(user))
            ):
                continue
            mine = {key: value for key, value in told.get(user, {}).items() if key not in legacy}
            theirs = there.get(user, {})
            if not task.reads_organization:
                # An invitation in place of one that lapsed can't be told from an account beside it.
                theirs = {key: value for key, value in theirs.items() if key in mine or value[0] in LIVING}
            if None in mine:
                theirs = {key: value for key, value in theirs.items() if value[0] in LIVING}
                # A stranger: the id is not told, and the status as far as it could be known.
                assert len(mine) == 1 and [value[1] for value in mine.values()] == [
                    value[1] for value in theirs.values()
                ]
                continue
            assert mine == theirs, ("memberships", project, user)


def nobody_else(watch: Watch, task: Task) -> None:
    """Only those change who are named, or in the way of what is exclusive."""
    for before, after in watch.ours:
        for project in before:
            for key in {*before[project], *after[project]}:
                old, new = before[project].get(key), after[project].get(key)
                if old == new:
                    continue
                member = new or old
                renewed = member.user in task.emails and (old is None or old.status not in LIVING)
                assert renewed or project in task.projects, ("another project", project, old, new)
                assert renewed or task.exclusive or task.names(project, key, member.user), ("not named", old, new)
                assert member.roles, ("without a role", member)


def owners(result: Result, watch: Watch, task: Task) -> None:
    if task.allow_no_owner:
        return
    for project, had in watch.owned_before.items():
        taken = watch.owner_taken(project)
        if not had or taken is None:
            continue
        if not watch.touched and project in task.projects:
            assert all(watch.owned(project, now) for now in watch.states), ("without an owner for a while", project)
        if not watch.owned_at_last_look(project, taken):
            assert result.get("failed") and project in result["msg"], ("no owner left, and says ok", project)


def failures(result: Result) -> None:
    if not result.get("failed"):
        return
    assert result["msg"].strip()
    for action in result.get("actions", []):
        if action["status"] == "failed":
            place = next(action[kind] for kind in ("project", "team", "organization") if kind in action)
            assert f"{place}: " in result["msg"] and action["error"]["detail"]
    assert not any(action["status"] == "planned" for action in result.get("actions", []))


def goal(result: Result, watch: Watch, task: Task) -> None:
    """A run that says ok: all is as asked, but for those whom somebody else touched."""
    if result.get("failed"):
        return
    incomplete = any("legacy" in warning for warning in result["warnings"])
    for project in task.projects:
        now = watch.after[project]
        for key, member in now.items():
            if (project, member.user) in watch.touched:
                continue
            asked = task.asked(project, key, member.user)
            if task.state == "absent" and asked is not None:
                kept = member.legacy and (incomplete or not task.legacy_invitations)
                assert (
                    kept
                    or (task.module == ROLE and not set(asked) & set(member.roles))
                    or (task.module == ROLE and member.status not in LIVING)
                ), ("still there", project, member)
            elif task.state == "present" and asked is not None and member.status in LIVING and not member.legacy:
                wrong = set(member.roles) ^ set(asked) if task.module == USER else set(asked) - set(member.roles)
                assert not wrong, ("other roles", project, member, asked)
            elif task.exclusive and not member.legacy and asked is None:
                there = set(member.roles) & task.roles_in(project) if member.status in LIVING else set()
                assert task.module == ROLE and not there, ("not exclusive", project, member)
        for wish in task.wishes if task.state == "present" else ():
            if wish.project in (None, project) and watch.spared(project, wish.name):
                mine = [one for key, one in now.items() if wish.means(key, one.user) and one.status in LIVING]
                assert any(not one.legacy for one in mine), ("is not there", project, wish)


def residual(result: Result, world: World, watch: Watch, task: Task) -> None:
    """How people named get in all the same, against the world itself."""
    if task.module != USER or task.state != "absent":
        return
    told = {(one["project"], one["user"], one["via"]) for one in result["residual_access"]}
    ways = {
        (project, user, via)
        for project in task.projects
        for key, user, via in world.ways(project)
        if task.names(project, key, user)
    }
    if task.reads_organization:
        assert told == ways
        return
    for project, user, _via in ways:
        assert any(one[:2] == (project, user) for one in told), ("residual access left out", project, user)


def hold_the_laws(result: Result, watch: Watch, world: World, asked: Task, faulty: bool = False) -> None:
    task = asked.seen_in(world)
    failures(result)
    truth(result, watch, task, faulty)
    nobody_else(watch, task)
    owners(result, watch, task)
    goal(result, watch, task)
    reported(result, watch, task)


def converges(sim: Simulator, world: World, task: Task) -> None:
    """Undisturbed, the task is refused or brings what is asked; then it has nothing to do."""
    result, watch = run(sim, task)
    if refused(result, sim, watch):
        return
    hold_the_laws(result, watch, world, task)
    assert not result.get("failed"), result["msg"]
    fixed(sim, world, task)


def fixed(sim: Simulator, world: World, task: Task) -> Result | None:
    """The same task again, but for somebody whose other account it took for the one named, by `seen_in`."""
    again, watch = run(sim, task)
    if task.seen_in(world) is not task and refused(again, sim, watch):
        return None
    assert not again.get("failed"), again["msg"]
    assert not again["changed"] and not sim.writes, ("the same task again changes something", again["actions"])
    return again


# --- tried out -------------------------------------------------------------------------------------------------------


@chosen(50)
@given(world=WORLDS, task=TASKS)
def test_the_laws_where_nobody_else_acts(model, world, task):
    build(model, world, task)
    before = snapshot(model)
    check, watch = run(model, task, check=True)
    silent(model, watch)
    assert snapshot(model) == before

    real, watch = run(model, task)
    assert alike(check, real), ("check mode does not return what the run returns", planned(check), planned(real))
    event("refused" if real.get("failed") else "changed" if real["changed"] else "unchanged")
    if real.get("failed"):
        assert refused(real, model, watch), real["msg"]
        return
    hold_the_laws(real, watch, world, task)
    residual(real, world, watch, task)

    again = fixed(model, world, task)
    if again is None:
        return
    if not any(row["user_id"] is None for row in real["memberships"]):
        assert again["memberships"] == real["memberships"]
    if task.module == USER and task.reads_organization:
        assert again["residual_access"] == real["residual_access"]


def disturbed(model: Simulator, world: World, task: Task, deeds: Sequence[Deed], faults: Sequence[Fault] = ()) -> None:
    for check in (True, False):
        build(model, world, task)
        for fault in faults:
            model.fault(fault.what, method=fault.method, nth=fault.nth, times=fault.times)
        result, watch = run(model, task, check, deeds)
        if check:
            silent(model, watch)
            failures({**result, "actions": [one for one in result.get("actions", []) if one["status"] != "planned"]})
    event("failed" if result.get("failed") else "changed" if result["changed"] else "unchanged")
    hold_the_laws(result, watch, world, task, bool(faults))
    model.change(lambda unused: model._service.faults.clear())
    converges(model, world, task)


@chosen(60)
@given(world=WORLDS, task=TASKS, deeds=DEEDS, faults=FAULTS)
def test_the_laws_where_somebody_else_acts_and_the_service_fails(model, world, task, deeds, faults):
    disturbed(model, world, task, deeds, faults)


@chosen(40)
@given(world=OWNED_WORLDS, task=DEMOTIONS, deeds=DEMOTING_DEEDS)
def test_the_laws_where_somebody_else_takes_the_other_owner(model, world, task, deeds):
    disturbed(model, world, task, deeds)


def test_an_owner_by_a_team_leaves(model):
    """Found by the model: the other owner leaves the organization after the look before, and still counts after."""
    world = World(
        status={},
        members={"alpha": {ANN: (OWNER,), BOB: (OWNER,)}, "beta": {}},
        twin=None,
        team=frozenset([BOB]),
        team_roles={"alpha": (OWNER,)},
        org_roles={},
        legacy=frozenset(),
        role_not_held=400,
        role_held=409,
    )
    task = Task(
        module=USER,
        state="absent",
        wishes=(Wish(ANN, False, (), "alpha"),),
        of_lists=(),
        roles=(),
        exclusive=False,
        fallback=None,
        allow_no_owner=False,
        legacy_invitations=False,
        credential="owner",
        reads_organization=True,
    )
    build(model, world, task)
    result, _watch = run(model, task, deeds=[Deed("write", 1, "leave", "alpha", BOB, OWNER)])
    assert result.get("failed") and "no ACTIVE owner is left" in result["msg"]
