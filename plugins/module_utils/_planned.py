# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out what a review planned: these steps, for these accounts, in this status, and nothing else.

The plan is read once, and believed only if its digest is the one that was asked for. Several calls share a plan and a
journal, each with its kinds of steps. One that is refused or fails stops its project, not the others. Knows nothing of
Ansible. Private to this collection.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set

from . import _atlas as atlas
from . import _people as people
from ._access import (
    LAPSED,
    ORGANIZATION,
    PROJECT,
    STATUSES,
    TEAM,
    Access,
    Member,
    Project,
    Refusal,
    Step,
    folded,
    owns,
    replay,
    shows,
    takes_owner,
)
from ._apply import apply, tell
from ._asked import Newcomer, Who, Wish
from ._cases import Case, Outcome, Run
from ._client import Client
from ._ends import bereft
from ._errors import AtlasError, Interrupted
from ._journal import Journal, Journaled, now
from ._names import blank, is_id
from ._places import LAST, OWN, is_own, last_of_team, newcomer, of_plan
from ._residual import Leaving
from ._runner import around_teams, look_for_residual, losing_owners, no_owner, read_members
from ._steps import DONE, FAILED, PLANNED, SKIPPED, Row, digest, step_hash

ACTIONS = ("add", "grant", "revoke", "remove")
_ACTIONS_AT = {PROJECT: ACTIONS, TEAM: ("add", "remove"), ORGANIZATION: ACTIONS}
_ASKING = (
    "projects teams organization users roles memberships exclusive allow_no_owner fallback_role legacy_invitations"
).split()
_KEYS = frozenset("project_id project org_id user_id user legacy status action roles".split())


class Planned(NamedTuple):
    """The steps of a plan, all of them, and which of them are to be carried out now: their actions, and where."""

    rows: List[Row]
    kinds: Collection[str]
    place: str = PROJECT

    def due(self, row: Row) -> bool:
        """Whether a step is to be carried out now."""
        return row["action"] in self.kinds and _place(row) == self.place


def _place(row: Row) -> str:
    return str(row.get("place", PROJECT))


def check_alone(params: Mapping[str, Any]) -> None:
    """A plan says all there is to ask for, and needs a journal. Raises `Refusal`."""
    beside = [
        name for name in _ASKING if name in params and params[name] not in (None, False) and not blank(params[name])
    ]
    if beside:
        raise Refusal(f"plan says whom and what it is about; leave out {beside[0]}, or the plan")
    if blank(params["journal"]):
        raise Refusal("plan needs a journal; name the actions.jsonl beside the plan")


