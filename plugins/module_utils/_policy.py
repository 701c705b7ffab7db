# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a review: the policy and the guards, read from plain data.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import Member, Project, Refusal, Roles, folded
from ._names import blank, check_roles, people, plain, role_set, select_projects, texts

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

# Truth values as people write them.
_TRUE, _FALSE = ("true", "yes", "on", "1", "y"), ("false", "no", "off", "0", "n")

_ORG_ROLE = re.compile(r"ORG_[A-Z_]+")
_ACCOUNT = re.compile(r"mdb_sa_id_[0-9a-f]{24}", re.IGNORECASE)
_DOMAIN = re.compile(r"@?[\w-]+(\.[\w-]+)*")


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
    numbers = ("stale_invitation_days", "inactive_days", "grace_days", "identity_unused_days")
    days = {name: _number(known, name, "policy") for name in numbers}
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
        listed = [names] if isinstance(names, str) else names
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed) or not texts(listed):
            raise Refusal(f"policy.identity_holders: {role} has no list of ids or names; write them in quotes")
        holders[str(role)] = frozenset(map(folded, texts(listed) or ()))
    warnings += check_roles([role for role in holders if not _ORG_ROLE.fullmatch(role)], "policy.identity_holders")
    return holders


def read_guards(given: Mapping[str, Any]) -> Guards:
    """The guards from plain data. An empty string is unset. Raises `Refusal` with a sentence."""
    known = _given(given)
    numbers = {name: _number(known, name, "guards") for name in Guards._fields if name != "protected_users"}
    for name, number in numbers.items():
        if name.endswith("percent") and number is not None and number > 100:
            raise Refusal(f"guards.{name}: {number} is more than 100")
    asked: Dict[str, Any] = {name: number for name, number in numbers.items() if number is not None}
    return Guards(_emails(known.get("protected_users", []), "guards.protected_users"), **asked)


def is_asked(policy: Policy, rule: str) -> bool:
    """Whether a policy asks for a rule."""
    return getattr(policy, rule) not in (None, frozenset(), {})


def parsed(policy: Policy) -> Dict[str, Any]:
    """What a policy asks for, as it was understood, in plain types."""
    asked = (rule for rule in (*RULES, *IDENTITY_RULES) if is_asked(policy, rule))
    rules: Dict[str, Any] = {rule: getattr(policy, rule) for rule in asked}
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
    if isinstance(value, Grant):
        return {name: _plainly(one) for name, one in value._asdict().items() if one not in (None, "")}
    if isinstance(value, (list, tuple)):
        return [_plainly(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _plainly(one) for name, one in value.items()}
    return str(value) if isinstance(value, date) else value


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
    if rule and rule not in (*RULES, *IDENTITY_RULES):
        raise Refusal(
            f"policy.exceptions: '{rule}' is not a rule; the rules are {', '.join((*RULES, *IDENTITY_RULES))}"
        )
    user = _exempt(row, rule)
    until = _date(row.get("until"), "policy.exceptions: until")
    return Exemption(user, project, rule, until, str(row.get("reason", "")))


def _exempt(row: Mapping[str, Any], rule: Optional[str]) -> str:
    """Whom an exception is about: somebody, or by the rule or the look of it an API key or a service account."""
    if rule in IDENTITY_RULES or _ACCOUNT.fullmatch(str(row["user"]).strip()):
        return folded(plain(row, "user", "policy.exceptions") or "")
    return _email(row["user"], "policy.exceptions")


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


# --- what holds today ------------------------------------------------------------------------------------------------


def grants_by_project(policy: Policy, visible: Sequence[Project]) -> Dict[str, Dict[str, List[Grant]]]:
    """The desired state by project id and user. Raises `Refusal` for projects that the credential does not see."""
    found: Dict[str, Dict[str, List[Grant]]] = {}
    places: Dict[str, List[Project]] = {}
    for grant in policy.memberships or ():
        if grant.project not in places:
            places[grant.project] = select_projects([grant.project], visible)
        for project in places[grant.project]:
            found.setdefault(project.id, {}).setdefault(grant.user, []).append(grant)
    return found


def valid(grants: Iterable[Grant], now: datetime) -> List[Grant]:
    """The rows of the desired state that have not ended."""
    return [grant for grant in grants if grant.expires is None or grant.expires >= now.date()]


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
