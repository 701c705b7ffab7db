# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out the steps of a plan, project by project, and keep what Atlas showed after each.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Collection, Iterable, List, Optional, Sequence, Set, Tuple

from . import _atlas as atlas
from . import _people as people
from ._access import ACTIVE, ORGANIZATION, OWNERS, Member, Step, owns, takes_owner
from ._cases import Case, Outcome, expected
from ._client import BACKOFF, Client, Patience
from ._errors import AtlasError, Interrupted
from ._journal import Journal, now
from ._steps import DONE, FAILED, PLANNED, RESTORED, SKIPPED


def apply(
    client: Client, cases: Sequence[Case], guard: Optional[people.Organizations], journal: Journal, check_mode: bool
) -> None:
    """All places at once, organizations last.

    ``guard`` are the organizations by which owners are looked for, None to look for none.
    """
    if check_mode:
        stay = unfinished(cases)
        for case in cases:
            held = stay if case.project.kind == ORGANIZATION else ()
            case.outcomes = [
                Outcome(step, SKIPPED) if step.user in held else Outcome(step, PLANNED, seen)
                for step, seen in zip(case.steps, expected(case))
            ]
            tell(journal, case, case.outcomes)
        return
    first, last = _in_order(cases)
    client.together(lambda case: _apply_one(client, case, case.steps, guard, journal), first)
    held = unfinished(cases)
    for case in last:
        left = [Outcome(step, SKIPPED) for step in case.steps if step.user in held]
        tell(journal, case, left)
        case.outcomes += left
    client.together(
        lambda case: _apply_one(client, case, [one for one in case.steps if one.user not in held], guard, journal), last
    )


def _in_order(cases: Sequence[Case]) -> Tuple[List[Case], List[Case]]:
    """The places with something to do, and the organizations among them, which people leave after everything else."""
    due = [case for case in cases if case.steps]
    organizations = [case for case in due if case.project.kind == ORGANIZATION]
    return [case for case in due if case not in organizations], organizations


def unfinished(cases: Iterable[Case]) -> Set[str]:
    """Who was to leave a place, and may be in it still."""
    found = {one.step.user for case in cases for one in case.outcomes if one.status in (FAILED, SKIPPED)}
    return found.union(str(wish.who.id) for case in cases if case.unread for wish in case.wishes)


def tell(journal: Journal, case: Case, outcomes: Iterable[Outcome], problem: Optional[AtlasError] = None) -> None:
    """How steps ended, to the journal, and what was wrong after them."""
    for one in outcomes:
        error = one.error or problem
        journal.end(case.row(one.step), one.status, error.as_dict() if error else None, one.why)


def _apply_one(
    client: Client, case: Case, steps: Sequence[Step], guard: Optional[people.Organizations], journal: Journal
) -> None:
    """Take a place's steps one after the other; after one that failed the others are skipped."""
    taken = 0
    for step in steps:
        taken += 1
        case.outcomes.append(_take(client, case, step, guard, journal))
        if case.outcomes[-1].status != DONE or case.problem:
            break
    if not taken:
        return
    last = case.outcomes[-1]
    if case.ownerless and last.step.action == "revoke" and not last.why:
        case.outcomes.append(_give_back(client, case, last.step, journal))
        if case.outcomes[-1].status == DONE:
            case.problem = (
                f"{case.labels()[last.step.user]} was the last ACTIVE owner by then, for somebody else took the other "
                f"one in between, so {last.step.roles[0]} was given back"
            )
    left = [Outcome(step, SKIPPED) for step in steps[taken:]]
    tell(journal, case, left)
    case.outcomes += left


def _take(client: Client, case: Case, step: Step, guard: Optional[people.Organizations], journal: Journal) -> Outcome:
    """One step, on record before it is sent and after."""
    outcome = _taken(client, case, step, guard, journal)
    # What a signal left unsettled stays without an end: whoever reads the project next knows more.
    if not (client.stopped_by and outcome.error and outcome.error.unsettled and not outcome.shown):
        tell(journal, case, [outcome], AtlasError(case.project.name, case.problem) if case.problem else None)
    return outcome


