# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listings come whole, whatever a server does with their pages, or the call is an error: nobody is lost on the way."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from by_hand import Asked, Said, by_hand, number_of, page
from module_run import run_module
from test_laws import ABSENT, USER

from ansible_collections.atlasops.access.plugins.module_utils import _client
from ansible_collections.atlasops.access.plugins.module_utils._client import AtlasError, Client, Credential
from ansible_collections.atlasops.access.plugins.module_utils._paging import pages

# Rows of a page, in place of the 500 of real ones.
PAGE = 2
Answer = Callable[[Asked], Said]


@pytest.fixture(autouse=True)
def short_pages(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "PAGE", PAGE)


def rows_of(names: str) -> list[dict[str, str]]:
    return [{"id": name} for name in names]


def read(answer: Answer) -> tuple[str, int]:
    """The ids of a listing as the client reads it, and how many requests that took."""
    with by_hand(answer) as server, Client(Credential("token", "", "t"), server.url, timeout=5) as client:
        found = pages(client, "/groups", "2023-01-01")
        return "".join(row["id"] for row in found), len(server.requests)


def refused(answer: Answer) -> tuple[str, int]:
    """The error that the client makes of a listing, and how many requests that took."""
    with by_hand(answer) as server, Client(Credential("token", "", "t"), server.url, timeout=5) as client:
        with pytest.raises(AtlasError) as error:
            pages(client, "/groups", "2023-01-01")
        return str(error.value), len(server.requests)


def serving(*readings: str, total: Any = len, links: bool = True, size: int = PAGE) -> Answer:
    """Serve a listing in pages. The nth request is answered from the nth of `readings`, later ones from the last."""
    asked_before: list[Asked] = []

    def answer(asked: Asked) -> Said:
        names = readings[min(len(asked_before), len(readings) - 1)]
        asked_before.append(asked)
        begin = number_of(asked) * size
        count = total(names) if callable(total) else total
        more = begin + size < len(names) if links else None
        return page(rows_of(names[begin : begin + size]), count, more)

    return answer


# --- whole ones ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [len, None, 0], ids=["total", "no-total", "total-0"])
@pytest.mark.parametrize(
    "names, linked, unlinked", [("", 1, 1), ("a", 1, 1), ("ab", 1, 2), ("abc", 2, 2), ("abcd", 2, 3), ("abcde", 3, 3)]
)
def test_a_whole_listing_is_read_once(names, linked, unlinked, total):
    assert read(serving(names, total=total)) == (names, linked)
    assert read(serving(names, total=total, links=False)) == (names, unlinked)


@pytest.mark.parametrize("total", [1, 3], ids=["too-low", "low"])
def test_a_total_below_the_rows_speaks_against_nothing(total):
    assert read(serving("abcd", total=total)) == ("abcd", 2)


DOUBLED = [
    *((names, total) for names in ("aab", "aabb") for total in (len, 2, None, 0)),
    *(("abb", total) for total in (2, None, 0)),
]


@pytest.mark.parametrize("names, total", DOUBLED)
def test_a_row_that_comes_twice_is_one_row(names, total):
    found, requests = read(serving(names, total=total))
    assert found == "ab" and requests <= 4


def test_a_row_doubled_on_a_full_last_page_without_links_fails_nothing():
    assert read(serving("aa", links=False))[0] == "a"


# --- short pages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("links", [True, False])
def test_a_server_that_gives_fewer_rows_a_page_than_asked_for_is_read_to_its_end(links):
    assert read(serving("abcde", size=1, links=links)) == ("abcde", 5)


def test_a_short_page_beside_a_next_link_is_read_on_and_is_an_error_where_no_total_proves_it_whole():
    text, requests = refused(serving("abc", size=1, total=0))
    assert "a page is shorter than asked for, though another one follows (4 tries in " in text
    assert requests == 4 * 3


def test_a_page_that_is_short_once_is_read_again():
    pages = iter(["a", "bc", "ab", "cd"])

    def answer(asked: Asked) -> Said:
        return page(rows_of(next(pages)), None, number_of(asked) == 0)

    assert read(answer) == ("abcd", 4)


# --- totals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("names, total, said", [("abc", 4, "3 of 4"), ("ab", 3, "2 of 3"), ("a", 9, "1 of 9")])
def test_fewer_rows_than_the_total_are_read_again_and_then_an_error(names, total, said, links):
    text, requests = refused(serving(names, total=total, links=links))
    assert f"the listing did not come whole: {said} rows came (4 tries in " in text
    assert text.startswith("GET /api/atlas/v2/groups: 200: ")
    assert requests <= 4 * 3


def test_a_total_that_is_too_high_once_is_read_again():
    totals = iter([3, 3, 2])
    assert read(serving("ab", total=lambda names: next(totals)))[0] == "ab"


def test_no_rows_though_some_are_counted_is_an_error():
    assert "0 of 2 rows came" in refused(serving("", total=2))[0]


# --- rows that move --------------------------------------------------------------------------------------------------

