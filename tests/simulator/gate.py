# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outermost layer, in plain ASGI: it logs requests, adds latency, and plays scripted faults.

A fault may close the connection under the client, so this works with messages and the transport, not with responses.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError
from .faults import SHAPES, Fault
from .service import Request, Service

PROJECT_PREFIX = "/api/atlas/v2/groups/"
HTML = "<html><head><title>{0}</title></head><body><h1>{0} Service Temporarily Unavailable</h1></body></html>"
Note = Callable[[int], None]


class Gate:
    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        fault = self._fault(scope)

        def note(status: int) -> None:
            self._log(scope, status, fault, started)

        if self._service.knobs.latency_s:
            await asyncio.sleep(self._service.knobs.latency_s)
        if fault is None:
            await self._app(scope, receive, _noting(send, note))
            return
        await self._play(fault, scope, receive, send, note)

    def _fault(self, scope: Scope) -> Fault | None:
        """A request without credentials only fetches a challenge: faults pass it over."""
        if not self._service.faults.scripted or not _authorization(scope):
            return None
        return self._service.faults.next(scope["method"], scope["path"])

    def _log(self, scope: Scope, status: int, fault: Fault | None, started: float) -> None:
        path = scope["path"]
        project_id = path[len(PROJECT_PREFIX) :].split("/", 1)[0] if path.startswith(PROJECT_PREFIX) else ""
        self._service.requests.append(
            Request(
                time.time(),
                started,
                scope["method"],
                path,
                scope["query_string"].decode("latin-1"),
                status,
                project_id if len(project_id) == 24 else None,
                scope.get("atlas.credential"),
                scope["client"][1],
                fault.kind if fault else None,
                time.monotonic() - started,
            )
        )

    async def _play(self, fault: Fault, scope: Scope, receive: Receive, send: Send, note: Note) -> None:
        if fault.kind == "page":
            scope["atlas.page"] = fault
            await self._app(scope, receive, _noting(send, note))
            return
        if fault.kind == "expire_token":
            self._service.tokens.expire(_authorization(scope).partition(" ")[2])
            await self._app(scope, receive, _noting(send, note))
            return
        answer = await self._effect(scope, receive) if _has_effect(fault) else []
        if fault.kind == "cut_mid_body":
            await _send_half(answer, receive, send, note)
            return
        if fault.kind in ("cut_before", "cut_after", "hang"):
            note(0)
            if fault.kind == "hang":
                await _until_gone(receive, fault.value)
            await _cut(receive, send)
            return
        status, headers, body = _answer(fault, scope["path"])
        note(status)
        await _send(send, status, headers, body)

    async def _effect(self, scope: Scope, receive: Receive) -> list[Message]:
        """Let the request do its work, and keep the answer."""
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        return answer


def _has_effect(fault: Fault) -> bool:
    return fault.after_effect or fault.kind in ("cut_after", "cut_mid_body")


def _authorization(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"), "")


def _noting(send: Send, note: Note) -> Send:
    """The log has the request before the client has the answer."""

    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            note(message["status"])
        await send(message)

    return noting


def _answer(fault: Fault, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a fault that is an answer."""
    vendor = {"content-type": "application/vnd.atlas.2025-02-19+json;charset=utf-8"}
    given = {str(name): str(value) for name, value in fault.details.get("headers", {}).items()}
    if fault.kind == "status":
        headers, body = _status_answer(fault)
        return fault.value, {**headers, **given}, body
    if fault.kind == "html":
        page = fault.details.get("body", HTML.format(fault.value))
        return fault.value, {"content-type": "text/html", **given}, page.encode()
    if fault.kind == "redirect":
        location = fault.details.get("location", "http://elsewhere.invalid" + path)
        return fault.value, {"location": location, **given}, b""
    bodies = {"garbage": b"\x00\xff{]not json", "empty": b""}
    return 200, {**vendor, **given}, bodies[fault.kind] if fault.kind in bodies else _shape(fault.value)


def _shape(name: str) -> bytes:
    return json.dumps(SHAPES[name]).encode()


def _status_answer(fault: Fault) -> tuple[dict[str, str], bytes]:
    code = fault.details.get("errorCode", "UNEXPECTED_ERROR")
    headers = {"content-type": "application/json", **({"x-error-code": code} if code else {})}
    if "body" in fault.details:
        return headers, str(fault.details["body"]).encode()
    detail = fault.details.get("detail", "An unexpected error occurred.")
    return headers, json.dumps(ApiError(fault.value, code, detail).body()).encode()


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def _send_half(answer: list[Message], receive: Receive, send: Send, note: Note) -> None:
    """Half of the answer, and then the end of the connection."""
    start = answer[0]
    body = b"".join(message.get("body", b"") for message in answer[1:])
    if not body:
        start = {**start, "status": 200, "headers": [(b"content-length", b"100")]}
        body = b"{}"
    note(start["status"])
    await send(start)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await _cut(receive, send)


async def _cut(receive: Receive, send: Send) -> None:
    """Close the connection. `send` is a method of uvicorn's cycle of one request, which holds the transport."""
    bound: Any = send
    bound.__self__.transport.close()
    await _gone(receive)


async def _until_gone(receive: Receive, seconds: float) -> None:
    """Wait, but not for a client that gave up."""
    try:
        await asyncio.wait_for(_gone(receive), seconds)
    except asyncio.TimeoutError:
        return


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
