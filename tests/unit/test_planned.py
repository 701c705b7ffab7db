# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a review planned is carried out: by digest, by account and status, in several calls with one journal."""

from __future__ import annotations

import json
import os
import stat

import pytest
from meanwhile import after, before, gives, takes_out
from module_run import run_module

from ansible_collections.atlasops.access.plugins.module_utils import _journal as journal
from ansible_collections.atlasops.access.plugins.module_utils._steps import digest, step_hash

USER, ROLE = "atlas_project_user", "atlas_project_role"
CALLS = ((USER, ["add"]), (ROLE, ["grant", "revoke"]), (USER, ["remove"]))
ANN, BOB, DAN, PIA, EVE = (
    "ann@corp.example",
    "bob@corp.example",
    "dan@corp.example",
    "pia@partner.example",
    "eve@partner.example",
)
LEE, NEW, OUTSIDER = "lee@partner.example", "new.one@corp.example", "outsider@corp.example"
OWNER, READ, CLUSTER = "GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_CLUSTER_MANAGER"


def row(sim, project, action, user, *roles):
    """A step, as a review of this moment plans it."""
    held = sim.state()[project].get(user)
    place = sim.world.project(project)
    return {
        "project_id": place.id,
        "project": project,
        "org_id": place.org.id,
        "user_id": sim.user_id(user) if held else None,
        "user": user,
        "legacy": False,
        "status": held["status"] if held else None,
        "action": action,
        "roles": sorted(roles or held["roles"]),
    }


def legacy_row(sim, project, user):
    place, invited = sim.world.project(project), next(one for one in sim.legacy(project) if one["username"] == user)
    return {
        **row(sim, project, "remove", user, *invited["roles"]),
        "user_id": invited["id"],
        "legacy": True,
        "status": "PENDING",
        "org_id": place.org.id,
    }


@pytest.fixture
def run(small, tmp_path):
    """Run the calls of a plan in their order; returns their results."""
    path, notes = tmp_path / "plan.json", tmp_path / "actions.jsonl"

    def run(rows, calls=CALLS, check=False, **options):
        path.write_text(json.dumps({"version": 1, "steps": rows}))
        asked = {"file": str(path), "digest": digest(rows)}
        return [
            run_module(name, small, check, plan={**asked, "actions": kinds}, journal=str(notes), **options)
            for name, kinds in calls
        ]

    run.journal = notes
    run.plan = path
    run.read = lambda: journal.read(str(notes))
    return run


def statuses(results):
    return [(one["action"], one["user"], one["status"], one["why"]) for result in results for one in result["actions"]]


def parity(results):
    """What check mode and the run must have in common."""
    plain = json.dumps([{k: v for k, v in one.items() if k not in ("counts",)} for one in results])
    return plain.replace('"planned"', '"done"')


# --- the plan, and nothing else --------------------------------------------------------------------------------------


def test_three_calls_carry_out_a_plan_and_its_journal_tells_of_every_step(small, run):
    rows = [
        row(small, "beta", "add", NEW, READ),
        row(small, "beta", "grant", DAN, READ) | {"roles": ["GROUP_DATA_ACCESS_READ_ONLY"]},
        row(small, "beta", "revoke", DAN, CLUSTER),
        row(small, "alpha", "remove", DAN),
        row(small, "alpha", "remove", PIA),
    ]
    results = run(rows)
    assert not any(one.get("failed") for one in results) and all(one["changed"] for one in results)
    state = small.state()
    assert NEW in state["beta"] and DAN not in state["alpha"] and PIA not in state["alpha"]
    assert set(state["beta"][DAN]["roles"]) == {READ, "GROUP_DATA_ACCESS_READ_ONLY"}
    told = run.read()
    assert {mark: one.status for mark, one in told.records.items()} == {step_hash(one): "done" for one in rows}
    assert all(one.started and one.at and one.row["project"] for one in told.records.values())
    assert stat.S_IMODE(os.stat(run.journal).st_mode) == 0o600


