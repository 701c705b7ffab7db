# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stops a plan: guards, and an approval that lifts some of them.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import (
    Any,
    Collection,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from ._access import PROJECT, Refusal, folded
from ._policy import Guards
from ._review import Reviewed
from ._steps import Row, digest_of, step_hash
from ._totals import gaining, living, losing, percent
from ._words import TOLD, are, counted, listed, was

# From so many living memberships on, a project has a guard of its own against being emptied.
SMALL = 10

# The one guard that no step of a plan trips.
PROTECTED = "protected_users"

_HASH = re.compile(r"[0-9a-f]{64}")


# --- approval --------------------------------------------------------------------------------------------------------


class Approval(NamedTuple):
    """A plan that somebody approved. ``hashes`` of its steps and the ``rows`` are None where they are not at hand.

    ``lifts`` are the guards and projects that stopped it when it was reviewed; None where that is not known: then it
    lifts what its steps trip, and no guard about people whom nobody found. ``made_at`` is when it was reviewed, and
    ``stale`` says why it counts no more. ``reviews`` are the runs that made that plan.
    """

    digest: str
    hashes: Optional[FrozenSet[str]] = None
    rows: Optional[Sequence[Row]] = None
    lifts: Optional[FrozenSet[Tuple[str, Optional[str]]]] = None
    made_at: Optional[str] = None
    stale: str = ""
    reviews: Sequence[Row] = ()


def read_approval(
    digest: Optional[str], hashes: Optional[Iterable[Any]], blocked: Optional[Iterable[Any]] = None
) -> Optional[Approval]:
    """The approval from plain data, None without one; ``blocked`` as the review returned it. Raises `Refusal`."""
    approved = (digest or "").strip().lower()
    steps = None if hashes is None else [str(one).strip().lower() for one in hashes if str(one).strip()]
    if not approved:
        # What stopped a review may be handed over without thought; the steps of a plan may not.
        if steps:
            raise Refusal("approved_steps needs approved_plan, the digest that they are checked against")
        return None
    if not _HASH.fullmatch(approved):
        raise Refusal(f"approved_plan: {digest!a} is not a digest; it has 64 hexadecimal digits")
    lifts = None if blocked is None else _stops(blocked)
    if not steps:
        return Approval(approved, lifts=lifts)
    if digest_of(steps) != approved:
        raise Refusal("approved_steps are not the steps of approved_plan: their digest is another one")
    return Approval(approved, frozenset(steps), lifts=lifts)


def _stops(blocked: Iterable[Any]) -> FrozenSet[Tuple[str, Optional[str]]]:
    """The guards and projects of rows of ``blocked``; a guard alone stands for itself in no project."""
    stops = set()
    for one in blocked:
        row = {"guard": one} if isinstance(one, str) else one
        if not isinstance(row, Mapping) or not isinstance(row.get("guard"), str):
            raise Refusal(f"approved_guards: {one!a} is no row of what stopped a review; it has a guard and a project")
        stops.add((row["guard"], row.get("project") or None))
    return frozenset(stops)


def with_plan(approval: Approval, found: Optional[Mapping[str, Any]]) -> Approval:
    """The same with the reviewed plan, where that is at hand."""
    if found is None:
        return approval
    hashes = frozenset(map(step_hash, found["steps"]))
    lifts = approval.lifts if found["blocked"] is None else _stops(found["blocked"])
    reviews = found.get("reviews", ())
    return Approval(approval.digest, hashes, found["steps"], lifts, found.get("made_at"), reviews=reviews)


class Judged(NamedTuple):
    """What stops a plan, what the approval came to (None without one), and what to tell."""

    blocked: List[Row]
    approval: Optional[Row]
    warnings: List[str]


def judge(
    guards: Guards,
    reviewed: Sequence[Reviewed],
    rows: Sequence[Row],
    approval: Optional[Approval] = None,
    require: bool = False,
    lost: Sequence[Row] = (),
    used_up: str = "",
) -> Judged:
    """Hold a plan against the guards and the approval. ``lost`` stops it as a guard does; see `unknown_protected`.

    ``used_up`` says why an approval that was given is none here.
    """
    tripped = [*lost, *_tripped(guards, reviewed)] if rows else []
    if approval is None:
        if require and rows:
            why = f": {used_up}" if used_up else ""
            tripped.append(_stop("require_approval", f"the plan of {counted(len(rows), 'step')} was not approved{why}"))
        return Judged(tripped, None, [])
    today = {step_hash(row): row for row in rows}
    new = _not_approved(approval, today)
    lifted = [] if new else [one for one in tripped if _lifts(approval, one)]
    blocked = ([_stop("approved_plan", new)] if new else []) + [one for one in tripped if one not in lifted]
    due = [row for row in approval.rows or () if step_hash(row) not in today]
    gone = len((approval.hashes or frozenset()) - today.keys())
    every = counted(len(approval.hashes or ()), "approved step")
    told = f": {listed([said(row) for row in due], '; ')}" if due else ""
    return Judged(
        blocked,
        {
            "digest": approval.digest,
            "reviews": list(approval.reviews),
            "lifted": sorted({one["guard"] for one in lifted}),
            "no_longer_due": due,
        },
        [f"{gone:,} of {every} {are(gone)} no longer due{told}"] if gone else [],
    )


