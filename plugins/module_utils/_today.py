# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a policy holds where, and today.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from ._access import Member, Project, Refusal, folded
from ._names import select_projects
from ._policy import Exemption, Grant, Leaver, Policy, check_once

# When a day is over everywhere on earth, west of the date line too: at this time of the next day.
_OVER = time(12, tzinfo=timezone.utc)


def located(policy: Policy, visible: Sequence[Project]) -> Tuple[Policy, List[str]]:
    """The policy with the projects of its exceptions, and what to say of projects that nobody sees."""
    found, unknown = [], []
    for one in policy.exceptions:
        try:
            ids = frozenset(project.id for project in select_projects([one.project], visible)) if one.project else None
        except Refusal as refusal:
            ids = frozenset()
            unknown.append(f"policy.exceptions: {refusal}")
        found.append(one._replace(projects=ids or frozenset()))
    return policy._replace(exceptions=tuple(found)), unknown


def grants_by_project(policy: Policy, visible: Sequence[Project]) -> Dict[str, Dict[str, List[Grant]]]:
    """The desired state by project id and user. Raises `Refusal` for projects that the credential does not see."""
    found: Dict[str, Dict[str, List[Grant]]] = {}
    places: Dict[str, List[Project]] = {}
    for grant in policy.memberships or ():
        if grant.project not in places:
            places[grant.project] = select_projects([grant.project], visible)
        for project in places[grant.project]:
            found.setdefault(project.id, {}).setdefault(grant.user, []).append(grant)
    for project_id, people_of in found.items():
        check_once((project_id, grant) for grants in people_of.values() for grant in grants)
    return found


def has_left(leaver: Leaver, now: datetime) -> bool:
    """Whether somebody's last day is over, wherever it was spent."""
    if leaver.last_day is None:
        return True
    # Not the last day and a day more: exports write 9999-12-31 for never.
    return now.astimezone(timezone.utc) - timedelta(days=1) >= datetime.combine(leaver.last_day, _OVER)


def valid(grants: Iterable[Grant], now: datetime) -> List[Grant]:
    """The rows of the desired state that have not ended."""
    return [grant for grant in grants if grant.expires is None or grant.expires >= now.date()]


def exemption(policy: Policy, member: Member, project: Project, rule: str, now: datetime) -> Optional[Exemption]:
    """The exception that holds for somebody in a project and a rule today."""
    names = folded(member.user), member.user_id
    for one in policy.exceptions:
        if (
            one.user in names
            and one.rule in (None, rule)
            and (one.project is None or project.id in one.projects)
            and _holds(one, now)
        ):
            return one
    return None


def living_exceptions(policy: Policy, now: datetime) -> FrozenSet[str]:
    """Whom an exception to the rule about leavers holds for somewhere: emails, folded, and ids."""
    return frozenset(one.user for one in policy.exceptions if one.rule in (None, "leavers") and _holds(one, now))


def _holds(one: Exemption, now: datetime) -> bool:
    return one.until is None or one.until >= now.date()


def lapsed_exceptions(policy: Policy, now: datetime) -> List[Exemption]:
    """The exceptions that hold no longer."""
    return [one for one in policy.exceptions if one.until is not None and one.until < now.date()]