def test_check_mode_says_what_the_run_says_and_writes_nothing(small, run):
    rows = [
        row(small, "beta", "add", OUTSIDER, OWNER),
        row(small, "beta", "revoke", DAN, CLUSTER),
        row(small, "beta", "remove", ANN),
        row(small, "alpha", "remove", DAN),
    ]
    planned = run(rows, check=True)
    assert not small.writes and not any(one.get("failed") for one in planned)
    assert {one.status for one in run.read().records.values()} == {"planned"}
    run.journal.unlink()
    done = run(rows)
    assert not any(one.get("failed") for one in done), [one.get("msg") for one in done]
    for one in done:
        for action in one["actions"]:
            action["at"] = None
    assert json.loads(parity(planned)) == json.loads(parity(done))


def test_an_owner_is_handed_over_in_check_mode_as_well(small, run):
    rows = [row(small, "beta", "grant", DAN, OWNER), row(small, "beta", "revoke", ANN, OWNER)]
    rows[0]["roles"], rows[1]["roles"] = [OWNER], [OWNER]
    small.change(lambda world: world.project("beta").members.__setitem__(world.user(ANN).id, (OWNER, READ)))
    planned = run(rows, check=True)
    assert [one.get("msg") for one in planned] == [None] * 3 and not small.writes
    run.journal.unlink()
    assert not any(one.get("failed") for one in run(rows))
    assert small.state()["beta"][ANN]["roles"] == [READ] and OWNER in small.state()["beta"][DAN]["roles"]


@pytest.mark.parametrize("kinds", [["grant"], ["add", "grant", "revoke", "remove"], None])
def test_a_module_makes_its_own_kinds_of_steps_only(small, run, kinds):
    rows = [row(small, "alpha", "remove", DAN), row(small, "beta", "revoke", DAN, CLUSTER)]
    [result] = run(rows, [(USER, kinds)])
    expected = [] if kinds == ["grant"] else [("remove", DAN, "done", None)]
    assert statuses([result]) == expected and CLUSTER in small.state()["beta"][DAN]["roles"]


def test_a_swapped_plan_is_not_believed(small, run):
    rows = [row(small, "alpha", "remove", DAN)]
    run.plan.write_text(json.dumps({"steps": [row(small, "alpha", "remove", BOB)]}))
    asked = {"file": str(run.plan), "digest": digest(rows), "actions": ["remove"]}
    result = run_module(USER, small, plan=asked, journal=str(run.journal))
    assert result["failed"] and "holds the plan" in result["msg"] and not small.requests and not run.journal.exists()


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "is no plan"),
        ("[]", "is no plan"),
        ('{"steps": 3}', "is no plan"),
        ('{"steps": [{"action": "remove"}]}', "is no plan"),
        ('{"steps": []}', "holds the plan"),
        pytest.param("[" * 200_000, "is no plan", id="deep"),
        (None, "can't be read"),
    ],
)
def test_what_is_no_plan_gets_a_sentence(small, run, text, said):
    if text is not None:
        run.plan.write_text(text)
    asked = {"file": str(run.plan), "digest": "0" * 64, "actions": ["remove"]}
    result = run_module(USER, small, plan=asked, journal=str(run.journal))
    assert result["failed"] and said in result["msg"] and not small.requests


@pytest.mark.parametrize(
    "beside",
    [
        {"users": [DAN]},
        {"projects": "alpha"},
        {"memberships": [{"project": "alpha", "user": DAN}]},
        {"roles": [READ]},
        {"exclusive": True},
        {"allow_no_owner": True},
        {"journal": None},
        {"plan_actions": ["delete"]},
    ],
)
def test_a_plan_stands_alone(small, run, beside):
    rows = [row(small, "alpha", "remove", DAN)]
    run.plan.write_text(json.dumps({"steps": rows}))
    asked = {"file": str(run.plan), "digest": digest(rows), "actions": beside.pop("plan_actions", ["remove"])}
    result = run_module(USER, small, **{"plan": asked, "journal": str(run.journal), **beside})
    assert result["failed"] and "plan" in result["msg"] and not small.requests


