# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls as the Atlas Administration API speaks them: versions, tokens, patience, many at once.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, TypeVar, Union
from urllib.parse import quote

from ._credentials import DEFAULT_URL, Credential, Tokens, check_base_url, masked, own_names, secrets_of
from ._errors import API, AtlasError, Interrupted, Json, Reply, hint_for, told
from ._transport import Transport

VERSION = "1.0.0"
PAGE = 500

# Each resource has a version of its own (Atlas API documentation, versioned API overview).
USERS_VERSION = "2025-02-19"
BASE_VERSION = "2023-01-01"

# Seconds to pause before another try when the service fails, and while it throttles without saying for how long.
BACKOFF = (0.5, 1.0, 2.0)
THROTTLE_FLOOR, THROTTLE_CAP = 1.0, 30.0

# Characters of what a server says that are passed on.
LONGEST = 1000
# Works that may wait at the same time. A thread that waits costs little memory and holds no place for a request.
THREADS = 256

# 401s that speak of one project or organization, not of the token.
SCOPED_401 = (
    "NOT_IN_GROUP",
    "NOT_GROUP_USER_ADMIN",
    "NOT_ORG_OWNER",
    "NOT_ORG_USER_ADMIN",
    "NOT_USER_ADMIN",
    "USER_CANNOT_ACCESS_GROUP",
    "USER_CANNOT_ACCESS_ORG",
    "USER_UNAUTHORIZED",
)

A = TypeVar("A")
T = TypeVar("T")


def segment(text: str) -> str:
    """One segment of a path, encoded."""
    return quote(text, safe="", errors="replace")


class Patience:
    """How long one step may still wait: for throttles, a failing service, listings that lag, all together.

    Made by `Client.patience` for each step, and handed to all its calls.
    """

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self._left = seconds
        self._stop = stop
        self._failures = 0
        self._throttles = 0
        self.waited = 0.0
        # Characters of answers.
        self.received = 0

    def spend(self, seconds: float) -> bool:
        """Count a wait for somebody else; tells whether there was that much time. Raises `Interrupted`."""
        if self._stop.is_set():
            raise Interrupted()
        return self._count(seconds)

    def pause(self, seconds: float) -> bool:
        """Wait, if there is that much time left; tells whether there was. Raises `Interrupted`."""
        if not self._count(seconds):
            return False
        if self._stop.wait(seconds):
            raise Interrupted()
        return True

    def _count(self, seconds: float) -> bool:
        if not seconds <= self._left:
            return False
        self._left -= seconds
        self.waited += seconds
        return True

    def after(self, error: AtlasError, repeatable: bool) -> bool:
        """Wait before another try after this error; false when there is none, or no time for it."""
        if error.throttled:
            self._throttles += 1
            return self.pause(_throttle_pause(error.wait, self._throttles))
        if not repeatable or not error.unsettled or self._failures == len(BACKOFF):
            return False
        self._failures += 1
        return self.pause(max(error.wait or 0.0, BACKOFF[self._failures - 1] * random.uniform(1, 1.2)))


