# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of the exceptions of a policy: none of them is silently about nobody.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from datetime import datetime
from typing import Collection, Iterable, List, Mapping, Sequence, Set, Tuple

from ._policy import Exemption, Policy, exemption_row, is_asked
from ._review import Reviewed
from ._steps import Row
from ._today import lapsed_exceptions
from ._words import TOLD, counted, listed


def exceptions(
    policy: Policy, reviewed: Sequence[Reviewed], exempt: Iterable[Tuple[Exemption, str]], now: datetime
) -> Row:
    """The exceptions in plain types, by what became of them. ``exempt`` are those about what is no membership.

    ``applied`` took findings out, ``lapsed`` ended, ``unused`` are about nobody whom a rule finds, ``not_tried`` about
    projects or rules of which today's review is not; ``endless`` have no end, whatever became of them. ``keeps`` are
    the leavers whom one keeps in.
    """
    applied = {(one, rule): None for each in reviewed for one, rule in each.applied}
    applied.update(dict.fromkeys(exempt))
    used = {one for one, _rule in applied}
    lapsed = lapsed_exceptions(policy, now)
    used.update(lapsed)
    left = [one for one in policy.exceptions if one not in used]
    scope = {one.project.id for one in reviewed}
    tried = [_is_tried(policy, one, scope) for one in left]
    return {
        "applied": [{**exemption_row(one), "rule": rule} for one, rule in applied],
        "lapsed": [exemption_row(one) for one in lapsed],
        "unused": [exemption_row(one) for one, here in zip(left, tried) if here],
        "not_tried": [exemption_row(one) for one, here in zip(left, tried) if not here],
        "endless": [exemption_row(one) for one in policy.exceptions if one.until is None],
        "keeps": [
            {**exemption_row(one), "project": each.project.name, "user": member.user}
            for each in reviewed
            for one, member in each.kept
        ],
    }


def _is_tried(policy: Policy, one: Exemption, scope: Set[str]) -> bool:
    """Whether today's review is about the rule and the projects. A project that nobody sees is told as unused."""
    asked = one.rule is None or is_asked(policy, one.rule)
    return asked and (not one.projects or not scope.isdisjoint(one.projects))


def doubts(rows: Mapping[str, Sequence[Row]]) -> List[str]:
    """What a person should look at in the exceptions; sentences."""
    found = [
        f"the exception for {one['user']} ended on {one['until']}, so it holds no longer"
        for one in rows["lapsed"][:TOLD]
    ]
    if len(rows["lapsed"]) > TOLD:
        found.append(f"{counted(len(rows['lapsed']) - TOLD, 'more exception')} ended")
    for name, what in (
        ("unused", "exceptions that took nothing out, as no rule finds these people there"),
        ("not_tried", "exceptions that were not tried, as their projects or rules are not in this review"),
        ("endless", "exceptions without an end"),
    ):
        if rows[name]:
            found.append(f"{what}: {listed(_told(rows[name]), '; ')}")
    return found


def _told(rows: Collection[Row]) -> List[str]:
    return [
        " ".join(
            filter(None, [row["user"], row["project"] and f"in {row['project']}", row["rule"] and f"({row['rule']})"])
        )
        for row in rows
    ]
