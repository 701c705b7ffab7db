# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on loopback whose answers are far too long."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional
from urllib.parse import parse_qs, urlsplit

MIB = 1 << 20


class Torrent:
    """Every answer is these pieces, the last of them `again` so often, or a `page` by its number."""

    def __init__(
        self,
        pieces: Optional[list[bytes]] = None,
        status: int = 200,
        headers: Optional[dict[str, str]] = None,
        chunked: bool = False,
        again: int = 0,
        page: Optional[Callable[[int], bytes]] = None,
    ) -> None:
        self._pieces, self._status, self._headers = pieces or [], status, headers or {}
        self._chunked, self._again, self._page = chunked, again, page
        self.writes: list[str] = []
        self.url = ""

    def __enter__(self) -> Torrent:
        torrent = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                if self.command != "GET":
                    torrent.writes.append(self.path)
                try:
                    torrent._answer(self)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do_DELETE = _serve

            def log_message(self, *_unused: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_unused: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        pieces = self._pieces
        if self._page:
            number = int(parse_qs(urlsplit(handler.path).query).get("pageNum", ["1"])[0])
            pieces = [self._page(number)]
        handler.send_response(self._status)
        length = {"Transfer-Encoding": "chunked"} if self._chunked else {"Content-Length": str(sum(map(len, pieces)))}
        for name, value in {"Content-Type": "application/json", **length, **self._headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        for piece in pieces + pieces[-1:] * self._again:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if self._chunked else piece)
