# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a review leaves behind for people to read: tables, one JSON document, checksums.

Files go into one directory, readable by their owner alone: they name people. Knows nothing of Ansible or HTTP.
Private to this collection.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from datetime import datetime
from functools import lru_cache
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Tuple

from ._access import Entry, Way, folded, idle_days
from ._policy import Reviewed

POPULATION, FINDINGS, ACTIONS = "population.csv", "findings.csv", "actions.csv"
REVIEW, DONE, REPORT, SUMS = "review.json", "actions.json", "review.html", "SHA256SUMS"
SEALED = (ACTIONS, DONE, FINDINGS, POPULATION, REPORT, REVIEW)

Row = Dict[str, Any]


# --- tables ----------------------------------------------------------------------------------------------------------

POPULATION_COLUMNS = (
    "project project_id user user_id status roles via last_auth idle_days created_at invitation_created_at "
    "invitation_expires_at inviter"
).split()
FINDING_COLUMNS = "project project_id user user_id status action roles rules reasons residual_access".split()
ACTION_COLUMNS = "project project_id user user_id action roles status error verified event_ids".split()


def population(reviewed: Iterable[Reviewed], now: datetime) -> Iterator[Sequence[Any]]:
    """Everybody who gets into a project in scope, a row for each person and project."""
    for one in reviewed:
        name = harmless(one.project.name)
        for member, ways in sorted(one.entries.values(), key=_by_email):
            yield (
                name,
                one.project.id,
                harmless(member.user),
                member.user_id,
                member.status,
                _roles_text(member.roles),
                _ways_text(ways),
                member.last_auth,
                idle_days(member, now),
                member.created_at,
                member.invitation_created_at,
                member.invitation_expires_at,
                harmless(member.inviter),
            )


def _by_email(entry: Entry) -> Tuple[str, str]:
    return folded(entry.member.user), str(entry.member.user_id)


# People and the ways in are many, distinct ones are few: what is made of those is kept.
@lru_cache(maxsize=10_000)
def _roles_text(roles: FrozenSet[str]) -> str:
    return ";".join(sorted(roles))


@lru_cache(maxsize=10_000)
def _ways_text(ways: Tuple[Way, ...]) -> str:
    return ";".join(map(_way_text, ways))


def _way_text(way: Way) -> str:
    return way.kind if way.kind == "direct" else f"{way.kind} {way.name or ''} ({','.join(sorted(way.roles))})"


def finding_cells(row: Row) -> Sequence[Any]:
    """A finding's row in the order of FINDING_COLUMNS."""
    residual = (f"{way['via']} {way['name'] or ''} ({','.join(way['roles'])})" for way in row["residual_access"])
    joined = {name: ";".join(row[name]) for name in ("roles", "rules", "reasons")}
    cells = {**row, **joined, "residual_access": ";".join(residual)}
    return [harmless(cells[name]) for name in FINDING_COLUMNS]


def action_cells(row: Row) -> Sequence[Any]:
    """An action's row in the order of ACTION_COLUMNS."""
    error = row.get("error") or {}
    said = " ".join(str(error[name]) for name in ("status", "code", "detail") if error.get(name))
    joined = {name: ";".join(row.get(name) or []) for name in ("roles", "event_ids")}
    cells = {**row, **joined, "error": said}
    return [harmless(cells.get(name)) for name in ACTION_COLUMNS]


def harmless(cell: Any) -> Any:
    """A cell of text from outside that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return "'" + cell if isinstance(cell, str) and cell[:1] in _FORMULA else cell


_FORMULA = frozenset("=+-@\t\r\n")


# --- files -----------------------------------------------------------------------------------------------------------


def write_table(directory: str, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a CSV file of harmless cells; returns its path."""
    path = os.path.join(directory, name)
    with _create(path, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def write_document(directory: str, name: str, document: Row) -> str:
    """Write a JSON file, with a line for each row of its lists; returns its path."""
    path = os.path.join(directory, name)
    with _create(path) as file:
        file.write("{\n")
        for number, (key, value) in enumerate(document.items()):
            file.write(f"{',' if number else ''}{json.dumps(key)}: ")
            if isinstance(value, list):
                lines = (json.dumps(row, ensure_ascii=False) for row in value)
                file.write("[")
                file.writelines(_joined(lines))
                file.write("]\n")
            else:
                file.write(json.dumps(value, ensure_ascii=False) + "\n")
        file.write("}\n")
    return path


def write_rows(path: str, rows: Iterable[Row]) -> None:
    """Write a JSON list with a line for each row, in one move: a file of that name is whole before and after."""
    fresh = f"{path}.{os.getpid()}"
    with _create(fresh) as file:
        file.write("[")
        file.writelines(_joined(json.dumps(one, ensure_ascii=False) for one in rows))
        file.write("\n]\n")
    os.replace(fresh, path)


def _joined(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{',' if number else ''}\n{line}"


def read_document(directory: Optional[str], name: str) -> Any:
    """A JSON file of the directory, or None if there is none that can be read."""
    try:
        with open(os.path.join(directory or "", name), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def reviewed_steps(directory: Optional[str], digest: str) -> Optional[List[Row]]:
    """The steps of the plan of this digest, if the directory still holds its review."""
    review = read_document(directory, REVIEW)
    if not digest or not isinstance(review, dict) or review.get("plan_digest") != digest:
        return None
    steps: List[Row] = review.get("steps", [])
    return steps


def seal(directory: str) -> str:
    """Write the checksums of the files that are there, as sha256sum does; returns the path."""
    path = os.path.join(directory, SUMS)
    lines = []
    for name in SEALED:
        try:
            with open(os.path.join(directory, name), "rb") as file:
                digest = hashlib.sha256()
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
                lines.append(f"{digest.hexdigest()}  {name}\n")
        except FileNotFoundError:
            continue
    with _create(path) as file:
        file.writelines(lines)
    return path


def _create(path: str, newline: Optional[str] = None) -> Any:
    # Surrogates, which JSON may carry, have no place in UTF-8.
    return open(
        path,
        "w",
        encoding="utf-8",
        errors="replace",
        newline=newline,
        opener=lambda name, flags: os.open(name, flags, 0o600),
    )


def write_review(directory: str, review: Row, reviewed: Sequence[Reviewed], now: datetime) -> List[str]:
    """Write the files of a review; returns their paths. Creates the directory."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    return [
        write_table(directory, POPULATION, POPULATION_COLUMNS, population(reviewed, now)),
        write_table(directory, FINDINGS, FINDING_COLUMNS, map(finding_cells, review["findings"])),
        write_document(directory, REVIEW, review),
        seal(directory),
    ]


def write_actions(directory: str, review: Row) -> List[str]:
    """Write what was done and verified; returns the paths."""
    return [
        write_table(directory, ACTIONS, ACTION_COLUMNS, map(action_cells, review["actions"])),
        write_document(directory, REVIEW, review),
        seal(directory),
    ]
