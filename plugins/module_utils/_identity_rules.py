# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""API keys and service accounts held against the policy, and what a review tells of them.

Nothing is taken from them: all that is found is for people to decide. Pure: no I/O, no Ansible. Private to this
collection.
"""

from __future__ import annotations

from datetime import datetime
from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import ORGANIZATION_ROLES, Project, Roles
from ._identities import (
    API_KEY,
    EXPIRED,
    NO_SECRET,
    SERVICE_ACCOUNT,
    Identity,
    Row,
    about,
    gets_into,
    idle_days,
    in_order,
    is_privileged,
    last_used,
    names_of,
    roles_in,
    secret_state,
    ways_into,
)
from ._policy import IDENTITY_RULES, Exemption, Policy, is_asked
from ._words import counted, listed

KINDS = {API_KEY: "an API key", SERVICE_ACCOUNT: "a service account"}
# How many of them go into the document; the table holds all. And how many projects of one a sentence names.
LISTED, NAMED = 500, 5


class Scope(NamedTuple):
    """The projects of a review; ``everything`` says that it asks for all, so for what gets into none of them too."""

    projects: Sequence[Project]
    everything: bool

    def holds(self, one: Identity) -> bool:
        return self.everything or gets_into(one, self.projects)


class Found(NamedTuple):
    """An identity that breaks rules; ``roles`` are those concerned."""

    identity: Identity
    rules: Tuple[str, ...]
    reasons: Tuple[str, ...]
    roles: Roles


class Verdict(NamedTuple):
    """What a rule says of an identity, and which exception takes that out."""

    reason: str
    roles: Roles
    by: Optional[Exemption] = None


# --- the rules -------------------------------------------------------------------------------------------------------


def identity_unused_days(policy: Policy, one: Identity, scope: Scope, now: datetime) -> List[Verdict]:
    """Finds service accounts that nobody has used for so long. Of API keys nobody can know; the run's own is in use."""
    rule, asked = "identity_unused_days", policy.identity_unused_days
    if asked is None or one.kind == API_KEY or one.this_run:
        return []
    idle = idle_days(one, now)
    if idle is not None and idle < asked:
        return []
    by = _exemption(policy, one, rule, None, now) or _exemption_everywhere(policy, one, rule, scope, now)
    if idle is None:
        how = "when it was last used is not known"
    elif last_used(one):
        how = f"it was last used {counted(idle, 'day')} ago"
    else:
        how = f"it was never used, in {counted(idle, 'day')}"
    return [Verdict(f"{KINDS[one.kind]}: {how}", roles_in(one, scope.projects), by)]


def identity_holders(policy: Policy, one: Identity, scope: Scope, now: datetime) -> List[Verdict]:
    """Finds roles that an identity holds and should not, in the organization and in projects where it was given them.

    What a role in the organization gives in every project is asked for by that role.
    """
    rule, mine, names = "identity_holders", one.projects or {}, names_of(one)
    verdicts = []
    for role in sorted(role for role, holders in policy.identity_holders.items() if names.isdisjoint(holders)):
        places: List[Tuple[Optional[str], str]] = [(None, "the organization")] if role in one.org_roles else []
        places += [(project.id, project.name) for project in scope.projects if role in (mine.get(project.id) or ())]
        exempt = {key: _exemption(policy, one, rule, key, now) for key, _name in places}
        verdicts += [Verdict("", frozenset(), by) for by in exempt.values() if by]
        where = [name for key, name in places if not exempt[key]]
        if where:
            more = f" and {len(where) - NAMED} more" if len(where) > NAMED else ""
            named = ", ".join(where[:NAMED]) + more
            reason = f"{KINDS[one.kind]}: it holds {role} in {named}, which is for others"
            verdicts.append(Verdict(reason, frozenset([role])))
    return verdicts


def _exemption(
    policy: Policy, one: Identity, rule: str, project_id: Optional[str], now: datetime
) -> Optional[Exemption]:
    """The exception that holds for an identity and a rule today, in a project or (without one) at all."""
    names = names_of(one)
    for row in policy.exceptions:
        if (
            row.user in names
            and row.rule in (None, rule)
            and (row.project is None or project_id in row.projects)
            and (row.until is None or row.until >= now.date())
        ):
            return row
    return None


def _exemption_everywhere(policy: Policy, one: Identity, rule: str, scope: Scope, now: datetime) -> Optional[Exemption]:
    """One of the exceptions that hold together in all projects that an identity gets into."""
    keys = [project.id for project in scope.projects if ways_into(one, project)]
    found = [_exemption(policy, one, rule, key, now) for key in keys]
    return found[0] if found and None not in found else None


Rule = Callable[[Policy, Identity, Scope, datetime], List[Verdict]]
BY_NAME: Dict[str, Rule] = {
    "identity_unused_days": identity_unused_days,
    "identity_holders": identity_holders,
}


