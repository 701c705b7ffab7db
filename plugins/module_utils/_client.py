# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP as the Atlas Administration API speaks it: credentials, versions, paging, waiting and errors.

Knows nothing of Ansible. Private to this collection.

Calls are *works*: generators that make requests, yield the seconds they want to pause, and return their result.
`Client.together` runs many of them, so that a project that has to wait holds up no other.
"""

from __future__ import annotations

import heapq
import json
import random
import threading
import time
import traceback
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Dict, Generator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, TypeVar, Union
from urllib.parse import quote, urlsplit

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.auth import HTTPDigestAuth

    REQUESTS_ERROR = None
except ImportError:
    REQUESTS_ERROR = traceback.format_exc()

from ._credentials import DEFAULT_URL, Credential, check_base_url, masked, secrets_of

VERSION = "1.0.0"
API = "/api/atlas/v2"
PAGE = 500

# Each resource has a version of its own (Atlas API documentation, versioned API overview).
USERS_VERSION = "2025-02-19"
BASE_VERSION = "2023-01-01"

# Seconds to pause before another try when the service fails, and while it throttles without saying for how long.
BACKOFF = (0.5, 1.0, 2.0)
THROTTLE_FLOOR, THROTTLE_CAP = 1.0, 30.0

# Characters of what a server says that are passed on.
LONGEST = 1000

# Throttles that come as 400 (invitations are limited to some per minute and address).
THROTTLES_AS_400 = ("RATE_LIMITED_IP", "INVITATIONS_RATE_LIMITED_IP")
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

_REPEATED = "rows came twice"

T = TypeVar("T")
Work = Generator[float, None, T]
Json = Any


class AtlasError(Exception):
    """A call that did not succeed. ``status`` is None when there was no (whole) answer.

    ``unsettled`` says that the service failed, so that another try may succeed, and that a write may have taken
    effect all the same. ``wait`` is for how many seconds Atlas asks not to try again.
    """

    def __init__(
        self,
        call: str,
        detail: str,
        status: Optional[int] = None,
        code: Optional[str] = None,
        hint: Optional[str] = None,
        wait: float = 0.0,
    ) -> None:
        super().__init__(call, detail)
        self.call = call
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.wait = wait

    @property
    def unsettled(self) -> bool:
        return self.status is None or self.status < 300 or self.status >= 500

    def after(self, tries: int, started: float) -> AtlasError:
        """The same error, which says how often and for how long it was tried (since a time of the monotonic clock)."""
        self.detail = f"{self.detail.rstrip('.')} ({_count(tries)} in {time.monotonic() - started:.1f} s)"
        return self

    def __str__(self) -> str:
        said = " ".join(str(part) for part in (self.status, self.code) if part)
        text = f"{self.call}: {said + ': ' if said else ''}{self.detail.rstrip('.')}."
        return f"{text} {self.hint}" if self.hint else text

    def as_dict(self) -> Dict[str, Union[str, int, None]]:
        return {"status": self.status, "code": self.code, "detail": self.detail}


class TokenError(AtlasError):
    """There is no token to make a call with, and it was not made; other calls won't get one either."""

    @property
    def unsettled(self) -> bool:
        return False


def segment(text: str) -> str:
    """One segment of a path, encoded."""
    return quote(text, safe="")


class Reply(NamedTuple):
    """An answer: ``data`` is None when the body is empty, null or not JSON."""

    status: int
    headers: Mapping[str, str]
    data: Json
    text: str

    def said(self, name: str) -> Optional[str]:
        value = self.data.get(name) if isinstance(self.data, dict) else None
        return value if isinstance(value, str) and value else None

    @property
    def code(self) -> Optional[str]:
        return self.said("errorCode") or self.headers.get("X-Error-Code") or self._oauth_code()

    def _oauth_code(self) -> Optional[str]:
        return self.said("error")

    def seconds(self, header: str) -> Optional[float]:
        value = self.headers.get(header, "")
        return float(value) if value.isascii() and value.isdigit() else None