MOVES = {
    "one-goes-in-front": (("abcd", "bcd"), "bcd"),
    "one-comes-in-front": (("abcd", "zabcd"), "zabcd"),
    "the-order-changes": (("abcd", "cabd"), "cabd"),
    "one-goes-behind": (("abcd", "abc"), "abc"),
    "one-moves-to-the-end-of-three-pages": (("abcde", "bcdea"), "bcdea"),
    "one-goes-in-front-and-two-come-behind": (("abc", "bcxy"), "bcxy"),
}


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("readings, found", MOVES.values(), ids=list(MOVES))
def test_rows_that_move_between_pages_lose_nobody(readings, found, links):
    """The second page is served from the second state."""
    assert set(read(serving(*readings, links=links))[0]) >= set(found)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("readings", [("abcd", "zabcd"), ("abcde", "cabde")], ids=["comes", "order"])
def test_rows_that_come_again_are_a_sign_where_there_is_no_total(readings, links):
    assert set(read(serving(*readings, total=0, links=links))[0]) >= set(readings[-1])


def test_a_listing_that_never_stands_still_is_an_error():
    names = ["abcd", "zabcd"] * 20
    text, requests = refused(serving(*names))
    assert "the listing did not come whole" in text and requests <= 4 * 3


# --- pages that repeat, and fail -------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [True, None], ids=["next", "no-links"])
@pytest.mark.parametrize("total", [None, 0, 2, 4], ids=str)
def test_one_page_repeated_for_ever_is_found_out(more, total):
    text, requests = refused(lambda asked: page(rows_of("ab"), total, more))
    assert "page 2 repeats the one before it (4 tries in " in text and requests == 8


def test_a_page_that_repeats_once_is_read_again():
    pages = iter(["ab", "ab", "ab", "cd"])

    def answer(asked: Asked) -> Said:
        return page(rows_of(next(pages)), None, number_of(asked) == 0)

    assert read(answer) == ("abcd", 4)


def test_a_page_that_can_not_be_read_is_an_error_of_the_whole():
    def answer(asked: Asked) -> Said:
        return serving("abcd")(asked) if number_of(asked) == 0 else Said({"errorCode": "GONE"}, 404)

    assert "404 GONE" in refused(answer)[0]


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": 5}], ids=str)
def test_a_row_without_an_id_is_named(row):
    assert "row 2 has no 'id'" in refused(lambda asked: page([{"id": "a"}, row], 2, False))[0]


# --- through the modules ---------------------------------------------------------------------------------------------

ORG, PROJECT = "f" * 24, "a" * 24
OWNER, DAN, EVA = (
    {"id": digit * 24, "username": f"{name}@x.example", "orgMembershipStatus": "ACTIVE", "roles": [role]}
    for digit, name, role in (("1", "own", "GROUP_OWNER"), ("2", "dan", "GROUP_READ_ONLY"), ("3", "eva", "GROUP_OWNER"))
)
GROUP = {"id": PROJECT, "name": "alpha", "orgId": ORG}


def atlas(members: Callable[[Asked], Said], groups: list[Any] | None = None) -> Answer:
    """An Atlas with one project; its members are listed by hand."""

    def answer(asked: Asked) -> Said:
        if asked.method != "GET":
            return Said(None, 204)
        if asked.path == "/groups":
            return page([GROUP] if groups is None else groups, None, False)
        if asked.path == f"/groups/{PROJECT}/users":
            return members(asked)
        return page([], 0, False)

    return answer


def remove(answer: Answer, user: str, check: bool = False, **more: Any) -> tuple[Any, list[str]]:
    """What the module says to taking somebody out, and whom it took out."""
    with by_hand(answer) as server:
        options = {"base_url": server.url, "access_token": "hand-token", "timeout": 5, "user": user, **ABSENT, **more}
        result = run_module(USER, None, check, **{"project": "alpha", **options})
        return result, [write.path.rpartition("/")[2] for write in server.writes]


@pytest.mark.parametrize("project", ["alpha", PROJECT, "*"])
def test_a_project_that_is_listed_twice_is_one_project(project):
    members = [OWNER, DAN]
    result, gone = remove(
        atlas(lambda asked: page(members, 2, False), [GROUP, GROUP]), "dan@x.example", project=project
    )
    assert not result.get("failed") and gone == [DAN["id"]]


def test_a_member_who_moves_to_a_page_that_was_read_is_removed_all_the_same():
    states = iter([[OWNER, EVA, DAN], [DAN, OWNER, EVA], [DAN, OWNER, EVA], [DAN, OWNER, EVA]])

    def members(asked: Asked) -> Said:
        rows = next(states, [OWNER, EVA])
        begin = number_of(asked) * PAGE
        return page(rows[begin : begin + PAGE], len(rows), begin + PAGE < len(rows))

    result, gone = remove(atlas(members), "dan@x.example")
    assert not result.get("failed") and result["changed"] and gone == [DAN["id"]]


def test_members_that_do_not_come_whole_are_a_failed_read_and_not_absent():
    result, gone = remove(atlas(lambda asked: page([OWNER], 2, False)), "dan@x.example")
    assert result["failed"] and not result["changed"] and not gone
    assert "alpha: its members could not be read: GET " in result["msg"] and "1 of 2 rows came" in result["msg"]
    assert result["warnings"] == [], "who is missing was told to be nobody"


def test_projects_that_do_not_come_whole_stop_everything():
    def answer(asked: Asked) -> Said:
        return page([GROUP], 2, False) if asked.path == "/groups" else atlas(lambda asked: page([OWNER]))(asked)

    result, gone = remove(answer, "dan@x.example", project="*")
    assert result["failed"] and "1 of 2 rows came" in result["msg"] and not gone
