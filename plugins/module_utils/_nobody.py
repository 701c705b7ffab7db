# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a policy and its guards name, and who is nobody in what a review saw.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

from typing import Any, Collection, Dict, Iterable, List, Mapping, Set

from ._access import folded
from ._policy import Guards, Policy
from ._words import listed


def everybody(policy: Policy, guards: Guards, reviewed: Iterable[Any], others: Collection[str]) -> Set[str]:
    """Who gets into the projects of a review, and ``others``: emails, folded, and ids; nobody where none are named."""
    named = guards.protected_users or policy.role_holders or policy.allowed_users
    seen = set(others)
    for one in reviewed if named else ():
        for key, entry in one.entries.items():
            seen |= {key, folded(entry.member.user)}
    return seen


def missing_protected(guards: Guards, seen: Collection[str]) -> List[str]:
    """The protected people who are not among those seen."""
    return sorted(guards.protected_users.difference(seen))


def unmatched(policy: Policy, seen: Collection[str]) -> Dict[str, List[str]]:
    """Whom the lists of a policy allow, and who is nobody of those seen; by the rule, with the role of holders."""
    named: Dict[str, Collection[str]] = {f"role_holders: {role}": who for role, who in policy.role_holders.items()}
    named["allowed_users"] = policy.allowed_users or ()
    lost = {rule: sorted(set(who).difference(seen)) for rule, who in named.items()}
    return {rule: names for rule, names in sorted(lost.items()) if names}


def doubts(lost: Mapping[str, List[str]], whole: bool) -> List[str]:
    """A sentence for each role whose holders are nobody, who may be misspelt.

    Not of allowed users: a list of all employees holds many who never were in Atlas, and whoever is misspelt there is
    found by name.
    """
    where = "neither in scope nor in the organization" if whole else "not found in what could be read"
    return [f"policy.{rule}: {where}: {listed(who)}" for rule, who in lost.items() if rule != "allowed_users"]