# --- a world that moved ----------------------------------------------------------------------------------------------


def test_another_status_is_not_what_was_judged_and_stops_its_project_only(small, run):
    rows = [
        row(small, "alpha", "remove", DAN),
        row(small, "alpha", "remove", PIA),
        row(small, "beta", "remove", DAN),
    ]
    small.change(lambda world: setattr(world.user(PIA), "status", "ACTIVE"))
    results = run(rows)
    assert results[-1]["failed"] and "was PENDING when the plan was made, and is ACTIVE now" in results[-1]["msg"]
    assert [one[:3] for one in statuses(results)] == [
        ("remove", DAN, "skipped"),
        ("remove", PIA, "failed"),
        ("remove", DAN, "done"),
    ]
    assert [one.status for one in run.read().records.values()] == ["skipped", "failed", "done"]


def test_what_somebody_else_did_already_is_done_and_no_write(small, run):
    rows = [row(small, "alpha", "remove", DAN), row(small, "beta", "revoke", DAN, CLUSTER)]
    takes_out(small, "alpha", DAN)()
    gives(small, "beta", DAN, READ)()
    results = run(rows)
    assert statuses(results) == [("revoke", DAN, "done", "already gone"), ("remove", DAN, "done", "already gone")]
    assert not small.writes and not any(one["changed"] or one.get("failed") for one in results)


def test_somebody_who_was_added_by_others_is_no_change(small, run):
    rows = [row(small, "beta", "add", OUTSIDER, READ)]
    gives(small, "beta", OUTSIDER, READ)()
    for check in (True, False):
        result = run(rows, check=check)[0]
        assert statuses([result]) == [("add", OUTSIDER, "done", "already there")] and not small.writes
        assert not result["changed"] and result["diff"] == {"before": {}, "after": {}}


def test_somebody_who_was_added_otherwise_by_others_is_refused_and_no_change(small, run):
    rows = [row(small, "beta", "add", OUTSIDER, OWNER)]
    gives(small, "beta", OUTSIDER, READ)()
    result = run(rows)[0]
    assert "is a member by now, with GROUP_READ_ONLY" in result["msg"] and not small.writes
    assert not result["changed"] and result["diff"] == {"before": {}, "after": {}}


def test_the_only_role_is_not_taken(small, run):
    rows = [row(small, "beta", "revoke", DAN, CLUSTER)]
    gives(small, "beta", DAN, CLUSTER)()
    result = run(rows)[1]
    assert result["failed"] and "a member holds at least one" in result["msg"] and not small.writes


def test_the_last_owner_stays_and_so_does_nobody_elses_project_wait(small, run):
    rows = [row(small, "alpha", "remove", ANN), row(small, "beta", "remove", DAN)]
    takes_out(small, "alpha", BOB)()
    results = run(rows)
    assert results[-1]["failed"] and "without an ACTIVE owner" in results[-1]["msg"]
    assert ANN in small.state()["alpha"] and DAN not in small.state()["beta"]


def test_a_project_left_without_an_owner_is_on_record(small, run, monkeypatch):
    """What others did in between is no fault of the step, but the run must not pass for done."""
    rows = [row(small, "alpha", "remove", ANN)]
    before(monkeypatch, takes_out(small, "alpha", BOB), "DELETE", "/users/")
    results = run(rows)
    (record,) = run.read().records.values()
    assert results[-1]["failed"] and record.status == "done"
    assert record.error["detail"].startswith(f"no ACTIVE owner is left after remove of {ANN}: somebody else took")


def test_an_owner_made_by_an_earlier_call_is_waited_for(small, run):
    small.knobs.read_after_write_lag_s = 0.03
    small.change(lambda world: world.project("beta").members.pop(world.user(DAN).id))
    rows = [row(small, "beta", "add", OUTSIDER, OWNER), row(small, "beta", "remove", ANN)]
    results = run(rows)
    assert not any(one.get("failed") for one in results), [one.get("msg") for one in results]
    assert ANN not in small.state()["beta"]


