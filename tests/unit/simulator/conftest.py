# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulator of the small world, and a client whose answers are all held against the official schema."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

TESTS = Path(__file__).resolve().parents[2]
SCHEMA = TESTS.parents[1] / "shared" / "reference" / "atlas-openapi.json"
sys.path.insert(0, str(TESTS))

from simulator import Simulator  # noqa: E402
from simulator.endpoints import ENDPOINTS, PREFIX  # noqa: E402

USERS = "application/vnd.atlas.2025-02-19+json"
FIRST = "application/vnd.atlas.2023-01-01+json"
# Statuses that any operation may answer though the schema lists them nowhere: versions, media types.
UNLISTED = {400, 406, 410, 415}


class Schema:
    """The official schema: does an answer look like one of that operation?"""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self._paths = {re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$"): path for path in spec["paths"]}

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Fixed segments win over parameters: /groups/byName/x is no /groups/{id}/..."""
        found = [
            template
            for pattern, template in self._paths.items()
            if pattern.match(path) and method.lower() in self.spec["paths"][template]
        ]
        if not found:
            return None
        operation: dict[str, Any] = self.spec["paths"][min(found, key=lambda path: path.count("{"))][method.lower()]
        return operation

    def check(self, answer: requests.Response) -> None:
        request = answer.request
        operation = self.operation(str(request.method), requests.utils.urlparse(request.url).path)
        if operation is None:
            return
        described = operation["responses"].get(str(answer.status_code))
        assert described or answer.status_code in UNLISTED, f"{answer.status_code} is not in the schema"
        if answer.status_code == 204:
            assert answer.content == b""
            assert answer.headers["content-type"] in {f"{name};charset=utf-8" for name in described["content"]}
            return
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/json"
            self.validate({"$ref": "#/components/schemas/ApiError"}, answer.json())
            code = None if "www-authenticate" in answer.headers else answer.json()["errorCode"]
            assert answer.headers.get("x-error-code") == code
            return
        ((media_type, content),) = described["content"].items()
        assert answer.headers["content-type"] == f"{media_type};charset=utf-8"
        self.validate(content["schema"], answer.json())

    def validate(self, schema: dict[str, Any], document: Any) -> None:
        jsonschema = pytest.importorskip("jsonschema")
        whole = {**schema, "components": self.spec["components"]}
        jsonschema.Draft4Validator(whole).validate(_without_nulls(document))


def _without_nulls(document: Any) -> Any:
    """The texts of the schema call some fields nullable, and recorded answers have nulls; its types do not say so."""
    if isinstance(document, dict):
        return {key: _without_nulls(value) for key, value in document.items() if value is not None}
    return [_without_nulls(entry) for entry in document] if isinstance(document, list) else document


@pytest.fixture(scope="session")
def optional_schema() -> Schema | None:
    if not SCHEMA.exists():
        return None
    # Python knows no \p{L}; and the manual allows spaces in names, which the pattern forgets.
    text = SCHEMA.read_text(encoding="utf-8").replace(r"\\p{L}\\p{N}", r"\\w ")
    return Schema(json.loads(text))


@pytest.fixture
def schema(optional_schema: Schema | None) -> Schema:
    if optional_schema is None:
        pytest.skip(f"The official schema is not here: {SCHEMA}")
    return optional_schema


class Client:
    """Requests with the right version of every resource, named by what comes after the prefix."""

    def __init__(self, sim: Simulator, schema: Schema | None, token: str = "small-token") -> None:
        self.sim = sim
        self._schema = schema
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def as_(self, token: str) -> Client:
        return Client(self.sim, self._schema, token)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """`<alpha>` in a path is the id of a project, `<ann@corp.example>` of a person."""
        path = re.sub("<(.+?)>", lambda named: self._id(named[1]), path)
        headers = {"Accept": _media_type(method, path), **options.pop("headers", {})}
        if "json" in options:
            headers.setdefault("Content-Type", USERS)
        answer = self.session.request(
            method, self.sim.url + PREFIX + path, headers=headers, timeout=5, allow_redirects=False, **options
        )
        if self._schema and not any(request.fault for request in self.sim.requests[-1:]):
            self._check(answer)
        return answer

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.call("GET", path, params=query)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)

    def post(self, path: str, **body: Any) -> requests.Response:
        return self.call("POST", path, json=body)

    def users(self, project: str = "alpha", **query: Any) -> dict[str, list[str]]:
        """Username -> roles of a listing."""
        answer = self.get(f"/groups/<{project}>/users", **query)
        assert answer.status_code == 200, answer.text
        return {row["username"]: sorted(row["roles"]) for row in answer.json()["results"]}

    def _id(self, name: str) -> str:
        return self.sim.user_id(name) if "@" in name else self.sim.project_id(name)

    def _check(self, answer: requests.Response) -> None:
        """Answers without an errorCode are checked where they are tested."""
        if answer.status_code < 400 or "errorCode" in answer.json():
            self._schema.check(answer)


def _media_type(method: str, path: str) -> str:
    for endpoint in ENDPOINTS:
        if endpoint.method == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", endpoint.path), path):
            return f"application/vnd.atlas.{endpoint.version}+json"
    return USERS


@pytest.fixture(scope="session")
def shared_sim() -> Iterator[Simulator]:
    with Simulator("small") as sim:
        yield sim


@pytest.fixture
def sim(shared_sim: Simulator) -> Simulator:
    shared_sim.reset()
    return shared_sim


@pytest.fixture
def api(sim: Simulator, optional_schema: Schema | None) -> Iterator[Client]:
    client = Client(sim, optional_schema)
    yield client
    client.session.close()


@pytest.fixture
def client_for(optional_schema: Schema | None) -> Callable[[Simulator, str], Client]:
    """For a simulator of a test's own."""
    return lambda sim, token: Client(sim, optional_schema, token)


@pytest.fixture
def code_of() -> Callable[[requests.Response], tuple[int, str | None]]:
    return lambda answer: (answer.status_code, answer.json().get("errorCode"))
