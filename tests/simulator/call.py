# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a handler gets to work with, and the parameters that many resources share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, TypeVar

from .errors import ApiError, bad_request
from .faults import MAX_PAGE, Fault
from .service import Service
from .views import Document, links
from .world import STATUSES, VISIBLE_STATUSES, Credential, Organization, Project, User

ID = re.compile(r"^[a-f0-9]{24}$")
SHORT_PAGE = 2
Item = TypeVar("Item")


@dataclass
class Call:
    """One request after authentication."""

    service: Service
    credential: Credential
    path: str
    params: dict[str, str]
    query_string: bytes
    query: dict[str, list[str]]
    now: float
    client: str
    body: Document = field(default_factory=dict)
    paging: Optional[Fault] = None
    target_project: Optional[Project] = None
    target_org: Optional[Organization] = None

    @property
    def project(self) -> Project:
        assert self.target_project is not None
        return self.target_project

    @property
    def org(self) -> Organization:
        assert self.target_org is not None
        return self.target_org

    def text(self, name: str) -> str | None:
        return self.query[name][-1] if name in self.query else None

    def flag(self, name: str, default: bool = False) -> bool:
        text = self.text(name)
        if text is None:
            return default
        if text not in ("true", "false"):
            raise bad_request("INVALID_QUERY_PARAMETER", f"Query parameter {name} must be true or false.", name)
        return text == "true"

    def number(self, name: str, default: int, most: int | None) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or int(text) < 1 or (most and int(text) > most):
            raise bad_request("INVALID_QUERY_PARAMETER", f"Query parameter {name} is out of range: {text}.", name)
        return int(text)

    def statuses(self) -> Sequence[str]:
        """Which people are asked for; expired and rejected ones only when they are named."""
        many, one = self.query.get("orgMembershipStatuses"), self.text("orgMembershipStatus")
        if many and one:
            raise bad_request(
                "MUTUALLY_EXCLUSIVE_QUERY_PARAMETERS",
                "Only one of orgMembershipStatus and orgMembershipStatuses may be given.",
            )
        wanted = many or ([one] if one else VISIBLE_STATUSES)
        if len(wanted) > len(STATUSES):
            raise bad_request(
                "INVALID_QUERY_PARAMETER",
                f"Query parameter orgMembershipStatuses has more than {len(STATUSES)} values.",
                "orgMembershipStatuses",
            )
        for status in wanted:
            if status not in STATUSES:
                raise bad_request("INVALID_ENUM_VALUE", f"{status} is no membership status.", status)
        return wanted

    def name_filter(self) -> Callable[[User], bool]:
        wanted = self.text("username")
        if wanted is None:
            return lambda user: True
        if self.service.knobs.username_filter == "any-case":
            folded = wanted.lower()
            return lambda user: user.username.lower() == folded
        return lambda user: user.username == wanted

    def in_order(self, people: list[Item], username: Callable[[Item], str]) -> list[Item]:
        return people if self.service.knobs.people_order == "unsorted" else sorted(people, key=username)

    def page(self, items: Sequence[Item], view: Callable[[Item], Any], feed: bool = False) -> Document:
        """The page of `items` that was asked for; `feed` says that it is of the activity feed."""
        number = self.number("pageNum", 1, None)
        size = self.number("itemsPerPage", 100, MAX_PAGE)
        rows, more = self._rows(items, number, size)
        document: Document = {
            "links": links(f"{self.path}?pageNum={number}&itemsPerPage={size}"),
            "results": [view(item) for item in rows],
        }
        if more:
            document["links"] += links(f"{self.path}?pageNum={number + 1}&itemsPerPage={size}", "next")
        total = self._total(len(items), feed)
        if total is not None:
            document["totalCount"] = total
        return document

    def _rows(self, items: Sequence[Item], number: int, size: int) -> tuple[Sequence[Item], bool]:
        """The rows of a page, and whether another one follows; a fault may shorten, double or move them."""
        kind = self.paging.value if self.paging else None
        if self.paging:
            size = min(size, self.paging.details.get("rows", SHORT_PAGE if kind == "short" else size))
        start = (number - 1) * size
        if kind == "doubled" and number > 1:
            start -= 1
        rows = items[start : start + size]
        if kind == "moving" and number > 1 and rows:
            # The row that was due here moved up to the page before, which was read already, and pushed another down.
            rows = [items[start - 1], *rows[1:]]
        return rows, start + size < len(items)

    def _total(self, count: int, feed: bool) -> int | None:
        knobs = self.service.knobs
        if knobs.total_count == "absent":
            return None
        if self.flag("includeCount", True):
            return {"low": count // 2, "high": count + 7}.get(knobs.total_count, count)
        return 0 if knobs.uncounted == "zero" or (feed and knobs.uncounted == "recorded") else None

    def listing_key(self) -> tuple[Any, ...]:
        """What a listing depends on besides the state; a kept page is as good as a new one where this is equal."""
        knobs = self.service.knobs
        shown = (knobs.username_filter, knobs.flattened_roles, knobs.total_count, knobs.uncounted, knobs.people_order)
        return (self.query_string, *shown)

    def id_param(self, name: str, code: str) -> str:
        value = self.params[name]
        if not ID.match(value):
            raise ApiError(404, code, f"An invalid id was specified: {value}.", [value])
        return value

    def actor(self) -> Document:
        """Who did it, as events tell."""
        if self.credential.kind == "api_key":
            return {"publicKey": self.credential.id}
        return {"userId": self.credential.id.rpartition("_")[2], "username": self.credential.id}


Handler = Callable[[Call], Any]
