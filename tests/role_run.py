# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the role left: its directory, its document, its words."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path

LEAVERS = ["dana.field@corp.example", "omar.reyes@corp.example"]
STATUSES = ("done", "failed", "skipped", "not_tried", "unknown")


def runs(home: Path, name: str = "evidence") -> list[Path]:
    """The directories of the runs, the oldest first."""
    return sorted(path for path in (home / name).iterdir() if not path.is_symlink())


def evidence(home: Path, name: str = "evidence"):
    """The document and the actions of the newest run; the checksums and the sum of all steps are checked on the way."""
    directory = runs(home, name)[-1]
    assert (home / name / "latest").resolve() == directory.resolve()
    sums = [line.split("  ") for line in (directory / "SHA256SUMS").read_text().splitlines()]
    assert {file for _digest, file in sums} == {path.name for path in directory.iterdir()} - {"SHA256SUMS"}
    for digest, file in sums:
        assert hashlib.sha256((directory / file).read_bytes()).hexdigest() == digest, file
    document = json.loads((directory / "review.json").read_text())
    counts = (document["verification"] or {"counts": {}})["counts"]
    if document["mode"] == "clean-up" and counts and not document["blocked"]:
        assert counts["planned"] == len(document["steps"]) == sum(counts[one] for one in STATUSES)
    table = directory / "actions.csv"
    return document, list(csv.DictReader(table.read_text().splitlines())) if table.exists() else []


def files(home: Path, name: str = "evidence") -> dict[Path, bytes]:
    return {path: path.read_bytes() for run in runs(home, name) for path in run.iterdir()}


def members(sim):
    return {(project, user.lower()) for project, found in sim.state().items() for user in found}


def words(ended) -> str:
    """What was printed, without its line breaks and the quotes that YAML doubles."""
    return " ".join(ended.stdout.replace("''", "'").split())


def warned(ended) -> set[str]:
    """The warnings, without the place in a file that newer Ansible names."""
    blocks = re.findall(
        r"\[WARNING\]: (.*?)(?:\n\n|\nOrigin|\n(?=\S*\[|ok:|changed:|skipping:|TASK|PLAY))", ended.stdout, re.S
    )
    return {" ".join(block.split()) for block in blocks}


def statistics(ended) -> dict:
    """What workflows and notifications are told."""
    return json.loads(re.search(r"RUN: (\{.*\})", ended.stdout)[1])
