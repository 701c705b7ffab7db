# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a run: read again what it did, write it down, report, seal.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from . import _after as afterwards
from . import _console as console
from . import _evidence as evidence
from . import _tables as tables
from . import _verify as verify
from ._access import Memberships, Refusal
from ._client import Client
from ._errors import AtlasError
from ._groups import groups
from ._outcome import outcome
from ._result import bounded
from ._steps import Row

# Characters of the lists that are returned.
RETURNED = 100_000

Params = Mapping[str, Any]
# The columns and the rows of a table.
Table = Tuple[Sequence[str], Iterator[Row]]


class Checked(NamedTuple):
    """The document of the run, a row for every step, and whether those are to be judged."""

    document: Row
    rows: List[Row]
    judging: bool


def check(params: Params, warnings: List[str]) -> Checked:
    """What the directory tells of its run. Raises `Refusal`."""
    directory = params["evidence_dir"]
    document = evidence.review_of(directory)
    if document.get("ended"):
        return Checked(document, document.get("actions") or [], evidence.is_sealed(directory))
    rows, document["interrupted"] = evidence.actions(directory, document)
    if rows and not evidence.holds_plan(directory, document.get("plan_digest")):
        warnings.append(f"'{directory}': {evidence.PLAN} is not the plan of the review any more")
    return Checked(document, rows, True)


def asks(checked: Checked) -> bool:
    """Whether there is anything to read again: a run that tried nothing changed nothing."""
    return checked.judging and any(row["status"] in ("done", "failed", "unknown") for row in checked.rows)


def answer(
    params: Params, client: Optional[Client], warnings: List[str], checked: Checked
) -> Tuple[Row, Optional[str]]:
    """Verify the steps and write them down, or only seal; a run that is sealed already gets one table more."""
    document, rows, judging = checked
    directory: str = params["evidence_dir"]
    paths: List[str] = []
    sealed = evidence.is_sealed(directory)
    if judging:
        was = members_at_review(directory, warnings) if client else {}
        seen = verify.look(client, rows) if client else {}
        fresh = judged(client, document, rows, seen, was)
        if client and client.stopped_by:
            # What was not read is not unreadable: nothing is written, so that the same task again finds out.
            return {}, None
        restoring = tables.restoring(fresh, was, verify.members_of(seen)) if client else None
    if sealed:
        paths += later(directory, rows, fresh) if client and not params["check_mode"] else []
        document = {**document, "actions": fresh}
    elif judging:
        finish(document, fresh, params["run"])
        document["after"], table = who_gets_in(directory, document, seen)
        paths += evidence.write_end(directory, document, restoring, table)
    unwritten = report(params, directory) if params["report"] and not sealed else ""
    if params["seal"] and not sealed:
        evidence.seal(directory)
        paths.append(os.path.join(directory, evidence.SUMS))
    return told(directory, document, paths, unwritten)


def report(params: Params, directory: str) -> str:
    """Run the command that adds a report; what went wrong with it."""
    try:
        code, _out, said = params["run_command"]([*params["report"], directory])
    except OSError as error:
        return f"the report could not be written: {error}"
    if code == 0:
        return ""
    last = next((line for line in reversed(said.split("\n")) if line.strip()), f"exit code {code}")
    return f"the report could not be written: {last.strip()}"


def members_at_review(directory: str, warnings: List[str]) -> Memberships:
    """Who was a member at the review; nobody where that can't be believed any more."""
    try:
        return evidence.was_member(directory)
    except Refusal as error:
        warnings.append(str(error))
        return {}


def judged(
    client: Optional[Client],
    document: Row,
    rows: Sequence[Row],
    seen: Mapping[str, verify.Look],
    was: Memberships,
) -> List[Row]:
    """The steps, with whether they are in effect and what Atlas recorded of them."""
    if client is None:
        return [{"verified": None, "events": [], "event_ids": [], **row} for row in rows]
    verdicts = verify.verified(rows, seen, was)
    rows = [{**row, "verified": verdict} for row, verdict in zip(rows, verdicts)]
    found = verify.events(client, rows)
    return [{**row, **one} for row, one in zip(rows, verify.recorded(rows, found, document.get("credential")))]


