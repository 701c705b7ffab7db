# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hold memberships against a policy: rules give findings, findings give a plan, guards judge the plan.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import (
    ACTIVE,
    LAPSED,
    OWNER,
    STATUSES,
    Access,
    Entry,
    Member,
    Project,
    Refusal,
    Roles,
    Step,
    Way,
    access_of,
    days_since,
    folded,
    idle_days,
    plan,
    replay,
)
from ._names import blank, check_roles, is_id, people, plain, role_set, select_projects

NO_ROLES: Roles = frozenset()

# Truth values as people write them.
_TRUE, _FALSE = ("true", "yes", "on", "1", "y"), ("false", "no", "off", "0", "n")

_DOMAIN = re.compile(r"@?[\w-]+(\.[\w-]+)*")


# --- the policy ------------------------------------------------------------------------------------------------------


class Grant(NamedTuple):
    """One row of the desired state; ``project`` is a name, id or glob. Valid through the day ``expires``."""

    project: str
    user: str
    roles: Roles
    expires: Optional[date] = None
    reason: str = ""


class Exemption(NamedTuple):
    """Takes findings out through the day ``until``; without a project or rule for all of them.

    ``projects`` are the ids that ``project`` names, as `located` finds them.
    """

    user: str
    project: Optional[str]
    rule: Optional[str]
    until: Optional[date]
    reason: str
    projects: FrozenSet[str] = frozenset()


class Policy(NamedTuple):
    """Who may be in. What is None or empty is not asked for."""

    leavers: FrozenSet[str] = frozenset()
    allowed_users: Optional[FrozenSet[str]] = None
    allowed_domains: Optional[FrozenSet[str]] = None
    stale_invitation_days: Optional[int] = None
    inactive_days: Optional[int] = None
    grace_days: int = 14
    role_holders: Mapping[str, FrozenSet[str]] = {}
    fallback_role: Optional[str] = None
    memberships: Optional[Tuple[Grant, ...]] = None
    add_missing: bool = False
    exceptions: Tuple[Exemption, ...] = ()


class Guards(NamedTuple):
    """What a plan must not do. Users are emails, folded, and ids; None means no bound."""

    protected_users: FrozenSet[str] = frozenset()
    min_owners: int = 1
    max_removals: Optional[int] = None
    max_removal_percent: int = 25


def read_policy(given: Mapping[str, Any]) -> Tuple[Policy, List[str]]:
    """The policy from plain data, and warnings. An empty string is unset. Raises `Refusal` with a sentence."""
    known = _given(given)
    for name in ("allowed_users", "allowed_domains", "role_holders", "memberships"):
        if name in known and not known[name]:
            raise Refusal(f"policy.{name} is empty, which would find everybody; leave it out to not ask for it")
    days = {name: _number(known, name, "policy") for name in ("stale_invitation_days", "inactive_days", "grace_days")}
    holders = {}
    if not isinstance(known.get("role_holders", {}), dict):
        raise Refusal("policy.role_holders is not a map; write {GROUP_OWNER: [ada@corp.example]}")
    for role, users in known.get("role_holders", {}).items():
        if blank(users) or users == []:
            raise Refusal(f"policy.role_holders: {role} has no list of users; name at least one, or leave the role out")
        holders[role] = _emails(users, f"policy.role_holders: {role}")
    warnings = check_roles(holders, "policy.role_holders")
    if known.get("fallback_role"):
        warnings += check_roles([known["fallback_role"]], "policy.fallback_role")
    grants = tuple(map(_grant, _unfolded(_rows(known, "memberships")))) if "memberships" in known else None
    warnings += check_roles({role for grant in grants or () for role in grant.roles}, "policy.memberships")
    policy = Policy(
        leavers=_emails(known.get("leavers", []), "policy.leavers"),
        allowed_users=_emails(known["allowed_users"], "policy.allowed_users") if "allowed_users" in known else None,
        allowed_domains=_domains(known["allowed_domains"]) if "allowed_domains" in known else None,
        stale_invitation_days=days["stale_invitation_days"],
        inactive_days=days["inactive_days"],
        grace_days=Policy().grace_days if days["grace_days"] is None else days["grace_days"],
        role_holders=holders,
        fallback_role=known.get("fallback_role"),
        memberships=grants,
        add_missing=_truth(known, "add_missing"),
        exceptions=tuple(_exemption(row) for row in _rows(known, "exceptions")),
    )
    return policy, warnings


