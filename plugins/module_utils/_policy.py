# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a review: the policy and the guards, read from plain data.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import re
from datetime import date
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)

from ._access import Refusal, Roles, folded
from ._names import as_list, blank, is_id, people, plain, texts
from ._plain import day, domains, number, row, rows, truth
from ._roles import check_roles, role_set
from ._words import listed

# The rules, which are keys of the policy; in this order findings name them.
RULES = (
    "leavers",
    "allowed_users",
    "allowed_domains",
    "stale_invitation_days",
    "inactive_days",
    "role_holders",
    "memberships",
)

# Those about API keys and service accounts.
IDENTITY_RULES = ("identity_unused_days", "identity_holders")

_DAYS = ("stale_invitation_days", "inactive_days", "grace_days", "identity_unused_days")

_ORG_ROLE = re.compile(r"ORG_[A-Z_]+")
_ACCOUNT = re.compile(r"mdb_sa_id_[0-9a-f]{24}", re.IGNORECASE)


class Leaver(NamedTuple):
    """Somebody who has left, or will have when ``last_day`` is over."""

    user: str
    last_day: Optional[date] = None
    reason: str = ""


class Grant(NamedTuple):
    """One row of the desired state; ``project`` is a name, id or glob. Valid through the day ``expires``.

    ``file`` is the one that it stands in, as seen from the folder of all of them.
    """

    project: str
    user: str
    roles: Roles
    expires: Optional[date] = None
    reason: str = ""
    file: str = ""


class Exemption(NamedTuple):
    """Takes findings out through the day ``until``; without a project or rule for all of them.

    ``projects`` are the ids that ``project`` names, as `_today.located` finds them.
    """

    user: str
    project: Optional[str]
    rule: Optional[str]
    until: Optional[date]
    reason: str
    projects: FrozenSet[str] = frozenset()


class Policy(NamedTuple):
    """Who may be in. What is None or empty is not asked for."""

    leavers: Mapping[str, Leaver] = {}
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
    identity_unused_days: Optional[int] = None
    identity_holders: Mapping[str, FrozenSet[str]] = {}


class Guards(NamedTuple):
    """What a plan must not do. Users are emails, folded, and ids; None means no bound."""

    protected_users: FrozenSet[str] = frozenset()
    min_owners: int = 1
    max_removals: Optional[int] = None
    max_removal_percent: int = 25
    max_project_removal_percent: int = 50
    max_additions: Optional[int] = None


def read_policy(given: Mapping[str, Any]) -> Tuple[Policy, List[str]]:
    """The policy from plain data, and warnings. An empty string is unset. Raises `Refusal` with a sentence."""
    known = _given(given)
    for name in ("allowed_users", "allowed_domains", "role_holders", "memberships"):
        if name in known and not known[name]:
            raise Refusal(f"policy.{name} is empty, which would find everybody; leave it out to not ask for it")
    days = {name: number(known.get(name), f"policy.{name}") for name in _DAYS}
    holders, fallback = _holders(known), plain(known, "fallback_role", "policy")
    warnings = check_roles(holders, "policy.role_holders")
    warnings += check_roles([fallback] if fallback else [], "policy.fallback_role")
    if fallback in holders:
        raise Refusal(
            f"policy.fallback_role: {fallback} is itself for others by policy.role_holders; name a role that is not"
        )
    grants = _grants(known) if "memberships" in known else None
    warnings += check_roles({role for grant in grants or () for role in grant.roles}, "policy.memberships")
    policy = Policy(
        leavers=_leavers(known.get("leavers")),
        allowed_users=_emails(known["allowed_users"], "policy.allowed_users") if "allowed_users" in known else None,
        allowed_domains=domains(known["allowed_domains"], "policy.allowed_domains")
        if "allowed_domains" in known
        else None,
        stale_invitation_days=days["stale_invitation_days"],
        inactive_days=days["inactive_days"],
        grace_days=Policy().grace_days if days["grace_days"] is None else days["grace_days"],
        role_holders=holders,
        fallback_role=fallback,
        memberships=grants,
        add_missing=truth(known.get("add_missing"), "policy.add_missing"),
        exceptions=tuple(_numbered(known, "exceptions", _exemption)),
        identity_unused_days=days["identity_unused_days"],
        identity_holders=_identity_holders(known, warnings),
    )
    return policy, warnings


