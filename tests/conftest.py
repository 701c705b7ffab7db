# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a test is about: all that the simulated Atlas answers in it has the shape of what Atlas answers."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from contract import official
from contract.answers import Answer, Once, Watched
from contract.shapes import Shapes
from simulator import Simulator

ROOT = Path(__file__).resolve().parents[1]
DESCRIPTIONS = (Shapes(), *official.load())
WRONG: list[str] = []


def pytest_sessionstart() -> None:
    """A collection of that name elsewhere on the path would be tested instead, and pass."""
    found = importlib.util.find_spec("ansible_collections.atlasops.access.plugins.module_utils._access")
    where = Path(found.origin).resolve().parents[2] if found and found.origin else None
    if where != ROOT:
        pytest.exit(f"These are the tests of {ROOT}, but Python would import {where}: use this clone's .venv.", 4)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors, for some tests wait most of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What `-m "not thorough"` leaves out is not made: making thousands of tests takes longer than running hundreds."""
    if "not thorough" in metafunc.config.option.markexpr.split(" and "):
        metafunc.definition.own_markers[:] = map(without_thorough, metafunc.definition.own_markers)


def without_thorough(mark: pytest.Mark) -> pytest.Mark:
    if mark.name != "parametrize":
        return mark
    names, values = mark.args
    kept = [value for value in values if "thorough" not in {one.name for one in getattr(value, "marks", ())}]
    return pytest.mark.parametrize(names, kept or values, **mark.kwargs).mark


def judge(answer: Answer) -> None:
    for description in DESCRIPTIONS:
        description.check(answer)


once = Once(judge)


def watched(app: ASGIApp) -> ASGIApp:
    return Watched(app, once, WRONG.append)


Simulator.around = staticmethod(watched)


@pytest.fixture(autouse=True)
def answers_have_their_shape() -> Iterator[None]:
    yield
    found = WRONG.copy()
    WRONG.clear()
    assert not found, "\n".join(found)
