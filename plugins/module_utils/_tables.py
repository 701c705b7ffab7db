# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows and cells of the tables that a run leaves behind, and the file that undoes it.

Pure: no I/O, no Ansible. Private to this collection.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from functools import lru_cache
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ._access import LAPSED, Entry, Memberships, Person, Project, Roles, Way, folded, idle_days, made_already
from ._steps import Row, step_hash

POPULATION_COLUMNS = (
    "project project_id user user_id status roles via last_auth idle_days created_at invitation_created_at "
    "invitation_expires_at inviter organization_roles"
).split()
FINDING_COLUMNS = "project project_id user user_id status action roles rules reasons residual_access".split()
LEAVER_COLUMNS = "user found direct indirect last_day reason".split()
IDENTITY_COLUMNS = (
    "project project_id org_id kind id public_key name roles via organization_roles privileged system_managed this_run "
    "created_at last_used_at idle_days secret_state secrets"
).split()
ACTION_COLUMNS = "project project_id user user_id action roles status error verified event_ids at why".split()
VERIFIED_COLUMNS = [*ACTION_COLUMNS, "verified_now"]
SETTLED_COLUMNS = "project project_id user user_id action roles started took_effect".split()

# --- who is in -------------------------------------------------------------------------------------------------------

Shown = Tuple[Project, Mapping[str, Entry]]


def population(
    shown: Iterable[Shown],
    now: datetime,
    elsewhere: Iterable[Person] = (),
    org_roles: Optional[Mapping[str, Roles]] = None,
) -> Iterator[str]:
    """Everybody who gets into a project in scope, a line for each person and project; then who is in no project.

    Whole lines of the table, those of a project in one text. ``org_roles`` are organization roles by user id; without
    them the ones that give access tell.
    """
    told = org_roles or {}

    @lru_cache(maxsize=10_000)
    def who(entry: Entry) -> Tuple[str, str, str]:
        member, ways = entry
        held = told.get(str(member.user_id))
        cells = (
            harmless(member.user),
            member.user_id,
            member.status,
            _roles_text(member.roles),
            _ways_text(ways),
            member.last_auth,
            idle_days(member, now),
            member.created_at,
            member.invitation_created_at,
            member.invitation_expires_at,
            harmless(member.inviter),
            _given_by(ways) if held is None else _roles_text(held),
        )
        return folded(member.user), str(member.user_id), line(cells)

    yield line(POPULATION_COLUMNS)
    for project, entries in shown:
        begin = line((harmless(project.name), project.id))[: -len(_END)] + ","
        yield "".join([begin + cells for _email, _id, cells in sorted(map(who, entries.values()))])
    for one in sorted(elsewhere, key=lambda person: (folded(person.user), person.user_id)):
        about = ("", "", harmless(one.user), one.user_id, one.status, "", "", one.last_auth, None, one.created_at)
        yield line((*about, None, None, None, _roles_text(one.org_roles)))


