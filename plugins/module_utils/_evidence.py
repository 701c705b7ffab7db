# Copyright (c) 2026, atlasops.access contributors
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
from datetime import datetime, timezone
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from . import _tables as tables
from ._access import Memberships, Person, Refusal, Roles
from ._files import (
    created,
    first_free,
    is_ours,
    linked,
    read_text,
    refusing,
    replaced,
    set_aside,
    sum_line,
    sum_of,
    write_document,
    write_lines,
    write_table,
)
from ._journal import SEAL, Journaled
from ._journal import read as read_journal
from ._steps import UNKNOWN, Row, digest

AFTER = "population-after.csv"
POPULATION, FINDINGS, LEAVERS, ACTIONS = "population.csv", "findings.csv", "leavers.csv", "actions.csv"
IDENTITIES = "identities.csv"
PLAN, JOURNAL, REVIEW, RESTORE, SUMS = "plan.json", "actions.jsonl", "review.json", "restore.yml", SEAL
LATEST, SETTLED, VERIFIED, UNFINISHED = "latest", "settled", "verified", "unfinished"
UNDER_WAY = "a run under way"
UNSEALED = "its steps are, but it was not sealed; unless it is under way, run atlas_access_evidence on its directory"

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
            return sorted(entry.path for entry in entries if _is_run(entry))
    except OSError:
        return []


def _is_run(entry: "os.DirEntry[str]") -> bool:
    # Somebody who tidies up at the same moment hides no other run.
    try:
        return is_ours(entry.stat(follow_symlinks=False))
    except OSError:
        return False


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
    organization_roles: Optional[Mapping[str, Roles]] = None,
    identities: Optional[Iterable[Row]] = None,
) -> List[str]:
    """Write the files of a review into the directory of its run; returns their paths. Raises `Refusal`.

    ``people_elsewhere`` are those of the organizations who get into no project; ``organization_roles`` everybody's, by
    user id; ``identities`` are the rows of API keys and service accounts, None where they were not asked for.
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
            write_lines(at(POPULATION), everybody),
            write_table(at(FINDINGS), tables.FINDING_COLUMNS, map(tables.finding_cells, findings)),
            write_table(
                at(LEAVERS), tables.LEAVER_COLUMNS, (tables.cells(row, tables.LEAVER_COLUMNS) for row in leavers)
            ),
            write_document(at(PLAN), plan),
            write_document(at(REVIEW), document),
        ]
        if identities is not None:
            cells = map(tables.identity_cells, identities)
            paths.append(write_table(at(IDENTITIES), tables.IDENTITY_COLUMNS, cells))
        if plan["steps"]:
            with created(at(JOURNAL)):
                paths.append(at(JOURNAL))
        point(directory)
        if sealed:
            seal(directory)
            paths.append(at(SUMS))
    return paths


def write_end(
    directory: str, document: Row, restoring: Optional[str], after: Optional[Tuple[Sequence[str], Iterable[Row]]] = None
) -> List[str]:
    """Write what was done and verified, what undoes it, and who gets in after it; returns the paths. Raises `Refusal`.

    What a run wrote that was killed before it could say so is set aside.
    """
    cells = (tables.action_cells(row, tables.ACTION_COLUMNS) for row in document["actions"])
    with refusing("evidence_dir", directory):
        for name in (ACTIONS, RESTORE, AFTER):
            set_aside(os.path.join(directory, name), UNFINISHED)
        paths = [write_table(os.path.join(directory, ACTIONS), tables.ACTION_COLUMNS, cells)]
        if restoring:
            paths.append(os.path.join(directory, RESTORE))
            with created(paths[-1]) as file:
                file.write(restoring)
        if after:
            columns, rows = after
            lines = ([row.get(name) for name in columns] for row in rows)
            paths.append(write_table(os.path.join(directory, AFTER), columns, lines))
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


def was_member(directory: str) -> Memberships:
    """Who was a member at a run's review, as its population tells. Raises `Refusal` likewise."""
    return tables.was(population_of(directory))


