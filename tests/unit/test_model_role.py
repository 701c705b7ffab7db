# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws over runs of the role: policies, worlds, faults and deeds of another administrator, chosen by chance.

The calls are those that the role makes, in its order, in this process. `MODEL_EXAMPLES` as in `test_model`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from accounts import whole
from hypothesis import event, given
from hypothesis import strategies as st
from model_watch import State, Watch, snapshot
from model_worlds import (
    DEEDS,
    EMAILS,
    FAULTS,
    MANAGER,
    OWNER,
    PROJECTS,
    READ,
    TOKENS,
    VIEWER,
    WORLDS,
    Deed,
    World,
    build,
    id_of,
)
from module_run import Result, run_module
from test_model import chosen, holds

from simulator import Simulator

REVIEW, EVIDENCE = "atlas_access_review", "atlas_access_evidence"
USER, ROLE, TEAM, ORGANIZATION = (
    "atlas_project_user", "atlas_project_role", "atlas_team_user", "atlas_organization_user",
)  # fmt: skip
GREEN = ("planned", "unchanged", "done", "open")


class Order(NamedTuple):
    """One run of the role: what it is given."""

    policy: dict[str, Any]
    guards: dict[str, Any]
    leavers_lose: str
    legacy_invitations: bool
    credential: str
    reads_organization: bool


class Run(NamedTuple):
    """What a run left: the results of its calls, what was seen of it, and its directory."""

    review: Result
    calls: list[Result]
    evidence: Result
    watch: Watch
    directory: Path | None

    @property
    def state(self) -> str:
        return str(self.evidence.get("outcome", self.review.get("outcome", {})).get("state", "failed"))

    @property
    def failed(self) -> list[dict[str, Any]]:
        actions = (action for call in self.calls for action in call.get("actions", []))
        return [action for action in actions if action["status"] == "failed"]


def run(live: Simulator, order: Order, folder: Path, deeds: Sequence[Deed] = (), dry: bool = False) -> Run:
    watch = Watch.current = Watch(live, deeds)
    live.forget()

    def call(name: str, **options: Any) -> Result:
        result = run_module(name, live, dry, max_wait=5, access_token=TOKENS[order.credential], **options)
        assert not result.get("exception"), result["exception"]
        return result

    review = call(
        REVIEW,
        policy=order.policy,
        guards=order.guards,
        leavers_lose=order.leavers_lose,
        legacy_invitations=order.legacy_invitations,
        evidence_dir=str(folder),
        mode="dry-run" if dry else "clean-up",
        seal=False,
    )
    assert not watch.ours, "a review wrote"
    if "plan_digest" not in review:
        watch.end()
        return Run(review, [], Result(), watch, None)
    directory = Path(review["evidence_dir"])
    plan = {"file": str(directory / "plan.json"), "digest": review["plan_digest"]}
    kinds, places = review["plan_counts"], review["plan_places"]
    calls = [
        (USER, ["add"], kinds["add"]),
        (ROLE, ["grant", "revoke"], kinds["grant"] + kinds["revoke"]),
        (USER, ["remove"], kinds["remove"]),
        (TEAM, ["remove"], places["team"]),
        (ORGANIZATION, ["remove"], places["organization"]),
    ]
    results = [
        call(name, plan={**plan, "actions": actions}, journal=str(directory / "actions.jsonl"))
        for name, actions, due in calls
        if due and not review["blocked"]
    ]
    proof = call(EVIDENCE, evidence_dir=str(directory), seal=False)
    watch.end()
    assert "outcome" in proof, proof["msg"]
    call(EVIDENCE, evidence_dir=str(directory), seal=True)
    return Run(review, results, proof, watch, directory)


# --- the laws --------------------------------------------------------------------------------------------------------


def sealed(folder: Path) -> dict[Path, bytes]:
    """The files of runs that ended."""
    ended = [path.parent for path in folder.glob("*/SHA256SUMS") if not path.parent.is_symlink()]
    return {path: path.read_bytes() for one in ended for path in one.iterdir() if path.is_file()}


def on_record(done: Run) -> dict[str, Any]:
    """Planned is the sum of what became of it, and every write was on record before."""
    document = whole(done.directory)
    journal = [json.loads(line) for line in _lines(done.directory / "actions.jsonl")]
    began = {(one["row"]["project_id"], one["row"]["user_id"] or one["row"]["user"]) for one in journal if "row" in one}
    for before, after in done.watch.ours:
        for project, key in _different(before, after):
            member = after[project].get(key) or before[project][key]
            place = done.watch.id_of(project)
            renewed = (place, member.user) in began or any(one[1] == key for one in began)
            assert (place, key) in began or renewed, ("written and not on record", project, member)
    return document


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip()] if path.exists() else []


def _different(before: State, after: State) -> list[tuple[str, str]]:
    return [
        (project, key)
        for project in before
        for key in {*before[project], *after[project]}
        if before[project].get(key) != after[project].get(key)
    ]


