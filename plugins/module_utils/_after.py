# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who gets in after a run, from the population of its review and the members that were read again, or are planned.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import re
from collections import Counter
from types import MappingProxyType
from typing import Collection, Dict, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from ._access import ACTIVE, LAPSED, OWNER, PRIVILEGED, Member, Roles, Step, access_of, folded, replay
from ._steps import Row
from ._tables import POPULATION_COLUMNS, harmless, unescaped, without_parts

# Rows of a population as a table holds them: text by column.
Cells = Mapping[str, str]
Members = Mapping[str, Sequence[Member]]

COLUMNS = [*POPULATION_COLUMNS, "as_of"]
READ, PLANNED = "read", "planned"
NOTHING: Mapping[str, Collection[str]] = MappingProxyType({})

_WAYS = re.compile(r"(?<!\\);")
_ROLES = re.compile(r"(?<!\\)\(([^()]*)\)$")


class Seat(NamedTuple):
    """Somebody who gets into a project: with these roles in all, and whether as an ACTIVE owner."""

    project_id: str
    user: str
    roles: Roles
    owns: bool


# --- who is in -------------------------------------------------------------------------------------------------------


def population(
    rows: Iterable[Cells],
    members: Members,
    names: Mapping[str, str],
    times: Tuple[str, str],
    unseen: Mapping[str, Collection[str]] = NOTHING,
) -> Iterator[Row]:
    """The rows of who gets in, a project's ``members`` by its id in place of those that were there.

    Other ways in are those of the review: ``times`` are when that was, and when members were read. ``names`` are the
    projects'. ``unseen`` are projects whose legacy invitations were not read again, with the ids that steps were about.
    """
    at_review, now = times
    there = {project_id: {str(one.user_id): one for one in found} for project_id, found in members.items()}
    for row in rows:
        if not row["project_id"]:
            continue
        if row["project_id"] not in there:
            yield {**row, "as_of": at_review}
            continue
        member = there[row["project_id"]].pop(row["user_id"], None)
        others = ";".join(way for way in _WAYS.split(row["via"]) if way and way != "direct")
        touched = unseen.get(row["project_id"])
        if member is None and touched is not None and row["status"] != ACTIVE and row["user_id"] not in touched:
            yield {**row, "as_of": at_review}
        elif member:
            yield {**row, **_direct(member, others), "as_of": now}
        elif others:
            yield {**row, "roles": "", "via": others, "as_of": now}
    for project_id, found in there.items():
        for member in found.values():
            who = {"project": harmless(names.get(project_id, "")), "project_id": project_id, "user_id": member.user_id}
            yield {**who, "user": harmless(member.user), **_direct(member, ""), "as_of": now}


def _direct(member: Member, others: str) -> Row:
    ways = "direct;" + others if others else "direct"
    return {"status": member.status, "roles": ";".join(sorted(member.roles)), "via": ways}


def without(rows: Iterable[Cells], steps: Iterable[Row]) -> Iterator[Cells]:
    """The rows without the ways in that these steps ended, which took people out of teams and organizations."""
    ended: Dict[str, List[str]] = {}
    for step in steps:
        # Whoever left the organization gets in by no way.
        way = "" if step["place"] == "organization" else without_parts(step["project"])
        ended.setdefault(str(step["user_id"]), []).append(way)
    for row in rows:
        gone = ended.get(row["user_id"])
        if gone is None:
            yield row
            continue
        ways = [way for way in _WAYS.split(row["via"]) if way == "direct" or not _has_ended(way, gone)]
        if ways or not row["project_id"]:
            yield {**row, "via": ";".join(ways)}


def _has_ended(way: str, gone: Iterable[str]) -> bool:
    return any(not one or way == one or way.startswith(f"{one} (") for one in gone)


def planned(rows: Iterable[Cells], steps: Iterable[Row]) -> Members:
    """The members of the projects of a plan, once it were carried out."""
    due: Dict[str, List[Row]] = {}
    for step in steps:
        due.setdefault(step["project_id"], []).append(step)
    there: Dict[str, Dict[str, Member]] = {project_id: {} for project_id in due}
    for row in rows:
        if row["project_id"] in due and _WAYS.split(row["via"])[0] == "direct":
            roles = frozenset(filter(None, row["roles"].split(";")))
            there[row["project_id"]][row["user_id"]] = Member(row["user"], row["user_id"], row["status"], roles)
    return {project_id: _carried_out(there[project_id], mine) for project_id, mine in due.items()}


def _carried_out(there: Mapping[str, Member], steps: Sequence[Row]) -> List[Member]:
    taken = [Step(one["action"], str(one["user_id"] or one["user"]), tuple(one["roles"])) for one in steps]
    users = {str(one["user_id"] or one["user"]): one["user"] for one in steps}
    after = replay(access_of(there), taken)
    return [
        there[key]._replace(roles=roles) if key in there else Member(users[key], None, "PENDING", roles)
        for key, roles in after.items()
    ]


# --- what that comes to ----------------------------------------------------------------------------------------------


def picture(rows: Iterable[Cells], document: Row) -> Row:
    """People, memberships, owners and the matrix after a run, as the document has them from before it."""
    shown = {one["id"]: one["name"] for one in document.get("projects") or ()}
    matrix = document.get("matrix") or {"whole": True, "rows": {}}
    seats, members = _seats(rows, matrix["rows"])
    owners: Dict[str, List[str]] = {project_id: [] for project_id in shown}
    cells: Dict[str, Dict[str, List[str]]] = {}
    whole = matrix["whole"]
    for seat in seats:
        if seat.owns:
            owners.setdefault(seat.project_id, []).append(seat.user)
        told = sorted(seat.roles if whole else seat.roles.intersection(PRIVILEGED))
        if told and seat.project_id in shown:
            cells.setdefault(seat.user, {})[shown[seat.project_id]] = told
    kept = sorted(user for user in cells if whole or user in matrix["rows"])
    return {
        "people": len({folded(seat.user.partition(" (")[0]) for seat in seats}),
        "living": members,
        "owners": {project_id: sorted(mine) for project_id, mine in owners.items()},
        "matrix": {user: cells[user] for user in kept},
    }


def _seats(rows: Iterable[Cells], known: Collection[str]) -> Tuple[List[Seat], int]:
    """Who gets in, lapsed invitations apart, and how many memberships do. Whoever is ``known`` keeps that name."""
    found, members = [], 0
    shared: Counter[Tuple[str, str]] = Counter()
    for row in rows:
        shared[row["project_id"], folded(row["user"])] += 1
        if row["status"] in LAPSED:
            continue
        ways = [way for way in _WAYS.split(row["via"]) if way]
        members += "direct" in ways[:1]
        found.append((row, ways))
    seats = []
    for row, ways in found:
        user = unescaped(row["user"])
        apart = f"{user} ({row['user_id']})"
        if apart in known or (shared[row["project_id"], folded(row["user"])] > 1 and row["user_id"]):
            user = apart
        direct = frozenset(filter(None, row["roles"].split(";")))
        given = {way: _roles(way) for way in ways if way != "direct"}
        by_team = any(OWNER in roles for way, roles in given.items() if way.startswith("team "))
        owns = row["status"] == ACTIVE and (OWNER in direct or by_team)
        seats.append(Seat(row["project_id"], user, direct.union(*given.values()), owns))
    return seats, members


def _roles(way: str) -> FrozenSet[str]:
    told = _ROLES.search(way)
    return frozenset(filter(None, told[1].split(","))) if told else frozenset()
