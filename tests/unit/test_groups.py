# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of one reason together, each person once, and none of them lost."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.atlasops.access.plugins.module_utils._groups import MOST, groups


def finding(user: str = "dana", project: str = "alpha", **fields: Any) -> dict[str, Any]:
    told = {"rules": ["leavers"], "reasons": ["has left"], "action": "remove", "roles": ["GROUP_OWNER"]}
    who = {"user": user, "user_id": user, "project": project, "project_id": project, "status": "ACTIVE"}
    return {**who, **told, "residual_access": [], **fields}


def document(*findings: dict[str, Any], ends: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    steps = [row for row in findings if row["action"] != "report"]
    rows = [{**row, "status": end, "verified": None, "at": f"0{n}"} for n, (row, end) in enumerate(zip(steps, ends))]
    return {"mode": "clean-up", "blocked": [], "findings": list(findings), "steps": steps, "actions": rows, **fields}


def test_a_person_comes_once_for_each_reason_with_all_projects():
    (group,) = groups(document(finding(), finding(project="beta"), finding("omar")))
    assert [(one["user"], one["places"][0]["projects"]) for one in group["people"]] == [
        ("dana", ["alpha", "beta"]),
        ("omar", ["alpha"]),
    ]
    assert group["findings"] == 3 and group["part"] == "due"


def test_reasons_that_differ_in_a_number_are_one_and_each_person_has_the_number():
    rows = [finding(str(days), reasons=[f"last logged in {days} days ago"]) for days in (100, 200)]
    (group,) = groups(document(*rows))
    assert group["reasons"] == ["last logged in N days ago"]
    assert [one["places"][0]["details"] for one in group["people"]] == [["100 days"], ["200 days"]]


def test_what_is_expected_is_apart_from_what_is_to_be_decided():
    protected = finding(action="report", reasons=["has left", "is protected, so left alone"])
    owner = finding("omar", action="report", reasons=["has left", "last_owner: make somebody else owner"])
    missing = finding("new", action="add", rules=["memberships"], reasons=["is to have X, but is not a member"])
    made = document(protected, owner, missing, finding("gone"))
    made["steps"].remove(missing)
    assert [(one["part"], one["people"][0]["user"]) for one in groups(made)] == [
        ("due", "gone"),
        ("decide", "new"),
        ("decide", "omar"),
        ("expected", "dana"),
    ]


def test_what_came_of_the_steps_is_counted_and_told_where_it_differs():
    (group,) = groups(document(finding(), finding(project="beta"), ends=("done", "failed")))
    assert group["ends"] == {"done": 1, "failed": 1} and group["times"] == ["00", "01"]
    assert [one["ends"] for one in group["people"][0]["places"]] == [["done"], ["failed"]]
    blocked = document(finding(), ends=("not tried",), blocked=[{"guard": "max_removals"}])
    assert groups(blocked)[0]["ends"] == {}


TEXTS = st.sampled_from(["a", "b", "c"])
FINDINGS = st.lists(
    st.builds(
        finding,
        TEXTS,
        TEXTS,
        action=st.sampled_from(["remove", "revoke", "report"]),
        reasons=st.sampled_from([["has left"], ["idle 3 days"], ["idle 4 days"], ["is protected, so left alone"]]),
        status=st.sampled_from(["ACTIVE", "PENDING", None]),
    ),
    max_size=30,
)


@given(FINDINGS)
def test_no_finding_is_lost_and_none_is_told_twice(rows):
    told = groups(document(*rows))
    places = [
        (one["user"], project)
        for group in told
        for one in group["people"]
        for place in one["places"]
        for project in place["projects"]
    ]
    assert sorted(places) == sorted((row["user"], row["project"]) for row in rows)
    assert sum(group["findings"] for group in told) == len(rows)
    for group in told:
        users = [one["user"] for one in group["people"]]
        assert len(users) == len(set(users))


def test_so_many_are_grouped_and_no_more():
    for count in (MOST - 1, MOST, MOST + 1):
        rows = [finding(str(n)) for n in itertools.islice(itertools.count(), count)]
        assert sum(group["findings"] for group in groups(document(*rows))) == min(count, MOST)
