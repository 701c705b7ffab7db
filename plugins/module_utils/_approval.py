# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What whoever approves a plan is told, and how long and how often an approval counts.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ._access import Refusal
from ._words import counted

# How many hours after its review a plan may be carried out.
HOURS = 168
# Clocks of two machines are never quite the same.
_SKEW = timedelta(minutes=5)
# As automation controllers call a job that a workflow started.
_WORKFLOW = "workflow"
# What is no guard that an approval could override: it is the approval.
_APPROVALS = ("require_approval", "approved_plan")
# The kinds of places that steps are in, as they are told.
_PLACES = ("organization", "team", "project")
# How much of each kind the text names, and how long a line of it is.
PROJECTS, OTHERS, LINE = 12, 8, 300


class Term(NamedTuple):
    """When the approved plan was reviewed, None where that is not told, and for how many hours that counts."""

    at: Optional[datetime]
    hours: int


def read_term(approved_at: Optional[str], hours: Any) -> Term:
    """The term of an approval from plain data. Raises `Refusal` with a sentence."""
    text = "" if hours is None else str(hours).strip()
    if text and not (text.isascii() and text.isdigit()):
        raise Refusal(f"approval_hours: {hours!a} is not a number; write a whole number of hours such as {HOURS}")
    at = (approved_at or "").strip()
    if at and _moment(at) is None:
        raise Refusal(f"approved_at: {approved_at!a} is no time; write one such as 2026-04-01T06:00:00+00:00")
    return Term(_moment(at), int(text) if text else HOURS)


def _moment(text: Any) -> Optional[datetime]:
    try:
        # Before Python 3.11 a Z is not understood.
        found = datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1:] in ("z", "Z") else text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def stale(term: Term, made_at: Optional[str], now: datetime) -> str:
    """Why an approval does not count any more, for people; empty if it does. ``made_at`` is what the plan itself says.

    A time to come makes no approval last longer.
    """
    at = term.at or _moment(made_at)
    if at is None:
        return "the approved plan does not say when it was reviewed; review again" if made_at else ""
    if at > now + _SKEW:
        return (
            f"the approved plan says that it was reviewed at {at.isoformat(timespec='seconds')}, which is yet to come"
        )
    if now - at <= timedelta(hours=term.hours):
        return ""
    age = int((now - at).total_seconds() // 3600)
    return (
        f"the approved plan was reviewed {counted(age, 'hour')} ago, and approval_hours is {term.hours}; review again"
    )


def used_up(run: Optional[Mapping[str, Any]]) -> str:
    """Why the approval of a run does not count, for people; empty if it does.

    Automation controllers keep a job's variables when it is launched again, those of its approval included.
    """
    started = str((run or {}).get("launch_type") or "").strip()
    if started in ("", _WORKFLOW):
        return ""
    return f"an approval counts once, in the workflow that it was given in; this job was started by {started!a}"


# --- the text --------------------------------------------------------------------------------------------------------


def text(document: Mapping[str, Any]) -> List[str]:
    """What somebody who is to approve the plan of a review reads, a line each, bounded."""
    steps: Sequence[Mapping[str, Any]] = document["steps"]
    whole = document["completeness"]
    unread = whole["unreadable"] or whole["team_access"] == "unreadable"
    lost = "was not found in what could be read" if unread else "was found nowhere in scope"
    stay = [*document["outcome"]["still"], *(f"{user} {lost}" for user in nowhere(document))]
    if not steps:
        return _cut(["The plan has no steps.", *_some(stay, "points")])
    lines = _where(steps)
    trips = [one for one in document["blocked"] if one["guard"] not in _APPROVALS]
    lines.append(f"Approving overrides {counted(len(trips), 'guard')}:" if trips else "No guard stands against it.")
    lines += _some([_guard(one) for one in trips], "guards")
    if stay:
        lines.append("What stays open all the same:")
        lines += _some(stay, "points")
    return _cut(lines)


def _where(steps: Sequence[Mapping[str, Any]]) -> List[str]:
    """How many steps there are, and in which places; those that inviting again does not undo come first."""
    places: Dict[Any, List[Mapping[str, Any]]] = {}
    for row in sorted(steps, key=lambda row: _PLACES.index(row.get("place", "project"))):
        kind = row.get("place", "project")
        places.setdefault((kind, row["project"], row["project_id"]), []).append(row)
    counts = Counter(kind for kind, _name, _id in places)
    kinds = " and ".join(counted(counts[kind], kind) for kind in reversed(_PLACES) if counts[kind])
    lines = [f"The plan has {counted(len(steps), 'step')} in {kinds}: {_kinds(steps)}."]
    for (kind, name, _id), mine in list(places.items())[:PROJECTS]:
        lines.append(f"{name if kind == 'project' else f'{kind} {name}'}: {_kinds(mine)}")
    rest = list(places)[PROJECTS:]
    if rest:
        what = "more project" if all(kind == "project" for kind, _name, _id in rest) else "more place"
        lines.append(f"in {counted(len(rest), what)}: {_kinds([row for place in rest for row in places[place]])}")
    return lines


def overridden(blocked: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """Which guards an approval of a plan with these stops lifts, and in which projects."""
    trips = [one for one in blocked if one["guard"] not in _APPROVALS]
    return [{"guard": one["guard"], "project": one["project"]} for one in trips]


def nowhere(document: Mapping[str, Any]) -> List[str]:
    """The leavers whom a review found nowhere in what it could read."""
    return [row["user"] for row in document.get("leavers") or () if not row["found"]]


def _kinds(rows: Sequence[Mapping[str, Any]]) -> str:
    kinds = Counter(row["action"] for row in rows)
    return ", ".join(f"{action} {kinds[action]:,}" for action in ("add", "grant", "revoke", "remove") if kinds[action])


def _guard(one: Mapping[str, Any]) -> str:
    place = f" in {one['project']}" if one["project"] else ""
    return f"{one['guard']}{place}: {one['detail']}"


def _some(lines: Sequence[str], what: str) -> List[str]:
    left = len(lines) - OTHERS
    more = f"and {left:,} more {what if left > 1 else what[:-1]}, in the report"
    return [*lines[:OTHERS], *([more] if left > 0 else [])]


def _cut(lines: Sequence[str]) -> List[str]:
    return [line if len(line) <= LINE else f"{line[: LINE - 3]}..." for line in lines]
