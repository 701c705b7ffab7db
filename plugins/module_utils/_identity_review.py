# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of a review that is about API keys and service accounts: read, judged, and told.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import _identity_rules as rules
from . import _programs as programs
from ._access import Project, Refusal
from ._client import Client
from ._identities import API_KEY, Row, place_rows
from ._policy import IDENTITY_RULES, Exemption, Policy, is_asked
from ._words import TOLD, counted

# How much is known of them (``completeness.programmatic_access``).
READ, IN_PART, UNREADABLE, NOT_ASKED = "read", "in part", "unreadable", "not asked for"


class Programmatic(NamedTuple):
    """What a review says of API keys and service accounts. ``table`` is None where they were not asked for."""

    access: str = NOT_ASKED
    findings: Sequence[Row] = ()
    applied: Sequence[Tuple[Exemption, str]] = ()
    counts: Optional[Row] = None
    document: Optional[Row] = None
    table: Optional[List[Row]] = None
    warnings: Sequence[str] = ()

    def in_summary(self, summary: Row) -> Row:
        """The counts of a review with those of what was found here."""
        counts = self.counts
        if counts is None:
            return {**summary, "identities": None}
        found = counts["findings"]
        by_action = {**summary["by_action"], "report": summary["by_action"]["report"] + found}
        return {
            **summary,
            "findings": summary["findings"] + found,
            "by_rule": {**summary["by_rule"], **counts["by_rule"]},
            "by_action": by_action,
            "identities": {name: number for name, number in counts.items() if name != "by_rule"},
        }

    def in_completeness(self, completeness: Row) -> Row:
        """What was read, with how much of these was."""
        whole = self.access in (READ, NOT_ASKED)
        return {
            **completeness,
            "complete": completeness["complete"] and whole,
            "programmatic_access": self.access,
        }


def check(params: Mapping[str, Any], policy: Policy) -> None:
    """Raises `Refusal` for a rule about what is not to be read."""
    asked = [name for name in IDENTITY_RULES if is_asked(policy, name)]
    if asked and not params["programmatic_access"]:
        raise Refusal(
            f"policy.{asked[0]} is about API keys and service accounts; set programmatic_access: true as well"
        )


def review(
    client: Client,
    params: Mapping[str, Any],
    policy: Policy,
    projects: Sequence[Project],
    organizations: Mapping[str, Optional[str]],
    now: datetime,
) -> Programmatic:
    """Read them, if they are asked for, and hold them against the policy. ``organizations`` are names by id."""
    if not params["programmatic_access"]:
        return Programmatic()
    seen = programs.read(client, organizations)
    named = any(params[name] for name in ("projects", "exclude_projects", "project_tags"))
    scope = rules.Scope(projects, everything=not named)
    found, applied = rules.judge(policy, seen.identities, scope, now)
    access = READ if not seen.unread else IN_PART if seen.identities else UNREADABLE
    return Programmatic(
        access,
        rules.finding_rows(found, organizations),
        applied,
        rules.numbers(policy, seen.identities, seen.unlisted, found, now),
        rules.shown(seen.identities, scope, found, seen.unread, now),
        place_rows(seen.identities, projects, now),
        _doubts(policy, seen),
    )


def _doubts(policy: Policy, seen: programs.Programs) -> List[str]:
    """What a person should know."""
    said = seen.unread[:TOLD]
    if len(seen.unread) > TOLD:
        said = [*said, f"{len(seen.unread) - TOLD:,} more about API keys and service accounts, all in review.json"]
    keys = sum(one.kind == API_KEY for one in seen.identities)
    if policy.identity_unused_days is not None and keys:
        said = [
            *said,
            f"identity_unused_days says nothing of {counted(keys, 'API key')}: Atlas does not tell when a key was used",
        ]
    return said if seen.unlisted else [*said, *rules.unknown_names(policy, seen.identities)]