def line(cells: Sequence[Any]) -> str:
    """Cells as a line of CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=_END).writerow(cells)
    return text.getvalue()


_END = "\r\n"


def was(rows: Iterable[Mapping[str, str]]) -> Memberships:
    """Who was a member, from the rows of such a table."""
    return {
        (row["project_id"], row["user_id"]): frozenset(filter(None, row["roles"].split(";")))
        for row in rows
        if "direct" in row["via"].split(";") and row["status"] not in LAPSED
    }


# People and the ways in are many, distinct ones are few: what is made of those is kept.
@lru_cache(maxsize=10_000)
def _roles_text(roles: FrozenSet[str]) -> str:
    return ";".join(sorted(roles))


@lru_cache(maxsize=10_000)
def _ways_text(ways: Tuple[Way, ...]) -> str:
    return ";".join(map(_way_text, ways))


@lru_cache(maxsize=10_000)
def _given_by(ways: Tuple[Way, ...]) -> str:
    return ";".join(sorted(way.name for way in ways if way.kind == "organization" and way.name))


def _way_text(way: Way) -> str:
    if way.kind in ("direct", "unknown"):
        return way.kind
    return f"{way.kind} {without_parts(way.name or '')} ({','.join(sorted(way.roles))})"


def without_parts(name: str) -> str:
    """A name as it stands among the ways in: what parts these, and their roles, is no part of it."""
    return _PARTS.sub(r"\\\g<0>", name)


_PARTS = re.compile(r"[\\;()]")


# --- what was done ---------------------------------------------------------------------------------------------------


def action_rows(steps: Sequence[Row], records: Mapping[str, Any], extra: Iterable[Any], untried: str) -> List[Row]:
    """A row for every planned step, as the journal's records tell it, and for what was done beside the plan.

    ``untried`` is the status of a step without a record.
    """
    hashes = [step_hash(step) for step in steps]
    rows = [
        _recorded(step, records[name])
        if name in records
        else {**_action(step), "status": untried, "error": None, "started": None, "at": None, "why": None}
        for name, step in zip(hashes, steps)
    ]
    planned = set(hashes)
    beside = [one for name, one in records.items() if name not in planned]
    return rows + [{**_recorded(one.row, one), "planned": False} for one in [*beside, *extra]]


def _recorded(step: Row, record: Any) -> Row:
    told = {name: getattr(record, name) for name in ("status", "error", "started", "at", "why")}
    return {**_action(step), **told}


def _action(step: Row) -> Row:
    """A step as an action: its status will be the deed's, that of the membership goes by another name."""
    return {**step, "membership": step["status"]}


_ENDS = ("done", "failed", "skipped", "not_tried", "unknown")


def counts(rows: Iterable[Row]) -> Dict[str, int]:
    """How many steps of the plan ended in which way."""
    planned = [row["status"] for row in rows if row.get("planned", True)]
    return {"planned": len(planned), **{name: planned.count(name.replace("_", " ")) for name in _ENDS}}


# --- cells -----------------------------------------------------------------------------------------------------------


def finding_cells(row: Row) -> Sequence[Any]:
    """A finding's row in the order of FINDING_COLUMNS."""
    residual = [
        f"{way['via']} {way['name'] or ''} ({','.join(way['roles'])})" if way["roles"] else way["via"]
        for way in row["residual_access"]
    ]
    return cells({**row, "residual_access": residual}, FINDING_COLUMNS)


def identity_cells(row: Row) -> Sequence[Any]:
    """A row of an API key or service account in the order of IDENTITY_COLUMNS."""
    ways = [Way(way["kind"], way["name"], frozenset(way["roles"])) for way in row["via"]]
    secrets = [_secret_text(one) for one in row["secrets"] or ()]
    said = {name: _YES_NO[row[name]] for name in ("privileged", "system_managed", "this_run")}
    roles = "not told" if row["roles"] is None else row["roles"]
    return cells(
        {**row, **said, "roles": roles, "via": list(map(_way_text, ways)), "secrets": secrets}, IDENTITY_COLUMNS
    )


_YES_NO = {True: "yes", False: "no", None: "not known"}


def _secret_text(row: Row) -> str:
    used = f"last used {row['last_used_at']}" if row["last_used_at"] else "never used"
    return f"{row['id']} (created {row['created_at']}, expires {row['expires_at']}, {used})"


def action_cells(row: Row, columns: Sequence[str]) -> Sequence[Any]:
    """An action's row in the order of these columns."""
    error = row.get("error") or {}
    said = " ".join(str(error[name]) for name in ("status", "code", "detail") if error.get(name))
    return cells({**row, "error": said}, columns)


def cells(row: Row, columns: Iterable[str]) -> Sequence[Any]:
    """A row in the order of these columns; a list is one cell."""
    return [harmless(";".join(map(str, one)) if isinstance(one, list) else one) for one in map(row.get, columns)]


def harmless(cell: Any) -> Any:
    """A cell of text from outside that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return "'" + cell if isinstance(cell, str) and cell[:1] in _FORMULA else cell


def unescaped(cell: str) -> str:
    """The text of a cell that `harmless` made."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell


_FORMULA = frozenset("=+-@\t\r\n")