def test_a_project_that_is_gone_fails_its_own_steps(small, run):
    rows = [row(small, "alpha", "remove", DAN), row(small, "beta", "remove", DAN)]
    rows[0] |= {"project_id": "f" * 24}
    results = run(rows)
    assert results[-1]["failed"] and "does not see the project" in results[-1]["msg"]
    assert [one.status for one in run.read().records.values()] == ["failed", "done"]


def test_a_legacy_invitation_is_cancelled_and_an_unread_one_is_not_called_gone(small, run):
    rows = [legacy_row(small, "alpha", LEE)]
    small.fault({"status": 403, "errorCode": "X"}, method="GET", path="invites", times=1)
    result = run(rows)[-1]
    assert result["failed"] and "could not be read" in result["msg"] and small.legacy("alpha")
    run.journal.unlink()
    result = run(rows)[-1]
    assert not result.get("failed") and not small.legacy("alpha")


# --- failures --------------------------------------------------------------------------------------------------------


def test_an_add_that_atlas_refuses_keeps_no_leaver_in(small, run):
    rows = [
        row(small, "alpha", "add", NEW, READ),
        row(small, "alpha", "remove", DAN),
        row(small, "beta", "remove", DAN),
    ]
    small.fault({"status": 400, "errorCode": "INVALID_EMAIL_ADDRESS"}, method="POST", path="/users", times=None)
    results = run(rows)
    assert [one.status for one in run.read().records.values()] == ["failed", "done", "done"]
    assert results[0]["failed"] and not results[2].get("failed")


def test_nobody_is_cut_back_whose_new_role_failed(small, run):
    rows = [
        row(small, "beta", "grant", DAN, READ) | {"roles": ["GROUP_DATA_ACCESS_READ_ONLY"]},
        row(small, "beta", "revoke", DAN, CLUSTER),
    ]
    small.fault({"status": 403, "errorCode": "X"}, method="POST", path=":addRole", times=None)
    results = run(rows, [(ROLE, ["grant"]), (ROLE, ["revoke"])])
    assert [one[2] for one in statuses(results)] == ["failed", "skipped"]
    assert CLUSTER in small.state()["beta"][DAN]["roles"]


def test_the_same_task_again_does_what_failed(small, run):
    rows = [row(small, "alpha", "remove", DAN)]
    small.fault({"status": 403, "errorCode": "X"}, method="DELETE", times=1)
    assert run(rows)[-1]["failed"]
    result = run(rows)[-1]
    assert not result.get("failed") and result["changed"] and DAN not in small.state()["alpha"]


def test_what_a_killed_call_began_is_settled_by_reading(small, run):
    rows = [row(small, "alpha", "remove", DAN), row(small, "beta", "remove", DAN)]
    notes = journal.Journal(str(run.journal))
    for one in rows:
        notes.start(one)
    notes.close()
    takes_out(small, "alpha", DAN)()
    result = run(rows)[-1]
    assert [one[2:] for one in statuses([result])] == [("done", "already gone"), ("done", None)]
    assert len(small.writes) == 1


def test_a_second_call_does_not_unsay_what_is_done(small, run):
    rows = [row(small, "alpha", "remove", DAN)]
    run(rows)
    first = run.journal.read_bytes()
    result = run(rows)[-1]
    assert not result["changed"] and run.journal.read_bytes().startswith(first)
    [record] = run.read().records.values()
    assert record.status == "done" and record.started and record.why is None


# --- what others break -----------------------------------------------------------------------------------------------


def test_what_a_check_planned_is_not_taken_for_done_by_the_run(small, run):
    rows = [
        row(small, "beta", "add", NEW, READ),
        row(small, "beta", "grant", DAN, "GROUP_DATA_ACCESS_READ_ONLY"),
        row(small, "beta", "revoke", DAN, CLUSTER),
        row(small, "alpha", "remove", DAN),
    ]
    run(rows, check=True)
    run(rows, check=True)
    results = run(rows)
    assert not any(one.get("failed") for one in results) and len(small.writes) == 4
    assert NEW in small.state()["beta"] and DAN not in small.state()["alpha"]