def _identity_holders(known: Mapping[str, Any], warnings: List[str]) -> Dict[str, FrozenSet[str]]:
    """Who may hold which role, by ids and names, folded; the roles are those of projects and organizations."""
    given = known.get("identity_holders", {})
    if not isinstance(given, dict) or ("identity_holders" in known and not given):
        raise Refusal(f"policy.identity_holders: {given!a} is no such map; write {{GROUP_OWNER: [deploy, abcdefgh]}}")
    holders = {}
    for role, names in given.items():
        those = [names] if isinstance(names, str) else names
        if not isinstance(those, list) or not all(isinstance(name, str) for name in those) or not texts(those):
            raise Refusal(f"policy.identity_holders: {role} has no list of ids or names; write them in quotes")
        holders[str(role).strip()] = frozenset(map(folded, texts(those) or ()))
    warnings += check_roles([role for role in holders if not _ORG_ROLE.fullmatch(role)], "policy.identity_holders")
    return holders


def read_guards(given: Mapping[str, Any]) -> Guards:
    """The guards from plain data. An empty string is unset. Raises `Refusal` with a sentence."""
    known = _given(given)
    names = [name for name in Guards._fields if name != "protected_users"]
    numbers = {name: number(known.get(name), f"guards.{name}") for name in names}
    for name, limit in numbers.items():
        if name.endswith("percent") and limit is not None and limit > 100:
            raise Refusal(f"guards.{name}: {limit} is more than 100")
    asked: Dict[str, Any] = {name: limit for name, limit in numbers.items() if limit is not None}
    return Guards(_emails(known.get("protected_users", []), "guards.protected_users"), **asked)


def check_together(policy: Policy, guards: Guards) -> None:
    """Raises `Refusal` for somebody who is to be removed and must not be touched."""
    both = sorted(guards.protected_users & policy.leavers.keys())
    if both:
        raise Refusal(f"policy.leavers and guards.protected_users both name {listed(both)}; take them out of one")


def is_asked(policy: Policy, rule: str) -> bool:
    """Whether a policy asks for a rule."""
    return getattr(policy, rule) not in (None, frozenset(), {})


def parsed(policy: Policy) -> Dict[str, Any]:
    """What a policy asks for, as it was understood, in plain types."""
    asked = (rule for rule in (*RULES, *IDENTITY_RULES) if is_asked(policy, rule))
    rules: Dict[str, Any] = {rule: getattr(policy, rule) for rule in asked}
    if "leavers" in rules:
        rules["leavers"] = [policy.leavers[user] for user in sorted(policy.leavers)]
    if "inactive_days" in rules:
        rules["grace_days"] = policy.grace_days
    if policy.fallback_role:
        rules["fallback_role"] = policy.fallback_role
    if policy.memberships is not None:
        rules["add_missing"] = policy.add_missing
    if policy.exceptions:
        rules["exceptions"] = [exemption_row(one) for one in policy.exceptions]
    return {name: _plainly(value) for name, value in rules.items()}


def parsed_guards(guards: Guards) -> Dict[str, Any]:
    """The guards that stand, in plain types."""
    return {name: _plainly(value) for name, value in guards._asdict().items() if value not in (None, frozenset())}


def exemption_row(exemption: Exemption) -> Dict[str, Any]:
    """An exception in plain types."""
    return {name: _plainly(value) for name, value in exemption._asdict().items() if name != "projects"}


