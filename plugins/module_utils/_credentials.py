# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials, tokens, the address of Atlas, and which texts are secrets.

Knows neither HTTP nor Ansible. Private to this collection. What is wrong raises `Refusal` with a sentence for the user.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
from base64 import b64encode, urlsafe_b64decode
from contextlib import contextmanager
from typing import Any, Callable, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple
from urllib.parse import unquote, urlsplit

from ._access import Refusal
from ._errors import AtlasError, Interrupted, Reply, TokenError

DEFAULT_URL = "https://cloud.mongodb.com"
MASK = "********"

# The options that credentials are given by.
CREDENTIALS = ("access_token", "client_id", "client_secret", "public_key", "private_key")

_HOST = re.compile(r"(?!-)[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:.]*:[0-9a-f:.]*")
# What ids look like; another text in their place may be a secret.
_IDS = {"client_id": re.compile(r"mdb_sa_id_\w*"), "public_key": re.compile(r"[A-Za-z0-9]{1,16}")}
_SECRET = re.compile(r"mdb_sa_sk_[\w-]+")
_BASE64 = re.compile(r"[\w+/-]{8,}={0,2}", re.ASCII)
_URLSAFE = str.maketrans("+/", "-_")
# An Authorization header that a server repeats.
_AUTHORIZATION = re.compile(r"\b(Basic|Bearer)\s+[^\s\"',;]+|\bDigest\s+\w+=.*", re.IGNORECASE)


class Credential(NamedTuple):
    """``kind`` is token (secret only), service_account or api_key."""

    kind: str
    id: str
    secret: str


def choose_credential(options: Mapping[str, Optional[str]]) -> Tuple[Credential, List[str]]:
    """The credential to use, and warnings. Takes the options of the same names; empty means unset.

    Raises `Refusal` when there is none, half of one, or one in the wrong place.
    """
    given = {name: value for name, value in options.items() if value}
    for name, value in given.items():
        if not re.fullmatch(r"[!-~]+", value):
            raise Refusal(f"{name} holds white space or other signs that no credential has; look at its ends")
        _check_place(name, value)
    found = []
    if "access_token" in given:
        found.append(Credential("token", "", str(given["access_token"])))
    for kind, names in (
        ("service_account", ("client_id", "client_secret")),
        ("api_key", ("public_key", "private_key")),
    ):
        half = [name for name in names if name not in given]
        if len(half) == 1:
            other = names[1 - names.index(half[0])]
            raise Refusal(f"{other} is set but {half[0]} is not; set both, or neither")
        if not half:
            found.append(Credential(kind, str(given[names[0]]), str(given[names[1]])))
    if not found:
        raise Refusal(
            "no credential is set; set client_id and client_secret (service account), public_key and private_key "
            "(API key) or access_token, or the environment variables MONGODB_ATLAS_CLIENT_ID, _CLIENT_SECRET, ..."
        )
    used = found[0].kind.replace("_", " ")
    also = [f"more than one credential is set; the {used} is used"] if len(found) > 1 else []
    return found[0], also


def _check_place(name: str, value: str) -> None:
    """A service account's id and secret tell what they are, wherever they stand."""
    belongs = {"mdb_sa_id_": "client_id", "mdb_sa_sk_": "client_secret"}.get(value[:10])
    if belongs and belongs != name:
        kind = "id" if belongs == "client_id" else "secret"
        raise Refusal(f"{name} holds the {kind} of a service account ({value[:10]}...); write it as {belongs}")
    if name in ("public_key", "private_key") and value.startswith("mdb_sa_"):
        raise Refusal(f"{name} holds a service account's credential (mdb_sa_...); write client_id and client_secret")


# What a token may tell of the account that it was made for.
_CLAIMS = ("sub", "cid", "client_id", "uid", "email", "username")


def own_names(credential: Credential) -> FrozenSet[str]:
    """What the account of a credential may be called: its id, the one within that, what a token tells of itself."""
    found = {credential.id, credential.id.rpartition("_")[2]}
    if credential.kind == "token":
        try:
            claims = json.loads(_decoded(credential.secret.split(".")[1]))
            told = {claims.get(name) for name in _CLAIMS}
        except (IndexError, ValueError, AttributeError, RecursionError, TypeError):
            told = set()
        found |= {one for one in told if isinstance(one, str)}
    return frozenset(filter(None, found))


def check_limits(options: Mapping[str, Any]) -> None:
    """Raises `Refusal` when timeout, max_connections or max_wait make no sense."""
    for name, low in (("timeout", 0), ("max_connections", 0), ("max_wait", -1)):
        value = options[name]
        if not math.isfinite(value):
            raise Refusal(f"{name}: {value} is no number of seconds or connections; write {low + 1} or more")
        if value <= low or value < 0:
            raise Refusal(f"{name}: {value} is too small; write {low + 1} or more")
    if options["max_connections"] > 100:
        raise Refusal(f"max_connections: {options['max_connections']} is too much; write 100 or less")


