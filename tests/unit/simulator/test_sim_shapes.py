# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every described call is there, takes its parameters and answers in its shape; and the description is a true one.

Each answer is judged by tests/conftest.py, here and in all other tests.
"""

from __future__ import annotations

import json
import re

import pytest
import requests

from contract import official
from contract.answers import Answer, Once, Watched, Wrong
from contract.shapes import FILE, PREFIX, Shapes, field
from simulator import Simulator
from simulator.endpoints import ENDPOINTS

SHAPES = Shapes()
CALLS = [call for call in SHAPES.calls if call.path.startswith(PREFIX)]
OFFICIAL = official.load()
QUERIES = {
    "/orgs/{orgId}/groups": {"name": "al"},
    "/groups/{groupId}/users": {
        "flattenTeams": "true",
        "includeOrgUsers": "true",
        "orgMembershipStatuses": ["ACTIVE", "PENDING", "INVITATION_EXPIRED", "INVITATION_REJECTED"],
    },
    "/groups/{groupId}/events": {"includeRaw": "true"},
}
READS = [call.path.removeprefix(PREFIX) for call in CALLS if call.method == "GET"]
JSON_TYPES = {"text": "string", "id": "string", "client": "string", "time": "string", "one": "string"} | {
    "count": "integer",
    "whole": "integer",
    "flag": "boolean",
    "list": "array",
    "set": "array",
    "page": "object",
}


# -- the simulator is as described -------------------------------------------------------------------------------------


def test_all_described_calls_are_served_and_no_others():
    assert {call.name for call in CALLS} == {f"{endpoint.method} {PREFIX}{endpoint.path}" for endpoint in ENDPOINTS}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_parameters_and_version(endpoint):
    call = next(call for call in CALLS if call.name == f"{endpoint.method} {PREFIX}{endpoint.path}")
    assert (endpoint.version, endpoint.success) == (call.version, call.status)
    assert endpoint.query == call.asks
    assert endpoint.has_body == (call.sends is not None)


@pytest.fixture
def real_path(sim):
    org = next(iter(sim.world.orgs.values()))
    ids = {
        "orgId": org.id,
        "groupId": sim.project_id("alpha"),
        "groupName": "alpha",
        "userId": sim.user_id("ann@corp.example"),
        "teamId": next(iter(org.teams)),
        "clientId": "mdb_sa_id_1123456789abcdef01234567",
        "invitationId": sim.legacy("alpha")[0]["id"],
    }
    return lambda path: re.sub(r"{(\w+)}", lambda name: ids[name[1]], path)


@pytest.mark.parametrize("path", READS)
def test_answers_of_reads(api, real_path, path):
    api.post("/groups/<alpha>/users/<dan@corp.example>:addRole", groupRole="GROUP_OWNER")  # an event
    api.post(real_path("/orgs/{orgId}/teams/{teamId}:removeUser"), id=api.sim.user_id("ann@corp.example"))  # another
    answer = api.get(real_path(path), **QUERIES.get(path, {}))
    assert answer.status_code == 200
    document = answer.json()
    assert document if isinstance(document, list) else document.get("results", True), "an empty answer proves little"


def test_answers_of_writes(api):
    user = "/groups/<alpha>/users/<dan@corp.example>"
    assert api.post("/groups/<alpha>/users", username="new@corp.example", roles=["GROUP_OWNER"]).status_code == 201
    assert api.post(user + ":addRole", groupRole="GROUP_OWNER").status_code == 200
    assert api.post(user + ":removeRole", groupRole="GROUP_OWNER").status_code == 200
    assert api.delete(user).status_code == 204


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/groups/" + "0" * 24),
        ("GET", "/groups/xyz/users"),
        ("GET", "/orgs/" + "0" * 24),
        ("GET", "/orgs/xyz"),
        ("GET", "/groups/byName/nothing"),
        ("DELETE", "/groups/<alpha>/users/" + "0" * 24),
        ("GET", "/groups/<alpha>/users/xyz"),
        ("GET", "/groups/<alpha>/invites/" + "0" * 24),
    ],
)
def test_answers_for_what_is_not_there(api, method, path):
    assert api.call(method, path).status_code == 404


def test_links_lead_nowhere(api, sim):
    for link in api.get("/groups").json()["links"]:
        assert not link["href"].startswith(sim.url)


# -- an answer that is not as described is found -----------------------------------------------------------------------

USERS = f"{PREFIX}/groups/{'1' * 24}/users"
JSON = {"content-type": "application/json"}
VENDOR = {"content-type": "application/vnd.atlas.2025-02-19+json;charset=utf-8"}
ACTIVE = {
    "id": "a" * 24,
    "username": "ann@corp.example",
    "orgMembershipStatus": "ACTIVE",
    "roles": ["GROUP_OWNER"],
    "createdAt": "2026-01-02T03:04:05Z",
    "firstName": "Ann",
    "lastName": "Abel",
    "mobileNumber": None,
}
PENDING = {
    "id": "b" * 24,
    "username": "pia@partner.example",
    "orgMembershipStatus": "PENDING",
    "roles": ["GROUP_OWNER"],
    "invitationCreatedAt": "2026-01-02T03:04:05Z",
    "inviterUsername": "abcdefgh",
}
REFUSAL = {"error": 404, "errorCode": "USER_NOT_IN_GROUP", "detail": "No.", "reason": None, "parameters": None}


def without(document, name):
    return {key: value for key, value in document.items() if key != name}


def answer(status, document, headers, method="GET", path=USERS, query=""):
    body = b"" if document is None else json.dumps(document).encode()
    return Answer(method, path, query, status, headers, body)


def person(**changes):
    return answer(200, {"results": [{**ACTIVE, **changes}]}, VENDOR)


def refused(status=404, code="USER_NOT_IN_GROUP", headers=None, path=USERS, **changes):
    sent = JSON if headers is None else headers
    return answer(status, {**REFUSAL, **changes}, {**sent, **({"x-error-code": code} if code else {})}, path=path)


@pytest.mark.parametrize(
    "good",
    [
        answer(200, {"results": []}, VENDOR),
        answer(200, {"results": [ACTIVE, PENDING], "totalCount": 0, "links": []}, VENDOR),
        answer(200, {"results": []}, VENDOR, path=USERS + "/"),
        answer(200, {"results": [{**PENDING, "invitationExpiresAt": None}]}, VENDOR),
        answer(200, {"results": [], "status": 200}, VENDOR, query="envelope=true"),
        answer(200, {"content": ACTIVE, "status": 200}, VENDOR, path=f"{USERS}/{'a' * 24}", query="envelope=true"),
        answer(204, None, VENDOR, "DELETE", f"{USERS}/{'a' * 24}"),
        answer(204, None, {}, "DELETE", f"{USERS}/{'a' * 24}"),
        answer(405, None, {}, "PUT"),
        answer(401, None, {}),
        refused(),
        refused(code=None, errorCode=None),
        refused(401, None, error=401),
        refused(path="/api/atlas/v2/nowhere"),
        answer(401, {"error": "invalid_client"}, JSON, "POST", "/api/oauth/token"),
        answer(
            429, {**REFUSAL, "error": 429}, {**JSON, "x-error-code": "USER_NOT_IN_GROUP"}, "POST", "/api/oauth/token"
        ),
    ],
)
def test_good_answers(good):
    SHAPES.check(good)


@pytest.mark.parametrize(
    "bad, sentence",
    [
        (person(id="a" * 23), "id must match"),
        (person(id="a" * 25), "id must match"),
        (person(id="A" * 24), "id must match"),
        (person(username=None), "username must be string"),
        (person(roles="GROUP_OWNER"), "roles must be array"),
        (person(roles=["GROUP_OWNER", "GROUP_OWNER"]), "unique"),
        (person(orgMembershipStatus="GONE"), "orgMembershipStatus must be one of"),
        (person(createdAt="yesterday"), "createdAt must match"),
        (person(surprise=1), "surprise"),
        (person(inviterUsername="ann@corp.example"), "inviterUsername must not be there"),
        (answer(200, {"results": [without(ACTIVE, "createdAt")]}, VENDOR), "createdAt"),
        (answer(200, {"results": [{**PENDING, "firstName": "Pia"}]}, VENDOR), "firstName must not be there"),
        (answer(200, {"results": [without(PENDING, "inviterUsername")]}, VENDOR), "inviterUsername"),
        (answer(200, {"totalCount": 0}, VENDOR), "results"),
        (answer(200, {"results": [], "totalCount": -1}, VENDOR), "totalCount"),
        (answer(200, [], VENDOR), "must be object"),
        (answer(200, {"results": []}, JSON), "application/json is not"),
        (answer(201, {"results": []}, VENDOR), "no such answer"),
        (answer(200, {"results": []}, VENDOR, path=USERS + "//"), "no such answer"),
        (answer(200, {"results": []}, VENDOR, path="/api/atlas/v2/nowhere"), "no such answer"),
        (answer(200, {"results": [], "status": 201}, VENDOR, query="envelope=true"), "the envelope says 201"),
        (answer(204, {}, VENDOR, "DELETE", f"{USERS}/{'a' * 24}"), "nothing should come"),
        (answer(204, None, JSON, "DELETE", f"{USERS}/{'a' * 24}"), "nothing should come"),
        (answer(409, REFUSAL, JSON), "no such refusal"),
        (answer(404, None, {}), "plain JSON"),
        (refused(headers=VENDOR), "plain JSON"),
        (refused(error=403), "the body says 403"),
        (refused(code="OTHER"), "X-Error-Code says OTHER"),
        (refused(code=None), "X-Error-Code says None"),
        (refused(401, "OTHER", error=401), "X-Error-Code says OTHER"),
        (refused(detail=1), "detail must be"),
    ],
)
def test_bad_answers(bad, sentence):
    with pytest.raises(Wrong, match=sentence):
        SHAPES.check(bad)


def test_every_answer_is_looked_at():
    """Also those to another process, and those that a fault then hides from the client."""
    told = []

    class Strict(Simulator):
        around = staticmethod(lambda app: Watched(app, _refuse_all, told.append))

    with Strict("small") as sim:
        sim.fault(503, after_effect=True)
        headers = {"Authorization": "Bearer small-token", "Accept": "application/vnd.atlas.2023-01-01+json"}
        assert requests.get(f"{sim.url}{PREFIX}/groups", headers=headers, timeout=5).status_code == 503
        assert requests.get(f"{sim.url}/_simulator/health", timeout=5).status_code == 200
    assert told == [f"GET {PREFIX}/groups? -> 200: never"]


def test_an_answer_like_a_good_one_is_not_judged_again():
    judged = []
    once = Once(judged.append)
    good = person()
    for one in (good, good, person(createdAt="2025-12-31T23:59:59.999Z")):
        once(one)
    assert judged == [good]
    others = [
        person(createdAt="yesterday"),
        person(createdAt="2025-13-31T23:59:59"),
        person(username="x@corp.example"),
        good._replace(status=201),
        good._replace(method="POST"),
        good._replace(path=USERS + "/"),
        good._replace(query="envelope=true"),
        good._replace(headers=JSON),
    ]
    for one in others:
        once(one)
    assert judged == [good, *others]


def test_what_is_wrong_is_wrong_again():
    once = Once(SHAPES.check)
    for _try in range(2):
        with pytest.raises(Wrong):
            once(person(createdAt="yesterday"))


def _refuse_all(answer):
    raise Wrong("never")


@pytest.mark.parametrize("text", ["text, always", "text, often, both", "text, always, somewhere"])
def test_mistakes_in_fields(text):
    with pytest.raises(ValueError):
        field(text)


def test_a_shape_that_is_not_there(tmp_path):
    text = FILE.read_text(encoding="utf-8").replace("list of tag,", "list of tags,")
    (tmp_path / "shapes.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="No shape is named tags"):
        Shapes(tmp_path / "shapes.yml").matches("project")


# -- the description is a true one: the official ones, where they are there, say the same ------------------------------


def test_calls_are_as_in_the_official_description():
    for description in OFFICIAL:
        for call in CALLS:
            operation = description.operation(call.method, call.path)
            if operation is not None:
                _compare_call(description, call, operation)
    described = {call.name for call in CALLS for found in OFFICIAL if found.operation(call.method, call.path)}
    assert described == ({call.name for call in CALLS} if OFFICIAL else set())


def _compare_call(description, call, operation):
    success = operation["responses"][str(call.status)]
    ((media_type, content),) = success["content"].items()
    assert media_type == f"application/vnd.atlas.{call.version}+json", call.name
    assert description.queries(operation) == call.asks, call.name
    assert ("requestBody" in operation) == (call.sends is not None), call.name
    listed = {int(status) for status in operation["responses"]}
    assert listed - call.refusals - {call.status} == set(), call.name
    if call.answer != "nothing":
        _compare(description, call.answer, content["schema"], call.name)
    if call.sends:
        (body,) = operation["requestBody"]["content"].values()
        _compare(description, call.sends, body["schema"], f"body of {call.name}")


def test_refusals_are_as_in_the_official_description():
    for description in OFFICIAL:
        _compare(description, "refusal", {"$ref": "#/components/schemas/ApiError"}, "refusal")


def _compare(description, kind, schema, where):
    """Our type has to be a kind of the official one, down to the last field."""
    parts = list(description.parts(schema))
    types = {part["type"] for part in parts if "type" in part}
    what, unused, of = kind.partition(" of ")
    if kind == "anything" or not types:
        return
    assert types == {JSON_TYPES.get(what, "object")}, where
    if what in ("list", "set"):
        _compare(description, of, parts[0].get("items", {}), where + "[]")
    elif what == "page":
        _compare_fields(description, SHAPES.fields("page"), parts, where, {"results": f"list of {of}"})
    elif what == "one":
        assert all(set(of.split(" ")) <= set(part["enum"]) for part in parts if "enum" in part), where
    elif what not in JSON_TYPES:
        _compare_fields(description, SHAPES.fields(kind), parts, where, {})
    elif kind == "id":
        assert any(re.search(part["pattern"], "0" * 24) for part in parts), where


def _compare_fields(description, fields, parts, where, instead):
    properties = {name: value for part in parts for name, value in part.get("properties", {}).items()}
    for name, entry in fields.items():
        assert name in properties, f"{where}: {name} is not described"
        _compare(description, instead.get(name, entry.type), properties[name], f"{where}.{name}")
    for name in {name for part in parts for name in part.get("required", ())}:
        # Only a recording may say that something is missing that the documents promise.
        assert name in fields and (fields[name].always or fields[name].recorded), f"{where}: {name} is required"
