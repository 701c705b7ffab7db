# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step waits no longer than `max_wait` in all, one request takes no longer than `timeout`.

Where the wait itself is the subject it is measured, with much room: without the bound each would take far longer.
"""

from __future__ import annotations

import importlib
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from by_hand import Said, by_hand, page
from module_run import run_module
from test_laws import ABSENT, CREDENTIALS, DAN, ROLE, SCENARIOS, USER

INFO = "atlas_project_info"
CLIENT = importlib.import_module("ansible_collections.atlasops.access.plugins.module_utils._client")
ACCOUNT = CREDENTIALS["service-account"]
REMOVE = {"project": "alpha", "user": DAN, **ABSENT}
BRIEFLY = {"status": 429, "headers": {"Retry-After": "0"}}
THROTTLED = {"status": 429, "headers": {"Retry-After": "1"}}
FAILING = {"status": 503, "headers": {"Retry-After": "1"}}
PROJECT, ORG, OWNER_ID, DAN_ID = "a" * 24, "0" * 24, "9" * 24, "1" * 24


@contextmanager
def within(seconds):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def person(user_id, email, *roles):
    return {"id": user_id, "username": email, "orgMembershipStatus": "ACTIVE", "roles": list(roles)}


def atlas(write, headers=None):
    """A project with an owner and Dan; `write` answers the writes."""
    members = [person(OWNER_ID, "own@corp.example", "GROUP_OWNER"), person(DAN_ID, DAN, "GROUP_READ_ONLY")]

    def answer(asked):
        if asked.method != "GET":
            return write(asked)
        if asked.path.endswith("/groups"):
            return page([{"id": PROJECT, "name": "alpha", "orgId": ORG}])._replace(headers=headers or {})
        rows = members if asked.path == f"/groups/{PROJECT}/users" else []
        return page(rows)._replace(headers=headers or {})

    return answer


def turns(*answers):
    """These answers in turn, again and again."""
    asked = []

    def answer(_asked):
        asked.append(1)
        return answers[(len(asked) - 1) % len(answers)]

    return answer


BUSY = Said({"errorCode": "RATE_LIMITED"}, 429, {"Retry-After": "1"})
DOWN = Said({"errorCode": "SERVICE_UNAVAILABLE"}, 503, {"Retry-After": "1"})
WRONG = Said({"surprise": True}, 200)
MIXES = {
    "throttled": turns(BUSY),
    "failing": turns(DOWN),
    "by-turns": turns(BUSY, DOWN),
    "no-effect": turns(WRONG),
    "all": turns(BUSY, WRONG, DOWN, BUSY, Said("<p>Bad gateway</p>", 502)),
}


# --- max_wait --------------------------------------------------------------------------------------------------------


def with_waits(mixes, waits):
    """All mixes with all waits; with the longest, a second each, make test tries the last mix, which is all in one."""
    for wait in waits:
        for name, answer in mixes.items():
            seldom = wait == waits[-1] and name != list(mixes)[-1]
            yield pytest.param(answer, *wait, id=f"{wait[0]}-{name}", marks=[pytest.mark.thorough] if seldom else [])


@pytest.mark.parametrize("answer, max_wait, most", list(with_waits(MIXES, [(0, 1), (0.5, 2), (1.5, 4)])))
def test_a_write_waits_no_longer_than_max_wait_whatever_it_meets(quick, answer, max_wait, most):
    with by_hand(atlas(answer)) as server, within(max_wait + 3):
        options = {"base_url": server.url, "access_token": "small-token", "max_wait": max_wait, "timeout": 5}
        result = run_module(USER, **REMOVE, **options)
    assert result["failed"] and [one["status"] for one in result["actions"]] == ["failed"]
    assert 1 <= len(server.writes) <= most + 4


READS = {"throttled": turns(BUSY), "failing": turns(DOWN), "both": turns(BUSY, DOWN)}


@pytest.mark.parametrize("answer, max_wait", list(with_waits(READS, [(0,), (0.5,), (1.5,)])))
def test_a_read_waits_no_longer_than_max_wait(quick, answer, max_wait):
    with by_hand(answer) as server, within(max_wait + 3):
        result = run_module(INFO, base_url=server.url, access_token="small-token", max_wait=max_wait, timeout=5)
    assert result["failed"] and 1 <= len(server.requests) <= 5


def test_the_read_that_settles_a_lost_answer_waits_on_the_same_account(small):
    small.fault("cut_after", method="DELETE")
    small.fault(THROTTLED, method="GET", path=f"{small.project_id('alpha')}/users$", nth=2, times=None)
    with within(6):
        result = run_module(USER, small, **REMOVE, max_wait=1.5)
    assert result["failed"] and "whether it took effect could not be read" in result["msg"]


def test_the_looks_around_a_step_that_takes_an_owner_are_bounded_too(small):
    alpha = small.project_id("alpha")
    small.fault(THROTTLED, method="GET", path=f"{alpha}/users$", nth=2, times=None)
    with within(6):
        result = run_module(USER, small, project="alpha", user="ann@corp.example", max_wait=1.5, **ABSENT)
    assert result["failed"] and "throttled: gave up" in result["msg"] and not small.writes


def test_the_brake_counts(quick):
    """With every answer nothing remains of the rate limit: without a wait there is none."""
    with by_hand(atlas(turns(Said(None, 204, {"RateLimit-Remaining": "0"})), {"RateLimit-Remaining": "0"})) as server:
        options = {"base_url": server.url, "access_token": "small-token", "max_wait": 0, "timeout": 5}
        with within(3):
            result = run_module(USER, **REMOVE, **options)
    assert not result.get("failed"), result["msg"]


def test_each_step_has_a_max_wait_of_its_own(small, monkeypatch):
    """Three steps that each wait for 0.4 s and some more; together that is more than one may."""
    monkeypatch.setattr(CLIENT, "THROTTLE_FLOOR", 0.4)
    for path in (":addRole", ":removeRole"):
        small.fault(BRIEFLY, method="POST", path=f"{small.project_id('beta')}/.*{path}")
    small.fault(BRIEFLY, method="GET", path=f"{small.project_id('beta')}/users$")
    scenario = SCENARIOS["set-roles"]
    result = run_module(scenario.module, small, **scenario.options, max_wait=1)
    assert not result.get("failed"), result["msg"]
    assert scenario.holds(small.state())


def test_one_step_that_gives_up_leaves_the_other_projects_theirs(small):
    small.fault(THROTTLED, method="DELETE", path=small.project_id("alpha"), times=None)
    with within(8):
        result = run_module(USER, small, projects="*", user=DAN, max_wait=1.5, **ABSENT)
    assert [one["status"] for one in result["actions"]] == ["failed", "done", "done"]
    assert "asks to wait 1 s more" in result["msg"]


def test_tries_are_bounded_even_if_there_is_time(small):
    small.fault(503, method="DELETE", times=None)
    result = run_module(USER, small, **REMOVE, max_wait=300)
    assert result["failed"] and len(small.writes) == 4
    small.reset()
    small.fault("cut_before", method="POST", path=":removeRole", times=None)
    options = {"project": "beta", "user": DAN, "role": "GROUP_CLUSTER_MANAGER"}
    result = run_module(ROLE, small, **options, **ABSENT, max_wait=300)
    assert result["failed"] and len(small.writes) <= 4


@pytest.mark.parametrize("option", ["max_wait", "timeout"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "-0.5"])
@pytest.mark.parametrize("name", [INFO, USER])
def test_what_is_no_number_of_seconds_is_refused_before_any_request(small, name, option, value):
    options = {} if name == INFO else REMOVE
    result = run_module(name, small, **options, **{option: value})
    assert result["failed"] and result["msg"].startswith(f"{option}: ") and not small.requests


def test_no_wait_at_all_is_a_choice_and_no_time_at_all_is_none(small):
    assert not run_module(INFO, small, max_wait=0).get("failed")
    small.forget()
    result = run_module(INFO, small, timeout=0)
    assert result["failed"] and result["msg"].startswith("timeout: ") and not small.requests


# --- timeout ---------------------------------------------------------------------------------------------------------


@contextmanager
def dripping(head, drop):
    """A server that says something, and then a drop each twentieth of a second, for a minute."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked, over = [], threading.Event()

    def drip(connection):
        with connection:
            try:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                asked.append(1)
                connection.sendall(head)
                for _number in range(1200):
                    if over.wait(0.05):
                        return
                    connection.sendall(drop)
            except OSError:
                return

    def serve():
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        over.set()
        listener.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DRIPS = {
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "until-the-end": (HEAD + b"Connection: close\r\n\r\n", b" "),
    "headers": (HEAD, b"X-Drop: 1\r\n"),
    "one-header": (HEAD + b"X-Drop: ", b"1"),
    "status-line": (b"HTTP/1.1 200 O", b"K"),
    "interim": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


SOME = ("body",)


@pytest.mark.parametrize(
    "head, drop",
    [pytest.param(*one, id=name, marks=[] if name in SOME else pytest.mark.thorough) for name, one in DRIPS.items()],
)
def test_timeout_ends_an_answer_that_drips(quick, head, drop):
    with dripping(head, drop) as (url, asked), within(10):
        result = run_module(INFO, base_url=url, access_token="small-token", timeout=0.4, max_wait=5)
    assert result["failed"] and len(asked) == 4
    assert f"no whole answer from {url} within 0.4 s" in result["msg"]


def test_silence_ends_after_half_of_it(small):
    small.fault({"hang": 30}, method="GET", path="/groups$", times=None)
    with within(10):
        result = run_module(INFO, small, timeout=0.4)
    assert result["failed"] and "within 0.2 s" in result["msg"]


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pages_of_two(monkeypatch):
    """Many requests for little."""
    monkeypatch.setattr(CLIENT, "PAGE", 2)


@pytest.mark.parametrize("life", [2, 30, 59, 60, 61, 119])
def test_a_token_that_lives_for_less_than_two_minutes_is_used_more_than_once(small, life):
    small.knobs.token_ttl_s = life
    result = run_module(USER, small, projects="*", user=DAN, **ABSENT, **ACCOUNT)
    assert not result.get("failed") and small.tokens_minted == 1
    assert small.live_tokens() == 0


def test_a_second_expiry_in_a_long_run(small, pages_of_two):
    small.knobs.token_ttl_s, small.knobs.latency_s = 1, 0.1
    result = run_module("atlas_project_user_info", small, max_connections=1, **ACCOUNT)
    assert not result.get("failed"), result["msg"]
    assert small.tokens_minted >= 3 and len(result["memberships"]) > 10


@pytest.mark.parametrize("times", [1, 2, 3])
def test_tokens_that_are_refused_again_and_again_though_they_should_live(small, times):
    """Every other step finds its token refused, and gets a new one."""
    for number in range(times):
        small.fault("expire_token", method="DELETE", nth=number * 2 + 1)
    users = [DAN, "pia@partner.example", "eve@partner.example", "rob@partner.example"]
    result = run_module(USER, small, project="alpha", users=users, **ABSENT, **ACCOUNT)
    assert not result.get("failed"), result["msg"]
    assert small.tokens_minted == times + 1 and small.live_tokens() == 0


def test_expires_in_that_is_no_number_is_an_hour(quick):
    def answer(asked):
        if asked.path.endswith("/token"):
            return Said({"access_token": "one", "expires_in": "soon", "token_type": "Bearer"})
        return Said({}) if asked.path.endswith("/revoke") else page([{"id": PROJECT, "name": "alpha", "orgId": ORG}])

    with by_hand(answer) as server:
        result = run_module(INFO, base_url=server.url, **ACCOUNT)
    assert not result.get("failed")
    assert [one.path for one in server.requests] == ["/api/oauth/token", "/groups", "/api/oauth/revoke"]