def judge(
    policy: Policy, identities: Iterable[Identity], scope: Scope, now: datetime
) -> Tuple[List[Found], List[Tuple[Exemption, str]]]:
    """What breaks the rules, in the order of names, and which exceptions were made use of."""
    asked = [(name, BY_NAME[name]) for name in IDENTITY_RULES if is_asked(policy, name)]
    found: List[Found] = []
    applied: List[Tuple[Exemption, str]] = []
    for one in in_order(filter(scope.holds, identities)):
        said = [(name, verdict) for name, rule in asked for verdict in rule(policy, one, scope, now)]
        applied += [(verdict.by, name) for name, verdict in said if verdict.by]
        breaks = [(name, verdict) for name, verdict in said if not verdict.by]
        if breaks:
            rules = tuple(dict.fromkeys(name for name, _verdict in breaks))
            roles: Roles = frozenset().union(*(verdict.roles for _name, verdict in breaks))
            found.append(Found(one, rules, tuple(verdict.reason for _name, verdict in breaks), roles))
    return found, applied


def unknown_names(policy: Policy, identities: Iterable[Identity]) -> List[str]:
    """A sentence for the names in rules and exceptions that no identity has."""
    known = frozenset().union(*(names_of(one) for one in identities))
    holders = {name for names in policy.identity_holders.values() for name in names}
    exempt = {row.user for row in policy.exceptions if row.rule in IDENTITY_RULES}
    return [
        f"policy.{option}: no API key or service account has this id or name: {listed(sorted(names - known))}"
        for option, names in (("identity_holders", holders), ("exceptions", exempt))
        if names - known
    ]


# --- in plain types --------------------------------------------------------------------------------------------------


def finding_rows(found: Iterable[Found], organizations: Mapping[str, Optional[str]]) -> List[Row]:
    """Findings in the columns of those about people: the organization, by its name, stands for the project."""
    return [
        {
            "project": organizations.get(one.identity.org_id) or one.identity.org_id,
            "project_id": one.identity.org_id,
            "user": one.identity.name,
            "user_id": one.identity.id,
            "status": one.identity.kind,
            "rules": list(one.rules),
            "reasons": list(one.reasons),
            "action": "report",
            "roles": sorted(one.roles),
            "residual_access": [],
        }
        for one in found
    ]


def numbers(
    policy: Policy, identities: Sequence[Identity], unlisted: Iterable[str], found: Sequence[Found], now: datetime
) -> Row:
    """The counts of a review, of kinds that were read whole; None stands for the others."""
    states = [secret_state(one, now) for one in identities]
    kinds: Dict[str, Optional[int]] = {kind: sum(one.kind == kind for one in identities) for kind in KINDS}
    kinds.update(dict.fromkeys(unlisted))
    whole = kinds[SERVICE_ACCOUNT] is not None
    return {
        "api_keys": kinds[API_KEY],
        "service_accounts": kinds[SERVICE_ACCOUNT],
        "system_managed": sum(one.system_managed is True for one in identities) if whole else None,
        "without_valid_secret": sum(state in (EXPIRED, NO_SECRET) for state in states) if whole else None,
        "privileged": sum(_privileged(one) for one in identities) if None not in kinds.values() else None,
        "findings": len(found),
        "by_rule": {rule: sum(rule in one.rules for one in found) for rule in IDENTITY_RULES if is_asked(policy, rule)},
    }


def shown(
    identities: Sequence[Identity], scope: Scope, found: Iterable[Found], unread: Sequence[str], now: datetime
) -> Row:
    """The identities for a report, one a row with the projects in scope that it gets into, and what is not known."""
    broken = {one.identity.id: list(one.rules) for one in found}
    rows = [
        {**_shown_row(one, scope.projects, now), "rules": broken.get(one.id, [])}
        for one in in_order(identities)[:LISTED]
    ]
    return {"count": len(identities), "rows": rows, "unread": list(unread)}


def _shown_row(one: Identity, projects: Sequence[Project], now: datetime) -> Row:
    mine = one.projects or {}
    here = [project for project in projects if project.id in mine]
    return {
        **about(one, now),
        "projects": [{"project": project.name, "roles": _told(mine[project.id])} for project in here],
        "elsewhere": None if one.projects is None else len(mine) - len(here),
        "everywhere": sorted(one.org_roles & ORGANIZATION_ROLES.keys()),
        "privileged": _privileged(one),
    }


def _told(roles: Optional[Roles]) -> Optional[List[str]]:
    return None if roles is None else sorted(roles)


def _privileged(one: Identity) -> bool:
    return is_privileged(one.org_roles.union(*(roles or () for roles in (one.projects or {}).values())))
