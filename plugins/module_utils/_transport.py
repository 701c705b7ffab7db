# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request over HTTP: so many at once, each over in its time. Private to this collection."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
import traceback
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List, Mapping, Optional

try:
    import requests
    import urllib3
    from requests.adapters import HTTPAdapter
    from requests.auth import HTTPBasicAuth, HTTPDigestAuth

    REQUESTS_ERROR = None
except ImportError:
    REQUESTS_ERROR = traceback.format_exc()
    HTTPAdapter = HTTPDigestAuth = object  # type: ignore[assignment,misc]

from ._credentials import Credential
from ._errors import AtlasError, Interrupted, Reply

# Which connection a thread's request is made on, for the watch to cut it.
_under_way = threading.local()

# Bytes of an answer, unpacked, and roughly how many it may take once it is parsed. A page of 500 people who are in 250
# projects each has about 11 million.
LARGEST, HEAVIEST = 32 << 20, 160 << 20
# Beyond so many, one answer at a time is read and parsed. Packed ones are unpacked in pieces that cannot burst.
SMALL, PIECE = 1 << 20, 1 << 14


class _Digest(HTTPDigestAuth):
    """Digest whose nonce belongs to a slot, not to a thread: there are more threads, and each would be challenged."""

    def __init__(self, username: str, password: str) -> None:
        super().__init__(username, password)
        self._thread_local = SimpleNamespace()


class _Slot:
    """A place for one request under way. ``until`` is when it is cut, by the monotonic clock."""

    def __init__(self, digest: Optional[_Digest]) -> None:
        self.digest = digest
        self.connection: Any = None
        self.until = float("inf")
        self.cut = False
        self.large = False


class _TooLarge(Exception):
    """An answer that nobody should wait for, or hold in memory."""


class _Adapter(HTTPAdapter):
    """An adapter whose pools say which connection they use, and whose answers are of bounded size."""

    # Held by the one thread that has a large answer.
    large = threading.Lock()

    def build_response(self, *args: Any) -> Any:
        # Read here, before anything else of requests reads it whole, as it does to follow a challenge.
        response = super().build_response(*args)
        response._content = b"".join(self._pieces(response))
        return response

    def _pieces(self, response: Any) -> Iterator[bytes]:
        slot, size = _under_way.slot, 0
        for piece in response.iter_content(PIECE if "Content-Encoding" in response.headers else SMALL):
            size += len(piece)
            if size > SMALL and not slot.large:
                slot.large = self.large.acquire(timeout=max(0.0, slot.until - time.monotonic()))
            if size > LARGEST:
                response.close()
                raise _TooLarge()
            yield piece

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        super().init_poolmanager(*args, **named)
        self.poolmanager.pool_classes_by_scheme = _pool_classes()

    def proxy_manager_for(self, *args: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*args, **named)
        if isinstance(manager, urllib3.ProxyManager):
            manager.pool_classes_by_scheme = _pool_classes()
        return manager


def _pool_classes() -> Dict[str, Any]:
    def noting(pool: Any) -> Any:
        def _make_request(self: Any, connection: Any, *args: Any, **named: Any) -> Any:
            _under_way.slot.connection = connection
            return pool._make_request(self, connection, *args, **named)

        def connect(self: Any) -> None:
            kind.connect(self)
            # An answer that ends with its connection takes the socket out of it, and reads on.
            self.noted = self.sock

        kind = pool.ConnectionCls
        noted = type(f"Noting{kind.__name__}", (kind,), {"connect": connect})
        return type(f"Noting{pool.__name__}", (pool,), {"_make_request": _make_request, "ConnectionCls": noted})

    return {"http": noting(urllib3.HTTPConnectionPool), "https": noting(urllib3.HTTPSConnectionPool)}


