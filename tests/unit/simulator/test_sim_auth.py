# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access tokens and digests."""

from __future__ import annotations

import time

import pytest
import requests
from requests.auth import HTTPDigestAuth

ACCOUNT = ("mdb_sa_id_0123456789abcdef01234567", "mdb_sa_sk_small")
FIRST = {"Accept": "application/vnd.atlas.2023-01-01+json"}
GRANT = {"grant_type": "client_credentials"}
GROUPS = "/api/atlas/v2/groups"
LIMIT_REACHED = "Access Token limit reached. Please use the existing Access Tokens or create a new Service Account."


def mint(sim, auth=ACCOUNT, **form):
    return requests.post(sim.url + "/api/oauth/token", auth=auth, data=form or GRANT)


def use(sim, token, path=GROUPS):
    return requests.get(sim.url + path, headers={**FIRST, "Authorization": f"Bearer {token}"})


# -- tokens ----------------------------------------------------------------------------------------------------------


def test_token(sim):
    answer = mint(sim)
    assert answer.status_code == 200
    assert (answer.json()["expires_in"], answer.json()["token_type"]) == (3600, "Bearer")
    assert use(sim, answer.json()["access_token"]).status_code == 200
    assert (sim.tokens_minted, sim.live_tokens()) == (1, 1)


