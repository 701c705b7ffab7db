# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs against rate limits finish, wait for as long as they are told, and hold up nobody else."""

from __future__ import annotations

import importlib
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from module_run import run_module
from test_laws import CREDENTIALS, USER

from simulator import Simulator

ACCOUNT = CREDENTIALS["service-account"]
LEAVERS = [f"leaver{number}@corp.example" for number in range(10)]
CLIENT = "ansible_collections.atlasops.access.plugins.module_utils._client"
PERIOD = 2.0


@pytest.fixture
def many() -> Any:
    """Thirty projects with ten people each who are to go, and a small bucket for each project."""
    members = {"owner@corp.example": ["GROUP_OWNER"], **{user: ["GROUP_READ_ONLY"] for user in LEAVERS}}
    account = {ACCOUNT["client_id"]: {"secret": ACCOUNT["client_secret"], "access_tokens": ["small-token"]}}
    projects = {f"project-{number:02}": {"members": members} for number in range(30)}
    with Simulator({"organizations": {"Org": {"service_accounts": account, "projects": projects}}}) as sim:
        yield sim


def by_project(sim: Any) -> dict[str, list[Any]]:
    found = defaultdict(list)
    for request in sorted(sim.requests, key=lambda request: request.monotonic):
        if request.project_id:
            found[request.project_id].append(request)
    return found


def remove_leavers(sim: Any, **more: Any) -> Any:
    options = {"projects": "project-*", "users": LEAVERS, "state": "absent", **ACCOUNT, **more}
    return run_module(USER, sim, **options)


@pytest.mark.parametrize(
    "headers",
    [pytest.param(True, id="with-headers"), pytest.param(False, id="without-headers", marks=pytest.mark.thorough)],
)
def test_three_hundred_writes_get_through_thirty_small_buckets(many, headers):
    many.knobs.rate_headers = headers
    many.limit("project_users", capacity=6, refill=6, period_s=PERIOD)
    result = remove_leavers(many)
    assert not result.get("failed") and len(result["actions"]) == 300
    assert all(list(members) == ["owner@corp.example"] for members in many.state().values())
    for requests in by_project(many).values():
        throttled = [request.monotonic for request in requests if request.status == 429]
        assert all(later - earlier > (0.9 * PERIOD if headers else 0.9) for earlier, later in pairwise(throttled))
        served = [request.path for request in requests if request.method == "DELETE" and request.status == 204]
        assert len(served) == len(set(served)) == 10, "a write was repeated after it took effect"
    if headers:
        assert len([request for request in many.requests if request.status == 429]) <= 30


def test_retry_after_passes_before_the_call_is_repeated(small):
    small.fault({"status": 429, "headers": {"Retry-After": "1"}}, method="DELETE", path=small.project_id("alpha"))
    result = run_module(USER, small, projects="*", user="dan@corp.example", state="absent")
    assert not result.get("failed")
    first, second = [request for request in small.writes if request.project_id == small.project_id("alpha")]
    assert second.monotonic - first.monotonic >= 1.0
    others = [request for request in small.writes if request.project_id != small.project_id("alpha")]
    assert others and all(request.monotonic < second.monotonic for request in others), "others waited too"


def test_a_retry_after_of_zero_still_waits_a_second(small):
    small.fault({"status": 429, "headers": {"Retry-After": "0"}}, method="GET", path="/groups$")
    run_module("atlas_project_info", small)
    first, second = small.requests
    assert second.monotonic - first.monotonic >= 1.0


def test_one_throttled_project_holds_up_no_other_even_with_one_connection(small):
    small.fault(
        {"status": 429, "headers": {"Retry-After": "1"}}, method="GET", path=f"{small.project_id('alpha')}/users"
    )
    run_module("atlas_project_user_info", small, via=["direct"], max_connections=1)
    order = [request.project_id for request in small.requests if request.project_id]
    names = {small.project_id(name): name for name in ("alpha", "beta", "gamma")}
    assert sorted(names[project] for project in order) == ["alpha", "alpha", "beta", "gamma"]
    assert names[order[-1]] == "alpha", "others waited too"


def test_remaining_zero_slows_down_before_the_limit(small):
    small.limit("project_users", capacity=2, refill=2, period_s=1.0)
    users = ["dan@corp.example", "pia@partner.example", "eve@partner.example", "rob@partner.example"]
    result = run_module(USER, small, project="alpha", users=users, state="absent")
    assert not result.get("failed") and 429 not in {request.status for request in small.requests}


