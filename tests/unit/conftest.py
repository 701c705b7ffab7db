# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated Atlas, as new for each test, and nothing of the caller's."""

from __future__ import annotations

import importlib
import os
import signal
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest
from model_watch import Watch
from model_worlds import WORLD

from simulator import Simulator


@pytest.fixture(autouse=True)
def no_credentials_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MONGODB_ATLAS_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def as_at_a_terminal():
    """Signals that whoever runs the tests ignores, as nohup does, are not ignored by the modules under test."""
    ignored = [one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses where a service fails; what Atlas asks for is waited for all the same."""
    client = importlib.import_module("ansible_collections.atlasops.access.plugins.module_utils._client")
    atlas = importlib.import_module("ansible_collections.atlasops.access.plugins.module_utils._atlas")
    apply = importlib.import_module("ansible_collections.atlasops.access.plugins.module_utils._apply")
    verify = importlib.import_module("ansible_collections.atlasops.access.plugins.module_utils._verify")
    for module in (client, atlas, apply, verify):
        monkeypatch.setattr(module, "BACKOFF", (0.01, 0.02, 0.03))


@pytest.fixture(scope="session")
def _small():
    with Simulator("small") as sim:
        yield sim


@pytest.fixture
def small(_small: Simulator, quick: None) -> Simulator:
    """The small world, as new."""
    _small.reset()
    return _small


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits where Atlas throttles."""
    client = importlib.import_module("ansible_collections.atlasops.access.plugins.module_utils._client")
    monkeypatch.setattr(client, "THROTTLE_FLOOR", 0.01)


@pytest.fixture(scope="session")
def _model():
    with Simulator(WORLD) as sim:
        yield sim


@pytest.fixture
def in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request after the other, so that what happens between two of them happens again when it is tried again."""
    client = importlib.import_module("ansible_collections.atlasops.access.plugins.module_utils._client").Client
    together = client.together

    def at_once(self: Any, work: Any) -> Any:
        done: Future[Any] = Future()
        try:
            done.set_result(work())
        except Exception as error:  # It is raised where the result is asked for.
            done.set_exception(error)
        return done.result

    monkeypatch.setattr(client, "meanwhile", at_once)
    monkeypatch.setattr(
        client, "together", lambda self, work, items: [together(self, work, [item])[0] for item in items]
    )


@pytest.fixture
def model(_model: Simulator, quick: None, hasty: None, in_turn: None, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The world of the model test, watched around each request."""
    client = importlib.import_module("ansible_collections.atlasops.access.plugins.module_utils._client").Client
    send = client._send

    def watched(self: Any, method: str, path: str, *rest: Any, **named: Any) -> Any:
        return Watch.current.around(method, path, partial(send, self, method, path, *rest, **named))

    monkeypatch.setattr(client, "_send", watched)
    return _model