def finish(document: Row, rows: List[Row], run: Optional[Mapping[str, Any]]) -> None:
    """What the document says once its run has ended."""
    document.update(
        actions=rows,
        verification=numbers(rows),
        ended=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    if run is not None:
        document["run"] = {name: value for name, value in run.items() if value not in (None, "")}
    document["outcome"] = outcome(document)
    document["groups"] = groups(document)


def numbers(rows: Sequence[Row]) -> Row:
    """How many steps ended in which way, and what was seen of those that were reported as done."""
    return {
        "counts": tables.counts(rows),
        "verified": len(reported(rows, verify.YES)),
        "unverified": len(reported(rows, verify.NO, verify.UNREADABLE)),
        "came_back": len(reported(rows, verify.CAME_BACK)),
    }


def who_gets_in(
    directory: str, document: Row, seen: Mapping[str, verify.Look]
) -> Tuple[Optional[Row], Optional[Table]]:
    """Who gets in after the run, or would by its plan; and the rows of the table. None where nothing would change."""
    every, dry = document.get("steps") or [], document["mode"] != "clean-up"
    if document.get("blocked") or not every or not (seen or dry):
        return None, None
    steps = [one for one in every if not one.get("place")]
    elsewhere = {one["project_id"] for one in every if one.get("place")}
    seen = {name: one for name, one in seen.items() if name not in elsewhere}
    took = every if dry else [one for one in document["actions"] if one.get("verified") == verify.YES]
    took = [one for one in took if one.get("place")]

    def before() -> Iterator[Mapping[str, str]]:
        return afterwards.without(evidence.population_of(directory), took)

    names = {one["project_id"]: one["project"] for one in steps}
    read: afterwards.Members = {
        name: one.found for name, one in seen.items() if not isinstance(one.members, AtlasError)
    }
    unread = sorted({names[name] for name in seen if name not in read})
    unseen = legacy_unread(document, seen) if not dry else {}

    def rows() -> Iterator[Row]:
        times = (document["started"], document["ended"])
        return afterwards.population(before(), read, names, times, unseen)

    try:
        read = afterwards.planned(before(), steps) if dry else read
        picture = afterwards.picture(rows(), document)
    except Refusal:
        # Told as a warning where it is read first.
        return None, None
    kind = afterwards.PLANNED if dry else afterwards.READ
    picture.update(kind=kind, as_of=document["ended"], projects=len(read), unread=unread)
    return picture, None if dry else (afterwards.COLUMNS, rows())


def legacy_unread(document: Row, seen: Mapping[str, verify.Look]) -> Dict[str, Set[str]]:
    """The projects whose legacy invitations the review knew and nobody read again, with the ids of their steps."""
    if document["completeness"].get("legacy_invitations") != "read":
        return {}
    mine: Dict[str, List[Row]] = {}
    for one in document["steps"]:
        if one.get("place"):
            continue
        mine.setdefault(one["project_id"], []).append(one)
    return {
        name: {one["user_id"] for one in rows}
        for name, rows in mine.items()
        if name in seen and (not any(one["legacy"] for one in rows) or seen[name].unread(True))
    }


def later(directory: str, rows: Sequence[Row], fresh: Sequence[Row]) -> List[str]:
    """The table of another verification; what was recorded of a step before stays."""
    both = [
        {
            **new,
            "event_ids": old["event_ids"] if old.get("events") else new["event_ids"],
            "verified": old.get("verified"),
            "verified_now": new["verified"],
        }
        for old, new in zip(rows, fresh)
    ]
    now = datetime.now(timezone.utc)
    return [evidence.write_later(directory, evidence.VERIFIED, now, tables.VERIFIED_COLUMNS, both)]


def told(directory: str, document: Row, paths: List[str], unwritten: str) -> Tuple[Row, str]:
    """The result, and what is not as it was reported."""
    rows = document.get("actions") or []
    wrong, back = reported(rows, verify.NO, verify.UNREADABLE), reported(rows, verify.CAME_BACK)
    ended = outcome(document)
    result = {
        "counts": tables.counts(rows),
        "verified": len(reported(rows, verify.YES)),
        "unverified": bounded(wrong, RETURNED),
        "came_back": bounded(back, RETURNED),
        "outcome": {**ended, "still": bounded(ended["still"], RETURNED)},
        "lines": console.ended({**document, "outcome": ended, "verification": numbers(rows)}),
        "evidence": paths,
        "seal": evidence.seal_of(directory),
    }
    problems = [f"{said(row)}." for row in (back + wrong)[:10]]
    if unwritten:
        result["report_problem"] = unwritten
        problems.append(unwritten)
    return result, " ".join(problems)


def reported(rows: Sequence[Row], *verdicts: str) -> List[Row]:
    """The steps that were reported as done, and turned out like that."""
    return [row for row in rows if row["status"] == "done" and row.get("verified") in verdicts]


def said(row: Row) -> str:
    """A step that is not as it was reported, in a sentence."""
    what = f"{row['action']} {row['user']} in {row['project']} was reported as done, but "
    if row["verified"] == verify.CAME_BACK:
        return what + f"{row['user']} came back under another account"
    return what + ("is not in effect" if row["verified"] == verify.NO else "could not be verified")