# --- what undoes it --------------------------------------------------------------------------------------------------

_HOW = """\
# Gives back what this run took: people get the roles that they held before it, exactly these.
# Look it through, leave out what is to stay as it is, then:
#   - ansible.builtin.include_vars:
#       file: restore.yml
#   - atlasops.access.atlas_project_user:
#       state: present
#       memberships: "{{ memberships }}"
# Whoever had not accepted an invitation, or has left the organization since, is invited again.
"""


def restoring(rows: Iterable[Row], before: Memberships, after: Memberships) -> Optional[str]:
    """YAML with the memberships that were there before what these rows did, None if they did nothing.

    All of it is data, nothing a template. ``after`` is who is a member now: it stands in for those of whom it is not
    known what they held before.
    """
    # A lapsed invitation gave nobody access.
    done = [row for row in rows if _made(row) and row["membership"] not in LAPSED]
    if not done:
        return None
    made = [row for row in done if not row.get("place")]
    held: Dict[Tuple[str, str], Row] = {}
    added = []
    for row in made:
        if row["action"] == "add":
            added.append(f"# Not undone: {_quoted(row['user'])} was added to {_quoted(row['project'])}.\n")
            continue
        account = (row["project_id"], row["user_id"])
        one = held.setdefault(account, {**row, "roles": set(before.get(account, after.get(account, ())))})
        if row["action"] != "grant":
            one["roles"] |= set(row["roles"])
        elif account not in before:
            one["roles"] -= set(row["roles"])
    people: Dict[Tuple[str, str], Row] = {}
    for one in held.values():
        people.setdefault((one["project_id"], folded(one["user"])), {**one, "roles": set()})["roles"] |= one["roles"]
    lines = [_membership(one) for one in people.values() if one["roles"]]
    told = "---\n" + _HOW + "".join(added) + ("memberships:\n" + "".join(lines) if lines else "memberships: []\n")
    return told + "".join(_elsewhere(place, [row for row in done if row.get("place") == place]) for place in _ELSEWHERE)


# What gives back a place in a team or organization; to the organization people are invited before all else.
_ELSEWHERE = {
    "organization": """\
# Before that, invite those who left the organization, with these roles, one organization after the other:
#   - atlasops.access.atlas_organization_user:
#       state: present
#       organization: "{{ organization_memberships[0].organization_id }}"
#       memberships: "{{ organization_memberships }}"
organization_memberships:
""",
    "team": """\
# And when they are in the organization again, put them back into their teams:
#   - atlasops.access.atlas_team_user:
#       state: present
#       memberships: "{{ team_memberships }}"
team_memberships:
""",
}


def _elsewhere(place: str, rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        roles = "".join(f"!unsafe {_quoted(role)}, " for role in sorted(row["roles"])) if place != "team" else ""
        held = f"    roles: [{roles.rstrip(', ')}]\n" if roles else ""
        where = f"  - {place}_id: !unsafe {_quoted(row['project_id'])}\n"
        lines.append(f"{where}    user: !unsafe {_quoted(row['user'])}\n{held}")
    return _ELSEWHERE[place] + "".join(lines) if lines else ""


def _made(row: Row) -> bool:
    """Whether the run brought this about; what somebody else did before it is not its to undo."""
    if made_already(row["why"]):
        return False
    return row["status"] == "done" or (row["status"] in ("failed", "unknown") and row["verified"] == "yes")


def _membership(row: Row) -> str:
    roles = ", ".join(f"!unsafe {_quoted(role)}" for role in sorted(row["roles"]))
    texts = "".join(f"    {name}: !unsafe {_quoted(row[name])}\n" for name in ("project_id", "user"))
    return f"  - project: !unsafe {_quoted(row['project'])}\n{texts}    roles: [{roles}]\n"


def _quoted(text: str) -> str:
    """Text as YAML in double quotes: whatever is not plain is escaped."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if " " <= letter <= "~":
        return letter
    # Half a letter, which JSON may carry, has no place in YAML.
    return "\\ufffd" if "\ud800" <= letter <= "\udfff" else f"\\U{ord(letter):08x}"
