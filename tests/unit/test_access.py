# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws of the pure part: plans, names and ways in."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.atlasops.access.plugins.module_utils import _access as access
from ansible_collections.atlasops.access.plugins.module_utils._access import Member, Team, Way

ROLES = ["GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_CLUSTER_MANAGER", "GROUP_DATA_ACCESS_ADMIN"]
USERS = [f"{name}@corp.example" for name in "abcdef"]

some_roles = st.frozensets(st.sampled_from(ROLES), min_size=1)
live = st.dictionaries(st.sampled_from(USERS), some_roles)
with_lapsed = st.dictionaries(st.sampled_from(USERS), some_roles | st.just(frozenset()))


@st.composite
def before_and_after(draw):
    """Two accesses; a lapsed invitation (no roles) is left alone, replaced or removed."""
    before = draw(with_lapsed)
    after = draw(live)
    for user, roles in before.items():
        if not roles and user not in after and draw(st.booleans()):
            after[user] = roles
    return before, after


@given(before_and_after())
def test_a_replayed_plan_gives_what_is_desired(pair):
    before, after = pair
    assert access.replay(before, access.plan(before, after)) == after


@given(with_lapsed)
def test_nothing_is_planned_where_nothing_differs(before):
    assert access.plan(before, before) == []


@given(before_and_after())
def test_giving_comes_before_taking_across_the_project(pair):
    kinds = [step.action for step in access.plan(*pair)]
    assert kinds == sorted(kinds, key=["add", "grant", "revoke", "remove"].index)


@given(before_and_after())
def test_nobody_is_without_a_role_between_two_steps(pair):
    before, after = pair
    steps = access.plan(before, after)
    for done in range(len(steps) + 1):
        for user, roles in access.replay(before, steps[:done]).items():
            assert roles or not before[user], f"{user} has no role after {steps[:done]}"


@given(before_and_after())
def test_a_project_that_keeps_an_owner_has_one_between_two_steps(pair):
    before, after = pair
    members = {user: Member(user, user, "ACTIVE", roles) for user, roles in before.items()}
    steps = access.plan(before, after)
    if access.active_owners(before, members) and access.active_owners(after, members):
        for done in range(len(steps)):
            assert access.active_owners(access.replay(before, steps[:done]), members)


@given(before_and_after())
def test_the_difference_holds_what_changes_and_nothing_else(pair):
    before, after = pair
    had, has = access.difference(before, after)
    unchanged = {user for user in before if before[user] == after.get(user)}
    assert set(had) | set(has) == (set(before) | set(after)) - unchanged
    assert list(had) == sorted(had) and all(roles == sorted(roles) for roles in had.values())


def test_a_lapsed_invitation_gives_no_access_and_is_replaced_by_adding():
    members = access.by_id([Member("Ann@corp.example", "1" * 24, "INVITATION_EXPIRED", frozenset(["GROUP_OWNER"]))])
    before = access.access_of(members)
    assert before == {"1" * 24: frozenset()}
    assert access.plan(before, {"1" * 24: frozenset(["GROUP_READ_ONLY"])}) == [
        access.Step("add", "1" * 24, ("GROUP_READ_ONLY",))
    ]
    assert access.plan(before, {}) == [access.Step("remove", "1" * 24, ())]


def test_two_members_of_one_email_are_two_and_people_see_their_ids():
    twins = [
        Member(email, digit * 24, "ACTIVE", frozenset())
        for email, digit in (("a@x.example", "1"), ("A@x.example", "2"))
    ]
    members = access.by_id([*twins, Member("b@x.example", "3" * 24, "ACTIVE", frozenset())])
    assert len(members) == 3
    assert access.keys_by_email(members)["a@x.example"] == ["1" * 24, "2" * 24]
    assert access.labels(members) == {
        "1" * 24: f"a@x.example ({'1' * 24})",
        "2" * 24: f"A@x.example ({'2' * 24})",
        "3" * 24: "b@x.example",
    }


def test_emails_compare_without_case_and_with_accents_composed():
    assert access.folded("Jos\u00e9@Corp.Example") == access.folded("JOSE\u0301@corp.example")
    assert access.folded("josé@corp.example") != access.folded("jose@corp.example")


@pytest.mark.parametrize("fraction", ["", ".1", ".12", ".123", ".123456", ".123456789"])
def test_times_of_any_fraction_are_understood(fraction):
    now = datetime(2026, 11, 11, 0, 0, 1, tzinfo=timezone.utc)
    assert access.days_since(f"2026-11-01T00:00:00{fraction}Z", now) == 10


def test_a_flattened_listing_tells_ways_by_the_roles_beyond_the_membership():
    teams = [Team("t1", frozenset(["GROUP_OWNER"])), Team("t2", frozenset(["GROUP_READ_ONLY"]))]
    listed = frozenset(["GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_DATA_ACCESS_ADMIN"])
    ways = access.ways_by_roles(listed, frozenset(["GROUP_READ_ONLY"]), teams)
    assert ways == [
        Way("team", "t1", frozenset(["GROUP_OWNER"])),
        Way("organization", None, frozenset(["GROUP_DATA_ACCESS_ADMIN"])),
    ]
