# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs wrote down, held against the writes that the simulated Atlas saw."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

_WRITE = re.compile(r"/groups/([0-9a-f]{24})/users/([0-9a-f]{24})(?::(addRole|removeRole))?$")
_ACTIONS = {"addRole": "grant", "removeRole": "revoke", None: "remove"}
STATUSES = ("done", "failed", "skipped", "not_tried", "unknown")


class Mark(NamedTuple):
    """A step, as far as a path tells it: no test here takes two roles from somebody in one project."""

    project_id: str
    user_id: str
    action: str


def mark(row: dict[str, Any]) -> Mark:
    return Mark(row["project_id"], row["user_id"], row["action"])


def written(sim: Any) -> Counter[Mark]:
    """The writes that took effect."""
    found = (_WRITE.search(one.path) for one in sim.writes if 200 <= one.status < 300)
    return Counter(Mark(one[1], one[2], _ACTIONS[one[3]]) for one in found if one)


class Notes(NamedTuple):
    """What journals tell together: the steps that began, by their own work ended well, and did not end."""

    began: Counter[Mark]
    done: Counter[Mark]
    open: Counter[Mark]


def journals(directories: Iterable[Path]) -> Notes:
    """Of journals as they lie there, read without the collection's own code."""
    notes = Notes(Counter(), Counter(), Counter())
    for directory in directories:
        state: dict[Mark, str] = {}
        for line in _lines(directory / "actions.jsonl"):
            if line["event"] == "interrupted":
                continue
            key = mark(line["row"])
            if line["event"] == "start":
                notes.began[key] += 1
                state[key] = "open"
            elif line["status"] == "done" and line["why"] is None:
                state[key] = "done"
            elif line["status"] != "done" or key in state:
                state[key] = "not done"
        for key, how in state.items():
            if how != "not done":
                (notes.done if how == "done" else notes.open)[key] += 1
    return notes


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            assert line == "" or '{"event": "'.startswith(line[:11]), line


def accounted(sim: Any, directories: Iterable[Path]) -> None:
    """Every write is on record before it was sent, and none is told that did not happen."""
    wrote, notes = written(sim), journals(directories)
    for key, times in wrote.items():
        assert times <= notes.began[key], ("written and not on record", key)
        assert times == 1, ("written twice", key)
        assert times <= notes.done[key] + notes.open[key], ("written, and told as not done", key)
    for key, times in notes.done.items():
        assert times <= wrote[key], ("told as done, and never written", key)


def whole(directory: Path) -> dict[str, Any]:
    """The document of a run that ended: its checksums fit, its steps add up, and its tables say what it says."""
    for line in (directory / "SHA256SUMS").read_text().splitlines():
        total, name = line.split("  ", 1)
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == total, name
    document: dict[str, Any] = json.loads((directory / "review.json").read_text())
    steps = document["steps"]
    if document["verification"] and document["mode"] == "clean-up":
        counts = document["verification"]["counts"]
        assert counts["planned"] == len(steps) == sum(counts[one] for one in STATUSES)
    if (directory / "actions.csv").exists():
        rows = list(csv.DictReader((directory / "actions.csv").read_text().splitlines()))
        assert [row["status"] for row in rows] == [one["status"] for one in document["actions"]]
    return document


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def restorable(directories: Iterable[Path]) -> set[tuple[str, str]]:
    """The project ids and users that what undoes the runs would bring back."""
    found = set()
    for path in (directory / "restore.yml" for directory in directories):
        if path.exists():
            rows = yaml.load(path.read_text(), Loader=_Loader)["memberships"]  # noqa: S506
            found |= {(row["project_id"], row["user"]) for row in rows}
    return found