def read_guards(given: Mapping[str, Any]) -> Guards:
    """The guards from plain data. An empty string is unset. Raises `Refusal` with a sentence."""
    known = _given(given)
    minimum, most, percent = (
        _number(known, name, "guards") for name in ("min_owners", "max_removals", "max_removal_percent")
    )
    if percent is not None and percent > 100:
        raise Refusal(f"guards.max_removal_percent: {percent} is more than 100")
    return Guards(
        protected_users=_emails(known.get("protected_users", []), "guards.protected_users"),
        min_owners=Guards().min_owners if minimum is None else minimum,
        max_removals=most,
        max_removal_percent=Guards().max_removal_percent if percent is None else percent,
    )


def _given(options: Mapping[str, Any]) -> Dict[str, Any]:
    """The options that are set."""
    return {name: value for name, value in options.items() if not blank(value)}


def _number(known: Mapping[str, Any], name: str, option: str) -> Optional[int]:
    value = known.get(name)
    if value is None:
        return None
    try:
        number = int(str(value).strip())
    except ValueError:
        number = -1
    if number < 0:
        raise Refusal(f"{option}.{name}: '{value}' is not a number; write a whole number such as 30")
    return number


def _truth(known: Mapping[str, Any], name: str) -> bool:
    word = str(known.get(name, False)).strip().lower()
    if word not in _TRUE + _FALSE:
        raise Refusal(f"policy.{name}: {known[name]!a} is neither true nor false")
    return word in _TRUE


def _rows(known: Mapping[str, Any], name: str) -> List[Any]:
    rows = known.get(name, [])
    if not isinstance(rows, list):
        raise Refusal(f"policy.{name}: '{rows}' is not a list of rows")
    return rows


def _emails(users: Any, option: str) -> FrozenSet[str]:
    return frozenset(map(folded, people(users, option) or ()))


def _email(user: Any, option: str) -> str:
    """The one person of a row."""
    found = sorted(_emails(user, option))
    if len(found) != 1:
        raise Refusal(f"{option}: {user!a} is not one person; write a row for each")
    return found[0]


def _domains(domains: Any) -> FrozenSet[str]:
    """Domains as people write them: a list, or text with one a line or commas; an @ in front is fine."""
    texts = [domains] if isinstance(domains, str) else domains
    pieces = [piece for text in texts for piece in re.split(r"[\s,;]+", str(text)) if piece]
    for piece in pieces:
        if not _DOMAIN.fullmatch(piece):
            raise Refusal(f"policy.allowed_domains: {piece!a} is not a domain; write one such as corp.example")
    return frozenset(folded(piece.lstrip("@")) for piece in pieces)


def _unfolded(rows: Iterable[Any]) -> List[Any]:
    """Rows of the desired state; one that has rows itself, as a file of one project does, stands for those."""
    unfolded: List[Any] = []
    for row in rows:
        if not isinstance(row, dict) or "memberships" not in row:
            unfolded.append(row)
            continue
        _row(row, "memberships", ("project", "memberships"))
        if not row["memberships"] or not isinstance(row["memberships"], list):
            raise Refusal(
                f"policy.memberships: {row.get('project')} lists nobody; leave the project out to not ask for it"
            )
        unfolded += [
            {"project": row.get("project"), **inner} if isinstance(inner, dict) else inner
            for inner in row["memberships"]
        ]
    return unfolded


