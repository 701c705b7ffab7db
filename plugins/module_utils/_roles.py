# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles of projects and organizations: which are known, and how people write them.

Pure: no I/O, no Ansible. Private to this collection. What is wrong raises `Refusal` with a sentence for the user.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, Iterable, List, NamedTuple, Sequence

from ._access import ORGANIZATION, PROJECT, Refusal, Roles
from ._names import blank, texts

# The project roles known in 2026. The API takes free strings, and new ones come without a new version of it.
KNOWN_ROLES = (
    "GROUP_ACCESS_MANAGER",
    "GROUP_ALERTS_MANAGER",
    "GROUP_BACKUP_CREATOR",
    "GROUP_BACKUP_EXPORT_OPERATOR",
    "GROUP_BACKUP_MANAGER",
    "GROUP_BACKUP_RECOVERY_OPERATOR",
    "GROUP_CLUSTER_CREATOR",
    "GROUP_CLUSTER_LOG_VIEWER",
    "GROUP_CLUSTER_MANAGER",
    "GROUP_CLUSTER_RESILIENCE_TESTER",
    "GROUP_DATABASE_ACCESS_ADMIN",
    "GROUP_DATA_ACCESS_ADMIN",
    "GROUP_DATA_ACCESS_READ_ONLY",
    "GROUP_DATA_ACCESS_READ_WRITE",
    "GROUP_INDEX_MANAGER",
    "GROUP_MODEL_OWNER",
    "GROUP_NETWORK_ACCESS_MANAGER",
    "GROUP_OBSERVABILITY_VIEWER",
    "GROUP_OWNER",
    "GROUP_READ_ONLY",
    "GROUP_REAL_TIME_PERFORMANCE_OPERATOR",
    "GROUP_REPLICA_SET_MANAGER",
    "GROUP_SEARCH_INDEX_EDITOR",
    "GROUP_STREAM_PROCESSING_OWNER",
    "GROUP_SUPPORT_ACCESS_MANAGER",
    "GROUP_TRIGGER_MANAGER",
)

# The organization roles known in 2026.
KNOWN_ORGANIZATION_ROLES = (
    "ORG_BILLING_ADMIN",
    "ORG_BILLING_READ_ONLY",
    "ORG_GROUP_CREATOR",
    "ORG_MEMBER",
    "ORG_OWNER",
    "ORG_READ_ONLY",
    "ORG_STREAM_PROCESSING_ADMIN",
)


class _Roles(NamedTuple):
    """How the roles of a kind of place look."""

    prefix: str
    known: Sequence[str]
    example: str
    others: str


_ROLES = {
    PROJECT: _Roles(
        "GROUP_",
        KNOWN_ROLES,
        "GROUP_READ_ONLY",
        "organization roles are not managed here, write a role that starts with GROUP_, such as GROUP_READ_ONLY",
    ),
    ORGANIZATION: _Roles(
        "ORG_",
        KNOWN_ORGANIZATION_ROLES,
        "ORG_MEMBER",
        "project roles are not managed here, write a role that starts with ORG_, such as ORG_MEMBER",
    ),
}


def check_roles(names: Iterable[str], option: str = "roles", kind: str = PROJECT) -> List[str]:
    """Warnings for roles of a kind of place that nobody knows, with the nearest known name.

    Raises `Refusal` for what can't be such a role.
    """
    warnings = []
    of = _ROLES[kind]
    for name in sorted(set(names)):
        if not re.fullmatch(of.prefix + "[A-Z0-9_]+", name):
            raise Refusal(f"{option}: '{name}' is not {_a(kind)} role; {_suggest_role(name, kind)}")
        if name not in of.known:
            warnings.append(f"{option}: the {kind} role '{name}' is not a known one; {_suggest_role(name, kind)}")
    return warnings


def _a(kind: str) -> str:
    return f"an {kind}" if kind == ORGANIZATION else f"a {kind}"


def _suggest_role(name: str, kind: str) -> str:
    of = _ROLES[kind]
    if any(name.upper().startswith(other.prefix) for other in _ROLES.values() if other is not of):
        return of.others
    # People write what the console shows, "Project Owner", or what they make of that.
    wanted = re.sub(r"^(GROUP|PROJECT|ORG|ORGANIZATION)_", "", re.sub(r"\W+", "_", name.strip().upper()))
    rests = [role[len(of.prefix) :] for role in of.known]
    near = difflib.get_close_matches(wanted, rests, n=1, cutoff=0.5)
    return f"did you mean {of.prefix}{near[0]}?" if near else f"{kind} roles look like {of.example}"


def role_set(given: Any, option: str, kind: str = PROJECT) -> Roles:
    """A set of roles, none of them blank."""
    example = f"[{_ROLES[kind].example}]"
    if blank(given) or given == []:
        raise Refusal(f"{option} missing: name at least one, such as {example}")
    values = [given] if isinstance(given, str) else given
    if not isinstance(values, list) or not all(isinstance(role, str) for role in values):
        raise Refusal(f"{option}: {given!a} is not a list of role names; write such as {example}")
    if any(map(blank, values)):
        raise Refusal(f"{option} holds a blank, {given!a}; name the role, or delete the blank")
    return frozenset(texts(values) or ())
