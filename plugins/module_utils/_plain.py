# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers, truth values, dates, domains and rows, as people, templates and surveys write them.

Pure: no I/O, no Ansible. Private to this collection. What is wrong raises `Refusal` with a sentence for the user.
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from datetime import date
from functools import lru_cache
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence

from ._access import Refusal, folded
from ._names import as_list, blank, is_shown

# Truth values as people write them.
_TRUE, _FALSE = ("true", "yes", "on", "1", "y", "t"), ("false", "no", "off", "0", "n", "f")
_WHOLE = re.compile(r"([0-9]{1,9})(\.0+)?")
# Jinja and spreadsheets make midnight of a date.
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([ T]00:00(:00(\.0+)?)?)?")
_LABEL = re.compile(r"(?!-)[^\W_](?:(?:[^\W_]|-)*[^\W_])?")
# What IDNA takes for a dot.
_DOTS = re.compile("[\u3002\uff0e\uff61]")


def number(value: Any, option: str) -> Optional[int]:
    """A whole number from 0 on, 90.0 and '90' alike; None when blank."""
    if blank(value):
        return None
    whole = None if isinstance(value, bool) else _WHOLE.fullmatch(str(value).strip())
    if not whole:
        raise Refusal(f"{option}: {value!a} is not a number; write a whole number such as 30")
    return int(whole[1])


def truth(value: Any, option: str) -> bool:
    """True or false; false when blank."""
    word = "" if blank(value) else str(value).strip().lower()
    if word and word not in _TRUE + _FALSE:
        raise Refusal(f"{option}: {value!a} is neither true nor false")
    return word in _TRUE


def day(value: Any, option: str) -> Optional[date]:
    """A date as YAML has it, text or not; None when blank."""
    if blank(value):
        return None
    found = _DAY.fullmatch(str(value).strip())
    try:
        if found:
            return date.fromisoformat(found[1])
    except ValueError:
        pass
    raise Refusal(f"{option}: {value!a} is not a date; write one such as 2026-12-31")


# --- rows ------------------------------------------------------------------------------------------------------------


def rows(value: Any, option: str) -> List[Any]:
    """A list of rows, or JSON text of one, as surveys give it; none when blank."""
    if blank(value):
        return []
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise Refusal(f"{option}: {value!a} starts like a list of rows, but is no JSON") from None
    if not isinstance(value, (list, tuple)):
        raise Refusal(f"{option}: {value!a} is not a list of rows")
    return list(value)


def row(given: Any, option: str, keys: Sequence[str]) -> Dict[str, Any]:
    """A row without its blanks, all its keys known."""
    if not isinstance(given, Mapping):
        raise Refusal(f"{option}: {given!a} is not a row; write {{{', '.join(key + ': ...' for key in keys)}}}")
    unknown = sorted(map(str, set(given) - set(keys)))
    if unknown:
        raise Refusal(f"{option}: {unknown[0]!a} is not a key of a row; the keys are {', '.join(keys)}")
    return {key: value for key, value in given.items() if not blank(value)}


# --- domains ---------------------------------------------------------------------------------------------------------


def domains(value: Any, option: str) -> FrozenSet[str]:
    """Domains in the form that `domain_of` gives: a list, JSON text of one, or text; an @ in front is fine."""
    texts = as_list(value, option)
    pieces = [piece for text in texts if not blank(text) for piece in re.split(r"[\s,;\ufeff]+", str(text)) if piece]
    return frozenset(_domain(piece, option) for piece in pieces)


def _domain(piece: str, option: str) -> str:
    found = domain_of(piece)
    labels = [unicodedata.normalize("NFKD", label) for label in found.split(".")]
    letters = ["".join(sign for sign in label if not unicodedata.category(sign).startswith("M")) for label in labels]
    named = (
        "@" not in piece[1:] and len(labels) > 1 and all(map(_LABEL.fullmatch, letters)) and not letters[-1].isdigit()
    )
    if not named or len(found) > 253 or not is_shown(found):
        raise Refusal(f"{option}: {piece!a} is not a domain; write one such as corp.example")
    return found


@lru_cache(maxsize=10_000)
def domain_of(email: str) -> str:
    """The domain of an email, or a domain, as it is compared: without case, xn-- labels as the letters they mean."""
    return ".".join(map(_decoded, _DOTS.sub(".", folded(email).rpartition("@")[2]).split(".")))


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        text = label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label
    # What hides plain letters is no name of a domain, and must not pass for one.
    return label if text.isascii() else folded(text)


# --- text of Python --------------------------------------------------------------------------------------------------


def unprinted(value: Any) -> Any:
    """Data of which older Ansible made the text that Python prints, because a date was in it; else as it was."""
    if isinstance(value, Mapping):
        return {key: unprinted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [unprinted(one) for one in value]
    if not isinstance(value, str) or "datetime.date" not in value or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        # What stands in it may have been printed before.
        return unprinted(ast.literal_eval(_Dates().visit(ast.parse(value.strip(), mode="eval"))))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return value


class _Dates(ast.NodeTransformer):
    """Dates, which are calls in what Python prints, become texts."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = ast.unparse(node.func)
        if name not in ("datetime.date", "datetime.datetime"):
            return node
        numbers = [ast.literal_eval(one) for one in node.args]
        text = "-".join(f"{number:02d}" for number in numbers[:3])
        if name == "datetime.datetime":
            text += " " + ":".join(f"{number:02d}" for number in (numbers[3:6] + [0, 0, 0])[:3])
        # A zone makes another day of it for others, so that it is refused as a date later.
        return ast.copy_location(ast.Constant(text + ("+" if node.keywords else "")), node)
