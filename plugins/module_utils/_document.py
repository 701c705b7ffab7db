# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a review says in plain types: its rows, and the whole of it as one document.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

from ._access import ACTIVE, LAPSED, PENDING, PRIVILEGED, Way, days_since, folded, idle_days, labels
from ._console import plan_lines
from ._exceptions import exceptions
from ._policy import IDENTITY_RULES, RULES, Exemption, Guards, Policy, is_asked, parsed, parsed_guards
from ._review import Finding, Reviewed, lapsed
from ._steps import Row, digest
from ._totals import everybody, statuses, summary

# How many rows of a listing beside the findings go into the document; the tables hold all.
LISTED = 500
# How many cells the matrix of people and projects may have; beyond it only privileged people are in it.
MATRIX_CELLS = 6000
# How many lines of the plan; plan.json holds all.
LINES = 100


# --- rows ------------------------------------------------------------------------------------------------------------


def finding_row(finding: Finding) -> Row:
    """A finding in plain types."""
    member = finding.member
    return {
        "project": finding.project.name,
        "project_id": finding.project.id,
        "user": member.user,
        "user_id": member.user_id,
        "status": member.status,
        "rules": list(finding.rules),
        "reasons": list(finding.reasons),
        "action": finding.action,
        "roles": sorted(finding.roles),
        "residual_access": [_way_row(way) for way in finding.ways],
    }


def _way_row(way: Way) -> Row:
    return {"via": way.kind, "name": way.name, "roles": sorted(way.roles)}


def leaver_rows(policy: Policy, reviewed: Iterable[Reviewed]) -> List[Row]:
    """Where each of the leavers was found: in how many projects, as a member, and only otherwise."""
    direct: Counter[str] = Counter()
    indirect: Counter[str] = Counter()
    for one in reviewed if policy.leavers else ():
        for key, entry in one.entries.items():
            for name in policy.leavers.keys() & {key, folded(entry.member.user)}:
                (direct if entry.direct else indirect)[name] += 1
    return [
        {
            "user": user,
            "found": direct[user] + indirect[user],
            "direct": direct[user],
            "indirect": indirect[user],
            "last_day": str(leaver.last_day) if leaver.last_day else None,
            "reason": leaver.reason or None,
        }
        for user, leaver in sorted(policy.leavers.items())
    ]


def conflict_rows(reviewed: Iterable[Reviewed]) -> List[Row]:
    """Where the desired state wants what another rule forbids."""
    return [
        {"project": one.project.name, "user": conflict.user, "rules": list(conflict.rules)}
        for one in reviewed
        for conflict in one.conflicts
    ]


# --- the document ----------------------------------------------------------------------------------------------------


def document(
    about: Mapping[str, Any],
    policy: Policy,
    guards: Guards,
    reviewed: Sequence[Reviewed],
    findings: Sequence[Row],
    rows: Sequence[Row],
    now: datetime,
    exempt: Iterable[Tuple[Exemption, str]] = (),
) -> Row:
    """A review as one document. ``about`` is what is known of the run as a whole, guards and completeness included.

    ``exempt`` are the exceptions that took out what is no membership, and the rules.
    """
    waiting, oldest = invitations(reviewed, now)
    projects = [_project_row(one) for one in reviewed]
    return {
        **about,
        "policy": parsed(policy),
        "asked": [rule for rule in (*RULES, *IDENTITY_RULES) if is_asked(policy, rule)],
        "guards": parsed_guards(guards),
        "conflicts": conflict_rows(reviewed),
        "unmatched": {},
        "findings": list(findings),
        "steps": list(rows),
        "plan": plan_lines(rows, "plan.json", LINES),
        "leavers": leaver_rows(policy, reviewed),
        "exceptions": exceptions(policy, reviewed, exempt, now),
        "projects": projects,
        "matrix": matrix(reviewed, projects),
        "invitations": {"count": waiting, "rows": oldest},
        "dormant": dormant(reviewed, policy, now),
        "comparison": None,
        "after": None,
        "groups": [],
        "actions": [],
        "verification": None,
    }