def population_of(directory: str) -> Iterator[Dict[str, str]]:
    """The rows of a run's population, one after the other. Raises `Refusal` likewise."""
    text = read_text(os.path.join(directory, POPULATION))
    return csv.DictReader(io.StringIO(text or "", newline=""))


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


def approved(base: str, plan_digest: str) -> Optional[Row]:
    """The steps of the plan of this digest that a run below left, and all that blocked it in any review of it.

    ``blocked`` is None where only runs under this approval left it: they do not tell what stopped the review.
    ``reviews`` are the runs that made it, with their times. None if no run left it. Links are not followed, and what
    others may have written is not believed.
    """
    found = [
        (directory, plan)
        for directory in runs(base)
        for plan in [_believed(directory)]
        if plan and plan["digest"] == plan_digest
    ]
    if not found:
        return None
    # What stopped a run under this very approval came after it, and nobody approved that.
    reviews = [(directory, plan) for directory, plan in found if not _is_under(directory, plan_digest)]
    blocked = {json.dumps(one, sort_keys=True): one for _directory, plan in reviews for one in plan["blocked"]}
    return {
        "steps": found[-1][1]["steps"],
        "blocked": list(blocked.values()) if reviews else None,
        # A run under an approval makes that no younger.
        "made_at": (reviews[-1] if reviews else found[0])[1].get("made_at"),
        "reviews": [
            {"run": os.path.basename(directory), "made_at": str(plan.get("made_at") or "")}
            for directory, plan in reviews
        ],
    }


def _is_under(directory: str, plan_digest: str) -> bool:
    """Whether a run had the approval of this plan; one that does not tell is taken for such a one."""
    try:
        approval = read_document(directory, REVIEW).get("approval") or {}
        return bool(approval.get("digest") == plan_digest)
    except (AttributeError, Refusal):
        return True


def _believed(directory: str) -> Optional[Row]:
    """The plan of a run: digest, steps, blocked. None where there is none that its digest fits, or that is ours."""
    try:
        plan = read_document(directory, PLAN)
        return plan if plan is not None and digest(plan["steps"]) == plan["digest"] and "blocked" in plan else None
    except (AttributeError, KeyError, TypeError, Refusal):
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
        files = os.listdir(directory)
    except FileNotFoundError:
        return []
    except (Refusal, OSError) as error:
        return [Unfinished(name, directory, None, str(error))]
    if journal.running:
        return [Unfinished(name, directory, None, UNDER_WAY)]
    if any(file.startswith(f"{SETTLED}-") and file.endswith(".csv") for file in files):
        return []
    rows = _open_rows(journal)
    if not rows and any(one.started for one in journal.records.values()):
        return [Unfinished(name, directory, None, UNSEALED)]
    return [Unfinished(name, directory, row) for row in rows]


def _open_rows(journal: Journaled) -> List[Row]:
    records = {name: one for name, one in journal.records.items() if one.status == UNKNOWN}
    return tables.action_rows([], records, [], UNKNOWN)


def settled(found: Sequence[Unfinished], took_effect: Sequence[str], now: datetime) -> Tuple[List[Row], List[str]]:
    """Write down, beside the run that left it open, whether each step took effect, so that it is told once.

    ``took_effect`` is yes, no or unreadable for each of those that have a row; returns what a review tells of them, and
    warnings: where it can't be written down, it is told again.
    """
    rows: Dict[str, List[Row]] = {}
    told = zip((one for one in found if one.row is not None), took_effect)
    for one, effect in told:
        rows.setdefault(one.directory, []).append({**(one.row or {}), "run": one.run, "took_effect": effect})
    unwritten = []
    for directory, mine in rows.items():
        try:
            write_later(directory, SETTLED, now, tables.SETTLED_COLUMNS, mine)
        except Refusal as error:
            unwritten.append(f"what the run {mine[0]['run']} left open is told again by the next one: {error}")
    shown = ("run", "project", "user", "action", "roles", "took_effect")
    return [{name: row[name] for name in shown} for mine in rows.values() for row in mine], unwritten
