# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on loopback whose answers a test makes by hand: for what the simulated Atlas would never say."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator, NamedTuple
from urllib.parse import parse_qs

API = "/api/atlas/v2"


class Asked(NamedTuple):
    """A request; the path is one of the API's, without what all of them begin with."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: str


class Said(NamedTuple):
    """An answer; a text goes out as it is, everything else as JSON."""

    body: Any
    status: int = 200
    headers: dict[str, str] = {}


class Server(NamedTuple):
    url: str
    requests: list[Asked]

    @property
    def writes(self) -> list[Asked]:
        return [one for one in self.requests if one.method != "GET" and "/oauth/" not in one.path]


@contextmanager
def by_hand(answer: Callable[[Asked], Said]) -> Iterator[Server]:
    """Serve what `answer` makes of each request."""
    requests: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # Head and body in one packet: the second would wait for the client's word on the first.

        def _serve(self) -> None:
            path, _mark, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            asked = Asked(self.command, path.replace(API, "", 1), parse_qs(query), dict(self.headers), body)
            requests.append(asked)
            said = answer(asked)
            raw = b"" if said.status == 204 else _encoded(said.body)
            self.send_response(said.status)
            kind = "text/html" if isinstance(said.body, str) else "application/json"
            for name, value in {"Content-Type": kind, "Content-Length": str(len(raw)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, *_unused: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Server(f"http://127.0.0.1:{server.server_address[1]}", requests)
        server.shutdown()


def _encoded(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def page(rows: list[Any], total: int | None = None, more: bool | None = None) -> Said:
    """A page of a listing; `more` says whether it links to a next one, None that it has no links."""
    body: dict[str, Any] = {"results": rows}
    if total is not None:
        body["totalCount"] = total
    if more is not None:
        body["links"] = [{"rel": "self", "href": "x"}, *([{"rel": "next", "href": "y"}] if more else [])]
    return Said(body)


def number_of(asked: Asked) -> int:
    """Which page is asked for, from 0."""
    return int(asked.query["pageNum"][0]) - 1
