# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether steps are in effect, and what Atlas itself recorded of them. It writes nothing to Atlas.

The steps are rows as plans hold them, with ``status``, ``started``, ``at`` and ``why`` as the journal tells them.
Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Union

from . import _atlas as atlas
from ._access import (
    LAPSED,
    ORGANIZATION,
    PROJECT,
    TEAM,
    Member,
    Memberships,
    Project,
    Refusal,
    by_id,
    folded,
    made_already,
    moment,
    shows,
)
from ._client import BACKOFF, Client, Patience
from ._errors import AtlasError

Row = Dict[str, Any]

YES, NO, CAME_BACK, UNREADABLE = "yes", "no", "came back", "unreadable"
NOT_LISTED, NOT_READ = "not yet listed", "could not be read"

# How far Atlas's clock and ours may be apart, and how late after a step its event may be.
CLOCKS, LATE = timedelta(minutes=1), timedelta(hours=1)


class Found(NamedTuple):
    """Who is in a project, by id and by email, folded."""

    accounts: Mapping[str, Member]
    emails: Mapping[str, List[Member]]


class Look(NamedTuple):
    """A project as it is now; ``invitations`` are legacy ones, empty where no step is about one."""

    members: Union[List[Member], AtlasError]
    invitations: Union[List[Member], AtlasError]

    @property
    def found(self) -> List[Member]:
        return [one for listing in self if not isinstance(listing, AtlasError) for one in listing]

    def unread(self, legacy: bool) -> bool:
        return isinstance(self.members, AtlasError) or (legacy and isinstance(self.invitations, AtlasError))


# --- reading ---------------------------------------------------------------------------------------------------------


def look(client: Client, rows: Iterable[Row]) -> Dict[str, Look]:
    """The projects of these steps, by id; read again a few times while a step that is done does not show yet."""
    groups: Dict[str, List[Row]] = {}
    for row in rows:
        groups.setdefault(row["project_id"], []).append(row)
    answers = client.together(lambda mine: _look(client, mine), list(groups.values()))
    return {
        name: Look(answer, answer) if isinstance(answer, AtlasError) else answer
        for name, answer in zip(groups, answers)
    }


def _look(client: Client, rows: Sequence[Row]) -> Look:
    project = Project(rows[0]["project_id"], rows[0]["project"], rows[0]["org_id"], kind=rows[0].get("place", PROJECT))
    legacy = any(row["legacy"] for row in rows)
    patience = client.patience()
    for pause in BACKOFF + (None,):
        members = atlas.members(client, project, patience)
        seen = Look(members, _invitations(client, project, patience) if legacy else [])
        found = _indexed(seen.found)
        shown = all(_in_effect(row, found) for row in rows if row["status"] == "done")
        if shown or pause is None or not patience.pause(pause):
            break
    return seen


def _invitations(client: Client, project: Project, patience: Patience) -> Union[List[Member], AtlasError]:
    try:
        return atlas.legacy_invitations(client, project, patience)
    except AtlasError as error:
        return error


def members_of(seen: Mapping[str, Look]) -> Memberships:
    """Who is a member now, lapsed invitations apart."""
    return {
        (project_id, str(one.user_id)): one.roles
        for project_id, project in seen.items()
        for one in project.found
        if one.status not in LAPSED
    }


# --- judging ---------------------------------------------------------------------------------------------------------


def verified(rows: Sequence[Row], seen: Mapping[str, Look], was: Memberships) -> List[str]:
    """For each step whether it is in effect: yes, no, came back (the same email, another account), unreadable."""
    invited = {_place(row) for row in rows if row["action"] == "add" and row["status"] in ("done", "unknown")}
    found = {name: _indexed(project.found) for name, project in seen.items()}
    return [
        UNREADABLE
        if seen[row["project_id"]].unread(row["legacy"])
        else _verdict(row, found[row["project_id"]], was, _place(row) in invited)
        for row in rows
    ]


def _verdict(row: Row, found: Found, was: Memberships, invited: bool) -> str:
    if not _in_effect(row, found):
        return NO
    if row["action"] not in ("remove", "revoke") or invited:
        return YES
    return CAME_BACK if any(_is_back(row, one, was) for one in found.emails.get(folded(row["user"]), ())) else YES


def in_effect(row: Row, found: Iterable[Member]) -> bool:
    """Whether a step shows among these members: by the account; who was added, or had no account, by email."""
    return _in_effect(row, _indexed(list(found)))


def _indexed(found: Sequence[Member]) -> Found:
    emails: Dict[str, List[Member]] = {}
    for one in found:
        emails.setdefault(folded(one.user), []).append(one)
    return Found(by_id(found), emails)


def _in_effect(row: Row, found: Found) -> bool:
    if row["action"] == "add" or not row["user_id"]:
        mine: Sequence[Optional[Member]] = found.emails.get(folded(row["user"])) or [None]
    else:
        mine = [found.accounts.get(row["user_id"])]
    return any(shows(row["action"], row["roles"], one) for one in mine)


def _is_back(row: Row, one: Member, was: Memberships) -> bool:
    """Whether this is another account of a step's person, and no member at the review."""
    if one.user_id == row["user_id"] or one.status in LAPSED:
        return False
    again = row["action"] == "remove" or one.roles.intersection(row["roles"])
    return bool(again) and (row["project_id"], str(one.user_id)) not in was


