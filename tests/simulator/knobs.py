# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents leave open, or what a test wants to turn: one dataclass, checked at every assignment."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

# The project roles on the Atlas user roles page.
PROJECT_ROLES = frozenset(
    {
        "GROUP_OWNER",
        "GROUP_READ_ONLY",
        "GROUP_ACCESS_MANAGER",
        "GROUP_CLUSTER_MANAGER",
        "GROUP_CLUSTER_CREATOR",
        "GROUP_CLUSTER_LOG_VIEWER",
        "GROUP_CLUSTER_RESILIENCE_TESTER",
        "GROUP_REPLICA_SET_MANAGER",
        "GROUP_STREAM_PROCESSING_OWNER",
        "GROUP_DATA_ACCESS_ADMIN",
        "GROUP_DATA_ACCESS_READ_WRITE",
        "GROUP_DATA_ACCESS_READ_ONLY",
        "GROUP_DATABASE_ACCESS_ADMIN",
        "GROUP_SEARCH_INDEX_EDITOR",
        "GROUP_INDEX_MANAGER",
        "GROUP_BACKUP_MANAGER",
        "GROUP_BACKUP_CREATOR",
        "GROUP_BACKUP_RECOVERY_OPERATOR",
        "GROUP_BACKUP_EXPORT_OPERATOR",
        "GROUP_OBSERVABILITY_VIEWER",
        "GROUP_REAL_TIME_PERFORMANCE_OPERATOR",
        "GROUP_NETWORK_ACCESS_MANAGER",
        "GROUP_TRIGGER_MANAGER",
        "GROUP_SUPPORT_ACCESS_MANAGER",
        "GROUP_ALERTS_MANAGER",
        "GROUP_MODEL_OWNER",
    }
)

ORGANIZATION_ROLES = frozenset(
    {
        "ORG_OWNER",
        "ORG_GROUP_CREATOR",
        "ORG_BILLING_ADMIN",
        "ORG_BILLING_READ_ONLY",
        "ORG_STREAM_PROCESSING_ADMIN",
        "ORG_READ_ONLY",
        "ORG_MEMBER",
    }
)

CHOICES: dict[str, tuple[Any, ...]] = {
    "last_role_status": (403, 409, 400),
    "unknown_project": (404, 401),
    "last_owner": ("allow", "refuse"),
    "last_owner_code": ("CANNOT_DELETE_LAST_ADMIN", "CANNOT_DELETE_LAST_OWNER", "CANNOT_DEMOTE_LAST_OWNER"),
    "username_filter": ("exact-case", "any-case"),
    "team_only_write": (404, 400, 403, 204),
    "remove_role_not_held": (400, 404, 409, 200),
    "add_role_held": (409, 200),
    "org_denied_status": (401, 403),
    "total_count": ("exact", "low", "high", "absent"),
    "uncounted": ("recorded", "absent", "zero"),
    "flattened_roles": ("union", "team_only"),
    "people_order": ("username", "unsorted"),
    "challenge_body": ("whole", "no_code", "none"),
    "renewed_id": ("same", "new"),
    "org_removal": ("cascade", "refuse"),
    "last_of_team": (403, 400),
    "already_gone": (404, 400),
}
# The fields of an error that may be null.
NULLABLE = ("errorCode", "detail", "reason")


