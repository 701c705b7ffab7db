# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What calls answer and how they fail, in words that a person can act on.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import time
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

API = "/api/atlas/v2"

# Throttles that come as 400 (invitations are limited to some per minute and address).
THROTTLES_AS_400 = ("RATE_LIMITED_IP", "INVITATIONS_RATE_LIMITED_IP")

Json = Any


class AtlasError(Exception):
    """A call that did not succeed. ``status`` is None when there was no (whole) answer.

    ``unsettled`` says that the service failed, so that another try may succeed, and that a write may have taken
    effect all the same; ``throttled`` that the call was refused unread. ``wait`` is for how many seconds Atlas asks
    not to try again, None where it does not say. ``found`` holds what was read after it, where that was done.
    """

    def __init__(
        self,
        call: str,
        detail: str,
        status: Optional[int] = None,
        code: Optional[str] = None,
        hint: Optional[str] = None,
        wait: Optional[float] = None,
    ) -> None:
        super().__init__(call, detail)
        self.call = call
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.wait = wait
        self.found: Optional[Tuple[Any]] = None
        self._counted = False

    @property
    def unsettled(self) -> bool:
        return self.status is None or self.status < 300 or self.status >= 500

    @property
    def throttled(self) -> bool:
        too_many_tokens = self.status == 403 and self.code == "access_denied" and "limit" in self.detail.lower()
        return self.status == 429 or (self.status == 400 and self.code in THROTTLES_AS_400) or too_many_tokens

    def after(self, tries: int, started: float) -> AtlasError:
        """The same error, which says how often and for how long it was tried (since a time of the monotonic clock)."""
        if self._counted or (tries == 1 and not self.throttled):
            return self
        self._counted = True
        times = f"{tries} {'try' if tries == 1 else 'tries'}"
        said = self.detail.rstrip(".")
        took = time.monotonic() - started
        if self.throttled:
            asks = "does not say for how long" if self.wait is None else f"asks to wait {self.wait:g} s more"
            self.detail = f"throttled: gave up after {times} in {took:.0f} s, Atlas {asks}; {said}"
        else:
            self.detail = f"{said} ({times} in {took:.1f} s)"
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


class Interrupted(AtlasError):
    """The task was told to stop, so a call was not made, or not waited for."""

    def __init__(self) -> None:
        super().__init__("", "the task was told to stop")

    def __str__(self) -> str:
        return f"{self.detail}."

    @property
    def unsettled(self) -> bool:
        return False


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


def told(reply: Reply) -> str:
    """What an answer says of its failure; secrets that it repeats are still in it."""
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
    fields = fields if isinstance(fields, list) else []
    told = [f"{field.get('field')}: {field.get('description')}" for field in fields if isinstance(field, dict)]
    return f"({'; '.join(told)})" if told else ""


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or "nowhere"
    except ValueError:
        return "nowhere"


_HINTS_BY_CODE = {
    "NOT_IN_GROUP": "The project does not exist, or the credential is not in it.",
    "GROUP_NOT_FOUND": "The project does not exist, or the credential can't see it.",
    "USER_CANNOT_ACCESS_GROUP": "The credential has no role in this project; reading needs Project Read Only.",
    "NOT_GROUP_USER_ADMIN": "The credential needs Project Access Manager or Project Owner in this project.",
    "ACCESS_FORBIDDEN": "The credential needs Project Access Manager or Project Owner in this project.",
    "USER_CANNOT_ACCESS_ORG": "The credential needs Organization Member in this organization.",
    "ACCOUNT_SUSPENDED": "The organization is suspended: see to its billing.",
    **dict.fromkeys(
        ("CANNOT_DELETE_LAST_ADMIN", "CANNOT_DELETE_LAST_OWNER", "CANNOT_DEMOTE_LAST_OWNER"),
        "Atlas keeps the last owner in: make somebody else GROUP_OWNER first (of an organization ORG_OWNER).",
    ),
    **dict.fromkeys(
        ("NOT_ORG_OWNER", "NOT_ORG_USER_ADMIN"), "The credential needs Organization Owner in this organization."
    ),
    "CANNOT_DEMOTE_LAST_ORG_OWNER": "Atlas keeps the last owner: make somebody else ORG_OWNER first.",
    "CANNOT_REMOVE_LAST_USER_FROM_TEAM": (
        "A team keeps at least one user: add somebody else first, take it off its projects, or delete it."
    ),
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
    if "/serviceAccounts" in call:
        return "Service accounts can be listed by a credential with Organization Read Only."
    if call.startswith(f"GET {API}/orgs"):
        return _HINTS_BY_CODE["USER_CANNOT_ACCESS_ORG"]
    if f" {API}/orgs" in call:
        return _HINTS_BY_CODE["NOT_ORG_OWNER"]
    if "/invites" in call:
        return "The credential needs Project Owner in this project."
    return _HINTS_BY_CODE["USER_CANNOT_ACCESS_GROUP" if call.startswith("GET ") else "ACCESS_FORBIDDEN"]
