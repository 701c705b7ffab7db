# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator in a thread of its own: real HTTP on a loopback port, up in milliseconds, and gone as quickly."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import threading
from types import TracebackType
from typing import Any, Callable, TypeVar

import uvicorn
from starlette.types import ASGIApp

from . import views
from .app import application
from .faults import Fault, What
from .knobs import Knobs
from .loading import Source
from .service import Request, Service
from .world import World

HOST = "127.0.0.1"
KEEP_ALIVE_S = 75
Result = TypeVar("Result")


class Simulator:
    """A stateful Atlas on loopback: `with Simulator("small", last_role_status=409) as sim: ... sim.url ...`

    The world is a dict, a path of a YAML file, or the name of a shipped one; everything else is a knob.
    """

    # Put around the API, inside of faults: tests look at each answer with it.
    around: Callable[[ASGIApp], ASGIApp] = staticmethod(lambda app: app)

    def __init__(self, world: Source, *, port: int = 0, **knobs: Any) -> None:
        self._service = Service(world, knobs)
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> Simulator:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, self._port))
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self._server = _Server(_config(self._service, self.around))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="simulator", daemon=True)
        self._thread.start()
        if not self._server.ready.wait(10):
            raise RuntimeError("The simulator did not start")
        return self

    def stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.stop()
        self._thread.join(10)
        self._server = self._thread = None

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """The live state; to change it, see `change`."""
        return self._service.world

    @property
    def knobs(self) -> Knobs:
        return self._service.knobs

    @property
    def requests(self) -> list[Request]:
        return list(self._service.requests)

    @property
    def writes(self) -> list[Request]:
        return self._service.writes()

    @property
    def tokens_minted(self) -> int:
        return self._service.tokens.minted

    def live_tokens(self) -> int:
        return self._call(self._service.live_tokens)

    def state(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Project name -> username -> id, status, roles; people of all four statuses."""
        return self._call(self._service.state)

    def directory(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Team or organization name -> username -> id, status, roles."""
        return self._call(self._service.directory)

    def legacy(self, project: str) -> list[dict[str, Any]]:
        entry = self.world.project(project)
        return [views.legacy_invitation(invitation, entry) for invitation in list(entry.legacy.values())]

    def project_id(self, name: str) -> str:
        return self.world.project(name).id

    def user_id(self, email: str) -> str:
        return self.world.user(email).id

    # -- turning -----------------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """An empty log."""
        self._call(self._service.requests.clear)

    def reset(self) -> None:
        """Everything as it was at the start."""
        self._call(self._service.reset)

    def fault(self, what: What, **match: Any) -> Fault:
        """Script a fault; `match` is of method, path (a regular expression), nth, times, after_effect."""
        return self._call(lambda: self._service.faults.add(what, **match))

    def limit(self, name: str, capacity: float, refill: float, period_s: float, continuous: bool = False) -> None:
        values = {"capacity": capacity, "refill": refill, "period_s": period_s, "continuous": continuous}
        self._call(lambda: self._service.buckets.override(name, values))

    def change(self, change: Callable[[World], Result]) -> Result:
        """Change the world as somebody else would, between two requests."""

        def apply() -> Result:
            result = change(self.world)
            for org in self.world.orgs.values():
                self.world.changed_people(org)
            return result

        return self._call(apply)

    def _call(self, function: Callable[[], Result]) -> Result:
        """Run it where the state lives, so that no request is half done."""
        if self._server is None:
            return function()
        return self._server.call(function)


class _Server(uvicorn.Server):
    """Uvicorn without waiting: it starts on a bound socket, and stops by dropping its connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await self.on_tick(0)
        self.ready.set()
        while not self._stopping.is_set():
            await self._pause()
            await self.on_tick(0)

    async def _pause(self) -> None:
        """A second, or less at the end; then uvicorn writes a new Date."""
        try:
            await asyncio.wait_for(self._stopping.wait(), 1)
        except asyncio.TimeoutError:
            return

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            transport: Any = connection.transport
            transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    def call(self, function: Callable[[], Result]) -> Result:
        async def run() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()


def _config(service: Service, around: Callable[[ASGIApp], ASGIApp]) -> uvicorn.Config:
    has = importlib.util.find_spec
    return uvicorn.Config(
        application(service, around),
        loop="uvloop" if has("uvloop") else "asyncio",
        http="httptools" if has("httptools") else "h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="error",
        timeout_keep_alive=KEEP_ALIVE_S,
    )
