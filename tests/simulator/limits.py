# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits: a token bucket for every endpoint set and scope, and plain windows for tokens and invitations.

The figures are those of the published table of limits, which is no part of the API's contract.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from .errors import ApiError


@dataclass(frozen=True)
class Limit:
    name: str
    title: str
    scope: str
    capacity: float
    refill: float
    period_s: float = 60.0
    continuous: bool = False


DEFAULTS = {
    limit.name: limit
    for limit in (
        Limit("project_users", "MongoDB Cloud Users", "GROUP", 1200, 500),
        Limit("org_users", "MongoDB Cloud Users", "ORGANIZATION", 500, 250),
        Limit("project", "Projects", "GROUP", 1200, 500),
        Limit("projects", "Projects", "USER", 1200, 500),
        Limit("org", "Organizations", "ORGANIZATION", 500, 250),
        Limit("orgs", "Organizations", "USER", 300, 100),
        Limit("project_teams", "Teams", "GROUP", 1200, 500),
        Limit("org_teams", "Teams", "ORGANIZATION", 1200, 500),
        Limit("project_events", "Events", "GROUP", 300, 100),
        Limit("org_events", "Events", "ORGANIZATION", 500, 250),
        Limit("project_api_keys", "Programmatic API Keys", "GROUP", 1200, 500),
        Limit("project_service_accounts", "Service Accounts", "GROUP", 1200, 500),
        Limit("org_api_keys", "Programmatic API Keys", "ORGANIZATION", 500, 250),
        Limit("org_service_accounts", "Service Accounts", "ORGANIZATION", 500, 250),
        Limit("rate_limits", "Rate Limits Inspection", "USER", 300, 100),
    )
}


class Bucket:
    """Tokens that come back at the end of each period, or (as an older page says) all the time."""

    __slots__ = ("limit", "tokens", "since")

    def __init__(self, limit: Limit, now: float) -> None:
        self.limit = limit
        self.tokens = float(limit.capacity)
        self.since = now

    def take(self, now: float) -> float:
        """0.0 when there was a token, else the seconds until the next one."""
        self._refill(now)
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        if self.limit.continuous:
            return (1 - self.tokens) * self.limit.period_s / self.limit.refill
        return self.since + self.limit.period_s - now

    def _refill(self, now: float) -> None:
        periods = (now - self.since) / self.limit.period_s
        if not self.limit.continuous:
            periods = math.floor(periods)
        self.tokens = min(float(self.limit.capacity), self.tokens + periods * self.limit.refill)
        self.since += periods * self.limit.period_s


class Buckets:
    def __init__(self, overrides: dict[str, dict[str, Any]]) -> None:
        self.limits = dict(DEFAULTS)
        self._buckets: dict[tuple[str, str], Bucket] = {}
        for name, values in overrides.items():
            self.override(name, values)

    def override(self, name: str, values: dict[str, Any]) -> None:
        if name not in DEFAULTS:
            raise ValueError(f"No limit named {name!r}; there are {', '.join(DEFAULTS)}")
        self.limits[name] = replace(DEFAULTS[name], **values)
        for key in [key for key in self._buckets if key[0] == name]:
            del self._buckets[key]

    def take(self, name: str, scope_id: str, path: str, now: float, headers: dict[str, str] | None) -> None:
        """Take a token, and write down what is left in `headers` (None: the service does not tell)."""
        bucket = self._buckets.get((name, scope_id))
        if bucket is None:
            bucket = self._buckets[name, scope_id] = Bucket(self.limits[name], now)
        wait = bucket.take(now)
        limit = bucket.limit
        if headers is not None:
            headers["RateLimit-Limit"] = str(int(limit.capacity))
            headers["RateLimit-Remaining"] = str(int(bucket.tokens))
        if not wait:
            return
        seconds = math.ceil(wait)
        capacity, refill, period_s = (math.ceil(figure) for figure in (limit.capacity, limit.refill, limit.period_s))
        told = path.lstrip("/")
        raise ApiError(
            429,
            "RATE_LIMITED_TOKEN_BUCKET",
            f"Rate limit exceeded for {told}. Please retry after {seconds} seconds. "
            f"Request capacity: {capacity}. Refill rate: {refill} per {period_s} seconds.",
            [told, seconds, capacity, refill, period_s],
            {"Retry-After": str(seconds)} if headers is not None else {},
        )


class Window:
    """So many per window of fixed length."""

    __slots__ = ("start", "count")

    def __init__(self) -> None:
        self.start = -math.inf
        self.count = 0

    def take(self, allowed: int, length_s: float, now: float) -> float:
        """0.0 when allowed, else the seconds until the window ends."""
        if now - self.start >= length_s:
            self.start, self.count = now, 0
        if self.count >= allowed:
            return self.start + length_s - now
        self.count += 1
        return 0.0