class Client:
    """One task's connection to Atlas. Use as a context manager: leaving it revokes the token.

    ``connections`` is how many requests may be under way at once, ``timeout`` how many seconds one of them may be
    without a sign of life, ``max_wait`` how many seconds a call may spend waiting for a throttle to end.
    """

    def __init__(
        self,
        credential: Credential,
        base_url: str = DEFAULT_URL,
        timeout: float = 30,
        connections: int = 8,
        max_wait: float = 300,
        agent: str = "",
    ) -> None:
        self.base_url = check_base_url(base_url)
        self.credential_id = credential.id or None
        self._credential = credential
        self._timeout = timeout
        self.max_wait = max_wait
        self._connections = connections
        self._agent = f"atlasops.access/{VERSION} {agent}".strip()
        self._session = requests.Session()
        self._session.mount(self.base_url, HTTPAdapter(pool_connections=1, pool_maxsize=connections, pool_block=True))
        # Proxies and certificates from the environment, looked up once rather than at each request.
        self._settings = self._session.merge_environment_settings(self.base_url, {}, False, None, None)
        self._digest = HTTPDigestAuth(credential.id, credential.secret) if credential.kind == "api_key" else None
        self._pool = ThreadPoolExecutor(max_workers=connections)
        self._lock = threading.Lock()
        self._token = credential.secret if credential.kind == "token" else ""
        self._token_expires = float("inf")
        self._renewed = False
        self._minted: List[str] = []
        self._no_token: Optional[TokenError] = None
        self._brakes: Dict[str, float] = {}
        self._longest_wait = 0.0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *unused: object) -> None:
        self._pool.shutdown()
        self._revoke()
        self._session.close()

    # --- running works -------------------------------------------------------------------------------------------

    def run(self, work: Work[T]) -> T:
        """The result of one work. Raises `AtlasError`."""
        (result,) = self.together([work])
        if isinstance(result, AtlasError):
            raise result
        return result

    def together(self, works: Sequence[Work[T]]) -> List[Union[T, AtlasError]]:
        """The results of works, in their order; an `AtlasError` stands for the result of one that failed.

        A work that pauses gives its place to another.
        """
        results: Dict[int, Any] = {}
        waiting = [(0.0, number) for number in range(len(works))]
        running: Dict[Future[Tuple[bool, Any]], int] = {}
        while waiting or running:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now and len(running) < self._connections:
                number = heapq.heappop(waiting)[1]
                running[self._pool.submit(_advance, works[number])] = number
            free = waiting and len(running) < self._connections
            until = max(waiting[0][0] - now, 0) if free else None
            if not running:
                time.sleep(until or 0)
                continue
            for future in wait(running, until, FIRST_COMPLETED).done:
                number = running.pop(future)
                finished, value = future.result()
                if finished:
                    results[number] = value
                else:
                    heapq.heappush(waiting, (time.monotonic() + value, number))
        return [results[number] for number in range(len(works))]

    # --- calls ---------------------------------------------------------------------------------------------------

    def get(self, path: str, version: str, query: Optional[Mapping[str, Any]] = None) -> Work[Json]:
        """The JSON that a GET answers; tries again while the service fails, a few times. Raises `AtlasError`."""
        started = time.monotonic()
        for tries, pause in enumerate(BACKOFF + (None,), 1):
            try:
                return (yield from self.once("GET", path, version, query))
            except AtlasError as error:
                if not error.unsettled:
                    raise
                if pause is None or error.wait > self.max_wait:
                    raise error.after(tries, started) from None
                asked = error.wait
            yield max(asked, pause * random.uniform(1, 1.2))
        raise AssertionError("unreachable")

    def pages(
        self, path: str, version: str, query: Optional[Mapping[str, Any]] = None, key: str = "id"
    ) -> Work[List[Dict[str, Json]]]:
        """All rows of a listing, each once by ``key``; read again, a few times, where it moved or came in part.

        A listing that does not become whole is an `AtlasError`: who is missing must not be taken for absent.
        """
        before: List[str] = []
        started = time.monotonic()
        for tries, pause in enumerate(BACKOFF + (None,), 1):
            rows, doubt = yield from self._pages_once(path, version, query or {}, key)
            # Rows that came twice are harmless where another reading finds the same ones.
            if not doubt or (doubt is _REPEATED and before == sorted(rows)):
                return list(rows.values())
            before = sorted(rows)
            if pause is None:
                text = f"the listing did not come whole: {doubt}"
                raise AtlasError(f"GET {API}{path}", text, 200).after(tries, started)
            yield pause
        raise AssertionError("unreachable")

    def _pages_once(
        self, path: str, version: str, query: Mapping[str, Any], key: str
    ) -> Work[Tuple[Dict[str, Dict[str, Json]], Optional[str]]]:
        """The rows of one reading, by ``key``, and what speaks against their being all.

        A total of 0 is no sign: it comes with ``includeCount=false`` as well.
        """
        rows: Dict[str, Dict[str, Json]] = {}
        totals = set()
        doubled, again, short = 0, 0, False
        number = 0
        while True:
            number += 1
            body = yield from self.get(path, version, {**query, "itemsPerPage": PAGE, "pageNum": number})
            listed = self._rows(path, body)
            page = self._by_key(path, listed, key)
            news = page.keys() - rows.keys()
            doubled += len(listed) - len(page)
            again += len(page) - len(news)
            rows.update(page)
            if isinstance(body.get("totalCount"), int) and body["totalCount"] > 0:
                totals.add(body["totalCount"])
            whole, more = len(listed) >= PAGE, _has_next(body)
            if number > 1 and not news and (whole or more):
                return rows, f"page {number} repeats the one before it"
            short = short or (bool(more) and not whole)
            missing = max(totals, default=0) - len(rows) - doubled
            if not (whole if more is None else more) and not (news and missing > 0):
                break
        if len(totals) > 1:
            return rows, "it changed while it was read"
        if missing > 0:
            return rows, f"{len(rows)} of {len(rows) + missing} rows came"
        if short and not totals:
            return rows, "a page is shorter than asked for, though another one follows"
        return rows, _REPEATED if again and not totals else None

    def _rows(self, path: str, body: Json) -> List[Dict[str, Json]]:
        rows = body.get("results") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.misshapen("GET", path, "it has no list of results")
        return rows

    def _by_key(self, path: str, rows: Sequence[Dict[str, Json]], key: str) -> Dict[str, Dict[str, Json]]:
        for number, row in enumerate(rows, 1):
            if not isinstance(row.get(key), str):
                raise self.misshapen("GET", path, f"row {number} has no '{key}'")
        return {row[key]: row for row in rows}

    def once(
        self,
        method: str,
        path: str,
        version: str,
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Mapping[str, Any]] = None,
    ) -> Work[Json]:
        """The JSON (None for a 204) of one call that is repeated only where it was refused unread.

        That is: while it is throttled, and once with a new token. Raises `AtlasError` for everything else.
        """
        call = f"{method} {API}{path}"
        scope = "/".join(path.split("/")[:3])
        waited, tries = 0.0, 0
        renewed = False
        while True:
            yield from self._brake(scope)
            token = self._bearer()
            reply = self._exchange(method, API + path, version, query, body, token)
            tries += 1
            self._note_remaining(scope, reply)
            if reply.status == 401 and not renewed and reply.code not in SCOPED_401 and self._renew(token):
                renewed = True
                continue
            if not _is_throttle(reply):
                return self._result(call, reply)
            pause = _throttle_pause(reply, tries)
            if waited + pause > self.max_wait:
                gave_up = f"throttled: gave up after {_count(tries)} in {waited:.0f} s, {_asked(reply)}"
                raise self._failure(call, reply, gave_up)
            waited += pause
            self._longest_wait = max(self._longest_wait, waited)
            yield pause

    def misshapen(self, method: str, path: str, what: str) -> AtlasError:
        """The error for an answer of an unexpected shape; ``what`` says where."""
        return AtlasError(
            f"{method} {API}{path}",
            f"the answer does not have the shape that Atlas documents: {masked(what, self._secrets())}",
            200,
            hint=f"Check that base_url ({self.base_url}) is Atlas and that nothing between rewrites its answers.",
        )

    def waiting_warnings(self) -> List[str]:
        """Tell of long waits, which otherwise look like a hanging task."""
        if self._longest_wait < 10:
            return []
        return [f"Atlas limits the rate of requests: one call waited {self._longest_wait:.0f} s"]

    def _result(self, call: str, reply: Reply) -> Json:
        if reply.status == 204:
            return None
        if 200 <= reply.status < 300 and reply.data is not None:
            return reply.data
        raise self._failure(call, reply)

    def _failure(self, call: str, reply: Reply, detail: Optional[str] = None) -> AtlasError:
        secrets = self._secrets()
        said = masked(_said(reply), secrets)[:LONGEST]
        code = masked(reply.code, secrets) if reply.code else None
        hint = hint_for(call, reply, self.base_url)
        text = f"{masked(detail, secrets)}; {said}" if detail else said
        return AtlasError(call, text, reply.status, code, hint, reply.seconds("Retry-After") or 0.0)

    def _secrets(self) -> List[str]:
        return secrets_of(self._credential, self._minted)

    def _brake(self, scope: str) -> Work[None]:
        """Slow down where the last answer said that nothing remains of the rate limit."""
        pause = self._brakes.pop(scope, 0.0) - time.monotonic()
        if pause > 0:
            yield pause

    def _note_remaining(self, scope: str, reply: Reply) -> None:
        if reply.headers.get("RateLimit-Remaining") == "0":
            self._brakes[scope] = time.monotonic() + THROTTLE_FLOOR

    # --- one request ---------------------------------------------------------------------------------------------

    def _exchange(
        self,
        method: str,
        path: str,
        version: str,
        query: Optional[Mapping[str, Any]],
        body: Optional[Mapping[str, Any]],
        token: str,
    ) -> Reply:
        media = f"application/vnd.atlas.{version}+json"
        headers = {"Accept": media}
        if body is not None:
            headers["Content-Type"] = media
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body)
        return self._send(method, path, headers, data, query, self._digest)

    def _send(self, method: str, path: str, headers: Dict[str, str], data: Any, query: Any, auth: Any) -> Reply:
        headers["User-Agent"] = self._agent
        call = f"{method} {path}"
        try:
            # Prepared outside the session: a session would look for credentials in ~/.netrc and let them win.
            request = requests.Request(method, self.base_url + path, headers, params=query, data=data, auth=auth)
            answer = self._session.send(
                request.prepare(), timeout=self._timeout, allow_redirects=False, **self._settings
            )
            text = answer.text if answer.encoding else answer.content.decode("utf-8", "replace")
        except Exception as error:  # Not all that requests raises is a RequestException; the text may hold the headers.
            raise self._no_answer(call, error) from None
        try:
            return Reply(answer.status_code, answer.headers, json.loads(text), text)
        except (ValueError, RecursionError):
            return Reply(answer.status_code, answer.headers, None, text)

    def _no_answer(self, call: str, error: Exception) -> AtlasError:
        """What to say when a request brought no (whole) answer."""
        failures = requests.exceptions
        if isinstance(error, failures.SSLError):
            hint = "For a private authority set REQUESTS_CA_BUNDLE."
            return AtlasError(call, f"the certificate of {self.base_url} could not be verified", hint=hint)
        if isinstance(error, failures.ProxyError):
            hint = "Check HTTPS_PROXY and NO_PROXY."
            return AtlasError(call, "the proxy did not let the connection through", hint=hint)
        if isinstance(error, failures.Timeout):
            return AtlasError(call, f"no answer from {self.base_url} within {self._timeout:g} s")
        if isinstance(error, failures.ConnectionError):
            hint = "Check base_url and the network."
            return AtlasError(call, f"the connection to {self.base_url} failed or was cut", hint=hint)
        if isinstance(error, failures.RequestException):
            return AtlasError(call, f"the answer could not be read ({type(error).__name__})")
        # A bundle of certificates that is not there is the one that happens; its path is all that the text holds.
        about = f": {error}" if isinstance(error, OSError) else ""
        return AtlasError(call, f"the request could not be made ({type(error).__name__}{about})")

    # --- tokens --------------------------------------------------------------------------------------------------

    def _bearer(self) -> str:
        """The token to send, minted when it is first needed; empty for an API key."""
        if self._credential.kind != "service_account":
            return self._token
        with self._lock:
            if not self._token or time.monotonic() > self._token_expires:
                self._mint()
            return self._token

    def _renew(self, refused: str) -> bool:
        """Whether there is another token to try instead of the refused one: one new token a task."""
        if self._credential.kind != "service_account":
            return False
        with self._lock:
            if self._token != refused:
                return True
            if self._renewed:
                return False
            self._renewed = True
            self._mint()
            return True

    def _mint(self) -> None:
        """Get a token. The lock is held while this waits: all calls need it."""
        if self._no_token:
            raise self._no_token
        try:
            reply = self._new_token()
        except AtlasError as error:
            self._no_token = TokenError(error.call, error.detail, error.status, error.code, error.hint)
            raise self._no_token from None
        self._token = str(reply.said("access_token"))
        self._minted.append(self._token)
        life = reply.data.get("expires_in")
        self._token_expires = time.monotonic() + (life - 60 if isinstance(life, int) and life > 120 else 3540)

    def _new_token(self) -> Reply:
        """The answer with a token; waits where token requests or live tokens are too many. Raises `AtlasError`."""
        started, waited, tries = time.monotonic(), 0.0, 0
        failures = iter(BACKOFF)
        while True:
            tries += 1
            try:
                reply = self._oauth("token", {"grant_type": "client_credentials"})
            except AtlasError as error:
                pause = next(failures, None)
                if pause is None:
                    raise error.after(tries, started) from None
                time.sleep(pause)
                continue
            if reply.status == 200 and reply.said("access_token"):
                return reply
            pause = self._mint_pause(reply, tries, failures)
            if pause is None or waited + pause > self.max_wait:
                failure = self._failure("POST /api/oauth/token", reply)
                raise failure.after(tries, started) if tries > 1 or pause else failure
            waited += pause
            self._longest_wait = max(self._longest_wait, waited)
            time.sleep(pause)

    @staticmethod
    def _mint_pause(reply: Reply, tries: int, failures: Any) -> Optional[float]:
        too_many_live = reply.status == 403 and reply.code == "access_denied" and "limit" in reply.text.lower()
        if _is_throttle(reply) or too_many_live:
            return _throttle_pause(reply, tries)
        return next(failures, None) if reply.status >= 500 else None

    def _revoke(self) -> None:
        """Give the tokens back; at most 100 may live. Best effort: an unrevoked one ends within the hour."""
        for token in self._minted:
            try:
                self._oauth("revoke", {"token": token, "token_type_hint": "access_token"})
            except AtlasError:
                pass
        self._minted = []

    def _oauth(self, what: str, form: Dict[str, str]) -> Reply:
        account = requests.auth.HTTPBasicAuth(self._credential.id, self._credential.secret)
        headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
        return self._send("POST", f"/api/oauth/{what}", headers, form, None, account)