def _taken(client: Client, case: Case, step: Step, guard: Optional[people.Organizations], journal: Journal) -> Outcome:
    """One step, in a project that keeps an ACTIVE owner: looked for right before and right after one is taken."""
    member = case.members[step.user]
    guarded = guard is not None and takes_owner(step, case.before, case.members)
    try:
        if guarded and not _has_another_owner(client, case, step, guard or {}):
            detail = "nobody else is an ACTIVE owner any more, so nothing was taken"
            return Outcome(step, FAILED, error=AtlasError(case.project.name, detail), at=now())
        journal.start(case.row(step))
        seen = atlas.apply(client, case.project, step, member)
    except Interrupted:
        return Outcome(step, SKIPPED)
    except AtlasError as error:
        shown = error.found is not None and step.action != "add"
        found = error.found[0] if shown and error.found else None
        return Outcome(step, FAILED, found, error, now(), shown=shown)
    outcome = Outcome(step, DONE, _as_read(seen.member, member), at=now(), why=seen.note or None)
    if guarded:
        _look_after(client, case, step, guard or {})
    return outcome


def _as_read(seen: Optional[Member], member: Member) -> Optional[Member]:
    """What was seen. A stranger's id, which check mode can't know, is told only where the organization told nothing."""
    stranger = member.user_id is None and member.status is not None
    return seen and seen._replace(legacy=member.legacy, user_id=None if stranger else seen.user_id)


def _has_another_owner(client: Client, case: Case, step: Step, known: people.Organizations) -> bool:
    """Whether an ACTIVE owner beside those whom this run takes is in the project now. Raises `AtlasError`.

    An owner whom this run made gets some time to be listed; one whom it took may be listed still.
    """
    patience = client.patience()
    gone = {one.step.user for one in case.outcomes if takes_owner(one.step, case.before, case.members)} | {step.user}
    made = case.made_owner or any(one.seen and _owns(one.seen, gone) for one in case.outcomes if one.status == DONE)
    for pause in (BACKOFF if made else ()) + (None,):
        if _shows_another_owner(client, case, gone, known, patience):
            return True
        if pause is None or not patience.pause(pause):
            break
    return False


def _shows_another_owner(
    client: Client, case: Case, gone: Collection[str], known: people.Organizations, patience: Patience
) -> bool:
    direct = list(case.members.values())
    if not case.owned_by_others:
        direct = atlas.members(client, case.project, patience)
        if any(_owns(one, gone) for one in direct):
            return True
    org = known.get(case.project.org_id)
    if org and org.people is not None:
        # Who is in the teams may be others by now.
        org = people.read_organizations(client, [case.project.org_id], patience)[case.project.org_id]
    return people.owned_by_others(client, case.project, org or people.UNREAD, direct, patience, gone)


def _owns(member: Member, gone: Collection[str]) -> bool:
    return member.status == ACTIVE and owns(member.roles) and member.user_id not in gone


def _look_after(client: Client, case: Case, step: Step, known: people.Organizations) -> None:
    """Say it where a project has no owner after a step, or that can't be told."""
    try:
        case.ownerless = not _has_another_owner(client, case, step, known)
    except AtlasError as error:
        case.problem = f"whether an ACTIVE owner is left could not be read: {error}"
    if case.ownerless:
        case.problem = (
            f"no ACTIVE owner is left after {step.action} of {case.labels()[step.user]}: somebody else took the other "
            f"one in between; make somebody {OWNERS[case.project.kind]} now"
        )


def _give_back(client: Client, case: Case, taken: Step, journal: Journal) -> Outcome:
    """Give an owner's role back that was taken too late to see that it was the last one."""
    step = Step("grant", taken.user, taken.roles)
    outcome = Outcome(step, FAILED, why=RESTORED)
    # It is given back even if that can't be written down.
    with suppress(Interrupted):
        journal.start(case.row(step), RESTORED)
    try:
        outcome.seen = atlas.apply(client, case.project, step, case.members[step.user]).member
        outcome.status = DONE
    except AtlasError as error:
        outcome.error = error
    outcome.at = now()
    tell(journal, case, [outcome])
    return outcome