def truth(done: Run, document: dict[str, Any]) -> None:
    """What is told as done was so, and is so unless somebody else had a hand in it."""
    for action in document["actions"]:
        if action["status"] != "done" or action.get("place", "project") != "project":
            continue
        assert any(holds(action, now) for now in done.watch.states), ("never was so", action)
        if (action["project"], action["user"]) not in done.watch.touched:
            assert holds(action, done.watch.after), ("is not so", action)
    if done.state == "done":
        assert all(one["status"] == "done" for one in document["actions"])


def owners(done: Run) -> None:
    for project, had in done.watch.owned_before.items():
        taken = done.watch.owner_taken(project)
        if not had or taken is None:
            continue
        if not done.watch.touched:
            assert all(done.watch.owned(project, now) for now in done.watch.states), ("without an owner", project)
        if not done.watch.owned_at_last_look(project, taken):
            assert done.state not in GREEN, ("no owner left, and says ok", project)


def obey(done: Run, folder: Path, before: dict[Path, bytes]) -> None:
    assert {path: path.read_bytes() for path in before} == before, "evidence of an earlier run changed"
    if done.directory is None:
        assert done.review.failed and not done.watch.ours
        return
    document = on_record(done)
    truth(done, document)
    owners(done)
    if done.review["blocked"]:
        assert not done.watch.ours and done.state == "blocked"


# --- what is chosen --------------------------------------------------------------------------------------------------

NAMES = st.sampled_from([*EMAILS, id_of(EMAILS[0]), id_of(EMAILS[1]), EMAILS[2].upper()])
SOME = st.lists(NAMES, min_size=1, max_size=3, unique=True)
DAYS = st.sampled_from([date.today() + timedelta(days) for days in (-30, -2, 30)]).map(str)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "project": st.sampled_from(PROJECTS),
            "user": NAMES,
            "roles": st.lists(st.sampled_from([OWNER, READ, MANAGER]), min_size=1, max_size=2, unique=True),
        },
        optional={"expires": DAYS},
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda row: (row["project"], row["user"].lower()),
)
POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "leavers": SOME,
        "allowed_users": SOME,
        "stale_invitation_days": st.sampled_from([0, 60]),
        "role_holders": st.dictionaries(st.sampled_from([OWNER, READ, MANAGER]), SOME, min_size=1, max_size=2),
        "fallback_role": st.sampled_from([VIEWER, VIEWER, READ]),
        "memberships": ROWS,
        "add_missing": st.booleans(),
        "exceptions": st.lists(st.fixed_dictionaries({"user": NAMES, "until": DAYS}), max_size=1),
    },
)
ANY = {"max_removal_percent": 100, "max_project_removal_percent": 100}
ORDERS = st.builds(
    Order,
    policy=POLICIES,
    guards=st.sampled_from([ANY, ANY, ANY, {}, {**ANY, "max_removals": 1}, {**ANY, "protected_users": [EMAILS[1]]}]),
    leavers_lose=st.sampled_from(["projects", "projects", "teams", "organization"]),
    legacy_invitations=st.booleans(),
    credential=st.sampled_from(["owner", "owner", "projects"]),
    reads_organization=st.booleans(),
)


# --- tried out -------------------------------------------------------------------------------------------------------


@chosen(15)
@given(world=WORLDS, order=ORDERS, deeds=DEEDS, faults=FAULTS)
def test_the_laws_over_the_role(model: Simulator, world: World, order: Order, deeds, faults) -> None:
    order = order._replace(reads_organization=order.reads_organization or order.credential == "owner")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(model, world, order)
        there = snapshot(model)
        dry = run(model, order, folder, dry=True)
        assert not model.writes and snapshot(model) == there, "a dry run wrote"
        if dry.directory:
            assert dry.state in ("planned", "unchanged", "blocked"), dry.state
        obey(dry, folder, {})

        for fault in faults:
            model.fault(fault.what, method=fault.method, nth=fault.nth, times=fault.times)
        before = sealed(folder)
        disturbed = run(model, order, folder, deeds)
        obey(disturbed, folder, before)
        event(disturbed.state if disturbed.directory else disturbed.review["msg"][:70])

        model.change(lambda unused: model._service.faults.clear())
        before = sealed(folder)
        calm = run(model, order, folder)
        obey(calm, folder, before)
        if calm.directory is None or calm.review["blocked"]:
            return
        if order.credential == "projects" and calm.state in ("partial", "failed"):
            # It may not take anybody out of teams or the organization.
            assert all("team_id" in one or "organization_id" in one for one in calm.failed), calm.failed
            return
        assert calm.state in GREEN, (calm.evidence["outcome"], calm.failed)
        again = run(model, order, folder)
        obey(again, folder, sealed(folder))
        assert not again.review["step_hashes"] and not again.watch.ours, "the same policy again plans something"
