# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The projects of one run: what is asked of each, what was read and planned, how each step ended.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import PROJECT, Access, Member, Project, Residual, Roles, Step, labels, replay
from ._asked import Wish
from ._errors import AtlasError
from ._steps import DONE, PLANNED, Row, step_row


@dataclass
class Outcome:
    """How a step ended. ``seen`` is the member that Atlas showed after it, in check mode the one to be expected.

    ``shown`` says that a failed one was read again, so that ``seen`` is what there is; ``already`` that somebody else
    had made the step before, so that there was nothing to write.
    """

    step: Step
    status: str
    seen: Optional[Member] = None
    error: Optional[AtlasError] = None
    at: Optional[str] = None
    why: Optional[str] = None
    shown: bool = False
    already: bool = False

    @property
    def changes(self) -> bool:
        """Whether a write was made, or would be."""
        return self.status in (PLANNED, DONE) and not self.already


@dataclass
class Case:
    """One project, or other place, of a run: what is asked of it, what was read, planned and done.

    ``there`` are the members that were read; ``members`` are they, and those to be added as far as they are known.
    ``unread`` says what could not be read, so that nothing is planned; ``partial`` that legacy invitations were not.
    ``owned_by_others``: all direct owners are to go, but a team owns it. ``ownerless``: it has no owner after a step.
    ``rows`` are the steps as the plan that is carried out has them; ``made_owner``: an earlier call made one here.
    """

    project: Project
    wishes: Sequence[Wish] = ()
    unread: Optional[Tuple[str, AtlasError]] = None
    partial: bool = False
    there: Mapping[str, Member] = field(default_factory=dict)
    members: Dict[str, Member] = field(default_factory=dict)
    keys: Dict[str, List[str]] = field(default_factory=dict)
    wanted: Dict[str, Wish] = field(default_factory=dict)
    before: Access = field(default_factory=dict)
    steps: List[Step] = field(default_factory=list)
    outcomes: List[Outcome] = field(default_factory=list)
    owned_by_others: bool = False
    ownerless: bool = False
    problem: Optional[str] = None
    rows: Dict[Step, Row] = field(default_factory=dict)
    made_owner: bool = False

    def now(self) -> Dict[str, Member]:
        """Who is in the project after the run, as far as Atlas showed it."""
        found = dict(self.there)
        for outcome in self.outcomes:
            if outcome.changes or outcome.shown:
                found.pop(outcome.step.user, None)
                if outcome.seen:
                    found[outcome.step.user] = outcome.seen
        return found

    def row(self, step: Step) -> Row:
        """A step as plans and journals have it: somebody who is to be added is nobody there yet."""
        if step in self.rows:
            return self.rows[step]
        if step.user in self.there:
            return step_row(self.project, step, self.there[step.user])
        return step_row(self.project, step._replace(user=self.members[step.user].user), None)

    def labels(self) -> Dict[str, str]:
        """What people see for each key."""
        return labels(self.members)


class End(NamedTuple):
    """What somebody (a key) loses in a project by leaving a team."""

    team: Project
    user: str
    project: Project
    roles: Roles


@dataclass
class Run:
    """All places of a run, and what to tell of it: residual access where the module ``removes`` people.

    ``deed`` is what the task asks for, as in `asked_of`; empty where it carries out a plan of several. ``kind`` is of
    the places that it is about; an organization is left after all else, and ``held`` (rows) tells what was held there.
    It fills while the run goes on, so that a failed one tells too.
    """

    deed: str
    removes: bool = False
    kind: str = PROJECT
    cases: List[Case] = field(default_factory=list)
    residual: List[Residual] = field(default_factory=list)
    ends: List[End] = field(default_factory=list)
    held: List[Row] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)


def expected(case: Case) -> List[Optional[Member]]:
    """The member after each step, if nobody else changes anything."""
    found = []
    roles: Dict[str, Roles] = dict(case.before)
    for step in case.steps:
        roles = replay(roles, [step])
        member = case.members[step.user]._replace(roles=roles.get(step.user, frozenset()))
        found.append(None if step.action == "remove" else member)
    return found
