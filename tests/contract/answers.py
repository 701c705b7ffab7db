# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer of the API, and a web application of which every answer is looked at."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A whole value: where one time is well, any other is.
TIME = re.compile(rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"')
# The headers that are looked at.
HEADERS = (b"content-type", b"x-error-code")


class Wrong(Exception):
    """An answer is not as described."""


class Answer(NamedTuple):
    method: str
    path: str
    query: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str | None:
        return self.headers.get("content-type")

    def document(self) -> Any:
        """The body without the envelope that a query may ask for."""
        document = json.loads(self.body)
        if parse_qs(self.query).get("envelope") != ["true"] or not isinstance(document, dict):
            return document
        status = document.pop("status", self.status)
        if status != self.status:
            raise Wrong(f"the envelope says {status}")
        return document.get("content", document)


class Once:
    """Passes over answers that are, but for their times, like one that `judge` found nothing wrong with."""

    def __init__(self, judge: Callable[[Answer], None]) -> None:
        self._judge = judge
        self._good: set[bytes] = set()

    def __call__(self, answer: Answer) -> None:
        named = repr((answer.method, answer.path, answer.query, answer.status, sorted(answer.headers.items())))
        like = hashlib.sha256(named.encode() + TIME.sub(b"a time", answer.body)).digest()
        if like not in self._good:
            self._judge(answer)
            self._good.add(like)


class Watched:
    """The application as it is; what `judge` finds wrong with one of its answers is told to `tell`."""

    def __init__(self, app: ASGIApp, judge: Callable[[Answer], None], tell: Callable[[str], None]) -> None:
        self._app = app
        self._judge = judge
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)
            # Judged before it is sent: whoever has the answer has what there is to say of it.
            if not message.get("more_body") and message["type"] == "http.response.body":
                self._look(_answer(scope, messages))
            await send(message)

        await self._app(scope, receive, keep)

    def _look(self, answer: Answer) -> None:
        try:
            self._judge(answer)
        except (Wrong, ValueError) as error:
            self._tell(f"{answer.method} {answer.path}?{answer.query} -> {answer.status}: {error}")


def _answer(scope: Scope, messages: list[Message]) -> Answer:
    return Answer(
        scope["method"],
        scope["path"],
        scope["query_string"].decode("latin-1"),
        messages[0]["status"],
        {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in messages[0]["headers"]
            if name.lower() in HEADERS
        },
        b"".join(message.get("body", b"") for message in messages[1:]),
    )


class Paths:
    """Which template a path is of. Fixed parts win over parameters: /groups/byName/x is no /groups/{id}/...

    A slash at the end makes no other path.
    """

    def __init__(self, templates: Iterable[str]) -> None:
        fixed_first = sorted(templates, key=lambda template: template.count("{"))
        self._templates = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))), template) for template in fixed_first
        ]
        self.find = lru_cache(maxsize=1024)(self._find)

    def _find(self, path: str) -> list[str]:
        return [template for pattern, template in self._templates if pattern.fullmatch(path.removesuffix("/"))]