def _advance(work: Work[Any]) -> Tuple[bool, Any]:
    """Run a work until it pauses or ends: (False, seconds) or (True, its result or error)."""
    try:
        return False, next(work)
    except StopIteration as stop:
        return True, stop.value
    except AtlasError as error:
        return True, error


def _is_throttle(reply: Reply) -> bool:
    return reply.status == 429 or (reply.status == 400 and reply.code in THROTTLES_AS_400)


def _throttle_pause(reply: Reply, tries: int) -> float:
    """Seconds to wait: what Atlas asks for and a little more, never less than the floor; it may say nothing."""
    asked = reply.seconds("Retry-After")
    if asked is None:
        return min(THROTTLE_CAP, THROTTLE_FLOOR * 2.0 ** (tries - 1)) * random.uniform(1, 1.25)
    return max(THROTTLE_FLOOR, asked) + random.uniform(0.01, 0.25)


def _count(tries: int) -> str:
    return f"{tries} {'try' if tries == 1 else 'tries'}"


def _said(reply: Reply) -> str:
    """What an answer says of its failure."""
    if 300 <= reply.status < 400:
        return f"redirected to {_host_of(reply.headers.get('Location', ''))}, which is not followed"
    said = reply.said("detail") or reply.said("error_description") or reply.said("reason")
    fields = _bad_fields(reply.data)
    if said or fields:
        return " ".join(filter(None, (said, fields)))
    if isinstance(reply.data, dict) and reply.data.keys() & {"error", "errorCode", "detail"}:
        return "Atlas gives no detail"
    kind = reply.headers.get("Content-Type", "no content type").split(";")[0]
    return f"the answer is not what Atlas sends ({kind}, {len(reply.text)} characters)"