@pytest.mark.parametrize(
    "auth, form, status, error",
    [
        ((ACCOUNT[0], "wrong"), GRANT, 401, "invalid_client"),
        (("nobody", "x"), GRANT, 401, "invalid_client"),
        (None, GRANT, 401, "invalid_client"),
        (ACCOUNT, {"x": "y"}, 400, "invalid_request"),
        (ACCOUNT, {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_token_refused(sim, auth, form, status, error):
    answer = mint(sim, auth, **form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


def test_token_needs_a_form(sim):
    answer = requests.post(sim.url + "/api/oauth/token", auth=ACCOUNT, json=GRANT)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_token_expires(sim):
    sim.knobs.token_ttl_s = 0.2
    token = mint(sim).json()["access_token"]
    assert use(sim, token).status_code == 200
    time.sleep(0.21)
    answer = use(sim, token)
    assert answer.status_code == 401 and "errorCode" not in answer.json()
    assert sim.live_tokens() == 0


def test_token_revoked(sim):
    token = mint(sim).json()["access_token"]
    revoke = sim.url + "/api/oauth/revoke"
    form = {"token": token, "token_type_hint": "access_token"}
    other = ("mdb_sa_id_1123456789abcdef01234567", "mdb_sa_sk_projects")
    assert requests.post(revoke, auth=(ACCOUNT[0], "wrong"), data=form).status_code == 401
    assert requests.post(revoke, auth=other, data=form).status_code == 200 and sim.live_tokens() == 1
    answer = requests.post(revoke, auth=ACCOUNT, data=form)
    assert (answer.status_code, answer.content) == (200, b"")
    assert sim.live_tokens() == 0 and use(sim, token).status_code == 401
    assert requests.post(revoke, auth=ACCOUNT, data=form).status_code == 200


def test_token_requests_are_limited(sim):
    assert sim.knobs.token_requests == 50
    sim.knobs.token_requests, sim.knobs.token_window_s = 3, 0.4
    assert [mint(sim).status_code for _unused in range(4)] == [200, 200, 200, 429]
    answer = mint(sim)
    assert answer.json()["errorCode"] == "RATE_LIMITED" and answer.headers["Retry-After"] == "1"
    time.sleep(0.41)
    assert mint(sim).status_code == 200


def test_live_tokens_are_limited(sim):
    sim.knobs.token_requests = 0
    for _unused in range(100):
        mint(sim)
    answer = mint(sim)
    assert answer.status_code == 403
    assert answer.json() == {"error": "access_denied", "error_description": LIMIT_REACHED}


def test_given_tokens_do_not_count(sim):
    assert use(sim, "small-token").status_code == 200
    assert sim.live_tokens() == sim.tokens_minted == 0


# -- digest ----------------------------------------------------------------------------------------------------------


def test_challenge(sim):
    answer = requests.get(sim.url + GROUPS, headers=FIRST)
    assert answer.status_code == 401 and answer.json()["errorCode"] == "UNEXPECTED_ERROR"
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Digest realm="MMS Public API", domain="", nonce="')
    assert challenge.endswith('algorithm=MD5, qop="auth", stale=false')
    assert "RateLimit-Limit" not in answer.headers and "X-Error-Code" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_challenge_may_say_less(sim, method):
    url = sim.url + f"{GROUPS}/{sim.project_id('alpha')}/users/{sim.user_id('ann@corp.example')}"
    for knob in ("no_code", "none"):
        sim.knobs.challenge_body = knob
        answer = requests.request(method, url, headers=FIRST)
        assert answer.status_code == 401 and "Digest" in answer.headers["WWW-Authenticate"]
        assert "X-Error-Code" not in answer.headers
        if knob == "none":
            assert answer.content == b"" and "Content-Type" not in answer.headers
        else:
            assert answer.json()["error"] == 401 and "errorCode" not in answer.json()


def test_one_challenge_per_connection(sim):
    session = requests.Session()
    session.auth = HTTPDigestAuth("smallkey", "small-private-key")
    for size in range(1, 6):
        assert session.get(sim.url + f"{GROUPS}?itemsPerPage={size}", headers=FIRST).status_code == 200
    assert [request.status for request in sim.requests] == [401] + [200] * 5
    assert {request.credential for request in sim.requests[1:]} == {"smallkey"}
    assert len({request.connection for request in sim.requests}) == 1


def test_wrong_key_is_challenged_again(sim):
    for auth in (HTTPDigestAuth("smallkey", "wrong"), HTTPDigestAuth("nobody", "x")):
        answer = requests.get(sim.url + GROUPS, headers=FIRST, auth=auth)
        assert answer.status_code == 401 and "Digest" in answer.headers["WWW-Authenticate"]


def test_used_count_is_refused(sim):
    session = requests.Session()
    session.auth = HTTPDigestAuth("smallkey", "small-private-key")
    sent = session.get(sim.url + GROUPS, headers=FIRST).request.headers["Authorization"]
    assert requests.get(sim.url + GROUPS, headers={**FIRST, "Authorization": sent}).status_code == 401
    assert requests.get(sim.url + "/api/atlas/v2/orgs", headers={**FIRST, "Authorization": sent}).status_code == 401


@pytest.mark.parametrize("flag", [True, False])
def test_nonce_lives_for_a_while(sim, flag):
    sim.knobs.nonce_ttl_s, sim.knobs.nonce_stale_flag = 0.1, flag
    session = requests.Session()
    session.auth = HTTPDigestAuth("smallkey", "small-private-key")
    session.get(sim.url + GROUPS, headers=FIRST)
    time.sleep(0.11)
    answer = session.get(sim.url + GROUPS, headers=FIRST)
    assert answer.status_code == 200
    assert f"stale={str(flag).lower()}" in answer.history[0].headers["WWW-Authenticate"]


def test_challenge_may_cost(sim):
    sim.limit("project_users", 2, 1, 60)
    path = f"/api/atlas/v2/groups/{sim.project_id('alpha')}/users"
    assert [requests.get(sim.url + path).status_code for _unused in range(3)] == [401] * 3
    sim.knobs.digest_challenge_costs = True
    assert [requests.get(sim.url + path).status_code for _unused in range(3)] == [401, 401, 429]


def test_other_schemes(sim):
    assert requests.get(sim.url + GROUPS, headers=FIRST, auth=ACCOUNT).status_code == 401
    assert use(sim, "nonsense").status_code == 401