@pytest.mark.parametrize("role", [None, CLUSTER])
def test_what_somebody_undid_is_done_again(small, run, role):
    rows = [row(small, "beta", "revoke", DAN, CLUSTER) if role else row(small, "beta", "remove", DAN)]
    undo = gives(small, "beta", DAN, READ, CLUSTER)
    run(rows)
    undo()
    results = run(rows)
    assert (
        any(one["changed"] for one in results) and CLUSTER not in small.state()["beta"].get(DAN, {"roles": []})["roles"]
    )


def test_the_digest_covers_whom_an_invitation_is_sent_to_and_that_one_is_a_legacy_one(small):
    again, legacy = row(small, "alpha", "add", EVE, READ), legacy_row(small, "alpha", LEE)
    assert step_hash(again) != step_hash({**again, "user": "mallory@evil.example"})
    assert step_hash(legacy) != step_hash({**legacy, "legacy": False})


def test_what_is_refused_in_another_call_keeps_no_step_of_this_one_silently(small, run):
    rows = [row(small, "beta", "add", OUTSIDER, READ), row(small, "beta", "remove", DAN)]
    gives(small, "beta", OUTSIDER, OWNER)()
    [result] = run(rows, [(USER, ["remove"])])
    assert not result.get("failed") and DAN not in small.state()["beta"]
    rows = [row(small, "alpha", "add", NEW, READ), legacy_row(small, "alpha", LEE)]
    small.fault({"status": 403, "errorCode": "X"}, method="GET", path="invites", times=None)
    first, _role, last = run(rows)
    assert first["changed"] and NEW in small.state()["alpha"]
    assert last["failed"] and "could not be read" in last["msg"]


@pytest.mark.parametrize("check", [True, False])
def test_no_owner_is_taken_for_one_that_an_other_call_has_not_made(small, run, check):
    gives(small, "beta", ANN, OWNER, READ)()
    rows = [row(small, "beta", "grant", DAN, OWNER), row(small, "beta", "revoke", ANN, OWNER)]
    [result] = run(rows, [(ROLE, ["revoke"])], check=check)
    assert result["failed"] and "without an ACTIVE owner" in result["msg"] and not small.writes


def test_no_kinds_of_steps_are_none(small, run):
    [result] = run([row(small, "alpha", "remove", DAN)], [(USER, [])])
    assert not result["changed"] and not small.requests


def test_somebody_who_got_more_since_is_not_what_was_judged(small, run):
    rows = [row(small, "beta", "remove", DAN)]
    gives(small, "beta", DAN, READ, OWNER)()
    result = run(rows)[-1]
    assert result["failed"] and "and holds GROUP_OWNER, GROUP_READ_ONLY now" in result["msg"] and not small.writes


