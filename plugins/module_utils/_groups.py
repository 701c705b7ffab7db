# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings as a person reads them: those of one action and reason together, each person once.

Pure: no I/O, no Ansible. It judges a document as it is read from a file. Private to this collection.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Dict, List, Mapping, Sequence, Tuple

Row = Dict[str, Any]

# What is planned, what a person has to decide, and what is as somebody wanted it.
DUE, DECIDE, EXPECTED = "due", "decide", "expected"
# So many findings are grouped; the tables hold all.
MOST = 2000

_ORDER = ("remove", "revoke", "add", "report")
_NUMBERS = re.compile(r"\b[\d,]+ days?\b|\b\d{4}-\d\d-\d\d\b")
_PROTECTED = "is protected, so left alone"


def groups(document: Mapping[str, Any]) -> List[Row]:
    """The findings of a document, grouped: what is due first, then what is to be decided, then what is expected."""
    ends = _ends(document)
    due = {_account(step) for step in document.get("steps") or ()}
    found: Dict[Tuple[Any, ...], List[Row]] = {}
    for row in (document.get("findings") or ())[:MOST]:
        part = EXPECTED if _PROTECTED in row["reasons"] else DUE if _account(row) in due else DECIDE
        reasons = tuple(_NUMBERS.sub(_general, reason) for reason in row["reasons"])
        found.setdefault((part, row["action"], tuple(row["rules"]), reasons), []).append(row)
    parts = (DUE, DECIDE, EXPECTED)
    order = sorted(found, key=lambda key: (parts.index(key[0]), _ORDER.index(key[1]), -len(found[key]), key))
    return [_group(key, found[key], ends) for key in order]


def _group(key: Tuple[Any, ...], rows: Sequence[Row], ends: Mapping[Tuple[str, str], List[Row]]) -> Row:
    part, action, rules, reasons = key
    users: Dict[str, Dict[Tuple[Any, ...], List[str]]] = {}
    taken: List[Row] = []
    for row in rows:
        mine = ends.get(_account(row), [])
        taken += mine
        users.setdefault(row["user"], {}).setdefault(_same(row, mine), []).append(row["project"])
    times = sorted(one["at"] for one in taken if one.get("at"))
    return {
        "part": part,
        "action": action,
        "rules": list(rules),
        "reasons": list(reasons),
        "findings": len(rows),
        "ends": dict(Counter(_end(one) for one in taken)),
        "times": [times[0], times[-1]] if times else [],
        "people": [
            {"user": user, "places": [_place(told, projects) for told, projects in places.items()]}
            for user, places in sorted(users.items())
        ],
    }


def _same(row: Row, ends: Sequence[Row]) -> Tuple[Any, ...]:
    """What is said once of all the projects that share it."""
    details = tuple(told for reason in row["reasons"] for told in _NUMBERS.findall(reason))
    ways = tuple((way["via"], way["name"], tuple(way["roles"])) for way in row["residual_access"])
    return (
        row["status"] if row["status"] not in ("ACTIVE", None) else "",
        tuple(row["roles"]),
        details,
        ways,
        tuple(sorted({_end(one) for one in ends})),
    )


def _place(told: Tuple[Any, ...], projects: List[str]) -> Row:
    status, roles, details, ways, ends = told
    return {
        "projects": projects,
        "status": status,
        "roles": list(roles),
        "details": list(details),
        "ways": [{"via": via, "name": name, "roles": list(given)} for via, name, given in ways],
        "ends": list(ends),
    }


def _ends(document: Mapping[str, Any]) -> Dict[Tuple[str, str], List[Row]]:
    """What came of the steps of each membership; nothing where nothing was to be tried."""
    if document.get("blocked") or document["mode"] == "review":
        return {}
    found: Dict[Tuple[str, str], List[Row]] = {}
    for row in document.get("actions") or ():
        found.setdefault(_account(row), []).append(row)
    return found


def _end(row: Row) -> str:
    """As the report words it: the status, and the verdict of what was read again."""
    return f"{row['status']} {row['verified']}" if row.get("verified") else str(row["status"])


def _account(row: Row) -> Tuple[str, str]:
    return str(row["project_id"]), str(row["user_id"] or row["user"]).lower()


def _general(found: "re.Match[str]") -> str:
    return "N days" if found[0].endswith(("day", "days")) else "a date"
