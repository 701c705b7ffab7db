# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory that a run leaves behind: tables, documents, checksums. It only grows.

Knows nothing of Ansible or HTTP. Private to this collection.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from datetime import datetime, timezone
from functools import lru_cache
from typing import (
    Any,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from . import _tables as tables
from ._access import ACTIVE, LAPSED, OWNER, PENDING, Person, Refusal, Roles, Way, days_since, idle_days, labels
from ._files import (
    created,
    first_free,
    is_ours,
    linked,
    read_text,
    refusing,
    replaced,
    sum_line,
    sum_of,
    write_document,
    write_table,
)
from ._journal import UNKNOWN, Journaled
from ._journal import read as read_journal
from ._policy import Exemption, Finding, Policy, Reviewed, calls, lapsed_exceptions
from ._steps import Row, digest

POPULATION, FINDINGS, LEAVERS, ACTIONS = "population.csv", "findings.csv", "leavers.csv", "actions.csv"
PLAN, JOURNAL, REVIEW, RESTORE, SUMS = "plan.json", "actions.jsonl", "review.json", "restore.yml", "SHA256SUMS"
LATEST, SETTLED, VERIFIED = "latest", "settled", "verified"
UNDER_WAY = "a run under way"

# Roles that let somebody decide about others or reach the data.
PRIVILEGED = (
    OWNER,
    "GROUP_ACCESS_MANAGER",
    "GROUP_CLUSTER_MANAGER",
    "GROUP_DATABASE_ACCESS_ADMIN",
    "GROUP_DATA_ACCESS_ADMIN",
    "GROUP_DATA_ACCESS_READ_WRITE",
    "GROUP_NETWORK_ACCESS_MANAGER",
)

# How many rows of a listing beside the findings go into the document; the tables hold all.
LISTED = 500
# How many cells the matrix of people and projects may have; beyond it only privileged people are in it.
MATRIX_CELLS = 6000

# --- rows ------------------------------------------------------------------------------------------------------------


def finding_row(finding: Finding) -> Row:
    """A finding in plain types."""
    member = finding.member
    return {
        "project": finding.project.name,
        "project_id": finding.project.id,
        "user": member.user,
        "user_id": member.user_id,
        "status": member.status,
        "rules": list(finding.rules),
        "reasons": list(finding.reasons),
        "action": finding.action,
        "roles": sorted(finding.roles),
        "residual_access": [_way_row(way) for way in finding.ways],
    }


def finding_line(row: Row) -> str:
    """A finding for a person to read."""
    roles = f" ({', '.join(row['roles'])})" if row["roles"] else ""
    ways = [f"{way['via']} {way['name'] or ''}".strip() for way in row["residual_access"]]
    still = f"; still gets in through {' and '.join(ways)}" if ways and row["action"] == "remove" else ""
    return f"{row['project']}: {row['action']} {row['user']}{roles}: {'; '.join(row['reasons'])}{still}"


def _way_row(way: Way) -> Row:
    return {"via": way.kind, "name": way.name, "roles": sorted(way.roles)}


def exemption_row(exemption: Exemption) -> Row:
    """An exception in plain types."""
    row = {**exemption._asdict(), "until": str(exemption.until) if exemption.until else None}
    del row["projects"]
    return row


@lru_cache(maxsize=10_000)
def _held(ways: Tuple[Way, ...]) -> Tuple[str, ...]:
    return tuple(sorted(frozenset().union(*(way.roles for way in ways))))


@lru_cache(maxsize=10_000)
def _privileged(ways: Tuple[Way, ...]) -> Tuple[str, ...]:
    return tuple(role for role in _held(ways) if role in PRIVILEGED)


# --- the directory ---------------------------------------------------------------------------------------------------


def begin(base: str, started: datetime, mode: str, plan_digest: Optional[str]) -> str:
    """Make the directory of a run, and none that is there already; returns its path. Raises `Refusal`."""
    with refusing("evidence_dir", base):
        os.makedirs(base, mode=0o700, exist_ok=True)
        return first_free(
            os.path.join(base, f"{_utc(started)}-{mode}-{(plan_digest or 'noplan')[:8]}"), "", _make_directory
        )


def _make_directory(path: str) -> str:
    os.mkdir(path, 0o700)
    return path


def _utc(when: datetime) -> str:
    return when.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def point(directory: str) -> None:
    """Let ``latest`` lead to this run, where links can be made; never in place of what is no link."""
    base, name = os.path.split(os.path.abspath(directory))
    linked(os.path.join(base, LATEST), name)


def runs(base: str) -> List[str]:
    """The directories below, by name, newest last; links are not followed, and what others may change is left out."""
    try:
        with os.scandir(base) as entries:
            return sorted(entry.path for entry in entries if is_ours(entry.stat(follow_symlinks=False)))
    except OSError:
        return []


def is_sealed(directory: str) -> bool:
    """Whether the run ended, so that nothing of it changes any more."""
    return os.path.lexists(os.path.join(directory, SUMS))


# --- writing ---------------------------------------------------------------------------------------------------------


def write_review(
    directory: str,
    document: Row,
    reviewed: Iterable[Any],
    now: datetime,
    sealed: bool,
    people_elsewhere: Iterable[Person] = (),
    organization_roles: Mapping[str, Roles] = {},
) -> List[str]:
    """Write the files of a review into the directory of its run; returns their paths. Raises `Refusal`.

    ``people_elsewhere`` are those of the organizations who get into no project; ``organization_roles`` everybody's, by
    user id.
    """
    shown = ((one.project, one.entries) for one in reviewed)
    everybody = tables.population(shown, now, people_elsewhere, organization_roles)
    findings, leavers = document["findings"], document.get("leavers", [])
    plan = {
        "version": 1,
        "digest": document["plan_digest"],
        "made_at": now.isoformat(timespec="seconds"),
        "steps": document["steps"],
        "blocked": document["blocked"],
    }

    def at(name: str) -> str:
        return os.path.join(directory, name)

    with refusing("evidence_dir", directory):
        paths = [
            write_table(at(POPULATION), tables.POPULATION_COLUMNS, everybody),
            write_table(at(FINDINGS), tables.FINDING_COLUMNS, map(tables.finding_cells, findings)),
            write_table(
                at(LEAVERS), tables.LEAVER_COLUMNS, (tables.cells(row, tables.LEAVER_COLUMNS) for row in leavers)
            ),
            write_document(at(PLAN), plan),
            write_document(at(REVIEW), document),
        ]
        if plan["steps"]:
            with created(at(JOURNAL)):
                paths.append(at(JOURNAL))
        point(directory)
        if sealed:
            seal(directory)
            paths.append(at(SUMS))
    return paths


def write_end(directory: str, document: Row, restoring: Optional[str]) -> List[str]:
    """Write what was done and verified, and what undoes it; returns the paths. Raises `Refusal`."""
    cells = (tables.action_cells(row, tables.ACTION_COLUMNS) for row in document["actions"])
    with refusing("evidence_dir", directory):
        paths = [write_table(os.path.join(directory, ACTIONS), tables.ACTION_COLUMNS, cells)]
        if restoring:
            paths.append(os.path.join(directory, RESTORE))
            with created(paths[-1]) as file:
                file.write(restoring)
        return [*paths, rewrite_review(directory, document)]


def rewrite_review(directory: str, document: Row) -> str:
    """Put the run's own document, which knows more by now, in place of the one before. Raises `Refusal`."""
    path = os.path.join(directory, REVIEW)
    if is_sealed(directory):
        raise Refusal(f"evidence_dir: '{directory}' is sealed")
    with refusing("evidence_dir", directory):
        return replaced(path, document)


def write_later(directory: str, name: str, now: datetime, columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Add a table with the time in its name to the directory of a run that ended; returns its path."""
    cells = [tables.action_cells(row, columns) for row in rows]
    with refusing("evidence_dir", directory):
        stem = os.path.join(directory, f"{name}-{_utc(now)}")
        return first_free(stem, ".csv", lambda path: write_table(path, columns, cells))


def seal(directory: str) -> str:
    """Write the checksums of all files that are there, once, as sha256sum does; returns their own. Raises `Refusal`."""
    lines = []
    with refusing("evidence_dir", directory):
        for name in sorted(os.listdir(directory)):
            path = os.path.join(directory, name)
            if os.path.islink(path):
                raise Refusal(f"evidence_dir: '{path}' is a link, which no run makes; nothing was sealed")
            if os.path.isfile(path):
                lines.append(sum_line(sum_of(path), name))
        path = os.path.join(directory, SUMS)
        with created(path) as file:
            file.writelines(lines)
        return sum_of(path)


def seal_of(directory: str) -> Optional[str]:
    """The checksum of the checksums of a run that ended."""
    return sum_of(os.path.join(directory, SUMS)) if is_sealed(directory) else None


# --- reading back ----------------------------------------------------------------------------------------------------


def read_document(directory: str, name: str) -> Any:
    """A JSON file of a run's directory, None if there is none. Raises `Refusal` likewise, and for what is no JSON."""
    path = os.path.join(directory, name)
    try:
        text = read_text(path)
        return None if text is None else json.loads(text)
    except ValueError:
        raise Refusal(f"evidence_dir: '{path}' is damaged: it is no JSON") from None


def review_of(directory: str) -> Row:
    """The document of a run. Raises `Refusal` where there is none, naming the newest run below."""
    document = read_document(directory, REVIEW)
    if isinstance(document, dict) and "mode" in document:
        return document
    if document is not None:
        raise Refusal(f"evidence_dir: the {REVIEW} in '{directory}' is damaged, or another version wrote it")
    below = [path for path in runs(directory) if os.path.lexists(os.path.join(path, REVIEW))]
    if below:
        raise Refusal(f"evidence_dir: '{directory}' holds runs and is none itself; the newest is '{below[-1]}'")
    raise Refusal(f"evidence_dir: there is no {REVIEW} in '{directory}'; run a review into it first")


def was_member(directory: str) -> tables.Was:
    """Who was a member at a run's review, as its population tells. Raises `Refusal` likewise."""
    text = read_text(os.path.join(directory, POPULATION))
    return tables.was(csv.DictReader(io.StringIO(text, newline=""))) if text else {}


def actions(directory: str, document: Row) -> Tuple[List[Row], Optional[str]]:
    """What the journal of a run tells of every step that was planned, and what interrupted it. Raises `Refusal`."""
    steps = document.get("steps") or []
    if steps and digest(steps) != document.get("plan_digest"):
        raise Refusal(f"evidence_dir: the {REVIEW} in '{directory}' is damaged: its digest does not fit its steps")
    journal = read_journal(os.path.join(directory, JOURNAL))
    if journal.running:
        raise Refusal(f"evidence_dir: '{directory}' belongs to a run under way")
    untried = "planned" if document.get("mode") == "review" else "not tried"
    return tables.action_rows(steps, journal.records, journal.extra, untried), journal.interrupted


def holds_plan(directory: str, plan_digest: Optional[str]) -> bool:
    """Whether the plan of a run is still the one of its review."""
    plan = _believed(directory)
    return plan is not None and plan["digest"] == plan_digest


def plan_of(directory: str) -> Optional[Row]:
    """The plan of a run: digest, steps, blocked. None where there is none that its digest fits."""
    try:
        plan = read_document(directory, PLAN)
        return plan if plan is not None and digest(plan["steps"]) == plan["digest"] and "blocked" in plan else None
    except (AttributeError, KeyError, TypeError):
        return None


def approved(base: str, plan_digest: str) -> Optional[Row]:
    """The steps of the plan of this digest that a run below left, and all that blocked it in any run; None if none did.

    Links are not followed, and what others may have written is not believed.
    """
    found = [
        plan for directory in runs(base) for plan in [_believed(directory)] if plan and plan["digest"] == plan_digest
    ]
    if not found:
        return None
    blocked = {json.dumps(one, sort_keys=True): one for plan in found for one in plan["blocked"]}
    return {"steps": found[-1]["steps"], "blocked": list(blocked.values())}


def _believed(directory: str) -> Optional[Row]:
    try:
        return plan_of(directory)
    except Refusal:
        return None


# --- runs that did not end -------------------------------------------------------------------------------------------


class Unfinished(NamedTuple):
    """A step that a run began and did not end; without a ``row`` only what is ``told`` of the run is known."""

    run: str
    directory: str
    row: Optional[Row]
    told: Optional[str] = None


def unfinished(base: str) -> List[Unfinished]:
    """What runs below, which never got to their end, left open, and was not told yet."""
    return [one for directory in runs(base) if not is_sealed(directory) for one in _left_open(directory)]


def _left_open(directory: str) -> List[Unfinished]:
    name = os.path.basename(directory)
    try:
        journal = read_journal(os.path.join(directory, JOURNAL))
    except Refusal as error:
        return [Unfinished(name, directory, None, str(error))]
    except (AttributeError, KeyError, TypeError, ValueError):
        return [Unfinished(name, directory, None, f"its {JOURNAL} is damaged")]
    if journal.running:
        return [Unfinished(name, directory, None, UNDER_WAY)]
    if any(entry.startswith(f"{SETTLED}-") for entry in os.listdir(directory)):
        return []
    return [Unfinished(name, directory, row) for row in _open_rows(journal)]


def _open_rows(journal: Journaled) -> List[Row]:
    records = {name: one for name, one in journal.records.items() if one.status == UNKNOWN}
    return tables.action_rows([], records, [], UNKNOWN)


def settled(found: Sequence[Unfinished], took_effect: Sequence[str], now: datetime) -> List[Row]:
    """Write down, beside the run that left it open, whether each step took effect, so that it is told once.

    ``took_effect`` is yes, no or unreadable for each of those that have a row; returns what a review tells of them.
    """
    rows: Dict[str, List[Row]] = {}
    told = zip((one for one in found if one.row is not None), took_effect)
    for one, effect in told:
        rows.setdefault(one.directory, []).append({**(one.row or {}), "run": one.run, "took_effect": effect})
    for directory, mine in rows.items():
        write_later(directory, SETTLED, now, tables.SETTLED_COLUMNS, mine)
    shown = ("run", "project", "user", "action", "roles", "took_effect")
    return [{name: row[name] for name in shown} for mine in rows.values() for row in mine]


# --- the document ----------------------------------------------------------------------------------------------------


def document(policy: Policy, reviewed: Sequence[Reviewed], rows: Sequence[Row], now: datetime) -> Row:
    """A review as one document, without what the module returns as well."""
    waiting, oldest = invitations(reviewed, now)
    projects = [_project_row(one) for one in reviewed]
    applied = {(one, rule): None for each in reviewed for one, rule in each.applied}
    return {
        "started": now.isoformat(timespec="seconds"),
        "steps": list(rows),
        "plan": calls(reviewed, rows),
        "exceptions": {
            "applied": [{**exemption_row(one), "rule": rule} for one, rule in applied],
            "lapsed": [exemption_row(one) for one in lapsed_exceptions(policy, now)],
        },
        "projects": projects,
        "matrix": matrix(reviewed, projects),
        "invitations": {"count": waiting, "rows": oldest},
        "dormant": dormant(reviewed, policy, now),
    }


def _project_row(one: Reviewed) -> Row:
    statuses = Counter(one.entries[key].member.status for key in one.before)
    names = _names(one)
    privileged = {
        names[key]: _privileged(entry.ways)
        for key, entry in one.entries.items()
        if _privileged(entry.ways) and entry.member.status not in LAPSED
    }
    return {
        "name": one.project.name,
        "id": one.project.id,
        "tags": dict(one.project.tags),
        "active": statuses[ACTIVE],
        "pending": statuses[PENDING],
        "lapsed": sum(statuses[status] for status in LAPSED),
        "indirect": len(one.entries) - len(one.before),
        "owners": sorted(names[key] for key in one.owners),
        "privileged": dict(sorted(privileged.items())),
    }


def _names(one: Reviewed) -> Dict[str, str]:
    """What people see for each key of a project."""
    return labels({key: entry.member for key, entry in one.entries.items()})


def matrix(reviewed: Sequence[Reviewed], projects: Sequence[Row]) -> Row:
    """Who can enter what: user -> project -> roles.

    ``whole`` is false where it would be too large: then only privileged people and roles are in it.
    """
    people = set().union(*(one.entries for one in reviewed))
    whole = len(people) * len(reviewed) <= MATRIX_CELLS
    rows: Dict[str, Dict[str, Sequence[str]]] = {}
    if whole:
        for one in reviewed:
            names = _names(one)
            for key, entry in one.entries.items():
                if entry.member.status not in LAPSED:
                    rows.setdefault(names[key], {})[one.project.name] = _held(entry.ways)
    else:
        for project in projects:
            for user, roles in project["privileged"].items():
                rows.setdefault(user, {})[project["name"]] = roles
    most = sorted(rows, key=lambda user: (-len(rows[user]), user))
    kept = most if whole else most[: max(20, MATRIX_CELLS // max(1, len(reviewed)))]
    return {"whole": whole, "people": len(rows), "rows": {user: rows[user] for user in sorted(kept)}}


def invitations(reviewed: Iterable[Reviewed], now: datetime) -> Tuple[int, List[Row]]:
    """How many invitations are open or lapsed, and the oldest of them."""
    rows = [
        {
            "project": one.project.name,
            "user": entry.member.user,
            "status": entry.member.status,
            "days": days_since(entry.member.invitation_created_at, now),
            "inviter": entry.member.inviter,
        }
        for one in reviewed
        for entry in one.entries.values()
        if entry.member.status != ACTIVE and entry.direct
    ]
    rows.sort(key=lambda row: (-int(row["days"] or 0), row["project"], row["user"]))
    return len(rows), rows[:LISTED]


def dormant(reviewed: Iterable[Reviewed], policy: Policy, now: datetime) -> Row:
    """ACTIVE members who have not logged in for long: as the policy says, or 90 days."""
    days = policy.inactive_days if policy.inactive_days is not None else 90
    people: Dict[str, Row] = {}
    for one in reviewed:
        for entry in one.entries.values():
            idle = idle_days(entry.member, now)
            if idle is None or idle < days:
                continue
            row = people.setdefault(
                str(entry.member.user_id),
                {"user": entry.member.user, "days": idle, "never": not entry.member.last_auth, "projects": 0},
            )
            row["projects"] += 1
    rows = sorted(people.values(), key=lambda row: (-row["days"], row["user"]))
    return {"days": days, "people": len(rows), "rows": rows[:LISTED]}


def plain(value: Any) -> Any:
    """Options as JSON can hold them."""
    return json.loads(json.dumps(value, default=str))
