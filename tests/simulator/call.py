# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a handler gets to work with, and the parameters that many resources share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, TypeVar

from .errors import ApiError, bad_request
from .service import Service
from .views import Document, links
from .world import STATUSES, VISIBLE_STATUSES, Credential, Organization, Project, User

ID = re.compile(r"^[a-f0-9]{24}$")
MAX_PAGE = 500
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
        allowed = VISIBLE_STATUSES if one else STATUSES
        for status in wanted:
            if status not in allowed:
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

    def page(self, items: Sequence[Item], view: Callable[[Item], Any]) -> Document:
        """The page of `items` that was asked for."""
        number = self.number("pageNum", 1, None)
        size = self.number("itemsPerPage", 100, MAX_PAGE)
        start = (number - 1) * size
        document: Document = {
            "links": links(f"{self.path}?pageNum={number}&itemsPerPage={size}"),
            "results": [view(item) for item in items[start : start + size]],
        }
        if start + size < len(items):
            document["links"] += links(f"{self.path}?pageNum={number + 1}&itemsPerPage={size}", "next")
        total = self.service.knobs.total_count
        if total != "absent" and self.flag("includeCount", True):
            document["totalCount"] = len(items) + (7 if total == "wrong" else 0)
        return document

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
