# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each scripted fault, as `requests` sees it."""

from __future__ import annotations

import time

import pytest
import requests
from requests.auth import HTTPDigestAuth

USERS = "/groups/<alpha>/users"
DAN = "/groups/<alpha>/users/<dan@corp.example>"
CUT = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


def dan_is_in(sim):
    return "dan@corp.example" in sim.state()["alpha"]


@pytest.mark.parametrize(
    "what, status, content_type, text",
    [
        (503, 503, "application/json", "UNEXPECTED_ERROR"),
        ({"status": 500, "errorCode": None}, 500, "application/json", "Internal Server Error"),
        (
            {"status": 403, "errorCode": "IP_ADDRESS_NOT_ON_ACCESS_LIST", "detail": "IP address 1.2.3.4"},
            403,
            "application/json",
            "1.2.3.4",
        ),
        ({"status": 502, "body": ""}, 502, "application/json", ""),
        ("html", 503, "text/html", "<h1>503"),
        ({"html": 200, "body": "<p>Sign in</p>"}, 200, "text/html", "Sign in"),
        ("garbage", 200, "application/vnd.atlas.2025-02-19+json;charset=utf-8", "not json"),
        ("empty", 200, "application/vnd.atlas.2025-02-19+json;charset=utf-8", ""),
        ("shape", 200, "application/vnd.atlas.2025-02-19+json;charset=utf-8", "[]"),
        (
            {"shape": "results_string"},
            200,
            "application/vnd.atlas.2025-02-19+json;charset=utf-8",
            '"results": "surprise"',
        ),
    ],
)
def test_answers(api, sim, what, status, content_type, text):
    sim.fault(what)
    answer = api.delete(DAN)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, content_type)
    assert text in answer.text if text else answer.content == b""
    assert dan_is_in(sim)
    assert sim.writes[0].fault and sim.writes[0].status == status
    assert api.delete(DAN).status_code == 204, "once"


def test_headers(api, sim):
    sim.fault({"status": 429, "errorCode": "RATE_LIMITED", "headers": {"Retry-After": 7}})
    assert api.get(USERS).headers["Retry-After"] == "7"


def whole(answer):
    """The answer, if it came whole: old versions of requests do not look."""
    if len(answer.content) < int(answer.headers.get("Content-Length", 0)):
        raise requests.exceptions.ConnectionError("cut")
    return answer


def test_effect_and_error(api, sim):
    sim.fault(500, method="DELETE", after_effect=True)
    assert api.delete(DAN).status_code == 500
    assert not dan_is_in(sim)


@pytest.mark.parametrize(
    "what, options, stays",
    [
        ("cut_before", {}, True),
        ("cut_after", {}, False),
        ({"hang": 0.05}, {}, True),
        ({"hang": 0.05}, {"after_effect": True}, False),
        ("cut_mid_body", {}, False),
    ],
)
def test_cuts(api, sim, what, options, stays):
    sim.fault(what, method="DELETE", **options)
    with pytest.raises(CUT):
        whole(api.delete(DAN))
    assert dan_is_in(sim) is stays
    assert api.get(USERS).status_code == 200
    assert sim.requests[0].fault in ("cut_before", "cut_after", "hang", "cut_mid_body")


def test_cut_mid_body_of_a_listing(api, sim):
    sim.fault("cut_mid_body")
    with pytest.raises(CUT):
        whole(api.get(USERS))


def test_hang_outlasts_the_client(api, sim):
    sim.fault({"hang": 30}, path="/users/")
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.session.delete(sim.url + f"/api/atlas/v2/groups/{'0' * 24}/users/{'0' * 24}", timeout=0.1)
    assert api.get(USERS).status_code == 200


def test_expire_token(sim, api):
    token = requests.post(
        sim.url + "/api/oauth/token",
        auth=("mdb_sa_id_0123456789abcdef01234567", "mdb_sa_sk_small"),
        data={"grant_type": "client_credentials"},
    ).json()["access_token"]
    client = api.as_(token)
    sim.fault("expire_token", method="DELETE")
    assert client.get(USERS).status_code == 200
    assert client.delete(DAN).status_code == 401
    assert client.get(USERS).status_code == 401
    assert dan_is_in(sim) and sim.live_tokens() == 0


@pytest.mark.parametrize(
    "what, status, location",
    [
        ("redirect", 302, "http://elsewhere.invalid/api/"),
        ({"redirect": 307, "location": "https://evil.invalid/x"}, 307, "https://evil.invalid/x"),
    ],
)
def test_redirect(api, sim, what, status, location):
    sim.fault(what)
    answer = api.delete(DAN)
    assert answer.status_code == status and answer.headers["Location"].startswith(location)
    assert dan_is_in(sim)


def test_matching(api, sim):
    sim.fault(503, method="GET", path=r"/users$", nth=2, times=2)
    assert api.get("/groups/<alpha>").status_code == 200
    assert [api.get(USERS).status_code for _unused in range(5)] == [200, 503, 503, 200, 200]
    sim.fault(500, times=None)
    assert [api.get(USERS).status_code for _unused in range(3)] == [500] * 3
    sim.reset()
    assert api.get(USERS).status_code == 200


def test_challenges_are_passed_over(sim):
    sim.fault(503)
    auth, accept = HTTPDigestAuth("smallkey", "small-private-key"), {"Accept": "application/vnd.atlas.2023-01-01+json"}
    answer = requests.get(sim.url + "/api/atlas/v2/groups", auth=auth, headers=accept)
    assert [old.status_code for old in answer.history] == [401] and answer.status_code == 503


def test_token_endpoint(sim):
    sim.fault("html", path="oauth/token")
    answer = requests.post(sim.url + "/api/oauth/token", auth=("a", "b"), data={})
    assert answer.status_code == 503


@pytest.mark.parametrize(
    "what, match",
    [
        ("explode", {}),
        ({"shape": "round"}, {}),
        ({"status": 500, "html": 500}, {}),
        (500, {"verb": "GET"}),
        ({"detail": "x"}, {}),
    ],
)
def test_mistakes(sim, what, match):
    with pytest.raises(ValueError):
        sim.fault(what, **match)


def test_latency(api, sim):
    sim.knobs.latency_s = 0.1
    started = time.monotonic()
    api.get(USERS)
    assert 0.099 <= time.monotonic() - started < 5
    # A timer may end a millisecond early.
    assert sim.requests[0].duration >= 0.099
