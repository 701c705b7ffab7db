# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file of people who left, as personnel departments export it and as people write it: CSV or YAML.

Knows nothing of Ansible or Atlas. Private to this collection. What is wrong raises `Refusal` with a sentence that names
file and row.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import Refusal, folded
from ._names import as_list, blank, people
from ._plain import day
from ._read import text_of
from ._yaml import loaded

OPTION = "leavers_file"
_USER, _LAST_DAY, _REASON = "user", "last_day", "reason"
# Headers without case, '_' and '-' being blanks; of several that name somebody the first of these counts.
_HEADERS: Dict[str, Sequence[str]] = {
    _USER: ("email", "user", "mail", "e mail", "username", "user id"),
    _LAST_DAY: ("last day", "end date", "termination date"),
    _REASON: ("reason",),
}
_DELIMITERS = ("\t", ";", ",")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAMED = re.compile(r'[^<>"\t;]*<[^<>]*>')

# A row, and where it stands.
Placed = Tuple[str, Mapping[str, Any]]


class _Table(NamedTuple):
    delimiter: Optional[str]
    columns: Optional[Mapping[str, int]]
    width: int


def read_leavers(path: str) -> Tuple[List[Any], List[str]]:
    """The people of a file: texts, or maps of user, last_day and reason where more is known; and warnings."""
    text = text_of(path, OPTION)
    if not text.strip():
        raise Refusal(f"{OPTION}: '{path}' is empty; write an email a line, or leave the file out")
    rows = _from_yaml(text, path) if path.lower().endswith((".yml", ".yaml", ".json")) else _from_csv(text, path)
    found: Dict[str, Tuple[str, Dict[str, str]]] = {}
    for where, row in rows:
        leaver = _leaver(row, where)
        key = folded(leaver[_USER])
        earlier, other = found.setdefault(key, (where, leaver))
        if {**other, _USER: key} != {**leaver, _USER: key}:
            raise Refusal(f"{where}: {leaver[_USER]} stands in {earlier.rpartition(', ')[2]} as well, and otherwise")
    told = [] if found else [f"{OPTION}: '{path}' names nobody"]
    return [one if len(one) > 1 else one[_USER] for _where, one in found.values()], told


def joined(leavers: Any, more: Sequence[Any]) -> Any:
    """The leavers of an option and those of a file."""
    return more if blank(leavers) else [*as_list(leavers, "policy.leavers"), *more]


def _leaver(row: Mapping[str, Any], where: str) -> Dict[str, str]:
    """One person, checked."""
    somebody = people(row.get(_USER), where) or []
    if not somebody:
        raise Refusal(f"{where} names nobody; write an email, or delete the row")
    if len(somebody) > 1:
        raise Refusal(f"{where}: {row[_USER]!a} is not one person; write a row for each")
    last = day(row.get(_LAST_DAY), f"{where}: the last day")
    reason = "" if blank(row.get(_REASON)) else str(row[_REASON]).strip()
    found = ((_USER, somebody[0]), (_LAST_DAY, str(last or "")), (_REASON, reason))
    return {name: one for name, one in found if one}


