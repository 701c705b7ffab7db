# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out what a review planned: these steps, for these accounts, in this status, and nothing else.

The plan is read once, and believed only if its digest is the one that was asked for. Several calls share a plan and a
journal, each with its kinds of steps. One that is refused or fails stops its project, not the others. Knows nothing of
Ansible. Private to this collection.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence

from . import _atlas as atlas
from . import _people as people
from ._access import (
    LAPSED,
    OWNER,
    Access,
    Member,
    Project,
    Refusal,
    Roles,
    Step,
    folded,
    replay,
    shows,
    takes_owner,
)
from ._apply import apply, tell
from ._asked import Newcomer, Who, Wish
from ._cases import DONE, FAILED, PLANNED, SKIPPED, Case, Outcome, Run
from ._client import Client
from ._errors import AtlasError, Interrupted
from ._journal import Journal, Journaled, now
from ._names import blank
from ._runner import look_for_residual, loses_owners, newcomer, no_owner, owned_otherwise, read_members
from ._steps import Row, digest, step_hash

ACTIONS = ("add", "grant", "revoke", "remove")
_ASKING = "projects users roles memberships exclusive allow_no_owner fallback_role legacy_invitations".split()
_KEYS = frozenset("project_id project org_id user_id user legacy status action roles".split())


class Planned(NamedTuple):
    """The steps of a plan, all of them, and which kinds of them are to be carried out now."""

    rows: List[Row]
    kinds: Collection[str]


def check_alone(params: Mapping[str, Any]) -> None:
    """A plan says all there is to ask for, and needs a journal. Raises `Refusal`."""
    beside = [
        name for name in _ASKING if name in params and params[name] not in (None, False) and not blank(params[name])
    ]
    if beside:
        raise Refusal(f"plan says whom and what it is about; leave out {beside[0]}, or the plan")
    if blank(params["journal"]):
        raise Refusal("plan needs a journal; name the actions.jsonl beside the plan")