def _place(row: Row) -> Tuple[str, str]:
    return row["project_id"], folded(row["user"])


# --- what Atlas recorded ---------------------------------------------------------------------------------------------


def events(client: Client, rows: Iterable[Row]) -> Dict[str, Union[List[atlas.Event], AtlasError]]:
    """What Atlas recorded around the time of these steps, by id of the project, or of the organization."""
    tried = [row for row in rows if _tried(row)]
    if not tried:
        return {}
    times = [_span(row) for row in tried]
    since, until = (
        at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        for at in (min(first for first, _last in times) - CLOCKS, max(last for _first, last in times) + LATE)
    )
    feeds = {
        _feed(row): Project(
            _feed(row), row["project"], row["org_id"], kind=ORGANIZATION if row.get("place") else PROJECT
        )
        for row in tried
    }
    ids = sorted(feeds)
    return dict(zip(ids, client.together(lambda one: atlas.events(client, feeds[one], since, until), ids)))


def _feed(row: Row) -> str:
    """The id of what Atlas records a step in: the project, for teams the organization as well."""
    return str(row["org_id"] if row.get("place") else row["project_id"])


def recorded(
    rows: Sequence[Row], found: Mapping[str, Union[List[atlas.Event], AtlasError]], own: Optional[str]
) -> List[Row]:
    """For each step the events that are its own: ``events`` and ``event_ids``, which say why if there are none.

    ``own`` is the id of the credential that made the steps, None where it is not known.
    """
    listed: Dict[Tuple[str, str], List[atlas.Event]] = {}
    for feed, answer in found.items():
        for event in answer if not isinstance(answer, AtlasError) else ():
            listed.setdefault((feed, event.user), []).append(event)
    mine = [(number, *one) for number, row in enumerate(rows) for one in _candidates(row, listed, own)]
    # Where our own name is not among them, whoever did the most, rather a machine than a person.
    actors = Counter(event.by for _number, event, _apart in mine)
    most = min(actors, key=lambda by: (-actors[by], not by, "@" in str(by)), default=None)
    known = own if any(_is_by(by, own) for by in actors) else most
    # An event serves one step, and a step has one: the surest and nearest pairs first, in the order of time.
    pairs = sorted(
        (not _is_by(event.by, known), apart, _span(rows[number])[0], place, number, event)
        for place, (number, event, apart) in enumerate(mine)
    )
    taken: Dict[int, atlas.Event] = {}
    used: Set[str] = set()
    for *_order, number, event in pairs:
        if number not in taken and event.id not in used:
            taken[number] = event
            used.add(event.id)
    return [_told(row, taken.get(number), found.get(_feed(row))) for number, row in enumerate(rows)]


def _told(row: Row, event: Optional[atlas.Event], answer: Any) -> Row:
    if event:
        one = {"id": event.id, "type": event.kind, "at": event.at, "by": event.by}
        return {"events": [one], "event_ids": [event.id]}
    # Of what somebody else did, or what did not come about, there need not be one.
    due = _tried(row) and row["status"] != "failed" and not made_already(row["why"])
    why = NOT_READ if isinstance(answer, AtlasError) else NOT_LISTED
    return {"events": [], "event_ids": [why] if due else []}


def _candidates(
    row: Row, listed: Mapping[Tuple[str, str], List[atlas.Event]], own: Optional[str]
) -> Iterator[Tuple[atlas.Event, timedelta]]:
    """The events that may be a step's, and how far from it: by type, person, role, time and actor."""
    if not _tried(row) or (row["status"] == "failed" and row.get("verified") != YES):
        return
    place = row.get("place", PROJECT)
    for event in listed.get((_feed(row), folded(row["user"])), ()):
        fits = event.kind in atlas.EVENTS[place][row["action"]] and (
            event.team in (None, row["project_id"])
            if place == TEAM
            else not event.roles or not event.roles.isdisjoint(row["roles"])
        )
        by_others = own and _is_foreign(event.by, own) and not made_already(row["why"])
        apart = _apart(row, event)
        if fits and not by_others and apart is not None:
            yield event, apart


def _tried(row: Row) -> bool:
    return row["status"] in ("done", "failed", "unknown") and bool(row["started"] or row["at"])


def _span(row: Row) -> Tuple[datetime, datetime]:
    """From when to when a step was under way. Raises `Refusal` for a journal with a time that is none."""
    first, last = (moment(str(one)) for one in (row["started"] or row["at"], row["at"] or row["started"]))
    if first is None or last is None:
        raise Refusal(f"the journal tells no time for: {row['action']} {row['user']} in {row['project']}")
    return first, last


def _apart(row: Row, event: atlas.Event) -> Optional[timedelta]:
    """How far an event is from the time of a step; None where it can't be its own."""
    first, last = _span(row)
    at = moment(event.at or "")
    if at is None or not first - CLOCKS <= at <= last + LATE:
        return None
    return max(first - at, at - last, timedelta())


def _is_by(by: Optional[str], own: Optional[str]) -> bool:
    # Of a service account some records tell the digits alone.
    return bool(by and own) and (by == own or own == f"mdb_sa_id_{by}")


def _is_foreign(by: Optional[str], own: str) -> bool:
    """Whether an event is somebody else's for sure: a person's, or another credential's of the same kind."""
    if not by or _is_by(by, own):
        return False
    return "@" in by or own.startswith("mdb_sa_id_") == by.startswith("mdb_sa_id_")
