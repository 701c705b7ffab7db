# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a run ended: one word, its colour, a sentence, and who still gets in.

Pure: no I/O, no Ansible: it judges a document as it is read from a file. Private to this
collection.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set

from ._access import LAPSED
from ._words import LAST_OWNER, LEAVING, counted, was

Document = Mapping[str, Any]
Row = Mapping[str, Any]

REVIEW, DRY_RUN, CLEAN_UP = "review", "dry-run", "clean-up"
REVIEWED, PLANNED, BLOCKED, UNCHANGED, DONE, OPEN, PARTIAL, FAILED, INTERRUPTED, UNVERIFIED, DISPUTED = (
    "reviewed planned blocked unchanged done open partial failed interrupted unverified disputed".split()
)
GREEN, AMBER, RED = "green", "amber", "red"
COLOURS = {
    **dict.fromkeys((REVIEWED, PLANNED, UNCHANGED, DONE), GREEN),
    **dict.fromkeys((OPEN, UNVERIFIED), AMBER),
    **dict.fromkeys((BLOCKED, PARTIAL, FAILED, INTERRUPTED, DISPUTED), RED),
}
# The ways that leavers lose beyond their own memberships.
_ENDED = {"teams": ("team",), "organization": ("team", "organization")}


class Steps(NamedTuple):
    """The steps of a plan by how they ended; ``unrecorded`` are those of which no record says anything.

    ``beyond`` are those that were taken though the review did not plan them or let them pass; ``amiss`` says what was
    wrong after steps that were done.
    """

    planned: int
    effective: int
    wrong: int
    back: int
    unseen: int
    undone: int
    unsettled: int
    unrecorded: int
    beyond: int
    amiss: Sequence[str]
    ends: Mapping[str, int]


def outcome(document: Document) -> Dict[str, Any]:
    """The outcome of a run from its document: ``state``, ``colour``, ``sentence``, ``still`` (sentences).

    ``missed`` counts the leavers who still get in by a way that the chosen level was to end.
    """
    steps = _steps(document)
    still = _still(document)
    state = _state(document, steps, still)
    return {
        "state": state,
        "colour": COLOURS[state],
        "sentence": _sentence(state, document, steps, still),
        "still": still,
        "missed": len(_missed(document)),
    }


# --- the state -------------------------------------------------------------------------------------------------------


def _state(document: Document, steps: Steps, still: Sequence[str]) -> str:
    mode, planned = document["mode"], len(document.get("steps") or ())
    if document.get("error") or steps.beyond:
        return FAILED
    if mode == REVIEW:
        return PARTIAL if _unreadable(document) else REVIEWED
    if document.get("blocked"):
        return BLOCKED
    if planned and not document.get("ended"):
        return INTERRUPTED
    if steps.wrong or steps.back:
        return DISPUTED
    if document.get("interrupted") or steps.unsettled:
        return INTERRUPTED
    if steps.unrecorded or (steps.undone and not steps.effective):
        return FAILED
    if steps.undone or steps.amiss or _unreadable(document):
        return PARTIAL
    if mode == DRY_RUN:
        return PLANNED
    if steps.unseen:
        return UNVERIFIED
    if still:
        return OPEN
    return DONE if planned else UNCHANGED


def _steps(document: Document) -> Steps:
    planned = document.get("steps") or ()
    every = document.get("actions") or ()
    rows = [row for row in every if row.get("planned", True)]
    # What a clean-up only planned it did not do.
    settled = ("done",) if document["mode"] == CLEAN_UP else ("done", "planned")
    ran = bool(document.get("ended")) and not document.get("blocked") and document["mode"] != REVIEW
    passed = document["mode"] == CLEAN_UP and not document.get("blocked")
    return Steps(
        planned=len(planned),
        effective=sum(map(_in_effect, rows)),
        wrong=sum(row["status"] == "done" and row.get("verified") == "no" for row in rows),
        back=sum(row["status"] == "done" and row.get("verified") == "came back" for row in rows),
        unseen=sum(row["status"] == "done" and row.get("verified") in (None, "unreadable") for row in rows),
        undone=sum(row["status"] not in settled and not _in_effect(row) for row in rows),
        unsettled=sum(row["status"] == "unknown" and row.get("verified") in (None, "unreadable") for row in rows),
        unrecorded=abs(len(planned) - len(rows)) if ran else 0,
        beyond=sum(
            row["status"] in ("done", "unknown") and not (passed and row.get("planned", True))
            for row in every
            if row.get("why") != "restored"
        ),
        amiss=[
            f"{row['project']}: {row['error']['detail'].rstrip('.')}."
            for row in rows
            if row["status"] == "done" and row.get("error")
        ],
        ends=Counter(row["status"] for row in rows),
    )