def _bad_fields(data: Json) -> str:
    """The fields that a 400 complains of (``badRequestDetail`` of the official schema)."""
    detail = data.get("badRequestDetail") if isinstance(data, dict) else None
    fields = detail.get("fields") if isinstance(detail, dict) else None
    told = [f"{field.get('field')}: {field.get('description')}" for field in fields or () if isinstance(field, dict)]
    return f"({'; '.join(told)})" if told else ""


def _has_next(body: Mapping[str, Json]) -> Optional[bool]:
    """Whether a page links to a next one; None where it has no links at all."""
    links = body.get("links")
    if not isinstance(links, list) or not links:
        return None
    return any(isinstance(link, dict) and link.get("rel") == "next" for link in links)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or "nowhere"
    except ValueError:
        return "nowhere"


def _asked(reply: Reply) -> str:
    asked = reply.headers.get("Retry-After")
    return f"Atlas asks to wait {asked} s more" if asked else "Atlas does not say for how long"


_HINTS_BY_CODE = {
    "NOT_IN_GROUP": "The project does not exist, or the credential is not in it.",
    "GROUP_NOT_FOUND": "The project does not exist, or the credential can't see it.",
    "USER_CANNOT_ACCESS_GROUP": "The credential has no role in this project; reading needs Project Read Only.",
    "NOT_GROUP_USER_ADMIN": "The credential needs Project Access Manager or Project Owner in this project.",
    "ACCESS_FORBIDDEN": "The credential needs Project Access Manager or Project Owner in this project.",
    "USER_CANNOT_ACCESS_ORG": "The credential needs Organization Member in this organization.",
    "ACCOUNT_SUSPENDED": "The organization is suspended: see to its billing.",
    "CANNOT_REMOVE_ALL_USER_ROLES": "A user holds at least one role: give another one first, or remove the user.",
    "INVALID_ROLE_FOR_GROUP": "Check the role's name.",
    "VERSION_GONE": "This version of the API has ended: update the collection.",
    "WRITES_NOT_ALLOWED_DURING_APP_UPGRADES": "Atlas is being upgraded: run the task again later.",
    "invalid_client": "Check client_id and client_secret, and that the secret has not expired.",
    "access_denied": "Give tokens back, or mint one token per play and pass it on as access_token.",
}


