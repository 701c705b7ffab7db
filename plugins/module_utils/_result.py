# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules return, in plain types and of bounded size: rows, listings, sentences. Pure: no I/O, no Ansible.

Private to this collection.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, List, Optional, TypeVar

from ._access import Entry, Member, Project, Refusal

Row = Dict[str, Any]
T = TypeVar("T")

# Characters of JSON that a result may have; AWX drops one of more than 700,000. What is left is for messages.
LIMIT = 500_000
OF_MESSAGES, OF_OPTIONS, OF_MEMBERSHIPS, OF_DIFF, OF_RESIDUAL = 20_000, 20_000, 80_000, 80_000, 40_000
OF_LISTING = LIMIT - OF_MESSAGES - OF_OPTIONS


def cut(text: str, characters: int = 1000) -> str:
    """A sentence for people, not longer than they read."""
    return text if len(text) <= characters else f"{text[:characters]}... ({len(text)} characters)"


def named(place: Project) -> Row:
    """A place by its kind: project and project_id, team and team_id, organization and organization_id."""
    return {place.kind: place.name, f"{place.kind}_id": place.id}


def readable(text: str) -> str:
    """A sentence that shows what it holds: signs that move the cursor, or that nobody sees, are spelled."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def row(project: Project, member: Member) -> Row:
    """A membership as the modules return it."""
    return {
        **named(project),
        "user": member.user,
        "user_id": member.user_id,
        "status": member.status,
        "roles": sorted(member.roles),
    }


def entry_row(project: Project, entry: Entry) -> Row:
    """A membership as the modules that read return it."""
    member = entry.member
    return {
        **row(project, member),
        "via": [{"kind": way.kind, "name": way.name, "roles": sorted(way.roles)} for way in entry.ways],
        "last_auth": member.last_auth,
        "created_at": member.created_at,
        "invitation_created_at": member.invitation_created_at,
        "invitation_expires_at": member.invitation_expires_at,
        "inviter": member.inviter,
    }


def bounded(rows: Iterable[T], characters: int) -> List[T]:
    """The first rows that fit into so many characters of JSON."""
    kept: List[T] = []
    length = 0
    for one in rows:
        length += len(json.dumps(one)) + 2
        if length > characters:
            break
        kept.append(one)
    return kept


def listing(name: str, rows: List[Row], output_file: Optional[str]) -> Row:
    """The rows that a reading module found, as its result. Raises `Refusal` for more than fit and no file for them."""
    shown = bounded(rows, OF_LISTING)
    if len(shown) < len(rows) and not output_file:
        raise Refusal(
            f"{name}: {len(rows):,} rows are too many for a result; name an output_file for all, or ask for fewer"
        )
    return {name: shown, "count": len(rows), "truncated": len(shown) < len(rows)}
