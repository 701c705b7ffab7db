# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Status lines, headers and bodies around what an answer is about."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest
import requests

GROUPS = "/api/atlas/v2/groups"
FIRST = {"Accept": "application/vnd.atlas.2023-01-01+json", "Authorization": "Bearer small-token"}
DAN = "/groups/<alpha>/users/<dan@corp.example>"


# -- headers ---------------------------------------------------------------------------------------------------------


def test_date_moves(api):
    def date() -> str:
        return api.get("/groups").headers["Date"]

    first = date()
    assert abs(parsedate_to_datetime(first).timestamp() - time.time()) < 5
    latest = time.monotonic() + 10
    while date() == first:
        assert time.monotonic() < latest, "the clock stands still"
        time.sleep(0.1)


def test_204_has_a_content_type(api):
    answer = api.delete(DAN)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Content-Type"] == "application/vnd.atlas.2025-02-19+json;charset=utf-8"
    invitation = api.get("/groups/<alpha>/invites").json()[0]["id"]
    answer = api.delete(f"/groups/<alpha>/invites/{invitation}")
    assert answer.headers["Content-Type"] == "application/vnd.atlas.2023-01-01+json;charset=utf-8"


@pytest.mark.parametrize("path", ["/groups/<alpha>/invites", "/groups/<alpha>/invites/" + "0" * 24])
def test_deprecation_and_sunset_are_dates(api, path):
    headers = api.get(path).headers
    assert headers["Deprecation"] == "Wed, 4 Oct 2023 00:00:00 GMT"
    assert headers["Sunset"] == "Thu, 1 Jul 2027 00:00:00 GMT"
    assert parsedate_to_datetime(headers["Sunset"]).year == 2027
    assert "Sunset" not in api.get("/groups/<alpha>").headers


# -- paths and methods -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("DELETE", "/groups", "GET,OPTIONS"),
        ("DELETE", "/groups/", "GET,OPTIONS"),
        ("PUT", "/groups/{}/users", "GET,POST,OPTIONS"),
        ("POST", "/groups/{}/users/{}", "GET,DELETE,OPTIONS"),
    ],
)
def test_method_that_is_not_there(sim, method, path, allow):
    path = "/api/atlas/v2" + path.format(sim.project_id("alpha"), sim.user_id("ann@corp.example"))
    answer = requests.request(method, sim.url + path, headers=FIRST)
    assert (answer.status_code, answer.content, answer.headers["Allow"]) == (405, b"", allow)
    assert "Content-Type" not in answer.headers and "X-Error-Code" not in answer.headers


@pytest.mark.parametrize("path", ["/groups", "/groups/{}", "/groups/{}/invites"])
def test_slash_at_the_end_is_not_redirected(sim, path):
    url = sim.url + "/api/atlas/v2" + path.format(sim.project_id("alpha"))
    statuses = [requests.get(url + end, headers=FIRST, allow_redirects=False).status_code for end in ("", "/", "//")]
    assert statuses == [200, 200, 404]


# -- bodies ----------------------------------------------------------------------------------------------------------


def test_envelope_of_lists(api):
    for path in ("/groups", "/groups/<alpha>/users"):
        plain, wrapped = api.get(path).json(), api.get(path, envelope="true").json()
        assert wrapped == {**plain, "status": 200}
        assert "status" not in api.get(path, envelope="false").json()


@pytest.mark.parametrize("path", ["/groups/{}", "/groups/{}/invites"])
def test_envelope_of_everything_else(sim, path):
    url = sim.url + "/api/atlas/v2" + path.format(sim.project_id("alpha"))
    plain, wrapped = (requests.get(url + query, headers=FIRST).json() for query in ("", "?envelope=true"))
    assert wrapped == {"status": 200, "content": plain}


def test_nothing_has_no_envelope(api):
    answer = api.call("DELETE", DAN + "?envelope=true")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("nulls", [[], ["errorCode"], ["detail", "reason"], ["errorCode", "detail", "reason"]])
def test_fields_of_errors_may_be_null(sim, nulls):
    sim.knobs.error_nulls = nulls
    answer = requests.get(f"{sim.url}{GROUPS}/{'0' * 24}", headers=FIRST)
    body = answer.json()
    assert (answer.status_code, body["error"]) == (404, 404)
    assert [name for name in ("errorCode", "detail", "reason") if body[name] is None] == nulls
    assert answer.headers.get("X-Error-Code") == body["errorCode"]


def test_only_those_fields_may_be_null(sim):
    with pytest.raises(ValueError, match="errorCode, detail, reason"):
        sim.knobs.error_nulls = ["error"]
