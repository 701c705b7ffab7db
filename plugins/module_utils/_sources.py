# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A desired state in files, one a project: a folder with all that is below it.

Each file that looks like one is read or refused. Knows nothing of Ansible or HTTP. Private to this collection. What is
wrong raises `Refusal` with a sentence that names the file.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import Project, Refusal
from ._names import blank, is_id
from ._policy import Grant, read_policy
from ._read import text_of
from ._words import listed
from ._yaml import loaded

OPTION = "memberships_dir"
ENDINGS = (".yml", ".yaml")
_KEYS = ("project", "project_id", "memberships")
# Entries of a folder. One that has more is not the folder that was meant.
LARGEST = 100_000


class Source(NamedTuple):
    """A file: its path, the project that it speaks of, and who is to be in there."""

    path: str
    project: Optional[str]
    project_id: Optional[str]
    grants: Tuple[Grant, ...]

    @property
    def named(self) -> str:
        return f"{OPTION}: '{self.path}'"


def read_sources(directory: str, warnings: List[str], empty: bool = False) -> List[Source]:
    """The files of a folder, in the order of their names. ``empty``: there need be neither the folder nor a file."""
    if empty and not os.path.lexists(directory):
        return []
    if not os.path.isdir(directory):
        what = "is not a directory" if os.path.exists(directory) else "does not exist"
        raise Refusal(f"{OPTION}: '{directory}' {what}; name the one with the files of the projects")
    paths, others = _files(directory)
    if others:
        warnings.append(f"{OPTION}: not read, for these do not end in .yml or .yaml: {listed(others)}")
    if not paths and not empty:
        raise Refusal(f"{OPTION}: '{directory}' holds no file that ends in .yml or .yaml")
    sources = [_from(directory, read_source(path, warnings)) for path in paths]
    _refuse_two([(source.project_id or source.project or "", source) for source in sources])
    return sources


def _from(directory: str, source: Source) -> Source:
    """With the name of the file in each row, for whoever asks later why somebody is to be in."""
    file = os.path.relpath(source.path, directory)
    return source._replace(grants=tuple(grant._replace(file=file) for grant in source.grants))


def _files(directory: str) -> Tuple[List[str], List[str]]:
    """The files to read, and the names of those that may have been meant to be."""
    found, others = [], []
    for number, path in enumerate(_walk(directory)):
        if number == LARGEST:
            raise Refusal(
                f"{OPTION}: '{directory}' holds more than {LARGEST:,} files; name the one with the memberships"
            )
        name = os.path.relpath(path, directory)
        hidden = any(part.startswith(".") for part in name.split(os.sep))
        if name.lower().endswith(ENDINGS):
            if hidden:
                raise Refusal(f"{OPTION}: '{path}' is hidden; give it a name without a dot in front, or move it away")
            found.append(path)
        elif not hidden and not name.lower().endswith(".md"):
            others.append(name)
    return sorted(found), sorted(others)


def _walk(directory: str) -> Iterator[str]:
    """All files below a folder. A link there leads who knows where, so it is refused."""
    for folder, folders, names in os.walk(directory, onerror=_unreadable):
        for name in folders + names:
            path = os.path.join(folder, name)
            wanted = name in folders or name.lower().endswith(ENDINGS)
            if wanted and os.path.islink(path):
                raise Refusal(f"{OPTION}: '{path}' is a link; put the files themselves there")
        yield from (os.path.join(folder, name) for name in names)


def _unreadable(error: OSError) -> None:
    raise Refusal(f"{OPTION}: '{error.filename}' can't be read: {error.strerror}")


# --- one file --------------------------------------------------------------------------------------------------------


def read_source(path: str, warnings: List[str]) -> Source:
    """What one file says."""
    return parsed(path, text_of(path, OPTION), warnings)


def parsed(path: str, text: str, warnings: List[str]) -> Source:
    """The same of its text."""
    file = f"{OPTION}: '{path}'"
    try:
        found = loaded(text)
    except Refusal as refusal:
        raise Refusal(f"{file}: {refusal}") from None
    if not isinstance(found, dict):
        raise Refusal(f"{file} is not a map with the keys {', '.join(_KEYS)}")
    unknown = [key for key in found if key not in _KEYS]
    if unknown:
        raise Refusal(f"{file}: {unknown[0]!a} is not a key of such a file; the keys are {', '.join(_KEYS)}")
    project, project_id = (_text(found, key, file) for key in ("project", "project_id"))
    if project_id is None and project is not None and is_id(project):
        project, project_id = None, project
    if project is None and project_id is None:
        raise Refusal(f"{file} names no project; write project and its name, or project_id")
    if project_id is not None and not is_id(project_id):
        raise Refusal(f"{file}: the project_id {project_id!a} is none; an id has 24 hexadecimal digits")
    source = Source(path, project, project_id.lower() if project_id else None, ())
    rows = found.get("memberships")
    if not isinstance(rows, list):
        raise Refusal(f"{file} has no list of memberships; write memberships: [] if nobody is to be in")
    own = [_own(row, source, number) for number, row in enumerate(rows, 1)]
    return source._replace(grants=_grants(own, source, warnings))


