# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API below `/_simulator/`: for demos and for tests that run in another process. No authentication."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .knobs import NAMES
from .service import Service

PREFIX = "/_simulator/"


def routes(service: Service) -> list[Route]:
    control = Control(service)
    table: list[tuple[str, str, Any]] = [
        ("GET", "health", control.health),
        ("GET", "requests", control.get_requests),
        ("DELETE", "requests", control.delete_requests),
        ("GET", "state", control.get_state),
        ("GET", "directory", control.get_directory),
        ("GET", "knobs", control.get_knobs),
        ("PUT", "knobs", control.put_knobs),
        ("PUT", "limits", control.put_limits),
        ("PUT", "faults", control.put_faults),
        ("POST", "faults", control.post_faults),
        ("DELETE", "faults", control.delete_faults),
        ("POST", "reset", control.reset),
    ]
    return [Route(PREFIX + name, _refusing(handler), methods=[method]) for method, name, handler in table]


def _refusing(handler: Any) -> Any:
    """What cannot be understood is a 400 with a sentence."""

    async def handle(request: Request) -> Response:
        try:
            result = await handler(request)
        except (ValueError, TypeError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(result)

    return handle


class Control:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def health(self, request: Request) -> dict[str, Any]:
        return {"status": "ok", "projects": len(self._service.world.projects)}

    async def get_requests(self, request: Request) -> list[dict[str, Any]]:
        return [entry._asdict() for entry in self._service.requests]

    async def delete_requests(self, request: Request) -> dict[str, Any]:
        self._service.requests.clear()
        return {}

    async def get_state(self, request: Request) -> dict[str, Any]:
        return self._service.state()

    async def get_directory(self, request: Request) -> dict[str, Any]:
        return self._service.directory()

    async def get_knobs(self, request: Request) -> dict[str, Any]:
        values = {name: getattr(self._service.knobs, name) for name in NAMES}
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in values.items()}

    async def put_knobs(self, request: Request) -> dict[str, Any]:
        self._service.knobs.update(await request.json())
        return await self.get_knobs(request)

    async def put_limits(self, request: Request) -> dict[str, Any]:
        limits = await request.json()
        for name, values in limits.items():
            self._service.buckets.override(name, values)
        return dict(limits)

    async def put_faults(self, request: Request) -> dict[str, Any]:
        """A list of `{"what": ..., "match": {...}}` takes the place of the script."""
        entries = await request.json()
        self._service.faults.clear()
        return self._add(entries)

    async def post_faults(self, request: Request) -> dict[str, Any]:
        """One more fault."""
        return self._add([await request.json()])

    async def delete_faults(self, request: Request) -> dict[str, Any]:
        self._service.faults.clear()
        return {}

    async def reset(self, request: Request) -> dict[str, Any]:
        self._service.reset()
        return {}

    def _add(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        for entry in entries:
            self._service.faults.add(entry["what"], **entry.get("match", {}))
        return {"scripted": len(self._service.faults.scripted)}