class Client:
    """One task's connection to Atlas. Use as a context manager: leaving it gives the tokens back.

    ``connections`` is how many requests may be under way at once, ``timeout`` how many seconds one of them may take,
    ``max_wait`` how many seconds one step may wait in all. `stop` ends all waiting: no further request is made.
    """

    def __init__(
        self,
        credential: Credential,
        base_url: str = DEFAULT_URL,
        timeout: float = 60,
        connections: int = 8,
        max_wait: float = 300,
        agent: str = "",
    ) -> None:
        self.base_url = check_base_url(base_url)
        self.credential_id = credential.id or None
        self.names = own_names(credential)
        self.max_wait = max_wait
        self.stopped_by: Optional[str] = None
        self._credential = credential
        self._transport = Transport(
            credential, self.base_url, timeout, connections, f"atlasops.access/{VERSION} {agent}".strip()
        )
        self._tokens = Tokens(self._mint)
        self._pool = ThreadPoolExecutor(max_workers=THREADS)
        self._stop = threading.Event()
        self._brakes: Dict[str, float] = {}
        self._patiences: List[Patience] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *unused: object) -> None:
        self._pool.shutdown()
        self._give_back()
        self._transport.close()

    def stop(self, why: str) -> None:
        """Make no further request, and end all waiting; those under way may end. May be called by a signal handler."""
        self.stopped_by = why
        # By a thread, for the lock of the event may be held by the very thread that the signal interrupts.
        threading.Thread(target=self._stop.set, daemon=True).start()

    def patience(self) -> Patience:
        """The patience for one step."""
        self._patiences.append(Patience(self.max_wait, self._stop))
        return self._patiences[-1]

    def waiting_warnings(self) -> List[str]:
        """Tell of long waits, which otherwise look like a hanging task."""
        longest = max((patience.waited for patience in self._patiences), default=0.0)
        return (
            [f"Atlas limits the rate of requests, or fails: one step waited {longest:.0f} s"] if longest >= 10 else []
        )

    def together(self, work: Callable[[A], T], items: Sequence[A]) -> List[Union[T, AtlasError]]:
        """What ``work`` returns for each item, many at once; an `AtlasError` stands where it failed.

        One that waits gives its place to another. Any other exception is raised when all have ended.
        """

        def attempt(item: A) -> Union[T, AtlasError]:
            try:
                return work(item)
            except AtlasError as error:
                return error

        if len(items) < 2:
            return [attempt(item) for item in items]
        futures = [self._pool.submit(attempt, item) for item in items]
        wait(futures)
        return [future.result() for future in futures]

    def meanwhile(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begin work; what is returned waits for it, and returns or raises what it does."""
        return self._pool.submit(work).result

    # --- calls ---------------------------------------------------------------------------------------------------

    def get(
        self, path: str, version: str, query: Optional[Mapping[str, Any]] = None, patience: Optional[Patience] = None
    ) -> Json:
        """The JSON that a GET answers; tried again while the service fails. Raises `AtlasError`."""
        return self.call("GET", path, version, patience or self.patience(), query)

    def call(
        self,
        method: str,
        path: str,
        version: str,
        patience: Patience,
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Mapping[str, Any]] = None,
    ) -> Json:
        """The JSON (None for a 204) of one call. Raises `AtlasError`.

        It is repeated while it is throttled, with a new token when the one sent had ended, and if it is a GET while the
        service fails. A write that failed otherwise may be in effect: its caller has to read.
        """

        if {".", ".."}.intersection(path.split("/")):
            # It would lead to something else than what is meant.
            raise self.misshapen(method, path, "what stands for an id is none")

        def attempt() -> Json:
            return self._result(f"{method} {API}{path}", self._exchange(method, path, version, query, body, patience))

        return self._patiently(attempt, patience, repeatable=method == "GET")

    def _patiently(self, attempt: Callable[[], T], patience: Patience, repeatable: bool) -> T:
        """The one loop that tries again."""
        started, tries = time.monotonic(), 0
        while True:
            tries += 1
            try:
                return attempt()
            except AtlasError as error:
                if not patience.after(error, repeatable):
                    raise error.after(tries, started) from None

    def _exchange(
        self,
        method: str,
        path: str,
        version: str,
        query: Optional[Mapping[str, Any]],
        body: Optional[Mapping[str, Any]],
        patience: Patience,
    ) -> Reply:
        """One request, made again with a new token where the one sent had ended."""
        media = f"application/vnd.atlas.{version}+json"
        scope = "/".join(path.split("/")[:3])
        headers = {"Accept": media, **({} if body is None else {"Content-Type": media})}
        data = None if body is None else json.dumps(body)
        renewed = False
        while True:
            self._brake(scope, patience)
            token = self._token(patience)
            if token:
                headers["Authorization"] = f"Bearer {token}"
            reply = self._send(method, API + path, headers, data, query)
            patience.received += len(reply.text)
            if reply.headers.get("RateLimit-Remaining") == "0":
                self._brakes[scope] = time.monotonic() + THROTTLE_FLOOR
            if reply.status != 401 or reply.code in SCOPED_401 or self._credential.kind != "service_account":
                return reply
            if renewed:
                self._tokens.trust(scope)
            renewed = self._tokens.renewed(token, scope, patience)
            if not renewed:
                return reply

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: Any = None,
        query: Optional[Mapping[str, Any]] = None,
        account: Optional[Credential] = None,
        always: bool = False,
    ) -> Reply:
        """Every request goes through here; unless it is to be made ``always``, not after the task was told to stop."""
        return self._transport.send(method, path, headers, data, query, account, None if always else self._stop)

    def _brake(self, scope: str, patience: Patience) -> None:
        """Slow down where the last answer said that nothing remains of the rate limit."""
        pause = self._brakes.pop(scope, 0.0) - time.monotonic()
        if pause > 0:
            patience.pause(pause)

    def _result(self, call: str, reply: Reply) -> Json:
        if reply.status == 204:
            return None
        if 200 <= reply.status < 300 and reply.data is not None:
            return reply.data
        raise self._failure(call, reply)

    def _failure(self, call: str, reply: Reply) -> AtlasError:
        secrets = secrets_of(self._credential, self._tokens.minted)
        code = masked(reply.code, secrets) if reply.code else None
        said = masked(told(reply), secrets)[:LONGEST]
        return AtlasError(
            call, said, reply.status, code, hint_for(call, reply, self.base_url), reply.seconds("Retry-After")
        )

    def misshapen(self, method: str, path: str, what: str) -> AtlasError:
        """The error for an answer of an unexpected shape; ``what`` says where."""
        where = masked(what, secrets_of(self._credential, self._tokens.minted))
        return AtlasError(
            f"{method} {API}{path}",
            f"the answer does not have the shape that Atlas documents: {where}",
            200,
            hint=f"Check that base_url ({self.base_url}) is Atlas and that nothing between rewrites its answers.",
        )

    # --- tokens --------------------------------------------------------------------------------------------------

    def _token(self, patience: Patience) -> str:
        """The token to send; empty for an API key."""
        if self._credential.kind == "service_account":
            return self._tokens.current(patience)
        return self._credential.secret if self._credential.kind == "token" else ""

    def _mint(self, patience: Patience) -> Reply:
        """An answer with a token; waits where token requests or live tokens are too many. Raises `AtlasError`."""

        def attempt() -> Reply:
            reply = self._oauth("token", {"grant_type": "client_credentials"})
            if reply.status == 200 and reply.said("access_token"):
                return reply
            raise self._failure("POST /api/oauth/token", reply)

        return self._patiently(attempt, patience, repeatable=True)

    def _give_back(self) -> None:
        """Give the tokens back; at most 100 may live. Best effort: an unrevoked one ends within the hour."""
        for token in self._tokens.minted:
            try:
                self._oauth("revoke", {"token": token, "token_type_hint": "access_token"}, always=True)
            except AtlasError:
                pass

    def _oauth(self, what: str, form: Dict[str, str], always: bool = False) -> Reply:
        headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
        return self._send("POST", f"/api/oauth/{what}", headers, form, account=self._credential, always=always)


def _throttle_pause(asked: Optional[float], times: int) -> float:
    """Seconds to wait: what Atlas asks for and a little more, never less than the floor; it may say nothing."""
    if asked is None:
        return min(THROTTLE_CAP, THROTTLE_FLOOR * 2.0 ** (times - 1)) * random.uniform(1, 1.25)
    return max(THROTTLE_FLOOR, asked) + random.uniform(0.01, 0.25)
