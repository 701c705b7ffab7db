# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A review: findings by the rules, and the steps that they plan.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from datetime import datetime
from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import (
    ACTIVE,
    LAPSED,
    OWNER,
    OWNERS,
    UNKNOWN_WAY,
    Access,
    Entry,
    Member,
    Project,
    Roles,
    Step,
    Way,
    access_of,
    folded,
    owns,
    plan,
)
from ._names import is_id
from ._policy import Exemption, Grant, Guards, Policy
from ._rules import NO_ROLES, Said, Say, Seat, Verdict, asked, role_names, said, saying
from ._settle import NOBODY, Known, as_member, as_newcomer, is_unsure, settle
from ._today import exemption, valid
from ._words import LAST_OWNER

# From the most severe on.
ACTIONS = ("remove", "revoke", "add", "report")
NOTHING = Verdict("report", "")


class Finding(NamedTuple):
    """A membership that breaks rules. ``roles`` are those to be taken, or given; ``ways`` what removal leaves."""

    project: Project
    key: str
    member: Member
    rules: Tuple[str, ...]
    reasons: Tuple[str, ...]
    action: str
    roles: Roles
    after: Optional[Roles]
    ways: Tuple[Way, ...]


class Conflict(NamedTuple):
    """Somebody to whom the desired state gives what another rule forbids; that rule won."""

    user: str
    rules: Tuple[str, ...]


class Reviewed(NamedTuple):
    """One project held against the policy: what is there, what was found, and what is to be done.

    ``owners`` are the keys of who owns it and is ACTIVE, teams counted; ``left`` who does after the steps.
    ``applied`` are the exceptions that were made use of, with the rule; ``kept`` the leavers whom one keeps in.
    """

    project: Project
    entries: Mapping[str, Entry]
    findings: List[Finding]
    before: Access
    steps: List[Step]
    applied: List[Tuple[Exemption, str]]
    owners: FrozenSet[str]
    left: FrozenSet[str]
    conflicts: Sequence[Conflict] = ()
    kept: Sequence[Tuple[Exemption, Member]] = ()


class _Judged(NamedTuple):
    """What the rules come to in one project, while it is worked out."""

    findings: List[Finding]
    applied: List[Tuple[Exemption, str]]
    conflicts: List[Conflict]
    kept: List[Tuple[Exemption, Member]]


def review(
    policy: Policy,
    guards: Guards,
    project: Project,
    entries: Mapping[str, Entry],
    grants: Optional[Mapping[str, List[Grant]]],
    now: datetime,
    active: FrozenSet[str] = frozenset(),
    by_roles: bool = False,
    unsure: FrozenSet[str] = frozenset(),
    known: Known = NOBODY,
    say: Optional[Say] = None,
) -> Reviewed:
    """Hold one project against the policy. ``entries`` are by key, ``grants`` the desired state of the project.

    ``active`` are the emails, folded, of who is ACTIVE in the organization: they get in at once where they are added.
    ``by_roles``: how people get in was told by roles only. ``unsure`` are the keys of whom other ways are not known.
    ``known`` is who is in the organization. ``say`` is shared by projects that are held against one policy.
    """
    judged = _judge(policy, guards, project, entries, grants, now, known, say or saying(policy, now))
    findings = [
        one._replace(ways=(*one.ways, UNKNOWN_WAY)) if one.action == "remove" and one.key in unsure else one
        for one in judged.findings
    ]
    told = judged.applied
    before = access_of({key: entry.member for key, entry in entries.items() if entry.direct})
    owned = owners(entries, before, active, by_roles)
    if not findings:
        return Reviewed(project, entries, [], before, [], told, owned, owned, judged.conflicts, judged.kept)
    left = owners(entries, after(before, findings), active, by_roles)
    if owned and not left:
        findings = _keep_an_owner(findings, owned, before)
        left = owners(entries, after(before, findings), active, by_roles)
    steps = plan(before, after(before, findings))
    return Reviewed(project, entries, findings, before, steps, told, owned, left, judged.conflicts, judged.kept)


