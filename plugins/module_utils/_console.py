# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people read of a run where they started it: what was found, the plan, how it ended; a screen at most.

Pure: no I/O, no Ansible. It judges a document as it is read from a file. Private to this collection.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ._words import TOLD, counted, listed

Row = Mapping[str, Any]

# How many lines of findings, and of a plan, people are shown; a file holds all.
LINES = 40
# How many of the points that stay open.
OPEN = 5
UNKNOWN = "not looked at yet"
_ACTIONS = (("remove", "remove"), ("revoke", "revoke"), ("add", "add"), ("report", "for people to decide"))
_KEYS = ("api_key", "service_account")


# --- how it ended ----------------------------------------------------------------------------------------------------


def ended(document: Mapping[str, Any]) -> List[str]:
    """How a run ended, in four lines: its word, what was found, what was done and verified, what is left open."""
    out = document["outcome"]
    since = compared(document.get("comparison"))
    still = UNKNOWN if _unseen(document) and not out["still"] else _open(out["still"])
    return [
        f"{document['mode']}, {out['state']}: {out['sentence']}",
        f"found: {_found(document)}{'; ' if since else ''}{since}",
        f"done: {_done(document)}",
        f"{'left' if _ran(document) else 'would stay'} open: {still}",
    ]


def _ran(document: Mapping[str, Any]) -> bool:
    return document["mode"] == "clean-up" and not document.get("blocked")


def _unseen(document: Mapping[str, Any]) -> bool:
    """Whether steps may have been taken of which nobody looked yet at what came of them."""
    return _ran(document) and bool(document.get("steps")) and not document.get("verification")


def _found(document: Mapping[str, Any]) -> str:
    rows = document.get("findings") or ()
    if not rows:
        return "nothing"
    actions = [row["action"] for row in rows]
    kinds = ", ".join(f"{word} {actions.count(action):,}" for action, word in _ACTIONS if action in actions)
    keys = {row["user"] for row in rows if row["status"] in _KEYS}
    people = {row["user"] for row in rows if row["status"] not in _KEYS}
    about = [counted(len(people), "person", "people")] if people else []
    about += [counted(len(keys), "API key or service account", "API keys and service accounts")] if keys else []
    return f"{counted(len(rows), 'finding')} about {' and '.join(about)} ({kinds})"


def _done(document: Mapping[str, Any]) -> str:
    checked = document.get("verification") or {}
    ends = checked.get("counts") or {}
    done, planned = ends.get("done", 0), len(document.get("steps") or ())
    if document["mode"] != "clean-up":
        return f"nothing, this was a {document['mode'].replace('-', ' ')}; {counted(planned, 'step')} planned"
    if _unseen(document):
        return f"{UNKNOWN}; {counted(planned, 'step')} planned, and what was begun is in actions.jsonl"
    rest = "".join(
        f", {number:,} {name.replace('_', ' ')}"
        for name, number in ends.items()
        if number and name not in ("planned", "done")
    )
    return f"{done:,} of {counted(planned, 'step')}, {checked.get('verified', 0):,} verified{rest}"


def _open(still: Sequence[str]) -> str:
    if not still:
        return "nothing"
    more = f"; and {len(still) - OPEN:,} more, in the report" if len(still) > OPEN else ""
    return f"{counted(len(still), 'point')}: {'; '.join(still[:OPEN])}{more}"


def compared(comparison: Optional[Mapping[str, Any]]) -> str:
    """What is new since the last run, in a few words; empty where there is nothing to compare with."""
    if not comparison or not comparison["run"]:
        return ""
    counts = comparison["counts"]
    said = [f"{counts['new']:,} new", f"{counts['gone']:,} gone"]
    said += [f"{counts['came_back']:,} came back"] if counts["came_back"] else []
    said += [f"{counts['extended']:,} extended"] if counts["extended"] else []
    return f"since {comparison['run']}: {', '.join(said)}"


# --- findings and plan -----------------------------------------------------------------------------------------------


def finding_line(row: Row) -> str:
    """A finding for a person to read."""
    roles = f" ({', '.join(row['roles'])})" if row["roles"] else ""
    known = [way for way in row["residual_access"] if way["via"] != "unknown"]
    ways = [f"{way['via']} {way['name'] or ''}".strip() for way in known]
    # Of a member who stays the other ways are no news.
    gets = "still gets" if row["action"] == "remove" else "gets" if row["action"] == "report" and not roles else ""
    still = f"; {gets} in through {' and '.join(ways)}" if ways and gets else ""
    still += "; other ways in could not be read" if len(known) < len(row["residual_access"]) else ""
    return f"{row['project']}: {row['action']} {row['user']}{roles}: {'; '.join(row['reasons'])}{still}"


def report(rows: Sequence[Row], path: Optional[str]) -> List[str]:
    """The findings for people, a line for each; beyond the first ``LINES`` where all of them are."""
    return [finding_line(row) for row in rows[:LINES]] + _more(len(rows) - LINES, "finding", path)


def plan_lines(rows: Iterable[Row], path: Optional[str], most: int = LINES) -> List[str]:
    """A plan for people: a line for each action, role and project, with the names of whom it is about."""
    groups: Dict[Tuple[str, str, str], List[str]] = {}
    for row in rows:
        roles = "" if row["action"] == "remove" else f" {', '.join(row['roles'])}"
        groups.setdefault((row["project"], row["project_id"], row["action"] + roles), []).append(row["user"])
    shown = list(groups.items())[:most]
    lines = [f"{project}: {what}: {listed(sorted(users))}" for (project, _id, what), users in shown]
    left = sum(map(len, groups.values())) - sum(min(len(users), TOLD) for _key, users in shown)
    return lines + _more(left, "step", path)


def _more(left: int, what: str, path: Optional[str]) -> List[str]:
    where = f"all in {path}" if path else "name an evidence_dir to have them all"
    return [f"and {counted(left, f'more {what}')}, {where}"] if left > 0 else []
