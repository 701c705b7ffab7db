# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole listings from pages that may move, repeat or come short while they are read. Private to this collection."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from . import _client
from ._client import Client, Patience
from ._errors import API, AtlasError, Json

_REPEATED = "rows came twice"

# Rows and characters of a listing, both far beyond what an organization may have: for one that does not end.
MOST_ROWS, MOST_CHARACTERS = 100_000, 64 << 20


def pages(
    client: Client,
    path: str,
    version: str,
    query: Optional[Mapping[str, Any]] = None,
    key: str = "id",
    patience: Optional[Patience] = None,
) -> List[Dict[str, Json]]:
    """All rows of a listing, each once by ``key``; read again, a few times, where it moved or came in part.

    A listing that does not become whole is an `AtlasError`: who is missing must not be taken for absent.
    """
    patience = patience or client.patience()
    started, tries = time.monotonic(), 0
    before: List[str] = []
    while True:
        tries += 1
        rows, doubt = _read_once(client, path, version, query or {}, key, patience)
        # Rows that came twice are harmless where another reading finds the same ones.
        if not doubt or (doubt is _REPEATED and before == sorted(rows)):
            return list(rows.values())
        before = sorted(rows)
        error = AtlasError(f"GET {API}{path}", f"the listing did not come whole: {doubt}", 200)
        if not patience.after(error, repeatable=True):
            raise error.after(tries, started)


def _read_once(
    client: Client, path: str, version: str, query: Mapping[str, Any], key: str, patience: Patience
) -> Tuple[Dict[str, Dict[str, Json]], Optional[str]]:
    """The rows of one reading, by ``key``, and what speaks against their being all.

    A total of 0 is no sign: it comes with ``includeCount=false`` as well.
    """
    rows: Dict[str, Dict[str, Json]] = {}
    totals = set()
    doubled, again, short = 0, 0, False
    number, before = 0, patience.received
    while True:
        number += 1
        body = client.get(path, version, {**query, "itemsPerPage": _client.PAGE, "pageNum": number}, patience)
        listed = _rows(client, path, body)
        page = _by_key(client, path, listed, key)
        news = page.keys() - rows.keys()
        if any(rows[one] != page[one] for one in page.keys() & rows.keys()):
            return rows, "it changed while it was read"
        # A row that came twice on one page may be counted twice.
        doubled += len(listed) - len(page) if news else 0
        again += len(page) - len(news)
        rows.update(page)
        if len(rows) > MOST_ROWS or patience.received - before > MOST_CHARACTERS:
            raise client.misshapen("GET", path, f"the listing does not end: {len(rows)} rows came on {number} pages")
        if isinstance(body.get("totalCount"), int) and body["totalCount"] > 0:
            totals.add(body["totalCount"])
        whole, more = len(listed) >= _client.PAGE, _has_next(body)
        if number > 1 and not news and (whole or more):
            return rows, f"page {number} repeats the one before it"
        short = short or (bool(more) and not whole)
        missing = max(totals, default=0) - len(rows)
        if not (whole if more is None else more) and not (news and missing > doubled):
            break
    if len(totals) > 1:
        return rows, "it changed while it was read"
    if missing > doubled:
        return rows, f"{len(rows)} of {len(rows) + missing} rows came"
    if short and not totals:
        return rows, "a page is shorter than asked for, though another one follows"
    return rows, _REPEATED if missing > 0 or (again and not totals) else None


def _rows(client: Client, path: str, body: Json) -> List[Dict[str, Json]]:
    rows = body.get("results") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise client.misshapen("GET", path, "it has no list of results")
    return rows


def _by_key(client: Client, path: str, rows: Sequence[Dict[str, Json]], key: str) -> Dict[str, Dict[str, Json]]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get(key), str):
            raise client.misshapen("GET", path, f"row {number} has no '{key}'")
    found = {row[key]: row for row in rows}
    if len(found) < len(rows) and any(found[row[key]] != row for row in rows):
        raise client.misshapen("GET", path, "it has two rows of one id that differ")
    return found


def _has_next(body: Mapping[str, Json]) -> Optional[bool]:
    """Whether a page links to a next one; None where it has no links at all."""
    links = body.get("links")
    if not isinstance(links, list) or not links:
        return None
    return any(isinstance(link, dict) and link.get("rel") == "next" for link in links)
