# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who gets in without being a person: API keys and service accounts, where, with which roles, what is known of use.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import ORGANIZATION_ROLES, PRIVILEGED, UNKNOWN_WAY, Project, Roles, Way, days_since, folded, moment

API_KEY, SERVICE_ACCOUNT = "api_key", "service_account"
# Whether a secret is good today. A key has one that never ends and of which nothing else is told.
VALID, EXPIRED, NO_SECRET, NOT_TOLD, ENDLESS = "valid", "expired", "none", "not told", "never expires"

Row = Dict[str, Any]


class Secret(NamedTuple):
    """What is told of a service account's secret, which is never the secret itself. Times are as Atlas gives them."""

    id: str
    created_at: Optional[str]
    expires_at: Optional[str]
    last_used_at: Optional[str]


class Identity(NamedTuple):
    """An API key or a service account. ``projects`` are its roles by project id, None where those could not be read.

    Roles of None are not told. ``secrets`` is None where nothing is told of them, as of every key. ``system_managed``
    (by MongoDB, for an MCP configuration) is None where it is not known. ``this_run`` marks the run's own credential,
    None where the run can't know.
    """

    kind: str
    id: str
    name: str
    org_id: str
    org_roles: Roles
    projects: Optional[Mapping[str, Optional[Roles]]]
    public_key: Optional[str] = None
    created_at: Optional[str] = None
    secrets: Optional[Tuple[Secret, ...]] = None
    system_managed: Optional[bool] = False
    this_run: Optional[bool] = False


# --- what is known of one --------------------------------------------------------------------------------------------


def names_of(one: Identity) -> FrozenSet[str]:
    """All that people may call an identity, folded: its id, its name, the public key."""
    return frozenset(folded(name) for name in (one.id, one.name, one.public_key) if name)


def ways_into(one: Identity, project: Project) -> Tuple[Way, ...]:
    """How an identity gets into a project: because it was given it, and by roles in the organization."""
    if project.org_id != one.org_id:
        return ()
    mine = one.projects or {}
    direct = [Way("direct", None, mine[project.id] or frozenset())] if project.id in mine else []
    by_role = [
        Way("organization", role, frozenset([gives]))
        for role, gives in ORGANIZATION_ROLES.items()
        if role in one.org_roles
    ]
    return tuple(direct + by_role)


def gets_into(one: Identity, projects: Iterable[Project]) -> bool:
    """Whether an identity gets into one of these projects, or may: which ones are its own could not be read."""
    return one.projects is None or any(ways_into(one, project) for project in projects)


def is_privileged(roles: Iterable[str]) -> bool:
    """Whether one of the roles decides about others or reaches the data."""
    return any(role in PRIVILEGED or ORGANIZATION_ROLES.get(role) in PRIVILEGED for role in roles)


def roles_in(one: Identity, projects: Iterable[Project]) -> Roles:
    """The roles in the organization and in these projects, as far as they are told."""
    mine = one.projects or {}
    return one.org_roles.union(*(mine.get(project.id) or () for project in projects))


def last_used(one: Identity) -> Optional[str]:
    """When a secret was last used; None for never, and where nobody is told."""
    used = [secret.last_used_at for secret in one.secrets or () if secret.last_used_at and moment(secret.last_used_at)]
    return max(used, key=lambda text: str(moment(text))) if used else None


def idle_days(one: Identity, now: datetime) -> Optional[int]:
    """Days since a secret was last used, or if never, since the account was made. None where it can't be known."""
    return None if one.secrets is None else days_since(last_used(one) or one.created_at, now)


def secret_state(one: Identity, now: datetime) -> str:
    """Whether a secret is good today."""
    if one.kind == API_KEY:
        return ENDLESS
    if one.secrets is None:
        return NOT_TOLD
    ends = [moment(secret.expires_at) if secret.expires_at else None for secret in one.secrets]
    if any(end is not None and end > now for end in ends):
        return VALID
    if None in ends:
        return NOT_TOLD
    return EXPIRED if ends else NO_SECRET


# --- in plain types --------------------------------------------------------------------------------------------------


def in_order(identities: Iterable[Identity]) -> List[Identity]:
    """API keys, then service accounts, each by name."""
    return sorted(identities, key=lambda one: (one.kind, folded(one.name), one.id))


def about(one: Identity, now: datetime) -> Row:
    """What is known of an identity itself."""
    return {
        "org_id": one.org_id,
        "kind": one.kind,
        "id": one.id,
        "public_key": one.public_key,
        "name": one.name,
        "organization_roles": sorted(one.org_roles),
        "system_managed": one.system_managed,
        "this_run": one.this_run,
        "created_at": one.created_at,
        "last_used_at": last_used(one),
        "idle_days": idle_days(one, now),
        "secret_state": secret_state(one, now),
        "secrets": None if one.secrets is None else [secret._asdict() for secret in one.secrets],
    }


def place_rows(identities: Iterable[Identity], projects: Sequence[Project], now: datetime) -> List[Row]:
    """A row for each identity and project that it gets into, by project; those that get into none have one at the end.

    Whose projects could not be read has a row without a project, too.
    """
    ordered = [(one, about(one, now)) for one in in_order(identities)]
    rows = [
        _place_row(project, known, ways, one.projects or {})
        for project in projects
        for one, known in ordered
        for ways in [ways_into(one, project)]
        if ways
    ]
    for one, known in ordered:
        if one.projects is None:
            rows.append(_place_row(None, known, (UNKNOWN_WAY,), {}))
        elif not gets_into(one, projects):
            rows.append(_place_row(None, known, (), {}))
    return rows


def _place_row(project: Optional[Project], known: Row, ways: Sequence[Way], mine: Mapping[str, Optional[Roles]]) -> Row:
    """``roles`` is None where they are not told."""
    own = mine.get(project.id, frozenset()) if project else frozenset()
    return {
        "project": project.name if project else None,
        "project_id": project.id if project else None,
        **known,
        "roles": None if own is None else sorted(own),
        "via": [{"kind": way.kind, "name": way.name, "roles": sorted(way.roles)} for way in ways],
        "privileged": is_privileged([*(own or ()), *known["organization_roles"]]),
    }
