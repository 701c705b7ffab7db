# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules: what each says of somebody in a project.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Callable, Collection, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

from ._access import ACTIVE, LAPSED, Member, Project, Roles, Way, days_since, folded, idle_days
from ._plain import domain_of
from ._policy import RULES, Grant, Leaver, Policy, is_asked
from ._today import has_left, valid
from ._words import LEAVING, counted

NO_ROLES: Roles = frozenset()


class Seat(NamedTuple):
    """What a rule sees: somebody in a project. ``grants`` are the person's rows of the desired state there.

    ``grants`` is None where the desired state says nothing of the project, or of somebody whom another rule forbids all
    of it. ``unsure``: whether another rule would forbid to add the person is not known.
    """

    project: Project
    key: str
    member: Member
    ways: Tuple[Way, ...]
    grants: Optional[Sequence[Grant]]
    unsure: bool = False

    @property
    def direct(self) -> bool:
        return bool(self.ways) and self.ways[0].kind == "direct"

    @property
    def lapsed(self) -> bool:
        return self.member.status in LAPSED

    def is_one_of(self, users: Collection[str]) -> bool:
        return folded(self.member.user) in users or self.member.user_id in users


class Verdict(NamedTuple):
    """What a rule says of a seat: what to do, why, and which roles to take or give.

    ``instead`` are the roles that replace those taken when nothing else would be left.
    """

    action: str
    reason: str
    take: Roles = NO_ROLES
    give: Roles = NO_ROLES
    instead: Roles = NO_ROLES