def _in_effect(row: Row) -> bool:
    """Whether a step is as it was wanted, whoever did it. Only what was planned and not tried can't be that."""
    if row["status"] == "planned":
        return False
    return row.get("verified") == "yes" or (row["status"] == "done" and row.get("verified") in (None, "unreadable"))


def _unreadable(document: Document) -> int:
    return len((document.get("completeness") or {}).get("unreadable") or ())


# --- who still gets in -----------------------------------------------------------------------------------------------


def _still(document: Document) -> List[str]:
    """A sentence for each who still gets in though a removal or the list of leavers is about them, or is kept."""
    ways: Dict[str, Dict[str, List[str]]] = {}
    unread: Dict[str, List[str]] = {}
    kept = []
    for row in document.get("findings") or ():
        user, project = row["user"], row["project"]
        last_owner = _is_told(row, LAST_OWNER)
        if last_owner:
            kept.append(f"{user} stays in {project} as its last ACTIVE owner")
        through = [_through(way) for way in row["residual_access"] if way["via"] != "unknown"]
        left = "leavers" in row["rules"] and not _is_told(row, LEAVING)
        if row["action"] == "report" and left and not through and not last_owner:
            through = ["as a member"]
        if row["action"] == "remove" or left:
            for way in through:
                ways.setdefault(user, {}).setdefault(way, []).append(project)
        if row["action"] == "remove" and len(through) < len(row["residual_access"]):
            unread.setdefault(user, []).append(project)
    for row in document.get("actions") or ():
        # A lapsed invitation lets nobody in.
        if row["action"] == "remove" and row.get("verified") == "no" and row.get("membership") not in LAPSED:
            ways.setdefault(row["user"], {}).setdefault("as a member", []).append(row["project"])
    found = [
        f"{user} still gets into {'; '.join(f'{_names(projects)} {way}' for way, projects in mine.items())}"
        for user, mine in ways.items()
    ]
    unsure = [
        f"whether {user} still gets into {_names(projects)} in another way could not be read"
        for user, projects in unread.items()
    ]
    nowhere = [row["user"] for row in document.get("leavers") or () if not row["found"]]
    if nowhere and (document.get("completeness") or {}).get("team_access") == "unreadable":
        get = "gets" if len(nowhere) == 1 else "get"
        unsure.append(f"whether {_names(nowhere)} {get} in through a team could not be read")
    kept += [
        f"{row['user']}, who has left, stays in {row['project']} by an exception {_until(row)}"
        for row in (document.get("exceptions") or {}).get("keeps") or ()
    ]
    back = [
        f"{row['user']} came back to {row['project']}"
        for row in document.get("actions") or ()
        if row.get("verified") == "came back"
    ]
    return found + unsure + kept + back


def _missed(document: Document) -> Set[str]:
    """The leavers who still get in by a way that this run was to end, as far as ``leavers_lose`` says."""
    ends = _ENDED.get(str(document.get("leavers_lose")), ())
    missed = {row["user"] for row in (document.get("exceptions") or {}).get("keeps") or ()}
    for row in document.get("findings") or ():
        if "leavers" not in row["rules"] or _is_told(row, LEAVING):
            continue
        ways = [way["via"] for way in row["residual_access"]]
        stays = row["action"] == "report" and (not ways or _is_told(row, LAST_OWNER))
        if stays or any(way in ends for way in ways):
            missed.add(row["user"])
    return missed


def _is_told(row: Row, beginning: str) -> bool:
    """Whether one of the reasons of a finding begins so."""
    return any(reason.startswith(beginning) for reason in row["reasons"])


def _until(row: Row) -> str:
    return f"until {row['until']}" if row["until"] else "without an end"


def _through(way: Row) -> str:
    roles = f" ({', '.join(way['roles'])})" if way["roles"] else ""
    return f"through the {way['via']}{' ' + way['name'] if way['name'] else ''}{roles}"