def _text(found: Mapping[str, Any], key: str, file: str) -> Optional[str]:
    value = found.get(key)
    if value is None or blank(value):
        return None
    if not isinstance(value, str):
        raise Refusal(f"{file}: {key} is not a text; a file speaks of one project")
    return value.strip()


def _own(row: Any, source: Source, number: int) -> Any:
    """A row with the project of its file; one that names another is refused."""
    if not isinstance(row, dict):
        return row
    for key, mine in (("project", source.project), ("project_id", source.project_id)):
        theirs = row.get(key)
        if not blank(theirs) and theirs != mine and str(theirs).lower() != source.project_id:
            about = source.project or source.project_id
            raise Refusal(
                f"{source.named}, row {number} is about {theirs!a}, and the file about {about!a}; each project has a "
                "file of its own"
            )
    rest = {key: value for key, value in row.items() if key not in ("project", "project_id")}
    return {"project": source.project or source.project_id, **rest}


def _grants(rows: Sequence[Any], source: Source, warnings: List[str]) -> Tuple[Grant, ...]:
    """The rows as the policy reads them."""
    if not rows:
        return ()
    try:
        policy, doubts = read_policy({"memberships": rows})
    except Refusal as refusal:
        raise Refusal(_placed(rows, source, refusal)) from None
    warnings += [f"{source.named}: {_alone(doubt)}" for doubt in doubts]
    return policy.memberships or ()


def _placed(rows: Sequence[Any], source: Source, refusal: Refusal) -> str:
    """The sentence with the row that it is about, if it is about one."""
    for number, row in enumerate(rows, 1):
        try:
            read_policy({"memberships": [row]})
        except Refusal as alone:
            return f"{source.named}, row {number}: {_alone(str(alone))}"
    return f"{source.named}: {_alone(str(refusal))}"


def _alone(sentence: str) -> str:
    return re.sub(r"^policy\.memberships: (row \d+: )?", "", sentence)


# --- where they belong -----------------------------------------------------------------------------------------------


def located(sources: Sequence[Source], visible: Sequence[Project], warnings: List[str]) -> Dict[str, Source]:
    """The files by the id of their project. Those of projects that nobody sees are told."""
    by_id = {project.id: project for project in visible}
    named: Dict[str, List[Project]] = {}
    for project in visible:
        named.setdefault(project.name, []).append(project)
    found, unknown, renamed = [], [], []
    for source in sources:
        namesakes = named.get(source.project or "", [])
        if source.project_id is None and len(namesakes) > 1:
            raise Refusal(f"{source.named}: {len(namesakes)} projects are called {source.project!a}; write project_id")
        here = by_id.get(source.project_id) if source.project_id else next(iter(namesakes), None)
        if namesakes and here not in namesakes:
            raise Refusal(
                f"{source.named}: {source.project_id} is not the id of {source.project!a}, which is the name of "
                "another project; correct one of them"
            )
        if here is None:
            unknown.append(f"{source.project or source.project_id} ({source.path})")
            continue
        if source.project and here.name != source.project:
            renamed.append(f"{source.project} is {here.name} now ({source.path})")
        found.append((here.id, source))
    _refuse_two(found)
    if unknown:
        warnings.append(
            f"{OPTION}: unknown to this credential, so their files are not held against anything: {listed(unknown)}"
        )
    if renamed:
        warnings.append(f"{OPTION}: renamed, so the id counts: {listed(renamed)}")
    return dict(found)


def _refuse_two(named: Sequence[Tuple[str, Source]]) -> None:
    """Refuses two files of one project: what one grants the other takes away."""
    seen: Dict[str, Source] = {}
    for name, source in named:
        other = seen.setdefault(name, source)
        if other is not source:
            raise Refusal(
                f"{OPTION}: '{other.path}' and '{source.path}' are about the same project, "
                f"{source.project or source.project_id}; make one file of them"
            )


def without_file(scope: Sequence[Project], found: Mapping[str, Source]) -> List[str]:
    """A sentence about the projects in scope that have no file."""
    alone = [project.name for project in scope if project.id not in found]
    return [f"{OPTION}: in scope and without a file, so left alone: {listed(alone)}"] if alone else []
