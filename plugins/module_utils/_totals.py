# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a review comes to: the plan as rows, who loses and gains by it, and the counts.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from operator import attrgetter
from typing import FrozenSet, Iterable, List, Optional, Sequence

from ._access import LAPSED, STATUSES, Entry, Member, Step, folded
from ._policy import RULES, Guards, Policy, is_asked
from ._review import ACTIONS, Reviewed, lapsed
from ._steps import Row, step_row


def plan_rows(reviewed: Iterable[Reviewed]) -> List[Row]:
    """All steps in plain types, in the order of projects; what the modules that write carry out."""
    return [step_row(one.project, step, _whom(one, step)) for one in reviewed for step in one.steps]


def _whom(one: Reviewed, step: Step) -> Optional[Member]:
    return one.entries[step.user].member if step.user in one.entries else None


def everybody(reviewed: Iterable[Reviewed]) -> Counter[Entry]:
    """Who gets in how often. The same people come with many projects, so that they are looked at once."""
    return Counter(chain.from_iterable(one.entries.values() for one in reviewed))


def statuses(one: Reviewed) -> Counter[Optional[str]]:
    """How many memberships have which status."""
    return Counter(map(_STATUS, map(one.entries.__getitem__, one.before)))


_STATUS = attrgetter("member.status")


def living(one: Reviewed) -> FrozenSet[str]:
    """The keys of the memberships that give access."""
    return frozenset(key for key in one.before if one.entries[key].member.status not in LAPSED)


def losing(one: Reviewed) -> FrozenSet[str]:
    """The keys of the living memberships that end or lose a role, each once."""
    taken = {step.user for step in one.steps if step.action in ("revoke", "remove")}
    return frozenset(key for key in taken if not lapsed(one.entries[key]))


def gaining(one: Reviewed) -> FrozenSet[str]:
    """The keys of the memberships that come, or only gain roles."""
    taken = {step.user for step in one.steps if step.action in ("revoke", "remove")}
    return frozenset(step.user for step in one.steps if step.action in ("add", "grant")) - taken


def percent(part: int, whole: int) -> float:
    """For people to read."""
    return round(part * 100 / whole, 1) if whole else 0.0


def summary(policy: Policy, guards: Guards, reviewed: Sequence[Reviewed], rows: Sequence[Row]) -> Row:
    """The counts of a review. ``removals`` are memberships that end or lose a role, as the guards count them.

    ``removals_elsewhere`` are those of teams and organizations.
    """
    found = [finding for one in reviewed for finding in one.findings]
    rules = Counter(rule for finding in found for rule in finding.rules)
    actions = Counter(finding.action for finding in found)
    entries = everybody(reviewed)
    held: Counter[Optional[str]] = sum(map(statuses, reviewed), Counter())
    memberships = sum(held.values())
    alive = memberships - sum(held[status] for status in LAPSED)
    removals = sum(len(losing(one)) for one in reviewed)
    return {
        "projects": len(reviewed),
        "people": len({folded(entry.member.user) for entry in entries if not lapsed(entry)}),
        "memberships": memberships,
        "living": alive,
        "by_status": {status: held[status] for status in STATUSES},
        "indirect": sum(entries.values()) - memberships,
        "findings": len(found),
        "by_rule": {rule: rules[rule] for rule in RULES if is_asked(policy, rule)},
        "by_action": {action: actions[action] for action in ACTIONS},
        "steps": len(rows),
        "removals": removals,
        "removals_elsewhere": 0,
        "removal_percent": percent(removals, alive),
        "additions": sum(len(gaining(one)) for one in reviewed),
        "few_owners": sorted(one.project.name for one in reviewed if len(one.owners) < guards.min_owners),
    }
