# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages: how they hang together, and how they may fall apart while somebody reads them."""

from __future__ import annotations

import pytest

from simulator import Simulator, generated

USERS = "/groups/<project-000>/users"


@pytest.fixture(scope="module")
def five_people():
    with Simulator(generated(projects=2, members=5)) as sim:
        yield sim


@pytest.fixture
def big(five_people, client_for):
    five_people.reset()
    return client_for(five_people, "big-token")


def read(api, path=USERS, size=2):
    """Page by page, as long as there is a `next` link: the people of each page, by the end of their names."""
    pages = []
    while True:
        document = api.get(path, itemsPerPage=size, pageNum=len(pages) + 1).json()
        assert document["totalCount"] == 5
        pages.append([row["username"][10:11] for row in document["results"]])
        if "next" not in [link["rel"] for link in document["links"]]:
            return pages


@pytest.mark.parametrize("size, pages", [(1, 5), (2, 3), (3, 2), (4, 2), (5, 1), (6, 1)], ids=str)
def test_next_is_there_where_a_page_is(big, size, pages):
    read_pages = read(big, size=size)
    assert len(read_pages) == pages and "".join(map("".join, read_pages)) == "01234"


def test_whole(big):
    assert read(big) == [["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.parametrize(
    "rows, pages",
    [
        (None, [["0", "1"], ["2", "3"], ["4"]]),
        (1, [["0"], ["1"], ["2"], ["3"], ["4"]]),
        (4, [["0", "1", "2", "3"], ["4"]]),
        (5, [["0", "1", "2", "3", "4"]]),
    ],
)
def test_short(big, rows, pages):
    big.sim.fault({"page": "short", **({"rows": rows} if rows else {})})
    assert read(big, size=500) == pages


def test_doubled(big):
    big.sim.fault({"page": "doubled"})
    assert read(big) == [["0", "1"], ["1", "2"], ["3", "4"]]


def test_doubled_over_the_end(big):
    big.sim.fault({"page": "doubled", "rows": 5})
    assert read(big, size=500) == [["0", "1", "2", "3", "4"]]
    big.sim.reset()
    big.sim.fault({"page": "doubled", "rows": 4})
    assert read(big, size=4) == [["0", "1", "2", "3"], ["3", "4"]]


def test_moving(big):
    big.sim.fault({"page": "moving"})
    assert read(big) == [["0", "1"], ["1", "3"], ["3"]]


def test_moving_once(big):
    big.sim.fault({"page": "moving"}, path="/users$", nth=2, times=1)
    assert read(big) == [["0", "1"], ["1", "3"], ["4"]]
    assert read(big) == [["0", "1"], ["2", "3"], ["4"]], "read again, all are there"


def test_one_listing_only(big):
    big.sim.fault({"page": "short", "rows": 1}, path=f"/groups/{big.sim.project_id('project-001')}/users$")
    assert len(read(big)) == 3
    assert len(read(big, "/groups/<project-001>/users")) == 5


def test_listings_of_organizations(big):
    org = big.get("/orgs").json()["results"][0]["id"]
    assert len(read(big, f"/orgs/{org}/users", size=5)) == 1
    big.sim.fault("page", path=f"/orgs/{org}/(users|groups)$")
    assert len(read(big, f"/orgs/{org}/users", size=5)) == 3


@pytest.mark.parametrize("what", [{"page": "torn"}, {"page": "short", "rows": 0}, {"page": "short", "rows": 501}])
def test_mistakes(big, what):
    with pytest.raises(ValueError, match="short, moving, doubled"):
        big.sim.fault(what)