def failure(about: Mapping[str, Any], problem: str, ended: str) -> Row:
    """The document of a review that came to nothing, with the same keys and the ``error``."""
    written = document(
        {
            **about,
            "organizations": [],
            "completeness": {
                "complete": False,
                "projects_seen": 0,
                "projects_in_scope": 0,
                "projects_known": None,
                "unreadable": [],
                "statuses": [],
                "team_access": "unreadable",
                "legacy_invitations": "unreadable",
                "programmatic_access": "unreadable",
            },
            "summary": {
                **summary(Policy(), Guards(), [], []),
                "missing_protected": [],
                "lapsed_exceptions": 0,
                "identities": None,
            },
            "blocked": [],
            "approval": None,
            "plan_digest": digest([]),
            "unfinished": [],
            "identities": None,
        },
        Policy(),
        Guards(),
        [],
        [],
        [],
        datetime.fromtimestamp(0, timezone.utc),
    )
    return {**written, "error": problem, "ended": ended}


@lru_cache(maxsize=10_000)
def _held(ways: Tuple[Way, ...]) -> Tuple[str, ...]:
    return tuple(sorted(frozenset().union(*(way.roles for way in ways))))


@lru_cache(maxsize=10_000)
def _privileged(ways: Tuple[Way, ...]) -> Tuple[str, ...]:
    return tuple(role for role in _held(ways) if role in PRIVILEGED)


def _project_row(one: Reviewed) -> Row:
    count = statuses(one)
    names = _names(one)
    privileged = {
        names[key]: roles
        for key, (member, ways) in one.entries.items()
        if (roles := _privileged(ways)) and member.status not in LAPSED
    }
    return {
        "name": one.project.name,
        "id": one.project.id,
        "tags": dict(one.project.tags),
        "active": count[ACTIVE],
        "pending": count[PENDING],
        "lapsed": sum(count[status] for status in LAPSED),
        "indirect": len(one.entries) - len(one.before),
        "owners": sorted(names[key] for key in one.owners),
        "privileged": dict(sorted(privileged.items())),
    }


def _names(one: Reviewed) -> Dict[str, str]:
    """What people see for each key of a project."""
    return labels({key: entry.member for key, entry in one.entries.items()})


def matrix(reviewed: Sequence[Reviewed], projects: Sequence[Row]) -> Row:
    """Who can enter what: user -> project -> roles.

    ``whole`` is false where it would be too large: then only privileged people and roles are in it.
    """
    people = {key for one in reviewed for key, entry in one.entries.items() if not lapsed(entry)}
    whole = len(people) * len(reviewed) <= MATRIX_CELLS
    rows: Dict[str, Dict[str, Sequence[str]]] = {}
    if whole:
        for one in reviewed:
            names = _names(one)
            for key, entry in one.entries.items():
                if not lapsed(entry):
                    rows.setdefault(names[key], {})[one.project.name] = _held(entry.ways)
    else:
        for project in projects:
            for user, roles in project["privileged"].items():
                rows.setdefault(user, {})[project["name"]] = roles
    most = sorted(rows, key=lambda user: (-len(rows[user]), user))
    kept = most if whole else most[: max(20, MATRIX_CELLS // max(1, len(reviewed)))]
    return {"whole": whole, "people": len(rows), "rows": {user: rows[user] for user in sorted(kept)}}


def invitations(reviewed: Iterable[Reviewed], now: datetime) -> Tuple[int, List[Row]]:
    """How many invitations are open or lapsed, and the oldest of them."""
    rows = [
        {
            "project": one.project.name,
            "user": entry.member.user,
            "status": entry.member.status,
            "days": days_since(entry.member.invitation_created_at, now),
            "inviter": entry.member.inviter,
        }
        for one in reviewed
        for entry in one.entries.values()
        if entry.member.status != ACTIVE and entry.direct
    ]
    rows.sort(key=lambda row: (-int(row["days"] or 0), row["project"], row["user"]))
    return len(rows), rows[:LISTED]


def dormant(reviewed: Iterable[Reviewed], policy: Policy, now: datetime) -> Row:
    """ACTIVE members who have not logged in for long: as the policy says, or 90 days."""
    days = policy.inactive_days if policy.inactive_days is not None else 90
    people: Dict[str, Row] = {}
    for (member, _ways), count in everybody(reviewed).items():
        idle = idle_days(member, now)
        if idle is None or idle < days:
            continue
        row = people.setdefault(
            str(member.user_id), {"user": member.user, "days": idle, "never": not member.last_auth, "projects": 0}
        )
        row["projects"] += count
    rows = sorted(people.values(), key=lambda row: (-row["days"], row["user"]))
    return {"days": days, "people": len(rows), "rows": rows[:LISTED]}


def plain(value: Any) -> Any:
    """Options as JSON can hold them."""
    return json.loads(json.dumps(value, default=str))