def check_base_url(text: str) -> str:
    """The base URL without a slash at the end. Raises `Refusal`."""
    example = f"write one such as {DEFAULT_URL}"
    if "@" in text:
        raise Refusal(f"base_url holds something before an @, which is sent nowhere; {example}")
    try:
        parts = urlsplit(text.strip().rstrip("/"))
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise Refusal(f"base_url: '{text}' is not a URL; {example}") from None
    if parts.scheme not in ("https", "http") or not _HOST.fullmatch(host):
        raise Refusal(f"base_url: '{text}' is not a URL; {example}")
    if parts.path or parts.query or parts.fragment:
        raise Refusal(f"base_url: '{text}' holds more than scheme and host; {example}")
    if parts.scheme == "http" and not _is_loopback(host):
        raise Refusal(f"base_url: '{text}' would send credentials in clear text; write https://{parts.netloc}")
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or bool(re.fullmatch(r"127(\.\d{1,3}){3}", host))


# --- tokens ----------------------------------------------------------------------------------------------------------


# Seconds between two looks at whether it is one's turn, and still time.
_TURN = 0.1
# So many projects that refuse good tokens tell that this service does it.
_SCOPES = 3


class Tokens:
    """A service account's tokens: one at a time, minted when it is first needed, renewed when it ends, all given back.

    ``mint`` asks for one, as long as it may; it raises `AtlasError`.
    """

    def __init__(self, mint: Callable[[Any], Reply]) -> None:
        self._mint = mint
        self._lock = threading.Lock()
        self._token = ""
        self._ends = 0.0
        self._trusted: Set[str] = set()
        self._failed: Optional[TokenError] = None
        self.minted: List[str] = []

    def current(self, patience: Any) -> str:
        """The token to send. Whoever needs a new one waits for it with its ``patience``, and the others for that."""
        with self._held(patience):
            if not self._token or time.monotonic() > self._ends:
                self._renew(patience)
            return self._token

    def renewed(self, refused: str, scope: str, patience: Any) -> bool:
        """Whether there is another token to try than the one refused in this scope, a project or organization."""
        with self._held(patience):
            if scope in self._trusted or len(self._trusted) >= _SCOPES:
                return False
            if self._token == refused:
                self._renew(patience)
            return True

    @contextmanager
    def _held(self, patience: Any) -> Iterator[None]:
        """Be the one who looks after the token; while another one asks for it, that counts as waiting."""
        while not self._lock.acquire(timeout=_TURN):
            if not patience.spend(_TURN):
                raise TokenError("POST /api/oauth/token", "another step waits for a token, and max_wait is over")
        try:
            yield
        finally:
            self._lock.release()

    def trust(self, scope: str) -> None:
        """A new token was refused like the one before it: such a refusal is not the token's fault here."""
        self._trusted.add(scope)

    def _renew(self, patience: Any) -> None:
        if self._failed:
            raise self._failed
        fresh = patience.waited == 0
        try:
            reply = self._mint(patience)
        except Interrupted:
            raise
        except AtlasError as error:
            failed = TokenError(error.call, error.detail, error.status, error.code, error.hint)
            # Whoever had waited before may only have had no time left for it.
            if fresh or not (error.throttled or error.unsettled):
                self._failed = failed
            raise failed from None
        self._token = str(reply.said("access_token"))
        self.minted.append(self._token)
        life = reply.data.get("expires_in")
        life = life if isinstance(life, int) and life > 0 else 3600
        # Early enough for a request under way, but not at once where tokens live for seconds.
        self._ends = time.monotonic() + max(life - 60, life / 2)


# --- secrets ---------------------------------------------------------------------------------------------------------


def misplaced(options: Mapping[str, Any]) -> Set[str]:
    """Texts that may be secrets though they stand in options that are shown, such as an id or the address."""
    found = {match for value in options.values() for match in _SECRET.findall(str(value))}
    for name, shape in _IDS.items():
        value = options.get(name)
        if isinstance(value, str) and not shape.fullmatch(value.strip()):
            found.add(value.strip())
    before, at, _host = str(options.get("base_url") or "").rpartition("@")
    if at:
        user = before.split("//", 1)[-1]
        password = user.split(":", 1)[-1]
        found |= {user, unquote(user), password, unquote(password)}
    # Shorter ones are no secrets, and stand in all that is shown.
    return {text for text in found if len(text) >= 4}


def secrets_of(credential: Credential, tokens: Iterable[str] = ()) -> List[str]:
    """What must not be shown of a credential and its tokens: themselves, and how they are sent. Longest first."""
    texts = {credential.secret, *tokens}
    if credential.id:
        texts.add(b64encode(f"{credential.id}:{credential.secret}".encode()).decode())
    return sorted(filter(None, texts), key=lambda text: (-len(text), text))


def masked(text: str, secrets: Iterable[str]) -> str:
    """A server's text without secrets and Authorization headers, those in percent or base64 encoding included."""
    secrets = list(secrets)
    if _shows(unquote(text), secrets):
        text = unquote(text)
    text = _BASE64.sub(lambda found: MASK if _shows(_decoded(found[0]), secrets) else found[0], text)
    for secret in secrets:
        text = text.replace(secret, MASK)
    return _AUTHORIZATION.sub(MASK, text)


def _shows(text: str, secrets: Iterable[str]) -> bool:
    return bool(_AUTHORIZATION.search(text)) or any(secret in text for secret in secrets)


def _decoded(text: str) -> str:
    """What a text in base64, of either alphabet and with its padding or without, stands for; empty for another text."""
    try:
        return urlsafe_b64decode(text.translate(_URLSAFE).rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)).decode()
    except ValueError:
        return ""
