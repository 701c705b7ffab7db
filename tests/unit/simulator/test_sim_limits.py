# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Token buckets, in steps or all the time, with headers and without."""

from __future__ import annotations

import time

import pytest

from simulator.limits import Bucket, Buckets, Limit

USERS = "/groups/<alpha>/users"


def test_headers(api):
    answer = api.get(USERS)
    assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("1200", "1199")
    error = api.delete("/groups/<alpha>/users/" + "0" * 24)
    assert error.headers["RateLimit-Remaining"] == "1198", "one bucket for all"
    assert api.get("/groups/<beta>/users").headers["RateLimit-Remaining"] == "1199", "and one for each project"


def test_steps(api, sim, code_of):
    sim.limit("project_users", capacity=3, refill=2, period_s=0.5)
    assert [api.get(USERS).status_code for _unused in range(3)] == [200] * 3
    answer = api.get(USERS)
    assert code_of(answer) == (429, "RATE_LIMITED_TOKEN_BUCKET")
    assert answer.headers["Retry-After"] == "1" and answer.headers["RateLimit-Remaining"] == "0"
    time.sleep(0.51)
    assert [api.get(USERS).status_code for _unused in range(3)] == [200, 200, 429]


def test_what_a_refusal_says(api, sim):
    sim.limit("project_users", capacity=10, refill=5, period_s=60)
    for _unused in range(10):
        api.get(USERS)
    answer = api.get(USERS)
    path, seconds = f"api/atlas/v2/groups/{sim.project_id('alpha')}/users", int(answer.headers["Retry-After"])
    assert 50 <= seconds <= 60, "until the next refill, not until the next token"
    assert answer.json() == {
        "detail": f"Rate limit exceeded for {path}. Please retry after {seconds} seconds. "
        "Request capacity: 10. Refill rate: 5 per 60 seconds.",
        "error": 429,
        "errorCode": "RATE_LIMITED_TOKEN_BUCKET",
        "parameters": [path, seconds, 10, 5, 60],
        "reason": "Too Many Requests",
    }
    assert all(isinstance(figure, int) for figure in answer.json()["parameters"][1:])


def test_refill_comes_in_steps():
    bucket = Bucket(Limit("x", "X", "GROUP", capacity=3, refill=2, period_s=60), now=0.0)
    assert [bucket.take(5.0) for _unused in range(4)] == [0.0, 0.0, 0.0, 55.0]
    assert bucket.take(59.0) == 1.0
    assert [bucket.take(60.0) for _unused in range(3)] == [0.0, 0.0, 60.0], "two at once, and then none for a minute"
    assert [bucket.take(600.0) for _unused in range(4)] == [0.0, 0.0, 0.0, 60.0], "never more than its capacity"


def test_continuous():
    bucket = Bucket(Limit("x", "X", "GROUP", capacity=2, refill=1, period_s=10, continuous=True), now=0.0)
    assert [bucket.take(0.0) for _unused in range(3)] == [0.0, 0.0, 10.0]
    assert bucket.take(5.0) == 5.0
    assert bucket.take(10.0) == 0.0
    assert [bucket.take(1000.0) for _unused in range(3)] == [0.0, 0.0, 10.0], "never more than its capacity"


def test_without_headers(api, sim):
    sim.knobs.rate_headers = False
    sim.limit("project_users", capacity=1, refill=1, period_s=60)
    first, second = api.get(USERS), api.get(USERS)
    assert (first.status_code, second.status_code) == (200, 429)
    for answer in (first, second):
        for name in ("RateLimit-Limit", "RateLimit-Remaining", "Retry-After"):
            assert name not in answer.headers


def test_reset_fills_the_buckets(api, sim):
    sim.limit("project_users", capacity=1, refill=1, period_s=60)
    api.get(USERS)
    sim.reset()
    assert api.get(USERS).headers["RateLimit-Limit"] == "1200"


def test_world_sets_limits():
    buckets = Buckets({"org_users": {"capacity": 6, "refill": 6, "period_s": 10, "continuous": False}})
    assert buckets.limits["org_users"].capacity == 6 and buckets.limits["org_teams"].capacity == 1200


def test_inspection(api, sim):
    rows = {(row["endpointSetName"], row["scope"]): row for row in api.get("/rateLimits").json()["results"]}
    row = rows["MongoDB Cloud Users", "GROUP"]
    figures = [row[name]["value"] for name in ("capacity", "refillRate", "refillDurationSeconds")]
    assert figures == [1200, 500, 60]
    assert len(row["endpoints"]) == 6
    path = "/api/atlas/v2/groups/{groupId}/users"
    found = api.get("/rateLimits", groupId=sim.project_id("alpha"), endpointPath=path).json()["results"]
    assert [entry["endpointSetId"] for entry in found] == ["project_users"]


@pytest.mark.parametrize("name", ["groupId", "orgId", "ipAddress"])
def test_scopes_must_be_ids_and_addresses(api, code_of, name):
    assert code_of(api.get("/rateLimits", **{name: "x"})) == (400, "INVALID_QUERY_PARAMETER")
    assert api.get("/rateLimits", ipAddress="2001:db8::1", userId="mdb_sa_id_" + "1" * 24).status_code == 200
