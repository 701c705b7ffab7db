# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML as people write it by hand: each key once, and every scalar the text that stands there.

A project called 1.10 or 0123 is no number and a role called on no truth value. Knows nothing of Ansible or of files.
Private to this collection. What is wrong raises `Refusal` with a sentence that names the line.
"""

from __future__ import annotations

from typing import Any, Dict, Hashable, List

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
