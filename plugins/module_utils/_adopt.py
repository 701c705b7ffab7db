# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Today's memberships as files, one a project: what each is to be called, and what is to stand in it.

What people wrote into a file by hand stays where it is: only rows that differ from what is there today are touched.
Knows nothing of Ansible or HTTP. Private to this collection.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections import Counter
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import Member, Project, Refusal, Roles, folded
from ._names import is_email
from ._sources import Source, parsed
from ._yaml import Span, outline

# What stands in double quotes in YAML, but not as such.
_HIDDEN = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
# Characters of a file's name beside the project's id.
_SLUG = 60

STATES = ("created", "changed", "renamed", "unchanged")
CREATED, CHANGED, RENAMED, UNCHANGED = STATES


# Who is to be in, as a row names them.
Wanted = Dict[str, Tuple[Member, Roles]]


class Adopted(NamedTuple):
    """A file as it is to be. ``old`` is where it stands today, None for a new one."""

    project: Project
    path: str
    old: Optional[str]
    before: str
    after: str

    @property
    def state(self) -> str:
        if self.old is None:
            return CREATED
        if self.old != self.path:
            return RENAMED
        return UNCHANGED if self.before == self.after else CHANGED


def adopted(
    directory: str, project: Project, members: Iterable[Member], source: Optional[Source], text: str
) -> Adopted:
    """The file of a project: new, or that which ``source`` was read from, and whose ``text`` that is."""
    wanted = _wanted(members)
    fresh = os.path.join(directory, file_name(project))
    if source is None:
        return Adopted(project, fresh, None, "", _written(project, wanted))
    # Only by its id is it sure that a file is about this project and no namesake of old.
    path = os.path.join(os.path.dirname(source.path), file_name(project)) if source.project_id else source.path
    return Adopted(project, path, source.path, text, _edited(project, wanted, source, text))


def file_name(project: Project) -> str:
    """``<slug>-<project id>.yml``, of plain letters in lower case."""
    plain = unicodedata.normalize("NFKD", project.name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-")[:_SLUG].strip("-")
    return f"{slug or 'project'}-{project.id}.yml"


# --- what is to stand in it ------------------------------------------------------------------------------------------


def _wanted(members: Iterable[Member]) -> Wanted:
    """Who is to be in, as a row names them: by email, or by id where that is not one person's."""
    listed = list(members)
    emails = Counter(folded(member.user) for member in listed)
    rows: Wanted = {}
    for member in sorted(listed, key=lambda one: (folded(one.user), one.user_id or "")):
        alone = is_email(member.user) and emails[folded(member.user)] == 1
        rows[member.user if alone else str(member.user_id)] = (member, member.roles)
    return rows


def _written(project: Project, wanted: Wanted, kept: Optional[Mapping[str, str]] = None) -> str:
    """A whole file. ``kept`` are the lines beside user and roles, by user."""
    head = f"---\nproject: {quoted(project.name)}\nproject_id: {quoted(project.id)}\n"
    if not wanted:
        return head + "memberships: []\n"
    rows = (_row(user, member, roles, "  ") + (kept or {}).get(user, "") for user, (member, roles) in wanted.items())
    return head + "memberships:\n" + "".join(rows)


def _row(user: str, member: Member, roles: Roles, indent: str) -> str:
    told = "" if user == member.user else f"  # {_shown(member.user)}"
    return f"{indent}- user: {quoted(user)}{told}\n{indent}  roles: {_roles(roles)}\n"


def _roles(roles: Roles) -> str:
    return f"[{', '.join(map(quoted, sorted(roles)))}]"


def quoted(text: str) -> str:
    """A text in double quotes, which YAML reads as that very text whatever is in it."""
    return _HIDDEN.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(text, ensure_ascii=False))


def _shown(text: str) -> str:
    return " ".join(quoted(text)[1:-1].split())


# --- a file that is there --------------------------------------------------------------------------------------------


