# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps as rows of plain data, as plans and journals hold them, and the digest that a plan is known by.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, Iterable, Mapping, Optional

from ._access import PROJECT, Member, Project, Step, folded

Row = Dict[str, Any]

# How a step ended; unknown is one that was begun and has no end on record.
PLANNED, DONE, FAILED, SKIPPED, UNKNOWN = "planned", "done", "failed", "skipped", "unknown"
# Why a role was given that no plan holds: it was taken too late to see that its holder was the last owner.
RESTORED = "restored"
# `json.dumps` makes one anew for every step.
_PLAIN = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def step_row(project: Project, step: Step, member: Optional[Member]) -> Row:
    """A step and whom it was judged for: ``member`` as the project showed it, None for somebody who is not there.

    ``place`` says what kind of place it is about, where that is no project.
    """
    return {
        "project_id": project.id,
        "project": project.name,
        "org_id": project.org_id,
        "user_id": member.user_id if member else None,
        "user": member.user if member else step.user,
        "legacy": bool(member and member.legacy),
        "status": member.status if member else None,
        "action": step.action,
        "roles": sorted(step.roles),
        **({} if project.kind == PROJECT else {"place": project.kind}),
    }


def step_hash(row: Mapping[str, Any]) -> str:
    """What a step is known by: SHA-256 over where, what, which account in which status, and which roles.

    What the account's id does not tell is covered too: whom an invitation is sent to, and that one is a legacy one.
    """
    who = row["user_id"] or folded(row["user"])
    facts = [row["project_id"], row["action"], who, row["status"], sorted(row["roles"])]
    if row["action"] == "add" and row["user_id"]:
        facts.append(folded(row["user"]))
    if row["legacy"]:
        facts.append("legacy")
    if row.get("place"):
        facts.append(row["place"])
    # Surrogates, which JSON may carry, have no place in UTF-8.
    return hashlib.sha256(_PLAIN.encode(facts).encode(errors="surrogatepass")).hexdigest()


def digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """What a plan is known by: SHA-256 over the sorted hashes of its steps, one a line."""
    return digest_of(map(step_hash, rows))


def digest_of(hashes: Iterable[str]) -> str:
    """The same, from the hashes."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