def _is_date(text: str) -> bool:
    try:
        return bool(_ISO.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


# --- YAML ------------------------------------------------------------------------------------------------------------


def _from_yaml(text: str, path: str) -> Iterator[Placed]:
    try:
        rows = loaded(text)
    except Refusal as refusal:
        raise Refusal(f"{OPTION}: '{path}': {refusal}") from None
    if not isinstance(rows, list):
        raise Refusal(f"{OPTION}: '{path}' is not a list of people; write one such as '- dana.field@corp.example'")
    for number, row in enumerate(rows, 1):
        where = f"{OPTION}: '{path}', row {number}"
        yield where, _keyed(row, where) if isinstance(row, dict) else {_USER: row}


def _keyed(row: Mapping[Any, Any], where: str) -> Mapping[str, Any]:
    names = {key: _meaning(str(key)) for key in row}
    unknown = [key for key, name in names.items() if name is None]
    if unknown:
        raise Refusal(f"{where}: {unknown[0]!a} is not a key of a leaver; the keys are user, last_day and reason")
    _once(list(map(str, row)), where)
    return {str(names[key]): value for key, value in row.items()}


def _meaning(header: str) -> Optional[str]:
    plain = _plainly(header)
    return next((name for name, headers in _HEADERS.items() if plain in headers), None)


def _plainly(header: str) -> str:
    return " ".join(re.sub(r"[_-]", " ", header).casefold().split())


def _once(headers: Sequence[str], where: str) -> None:
    """Refuses headers that mean the same, of which nobody knows which one counts."""
    for name in _HEADERS:
        mine = [header for header in headers if _meaning(header) == name]
        if len(mine) > 1:
            raise Refusal(f"{where}: {mine[0]!a} and {mine[1]!a} mean the same; leave one out")


# --- CSV -------------------------------------------------------------------------------------------------------------


def _from_csv(text: str, path: str) -> Iterator[Placed]:
    file = f"{OPTION}: '{path}'"
    lines = list(io.StringIO(text, newline=""))
    begin = min(number for number, line in enumerate(lines) if line.strip())
    # The first line by which spreadsheets tell themselves what separates the cells.
    hint = re.fullmatch(r'"?sep=(.)"?\s*', lines[begin])
    begin += bool(hint)
    table = _table(lines[begin:], hint[1] if hint else None, file)
    if table.columns is not None:
        begin += 1
    for number, record in _records(lines, table.delimiter, file):
        where = f"{file}, row {number}"
        if number > begin and any(map(str.strip, record)):
            yield where, _row(record, table, where)


def _records(lines: Sequence[str], delimiter: Optional[str], file: str) -> Iterator[Tuple[int, List[str]]]:
    """The rows with their numbers, as a spreadsheet counts them."""
    if delimiter is None:
        yield from ((number, [line.strip()]) for number, line in enumerate(lines, 1))
        return
    number = 0
    try:
        for number, record in enumerate(csv.reader(lines, delimiter=delimiter, strict=True), 1):
            yield number, record
    except csv.Error as error:
        raise Refusal(f"{file}, row {number + 1}: is not CSV: {error}; look at its quotes") from None


def _table(lines: Sequence[str], delimiter: Optional[str], file: str) -> _Table:
    """What separates the cells, and which column is what; no columns where there is no header."""
    for sign in [delimiter] if delimiter else _DELIMITERS:
        cells = _first_record(lines, sign)
        columns = _columns(cells, file)
        if columns is not None:
            return _Table(sign, columns, len(cells))
    first = lines[0].strip() if lines else ""
    if _NAMED.fullmatch(first):
        return _Table(None, None, 0)
    used = [sign for sign in _DELIMITERS if sign in first]
    sign = delimiter or (used[0] if used else ",")
    cells = _first_record(lines, sign)
    if cells and "@" not in cells[0] and not re.fullmatch(r"\s*[0-9a-fA-F]{24}\s*", cells[0]):
        raise Refusal(
            f"{file}: the first row has neither a header that is known (email, user, mail, username or user_id) nor an "
            f"email in its first column, which holds {cells[0]!a}"
        )
    return _Table(sign, None, 0)


def _first_record(lines: Sequence[str], delimiter: str) -> List[str]:
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _columns(cells: Sequence[str], file: str) -> Optional[Mapping[str, int]]:
    """The columns by what they mean, None where no header names people."""
    plain = [_plainly(cell) for cell in cells]
    naming = [header for header in _HEADERS[_USER] if header in plain]
    if not naming:
        return None
    for header in [header for headers in _HEADERS.values() for header in headers]:
        if plain.count(header) > 1:
            raise Refusal(f"{file}: two columns have the header {header!a}; leave one out")
    _once([cell for cell in cells if _meaning(cell) != _USER], file)
    others = {
        name: plain.index(header) for name in (_LAST_DAY, _REASON) for header in _HEADERS[name] if header in plain
    }
    return {_USER: plain.index(naming[0]), **others}


def _row(record: Sequence[str], table: _Table, where: str) -> Mapping[str, str]:
    if table.columns is None:
        ahead = [cell for cell in record[1:] if _is_date(cell.strip()) and cell.strip() >= date.today().isoformat()]
        if ahead:
            raise Refusal(f"{where}: the date {ahead[0]!a} has no header; write a first row such as email,last_day")
        return {_USER: record[0]}
    if any(cell.strip() for cell in record[table.width :]):
        raise Refusal(
            f"{where}: has {len(record)} cells, and the header {table.width}; a text with {table.delimiter!a} in it "
            "needs quotes"
        )
    return {name: record[column] for name, column in table.columns.items() if column < len(record)}