def _judge(
    policy: Policy,
    guards: Guards,
    project: Project,
    entries: Mapping[str, Entry],
    grants: Optional[Mapping[str, List[Grant]]],
    now: datetime,
    known: Known,
    say: Say,
) -> _Judged:
    """What breaks the rules, which exceptions were made use of, and where the desired state has to yield."""
    judged = _Judged([], [], [], [])
    rules, wishes = asked(policy), None if grants is None else _wishes(entries, grants)
    for key, entry in entries.items():
        mine = wishes.get(key) if wishes else None
        verdicts: Said = () if mine else say(entry.member, entry.ways, mine is not None)
        if not mine and not verdicts:
            continue
        seat = Seat(project, key, entry.member, entry.ways, mine)
        if mine:
            if seat.direct and valid(mine, now):
                seat = _yield(policy, seat, now, known, judged)
            verdicts = said(rules, policy, seat, now)
        holding = _without_exempt(policy, seat, verdicts, now, judged)
        if holding:
            judged.findings.append(_finding(policy, guards, seat, holding))
    if grants:
        _missing(policy, project, entries, grants, now, known, judged)
    judged.findings.sort(key=lambda finding: (folded(finding.member.user), finding.key))
    return judged


def _wishes(entries: Mapping[str, Entry], grants: Mapping[str, List[Grant]]) -> Dict[str, Optional[List[Grant]]]:
    """Everybody's rows of the desired state; None for whom it is not asked about."""
    living = {folded(entry.member.user) for entry in entries.values() if entry.direct and not lapsed(entry)}
    wishes: Dict[str, Optional[List[Grant]]] = {}
    for key, entry in entries.items():
        email = folded(entry.member.user)
        wishes[key] = [*grants.get(key, []), *grants.get(email, [])]
        # Of somebody who is a member, and of one who is to be invited again, other old invitations are not asked about.
        if lapsed(entry):
            wishes[key] = None if email in living else wishes[key]
            living.add(email)
    return wishes


def _without_exempt(policy: Policy, seat: Seat, verdicts: Said, now: datetime, judged: _Judged) -> Dict[str, Verdict]:
    """What the rules say of a seat, exceptions apart."""
    holding = {}
    for name, verdict in verdicts:
        exempt = exemption(policy, seat.member, seat.project, name, now)
        if not exempt:
            holding[name] = verdict
            continue
        judged.applied.append((exempt, name))
        if name == "leavers" and verdict.action == "remove":
            judged.kept.append((exempt, seat.member))
    return holding


def _yield(policy: Policy, seat: Seat, now: datetime, known: Known, judged: _Judged) -> Seat:
    """The seat with what is left of the desired state for it."""
    member = seat.member
    holds = valid(seat.grants or (), now)
    if seat.lapsed:
        wish = as_newcomer(seat.project, member.user, member.user_id, holds, known, now)
    else:
        wish = as_member(seat, holds)
    if exemption(policy, member, seat.project, "memberships", now):
        return seat
    settled = settle(policy, wish, now)
    judged.applied.extend(settled.applied)
    if settled.forbidden_by:
        judged.conflicts.append(Conflict(member.user, (*settled.forbidden_by, "memberships")))
    left = [Grant(seat.project.name, member.user, settled.roles)] if settled.roles else None
    return seat._replace(grants=left, unsure=seat.lapsed and is_unsure(policy, known, False))


def lapsed(entry: Entry) -> bool:
    """Whether an entry is an invitation that gives nobody access."""
    return entry.member.status in LAPSED


def _finding(policy: Policy, guards: Guards, seat: Seat, verdicts: Mapping[str, Verdict]) -> Finding:
    """One finding with all the rules that a membership breaks; the most severe says what to do."""
    action = min((verdict.action for verdict in verdicts.values()), key=ACTIONS.index)
    take = frozenset().union(*(verdict.take for verdict in verdicts.values()))
    give = frozenset().union(*(verdict.give for verdict in verdicts.values()))
    reasons = [verdict.reason for verdict in verdicts.values()]
    if seat.is_one_of(guards.protected_users):
        action = "report"
        reasons.append("is protected, so left alone")
    elif not seat.direct and action != "report":
        action = "report"
        reasons.append("is no member here, so there is nothing to take")
    elif seat.member.legacy and action in ("revoke", "add"):
        action = "report"
        reasons.append("is a legacy invitation, whose roles can't be changed; cancel it and invite anew")
    after: Optional[Roles] = None
    if action == "revoke":
        after = (seat.member.roles - take) | (give if policy.add_missing else NO_ROLES)
        # The desired state says what somebody is to have; where it says nothing, a role may stand in for an only one.
        after = after or verdicts.get("memberships", verdicts.get("role_holders", NOTHING)).instead
    elif action == "add" and policy.add_missing:
        after = give | (NO_ROLES if seat.lapsed else seat.member.roles)
    indirect = seat.ways[1:] if seat.direct else seat.ways
    roles = {"revoke": take, "add": give}.get(action, seat.member.roles)
    return Finding(seat.project, seat.key, seat.member, tuple(verdicts), tuple(reasons), action, roles, after, indirect)


