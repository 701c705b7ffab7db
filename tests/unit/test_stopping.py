# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""It stops when it is told to: no further step, no waiting, the token given back, and a result of what was done."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from meanwhile import after, before
from module_run import run_module
from test_faults import Task, start
from test_laws import ABSENT, CREDENTIALS, DAN, SCENARIOS, USER, Scenario

ACCOUNT = CREDENTIALS["service-account"]
SIGNALS = {one.name: one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
USERS = [DAN, "pia@partner.example", "eve@partner.example", "rob@partner.example"]
LONG = {"status": 429, "headers": {"Retry-After": "600"}}
EVERYWHERE = Task(SCENARIOS["remove-everywhere"])


def tell(number=signal.SIGTERM):
    """What another process does to this one."""
    return lambda: os.kill(os.getpid(), number)


def until(sim, count, process):
    while len(sim.requests) < count and process.poll() is None:
        time.sleep(0.002)
    assert process.poll() is None, "it ended before it was told to stop"


def result_of(process):
    return json.loads(process.stdout.read().strip().splitlines()[-1])


# --- between two steps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SIGNALS.values(), ids=list(SIGNALS))
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_no_further_step_is_made_and_the_result_says_so(small, monkeypatch, number, nth):
    after(monkeypatch, tell(number), "DELETE", nth=nth)
    result = run_module(USER, small, project="alpha", users=USERS, **ABSENT, **ACCOUNT)
    assert result["failed"] and result["changed"] and result.rc == 1
    left = {1: "3 steps were", 2: "2 steps were", 3: "1 step was"}[nth]
    assert f"interrupted by {number.name}: {left} not tried" in result["msg"]
    assert [one["status"] for one in result["actions"]] == ["done"] * nth + ["skipped"] * (4 - nth)
    assert result["counts"] == {"planned": 0, "done": nth, "failed": 0, "skipped": 4 - nth}
    assert [one.method for one in small.writes] == ["DELETE"] * nth
    state = small.state()["alpha"]
    assert {one["user"] for one in result["actions"] if one["status"] == "done"} == set(USERS) - set(state)
    assert small.live_tokens() == 0


def test_the_same_task_again_does_the_rest(small, monkeypatch):
    with monkeypatch.context() as context:
        after(context, tell(), "DELETE", nth=2)
        assert run_module(USER, small, project="alpha", users=USERS, **ABSENT)["failed"]
    again = run_module(USER, small, project="alpha", users=USERS, **ABSENT)
    assert not again.get("failed") and len(again["actions"]) == 2


def test_a_signal_while_reading_ends_before_the_first_write(small, monkeypatch):
    before(monkeypatch, tell(), "GET", f"{small.project_id('alpha')}/users")
    result = run_module(USER, small, projects="*", user=DAN, **ABSENT, **ACCOUNT)
    assert result["failed"] and result["msg"].startswith("interrupted by SIGTERM")
    assert not result["changed"] and not small.writes and small.live_tokens() == 0


def test_a_signal_before_the_first_request(small, monkeypatch):
    before(monkeypatch, tell(), "POST", "/oauth/token")
    result = run_module(USER, small, projects="*", user=DAN, **ABSENT, **ACCOUNT)
    assert result["failed"] and result["msg"].startswith("interrupted by SIGTERM") and not small.writes


def test_a_module_that_reads_stops_too(small, monkeypatch):
    before(monkeypatch, tell(), "GET", f"{small.project_id('beta')}/users")
    result = run_module("atlas_project_user_info", small, **ACCOUNT)
    assert result["failed"] and "interrupted by SIGTERM" in result["msg"] and small.live_tokens() == 0


def test_check_mode_stops_too(small, monkeypatch):
    before(monkeypatch, tell(), "GET", f"{small.project_id('beta')}/users")
    result = run_module(USER, small, check=True, projects="*", user=DAN, **ABSENT, **ACCOUNT)
    assert result["failed"] and "interrupted by SIGTERM" in result["msg"] and small.live_tokens() == 0


def test_who_stops_the_module_gets_the_usual_handlers_back(small, monkeypatch):
    usual = [signal.getsignal(number) for number in SIGNALS.values()]
    after(monkeypatch, tell(), "DELETE")
    run_module(USER, small, project="alpha", users=USERS, **ABSENT)
    assert [signal.getsignal(number) for number in SIGNALS.values()] == usual


# --- waiting ---------------------------------------------------------------------------------------------------------


WAITS = {
    "throttled-write": ("DELETE", "/groups/"),
    "throttled-read": ("GET", "/users$"),
    "throttled-list": ("GET", "/groups$"),
    "throttled-token": ("POST", "/api/oauth/token"),
}


def waits_and_signals():
    """Each is a process of a second: make test takes the signals in turn, for all three have the one handler."""
    for at, (wait, (method, path)) in enumerate(WAITS.items()):
        for turn, (name, number) in enumerate(SIGNALS.items()):
            marks = [] if at % len(SIGNALS) == turn else [pytest.mark.thorough]
            yield pytest.param(number, method, path, id=f"{wait}-{name}", marks=marks)


@pytest.mark.parametrize("number, method, path", list(waits_and_signals()))
def test_a_wait_ends_at_once(small, number, method, path):
    small.fault(LONG, method=method, path=path, times=None)
    task = EVERYWHERE._replace(scenario=Scenario(USER, {"project": "alpha", "users": USERS, **ABSENT}))
    with start(small, task, max_wait=3600) as process:
        while 429 not in [request.status for request in small.requests]:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(10) == 1
        result = result_of(process)
    assert f"interrupted by {number.name}" in result["msg"]
    if method == "DELETE":
        assert [one["status"] for one in result["actions"]] == ["skipped"] * 4
    assert small.live_tokens() == 0 and len(small.writes) <= 1


def test_requests_under_way_may_end_and_count(small):
    small.knobs.latency_s = 0.2
    with start(small, EVERYWHERE, max_connections=1) as process:
        while not small.writes:
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 1
        result = result_of(process)
    done = [one["project"] for one in result["actions"] if one["status"] == "done"]
    assert done == [project for project, members in small.state().items() if DAN not in members] and done
    assert small.live_tokens() == 0


def test_a_second_signal_ends_it_as_ever(small):
    small.knobs.latency_s = 1.0
    task = EVERYWHERE._replace(credential=CREDENTIALS["token"])
    with start(small, task) as process:
        until(small, 1, process)
        time.sleep(0.3)  # By now the next request is under way.
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
    time.sleep(1.1)  # What it had sent is answered, so that no later test meets it.


# --- lost answers and owners -----------------------------------------------------------------------------------------


def test_a_lost_answer_that_could_not_be_settled_is_no_step_that_was_skipped(small, monkeypatch):
    small.fault("cut_after", method="DELETE")
    after_lost = f"{small.project_id('alpha')}/users"
    before(monkeypatch, tell(), "GET", after_lost, nth=2)
    result = run_module(USER, small, project="alpha", users=USERS, **ABSENT, **ACCOUNT)
    assert result["failed"] and "interrupted by SIGTERM" in result["msg"]
    assert [one["status"] for one in result["actions"]] == ["failed", "skipped", "skipped", "skipped"]
    assert small.live_tokens() == 0


def test_an_owner_who_was_taken_while_it_was_told_to_stop_is_told(small, monkeypatch):
    """The look after the step is not made any more; that is said, and is no success."""
    after(monkeypatch, tell(), "DELETE")
    result = run_module(USER, small, project="alpha", user="ann@corp.example", **ABSENT)
    assert result["failed"] and "interrupted by SIGTERM" in result["msg"]
    assert "alpha: whether an ACTIVE owner is left could not be read" in result["msg"]
