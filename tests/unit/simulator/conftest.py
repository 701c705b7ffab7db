# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulator of the small world, and a client that knows the version of every resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator import Simulator
from simulator.endpoints import ENDPOINTS, PREFIX

USERS = "application/vnd.atlas.2025-02-19+json"
FIRST = "application/vnd.atlas.2023-01-01+json"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("simulator")


class Client:
    """Requests with the right version of every resource, named by what comes after the prefix."""

    def __init__(self, sim: Simulator, token: str = "small-token") -> None:
        self.sim = sim
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def as_(self, token: str) -> Client:
        return Client(self.sim, token)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """`<alpha>` in a path is the id of a project, `<ann@corp.example>` of a person."""
        path = re.sub("<(.+?)>", lambda named: self._id(named[1]), path)
        headers = {"Accept": _media_type(method, path), **options.pop("headers", {})}
        if "json" in options:
            headers.setdefault("Content-Type", USERS)
        return self.session.request(
            method, self.sim.url + PREFIX + path, headers=headers, timeout=5, allow_redirects=False, **options
        )

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
def api(sim: Simulator) -> Iterator[Client]:
    client = Client(sim)
    yield client
    client.session.close()


@pytest.fixture
def client_for() -> Callable[[Simulator, str], Client]:
    """For a simulator of a test's own."""
    return Client


@pytest.fixture
def code_of() -> Callable[[requests.Response], tuple[int, str | None]]:
    return lambda answer: (answer.status_code, answer.json().get("errorCode"))