def leavers(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds listed people, in whatever way they get in. Can't know a second account under another email."""
    named = policy.leavers.get(folded(seat.member.user)), policy.leavers.get(str(seat.member.user_id))
    found = [leaver for leaver in named if leaver]
    if not found:
        return None
    gone = [leaver for leaver in found if has_left(leaver, now)]
    if not gone:
        return Verdict("report", f"{LEAVING}the last day is {min(str(one.last_day) for one in found)}{_why(found)}")
    days = sorted(str(leaver.last_day) for leaver in gone if leaver.last_day)
    when = f"; the last day was {days[0]}" if days else ""
    return Verdict("remove", f"has left, by the list of leavers{when}{_why(gone)}")


def allowed_users(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds people who are not on the list. Organization roles, which are not given in a project, are left out."""
    if policy.allowed_users is None or seat.is_one_of(policy.allowed_users) or not _in_by_project(seat):
        return None
    return Verdict("remove", "is not on the list of allowed users")


def allowed_domains(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds people whose email is of another domain. Can't know who owns the mailbox behind an allowed one."""
    domain = domain_of(seat.member.user)
    if policy.allowed_domains is None or domain in policy.allowed_domains or not _in_by_project(seat):
        return None
    return Verdict("remove", f"is of the domain {domain}, which is not allowed")


def stale_invitation_days(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds invitations that wait for so long, expired or were rejected. Can't know whether the mail arrived."""
    if policy.stale_invitation_days is None or not seat.direct or seat.member.status == ACTIVE:
        return None
    # Whoever is listed, and is to be added when missing, would be invited again by the next run.
    action = "report" if policy.add_missing and valid(seat.grants or (), now) else "remove"
    if seat.lapsed:
        how = "expired" if seat.member.status == LAPSED[0] else "was rejected"
        return Verdict(action, f"the invitation {how}")
    age = days_since(seat.member.invitation_created_at, now)
    if age is None:
        return Verdict("report", "the invitation's date is not known")
    if age < policy.stale_invitation_days:
        return None
    return Verdict(action, f"the invitation has been pending for {counted(age, 'day')}")


def inactive_days(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds ACTIVE people who have not logged in for so long, or never and have had the account for some time.

    The last login is the account's, to Atlas as a whole: it can't say whether the project was used.
    """
    if policy.inactive_days is None or not seat.direct or seat.member.status != ACTIVE:
        return None
    idle = idle_days(seat.member, now)
    if idle is None:
        return Verdict("report", "neither a last login nor the age of the account is known")
    if seat.member.last_auth:
        return Verdict("remove", f"last logged in {counted(idle, 'day')} ago") if idle >= policy.inactive_days else None
    return Verdict("remove", f"never logged in, in {counted(idle, 'day')}") if idle >= policy.grace_days else None


def role_holders(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds roles that somebody holds who should not. Organization roles are left out: they are not given here."""
    if seat.lapsed:
        # An invitation that lapsed holds a place and gives no role.
        return None
    held = frozenset().union(*(way.roles for way in seat.ways if way.kind != "organization"))
    surplus = frozenset(
        role for role, users in policy.role_holders.items() if role in held and not seat.is_one_of(users)
    )
    if not surplus:
        return None
    reason = f"holds {role_names(surplus)}, which is for others"
    taken = surplus & seat.member.roles
    if seat.direct and not taken:
        return Verdict("report", f"{reason}; by a team alone, so there is nothing to take here")
    replaced = policy.fallback_role is not None and policy.fallback_role not in taken
    if seat.direct and seat.member.roles == taken and not replaced:
        return Verdict("report", f"{reason}; it is the only role, name a fallback_role to replace it", taken)
    return Verdict("revoke", reason, taken, instead=frozenset(filter(None, [policy.fallback_role])))


def memberships(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds who is not in the desired state of a project, has more or fewer roles there, or whose grant expired.

    Projects that the desired state does not name are left alone. Can't know of wishes that are not written down.
    """
    if seat.grants is None or not seat.direct:
        return None
    holds = valid(seat.grants, now)
    if not holds:
        if seat.lapsed:
            return None
        expired = [grant for grant in seat.grants if grant.expires]
        if expired:
            return Verdict(
                "remove", f"the grant expired on {max(str(grant.expires) for grant in expired)}{_why(expired)}"
            )
        return Verdict("remove", "is not in the desired state of this project")
    wanted = frozenset().union(*(grant.roles for grant in holds))
    if seat.lapsed and seat.unsure and policy.add_missing:
        why = "the invitation lapsed, and whether another rule forbids it could not be read"
        return Verdict("report", f"is to have {role_names(wanted)}, but {why}")
    if seat.lapsed:
        return Verdict("add", f"is to have {role_names(wanted)}, but the invitation lapsed", give=wanted)
    surplus, missing = seat.member.roles - wanted, wanted - seat.member.roles
    reasons = [f"holds {role_names(surplus)}, which is not in the desired state"] if surplus else []
    reasons += [f"is to have {role_names(missing)} as well"] if missing else []
    if not reasons:
        return None
    return Verdict("revoke" if surplus else "add", ", and ".join(reasons), surplus, missing, wanted)


def _in_by_project(seat: Seat) -> bool:
    return any(way.kind != "organization" for way in seat.ways)


def role_names(roles: Iterable[str]) -> str:
    """Roles for a sentence."""
    return ", ".join(sorted(roles))


def _why(rows: Iterable[Union[Grant, Leaver]]) -> str:
    reasons = sorted({row.reason for row in rows if row.reason})
    return f" ({'; '.join(reasons)})" if reasons else ""


Rule = Callable[[Policy, Seat, datetime], Optional[Verdict]]
# By their names, which are the policy's keys.
BY_NAME: Dict[str, Rule] = {
    "leavers": leavers,
    "allowed_users": allowed_users,
    "allowed_domains": allowed_domains,
    "stale_invitation_days": stale_invitation_days,
    "inactive_days": inactive_days,
    "role_holders": role_holders,
    "memberships": memberships,
}


Said = Sequence[Tuple[str, Verdict]]
# What the rules say of somebody with these ways in; and whether there is a desired state, in which they are not.
Say = Callable[[Member, Tuple[Way, ...], bool], Said]


def asked(policy: Policy) -> List[Tuple[str, Rule]]:
    """The rules that a policy asks for, by their names, in the order in which findings name them."""
    return [(name, BY_NAME[name]) for name in RULES if is_asked(policy, name)]


def saying(policy: Policy, now: datetime) -> Say:
    """Asks the rules once of people who are alike: the same ones come with every project."""
    rules, anywhere = asked(policy), Project("", "", "")

    @lru_cache(maxsize=10_000)
    def say(member: Member, ways: Tuple[Way, ...], unwanted: bool) -> Said:
        return said(rules, policy, Seat(anywhere, "", member, ways, () if unwanted else None), now)

    return say


def said(rules: Iterable[Tuple[str, Rule]], policy: Policy, seat: Seat, now: datetime) -> Said:
    """What these rules say of a seat."""
    verdicts = ((name, rule(policy, seat, now)) for name, rule in rules)
    return [(name, verdict) for name, verdict in verdicts if verdict]
