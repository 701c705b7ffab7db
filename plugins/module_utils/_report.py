# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run that writes returns: what was done, what is left, what failed. Pure: no I/O, no Ansible.

Private to this collection.
"""

from __future__ import annotations

import json
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ._access import (
    ACTIVE,
    ORGANIZATION,
    TEAM,
    Member,
    Residual,
    access_of,
    difference,
    folded,
    shows,
)
from ._asked import fulfilled
from ._cases import Case, Outcome, Run, expected
from ._errors import AtlasError
from ._result import LIMIT, OF_DIFF, OF_MEMBERSHIPS, OF_MESSAGES, OF_OPTIONS, OF_RESIDUAL, Row, bounded, named, row
from ._steps import DONE, FAILED, PLANNED, RESTORED, SKIPPED
from ._words import counted, was

# Failures and warnings that are told in full.
TOLD = 5
WARNED = 20


def report(run: Run, interrupted: Optional[str] = None, planned: bool = False) -> Tuple[Row, List[str], Optional[str]]:
    """The result of a run, warnings, and what to fail with, if anything failed.

    What is left out of it is told, unless a plan was carried out: then the files beside that hold all.
    """
    several = run.kind == ORGANIZATION
    actions = [
        {"place": case.project.kind, **action} if several else action for case in run.cases for action in _actions(case)
    ]
    memberships = [one for case in run.cases if case.project.kind == run.kind for one in _memberships(case)]
    residual = [_residual_row(one) for one in run.residual]
    before, after, projects = _diff(run.cases)
    parts = {"memberships": (bounded(memberships, OF_MEMBERSHIPS), memberships)}
    if run.removes and run.kind != ORGANIZATION:
        parts["residual_access"] = (bounded(residual, OF_RESIDUAL), residual)
    if run.kind == TEAM:
        ends = _ends(run)
        parts["ends"] = (bounded(ends, OF_RESIDUAL), ends)
    if several:
        parts["held"] = (bounded(run.held, OF_RESIDUAL), run.held)
    taken = sum(len(json.dumps(part)) for part in (before, after, *(some for some, _every in parts.values())))
    shown = bounded(
        sorted(actions, key=lambda action: action["status"] != FAILED), LIMIT - OF_MESSAGES - OF_OPTIONS - taken
    )
    # Failed ones come first only where not all fit.
    parts["actions"] = (actions if len(shown) == len(actions) else shown, actions)
    wrong, told = _surprises(run)
    cut = [_cut(name, len(some), len(every)) for name, (some, every) in parts.items() if len(some) < len(every)]
    if len(before) < projects:
        cut.append(_cut("diff, by project", len(before), projects))
    result = {
        "changed": any(one.changes for case in run.cases for one in case.outcomes),
        "actions_omitted": len(actions) - len(shown),
        "counts": {
            status: sum(action["status"] == status for action in actions) for status in (PLANNED, DONE, FAILED, SKIPPED)
        },
        "diff": {"before": before, "after": after},
        **{name: some for name, (some, _every) in parts.items()},
    }
    return result, _few([*([] if planned else cut), *run.warnings, *told]), _failures(run, wrong, interrupted)


def _cut(name: str, fits: int, every: int) -> str:
    more = ", and a journal (the option) keeps all" if name == "actions" else ""
    return f"{name}: {every:,} are too many for one result, which holds {fits:,} of them; counts are of all{more}"


def _few(warnings: Sequence[str]) -> List[str]:
    """Warnings, each once and not more than people read."""
    once = list(dict.fromkeys(warnings))
    return once[:WARNED] + ([counted(len(once) - WARNED, "more warning")] if len(once) > WARNED else [])


def _actions(case: Case) -> List[Row]:
    if case.unread:
        return [_action(case, "read", FAILED, error=case.unread[1])]
    return [
        _action(
            case,
            one.step.action,
            one.status,
            _spelled(case, one),
            one.step.roles,
            one.error,
            one.at,
            one.why,
        )
        for one in case.outcomes
    ]


def _spelled(case: Case, outcome: Outcome) -> Member:
    """Whom a step is about: as read, or where only its answer told the id, as answered."""
    member = case.members[outcome.step.user]
    return outcome.seen if outcome.seen and member.user_id is None else member


def _action(
    case: Case,
    action: str,
    status: str,
    member: Optional[Member] = None,
    roles: Iterable[str] = (),
    error: Optional[AtlasError] = None,
    at: Optional[str] = None,
    why: Optional[str] = None,
) -> Row:
    return {
        **named(case.project),
        "user": member.user if member else None,
        "user_id": member.user_id if member else None,
        "action": action,
        "roles": sorted(roles or (member.roles if member else ())),
        "status": status,
        "error": error.as_dict() if error else None,
        "at": at,
        "why": why,
    }


def _memberships(case: Case) -> List[Row]:
    """The memberships, after the run, of the users named."""
    now = case.now()
    named = sorted((folded(now[key].user), key) for key in case.wanted if key in now)
    return [row(case.project, now[key]) for _email, key in named]


def _diff(cases: Sequence[Case]) -> Tuple[Row, Row, int]:
    """What changed, by project and user, as much as fits; and in how many projects."""
    names = [case.project.name for case in cases]
    before: Row = {}
    after: Row = {}
    length = projects = 0
    for case in cases:
        had, has = difference(case.before, access_of(case.now()))
        if had or has:
            projects += 1
            same_name = names.count(case.project.name) > 1
            name = f"{case.project.name} ({case.project.id})" if same_name else case.project.name
            old, new = _labelled(case, had), _labelled(case, has)
            length += len(json.dumps([name, old, name, new]))
            if length < OF_DIFF:
                before[name], after[name] = old, new
    return before, after, projects


def _labelled(case: Case, access: Mapping[str, List[str]]) -> Dict[str, List[str]]:
    """The users as people see them."""
    names = case.labels()
    return {name: access[key] for name, key in sorted((names[key], key) for key in access)}


def _ends(run: Run) -> List[Row]:
    """What ends with the steps that were made, or would be."""
    made = {(case.project.id, one.step.user) for case in run.cases for one in case.outcomes if one.changes}
    members = {case.project.id: case.members for case in run.cases}
    return [
        {
            **named(one.team),
            **named(one.project),
            "user": members[one.team.id][one.user].user,
            "user_id": one.user,
            "roles": sorted(one.roles),
        }
        for one in run.ends
        if (one.team.id, one.user) in made
    ]


def _residual_row(one: Residual) -> Row:
    return {
        **named(one.project),
        "user": one.user,
        "via": one.way.kind,
        "name": one.way.name,
        "roles": sorted(one.way.roles),
    }


def _surprises(run: Run) -> Tuple[List[str], List[str]]:
    """What Atlas showed after the steps other than planned: what is not as asked, and what is only to be told."""
    wrong: List[str] = []
    told: List[str] = []
    for case in run.cases:
        now, names = case.now(), case.labels()
        made = {one.step for one in case.outcomes if one.status == DONE and one.why != RESTORED}
        # Where steps were never come to, nothing is expected.
        apart = {step.user for step in [*case.steps, *(one.step for one in case.outcomes)] if step not in made}
        whole = {step.user: seen for step, seen in zip(case.steps, expected(case)) if step.user not in apart}
        for key, planned in whole.items():
            said = _surprise(planned, now.get(key))
            if said:
                kept = key not in case.wanted or _is_as_asked(run, case, key, now.get(key))
                (told if kept else wrong).append(f"{case.project.name}: {names[key]} {said}")
    return wrong, told


def _is_as_asked(run: Run, case: Case, key: str, seen: Optional[Member]) -> bool:
    if run.deed:
        return fulfilled(run.deed, case.wanted[key], seen)
    return all(shows(step.action, step.roles, seen) for step in case.steps if step.user == key)


def _surprise(planned: Optional[Member], seen: Optional[Member]) -> str:
    if planned is None or seen is None:
        return "" if planned is seen else "is no member any more: somebody else took them out in between"
    more, less = seen.roles - planned.roles, planned.roles - seen.roles
    if more or less:
        also = [f"holds {', '.join(sorted(more))}, which somebody else gave"] if more else []
        also += [f"lacks {', '.join(sorted(less))}, which somebody else took"] if less else []
        return f"{' and '.join(also)} in between"
    if planned.status == ACTIVE and seen.status != ACTIVE:
        return f"is {seen.status}: only invited, for the organization knows them no longer as ACTIVE"
    return ""


def _failures(run: Run, wrong: Sequence[str], interrupted: Optional[str]) -> Optional[str]:
    """What failed in which project; the first few in full."""
    sentences = []
    for case in run.cases:
        names = case.labels()
        if case.unread:
            sentences.append(f"{case.project.name}: {case.unread[0]}: {case.unread[1]}")
        for one in case.outcomes:
            if one.error:
                roles = f" {', '.join(one.step.roles)}" if one.step.action in ("grant", "revoke") else ""
                what = f"{one.step.action}{roles} {names[one.step.user]}"
                sentences.append(f"{case.project.name}: {what} failed: {one.error}")
        if case.problem:
            sentences.append(f"{case.project.name}: {case.problem.rstrip('.')}.")
    sentences += [f"{sentence}." for sentence in wrong]
    said = []
    if interrupted:
        left = sum(outcome.status == SKIPPED for case in run.cases for outcome in case.outcomes)
        steps = f"{counted(left, 'step')} {was(left)}"
        said.append(f"interrupted by {interrupted}: {steps} not tried; the same task again does the rest.")
    if sentences:
        more = f" (and {len(sentences) - TOLD:,} more, see actions)" if len(sentences) > TOLD else ""
        failed = sum(bool(case.unread or case.problem or any(one.error for one in case.outcomes)) for case in run.cases)
        places = counted(len(run.cases), run.kind if run.kind != ORGANIZATION else "place")
        count = f"{failed:,} of {places} failed. " if failed else ""
        said.append(f"{count}{' '.join(sentences[:TOLD])}{more}")
    return " ".join(said) or None
