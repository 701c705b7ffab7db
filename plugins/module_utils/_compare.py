# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is new since the last run in the same directory of evidence, what is gone, and who came back.

An earlier run that is odd is told and left out; it never fails a run. Reads files only, knows nothing of Ansible or
HTTP. Private to this collection.
"""

from __future__ import annotations

import os
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from . import _evidence as evidence
from ._access import LAPSED, PENDING, Refusal, folded
from ._document import LISTED
from ._files import read_text, sum_line, sum_of
from ._identities import API_KEY, SERVICE_ACCOUNT
from ._steps import Row

Key = Tuple[str, str]

# How many runs are looked at, the newest first; who keeps more of other scopes in one directory is told of none.
LOOKED = 50


class Looked(NamedTuple):
    """What a run could read, and so what it can know nothing of. ``whole`` is whether it read all there is."""

    projects: Set[str]
    whole: bool
    teams: bool
    legacy: bool
    identities: bool


class Earlier(NamedTuple):
    """What is compared of a run that ended: findings and removed people by project and account, or by email."""

    name: str
    mode: str
    started: str
    findings: Mapping[Key, Row]
    removed: Mapping[Key, Row]
    looked: Looked
    policy: Mapping[str, Any]
    level: str


def compared(base: Optional[str], written: Row, reviewed: Iterable[Any]) -> Optional[Row]:
    """This review beside the last run of the same scope and organization below ``base``; None without a directory.

    ``written`` is the document of the review as far as it is known, ``reviewed`` its projects.
    """
    if not base:
        return None
    notes: List[str] = []
    last, clean_up = _earlier(base, written, notes)
    told: Dict[str, List[Row]] = {"new": [], "gone": [], "came_back": [], "extended": []}
    if last:
        told.update(_findings(last, written), extended=_extended(last.policy, written["policy"]))
    if clean_up:
        told["came_back"] = _back(clean_up, reviewed)
    return {
        "run": last and last.name,
        "mode": last and last.mode,
        "started": last and last.started,
        "clean_up": clean_up and clean_up.name,
        "policy_changed": _changed(last.policy, written["policy"]) if last else [],
        "counts": {name: len(rows) for name, rows in told.items()},
        **{name: rows[:LISTED] for name, rows in told.items()},
        "notes": notes,
    }


# --- what was earlier ------------------------------------------------------------------------------------------------


def _earlier(base: str, written: Row, notes: List[str]) -> Tuple[Optional[Earlier], Optional[Earlier]]:
    """The newest run that fits and is of the same level, and the newest clean-up that fits."""
    last: Optional[Earlier] = None
    clean_up: Optional[Earlier] = None
    for directory in evidence.runs(base)[: -LOOKED - 1 : -1]:
        name = os.path.basename(directory)
        is_clean_up = "-clean-up-" in name
        if not evidence.is_sealed(directory) or (last and not is_clean_up):
            continue
        try:
            found = _read(directory, name, written)
        except Refusal as error:
            notes.append(f"the run {name} was left out of the comparison: {error}")
            continue
        except (AttributeError, KeyError, TypeError, ValueError, OSError):
            notes.append(f"the run {name} was left out of the comparison: it holds what no run of this version writes")
            continue
        # What leavers lose says where is looked, and what is told of whom another step takes out.
        last = last or (found if found and found.level == _level(written) else None)
        clean_up = clean_up or (found if is_clean_up else None)
        if last and clean_up:
            break
    return last, clean_up


def _read(directory: str, name: str, written: Row) -> Optional[Earlier]:
    """What a run says of itself; None where it judged nothing, or something else."""
    path = os.path.join(directory, evidence.REVIEW)
    document = evidence.review_of(directory)
    if document["version"] != written["version"]:
        raise Refusal("another version wrote it")
    if sum_line(sum_of(path), evidence.REVIEW) not in (read_text(os.path.join(directory, evidence.SUMS)) or ""):
        raise Refusal(f"its {evidence.REVIEW} is not the one that was sealed")
    if document.get("error") or not document["ended"] or not _fits(document, written):
        return None
    removed = [
        row for row in document["actions"] or () if row["action"] == "remove" and row["status"] in ("done", "failed")
    ]
    return Earlier(
        name,
        str(document["mode"]),
        str(document["started"]),
        {_key(row): row for row in document["findings"]},
        {_by_email(row): row for row in removed if row.get("verified") == "yes" and row["membership"] not in LAPSED},
        _looked(document),
        dict(document["policy"]),
        _level(document),
    )


def _looked(document: Row) -> Looked:
    whole = document["completeness"]
    return Looked(
        {str(one["id"]) for one in document["projects"]},
        bool(whole["complete"]),
        whole["team_access"] != "unreadable",
        whole["legacy_invitations"] == "read",
        whole["programmatic_access"] == "read",
    )


def _level(document: Row) -> str:
    """What leavers lose by it, projects where it does not say."""
    return str(document.get("leavers_lose") or "projects")


def _fits(document: Row, written: Row) -> bool:
    """Whether both are about the same projects of the same organizations of the same Atlas."""
    ids = [sorted(str(one["id"]) for one in each["organizations"]) for each in (document, written)]
    return ids[0] == ids[1] and all(document[name] == written[name] for name in ("base_url", "scope"))


def _key(row: Row) -> Key:
    return str(row["project_id"]), str(row["user_id"] or folded(row["user"]))


def _by_email(row: Row) -> Key:
    return str(row["project_id"]), folded(row["user"])


# --- what differs ----------------------------------------------------------------------------------------------------


def _findings(last: Earlier, written: Row) -> Dict[str, List[Row]]:
    """What was not found then, and what is not found any more, as far as both could read."""
    now, then = {_key(row): row for row in written["findings"]}, last.findings
    looked = _looked(written)
    fresh = [row for key, row in now.items() if key not in then and _seen(row, looked, last.looked)]
    gone = [row for key, row in then.items() if key not in now and _seen(row, last.looked, looked)]
    by_us = [_by_email(row) in last.removed for row in gone]
    return {
        "new": [_brief(row) for row in fresh],
        "gone": [{**_brief(row), "removed": ours} for row, ours in zip(gone, by_us)],
    }


def _seen(row: Row, here: Looked, there: Looked) -> bool:
    """Whether a run that looked at ``there`` would have found what one that looked at ``here`` found."""
    if row["status"] in (API_KEY, SERVICE_ACCOUNT):
        return there.identities
    if row["project_id"] not in there.projects and not there.whole:
        return False
    if row["status"] in (PENDING, *LAPSED) and here.legacy and not there.legacy:
        return False
    # Who gets in through a team alone, as far as a finding tells.
    return there.teams or row["action"] != "report" or not row["residual_access"]


def _brief(row: Row) -> Row:
    return {name: row[name] for name in ("project", "user", "action", "rules")}


def _back(clean_up: Earlier, reviewed: Iterable[Any]) -> List[Row]:
    """Who was removed by a clean-up, seen to be out, and is a member again."""
    asked = {project_id for project_id, _email in clean_up.removed}
    found: List[Row] = []
    for one in reviewed:
        if one.project.id not in asked:
            continue
        for entry in one.entries.values():
            was = clean_up.removed.get((one.project.id, folded(entry.member.user)))
            if was and entry.direct and entry.member.status not in LAPSED:
                other = entry.member.user_id != was["user_id"]
                found.append({"project": one.project.name, "user": entry.member.user, "other_account": other})
    return found


def _extended(was: Mapping[str, Any], now: Mapping[str, Any]) -> List[Row]:
    """The exceptions that end later than they did, or not at all any more."""
    before = _ends(was.get("exceptions") or ())
    found = []
    for row in now.get("exceptions") or ():
        if _exception(row) in before:
            end = before[_exception(row)]
            if end is not None and (row["until"] is None or str(row["until"]) > end):
                found.append({**row, "was": end})
    return found


def _ends(rows: Sequence[Row]) -> Dict[Tuple[str, ...], Optional[str]]:
    """The last day of each exception; None for one without an end."""
    ends: Dict[Tuple[str, ...], Optional[str]] = {}
    for row in rows:
        key, until = _exception(row), row["until"]
        known = ends.get(key, "")
        ends[key] = None if until is None or known is None else max(known, str(until))
    return ends


def _exception(row: Row) -> Tuple[str, ...]:
    return folded(row["user"]), str(row["project"] or ""), str(row["rule"] or "")


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> List[str]:
    """The parts of the policy that are not as they were."""
    return sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
