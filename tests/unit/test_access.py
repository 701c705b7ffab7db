# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws of the pure part: plans, names and ways in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.atlasops.access.plugins.module_utils import _access as access
from ansible_collections.atlasops.access.plugins.module_utils._access import Member, Project, Refusal, Team, Way

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
    members = access.by_key([Member("Ann@corp.example", "1" * 24, "INVITATION_EXPIRED", frozenset(["GROUP_OWNER"]))])
    before = access.access_of(members)
    assert before == {"ann@corp.example": frozenset()}
    assert access.plan(before, {"ann@corp.example": frozenset(["GROUP_READ_ONLY"])}) == [
        access.Step("add", "ann@corp.example", ("GROUP_READ_ONLY",))
    ]
    assert access.plan(before, {}) == [access.Step("remove", "ann@corp.example", ())]


def test_two_members_of_one_email_are_both_found():
    twins = [Member("a@x.example", digit * 24, "ACTIVE", frozenset(["GROUP_OWNER"])) for digit in "12"]
    members = access.by_key(twins)
    assert len(members) == 2
    assert access.keys_of("2" * 24, members) == [f"a@x.example ({'2' * 24})"]


def test_users_are_found_by_email_in_any_case_and_by_id():
    members = access.by_key([Member("Ann+x@corp.example", "a" * 24, "ACTIVE", frozenset())])
    assert access.keys_of("ann+X@CORP.example", members) == ["ann+x@corp.example"]
    assert access.keys_of("A" * 24, members) == ["ann+x@corp.example"]
    assert access.keys_of("b" * 24, members) == []
    assert access.keys_of("new@corp.example", members) == ["new@corp.example"]


PROJECTS = [Project(digit * 24, name, "f" * 24) for digit, name in zip("1234", ["alpha", "alpha-2", "beta", "beta"])]


def test_projects_are_chosen_by_name_id_and_glob():
    chosen = access.select_projects(["alpha*", "4" * 24, "alpha"], PROJECTS)
    assert [project.id[0] for project in chosen] == ["1", "2", "4"]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("alhpa", "near names: alpha"),
        ("gamma-*", "it sees 4 projects"),
        ("5" * 24, "unknown"),
        ("beta", "the name of 2 projects, write the id of one: " + "3" * 24 + ", " + "4" * 24),
    ],
)
def test_a_project_that_is_not_one_is_refused(pattern, says):
    with pytest.raises(Refusal, match=says.replace("*", ".")) as refused:
        access.select_projects(["alpha", pattern], PROJECTS)
    assert pattern in str(refused.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ORG_OWNER", "organization roles"),
        ("group_owner", "did you mean GROUP_OWNER"),
        ("Project Owner", "did you mean"),
        ("READ_ONLY", "did you mean GROUP_READ_ONLY"),
        ("Zz", "look like GROUP_READ_ONLY"),
    ],
)
def test_what_can_not_be_a_project_role_is_refused(name, says):
    with pytest.raises(Refusal, match=says):
        access.check_roles([name])


def test_an_unknown_role_is_warned_of_with_the_nearest_name():
    assert access.check_roles(["GROUP_OWNER"]) == []
    assert access.check_roles(["GROUP_OWNR"]) == [
        "roles: the project role 'GROUP_OWNR' is not a known one; did you mean GROUP_OWNER?"
    ]


@pytest.mark.parametrize("name", ["ann", "ann@", "@x", "a b@x", "12345"])
def test_what_is_neither_email_nor_id_is_refused(name):
    with pytest.raises(Refusal, match="neither an email address nor a user id"):
        access.check_user(name)


def test_a_flattened_listing_tells_ways_by_the_roles_beyond_the_membership():
    teams = [Team("t1", frozenset(["GROUP_OWNER"])), Team("t2", frozenset(["GROUP_READ_ONLY"]))]
    listed = frozenset(["GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_DATA_ACCESS_ADMIN"])
    ways = access.ways_by_roles(listed, frozenset(["GROUP_READ_ONLY"]), teams)
    assert ways == [
        Way("team", "t1", frozenset(["GROUP_OWNER"])),
        Way("organization", None, frozenset(["GROUP_DATA_ACCESS_ADMIN"])),
    ]