def _names(projects: Sequence[str], told: int = 20) -> str:
    more = f" and {len(projects) - told:,} more" if len(projects) > told else ""
    return ", ".join(projects[:told]) + more


# --- the sentence ----------------------------------------------------------------------------------------------------


def _sentence(state: str, document: Document, steps: Steps, still: Sequence[str]) -> str:
    said = {
        REVIEWED: _reviewed,
        BLOCKED: _blocked,
        PLANNED: _planned,
        UNCHANGED: _unchanged,
        FAILED: _failed,
        INTERRUPTED: _interrupted,
    }.get(state, _carried_out)(document, steps)
    unread = _unreadable(document)
    more = [f"{counted(unread, 'project')} could not be read."] if unread else []
    if still and state not in (FAILED, BLOCKED, INTERRUPTED):
        stay = "stayed" if document["mode"] == CLEAN_UP else "would stay"
        more.append(f"{counted(len(still), 'point')} {stay} open: {'; '.join(still[:2])}{_rest(still, 2)}.")
    return " ".join([said, *more])


def _reviewed(document: Document, steps: Steps) -> str:
    found = (document.get("summary") or {}).get("findings", len(document.get("findings") or ()))
    if not found:
        return "There were no findings."
    planned = counted(steps.planned, "step")
    would = f"would be blocked by {_guards(document)}" if document.get("blocked") else f"would take {planned}"
    return f"There {was(found)} {counted(found, 'finding')}; a clean-up {would}."


def _blocked(document: Document, steps: Steps) -> str:
    planned = f"{counted(steps.planned, 'step')} {was(steps.planned)}"
    return f"Blocked before the first write by {_guards(document)}; {planned} not tried."


def _guards(document: Document) -> str:
    return ", ".join(sorted({one["guard"] for one in document["blocked"]}))


def _planned(document: Document, steps: Steps) -> str:
    if not steps.planned:
        return "A dry run: there would be nothing to do."
    return f"A dry run: {counted(steps.planned, 'step')} would be taken; none was."


def _unchanged(document: Document, steps: Steps) -> str:
    return "There was nothing to do: nobody was found whose access was to change."


def _failed(document: Document, steps: Steps) -> str:
    if document.get("error"):
        return f"Failed before the first write: {document['error']}"
    if steps.beyond:
        taken = f"{counted(steps.beyond, 'step')} {was(steps.beyond)} taken"
        return f"Failed: {taken} that the review did not plan, or did not let pass. {_ends(steps)}"
    if steps.unrecorded:
        return f"Failed: of {counted(steps.unrecorded, 'step')} there is no record. {_ends(steps)}"
    return f"Failed: 0 of {counted(steps.planned, 'step')} took effect. {_ends(steps)}"


def _interrupted(document: Document, steps: Steps) -> str:
    if not document.get("ended"):
        return f"The run did not get to its end; it had {counted(steps.planned, 'step')} to take, see actions.jsonl."
    by = f" by {document['interrupted']}" if document.get("interrupted") else ""
    return f"Interrupted{by}. {_ends(steps)}"


def _carried_out(document: Document, steps: Steps) -> str:
    if document["mode"] == REVIEW:
        return _reviewed(document, steps)
    if document["mode"] == DRY_RUN:
        return _planned(document, steps)
    if not steps.planned:
        return _unchanged(document, steps)
    said = f"{steps.effective:,} of {counted(steps.planned, 'step')} took effect. {_ends(steps)}"
    if steps.wrong:
        said += f" {counted(steps.wrong, 'step')} reported as done {was(steps.wrong)} found not to be in effect."
    if steps.back:
        said += f" Of {counted(steps.back, 'step')} the person came back."
    if steps.unseen:
        said += f" {counted(steps.unseen, 'step')} could not be verified."
    return " ".join([said, *steps.amiss[:5]])


def _ends(steps: Steps) -> str:
    order = ("done", "failed", "skipped", "not tried", "unknown", "planned")
    return f"Recorded: {', '.join(f'{steps.ends[end]:,} {end}' for end in order if steps.ends.get(end)) or 'nothing'}."


def _rest(rows: Sequence[str], told: int) -> str:
    return f"; and {len(rows) - told:,} more" if len(rows) > told else ""