def _stop(guard: str, detail: str, project: Optional[str] = None) -> Row:
    return {"guard": guard, "project": project, "detail": detail}


def _lifts(approval: Approval, one: Row) -> bool:
    if approval.lifts is None:
        return bool(one["guard"] != PROTECTED)
    return (one["guard"], one["project"]) in approval.lifts


def _not_approved(approval: Approval, today: Mapping[str, Row]) -> str:
    """What of a plan was not approved, for people; empty if all was."""
    now = digest_of(today)
    if today and approval.stale:
        return approval.stale
    if not today or now == approval.digest:
        return ""
    if approval.hashes is None:
        return (
            f"the plan is {now} now, not the approved {approval.digest}; the reviewed plan is not in evidence_dir, so "
            "what differs can't be told"
        )
    new = [row for key, row in today.items() if key not in approval.hashes]
    if not new:
        return ""
    about = {(row["project_id"], row["action"], folded(row["user"])): row for row in approval.rows or ()}
    sentences = [f"{said(row)}{_differs(row, about)}" for row in new]
    steps = f"{len(new):,} of {counted(len(today), 'step')} {was(len(new))}"
    return f"{steps} not approved: {listed(sentences, '; ')}"


def _differs(row: Row, approved: Mapping[Tuple[str, str, str], Row]) -> str:
    was = approved.get((row["project_id"], row["action"], folded(row["user"])))
    if was is None:
        return ""
    said = []
    if was["user_id"] != row["user_id"]:
        said.append(f"another account, {row['user_id']}, was {was['user_id']}")
    if was["status"] != row["status"]:
        said.append(f"is {row['status']}, was {was['status']}")
    if sorted(was["roles"]) != sorted(row["roles"]):
        said.append(f"other roles, was {', '.join(sorted(was['roles']))}")
    return f" [{'; '.join(said)}]" if said else ""


def said(row: Row) -> str:
    """A step for a person to read."""
    return f"{row['action']} {row['user']} in {row['project']} ({', '.join(row['roles'])})"


# --- guards ----------------------------------------------------------------------------------------------------------


def _tripped(guards: Guards, reviewed: Sequence[Reviewed]) -> List[Row]:
    """The guards of numbers that a plan trips: strictly more than the limit."""
    lose = {one.project.id: len(losing(one)) for one in reviewed}
    alive = {one.project.id: len(living(one)) for one in reviewed}
    lost, total = sum(lose.values()), sum(alive.values())
    come = sum(len(gaining(one)) for one in reviewed)
    names = Counter(one.project.name for one in reviewed)
    tripped = []
    if guards.max_removals is not None and lost > guards.max_removals:
        tripped.append(_stop("max_removals", f"{_lost(lost, total)}, and max_removals is {guards.max_removals}"))
    # Of projects alone too: an organization of many people would make little of all that ends in them.
    projects = [one.project.id for one in reviewed if one.project.kind == PROJECT]
    for mine in [projects] if len(projects) == len(reviewed) else [projects, list(lose)]:
        lost, total = sum(lose[key] for key in mine), sum(alive[key] for key in mine)
        if lost * 100 > guards.max_removal_percent * total:
            limit = f"max_removal_percent is {guards.max_removal_percent}"
            tripped.append(_stop("max_removal_percent", f"{_lost(lost, total)}, and {limit}"))
            break
    if guards.max_additions is not None and come > guards.max_additions:
        detail = f"{counted(come, 'membership')} would come or gain roles, and max_additions is {guards.max_additions}"
        tripped.append(_stop("max_additions", detail))
    for one in reviewed:
        project = one.project
        name = project.name if names[project.name] == 1 else f"{project.name} ({project.id})"
        lost, total = lose[project.id], alive[project.id]
        if total >= SMALL and lost * 100 > guards.max_project_removal_percent * total:
            limit = f"max_project_removal_percent is {guards.max_project_removal_percent}"
            tripped.append(_stop("max_project_removal_percent", f"{_lost(lost, total)}, and {limit}", name))
        if len(one.left) < min(len(one.owners), guards.min_owners):
            owners = f"{len(one.left)} of {counted(len(one.owners), 'ACTIVE owner')}"
            detail = f"{owners} would remain; min_owners is {guards.min_owners}"
            tripped.append(_stop("min_owners", detail, name))
    return tripped


def _lost(lost: int, total: int) -> str:
    return f"{lost:,} of {counted(total, 'membership')} ({percent(lost, total)} %) would end or lose a role"


def unknown_protected(missing: Sequence[str], known: Collection[str]) -> List[Row]:
    """Stops for protected people whom a whole organization does not know: they may be misspelt."""
    emails = sorted(one for one in known if "@" in one)
    rows = []
    for user in missing[:TOLD]:
        near = difflib.get_close_matches(user, emails, n=3, cutoff=0.6)
        hint = f"; near names: {', '.join(near)}" if near else ""
        rows.append(_stop(PROTECTED, f"{user} is protected, but nobody in the organization is that{hint}"))
    more = len(missing) - TOLD
    if more > 0:
        rows.append(_stop(PROTECTED, f"{more:,} more {are(more)} protected, but nobody in the organization is that"))
    return rows