@dataclass
class Knobs:
    """Every field can be set in the world file, in the constructor, on the live object, or by the control API."""

    # Status of :removeRole on a user's only role; the code list says 403, the schema also allows 409.
    last_role_status: int = 403
    # A project that does not exist, or that the credential does not see: recorded as 404, elsewhere seen as 401.
    unknown_project: int = 404
    # Whether the service itself keeps the last project owner (older manuals say so, current ones are silent).
    last_owner: str = "allow"
    # With which code it does: three are known, from two manuals of one code base.
    last_owner_code: str = "CANNOT_DELETE_LAST_ADMIN"
    # Whether DELETE accepts expired and rejected invitations; if not: 404, and the row stays.
    expired_removable: bool = True
    # Case sensitivity of the `username` filter.
    username_filter: str = "exact-case"
    # DELETE or :removeRole on somebody who is in only through a team or an organization role (204: nothing happens).
    team_only_write: int = 404
    # :removeRole of a role that the user does not hold.
    remove_role_not_held: int = 400
    # :addRole of a role that the user holds already.
    add_role_held: int = 409
    # DELETE of somebody in the organization takes them out of its projects and teams, or is refused while they are
    # there: written nowhere.
    org_removal: str = "cascade"
    # Status of :removeUser of a team's only user, and of what takes somebody out who is not there.
    last_of_team: int = 403
    already_gone: int = 404
    # What a listing with teams or organization users shows for somebody with direct roles too:
    # all roles together, or only the inherited ones.
    flattened_roles: str = "union"
    # Whether a new invitation in place of an expired or rejected one gives the person a new id ("replaced").
    renewed_id: str = "same"
    # Whether people come sorted by username: all recordings do, nothing is promised.
    people_order: str = "username"
    # Whether a credential of single projects, an Organization Member, reads the organization; if not: what it gets.
    org_member_reads: bool = True
    org_denied_status: int = 401
    # Whether the projects of a service account come with its roles there; older answers leave them out.
    account_project_roles: bool = True
    # Whether a request that only fetches the digest challenge costs a token of the rate limit.
    digest_challenge_costs: bool = False
    # Seconds until a digest nonce is refused ("short-lived", says the manual).
    nonce_ttl_s: float = 300.0
    # Whether an outlived nonce is answered with stale=true; the recorded challenges always say false.
    nonce_stale_flag: bool = True
    # What a challenge says besides its header: older recordings have no errorCode, some no body at all.
    challenge_body: str = "whole"
    # `totalCount` is an estimate.
    total_count: str = "exact"
    # `totalCount` for includeCount=false: no such field, says the schema; the activity feed was recorded with a 0.
    uncounted: str = "recorded"
    # Rate limit headers and Retry-After may be missing.
    rate_headers: bool = True
    # Some errors come without `errorCode`.
    error_codes: bool = True
    # Fields of errors that are null, of `NULLABLE`.
    error_nulls: tuple[str, ...] = ()
    # Versions that are past their sunset: 410 for the resources that have no other.
    gone_versions: tuple[str, ...] = ()
    # Whether the deprecated invitation endpoints are past their sunset already.
    legacy_gone: bool = False
    # Role names that the service knows today; new ones arrive without a new version.
    known_roles: frozenset[str] = field(default_factory=lambda: PROJECT_ROLES)
    known_org_roles: frozenset[str] = field(default_factory=lambda: ORGANIZATION_ROLES)
    # Seconds added to every answer (of many requests at once).
    latency_s: float = 0.0
    # For how long after a write a listing still shows the state before it (nothing is promised).
    read_after_write_lag_s: float = 0.0
    # Seconds until an event shows in the activity feed.
    events_delay_s: float = 0.0
    # Whether the event of somebody in a team says which team: what describes events of users has no field for it, what
    # describes all events together has one.
    event_team: bool = False
    # Life of an access token.
    token_ttl_s: float = 3600.0
    # Token requests per window and client (0: no limit), and the window.
    token_requests: int = 50
    token_window_s: float = 60.0
    # Live access tokens of one service account (0: no limit).
    max_live_tokens: int = 100
    # Invitations per window and IP address (documented as 10 a minute; 0: no limit), and the window.
    invitations: int = 0
    invitation_window_s: float = 60.0

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, checked(name, value))

    def update(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self, name, value)


NAMES = tuple(f.name for f in fields(Knobs))


def checked(name: str, value: Any) -> Any:
    """The value in its proper type, or a ValueError that names what is possible."""
    if name not in NAMES:
        near = get_close_matches(name, NAMES, 1)
        raise ValueError(f"No knob named {name!r}{f': did you mean {near[0]!r}?' if near else ''}")
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"Knob {name} is one of {', '.join(map(str, CHOICES[name]))}, not {value!r}")
    if name in ("known_roles", "known_org_roles"):
        return frozenset(value)
    if name in ("gone_versions", "error_nulls"):
        value = tuple(str(entry) for entry in value)
    if name == "error_nulls" and set(value) - set(NULLABLE):
        raise ValueError(f"Knob error_nulls holds some of {', '.join(NULLABLE)}, not {value!r}")
    return value
