# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is calling: access tokens of service accounts (OAuth 2 client credentials) and HTTP digest of API keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import re
import secrets
from dataclasses import dataclass, field

from .errors import ApiError, Challenge, OAuthError, unauthorized
from .knobs import Knobs
from .limits import Window
from .world import Credential, World

REALM = "MMS Public API"
MAX_NONCES = 20_000
DIGEST_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


@dataclass
class Token:
    credential: Credential
    expires: float
    minted: bool


class Tokens:
    """Access tokens: minted (50 requests a minute, 100 live at once), expiring, revocable."""

    def __init__(self, world: World, knobs: Knobs) -> None:
        self._world = world
        self._knobs = knobs
        self._windows: dict[str, Window] = {}
        self._tokens: dict[str, Token] = {
            text: Token(account, math.inf, False)
            for account in world.service_accounts.values()
            for text in account.access_tokens
        }
        self.minted = 0

    def live(self, now: float, client_id: str | None = None) -> int:
        """Minted tokens that still work; those given in the world file do not count."""
        return sum(
            1
            for token in self._tokens.values()
            if token.minted and token.expires > now and client_id in (None, token.credential.id)
        )

    def holder(self, text: str, now: float) -> Credential:
        token = self._tokens.get(text)
        if token is None or token.expires <= now:
            raise unauthorized()
        return token.credential

    def mint(self, authorization: str, form: dict[str, str], now: float) -> dict[str, object]:
        """The answer of the token endpoint, or an error in its shape."""
        account = self.client(authorization)
        self._count_request(account, now)
        if "grant_type" not in form:
            raise OAuthError(400, "invalid_request", "The grant_type parameter is missing.")
        if form["grant_type"] != "client_credentials":
            raise OAuthError(400, "unsupported_grant_type", "Only client_credentials is supported.")
        if self._knobs.max_live_tokens and self.live(now, account.id) >= self._knobs.max_live_tokens:
            raise OAuthError(
                403,
                "access_denied",
                "Access Token limit reached. Please use the existing Access Tokens or create a new Service Account.",
            )
        text = "sim." + secrets.token_urlsafe(32)
        self._tokens[text] = Token(account, now + self._knobs.token_ttl_s, True)
        self.minted += 1
        return {"access_token": text, "expires_in": math.ceil(self._knobs.token_ttl_s), "token_type": "Bearer"}

    def revoke(self, authorization: str, form: dict[str, str]) -> None:
        """Unknown tokens, and those of others, are passed over in silence, as in RFC 7009."""
        account = self.client(authorization)
        if "token" not in form:
            raise OAuthError(400, "invalid_request", "The token parameter is missing.")
        token = self._tokens.get(form["token"])
        if token and token.credential is account:
            del self._tokens[form["token"]]

    def expire(self, text: str) -> None:
        self._tokens.pop(text, None)

    def client(self, authorization: str) -> Credential:
        """The service account that the Basic pair names."""
        client_id, secret = _basic(authorization)
        account = self._world.service_accounts.get(client_id)
        if account is None or not hmac.compare_digest(account.secret.encode(), secret.encode()):
            raise OAuthError(401, "invalid_client", "Invalid credentials provided.")
        return account

    def _count_request(self, account: Credential, now: float) -> None:
        allowed, window_s = self._knobs.token_requests, self._knobs.token_window_s
        if not allowed:
            return
        wait = self._windows.setdefault(account.id, Window()).take(allowed, window_s, now)
        if not wait:
            return
        minutes = max(1, round(window_s / 60))
        headers = {"Retry-After": str(math.ceil(wait))} if self._knobs.rate_headers else {}
        raise ApiError(
            429,
            "RATE_LIMITED",
            f"Resource /api/oauth/token is limited to {allowed} requests every {minutes} minutes.",
            ["/api/oauth/token", allowed, minutes],
            headers,
        )


@dataclass
class Nonce:
    created: float
    used: set[str] = field(default_factory=set)


class Digest:
    """HTTP digest: MD5, qop=auth. A nonce may be used many times, each time with another count."""

    def __init__(self, world: World, knobs: Knobs) -> None:
        self._world = world
        self._knobs = knobs
        self._nonces: dict[str, Nonce] = {}

    def challenge(self, now: float, stale: bool = False) -> Challenge:
        nonce = secrets.token_urlsafe(24)
        if len(self._nonces) >= MAX_NONCES:
            del self._nonces[next(iter(self._nonces))]
        self._nonces[nonce] = Nonce(now)
        flag = "true" if stale else "false"
        header = f'Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", stale={flag}'
        return Challenge(
            401, "UNEXPECTED_ERROR", "You are not authorized for this resource.", None, {"WWW-Authenticate": header}
        )

    def holder(self, authorization: str, method: str, target: str, now: float) -> Credential:
        """The API key whose digest this is; a challenge in every other case."""
        given = {name: quoted or plain for name, quoted, plain in DIGEST_FIELD.findall(authorization)}
        key = self._world.api_keys.get(given.get("username", ""))
        nonce = self._nonces.get(given.get("nonce", ""))
        if key is None or nonce is None or given.get("uri") != target or not _matches(given, key.secret, method):
            raise self.challenge(now)
        if now - nonce.created > self._knobs.nonce_ttl_s:
            raise self.challenge(now, stale=self._knobs.nonce_stale_flag)
        if given["nc"] in nonce.used:
            raise self.challenge(now)
        nonce.used.add(given["nc"])
        return key


def _basic(authorization: str) -> tuple[str, str]:
    scheme, unused, encoded = authorization.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise OAuthError(401, "invalid_client", "Invalid credentials provided.")
    return client_id, secret


def _matches(given: dict[str, str], secret: str, method: str) -> bool:
    if given.get("qop") != "auth" or not given.get("nc") or not given.get("cnonce"):
        return False
    first = _md5(f"{given['username']}:{REALM}:{secret}")
    second = _md5(f"{method}:{given['uri']}")
    expected = _md5(":".join((first, given["nonce"], given["nc"], given["cnonce"], "auth", second)))
    return hmac.compare_digest(expected, given.get("response", ""))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