ODD = {
    "no row": "remove",
    "role null": {"roles": [None]},
    "role number": {"roles": [1]},
    "roles nested": {"roles": [["a"]]},
    "roles text": {"roles": READ},
    "roles map": {"roles": {READ: 1}},
    "grant of two": {"action": "grant", "roles": [READ, OWNER]},
    "grant of none": {"action": "grant", "roles": []},
    "add of none": {"action": "add", "roles": [], "user_id": None, "status": None},
    "project list": {"project_id": ["a"]},
    "project in capitals": {"project_id": "A" * 24},
    "project name null": {"project": None},
    "user null": {"user": None},
    "id number": {"user_id": 7},
    "id in capitals": {"user_id": "A" * 24},
    "id missing": {"user_id": None},
    "legacy text": {"legacy": "no"},
    "status odd": {"status": "active"},
    "more keys": {"note": "x"},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_rows_that_no_review_writes_are_no_plan(small, run, odd):
    good = row(small, "alpha", "remove", DAN)
    rows = [good, odd if isinstance(odd, str) else {**good, **odd}]
    run.plan.write_text(json.dumps({"steps": rows}))
    for name in (USER, ROLE):
        asked = {"file": str(run.plan), "digest": "0" * 64}
        result = run_module(name, small, plan=asked, journal=str(run.journal))
        assert result["failed"] and "is no plan" in result["msg"] and not small.requests


@pytest.mark.parametrize("roles", [[READ], [OWNER]])
def test_nobody_is_planned_for_twice(small, run, roles):
    rows = [row(small, "alpha", "add", NEW, READ), row(small, "alpha", "add", NEW.upper(), *roles)]
    result = run(rows)[0]
    assert result["failed"] and "is no plan" in result["msg"] and not small.requests


def test_a_pipe_in_the_place_of_a_plan_is_not_waited_for(small, run):
    os.mkfifo(run.plan)
    asked = {"file": str(run.plan), "digest": "0" * 64}
    result = run_module(USER, small, plan=asked, journal=str(run.journal))
    assert result["failed"] and "is no plan" in result["msg"]


# --- the journal -----------------------------------------------------------------------------------------------------


def test_the_start_of_a_write_is_on_record_before_it_is_sent(small, run, monkeypatch):
    seen = []
    before(monkeypatch, lambda: seen.append(run.read()), "DELETE")
    rows = [row(small, "alpha", "remove", DAN)]
    run(rows)
    [told] = seen
    assert told.running and [one.status for one in told.records.values()] == ["unknown"]


def test_a_role_given_back_is_on_record(small, run, monkeypatch):
    small.change(lambda world: world.project("alpha").members.__setitem__(world.user(ANN).id, (OWNER, READ)))
    rows = [row(small, "alpha", "revoke", ANN, OWNER)]
    after(monkeypatch, takes_out(small, "alpha", BOB), "POST", ":removeRole")
    result = run(rows)[1]
    assert result["failed"]
    told = run.read()
    assert [(one.row["action"], one.status, one.why) for one in told.extra] == [("grant", "done", "restored")]
    assert [one.status for one in told.records.values()] == ["done"]


def test_a_task_without_a_plan_keeps_a_journal_too(small, tmp_path):
    path = str(tmp_path / "notes.jsonl")
    run_module(USER, small, projects="*", user=DAN, state="absent", journal=path)
    run_module(USER, small, project="beta", user=NEW, roles=READ, journal=path)
    told = journal.read(path)
    done = sorted((one.row["action"], one.row["project"], one.status) for one in told.records.values())
    assert done == [
        ("add", "beta", "done"),
        ("remove", "alpha", "done"),
        ("remove", "beta", "done"),
        ("remove", "gamma", "done"),
    ]
    assert {one.row["user_id"] for one in told.records.values() if one.row["action"] == "add"} == {None}


def test_a_journal_of_a_run_under_way_is_not_written_to(small, tmp_path, monkeypatch):
    path = tmp_path / "notes.jsonl"
    monkeypatch.setattr(journal.time, "sleep", lambda seconds: None)
    held = journal.Journal(str(path))
    result = run_module(USER, small, project="alpha", user=DAN, state="absent", journal=str(path))
    held.close()
    assert result["failed"] and "belongs to a run under way" in result["msg"] and not small.requests


@pytest.mark.parametrize("kind", ["link", "open to others", "folder", "no such folder", "pipe", "text", "log"])
def test_a_journal_that_is_not_ours_is_refused(small, tmp_path, kind):
    path = tmp_path / "notes.jsonl"
    if kind == "link":
        (tmp_path / "other").write_text("")
        path.symlink_to(tmp_path / "other")
    elif kind == "open to others":
        path.write_text("")
        path.chmod(0o666)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind in ("text", "log"):
        path.write_text("Notes\n" if kind == "text" else '{"event": "login", "user": "ann"}\n')
        path.chmod(0o600)
    else:
        path = tmp_path / "missing" / "notes.jsonl"
    result = run_module(USER, small, project="alpha", user=DAN, state="absent", journal=str(path))
    assert result["failed"] and "journal" in result["msg"] and not small.requests
    if kind in ("text", "log"):
        assert len(path.read_text().splitlines()) == 1


def test_a_full_disk_stops_the_run_before_the_next_write(small, run, monkeypatch):
    rows = [row(small, "alpha", "remove", DAN), row(small, "beta", "remove", DAN), row(small, "gamma", "remove", DAN)]
    write = os.write
    room = [1]

    def full(descriptor, data):
        if b'"start"' in data:
            room[0] -= 1
            if room[0] < 0:
                raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(journal.os, "write", full)
    result = run(rows, max_connections=1)[-1]
    assert result["failed"] and "No space left" in result["msg"] and len(small.writes) == 1


def test_a_pipe_in_the_place_of_a_journal_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "notes.jsonl", 0o600)
    with pytest.raises(journal.Refusal, match="journal"):
        journal.read(str(tmp_path / "notes.jsonl"))