def _edited(project: Project, wanted: Wanted, source: Source, text: str) -> str:
    """The text with the rows that differ, and the name, put right; as a whole anew where that can't be done."""
    named = source.project in (None, project.name)
    if named and _says(source, wanted):
        return text
    changed = _patched(project, wanted, source, text)
    if changed is not None:
        try:
            again = parsed(source.path, changed, [])
            if again.project in (None, project.name) and _says(again, wanted):
                return changed
        except Refusal:
            pass
    return _written(project, wanted, _kept(source, wanted))


def _says(source: Source, wanted: Wanted) -> bool:
    """Whether the rows of a file are what is there today, their last days aside."""
    rows: Dict[str, FrozenSet[str]] = {}
    for grant in source.grants:
        rows[grant.user] = rows.get(grant.user, frozenset()) | grant.roles
    for user, (member, roles) in wanted.items():
        mine = [rows.pop(key) for key in _names(user, member) if key in rows]
        if mine != [roles]:
            return False
    return not rows


def _names(user: str, member: Member) -> List[str]:
    """How a row may name somebody: an email that is of more than one names nobody here."""
    return list(dict.fromkeys(filter(None, (folded(user), member.user_id))))


def _kept(source: Source, wanted: Wanted) -> Dict[str, str]:
    """The last days and reasons of a file's rows, for those who are in it still."""
    lines = {}
    for user, (member, _roles_of) in wanted.items():
        for grant in source.grants:
            if grant.user in _names(user, member):
                expires = f"    expires: {grant.expires}\n" if grant.expires else ""
                lines[user] = expires + (f"    reason: {quoted(grant.reason)}\n" if grant.reason else "")
    return lines


def _patched(project: Project, wanted: Wanted, source: Source, text: str) -> Optional[str]:
    """The text with single places replaced, None where it is not written a row a line or more."""
    found = outline(text)
    if found is None or len(found.rows) != len(source.grants) or not found.rows:
        return None
    places: List[Tuple[Span, str]] = []
    if source.project not in (None, project.name):
        places.append((found.project, quoted(project.name)))
    left = {name: user for user, (member, _of) in wanted.items() for name in _names(user, member)}
    stays = set()
    for row, grant in zip(found.rows, source.grants):
        user = left.get(grant.user)
        if user is None or user in stays:
            places.append((row.whole, ""))
            continue
        stays.add(user)
        if grant.roles != wanted[user][1]:
            places.append((row.roles, _roles(wanted[user][1])))
    if not stays:
        return None
    end = found.rows[-1].whole[1]
    newline = "" if text[:end].endswith("\n") else "\n"
    more = [_row(user, *wanted[user], found.indent) for user in wanted if user not in stays]
    places.append(((end, end), newline + "".join(more) if more else ""))
    return _replaced(text, places)


def _replaced(text: str, places: Sequence[Tuple[Span, str]]) -> str:
    for (start, end), put in sorted(places, key=lambda place: place[0], reverse=True):
        text = text[:start] + put + text[end:]
    return text


# --- all of them -----------------------------------------------------------------------------------------------------


def check_free(files: Sequence[Adopted]) -> None:
    """Refuses to write where something else stands already, before anything is written."""
    standing = {one.old for one in files}
    taken = [one.path for one in files if one.path != one.old and os.path.lexists(one.path)]
    for path in taken:
        why = "another project's file" if path in standing else "in the way"
        raise Refusal(f"memberships_dir: '{path}' is {why}; move it away")


def stale(sources: Sequence[Source], visible: Sequence[Project]) -> List[Source]:
    """The files of projects that are there no longer."""
    ids, names = {project.id for project in visible}, {project.name for project in visible}
    return [one for one in sources if (one.project_id not in ids if one.project_id else one.project not in names)]


def rows_of(files: Sequence[Adopted]) -> List[Dict[str, Any]]:
    """The files in plain types."""
    return [
        {"file": one.path, "project": one.project.name, "project_id": one.project.id, "state": one.state}
        for one in files
    ]