def _plainly(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Leaver) and value == Leaver(value.user):
        return value.user
    if isinstance(value, (Grant, Leaver)):
        return {name: _plainly(one) for name, one in value._asdict().items() if one not in (None, "")}
    if isinstance(value, (list, tuple)):
        return [_plainly(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _plainly(one) for name, one in value.items()}
    return str(value) if isinstance(value, date) else value


def _given(options: Mapping[str, Any]) -> Dict[str, Any]:
    """The options that are set."""
    return {name: value for name, value in options.items() if not blank(value)}


def _emails(users: Any, option: str) -> FrozenSet[str]:
    return frozenset(map(folded, people(users, option) or ()))


def _email(user: Any, option: str) -> str:
    """The one person of a row."""
    found = sorted(_emails(user, option))
    if len(found) != 1:
        raise Refusal(f"{option}: {user!a} is not one person; write a row for each")
    return found[0]


def _leavers(given: Any) -> Dict[str, Leaver]:
    """People, and rows of people who will have left."""
    found: Dict[str, Leaver] = {}
    for number_of, one in enumerate(as_list(given, "policy.leavers"), 1):
        for leaver in _leaver(one, f"policy.leavers: row {number_of}"):
            other = found.setdefault(leaver.user, leaver)
            if other.last_day and leaver.last_day and other.last_day != leaver.last_day:
                days = f"{other.last_day} and {leaver.last_day}"
                raise Refusal(f"policy.leavers: {leaver.user} has two last days, {days}; leave one out")
            if leaver.last_day is None:
                found[leaver.user] = leaver
    return found


def _leaver(given: Any, option: str) -> List[Leaver]:
    if not isinstance(given, Mapping):
        return [Leaver(user) for user in _ordered(given, "policy.leavers")]
    one = row(given, option, ("user", "last_day", "reason"))
    if "user" not in one:
        raise Refusal(f"{option}: {dict(given)!a} lacks a user")
    user, last_day = _email(one["user"], option), day(one.get("last_day"), f"{option}: last_day")
    return [Leaver(user, last_day, str(one.get("reason", "")))]


def _ordered(users: Any, option: str) -> List[str]:
    return list(map(folded, people(users, option) or ()))


def _holders(known: Mapping[str, Any]) -> Dict[str, FrozenSet[str]]:
    """Who may hold which role; a role with blank holders is not asked for."""
    given = known.get("role_holders", {})
    if not isinstance(given, Mapping):
        raise Refusal("policy.role_holders is not a map; write {GROUP_OWNER: [ada@corp.example]}")
    holders: Dict[str, FrozenSet[str]] = {}
    for role, users in given.items():
        if users == []:
            raise Refusal(f"policy.role_holders: {role} has no list of users; name at least one, or leave the role out")
        if not blank(users):
            holders[str(role).strip()] = _emails(users, f"policy.role_holders: {role}")
    return holders


def _numbered(known: Mapping[str, Any], name: str, read: Callable[[Any, str], Any]) -> List[Any]:
    """The rows of an option, each read with the words that say where it stands."""
    given = rows(known.get(name), f"policy.{name}")
    return [read(one, f"policy.{name}: row {place}") for place, one in enumerate(given, 1)]


def _grants(known: Mapping[str, Any]) -> Tuple[Grant, ...]:
    """The rows of the desired state. Raises `Refusal` for two that give somebody different roles in one project."""
    found = tuple(_grant(one, option) for option, one in _unfolded(rows(known["memberships"], "policy.memberships")))
    check_once((grant.project.lower() if is_id(grant.project) else grant.project, grant) for grant in found)
    return found


def check_once(grants: Iterable[Tuple[str, Grant]]) -> None:
    """Raises `Refusal` for two rows that give somebody different roles in one project."""
    roles: Dict[Tuple[str, str], Roles] = {}
    for project, grant in grants:
        other = roles.setdefault((project, grant.user), grant.roles)
        if other != grant.roles:
            raise Refusal(
                f"policy.memberships: {grant.user} has two rows with different roles in {grant.project}, "
                f"{', '.join(sorted(other))} and {', '.join(sorted(grant.roles))}; write one row with all of them"
            )


def _unfolded(given: Iterable[Any]) -> Iterator[Tuple[str, Any]]:
    """Rows and where they stand; one that has rows itself, as a file of one project does, stands for those."""
    for place, one in enumerate(given, 1):
        option = f"policy.memberships: row {place}"
        if not isinstance(one, Mapping) or "memberships" not in one:
            yield option, one
            continue
        row(one, option, ("project", "memberships"))
        if not one["memberships"] or not isinstance(one["memberships"], list):
            raise Refusal(
                f"policy.memberships: {one.get('project')} lists nobody; leave the project out to not ask for it"
            )
        for number_of, inner in enumerate(one["memberships"], 1):
            where = f"policy.memberships: {one.get('project')}, row {number_of}"
            yield where, {"project": one.get("project"), **inner} if isinstance(inner, Mapping) else inner


def _grant(given: Any, option: str) -> Grant:
    one = row(given, option, ("project", "user", "roles", "expires", "reason"))
    project = plain(one, "project", option)
    if project is None or "user" not in one or "roles" not in one:
        raise Refusal(f"{option}: {dict(given)!a} lacks a project, a user or roles")
    user = _email(one["user"], option)
    roles = role_set(one["roles"], f"{option}: the roles of {user} in {project}")
    return Grant(project, user, roles, day(one.get("expires"), f"{option}: expires"), str(one.get("reason", "")))


def _exemption(given: Any, option: str) -> Exemption:
    one = row(given, option, ("user", "project", "rule", "until", "reason"))
    if "user" not in one:
        raise Refusal(f"{option}: {dict(given)!a} lacks a user")
    project, rule = (plain(one, key, option) for key in ("project", "rule"))
    if rule and rule not in (*RULES, *IDENTITY_RULES):
        raise Refusal(f"{option}: {rule!a} is not a rule; the rules are {', '.join((*RULES, *IDENTITY_RULES))}")
    user, until = _exempt(one, rule, option), day(one.get("until"), f"{option}: until")
    return Exemption(user, project, rule, until, str(one.get("reason", "")))


def _exempt(one: Mapping[str, Any], rule: Optional[str], option: str) -> str:
    """Whom an exception is about: somebody, or by the rule or the look of it an API key or a service account."""
    if rule in IDENTITY_RULES or _ACCOUNT.fullmatch(str(one["user"]).strip()):
        return folded(plain(one, "user", option) or "")
    return _email(one["user"], option)