def test_the_hash_of_a_step_takes_any_text():
    odd = {"project_id": "f" * 24, "user_id": None, "user": "\ud800@corp.example", "status": None, "legacy": False}
    assert step_hash({**odd, "action": "add", "roles": []}) != step_hash({**odd, "action": "add", "roles": ["\udfff"]})


def test_a_disk_that_is_full_already_gets_a_sentence(small, run, monkeypatch):
    rows = [row(small, "alpha", "remove", DAN)]
    run(rows, [(USER, ["add"]), (USER, ["remove"])])
    small.forget()

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(journal.os, "write", full)
        *_others, result = run(rows)
    assert result["failed"] and "can't be written: No space left" in result["msg"] and not small.requests
    journal.Journal(str(run.journal)).close()


def test_an_owner_gets_the_role_back_though_the_disk_is_full(small, run, monkeypatch):
    gives(small, "alpha", ANN, OWNER, READ)()
    rows = [row(small, "alpha", "revoke", ANN, OWNER)]
    after(monkeypatch, takes_out(small, "alpha", BOB), "POST", ":removeRole")
    write = os.write

    def full(descriptor, data):
        if b'"end"' in data:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(journal.os, "write", full)
    result = run(rows)[1]
    assert result["failed"] and OWNER in small.state()["alpha"][ANN]["roles"]


@pytest.mark.parametrize(
    "line", ['{"event": "zz", "step": "a", "status": "done"}', '{"event": "x", "a": ' + "[" * 200_000]
)
def test_lines_that_we_do_not_write_are_no_journal(tmp_path, line):
    path = tmp_path / "notes.jsonl"
    path.write_text(line + "\n")
    path.chmod(0o600)
    with pytest.raises(journal.Refusal, match="something else"):
        journal.read(str(path))


@pytest.mark.parametrize("name", ["actions.jsonl", "notes.jsonl"])
def test_a_directory_that_is_sealed_takes_no_journal(tmp_path, name):
    (tmp_path / "actions.jsonl").touch(0o600)
    (tmp_path / "SHA256SUMS").write_text("0  actions.jsonl\n")
    with pytest.raises(journal.Refusal, match="sealed; name a file in another"):
        journal.Journal(str(tmp_path / name))
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir() if path.name != "SHA256SUMS"} == {
        "actions.jsonl": 0
    }


def test_zeros_that_a_crash_of_the_machine_left_are_no_lines(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"event": "interrupted", "by": "SIGTERM", "at": "x"}\n' + bytes(100))
    path.chmod(0o600)
    journal.Journal(str(path)).close()
    assert journal.read(str(path)).interrupted == "SIGTERM"


def test_a_line_that_a_crash_cut_does_not_take_the_next_one_along(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_text('{"event": "start", "st')
    path.chmod(0o600)
    notes = journal.Journal(str(path))
    notes.interrupted("SIGTERM")
    notes.close()
    assert journal.read(str(path)).interrupted == "SIGTERM"