@pytest.mark.parametrize("code", ["RATE_LIMITED_IP", "INVITATIONS_RATE_LIMITED_IP"])
@pytest.mark.parametrize(
    "method, options",
    [
        ("POST", {"project": "beta", "user": "new@corp.example", "roles": "GROUP_READ_ONLY"}),
        ("DELETE", {"project": "alpha", "user": "dan@corp.example", "state": "absent"}),
    ],
)
def test_throttles_that_come_as_400_are_waited_for(small, monkeypatch, code, method, options):
    monkeypatch.setattr(importlib.import_module(CLIENT), "THROTTLE_FLOOR", 0.02)
    small.fault({"status": 400, "errorCode": code}, method=method, times=3)
    result = run_module(USER, small, **options)
    assert not result.get("failed") and result["changed"]
    assert [request.status for request in small.writes] == [400, 400, 400, 201 if method == "POST" else 204]


def test_more_invitations_than_a_minute_allows_are_all_sent_once(small, monkeypatch):
    monkeypatch.setattr(importlib.import_module(CLIENT), "THROTTLE_FLOOR", 0.1)
    small.knobs.invitations, small.knobs.invitation_window_s = 3, 0.3
    users = [f"new{number}@corp.example" for number in range(8)]
    result = run_module(USER, small, project="beta", users=users, roles="GROUP_READ_ONLY")
    assert not result.get("failed"), result["msg"]
    events = [event for _when, event in small.world.project("beta").events]
    assert sorted(event["targetUsername"] for event in events) == users


def test_waiting_ends_at_max_wait_and_says_how_long_it_took(small, monkeypatch):
    monkeypatch.setattr(importlib.import_module(CLIENT), "THROTTLE_FLOOR", 0.01)
    small.fault(429, method="GET", path="/groups$", times=None)
    result = run_module("atlas_project_info", small, max_wait=0.1)
    assert result["failed"]
    assert (
        "429" in result["msg"]
        and "throttled: gave up after 4 tries in 0 s, Atlas does not say for how long" in result["msg"]
    )


def test_a_wait_beyond_max_wait_is_not_begun(small):
    small.fault({"status": 429, "headers": {"Retry-After": "600"}}, method="GET", path="/groups$", times=None)
    result = run_module("atlas_project_info", small)
    assert "gave up after 1 try in 0 s, Atlas asks to wait 600 s more" in result["msg"] and len(small.requests) == 1


def test_a_retry_after_of_a_failing_service_is_honoured(small):
    small.fault({"status": 503, "headers": {"Retry-After": "1"}}, method="GET", path="/groups$")
    assert not run_module("atlas_project_info", small).get("failed")
    first, second = small.requests
    assert second.monotonic - first.monotonic >= 1.0


def test_a_run_waits_for_a_token_when_too_many_were_asked_for(small, monkeypatch):
    monkeypatch.setattr(importlib.import_module(CLIENT), "THROTTLE_FLOOR", 0.1)
    small.knobs.token_requests, small.knobs.token_window_s = 1, 1.5
    assert not run_module("atlas_project_info", small, **ACCOUNT).get("failed")
    assert not run_module("atlas_project_info", small, **ACCOUNT).get("failed")
    assert [request.status for request in small.requests if request.path.endswith("/token")] == [200, 429, 200]


def test_a_run_waits_while_a_hundred_tokens_live(small, monkeypatch):
    monkeypatch.setattr(importlib.import_module(CLIENT), "THROTTLE_FLOOR", 0.1)
    small.knobs.max_live_tokens, small.knobs.token_ttl_s = 1, 1.5
    with small_client(small) as client:
        client._token(client.patience())
        client._tokens.minted.clear()  # As if that run had been killed: nobody gives its token back.
    assert not run_module("atlas_project_info", small, **ACCOUNT).get("failed")
    assert 403 in [request.status for request in small.requests if request.path.endswith("/token")]


def small_client(sim: Any) -> Any:
    client = importlib.import_module(CLIENT)
    credential = client.Credential("service_account", ACCOUNT["client_id"], ACCOUNT["client_secret"])
    return client.Client(credential, sim.url)