def _row(row: Any, option: str, keys: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise Refusal(f"policy.{option}: '{row}' is not a row; write {{{', '.join(key + ': ...' for key in keys)}}}")
    unknown = sorted(map(str, set(row) - set(keys)))
    if unknown:
        raise Refusal(f"policy.{option}: '{unknown[0]}' is not a key of a row; the keys are {', '.join(keys)}")
    return {key: value for key, value in row.items() if not blank(value)}


def _grant(given: Any) -> Grant:
    row = _row(given, "memberships", ("project", "user", "roles", "expires", "reason"))
    project = plain(row, "project", "policy.memberships")
    if project is None or "user" not in row or "roles" not in row:
        raise Refusal(f"policy.memberships: {dict(given)} lacks a project, a user or roles")
    user = _email(row["user"], "policy.memberships")
    roles = role_set(row["roles"], f"policy.memberships: the roles of {user} in {project}")
    expires = _date(row.get("expires"), "policy.memberships: expires")
    return Grant(project, user, roles, expires, str(row.get("reason", "")))


def _exemption(given: Any) -> Exemption:
    row = _row(given, "exceptions", ("user", "project", "rule", "until", "reason"))
    if "user" not in row:
        raise Refusal(f"policy.exceptions: {dict(given)} lacks a user")
    project, rule = (plain(row, key, "policy.exceptions") for key in ("project", "rule"))
    if rule and rule not in RULES:
        raise Refusal(f"policy.exceptions: '{rule}' is not a rule; the rules are {', '.join(RULES)}")
    user = _email(row["user"], "policy.exceptions")
    until = _date(row.get("until"), "policy.exceptions: until")
    return Exemption(user, project, rule, until, str(row.get("reason", "")))


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


def _date(given: Any, option: str) -> Optional[date]:
    if given is None:
        return None
    try:
        return date.fromisoformat(str(given).strip()[:10])
    except ValueError:
        raise Refusal(f"{option}: '{given}' is not a date; write one such as 2026-12-31") from None


# --- the rules -------------------------------------------------------------------------------------------------------


class Seat(NamedTuple):
    """What a rule sees: somebody in a project. ``grants`` are the person's rows of the desired state there.

    ``grants`` is None where the desired state says nothing of the project.
    """

    project: Project
    key: str
    member: Member
    ways: Tuple[Way, ...]
    grants: Optional[Sequence[Grant]]

    @property
    def direct(self) -> bool:
        return bool(self.ways) and self.ways[0].kind == "direct"

    def is_one_of(self, users: FrozenSet[str]) -> bool:
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
    if not seat.is_one_of(policy.leavers):
        return None
    return Verdict("remove", "has left, by the list of leavers")


def allowed_users(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds people who are not on the list. Organization roles, which are not given in a project, are left out."""
    if policy.allowed_users is None or seat.is_one_of(policy.allowed_users) or not _in_by_project(seat):
        return None
    return Verdict("remove", "is not on the list of allowed users")


def allowed_domains(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds people whose email is of another domain. Can't know who owns the mailbox behind an allowed one."""
    domain = folded(seat.member.user).rpartition("@")[2]
    if policy.allowed_domains is None or domain in policy.allowed_domains or not _in_by_project(seat):
        return None
    return Verdict("remove", f"is of the domain {domain}, which is not allowed")


def stale_invitation_days(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds invitations that wait for so long, expired or were rejected. Can't know whether the mail arrived."""
    if policy.stale_invitation_days is None or not seat.direct or seat.member.status == ACTIVE:
        return None
    # Whoever is listed, and is to be added when missing, would be invited again by the next run.
    action = "report" if policy.add_missing and _valid(seat.grants or (), now) else "remove"
    if seat.member.status in LAPSED:
        how = "expired" if seat.member.status == LAPSED[0] else "was rejected"
        return Verdict(action, f"the invitation {how}")
    age = days_since(seat.member.invitation_created_at, now)
    if age is None:
        return Verdict("report", "the invitation's date is not known")
    if age < policy.stale_invitation_days:
        return None
    return Verdict(action, f"the invitation has been pending for {age} days")


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
        return Verdict("remove", f"last logged in {idle} days ago") if idle >= policy.inactive_days else None
    return Verdict("remove", f"never logged in, in {idle} days") if idle >= policy.grace_days else None


def role_holders(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds roles that somebody holds who should not. Organization roles are left out: they are not given here."""
    held = frozenset().union(*(way.roles for way in seat.ways if way.kind != "organization"))
    surplus = frozenset(
        role for role, users in policy.role_holders.items() if role in held and not seat.is_one_of(users)
    )
    if not surplus:
        return None
    reason = f"holds {_listed(surplus)}, which is for others"
    taken = surplus & seat.member.roles
    if (
        seat.direct
        and not seat.member.roles - taken
        and not (policy.fallback_role and policy.fallback_role not in taken)
    ):
        return Verdict("report", f"{reason}; it is the only role, name a fallback_role to replace it", taken)
    return Verdict("revoke", reason, taken, instead=frozenset(filter(None, [policy.fallback_role])))


def memberships(policy: Policy, seat: Seat, now: datetime) -> Optional[Verdict]:
    """Finds who is not in the desired state of a project, has more or fewer roles there, or whose grant expired.

    Projects that the desired state does not name are left alone. Can't know of wishes that are not written down.
    """
    if seat.grants is None or not seat.direct:
        return None
    valid = _valid(seat.grants, now)
    lapsed = seat.member.status in LAPSED
    if not valid:
        if lapsed:
            return None
        expired = [grant for grant in seat.grants if grant.expires]
        if expired:
            return Verdict(
                "remove", f"the grant expired on {max(str(grant.expires) for grant in expired)}{_why(expired)}"
            )
        return Verdict("remove", "is not in the desired state of this project")
    wanted = frozenset().union(*(grant.roles for grant in valid))
    if lapsed:
        return Verdict("add", f"is to have {_listed(wanted)}, but the invitation lapsed", give=wanted)
    surplus, missing = seat.member.roles - wanted, wanted - seat.member.roles
    reasons = [f"holds {_listed(surplus)}, which is not in the desired state"] if surplus else []
    reasons += [f"is to have {_listed(missing)} as well"] if missing else []
    if not reasons:
        return None
    return Verdict("revoke" if surplus else "add", ", and ".join(reasons), surplus, missing, wanted)


Rule = Callable[[Policy, Seat, datetime], Optional[Verdict]]
RULES: Dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        leavers,
        allowed_users,
        allowed_domains,
        stale_invitation_days,
        inactive_days,
        role_holders,
        memberships,
    )
}


def _in_by_project(seat: Seat) -> bool:
    return any(way.kind != "organization" for way in seat.ways)


def _valid(grants: Iterable[Grant], now: datetime) -> List[Grant]:
    return [grant for grant in grants if grant.expires is None or grant.expires >= now.date()]


def _listed(roles: Iterable[str]) -> str:
    return ", ".join(sorted(roles))


def _why(grants: Iterable[Grant]) -> str:
    reasons = sorted({grant.reason for grant in grants if grant.reason})
    return f" ({'; '.join(reasons)})" if reasons else ""


# --- findings --------------------------------------------------------------------------------------------------------


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


class Reviewed(NamedTuple):
    """One project held against the policy: what is there, what was found, and what is to be done."""

    project: Project
    entries: Mapping[str, Entry]
    findings: List[Finding]
    before: Access
    steps: List[Step]
    applied: List[Tuple[Exemption, str]]
    owners: FrozenSet[str]


_SEVERITY = ("remove", "revoke", "add", "report")


def grants_by_project(policy: Policy, visible: Sequence[Project]) -> Dict[str, Dict[str, List[Grant]]]:
    """The desired state by project id and user. Raises `Refusal` for projects that the credential does not see."""
    found: Dict[str, Dict[str, List[Grant]]] = {}
    for grant in policy.memberships or ():
        for project in select_projects([grant.project], visible):
            found.setdefault(project.id, {}).setdefault(grant.user, []).append(grant)
    return found


def review(
    policy: Policy,
    guards: Guards,
    project: Project,
    entries: Mapping[str, Entry],
    grants: Optional[Mapping[str, List[Grant]]],
    now: datetime,
) -> Reviewed:
    """Hold one project against the policy. ``entries`` are by key, ``grants`` the desired state of the project."""
    asked = [(name, rule) for name, rule in RULES.items() if _is_asked(policy, name)]
    findings: List[Finding] = []
    applied: List[Tuple[Exemption, str]] = []
    living = {folded(entry.member.user) for entry in entries.values() if entry.direct and not _lapsed(entry)}
    for key, entry in entries.items():
        email = folded(entry.member.user)
        mine = None if grants is None else [*grants.get(key, []), *grants.get(email, [])]
        # Of somebody who is a member, and of one who is to be invited again, other old invitations are not asked about.
        if _lapsed(entry):
            mine = None if email in living else mine
            living.add(email)
        seat = Seat(project, key, entry.member, entry.ways, mine)
        verdicts = {}
        for name, rule in asked:
            verdict = rule(policy, seat, now)
            exempt = verdict and exemption(policy, seat.member, project, name, now)
            if exempt:
                applied.append((exempt, name))
            elif verdict:
                verdicts[name] = verdict
        if verdicts:
            findings.append(_finding(policy, guards, seat, verdicts))
    findings += _missing(policy, project, entries, grants or {}, now)
    findings.sort(key=lambda finding: (folded(finding.member.user), finding.key))
    before = access_of({key: entry.member for key, entry in entries.items() if entry.direct})
    after = dict(before)
    for finding in findings:
        if finding.action == "remove":
            after.pop(finding.key)
        elif finding.after is not None:
            after[finding.key] = finding.after
    steps = plan(before, after) if findings else []
    return Reviewed(project, entries, findings, before, steps, applied, owners(entries, before))


def _lapsed(entry: Entry) -> bool:
    return entry.member.status in LAPSED


def exemption(policy: Policy, member: Member, project: Project, rule: str, now: datetime) -> Optional[Exemption]:
    """The exception that holds for somebody in a project and a rule today."""
    for one in policy.exceptions:
        if (
            one.user in (folded(member.user), member.user_id)
            and one.rule in (None, rule)
            and (one.project is None or project.id in one.projects)
            and (one.until is None or one.until >= now.date())
        ):
            return one
    return None


def lapsed_exceptions(policy: Policy, now: datetime) -> List[Exemption]:
    """The exceptions that hold no longer."""
    return [one for one in policy.exceptions if one.until is not None and one.until < now.date()]


def _is_asked(policy: Policy, name: str) -> bool:
    value = getattr(policy, name)
    return value is not None and value not in (frozenset(), {})


def _finding(policy: Policy, guards: Guards, seat: Seat, verdicts: Mapping[str, Verdict]) -> Finding:
    """One finding with all the rules that a membership breaks; the most severe says what to do."""
    action = min((verdict.action for verdict in verdicts.values()), key=_SEVERITY.index)
    take = frozenset().union(*(verdict.take for verdict in verdicts.values()))
    give = frozenset().union(*(verdict.give for verdict in verdicts.values()))
    reasons = [verdict.reason for verdict in verdicts.values()]
    if seat.is_one_of(guards.protected_users):
        action = "report"
        reasons.append("is protected, so left alone")
    elif not seat.direct and action != "report":
        action = "report"
        reasons.append("is no member here, so there is nothing to take; see residual_access")
    after: Optional[Roles] = None
    if action == "revoke":
        after = (seat.member.roles - take) | (give if policy.add_missing else NO_ROLES)
        after = after or frozenset().union(*(verdict.instead for verdict in verdicts.values()))
    elif action == "add" and policy.add_missing:
        after = give | (NO_ROLES if seat.member.status in LAPSED else seat.member.roles)
    indirect = tuple(way for way in seat.ways if way.kind != "direct")
    roles = {"revoke": take, "add": give}.get(action, seat.member.roles)
    return Finding(seat.project, seat.key, seat.member, tuple(verdicts), tuple(reasons), action, roles, after, indirect)


def _missing(
    policy: Policy, project: Project, entries: Mapping[str, Entry], grants: Mapping[str, List[Grant]], now: datetime
) -> List[Finding]:
    """People of the desired state who are not in the project."""
    findings: List[Finding] = []
    if not grants:
        return findings
    direct = {name for key, entry in entries.items() if entry.direct for name in (key, folded(entry.member.user))}
    for user in sorted(set(grants) - direct):
        valid = _valid(grants[user], now)
        if not valid or exemption(policy, Member(user, None, None, NO_ROLES), project, "memberships", now):
            continue
        roles = frozenset().union(*(grant.roles for grant in valid))
        reason = f"is to have {_listed(roles)}, but is not a member"
        member = Member(user, None, None, NO_ROLES)
        if is_id(user):
            reason += ", and by an id nobody can be added: name the email as well"
        action = "report" if is_id(user) else "add"
        after = roles if policy.add_missing and action == "add" else None
        findings.append(Finding(project, user, member, ("memberships",), (reason,), action, roles, after, ()))
    return findings


# --- the plan and its guards -----------------------------------------------------------------------------------------


def plan_rows(reviewed: Iterable[Reviewed]) -> List[Dict[str, Any]]:
    """All steps in plain types, in the order of projects; what the modules that write take, and the digest is of."""
    return [_step_row(one, step) for one in reviewed for step in one.steps]


def _step_row(reviewed: Reviewed, step: Step) -> Dict[str, Any]:
    member = reviewed.entries[step.user].member if step.user in reviewed.entries else None
    return {
        "project": reviewed.project.name,
        "project_id": reviewed.project.id,
        "user": member.user if member else step.user,
        "user_id": member.user_id if member else None,
        "legacy": bool(member and member.legacy),
        "action": step.action,
        "roles": sorted(step.roles),
    }


def calls(reviewed: Sequence[Reviewed], rows: Sequence[Dict[str, Any]]) -> Dict[str, List[Any]]:
    """The steps as the writing modules take them: rows to add, to grant and to remove, and calls that revoke.

    A role that replaces somebody's only one goes with the call that revokes, as its ``fallback_role``: the module gives
    it first, and says the same in check mode.
    """
    replaced = {
        (one.project.id, finding.member.user_id): sorted(finding.after)[0]
        for one in reviewed
        for finding in one.findings
        if finding.action == "revoke" and finding.after and not finding.member.roles & finding.after
    }
    revokes: Dict[Optional[str], List[Dict[str, Any]]] = {}
    found: Dict[str, List[Any]] = {"add": [], "grant": [], "revoke": [], "remove": []}
    for row in rows:
        fallback = replaced.get((row["project_id"], row["user_id"]))
        if row["action"] == "revoke":
            revokes.setdefault(fallback, []).append(row)
        elif row["action"] != "grant" or row["roles"] != [fallback]:
            found[row["action"]].append(row)
    found["revoke"] = [
        {"fallback_role": role, "memberships": revokes[role]} for role in sorted(revokes, key=lambda role: role or "")
    ]
    return found


def digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over the canonical steps: who loses or gets what, where."""
    return hashlib.sha256("\n".join(sorted(map(_canonical, rows))).encode()).hexdigest()


def _canonical(row: Mapping[str, Any]) -> str:
    return json.dumps([row["project_id"], row["action"], row["user_id"] or folded(row["user"]), sorted(row["roles"])])


def drift(reviewed: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> List[str]:
    """What came to the plan, and what went from it, since it was reviewed; sentences."""
    was, has = ({_canonical(row): row for row in rows} for rows in (reviewed, now))
    came = [f"new: {_said(has[key])}" for key in sorted(set(has) - set(was))]
    return came + [f"no longer: {_said(was[key])}" for key in sorted(set(was) - set(has))]


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['action']} {row['user']} in {row['project']} ({', '.join(row['roles'])})"


def owners(entries: Mapping[str, Entry], access: Access) -> FrozenSet[str]:
    """The keys of who owns a project under this access and is ACTIVE, owners through teams counted."""
    return frozenset(
        key
        for key, (member, ways) in entries.items()
        if member.status == ACTIVE and (OWNER in access.get(key, NO_ROLES) or _owns_by_team(ways))
    )


@lru_cache(maxsize=10_000)
def _owns_by_team(ways: Tuple[Way, ...]) -> bool:
    return any(way.kind == "team" and OWNER in way.roles for way in ways)


def blocked(
    guards: Guards,
    reviewed: Sequence[Reviewed],
    rows: Sequence[Mapping[str, Any]],
    approved: str,
    earlier: Optional[Sequence[Mapping[str, Any]]],
) -> List[Dict[str, Any]]:
    """The guards that stop this plan. ``approved`` is the digest of the plan that was reviewed, empty if none was.

    A plan that was reviewed passes; one that differs from it does not. ``earlier`` are the steps of the reviewed plan,
    where they are at hand, to say what differs.
    """
    if not rows:
        return []
    if approved:
        return [] if approved == digest(rows) else [_not_approved(rows, approved, earlier)]
    tripped = []
    removals = sum(row["action"] == "remove" for row in rows)
    total = sum(len(one.before) for one in reviewed)
    if guards.max_removals is not None and removals > guards.max_removals:
        detail = f"{removals} of {total} memberships would end, and max_removals is {guards.max_removals}"
        tripped.append({"guard": "max_removals", "project": None, "detail": detail})
    if removals * 100 > guards.max_removal_percent * total:
        percent = f"{removals * 100 / total:.1f} %" if total else "all"
        detail = (
            f"{removals} of {total} memberships ({percent}) would end, and max_removal_percent is "
            f"{guards.max_removal_percent}"
        )
        tripped.append({"guard": "max_removal_percent", "project": None, "detail": detail})
    for one in reviewed:
        has = owners(one.entries, replay(one.before, one.steps)) if one.steps else one.owners
        if len(has) < min(len(one.owners), guards.min_owners):
            detail = f"{len(has)} of {len(one.owners)} ACTIVE owners would remain; min_owners is {guards.min_owners}"
            tripped.append({"guard": "min_owners", "project": one.project.name, "detail": detail})
    return tripped


def _not_approved(
    rows: Sequence[Mapping[str, Any]], approved: str, earlier: Optional[Sequence[Mapping[str, Any]]]
) -> Dict[str, Any]:
    detail = f"the plan is {digest(rows)} now, not the approved {approved}"
    if earlier is None:
        detail += "; the reviewed plan is not in evidence_dir, so what differs can't be told"
    else:
        differs = drift(earlier, rows)
        detail += ". " + "; ".join(differs[:20]) + (f"; and {len(differs) - 20} more" if len(differs) > 20 else "")
    return {"guard": "approved_plan", "project": None, "detail": detail}


def missing_protected(guards: Guards, reviewed: Iterable[Reviewed]) -> List[str]:
    """Protected people who don't get into any project in scope."""
    if not guards.protected_users:
        return []
    seen = set()
    for one in reviewed:
        for entry in one.entries.values():
            if entry.member.status not in LAPSED:
                seen |= {folded(entry.member.user), entry.member.user_id}
    return sorted(guards.protected_users - seen)


def summary(guards: Guards, reviewed: Sequence[Reviewed], rows: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """The counts of a review."""
    found = [finding for one in reviewed for finding in one.findings]
    statuses = Counter(one.entries[key].member.status for one in reviewed for key in one.before)
    total = sum(len(one.before) for one in reviewed)
    removals = sum(row["action"] == "remove" for row in rows)
    return {
        "projects": len(reviewed),
        "people": len(set().union(*(one.entries for one in reviewed))),
        "memberships": total,
        "by_status": {status: statuses[status] for status in STATUSES},
        "indirect": sum(len(one.entries) for one in reviewed) - total,
        "findings": len(found),
        "by_rule": {rule: sum(rule in finding.rules for finding in found) for rule in RULES},
        "by_action": {action: sum(action == finding.action for finding in found) for action in _SEVERITY},
        "steps": len(rows),
        "removals": removals,
        "removal_percent": round(removals * 100 / total, 1) if total else 0,
        "few_owners": sorted(one.project.name for one in reviewed if len(one.owners) < guards.min_owners),
        "missing_protected": missing_protected(guards, reviewed),
    }
