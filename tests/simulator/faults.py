# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted faults: which request is hit, and what goes wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Union

KINDS = (
    "status",
    "html",
    "garbage",
    "shape",
    "empty",
    "cut_before",
    "cut_after",
    "hang",
    "cut_mid_body",
    "expire_token",
    "redirect",
    "page",
)
PAGES = ("short", "moving", "doubled")
MAX_PAGE = 500
SHAPES: dict[str, Any] = {
    "list": [],
    "string": "surprise",
    "null": None,
    "no_results": {"links": [], "totalCount": 1},
    "results_string": {"links": [], "results": "surprise", "totalCount": 1},
    "results_null": {"links": [], "results": None},
    "results_of_strings": {"links": [], "results": ["surprise"], "totalCount": 1},
    "member_without_id": {
        "links": [],
        "totalCount": 1,
        "results": [{"username": "nobody@corp.example", "orgMembershipStatus": "ACTIVE", "roles": ["GROUP_OWNER"]}],
    },
    "member_without_roles": {
        "links": [],
        "totalCount": 1,
        "results": [{"id": "0" * 24, "username": "nobody@corp.example", "orgMembershipStatus": "ACTIVE"}],
    },
    "roles_string": {
        "links": [],
        "totalCount": 1,
        "results": [
            {"id": "0" * 24, "username": "nobody@corp.example", "orgMembershipStatus": "ACTIVE", "roles": "GROUP_OWNER"}
        ],
    },
}
DEFAULT_VALUES: dict[str, Any] = {
    "status": 503,
    "html": 503,
    "shape": "list",
    "hang": 60.0,
    "redirect": 302,
    "page": "short",
}
DETAILS = ("errorCode", "detail", "body", "headers", "location", "rows")
MATCHES = ("method", "path", "nth", "times", "after_effect")
What = Union[str, int, dict[str, Any]]


@dataclass
class Fault:
    kind: str
    value: Any
    details: dict[str, Any]
    method: str | None = None
    path: re.Pattern[str] | None = None
    nth: int = 1
    times: int | None = 1
    after_effect: bool = False
    seen: int = 0

    def hits(self, method: str, path: str) -> bool:
        """Whether this request is one of those to hit; every request that matches is counted."""
        if self.method not in (None, method) or (self.path and not self.path.search(path)):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)


def parse(what: What, **match: Any) -> Fault:
    """`503`, `"cut_after"`, `{"hang": 5}`, `{"status": 500, "errorCode": "UNEXPECTED_ERROR", "headers": {...}}`.

    `{"page": "short"}` leaves the answer true but for its page, which has at most 2 rows (`rows` says how many).
    `doubled`: every later page begins with the last row of the one before. `moving`: so does it, in place of its own
    first row, which nobody gets to see. These hold for every page until they are cleared; only rows that move may
    do so once, between the first two pages of one reading: `nth=2, times=1`.
    """
    given = {"status": what} if isinstance(what, int) else {what: None} if isinstance(what, str) else dict(what)
    kinds = [name for name in given if name in KINDS]
    unknown = set(given) - set(KINDS) - set(DETAILS) | set(match) - set(MATCHES)
    if len(kinds) != 1 or unknown:
        raise ValueError(
            f"A fault has one of {', '.join(KINDS)}, details {', '.join(DETAILS)}, "
            f"and matches by {', '.join(MATCHES)}; not {what!r} {match!r}"
        )
    kind = kinds[0]
    value = DEFAULT_VALUES.get(kind) if given[kind] in (None, True) else given[kind]
    if kind == "shape" and value not in SHAPES:
        raise ValueError(f"A shape is one of {', '.join(SHAPES)}, not {value!r}")
    if kind == "page":
        if value not in PAGES or given.get("rows", 1) not in range(1, MAX_PAGE + 1):
            raise ValueError(f"A page is one of {', '.join(PAGES)}, with 1 to {MAX_PAGE} rows, not {what!r}")
        match.setdefault("times", None)
    path = match.pop("path", None)
    return Fault(
        kind,
        value,
        {name: given[name] for name in DETAILS if name in given},
        path=re.compile(path) if path else None,
        **match,
    )


class Faults:
    def __init__(self) -> None:
        self.scripted: list[Fault] = []

    def add(self, what: What, **match: Any) -> Fault:
        fault = parse(what, **match)
        self.scripted.append(fault)
        return fault

    def clear(self) -> None:
        self.scripted.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """The fault that hits this request: the first in the script, where several do."""
        hitting = [fault for fault in self.scripted if fault.hits(method, path)]
        return hitting[0] if hitting else None