def _missing(
    policy: Policy,
    project: Project,
    entries: Mapping[str, Entry],
    grants: Mapping[str, List[Grant]],
    now: datetime,
    known: Known,
    judged: _Judged,
) -> None:
    """People of the desired state who are not in the project."""
    direct = {name for key, entry in entries.items() if entry.direct for name in (key, folded(entry.member.user))}
    users = sorted(set(grants) - direct)
    unsure = is_unsure(policy, known, any(map(is_id, users)))
    for user in users:
        person = known.find(user, None) if is_id(user) else known.find(None, user)
        if is_id(user) and person and folded(person.user) in grants:
            # The row with the email stands for both.
            continue
        mine = [*grants[user], *(grants.get(person.user_id, []) if person and person.user_id != user else [])]
        holds = valid(mine, now)
        if holds:
            wish = as_newcomer(project, person.user if person else user, None, holds, known, now)
            _add_missing(policy, wish, user, now, unsure, judged)


def _add_missing(policy: Policy, wish: Seat, user: str, now: datetime, unsure: bool, judged: _Judged) -> None:
    """Somebody of the desired state who is not in the project: ``wish`` is how they would be."""
    exempt = exemption(policy, wish.member, wish.project, "memberships", now)
    if exempt:
        judged.applied.append((exempt, "memberships"))
        return
    settled = settle(policy, wish, now)
    judged.applied.extend(settled.applied)
    if settled.forbidden_by:
        judged.conflicts.append(Conflict(wish.member.user, (*settled.forbidden_by, "memberships")))
    if not settled.roles:
        return
    reason, action = f"is to have {role_names(settled.roles)}, but is not a member", "add"
    if is_id(user):
        reason, action = f"{reason}, and by an id nobody can be added: name the email as well", "report"
    elif unsure and policy.add_missing:
        reason, action = f"{reason}, and whether another rule forbids it could not be read", "report"
    after = settled.roles if policy.add_missing and action == "add" else None
    member = Member(user, None, None, NO_ROLES)
    judged.findings.append(
        Finding(wish.project, user, member, ("memberships",), (reason,), action, settled.roles, after, ())
    )


# --- owners ----------------------------------------------------------------------------------------------------------


def after(before: Access, findings: Iterable[Finding]) -> Dict[str, Roles]:
    """The access that the findings want."""
    then = dict(before)
    for finding in findings:
        if finding.action == "remove":
            then.pop(finding.key)
        elif finding.after is not None:
            then[finding.key] = finding.after
    return then


def owners(
    entries: Mapping[str, Entry], access: Access, active: FrozenSet[str] = frozenset(), by_roles: bool = False
) -> FrozenSet[str]:
    """The keys of who owns a project under this access and is ACTIVE, owners through teams counted.

    Told by roles only, a direct owner's team proves nothing.
    """
    # Of the many people few differ in roles or ways.
    owning = set(filter(owns, set(access.values())))
    direct = {key for key, roles in access.items() if roles in owning}
    found = {key for key in direct if key in entries and entries[key].member.status == ACTIVE}
    by_team = set(filter(_owns_by_team, {entry.ways for entry in entries.values()}))
    if by_team:
        found.update(
            key
            for key, (member, ways) in entries.items()
            if ways in by_team and member.status == ACTIVE and not (by_roles and OWNER in member.roles)
        )
    newcomers = direct.intersection(active).difference(entries)
    return frozenset(found.union(key for key in newcomers if OWNER in access[key]))


def _owns_by_team(ways: Tuple[Way, ...]) -> bool:
    return any(way.kind == "team" and OWNER in way.roles for way in ways)


def _keep_an_owner(findings: Sequence[Finding], owned: FrozenSet[str], before: Access) -> List[Finding]:
    """The same findings, but one of the owners, who would all go, stays: rather one who has not left."""
    going = [one for one in findings if one.key in owned and owns(before.get(one.key, NO_ROLES)) and _goes(one)]
    stays = max(going, key=lambda one: ("leavers" not in one.rules, one.action == "remove", one.key))
    kind = stays.project.kind
    reason = f"{LAST_OWNER}the {kind} would have no other ACTIVE owner; make somebody else {OWNERS[kind]} first"
    told = stays._replace(
        action="report", reasons=(*stays.reasons, reason), roles=before.get(stays.key, NO_ROLES), after=None
    )
    return [told if one is stays else one for one in findings]


def _goes(finding: Finding) -> bool:
    return finding.action == "remove" or (finding.after is not None and not owns(finding.after))
