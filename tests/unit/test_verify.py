# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did is read again, held against its plan, and written down; Atlas's own events beside it."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible import template
from ansible.parsing.dataloader import DataLoader
from module_run import SMALL, run_module
from test_planned import ANN, BOB, CALLS, CLUSTER, DAN, EVE, LEE, NEW, OWNER, PIA, READ, legacy_row, row

from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils import _evidence as evidence
from ansible_collections.atlasops.access.plugins.module_utils import _people as people
from ansible_collections.atlasops.access.plugins.module_utils import _verify as verify
from ansible_collections.atlasops.access.plugins.module_utils._client import Client
from ansible_collections.atlasops.access.plugins.module_utils._credentials import choose_credential
from ansible_collections.atlasops.access.plugins.module_utils._journal import Journal
from ansible_collections.atlasops.access.plugins.module_utils._steps import digest
from simulator import Simulator
from simulator.loading import new_user
from simulator.world import LegacyInvitation

EVIDENCE, USER = "atlas_access_evidence", "atlas_project_user"
SECOND = "second.account"


class Run:
    """One run of a clean-up, as the role makes it."""

    def __init__(self, sim, base, steps, mode="clean-up", credential=None, **document):
        self.sim, self.steps, self.credential = sim, steps, credential or SMALL
        chosen, _warnings = choose_credential(self.credential)
        with Client(chosen, sim.url) as client:
            legacy = any(one["legacy"] for one in steps)
            rosters = people.rosters(client, atlas.projects(client), legacy=legacy).rosters
        now = datetime.now(timezone.utc)
        self.digest = digest(steps)
        self.path = Path(evidence.begin(str(base), now, mode, self.digest if steps else None))
        told = {
            "version": 1,
            "credential": chosen.id or None,
            "started": now.isoformat(timespec="seconds"),
            "ended": None,
            "mode": mode,
            "run": {"ticket": "SEC-0"},
            "completeness": {"unreadable": []},
            "plan_digest": self.digest,
            "steps": steps,
            "blocked": [],
            "findings": [],
            **document,
        }
        evidence.write_review(str(self.path), told, rosters, now, False)

    def carried_out(self, check=False, calls=CALLS, **options):
        plan = {"file": str(self.path / "plan.json"), "digest": self.digest}
        for name, kinds in calls:
            if any(one["action"] in kinds for one in self.steps):
                notes = str(self.path / "actions.jsonl")
                asked = {**self.credential, "plan": {**plan, "actions": kinds}, "journal": notes, **options}
                run_module(name, self.sim, check, **asked)
        return self

    def verified(self, check=False, **options):
        return run_module(EVIDENCE, self.sim, check, **{**self.credential, "evidence_dir": str(self.path), **options})

    @property
    def document(self):
        return json.loads((self.path / "review.json").read_text())

    def table(self, name="actions.csv"):
        with (self.path / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def column(self, *names, table="actions.csv"):
        return [tuple(one[name] for name in names) if len(names) > 1 else one[names[0]] for one in self.table(table)]

    def files(self):
        return {path.name: path.read_bytes() for path in self.path.iterdir()}


@pytest.fixture
def run(small, tmp_path):
    return lambda *steps, **named: Run(small, tmp_path / "evidence", list(steps), **named)


def removal(sim, project="alpha", user=DAN):
    return row(sim, project, "remove", user)


def step(sim, project, action, user, *roles):
    return {**row(sim, project, action, user, *roles), "roles": list(roles)}


def comes_back(sim, project, email, *roles, status="ACTIVE"):
    """The same email, as another account."""

    def change(world):
        place = world.project(project)
        user = new_user(email, time.time(), status)
        user.id = hashlib.sha1((project + SECOND + email).encode()).hexdigest()[:24]
        place.org.users[user.id] = user
        place.members[user.id] = roles or (READ,)
        return user.id

    return sim.change(change)


# --- every step on record --------------------------------------------------------------------------------------------


def test_a_clean_up_is_verified_written_down_and_sealed(small, run):
    this = run(
        step(small, "beta", "add", NEW, READ),
        step(small, "beta", "grant", DAN, READ, "GROUP_DATA_ACCESS_READ_ONLY")
        | {"roles": ["GROUP_DATA_ACCESS_READ_ONLY"]},
        step(small, "beta", "revoke", DAN, CLUSTER),
        removal(small, "alpha", DAN),
        removal(small, "alpha", PIA),
        step(small, "alpha", "remove", EVE),
    ).carried_out()
    result = this.verified(run={"ticket": "SEC-1", "reason": ""})
    assert not result.get("failed"), result["msg"]
    assert result["verified"] == 6 and result["unverified"] == result["came_back"] == []
    assert result["counts"] == {"planned": 6, "done": 6, "failed": 0, "skipped": 0, "not_tried": 0, "unknown": 0}
    assert set(this.column("status", "verified")) == {("done", "yes")}
    rows = this.document["actions"]
    assert all(len(one["events"]) == 1 and one["started"] and one["at"] and one["org_id"] for one in rows)
    assert {one["events"][0]["by"] for one in rows} == {"mdb_sa_id_0123456789abcdef01234567"}
    assert len({one["event_ids"][0] for one in rows}) == 6
    document = this.document
    assert document["run"] == {"ticket": "SEC-1"} and document["outcome"] == result["outcome"] and document["ended"]
    assert document["outcome"]["state"] == "done" and document["interrupted"] is None
    assert document["verification"] == {"counts": result["counts"], "verified": 6, "unverified": 0, "came_back": 0}
    assert [os.path.basename(path) for path in result["evidence"]] == [
        "actions.csv",
        "restore.yml",
        "population-after.csv",
        "review.json",
        "SHA256SUMS",
    ]
    assert result["seal"] == hashlib.sha256((this.path / "SHA256SUMS").read_bytes()).hexdigest()
    sums = dict(reversed(line.split("  ")) for line in (this.path / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        name: hashlib.sha256(data).hexdigest() for name, data in this.files().items() if name != "SHA256SUMS"
    }
    assert {path.stat().st_mode & 0o777 for path in this.path.iterdir()} == {0o600}


def test_every_planned_step_has_a_row_however_it_ended(small, run):
    steps = [removal(small, "alpha", DAN), removal(small, "beta", DAN), removal(small, "gamma", DAN)]
    steps.append(step(small, "alpha", "revoke", BOB, READ))
    this = run(*steps)
    small.fault(403, method="DELETE", path=small.project_id("alpha"), times=None)
    this.carried_out(calls=CALLS[2:])
    journal = Journal(str(this.path / "actions.jsonl"))
    journal.start({**steps[3], "roles": [READ]})
    journal.close()
    # The one that failed was made by somebody else since, the one that is unknown was not.
    small.change(lambda world: world.project("alpha").members.pop(world.user(DAN).id))
    result = this.verified()
    assert result["counts"] == {"planned": 4, "done": 2, "failed": 1, "skipped": 0, "not_tried": 0, "unknown": 1}
    assert this.column("project", "status", "verified") == [
        ("alpha", "failed", "yes"),
        ("beta", "done", "yes"),
        ("gamma", "done", "yes"),
        ("alpha", "unknown", "no"),
    ]
    assert "403" in this.table()[0]["error"] and this.table()[3]["event_ids"] == "not yet listed"
    assert sum(result["counts"].values()) == 2 * result["counts"]["planned"]


def test_steps_that_were_not_tried_are_looked_at_once_something_was(small, run):
    steps = [removal(small, "alpha", DAN), step(small, "beta", "revoke", DAN, CLUSTER)]
    this = run(*steps).carried_out(calls=CALLS[2:])
    result = this.verified()
    assert this.column("action", "status", "verified", "event_ids")[1] == ("revoke", "not tried", "no", "")
    assert result["counts"]["not_tried"] == 1 and result["outcome"]["state"] == "partial"
    assert not result.get("failed")


def test_what_was_given_back_has_a_row_of_its_own_and_is_not_planned(small, run):
    revoke = step(small, "beta", "revoke", DAN, CLUSTER)
    this = run(revoke)
    journal = Journal(str(this.path / "actions.jsonl"))
    journal.start(revoke)
    journal.end(revoke, "failed", {"status": None, "code": None, "detail": "no owner would be left"})
    journal.start({**revoke, "action": "grant"}, "restored")
    journal.end({**revoke, "action": "grant"}, "done", None, "restored")
    journal.interrupted("SIGTERM")
    journal.close()
    result = this.verified()
    assert this.column("action", "status", "verified", "why") == [
        ("revoke", "failed", "no", ""),
        ("grant", "done", "yes", "restored"),
    ]
    assert result["counts"] == {"planned": 1, "done": 0, "failed": 1, "skipped": 0, "not_tried": 0, "unknown": 0}
    assert this.document["interrupted"] == "SIGTERM" and this.document["outcome"]["state"] == "interrupted"


@pytest.mark.parametrize("mode, status", [("review", "planned"), ("dry-run", "planned"), ("clean-up", "not tried")])
def test_where_nothing_was_tried_nothing_is_read(small, run, mode, status):
    this = run(removal(small), mode=mode, blocked=[{"guard": "max_removals"}] if mode == "clean-up" else [])
    if mode == "dry-run":
        this.carried_out(check=True)
    small.forget()
    nobody = {"access_token": "", "client_id": "", "public_key": ""}
    result = this.verified(check=mode == "dry-run", **nobody)
    assert not result.get("failed") and not small.requests
    assert this.column("status", "verified", "event_ids") == [(status, "", "")]
    assert "restore.yml" not in this.files() and result["verified"] == 0
    assert result["outcome"]["state"] == {"review": "reviewed", "dry-run": "planned", "clean-up": "blocked"}[mode]


# --- in effect or not ------------------------------------------------------------------------------------------------


def test_somebody_back_under_another_account_came_back_and_is_not_verified(small, run):
    this = run(removal(small), removal(small, "beta"), step(small, "alpha", "revoke", BOB, OWNER)).carried_out()
    other = comes_back(small, "alpha", DAN.upper())
    comes_back(small, "alpha", BOB, READ)
    result = this.verified()
    assert dict(zip(this.column("user", "project"), this.column("verified"))) == {
        (DAN, "alpha"): "came back",
        (DAN, "beta"): "yes",
        (BOB, "alpha"): "yes",
    }
    assert result["failed"] and result["msg"] == (
        f"remove {DAN} in alpha was reported as done, but {DAN} came back under another account."
    )
    assert [one["user"] for one in result["came_back"]] == [DAN] and result["unverified"] == []
    assert other not in (this.path / "population.csv").read_text()
    assert result["outcome"]["state"] == "disputed"


def test_a_role_under_another_account_came_back(small, run):
    this = run(step(small, "alpha", "revoke", BOB, READ)).carried_out()
    comes_back(small, "alpha", BOB, READ)
    assert [one["user"] for one in this.verified()["came_back"]] == [BOB]


def test_an_account_of_that_email_that_was_there_before_did_not_come_back(small, run):
    comes_back(small, "alpha", DAN)
    this = run(removal(small)).carried_out()
    assert small.user_id(DAN) not in small.world.project("alpha").members
    assert this.verified()["verified"] == 1 and this.column("verified") == ["yes"]


@pytest.mark.parametrize("status, verdict", [("PENDING", "came back"), ("INVITATION_EXPIRED", "yes")])
def test_an_invitation_comes_back_and_a_lapsed_one_does_not(small, run, status, verdict):
    this = run(removal(small)).carried_out()
    comes_back(small, "alpha", DAN, status=status)
    this.verified()
    assert this.column("verified") == [verdict]


def test_a_member_only_by_a_team_is_no_membership(small, run):
    this = run(removal(small, "alpha", BOB)).carried_out()
    assert this.verified()["verified"] == 1


def test_somebody_put_in_again_is_not_out(small, run):
    this = run(removal(small)).carried_out()
    run_module(USER, small, project="alpha", user=DAN, roles=OWNER)
    result = this.verified()
    assert result["failed"] and f"remove {DAN} in alpha was reported as done, but is not in effect" in result["msg"]
    assert [one["user"] for one in result["unverified"]] == [DAN] and this.column("verified") == ["no"]


def test_an_added_person_is_looked_for_by_email(small, run):
    small.knobs.renewed_id = "new"
    this = run(step(small, "alpha", "add", EVE, READ) | {"user_id": None, "status": None}, mode="clean-up")
    run_module(USER, small, project="alpha", user=EVE, roles=READ)
    journal = Journal(str(this.path / "actions.jsonl"))
    journal.start(this.steps[0])
    journal.end(this.steps[0], "done")
    journal.close()
    assert this.verified()["verified"] == 1


def test_a_replaced_account_did_not_come_back(small, run):
    """The plan itself puts the person in again."""
    this = run(removal(small), step(small, "alpha", "add", DAN, READ) | {"user_id": None, "status": None})
    journal = Journal(str(this.path / "actions.jsonl"))
    run_module(USER, small, project="alpha", user=DAN, state="absent")
    comes_back(small, "alpha", DAN)
    for one in this.steps:
        journal.start(one)
        journal.end(one, "done")
    journal.close()
    this.verified()
    assert this.column("verified") == ["yes", "yes"]


def test_a_listing_that_lags_is_waited_for(small, run):
    small.knobs.read_after_write_lag_s = 0.05
    assert run(removal(small)).carried_out().verified()["verified"] == 1


# --- legacy invitations ----------------------------------------------------------------------------------------------


def test_a_legacy_invitation_is_read_before_it_is_called_gone(small, run):
    this = run(legacy_row(small, "alpha", LEE), removal(small)).carried_out()
    result = this.verified()
    assert result["verified"] == 2 and small.legacy("alpha") == []
    assert any(one.method == "GET" and one.path.endswith("/invites") for one in small.requests)


def test_a_legacy_invitation_that_is_still_there_is_not_gone(small, run):
    cancel = legacy_row(small, "alpha", LEE)
    this = run(cancel, removal(small, "beta"))
    journal = Journal(str(this.path / "actions.jsonl"))
    for one in this.steps[:1]:
        journal.start(one)
        journal.end(one, "done")
    journal.close()
    this.verified()
    assert this.column("verified") == ["no", "no"]


@pytest.mark.parametrize("status", [403, 410])
def test_legacy_invitations_that_can_not_be_read_are_unreadable_and_the_rest_is_read(small, run, status):
    this = run(legacy_row(small, "alpha", LEE), removal(small), removal(small, "beta")).carried_out()
    small.fault(status, method="GET", path="/invites", times=None)
    result = this.verified()
    assert this.column("verified") == ["unreadable", "yes", "yes"]
    assert (
        result["failed"] and f"remove {LEE} in alpha was reported as done, but could not be verified" in result["msg"]
    )
    assert result["outcome"]["state"] == "unverified"


def test_whoever_is_invited_anew_by_either_way_came_back(small, run):
    this = run(legacy_row(small, "alpha", LEE)).carried_out()
    again = LegacyInvitation("9" * 24, LEE, (READ,), time.time(), ANN)
    small.change(lambda world: world.project("alpha").legacy.__setitem__(again.id, again))
    this.verified(seal=False)
    assert this.column("verified") == ["came back"]


# --- what could not be verified --------------------------------------------------------------------------------------


def test_a_secret_that_is_refused_still_leaves_the_evidence(small, run):
    this = run(removal(small), removal(small, "beta")).carried_out()
    result = this.verified(
        access_token="", client_id="mdb_sa_id_0123456789abcdef01234567", client_secret="mdb_sa_sk_old"
    )
    assert result["failed"] and "could not be verified" in result["msg"]
    assert this.column("verified", "event_ids") == [("unreadable", "could not be read")] * 2
    assert this.document["outcome"]["state"] == "unverified" and evidence.is_sealed(str(this.path))
    assert "mdb_sa_sk_old" not in result.output + "".join(path.read_text() for path in this.path.iterdir())


def test_a_project_that_is_gone_is_unreadable_and_the_others_are_verified(small, run):
    this = run(removal(small), removal(small, "beta")).carried_out()

    def goes(world):
        project = world.project("alpha")
        del world.projects[project.id], project.org.projects[project.id]

    small.change(goes)
    this.verified()
    assert this.column("verified") == ["unreadable", "yes"]


# --- events ----------------------------------------------------------------------------------------------------------


def test_an_event_serves_one_step_in_the_order_of_time(small, run):
    this = run(
        step(small, "beta", "grant", DAN, OWNER),
        step(small, "beta", "grant", DAN, READ),
        step(small, "beta", "revoke", DAN, CLUSTER),
    )
    this.steps[1]["roles"] = ["GROUP_SEARCH_INDEX_EDITOR"]
    this = run(*this.steps).carried_out()
    this.verified()
    listed = [one["id"] for _at, one in small.world.project("beta").events]
    assert len(listed) == 3 and sorted(this.column("event_ids")) == sorted(listed)


def test_events_that_are_not_listed_yet_are_no_failure_and_are_looked_up_later(small, run):
    small.knobs.events_delay_s = 60
    this = run(removal(small)).carried_out()
    assert not this.verified().get("failed") and this.column("event_ids") == ["not yet listed"]
    small.knobs.events_delay_s = 0
    later = this.verified()
    (again,) = this.table(os.path.basename(later["evidence"][0]))
    assert again["event_ids"] == small.world.project("alpha").events[0][1]["id"]


def test_events_that_can_not_be_read_are_no_failure(small, run):
    this = run(removal(small)).carried_out()
    small.fault(403, path="/events", times=None)
    assert not this.verified().get("failed") and this.column("event_ids") == ["could not be read"]


@pytest.mark.parametrize("credential", [SMALL, {"public_key": "smallkey", "private_key": "small-private-key"}])
def test_somebody_elses_removal_is_not_taken_for_our_own(small, run, credential):
    """A person had removed Dan, who was put in again; then the run removes him."""
    other = {**event("REMOVED_FROM_GROUP"), "username": ANN}
    small.change(lambda world: world.project("alpha").events.append((time.time(), other)))
    this = run(removal(small), credential=credential).carried_out()
    this.verified(seal=False)
    (ours,) = {one["id"] for _at, one in small.world.project("alpha").events} - {other["id"]}
    assert this.column("event_ids") == [ours]


def test_nor_is_it_while_our_own_is_not_listed_yet(small, run):
    other = {**event("REMOVED_FROM_GROUP"), "username": ANN}
    this = run(removal(small), credential={"public_key": "smallkey", "private_key": "small-private-key"}).carried_out()
    small.change(lambda world: world.project("alpha").events.__setitem__(0, (time.time(), other)))
    this.verified()
    assert this.column("event_ids") == ["not yet listed"]


def event(kind, user=DAN, at=None, **more):
    return {
        "id": hashlib.sha1(f"{kind}{user}{at}{more}".encode()).hexdigest()[:24],
        "created": at or datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventTypeName": kind,
        "targetUsername": user,
        **more,
    }


def done(action="remove", started="10:00:00", at="10:00:01", user=DAN, roles=(READ,), **more):
    day = "2026-04-01T"
    return {
        "project_id": "a" * 24,
        "user": user,
        "action": action,
        "roles": list(roles),
        "status": "done",
        "started": f"{day}{started}Z",
        "at": f"{day}{at}Z",
        "why": None,
        **more,
    }


def listed(name, kind="REMOVED_FROM_GROUP", at="10:00:01", by=None, user=DAN, roles=()):
    return atlas.Event(name, kind, user, f"2026-04-01T{at}Z", by, frozenset(roles))


def chosen(rows, events, own="mdb_sa_id_" + "1" * 24, feed="a" * 24):
    return [one["event_ids"][0] for one in verify.recorded(rows, {feed: events}, own)]


NONE = "not yet listed"
OURS = "mdb_sa_id_" + "1" * 24
FOREIGN = "mdb_sa_id_" + "2" * 24


@pytest.mark.parametrize(
    "found, expected",
    [
        (listed("e"), "e"),
        (listed("e", kind="GROUP_INVITATION_DELETED"), "e"),
        (listed("e", kind="JOINED_GROUP"), NONE),
        (listed("e", user=ANN), NONE),
        (listed("e", at="09:59:00"), "e"),
        (listed("e", at="09:58:59"), NONE),
        (listed("e", at="11:00:01"), "e"),
        (listed("e", at="11:00:02"), NONE),
        (listed("e", by=OURS), "e"),
        (listed("e", by="1" * 24), "e"),
        (listed("e", by=FOREIGN), NONE),
        (listed("e", by=ANN), NONE),
        (listed("e", by="a name of its own"), "e"),
        (listed("e", roles=[READ]), "e"),
        (listed("e", roles=[OWNER]), NONE),
    ],
)
def test_an_event_fits_by_type_person_role_time_and_actor(found, expected):
    assert chosen([done()], [found]) == [expected]


def test_the_nearest_event_of_our_own_is_taken():
    near, own = listed("near", at="10:00:00"), listed("own", at="10:00:30", by=OURS)
    assert chosen([done()], [near, own]) == ["own"]
    assert chosen([done()], [listed("far", at="10:00:30"), listed("near", at="10:00:03")]) == ["near"]


def test_two_steps_within_a_second_share_no_event():
    rows = [done("grant"), done("revoke", "10:00:01", "10:00:01")]
    both = [
        listed("one", "USER_ROLES_CHANGED_AUDIT", "10:00:01"),
        listed("two", "USER_ROLES_CHANGED_AUDIT", "10:00:01"),
    ]
    assert chosen(rows, both) == ["one", "two"]
    assert chosen(rows, both[:1]) == ["one", NONE]


def test_a_run_that_does_not_know_its_own_name_goes_by_who_did_the_rest():
    rows = [done(), done(user=ANN), done(user=BOB)]
    found = [
        listed("other", at="10:00:01", by="someone@corp.example"),
        listed("mine", at="10:00:09", by=OURS),
        listed("ann", user=ANN, by=OURS),
        listed("bob", user=BOB, by=OURS),
    ]
    assert chosen(rows, found, own=None) == ["mine", "ann", "bob"]
    assert chosen(rows[:1], found[:1], own=None) == ["other"]


def test_what_somebody_else_did_before_us_may_be_their_event_or_none():
    row = done(why="already gone")
    assert chosen([row], [listed("theirs", by=ANN)]) == ["theirs"]
    assert verify.recorded([row], {"a" * 24: []}, OURS) == [{"events": [], "event_ids": []}]


ORG, CREW = "d" * 24, "c" * 24


@pytest.mark.parametrize(
    "place, action, kind, told, expected",
    [
        ("team", "remove", "REMOVED_FROM_TEAM", {}, "e"),
        ("team", "remove", "REMOVED_FROM_TEAM", {"team": CREW}, "e"),
        ("team", "remove", "REMOVED_FROM_TEAM", {"team": "9" * 24}, NONE),
        ("team", "remove", "REMOVED_FROM_TEAM", {"roles": ["ORG_MEMBER"]}, "e"),
        ("team", "remove", "REMOVED_FROM_ORG", {}, NONE),
        ("team", "remove", "JOINED_TEAM", {}, NONE),
        ("team", "add", "INVITED_TO_TEAM", {}, "e"),
        ("organization", "remove", "REMOVED_FROM_ORG", {}, "e"),
        ("organization", "remove", "ORG_INVITATION_DELETED", {}, "e"),
        ("organization", "remove", "REMOVED_FROM_TEAM", {}, NONE),
        ("organization", "remove", "REMOVED_FROM_GROUP", {}, NONE),
        ("organization", "grant", "USER_ROLES_CHANGED_AUDIT", {"roles": ["ORG_MEMBER"]}, "e"),
        ("organization", "grant", "USER_ROLES_CHANGED_AUDIT", {"roles": ["ORG_OWNER"]}, NONE),
    ],
)
def test_events_of_teams_and_organizations_fit_in_the_same_way(place, action, kind, told, expected):
    where = {"place": place, "org_id": ORG, "project_id": ORG if place == "organization" else CREW}
    row = done(action, roles=["TEAM_MEMBER" if place == "team" else "ORG_MEMBER"], **where)
    found = listed("e", kind, roles=told.get("roles", ()))._replace(team=told.get("team"))
    assert chosen([row], [found], feed=ORG) == [expected]


def test_an_event_that_names_no_team_serves_the_nearest_step():
    teams = [done(place="team", org_id=ORG, project_id=one * 24, started=at, at=at)
             for one, at in (("b", "10:00:01"), ("c", "10:00:05"))]  # fmt: skip
    both = [listed(at, "REMOVED_FROM_TEAM", at) for at in ("10:00:05", "10:00:01")]
    assert chosen(teams, both, feed=ORG) == ["10:00:01", "10:00:05"]
    assert chosen(teams, both[:1], feed=ORG) == [NONE, "10:00:05"]


# --- sealed ----------------------------------------------------------------------------------------------------------


def test_a_second_call_only_seals(small, run):
    this = run(removal(small)).carried_out()
    first = this.verified(seal=False, run={"ticket": "SEC-2"})
    assert first["seal"] is None and not evidence.is_sealed(str(this.path))
    before = this.files()
    (this.path / "review.html").write_text("<p>")
    small.forget()
    second = this.verified(run={"ticket": "other"}, access_token="")
    assert not small.requests and not second.get("failed")
    assert [os.path.basename(path) for path in second["evidence"]] == ["SHA256SUMS"]
    assert {name: data for name, data in this.files().items() if name in before} == before
    assert "  review.html\n" in (this.path / "SHA256SUMS").read_text()
    assert {**first, "seal": 0, "evidence": 0} == {**second, "seal": 0, "evidence": 0} and second["seal"]


@pytest.mark.parametrize(
    "command, problem",
    [
        (["sh", "-c", 'echo page >"$0/review.html"'], None),
        (["sh", "-c", "echo no room >&2; exit 1"], "the report could not be written: no room"),
        (["/no/such/command"], "the report could not be written: [Errno 2] No such file or directory"),
    ],
)
def test_a_report_is_sealed_with_the_rest_and_one_that_fails_is_told(small, run, command, problem):
    one = run(removal(small)).carried_out()
    result = one.verified(report=command)
    assert result.failed is bool(problem) and result["outcome"]["state"] == "done" and result["seal"]
    assert (problem or "") in result["msg"] if problem else "report_problem" not in result
    assert ("review.html" in one.files()) is (problem is None) is ("review.html" in one.files()["SHA256SUMS"].decode())
    # Another verification adds nothing but its own table.
    assert "report_problem" not in one.verified(report=command)


def test_a_sealed_run_gets_another_table_and_nothing_else(small, run):
    this = run(removal(small), removal(small, "beta")).carried_out()
    seal = this.verified()["seal"]
    before = this.files()
    run_module(USER, small, project="alpha", user=DAN, roles=READ)
    small.forget()
    check = this.verified(check=True)
    assert this.files() == before and check["failed"] and check["evidence"] == []
    result = this.verified()
    assert result["failed"] and result["seal"] == seal and result["outcome"]["state"] == "disputed"
    assert result["lines"][2] == "done: 2 of 2 steps, 1 verified", "what was seen now"
    (name,) = set(this.files()) - set(before)
    assert name.startswith("verified-") and [os.path.basename(path) for path in result["evidence"]] == [name]
    assert this.column("project", "verified", "verified_now", table=name) == [
        ("alpha", "yes", "no"),
        ("beta", "yes", "yes"),
    ]
    assert this.column("event_ids", table=name) == this.column("event_ids")
    assert {one: data for one, data in this.files().items() if one in before} == before
    third = this.verified()
    assert len(this.files()) == len(before) + 2 and third["evidence"] != result["evidence"]


def test_a_run_that_was_killed_is_verified_by_hand(small, run):
    steps = [removal(small), removal(small, "beta")]
    this = run(*steps)
    journal = Journal(str(this.path / "actions.jsonl"))
    journal.start(steps[0])
    journal.close()
    small.change(lambda world: world.project("alpha").members.pop(world.user(DAN).id))
    result = this.verified()
    assert this.column("status", "verified") == [("unknown", "yes"), ("not tried", "no")]
    assert result["counts"]["unknown"] == result["counts"]["not_tried"] == 1 and result["seal"]
    assert "restore.yml" in this.files()


# --- refused ---------------------------------------------------------------------------------------------------------


def test_a_base_directory_names_its_newest_run(small, run, tmp_path):
    run(removal(small))
    newest = run(removal(small))
    small.forget()
    result = run_module(EVIDENCE, small, evidence_dir=str(tmp_path / "evidence"))
    assert result["failed"] and not small.requests
    assert result["msg"].endswith(f"holds runs and is none itself; the newest is '{newest.path}'")


def test_evidence_without_a_review_is_refused(small, tmp_path):
    result = run_module(EVIDENCE, small, evidence_dir=str(tmp_path))
    assert result["failed"] and "run a review into it first" in result["msg"] and not small.requests
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "name, tamper",
    [
        ("review.json", "open"),
        ("review.json", "link"),
        ("review.json", "text"),
        ("actions.jsonl", "open"),
        ("actions.jsonl", "link"),
    ],
)
def test_files_that_are_not_to_be_believed_stop_it(small, run, name, tamper, tmp_path):
    this = run(removal(small)).carried_out()
    path = this.path / name
    if tamper == "open":
        path.chmod(0o666)
    elif tamper == "link":
        path.rename(tmp_path / name)
        path.symlink_to(tmp_path / name)
    else:
        path.write_text(path.read_text().replace(small.user_id(DAN), small.user_id(BOB)))
    before = set(this.files())
    result = this.verified()
    assert result["failed"] and name in result["msg"] and set(this.files()) == before


def test_a_plan_that_was_edited_is_told_and_the_steps_of_the_review_are_on_record(small, run):
    this = run(removal(small), removal(small, "beta"))
    (this.path / "plan.json").write_text("{}")
    this.carried_out()
    assert not small.writes
    result = this.verified()
    assert any("plan.json is not the plan of the review any more" in warning for warning in result["warnings"])
    assert this.column("status") == ["not tried", "not tried"] and result["outcome"]["state"] == "failed"


def test_a_population_that_is_not_to_be_believed_is_told(small, run):
    this = run(removal(small)).carried_out()
    (this.path / "population.csv").chmod(0o666)
    result = this.verified()
    assert any("population.csv' is not a file of ours" in warning for warning in result["warnings"])
    assert this.column("verified") == ["yes"]


# --- undoing it ------------------------------------------------------------------------------------------------------


def test_what_a_run_took_is_given_back(small, run, tmp_path):
    was = small.state()
    this = run(
        step(small, "beta", "add", NEW, READ),
        step(small, "beta", "grant", DAN, "GROUP_SEARCH_INDEX_EDITOR"),
        step(small, "beta", "revoke", DAN, CLUSTER),
        step(small, "alpha", "revoke", BOB, OWNER),
        removal(small, "alpha", DAN),
        removal(small, "alpha", PIA),
        step(small, "alpha", "remove", EVE),
        removal(small, "gamma", DAN),
    ).carried_out()
    this.verified()
    told = (this.path / "restore.yml").read_text()
    assert f'# Not undone: "{NEW}" was added to "beta".\n' in told
    memberships = DataLoader().load_from_file(str(this.path / "restore.yml"))["memberships"]
    assert {(one["project"], one["user"]): sorted(one["roles"]) for one in memberships} == {
        ("beta", DAN): sorted(was["beta"][DAN]["roles"]),
        ("alpha", BOB): sorted(was["alpha"][BOB]["roles"]),
        ("alpha", DAN): [READ],
        ("alpha", PIA): [READ],
        ("gamma", DAN): [READ],
    }
    undone = run_module(USER, small, memberships=json.loads(json.dumps(memberships)), state="present")
    assert not undone.get("failed"), undone["msg"]
    now = small.state()
    assert NEW in now["beta"] and now["beta"].pop(NEW) and EVE not in now["alpha"] and was["alpha"].pop(EVE)

    def roles(state):
        return {(place, user): sorted(one["roles"]) for place, them in state.items() for user, one in them.items()}

    assert roles(now) == roles(was)


def test_what_is_given_back_without_a_population_adds_and_takes_nothing_else(small, run):
    this = run(step(small, "alpha", "revoke", BOB, OWNER), step(small, "beta", "grant", DAN, OWNER)).carried_out()
    (this.path / "population.csv").unlink()
    this.verified()
    memberships = DataLoader().load_from_file(str(this.path / "restore.yml"))["memberships"]
    assert {one["user"]: sorted(one["roles"]) for one in memberships} == {BOB: [OWNER, READ], DAN: [CLUSTER, READ]}


HOSTILE = [
    "{{ 7 * 7 }}@corp.example",
    "{% raw %}@corp.example",
    'quote"back\\slash@corp.example',
    "line\nbreak: #x@corp.example",
    "emoji-🙈-é\x85@corp.example",
    "!unsafe &a *b@corp.example",
]


def test_what_is_given_back_is_data_and_nothing_a_template(tmp_path, quick):
    members = {name: [READ] for name in HOSTILE}
    accounts = {"mdb_sa_id_" + "9" * 24: {"secret": "x", "role": "ORG_OWNER", "access_tokens": ["h"]}}
    projects = {"{{ lookup('env', 'HOME') }}": {"members": {"own@corp.example": [OWNER], **members}}}
    with Simulator({"organizations": {"Hostile": {"service_accounts": accounts, "projects": projects}}}) as sim:
        (project,) = projects
        steps = [removal(sim, project, name) for name in HOSTILE]
        this = Run(sim, tmp_path, steps, credential={"access_token": "h"})
        journal = Journal(str(this.path / "actions.jsonl"))
        for one in steps:
            sim.change(lambda world, one=one: world.project(project).members.pop(one["user_id"]))
            journal.start(one)
            journal.end(one, "done")
        journal.close()
        this.verified()
    memberships = DataLoader().load_from_file(str(this.path / "restore.yml"))["memberships"]
    assert sorted(one["user"] for one in memberships) == sorted(HOSTILE)
    assert {one["project"] for one in memberships} == {project}
    assert untemplated(memberships) == json.loads(json.dumps(memberships))
    assert sorted(cell.removeprefix("'") for cell in this.column("user")) == sorted(HOSTILE)


def untemplated(memberships):
    """What a task gets for `memberships: "{{ memberships }}"`."""
    # Newer Ansible templates only what it was told to trust.
    trusted = getattr(template, "trust_as_template", lambda text: text)
    templar = template.Templar(loader=DataLoader(), variables={"memberships": memberships})
    return json.loads(json.dumps(templar.template(trusted("{{ memberships }}"))))
