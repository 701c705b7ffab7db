# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left of the desired state where another rule forbids it.

Whoever is desired is judged as if they had what is desired: what would be taken again is not given.
Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from datetime import datetime
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

from ._access import ACTIVE, PENDING, Member, Person, Project, Roles, Way
from ._names import is_id
from ._policy import Exemption, Grant, Policy, is_asked
from ._rules import BY_NAME, NO_ROLES, Seat
from ._today import exemption

# The rules that win over the desired state.
_WINNING = ("leavers", "allowed_users", "allowed_domains", "inactive_days", "role_holders")

Find = Callable[[Optional[str], Optional[str]], Optional[Person]]


class Known(NamedTuple):
    """Who is in the organization: somebody by id, else by email; and whether everybody there could be read."""

    find: Find = lambda user_id, email: None
    whole: bool = True


NOBODY = Known()


class Settled(NamedTuple):
    """What is left of somebody's desired roles, which rules forbid the rest, and which exceptions were made use of."""

    roles: Roles
    forbidden_by: Tuple[str, ...]
    applied: Sequence[Tuple[Exemption, str]]


def settle(policy: Policy, seat: Seat, now: datetime) -> Settled:
    """What is left of the roles of a seat, in which somebody has what is desired."""
    wanted, rules = seat.member.roles, []
    applied: List[Tuple[Exemption, str]] = []
    for name in _WINNING:
        verdict = BY_NAME[name](policy, seat, now) if is_asked(policy, name) else None
        taken = NO_ROLES if verdict is None else seat.member.roles if verdict.action == "remove" else verdict.take
        if not taken:
            continue
        exempt = exemption(policy, seat.member, seat.project, name, now)
        if exempt:
            applied.append((exempt, name))
            continue
        wanted -= taken
        rules.append(name)
    return Settled(wanted, tuple(rules), applied)


def roles_of(grants: Sequence[Grant]) -> Roles:
    """The roles that rows of the desired state give."""
    return NO_ROLES.union(*(grant.roles for grant in grants))


def as_member(seat: Seat, grants: Sequence[Grant]) -> Seat:
    """Somebody who is in, with what is desired."""
    roles = roles_of(grants)
    ways = (Way("direct", None, roles), *(way for way in seat.ways if way.kind != "direct"))
    return seat._replace(member=seat.member._replace(roles=roles), ways=ways)


def as_newcomer(
    project: Project, email: str, user_id: Optional[str], grants: Sequence[Grant], known: Known, now: datetime
) -> Seat:
    """Somebody who is to be added, with what is desired: as the organization knows them, else just invited."""
    person, roles = known.find(None, email), roles_of(grants)
    if person is None:
        member = Member(email, user_id, PENDING, roles, invitation_created_at=now.isoformat())
    elif person.status == ACTIVE:
        member = Member(email, person.user_id, ACTIVE, roles, person.last_auth, person.created_at)
    else:
        member = Member(email, person.user_id, PENDING, roles, invitation_created_at=now.isoformat())
    return Seat(project, str(member.user_id), member, (Way("direct", None, roles),), None)


def is_unsure(policy: Policy, known: Known, by_id: bool) -> bool:
    """Whether it may be that somebody to be added would be taken out again, for what of the account is not known.

    ``by_id``: the desired state names people by ids, of which nobody can tell whose they are.
    """
    return not known.whole and (by_id or policy.inactive_days is not None or any(map(is_id, policy.leavers)))
