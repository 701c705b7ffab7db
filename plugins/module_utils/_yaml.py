# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML as people write it by hand: each key once, and every scalar the text that stands there.

A project called 1.10 or 0123 is no number and a role called on no truth value. Knows nothing of Ansible or of files.
Private to this collection. What is wrong raises `Refusal` with a sentence that names the line.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Hashable, Iterator, List, NamedTuple, Optional, Tuple

from ._access import Refusal

try:
    import yaml

    # The one in C is ten times as fast.
    _Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
except ImportError:
    yaml = None  # type: ignore[assignment]
    _Base = object

_NULL, _MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"
# Far more than a file of memberships has; aliases of aliases have more.
NODES = 2_000_000


class _Loader(_Base):  # type: ignore[misc]
    """A safe loader that refuses a key given twice and takes no text for a number, date or truth value."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Dict[Hashable, Any]:
        seen = set()
        for key, _value in node.value:
            if key.tag == _MERGE:
                continue
            name = self.construct_object(key, deep=True)
            if not isinstance(name, Hashable):
                raise Refusal(f"line {key.start_mark.line + 1}: a list or map can't be a key")
            if name in seen:
                raise Refusal(f"line {key.start_mark.line + 1}: the key {name!a} is given twice; which one counts?")
            seen.add(name)
        found: Dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found


if yaml is not None:
    _Loader.yaml_implicit_resolvers = {
        sign: [(tag, form) for tag, form in resolvers if tag in (_NULL, _MERGE)]
        for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def loaded(text: str) -> Any:
    """What a YAML text of one document holds: maps, lists, texts and null."""
    if yaml is None:
        raise Refusal("the Python library PyYAML is missing where this runs; it comes with ansible-core")
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506  (a safe one)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise Refusal(f"{where}is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise Refusal(f"is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise Refusal("is nested too deeply") from None
    _check_size(found)
    return found


def _check_size(found: Any) -> None:
    """Refuses what aliases make endless, or larger than anybody wrote."""
    waiting: List[Any] = [found]
    for _number in range(NODES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    raise Refusal("holds more than it can be meant to; look at its anchors and aliases")


# --- where things stand ----------------------------------------------------------------------------------------------

Span = Tuple[int, int]


class RowAt(NamedTuple):
    """Where a row stands, with the comments above it, and where in it its roles do."""

    whole: Span
    roles: Span


class Outline(NamedTuple):
    """Where in the text of a file of memberships the name of the project and each row stand."""

    project: Span
    rows: List[RowAt]
    indent: str


def outline(text: str) -> Optional[Outline]:
    """Where things stand in such a text, None where its rows do not have lines of their own."""
    top = dict(_children(yaml.compose(text, Loader=yaml.SafeLoader)))
    rows = top.get("memberships")
    if not isinstance(rows, yaml.SequenceNode) or rows.flow_style:
        return None
    project = top.get("project")
    starts = [text.rfind("\n", 0, row.start_mark.index) + 1 for row in rows.value]
    heads = [text[start : row.start_mark.index] for start, row in zip(starts, rows.value)]
    if not all(re.fullmatch(r" *-[ ]+", head) for head in heads):
        return None
    found = []
    for start, row in zip(starts, rows.value):
        roles = dict(_children(row)).get("roles")
        if roles is None:
            return None
        end = text.find("\n", _end(row)) + 1 or len(text)
        found.append(RowAt((_with_comments(text, start), end), (roles.start_mark.index, _end(roles))))
    where = (project.start_mark.index, _end(project)) if project is not None else (0, 0)
    return Outline(where, found, heads[0].split("-")[0])


def _children(node: Any) -> Iterator[Tuple[Any, Any]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, value) for key, value in node.value)


def _end(node: Any) -> int:
    """The index behind the last sign of a node; a block's own end is where the next thing begins."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        index: int = node.end_mark.index
        return index
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _with_comments(text: str, start: int) -> int:
    """Where the comments begin that stand right above a line, and at the same indent."""
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above:start].lstrip(" ").startswith("#"):
            break
        start = above
    return start
