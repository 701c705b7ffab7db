# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How people, projects and tags are written, and what they match.

Pure: no I/O, no Ansible. Private to this collection. What is wrong raises `Refusal` with a sentence for the user.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import re
import unicodedata
from typing import Any, Iterator, List, Mapping, Optional, Sequence

from ._access import ORGANIZATION, PROJECT, TEAM, Project, Refusal, folded
from ._words import counted, listed

_ID = re.compile(r"[0-9a-fA-F]{24}")
# What stands where a name is meant, and must not get into any file.
_SECRET = re.compile(r"mdb_sa_|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NAMED = re.compile(r"([^<>]*)<([^<>]*)>")
# Not all that RFC 5322 allows: no quoted local part, and no '*', which in a list of people is a wish for everybody.
_EMAIL = re.compile(r"[\w!#$%&'+/=?^{|}~.-]+@[\w-]+(\.[\w-]+)*")
# Signs that are shown as nothing, though letters or marks to Unicode (its property Default_Ignorable_Code_Point).
_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def blank(value: Any) -> bool:
    """Whether an option counts as not set: null, white space, or a list of nothing but those. `[]` is not blank."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(blank(one) for one in value)
    return value is None or (isinstance(value, str) and not _stripped(value))


def _stripped(text: str) -> str:
    """Without white space around it, nor the byte order mark with which exports begin."""
    return text.strip().strip("\ufeff").strip()


def texts(values: Optional[Sequence[Any]]) -> Optional[List[str]]:
    """A list of names without blanks, its lines taken apart (as AWX surveys give them); None when it is blank."""
    if values is None or blank(values):
        return None
    return [line.strip() for value in values for line in str(value).splitlines() if line.strip()]


def plain(row: Mapping[str, Any], key: str, option: str) -> Optional[str]:
    """A text of a row, None where it is blank. YAML makes a number of 2024, the same text; of 1.10 it makes another."""
    value = row.get(key)
    if blank(value):
        return None
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Refusal(f"{option}: {key} {value!a} is not a name; write it in quotes")


# --- people ----------------------------------------------------------------------------------------------------------


def is_id(name: str) -> bool:
    """24 hexadecimal digits are an id, of a project or of a user."""
    return bool(_ID.fullmatch(name))


def people(value: Any, option: str, complete: bool = False) -> Optional[List[str]]:
    """The one reader of lists of people: emails as written and ids in lower case, in their order; None when blank.

    Takes a list, JSON text of one, or text: split at lines and ';', and at commas unless a piece is `Name <email>`.
    Blanks drop out; in a list that has to be ``complete`` they may be somebody left out, and are refused.
    """
    given = as_list(value, option)
    pieces = [piece for one in given for piece in _pieces(one, option)]
    if complete and any(not piece for piece in pieces) and any(pieces):
        raise Refusal(f"{option} holds a blank, which may be somebody left out; name the person, or delete it")
    found = [person(piece, option) for piece in pieces if piece]
    return found if found or given == [] else None


def as_list(value: Any, option: str) -> List[Any]:
    """A list of people as it was given, its texts not taken apart."""
    if isinstance(value, str) and _stripped(value).startswith("["):
        try:
            value = json.loads(_stripped(value))
        except ValueError:
            raise Refusal(f"{option}: {value!a} starts like a list but is none; write emails, one a line") from None
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _pieces(given: Any, option: str) -> Iterator[str]:
    """A text taken apart, blanks between the pieces included; a separator at its very end ends the last piece."""
    if given is None:
        given = ""
    if not isinstance(given, str):
        raise Refusal(f"{option}: {given!a} is neither an email address nor a user id; write it as text")
    for line in re.split(r"\r\n|[;\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", re.sub(r"\s*;?\s*$", "", given)):
        whole = _NAMED.fullmatch(_stripped(line))
        yield from map(_stripped, [line] if whole and not _names_somebody(whole[1]) else line.split(","))


def _names_somebody(text: str) -> bool:
    """Whether what stands in front of `<email>` is somebody as well, and not the name that belongs to it."""
    return "@" in text or any(is_id(word) for word in re.split(r"[\s,]+", text))


def person(piece: str, option: str) -> str:
    """One person, `Name <email>` unwrapped: an email as written, or an id in lower case."""
    named = _NAMED.fullmatch(piece)
    found = named[2].strip() if named else piece
    if named and _names_somebody(named[1]) and folded(_stripped(named[1])) != folded(found):
        raise Refusal(f"{option}: {piece!a} is two people; write one a line")
    if is_id(found):
        return found.lower()
    if not is_email(found):
        raise Refusal(f"{option}: {piece!a} is neither an email address nor a user id (24 hexadecimal digits)")
    return found


def is_email(text: str) -> bool:
    """Whether it is an address that people write: letters, digits, marks and the signs that mail knows, none hidden."""
    letters = "".join(sign for sign in text if not unicodedata.combining(sign))
    return bool(_EMAIL.fullmatch(letters)) and is_shown(text)


def is_shown(text: str) -> bool:
    """Whether every sign of a text is one that people see."""
    return not _IGNORABLE.search(text)


# --- projects and tags -----------------------------------------------------------------------------------------------


def select_projects(
    patterns: Sequence[str], visible: Sequence[Project], option: str = "projects", kind: str = PROJECT
) -> List[Project]:
    """The projects (or other places of a kind) that ids, names and globs name, in the order of their names.

    Raises `Refusal` for a pattern that names none, and for a name that more than one project has.
    """
    _refuse_split_names(patterns, visible, option)
    chosen = {
        project.id: project for pattern in patterns for project in _matching(pattern.strip(), visible, option, kind)
    }
    return sorted(chosen.values(), key=lambda project: (project.name, project.id))


def _refuse_split_names(patterns: Sequence[str], projects: Sequence[Project], option: str) -> None:
    """Ansible splits text at commas, so a name that holds one comes in pieces, which may name other projects."""
    text = ",".join(patterns)
    for project in projects:
        if "," in project.name and project.name not in patterns and f",{project.name}," in f",{text},":
            raise Refusal(f"{option}: the name '{project.name}' holds a comma; write a list, [\"{project.name}\"]")


def _matching(pattern: str, projects: Sequence[Project], option: str, kind: str) -> List[Project]:
    if is_id(pattern):
        found = [project for project in projects if project.id == pattern.lower()]
    else:
        found = [project for project in projects if project.name == pattern]
        if not found and is_glob(pattern):
            return _globbed(pattern, projects, option, kind)
    if not found:
        raise Refusal(f"{option}: '{pattern}' is unknown to this credential; {_near(pattern, projects, kind)}")
    if len(found) > 1:
        ids = ", ".join(project.id for project in found)
        raise Refusal(f"{option}: '{pattern}' is the name of {len(found)} {kind}s, write the id of one: {ids}")
    return found


def _globbed(pattern: str, projects: Sequence[Project], option: str, kind: str) -> List[Project]:
    found = [project for project in projects if fnmatch.fnmatchcase(project.name, pattern)]
    if not found:
        raise Refusal(f"{option}: '{pattern}' is unknown to this credential; {_near(pattern, projects, kind)}")
    return found


def is_glob(pattern: str) -> bool:
    """Whether a project is given as a pattern rather than as a name or id."""
    return any(sign in pattern for sign in "*?[")


_NEEDS = {
    PROJECT: "give it Project Read Only in one (to change, Project Access Manager)",
    TEAM: "to see teams it needs Organization Member (to change them, Organization Owner)",
    ORGANIZATION: "to see one it needs Organization Member (to change it, Organization Owner)",
}


def _near(name: str, projects: Sequence[Project], kind: str) -> str:
    if not projects:
        return f"it sees no {kind} at all; {_NEEDS[kind]}"
    names = {project.name.lower(): project.name for project in projects}
    near = [names[close] for close in difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)]
    if near:
        return "near names: " + ", ".join(near)
    return f"it sees {counted(len(projects), kind)}"


def the_organization(name: Optional[str], visible: Sequence[Project]) -> Project:
    """The organization of that name or id; without one, the only one there is. Raises `Refusal`."""
    if name is None or blank(name):
        found = list(visible)
    else:
        found = select_projects([name], visible, "organization", ORGANIZATION)
    if not found:
        raise Refusal(f"this credential sees no organization; {_NEEDS[ORGANIZATION]}")
    if len(found) > 1:
        names = listed([f"{one.name} ({one.id})" for one in found])
        raise Refusal(f"organization: one is needed, and this names {len(found)}: {names}; write one of them")
    return found[0]


def projects_in_scope(
    visible: Sequence[Project],
    projects: Optional[Sequence[str]],
    exclude: Optional[Sequence[str]] = None,
    tags: Optional[Mapping[str, Any]] = None,
    doubts: Optional[List[str]] = None,
) -> List[Project]:
    """The projects that a reading module is about: all visible ones unless some are named, less those excluded.

    Where there are ``doubts``, unknown names of excluded ones are told there. Raises `Refusal` for other unknown names,
    and when nothing is visible at all: a credential that sees no project can't tell who is in which.
    """
    named = None if projects is None or blank(projects) else projects
    chosen = select_projects(["*"] if named is None else lines(named), visible)
    unwanted = [] if exclude is None or blank(exclude) else lines(exclude)
    if doubts is not None:
        _refuse_split_names(unwanted, visible, "exclude_projects")
        unwanted = [pattern for pattern in unwanted if _is_known(pattern.strip(), visible, doubts)]
    excluded = {project.id for project in select_projects(unwanted, visible, "exclude_projects")}
    return [project for project in chosen if project.id not in excluded and _tagged(project, tags or {})]


def _is_known(pattern: str, visible: Sequence[Project], doubts: List[str]) -> bool:
    """Whether a pattern names a project; if not, that is told."""
    if any(pattern == project.name or pattern.lower() == project.id for project in visible):
        return True
    if is_glob(pattern) and any(fnmatch.fnmatchcase(project.name, pattern) for project in visible):
        return True
    told = f"exclude_projects: '{pattern}' is unknown to this credential; {_near(pattern, visible, PROJECT)}"
    if _SECRET.search(pattern):
        # A review that goes on writes its scope down.
        raise Refusal(told)
    doubts.append(told)
    return False


def lines(names: Sequence[Any]) -> List[str]:
    """Names of projects, the lines taken apart; not stripped, for `select_projects` to see a name that was split."""
    return [line for name in names for line in str(name).splitlines() if line.strip()]


def _tagged(project: Project, tags: Mapping[str, Any]) -> bool:
    return all(project.tags.get(key) == tag_text(value) for key, value in tags.items())


def tag_text(value: Any) -> str:
    """The value of a tag as Atlas has it: YAML's true is the text 'true'."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def empty_lists(options: Mapping[str, Any], names: Sequence[str]) -> List[str]:
    """A sentence for each option that is a list of nothing, which nothing passes."""
    return [f"{name} is an empty list, so nothing is asked for" for name in names if options[name] == []]


def unmatched_tags(tags: Optional[Mapping[str, Any]], visible: Sequence[Project]) -> List[str]:
    """A sentence for each tag that no project has."""
    alone = [
        f"tags: no project has the tag {key}: {tag_text(value)}"
        for key, value in (tags or {}).items()
        if not any(_tagged(project, {key: value}) for project in visible)
    ]
    if alone or any(_tagged(project, tags or {}) for project in visible):
        return alone
    return ["tags: no project has all of these tags"] if tags else []