class Transport:
    """Requests to one address, at most ``connections`` at once.

    A request may take ``timeout`` seconds as a whole, and half of them in silence.
    """

    def __init__(self, credential: Credential, base_url: str, timeout: float, connections: int, agent: str) -> None:
        self.base_url = base_url
        self._timeout = timeout
        self._agent = agent
        self._session = requests.Session()
        self._session.mount(base_url, _Adapter(pool_connections=1, pool_maxsize=connections, pool_block=True))
        # Proxies and certificates from the environment, looked up once rather than at each request.
        self._settings = self._session.merge_environment_settings(base_url, {}, False, None, None)
        self._slots: List[_Slot] = []
        self._free: queue.LifoQueue[_Slot] = queue.LifoQueue()
        for _number in range(connections):
            digest = _Digest(credential.id, credential.secret) if credential.kind == "api_key" else None
            self._slots.append(_Slot(digest))
            self._free.put(self._slots[-1])
        self._watching = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: Any = None,
        query: Optional[Mapping[str, Any]] = None,
        account: Optional[Credential] = None,
        stop: Optional[threading.Event] = None,
    ) -> Reply:
        """What was answered, whatever the status. ``account`` signs in by basic authentication, for tokens.

        Raises `AtlasError` when there was no whole answer, and `Interrupted` when told to ``stop`` before its turn.
        """
        slot = self._free.get()
        if stop and stop.is_set():
            self._free.put(slot)
            raise Interrupted()
        with self._watching:
            slot.cut, slot.connection, slot.until = False, None, time.monotonic() + self._timeout
        _under_way.slot = slot
        auth = HTTPBasicAuth(account.id, account.secret) if account else slot.digest
        try:
            # Prepared outside the session: a session would look for credentials in ~/.netrc and let them win.
            request = requests.Request(
                method, self.base_url + path, {**headers, "User-Agent": self._agent}, params=query, data=data, auth=auth
            )
            answer = self._session.send(
                request.prepare(), timeout=self._timeout / 2, allow_redirects=False, **self._settings
            )
            reply = _reply(answer)
        except Exception as error:  # Not all that requests raises is a RequestException; the text may hold the headers.
            raise self._no_answer(f"{method} {path}", error, slot.cut) from None
        finally:
            with self._watching:
                slot.until, late = float("inf"), slot.cut
            if slot.large:
                slot.large = False
                _Adapter.large.release()
            self._free.put(slot)
        if late:
            raise self._no_answer(f"{method} {path}", None, True)
        return reply

    def _watch(self) -> None:
        """Cut what takes too long: an answer that drips is never silent, so no socket's time-out ends it."""
        while not self._closed.wait(min(0.25, self._timeout / 4)):
            with self._watching:
                late = [slot for slot in self._slots if time.monotonic() > slot.until]
                for slot in late:
                    slot.cut = True
                    _cut(slot.connection)

    def _no_answer(self, call: str, error: Optional[Exception], cut: bool) -> AtlasError:
        """What to say when a request brought no (whole) answer."""
        failures = requests.exceptions
        if isinstance(error, _TooLarge):
            hint = f"Check that base_url ({self.base_url}) is Atlas."
            return AtlasError(call, f"the answer is larger than any that Atlas gives ({LARGEST >> 20} MiB)", hint=hint)
        if cut:
            return AtlasError(call, f"no whole answer from {self.base_url} within {self._timeout:g} s")
        if isinstance(error, failures.SSLError):
            hint = "For a private authority set REQUESTS_CA_BUNDLE."
            return AtlasError(call, f"the certificate of {self.base_url} could not be verified", hint=hint)
        if isinstance(error, failures.ProxyError):
            hint = "Check HTTPS_PROXY and NO_PROXY."
            return AtlasError(call, "the proxy did not let the connection through", hint=hint)
        if isinstance(error, failures.Timeout):
            return AtlasError(call, f"no answer from {self.base_url} within {self._timeout / 2:g} s")
        if isinstance(error, failures.ConnectionError):
            hint = "Check base_url and the network."
            return AtlasError(call, f"the connection to {self.base_url} failed or was cut", hint=hint)
        if isinstance(error, failures.RequestException):
            return AtlasError(call, f"the answer could not be read ({type(error).__name__})")
        # A bundle of certificates that is not there is the one that happens; its path is all that the text holds.
        about = f": {error}" if isinstance(error, OSError) else ""
        return AtlasError(call, f"the request could not be made ({type(error).__name__}{about})")


def _reply(answer: Any) -> Reply:
    """An answer, parsed. Raises `_TooLarge` for one that would take too much memory."""
    raw = answer.content
    if len(raw) > SMALL and _weight(raw) > HEAVIEST:
        raise _TooLarge()
    text = raw.decode("utf-8", "replace")
    try:
        return Reply(answer.status_code, answer.headers, json.loads(text), text)
    except (ValueError, RecursionError):
        return Reply(answer.status_code, answer.headers, None, text)


def _weight(raw: bytes) -> int:
    """Roughly how many bytes an answer takes once it is parsed."""
    signs = sum(map(raw.count, (b",", b":", b"[", b"{")))
    return len(raw) * (2 if raw.isascii() else 8) + signs * 45


def _cut(connection: Any) -> None:
    """Shut a connection, so that whoever reads from it is told at once."""
    try:
        socket.socket.shutdown(connection.sock or connection.noted, socket.SHUT_RDWR)
    except (AttributeError, TypeError, OSError):
        # Not connected yet, or ended in this moment.
        pass