def read_plan(option: Mapping[str, Any], own: Collection[str]) -> Planned:
    """The plan of the option ``plan``; ``own`` are the kinds of the module. Raises `Refusal`."""
    path, wanted = option["file"], str(option["digest"]).strip().lower()
    odd = [kind for kind in option["actions"] or () if kind not in ACTIONS]
    if odd:
        raise Refusal(f"plan.actions: '{odd[0]}' is no step; the steps are {', '.join(ACTIONS)}")
    try:
        with open(path, "rb") as file:
            rows = json.loads(file.read())["steps"]
        found = digest(rows)
        whole = all(row.keys() == _KEYS and row["action"] in ACTIONS for row in rows)
    except OSError as error:
        raise Refusal(f"plan.file: '{path}' can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal(f"plan.file: '{path}' is no plan; name the plan.json that a review wrote") from None
    if found != wanted:
        raise Refusal(
            f"plan.file: '{path}' holds the plan {found}, not {wanted or 'one'}; nothing was written, so review again"
        )
    if not whole:
        raise Refusal(f"plan.file: '{path}' is no plan; name the plan.json that a review wrote")
    return Planned(rows, [kind for kind in own if kind in (option["actions"] or ACTIONS)])


def carry_out(run: Run, client: Client, planned: Planned, journal: Journal, past: Journaled, check_mode: bool) -> None:
    """Fill the run. ``past`` is what earlier calls did of the plan. Raises `Refusal` and `AtlasError`.

    In check mode steps that an earlier call would have made count as made.
    """
    visible = {project.id: project for project in atlas.projects(client)}
    run.cases += _cases(planned, visible)
    known = read_members(client, run, {row["project_id"] for row in planned.rows if row["legacy"]})
    by_project: Dict[str, List[Row]] = {}
    for row in planned.rows:
        by_project.setdefault(row["project_id"], []).append(row)
    share = {
        case.project.id: _share(case, by_project[case.project.id], planned.kinds, known, past) for case in run.cases
    }
    _keep_owners(client, run.cases, share, known)
    if client.stopped_by:
        raise Interrupted()
    if "remove" in planned.kinds:
        look_for_residual(client, run, known, [_leaving(case) for case in run.cases if not case.unread])
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
        if row["action"] in planned.kinds and row["project_id"] not in found:
            project = visible.get(row["project_id"])
            case = Case(project or Project(row["project_id"], row["project"], row["org_id"]))
            if project is None:
                gone = AtlasError(row["project"], "this credential does not see the project any more")
                case.unread = ("it could not be found", gone)
            found[row["project_id"]] = case
    return sorted(found.values(), key=lambda case: (case.project.name, case.project.id))


@dataclass
class _Share:
    """What this call has to do in a project: the steps that are ``due`` and all that are ``ahead`` in the plan.

    ``settled`` are those that need no write or must not be written; ``refused`` says of steps why not.
    """

    due: List[Step] = field(default_factory=list)
    ahead: List[Step] = field(default_factory=list)
    settled: List[Outcome] = field(default_factory=list)
    refused: Dict[Step, str] = field(default_factory=dict)


def _share(
    case: Case, rows: Sequence[Row], kinds: Collection[str], known: people.Organizations, past: Journaled
) -> _Share:
    share = _Share()
    records = {step_hash(row): row for row in rows if step_hash(row) in past.records}
    ended = {mark: past.records[mark].status for mark in records}
    stopped = {_key(records[mark]) for mark, status in ended.items() if status not in (DONE, PLANNED)}
    access = dict(case.before)
    for row in rows:
        step = Step(row["action"], _key(row), tuple(row["roles"]))
        case.rows[step] = row
        case.members[step.user] = _member(case, row, known)
        status = ended.get(step_hash(row))
        if status in (PLANNED, DONE) and not _note(case, step):
            access = _assume(case, step, access)
        case.made_owner = case.made_owner or (
            status == DONE and step.action in ("add", "grant") and OWNER in step.roles
        )
        if row["action"] in kinds:
            share.due.append(step)
            case.wanted[step.user] = Wish(Who(row["user"], row["user_id"]), frozenset(row["roles"]))
        if status in (DONE, PLANNED) and row["action"] not in kinds:
            continue
        note = _note(case, step)
        if case.unread:
            share.refused[step] = str(case.unread[1])
        elif step.user in stopped:
            share.settled += [Outcome(step, SKIPPED)] if step in share.due else []
        elif note:
            share.settled += [Outcome(step, DONE, _living(case, step), at=now(), why=note)] if step in share.due else []
        else:
            said = _refusal(case, row, step, access)
            if said:
                share.refused[step] = said
                continue
            share.ahead.append(step)
            access = replay(access, [step])
    return share


def _key(row: Row) -> str:
    return str(row["user_id"] or folded(row["user"]))


def _member(case: Case, row: Row, known: people.Organizations) -> Member:
    """Whom a step is about: as read, as the organization knows somebody who is to be added, else as planned."""
    if row["action"] == "add" and not case.unread:
        org = known[case.project.org_id]
        return newcomer(Newcomer(row["user"], org.find(None, row["user"])), org)
    planned = Member(row["user"], row["user_id"], row["status"], frozenset(row["roles"]), legacy=row["legacy"])
    return case.there.get(_key(row), case.members.get(_key(row), planned))


def _assume(case: Case, step: Step, access: Access) -> Dict[str, Roles]:
    """What an earlier call did, or in check mode would have done, counts as done where the listing does not show it."""
    after = replay(access, [step]) if step.user in access or step.action == "add" else dict(access)
    there = dict(case.there)
    there.pop(step.user, None)
    if step.user in after:
        there[step.user] = case.members[step.user]._replace(roles=after[step.user])
        case.members[step.user] = there[step.user]
    case.there, case.before = there, after
    return after


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
    if step.action == "revoke" and not access[step.user] - set(step.roles):
        return f"has no role but {', '.join(step.roles)} now, and a member holds at least one"
    return ""


def _keep_owners(
    client: Client, cases: Sequence[Case], share: Mapping[str, _Share], known: people.Organizations
) -> None:
    """Refuse the steps that would leave a project without an ACTIVE owner, all that is ahead counted."""
    losing = [case for case in cases if loses_owners(case, share[case.project.id].ahead)]
    owned = client.together(lambda case: owned_otherwise(client, case, known), losing)
    for case, answer in zip(losing, owned):
        mine = share[case.project.id]
        takers = [step for step in mine.ahead if takes_owner(step, case.before, case.members)]
        if isinstance(answer, AtlasError):
            mine.refused.update(
                (step, f"whether an owner would be left could not be read: {answer}") for step in takers
            )
        elif not answer:
            mine.refused.update((step, no_owner(case)) for step in takers)
        else:
            case.owned_by_others = True


def _leaving(case: Case) -> people.Leaving:
    rows = [row for step, row in case.rows.items() if step.action == "remove" and step.user in case.wanted]
    ids = {_key(row) for row in rows if not row["legacy"]}
    emails = {folded(row["user"]) for row in rows if row["legacy"]}
    return people.Leaving(case.project, ids, emails, [case.members[_key(row)] for row in rows])


def _settle(case: Case, share: _Share) -> None:
    """A refused step stops its project: it fails, and the others that are due are skipped."""
    over = {one.step for one in share.settled}
    left = [step for step in share.due if step not in over]
    if not share.refused:
        case.steps = left
        return
    case.unread = None
    for step in left:
        said = share.refused.get(step)
        error = AtlasError(case.project.name, said) if said else None
        share.settled.append(Outcome(step, FAILED if said else SKIPPED, _living(case, step), error, now(), shown=True))