def read_plan(option: Mapping[str, Any], own: Collection[str], place: str = PROJECT) -> Planned:
    """The plan of the option ``plan``; ``own`` are the actions of the module, ``place`` where. Raises `Refusal`."""
    path, wanted = option["file"], str(option["digest"]).strip().lower()
    kinds = ACTIONS if option["actions"] is None else option["actions"]
    odd = [kind for kind in kinds if kind not in ACTIONS]
    if odd:
        raise Refusal(f"plan.actions: '{odd[0]}' is no step; the steps are {', '.join(ACTIONS)}")
    no_plan = Refusal(f"plan.file: '{path}' is no plan; name the plan.json that a review wrote")
    if os.path.exists(path) and not os.path.isfile(path):
        raise no_plan
    try:
        with open(path, "rb") as file:
            rows = json.loads(file.read())["steps"]
        whole = all(map(_is_step, rows)) and _names_each_once(rows)
    except OSError as error:
        raise Refusal(f"plan.file: '{path}' can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise no_plan from None
    if not whole:
        raise no_plan
    found = digest(rows)
    if found != wanted:
        raise Refusal(f"plan.file: '{path}' holds the plan {found}, not {wanted}; nothing was written, so review again")
    return Planned(rows, [kind for kind in own if kind in kinds], place)


def _is_step(row: Row) -> bool:
    """Whether a row is one that a review writes. Raises what odd shapes raise."""
    roles, action = row["roles"], row["action"]
    texts = [row["project"], row["org_id"], row["user"], *roles]
    return (
        row.keys() - {"place"} == _KEYS
        and action in _ACTIONS_AT[row["place"] if "place" in row else PROJECT]
        and row.get("place") != PROJECT
        and _is_id(row["project_id"])
        and isinstance(roles, list)
        and all(isinstance(text, str) and text for text in texts)
        and (len(roles) == 1 if action in ("grant", "revoke") else len(roles) > 0 or action == "remove")
        and isinstance(row["legacy"], bool)
        and (_is_id(row["user_id"]) or (action == "add" and row["user_id"] is None))
        and (row["status"] in STATUSES or (action == "add" and row["status"] is None))
    )


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and is_id(value) and value == value.lower()


def _names_each_once(rows: Sequence[Row]) -> bool:
    """Whether nobody is added, removed, or given or taken a role, twice in a project."""
    marks = [
        (row["project_id"], _key(row), row["action"], *(row["roles"] if row["action"] in ("grant", "revoke") else ()))
        for row in rows
    ]
    return len(set(marks)) == len(marks)


def carry_out(run: Run, client: Client, planned: Planned, journal: Journal, check_mode: bool) -> None:
    """Fill the run. What the journal tells of is what earlier calls did. Raises `Refusal` and `AtlasError`.

    In check mode steps that an earlier call would have made count as made.
    """
    visible = of_plan(client, planned.place, {row["org_id"] for row in planned.rows if planned.due(row)})
    run.cases += _cases(planned, visible)
    known = read_members(client, run, {row["project_id"] for row in planned.rows if row["legacy"]})
    by_project: Dict[str, List[Row]] = {}
    for row in planned.rows:
        by_project.setdefault(row["project_id"], []).append(row)
    share = {
        case.project.id: _share(case, by_project[case.project.id], planned, known, _statuses(journal.past, check_mode))
        for case in run.cases
    }
    then = _in_the_end(known, planned, journal.past)
    _keep_owners(client, run.cases, share, then)
    placed = around_teams(client, run)
    for one in bereft(client, [(case, share[case.project.id].ahead()) for case in run.cases], known, placed):
        share[one.case.project.id].refused[one.step] = one.why
    _keep_own(client, run.cases, share)
    if client.stopped_by:
        raise Interrupted()
    if "remove" in planned.kinds and planned.place != ORGANIZATION:
        leaving = [_leaving(case) for case in run.cases if not case.unread]
        look_for_residual(client, run, then, leaving, placed)
    for case in run.cases:
        _settle(case, share[case.project.id])
        tell(journal, case, share[case.project.id].settled)
    try:
        apply(client, run.cases, known, journal, check_mode)
    finally:
        for case in run.cases:
            case.outcomes = share[case.project.id].settled + case.outcomes


def _cases(planned: Planned, visible: Mapping[str, Project]) -> List[Case]:
    """The projects in which this call has something to do, ordered by name."""
    found: Dict[str, Case] = {}
    for row in planned.rows:
        if planned.due(row) and row["project_id"] not in found:
            project = visible.get(row["project_id"])
            case = Case(project or Project(row["project_id"], row["project"], row["org_id"], kind=planned.place))
            if project is None:
                gone = AtlasError(row["project"], f"this credential does not see the {planned.place} any more")
                case.unread = ("it could not be found", gone)
            found[row["project_id"]] = case
    return sorted(found.values(), key=lambda case: (case.project.name, case.project.id))


@dataclass
class _Share:
    """What this call has to do in a project: the steps that are ``due``.

    ``settled`` are those that need no write or must not be written; ``refused`` says of steps why not.
    """

    due: List[Step] = field(default_factory=list)
    settled: List[Outcome] = field(default_factory=list)
    refused: Dict[Step, str] = field(default_factory=dict)

    def ahead(self) -> List[Step]:
        """The steps to be made."""
        return [step for step in self.due if step not in self.refused]


def _statuses(past: Journaled, check_mode: bool) -> Dict[str, str]:
    """How earlier calls ended steps, by hash. What a check planned counts in a check only."""
    return {mark: one.status for mark, one in past.records.items() if check_mode or one.status != PLANNED}


def _share(
    case: Case, rows: Sequence[Row], planned: Planned, known: people.Organizations, past: Mapping[str, str]
) -> _Share:
    """What is due here. Of other calls' steps only what became of them counts; the own ones are judged by reading."""
    share = _Share()
    stopped = _stopped(case, planned, past)
    for row in rows:
        step = Step(row["action"], _key(row), tuple(row["roles"]))
        case.rows[step] = row
        case.members[step.user] = _member(case, row, known)
        if not planned.due(row):
            status = past.get(step_hash(row))
            if status in (PLANNED, DONE):
                _assume(case, step)
            elif status:
                stopped.add(step.user)
    access = dict(case.before)
    for step in [one for one in case.rows if planned.due(case.rows[one])]:
        row = case.rows[step]
        case.wanted[step.user] = Wish(Who(row["user"], row["user_id"]), frozenset(row["roles"]))
        note = "" if case.unread else _note(case, step)
        said = str(case.unread[1]) if case.unread else _refusal(case, row, step, access)
        if note:
            share.settled.append(Outcome(step, DONE, _living(case, step), None, now(), note, already=True))
        elif step.user in stopped:
            share.settled.append(Outcome(step, SKIPPED))
        else:
            share.due.append(step)
            if said:
                share.refused[step] = said
            else:
                access = replay(access, [step])
    return share


def _stopped(case: Case, planned: Planned, past: Mapping[str, str]) -> Set[str]:
    """Whose steps elsewhere did not end well: they stay in the organization, so that the same plan again ends them."""
    if planned.place != ORGANIZATION:
        return set()
    return {
        _key(row)
        for row in planned.rows
        if row["org_id"] == case.project.id
        and _place(row) != ORGANIZATION
        and past.get(step_hash(row)) not in (PLANNED, DONE)
    }


def _key(row: Row) -> str:
    return str(row["user_id"] or folded(row["user"]))


def _member(case: Case, row: Row, known: people.Organizations) -> Member:
    """Whom a step is about: as read, as the organization knows somebody who is to be added, else as planned."""
    if row["action"] == "add" and not case.unread:
        org = known[case.project.org_id]
        return newcomer(Newcomer(row["user"], org.find(None, row["user"])), org, case.project.kind)
    planned = Member(row["user"], row["user_id"], row["status"], frozenset(row["roles"]), legacy=row["legacy"])
    return case.there.get(_key(row), case.members.get(_key(row), planned))


def _assume(case: Case, step: Step) -> None:
    """What an earlier call did, or in check mode would have done, counts as done where the listing does not show it."""
    case.made_owner = case.made_owner or (step.action in ("add", "grant") and owns(step.roles))
    if case.unread or _note(case, step) or (step.user not in case.before and step.action != "add"):
        return
    case.before = replay(case.before, [step])
    there = dict(case.there)
    there.pop(step.user, None)
    if step.user in case.before:
        there[step.user] = case.members[step.user] = case.members[step.user]._replace(roles=case.before[step.user])
    case.there = there


def _living(case: Case, step: Step) -> Optional[Member]:
    """Who is there instead of, or as, somebody whom a step is about."""
    if step.action != "add":
        return case.there.get(step.user)
    mine = (one for one in case.there.values() if folded(one.user) == folded(case.members[step.user].user))
    return next((one for one in mine if one.status not in LAPSED), None)


def _note(case: Case, step: Step) -> str:
    """What to say of a step that somebody else made already."""
    if case.partial and case.rows[step]["legacy"]:
        return ""
    return atlas.NOTES[step.action] if shows(step.action, step.roles, _living(case, step)) else ""


def _refusal(case: Case, row: Row, step: Step, access: Access) -> str:
    """Why a step is not what was judged any more, or must not be made."""
    found = _living(case, step)
    if case.partial and row["legacy"]:
        return "legacy invitations could not be read"
    if step.action == "add":
        return f"is a member by now, with {', '.join(sorted(found.roles))}" if found else ""
    if found is None:
        return "is no member any more"
    if found.status != row["status"]:
        return f"was {row['status']} when the plan was made, and is {found.status} now"
    if step.action == "remove" and access[step.user] != frozenset(row["roles"]):
        was, has = (", ".join(sorted(roles)) or "no role" for roles in (row["roles"], access[step.user]))
        return f"held {was} when the plan was made, and holds {has} now"
    if step.action == "remove" and last_of_team(case.project, access, [step]):
        return f"is the last in the team, {LAST}"
    if step.action == "revoke" and not access[step.user] - set(step.roles):
        return f"has no role but {', '.join(step.roles)} now, and a member holds at least one"
    return ""


def _keep_owners(
    client: Client, cases: Sequence[Case], share: Mapping[str, _Share], known: people.Organizations
) -> None:
    """Refuse the steps that would leave a project without an ACTIVE owner."""
    ahead = [(case, share[case.project.id].ahead()) for case in cases]
    for case, answer in losing_owners(client, ahead, known):
        mine = share[case.project.id]
        takers = [step for step in mine.ahead() if takes_owner(step, case.before, case.members)]
        if isinstance(answer, AtlasError):
            mine.refused.update(
                (step, f"whether an owner would be left could not be read: {answer}") for step in takers
            )
        elif not answer:
            mine.refused.update((step, no_owner(case)) for step in takers)


def _keep_own(client: Client, cases: Sequence[Case], share: Mapping[str, _Share]) -> None:
    """Refuse the steps that are about the account of the credential."""
    for case in cases:
        mine = share[case.project.id]
        mine.refused.update((step, OWN) for step in mine.ahead() if is_own(case, step, client.names))


def _in_the_end(known: people.Organizations, planned: Planned, past: Journaled) -> people.Organizations:
    """The organizations without what the plan's other steps end, unless they failed: that is no access that stays."""
    ended: Dict[str, Set[str]] = {}
    for row in planned.rows:
        record = past.records.get(step_hash(row))
        if row["action"] == "remove" and not (record and record.status in (FAILED, SKIPPED)):
            ended.setdefault(_key(row), set()).add(row["project_id"])
    return people.without(known, ended)


def _leaving(case: Case) -> Leaving:
    rows = [row for step, row in case.rows.items() if step.action == "remove" and step.user in case.wanted]
    ids = {_key(row) for row in rows if not row["legacy"]}
    emails = {folded(row["user"]) for row in rows if row["legacy"]}
    return Leaving(case.project, ids, emails, [case.members[_key(row)] for row in rows])


def _settle(case: Case, share: _Share) -> None:
    """A refused step stops its project: it fails, and the others that are due are skipped."""
    if not share.refused:
        case.steps = share.due
        return
    case.unread = None
    for step in share.due:
        said = share.refused.get(step)
        error = AtlasError(case.project.name, said) if said else None
        share.settled.append(Outcome(step, FAILED if said else SKIPPED, _living(case, step), error, now()))