def hint_for(call: str, reply: Reply, base_url: str) -> Optional[str]:
    """What a person can do about an error, where that is known."""
    status, code = reply.status, reply.code
    if code in _HINTS_BY_CODE:
        return _HINTS_BY_CODE[code]
    if code and ("WHITELIST" in code or "ACCESS_LIST" in code):
        return "Add the address that Atlas saw to the API access list of the service account or API key."
    if status >= 500:
        return "Atlas itself fails: run the task again later, see https://status.mongodb.com."
    if 300 <= status < 400:
        return f"Set base_url to the address of Atlas itself; it is {base_url}."
    if reply.text.strip() and not isinstance(reply.data, dict):
        return f"Something else than Atlas answered: check base_url ({base_url}) and the proxies on the way."
    if status == 403 or code == "USER_UNAUTHORIZED":
        return _missing_role(call)
    if status == 401:
        return (
            f"Check the id and secret, that they belong to this organization, and that base_url ({base_url}) "
            "is the right one (government: https://cloud.mongodbgov.com)."
        )
    if status == 429:
        return "Wait and run the task again, with a lower max_connections or a longer max_wait."
    if status in (406, 410):
        return "The server does not speak this version of the API: check base_url, or update the collection."
    return None


def _missing_role(call: str) -> Optional[str]:
    if API not in call:
        return None
    if call.startswith(f"GET {API}/orgs"):
        return _HINTS_BY_CODE["USER_CANNOT_ACCESS_ORG"]
    if "/invites" in call:
        return "The credential needs Project Owner in this project."
    return _HINTS_BY_CODE["USER_CANNOT_ACCESS_GROUP" if call.startswith("GET ") else "ACCESS_FORBIDDEN"]
