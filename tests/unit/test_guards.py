# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops a plan: guards at their limits, approvals, protected people; without any I/O."""

from __future__ import annotations

import pytest
from test_policy import NOW, desired, entry, legacy, reviewed

from ansible_collections.atlasops.access.plugins.module_utils import _guards as guarding
from ansible_collections.atlasops.access.plugins.module_utils import _nobody as nobody
from ansible_collections.atlasops.access.plugins.module_utils import _policy as policy
from ansible_collections.atlasops.access.plugins.module_utils import _review as review
from ansible_collections.atlasops.access.plugins.module_utils import _totals as totals
from ansible_collections.atlasops.access.plugins.module_utils._access import Project, Refusal
from ansible_collections.atlasops.access.plugins.module_utils._policy import Guards
from ansible_collections.atlasops.access.plugins.module_utils._steps import digest, step_hash

OWN = entry("own@corp.example", "GROUP_OWNER")
ANY = Guards(max_removal_percent=100, max_project_removal_percent=100)
READ, ADMIN = "GROUP_READ_ONLY", "GROUP_DATA_ACCESS_ADMIN"


def members(count, *roles, status="ACTIVE"):
    return [entry(f"u{number:03}@corp.example", *(roles or [READ]), status=status) for number in range(count)]


def leaving(count):
    return {"leavers": [f"u{number:03}@corp.example" for number in range(count)] or [""]}


def tripped(guards, *projects, **named):
    blocked = guarding.judge(guards, projects, totals.plan_rows(projects), **named).blocked
    return [one["guard"] for one in blocked]


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("going", [2, 3, 4])
def test_max_removals_trips_when_strictly_more(going):
    one = reviewed(leaving(going), OWN, *members(9))
    assert tripped(ANY._replace(max_removals=3), one) == ["max_removals"] * (going > 3)


@pytest.mark.parametrize("going", [4, 5, 6])
def test_max_removal_percent_is_of_living_memberships(going):
    lapsed = [entry(f"l{number}@corp.example", READ, status="INVITATION_EXPIRED") for number in range(50)]
    one = reviewed(leaving(going), OWN, *members(19), *lapsed)
    assert tripped(ANY._replace(max_removal_percent=25), one) == ["max_removal_percent"] * (going > 5)


def test_lapsed_invitations_that_go_count_nowhere():
    lapsed = [entry(f"l{number}@corp.example", READ, status="INVITATION_REJECTED") for number in range(50)]
    one = reviewed({"stale_invitation_days": 14}, OWN, *lapsed)
    assert len(one.steps) == 50
    assert tripped(Guards(max_removals=0, max_removal_percent=0, max_project_removal_percent=0), one) == []


def test_open_invitations_count():
    invited = [
        entry(f"p{number}@corp.example", READ, status="PENDING", invited="2026-01-01T00:00:00Z") for number in (1, 2)
    ]
    assert tripped(Guards(), reviewed({"stale_invitation_days": 14}, OWN, *invited)) == ["max_removal_percent"]


def test_a_legacy_invitation_counts():
    one = reviewed({"stale_invitation_days": 14}, OWN, legacy("lee@corp.example", READ))
    assert tripped(ANY._replace(max_removals=0), one) == ["max_removals"]


@pytest.mark.parametrize("holders", [1, 2, 3])
def test_people_who_lose_a_role_count_once_though_it_is_replaced(holders):
    rule = {
        "role_holders": {ADMIN: ["own@corp.example"], READ: ["own@corp.example"]},
        "fallback_role": "GROUP_BACKUP_MANAGER",
    }
    one = reviewed(rule, OWN, *members(holders, ADMIN, READ))
    assert len(one.steps) == 3 * holders
    assert tripped(ANY._replace(max_removals=2), one) == ["max_removals"] * (holders > 2)
    counts = totals.summary(policy.Policy(), ANY, [one], totals.plan_rows([one]))
    assert (counts["removals"], counts["additions"], counts["living"]) == (holders, 0, holders + 1)


@pytest.mark.parametrize("size", [9, 10, 11])
def test_a_project_of_ten_has_a_guard_of_its_own(size):
    big, small = project("big", "b", 100), project("small", "c", size - 1, going=size - 1)
    assert tripped(Guards(), big, small) == ["max_project_removal_percent"] * (size >= 10)


@pytest.mark.parametrize("going", [4, 5, 6])
def test_max_project_removal_percent_trips_when_strictly_more(going):
    big, small = project("big", "b", 100), project("small", "c", 9, going=going)
    assert tripped(Guards(max_project_removal_percent=50), big, small) == ["max_project_removal_percent"] * (going > 5)


def project(name, letter, count, going=0):
    where = Project(letter * 24, name, "f" * 24)
    rules = policy.read_policy(leaving(going))[0]
    return review.review(rules, Guards(), where, dict([OWN, *members(count)]), None, NOW)


@pytest.mark.parametrize("new", [1, 2, 3])
def test_max_additions_counts_who_comes_and_who_only_gains(new):
    people = desired(
        *((f"n{number}@corp.example", READ) for number in range(new - 1)), ("own@corp.example", "GROUP_OWNER")
    )
    gains = desired(("u000@corp.example", READ, ADMIN), ("u001@corp.example", ADMIN))
    one = reviewed({"memberships": people + gains, "add_missing": True}, OWN, *members(2))
    assert len(totals.gaining(one)) == new and len(totals.losing(one)) == 1, "u001 loses a role"
    assert tripped(ANY, one) == []
    assert tripped(ANY._replace(max_additions=2), one) == ["max_additions"] * (new > 2)


@pytest.mark.parametrize(("minimum", "trips"), [(1, False), (2, False), (3, True)])
def test_min_owners(minimum, trips):
    owners = [entry(f"own{number}@corp.example", "GROUP_OWNER") for number in range(3)]
    one = reviewed({"leavers": ["own0@corp.example"]}, *owners)
    assert tripped(ANY._replace(min_owners=minimum), one) == ["min_owners"] * trips


@pytest.mark.parametrize("name", [name for name in Guards._fields if name != "protected_users"])
def test_guards_are_whole_numbers_and_blank_is_unset(name):
    for blank in ("", None, " "):
        assert policy.read_guards({name: blank}) == Guards()
    assert getattr(policy.read_guards({name: " 7 "}), name) == 7
    for odd in ("-1", "7.5", "x", "101" if name.endswith("percent") else "y"):
        with pytest.raises(Refusal, match=f"guards.{name}"):
            policy.read_guards({name: odd})


# --- protected people ------------------------------------------------------------------------------------------------


def test_a_protected_person_is_looked_for_in_scope_and_in_the_organization_in_any_status():
    guards = Guards(frozenset(["u000@corp.example", "l@corp.example", "idle@corp.example", "ona@corp.example"]))
    one = reviewed({}, OWN, *members(1), entry("l@corp.example", READ, status="INVITATION_EXPIRED"))
    assert nobody.missing_protected(
        guards, nobody.everybody(policy.Policy(), guards, [one], ["idle@corp.example"])
    ) == ["ona@corp.example"]


def test_a_misspelt_protected_person_stops_the_plan_with_near_names():
    (stop,) = guarding.unknown_protected(["oan@corp.example"], ["own@corp.example", "f" * 24])
    assert stop["guard"] == "protected_users" and "near names: own@corp.example" in stop["detail"]
    assert tripped(ANY, reviewed(leaving(1), OWN, *members(2)), lost=[stop]) == ["protected_users"]
    assert tripped(ANY, reviewed({}, OWN), lost=[stop]) == [], "there is nothing to stop"
    assert len(guarding.unknown_protected([f"{number}@x.example" for number in range(30)], [])) == 21


# --- approval --------------------------------------------------------------------------------------------------------

GUARDS = ANY._replace(max_removals=1)


def approve(*projects, guards=GUARDS):
    """An approval of these projects' plan, as its plan.json tells of it."""
    rows = totals.plan_rows(projects)
    found = {"steps": rows, "blocked": guarding.judge(guards, projects, rows).blocked}
    return guarding.with_plan(guarding.Approval(digest(rows)), found)


def judged(approval, *projects, guards=GUARDS, **named):
    return guarding.judge(guards, projects, totals.plan_rows(projects), approval, **named)


@pytest.mark.parametrize("today", [0, 1, 2, 3, 4])
def test_what_is_left_of_an_approved_plan_passes_and_one_step_more_does_not(today):
    approval = approve(reviewed(leaving(3), OWN, *members(9)))
    found = judged(approval, reviewed(leaving(today), OWN, *members(9)))
    assert [one["guard"] for one in found.blocked] == (["approved_plan", "max_removals"] if today > 3 else [])
    assert len(found.approval["no_longer_due"]) == max(0, 3 - today)
    assert bool(found.warnings) is (today < 3)
    if today < 3:
        assert (
            f"{3 - today} of 3 approved steps {'is' if today == 2 else 'are'} no longer due: remove u00{today}"
            in found.warnings[0]
        )


def differing(member, **fields):
    key, one = member
    return key, one._replace(member=one.member._replace(**fields))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"user_id": "1" * 24}, "another account, 111111111111111111111111, was id-u000@corp.example"),
        ({"status": "PENDING"}, "is PENDING, was ACTIVE"),
        ({"roles": frozenset([ADMIN, READ])}, "other roles, was GROUP_READ_ONLY"),
    ],
)
def test_another_account_status_or_role_stops_all_and_is_told(fields, says):
    first, second = members(2)
    approval = approve(reviewed(leaving(2), OWN, first, second))
    changed = differing(first, **fields)
    if "roles" in fields:
        changed = entry("u000@corp.example", ADMIN, READ)
    (stop, *rest) = judged(approval, reviewed(leaving(2), OWN, changed, second)).blocked
    assert stop["guard"] == "approved_plan" and "1 of 2 steps was not approved" in stop["detail"]
    assert says in stop["detail"] and [one["guard"] for one in rest] == ["max_removals"]


def test_no_more_than_twenty_are_named():
    approval = approve(reviewed(leaving(1), OWN, *members(50)))
    (stop,) = judged(approval, reviewed(leaving(30), OWN, *members(50)), guards=ANY).blocked
    assert stop["detail"].count("remove u") == 20 and "and 9 more" in stop["detail"]


def test_an_approval_lifts_only_what_stopped_the_plan_that_was_reviewed():
    one = reviewed(leaving(2), OWN, *members(9))
    assert judged(approve(one), one).approval["lifted"] == ["max_removals"]
    stricter = GUARDS._replace(max_removal_percent=0)
    found = judged(approve(one), one, guards=stricter)
    assert [stop["guard"] for stop in found.blocked] == ["max_removal_percent"]
    alone = guarding.Approval(digest(totals.plan_rows([one])))
    assert judged(alone, one, guards=stricter).blocked == [], "where no plan is at hand, it is all that is known"
    lost = guarding.unknown_protected(["vera@corp.example"], [])
    assert judged(alone, one, lost=lost).blocked == lost, "no step of the plan trips that one"


@pytest.mark.parametrize(
    ("handed", "stopped"),
    [
        ([], ["max_removals"]),
        (["max_removals"], []),
        ([{"guard": "max_removals", "project": None, "detail": "whatever"}], []),
        ([{"guard": "max_removals", "project": "one"}], ["max_removals"]),
        (["max_removal_percent"], ["max_removals"]),
    ],
)
def test_what_stopped_the_review_may_be_handed_over_where_its_plan_is_not_at_hand(handed, stopped):
    one = reviewed(leaving(2), OWN, *members(9))
    rows = totals.plan_rows([one])
    for steps in (None, [step_hash(row) for row in rows]):
        approval = guarding.read_approval(digest(rows), steps, handed)
        assert [stop["guard"] for stop in judged(approval, one).blocked] == stopped
    found = {"steps": rows, "blocked": []}
    assert judged(guarding.with_plan(approval, found), one).blocked, "the plan itself knows better"


@pytest.mark.parametrize("wrong", [5, {"project": "one"}, {"guard": 3}])
def test_what_is_no_guard_is_refused_with_its_value(wrong):
    with pytest.raises(Refusal, match="approved_guards: "):
        guarding.read_approval("1" * 64, None, [wrong])


def test_an_approval_for_one_project_is_none_for_another():
    first, second = project("one", "a", 19, going=15), project("two", "b", 19, going=15)
    guards = ANY._replace(max_project_removal_percent=50)
    approval = approve(first, second, guards=guards)
    assert judged(approval, first, second, guards=guards).blocked == []
    half = approval._replace(lifts=frozenset([("max_project_removal_percent", "one")]))
    assert [stop["project"] for stop in judged(half, first, second, guards=guards).blocked] == ["two"]
    same = project("one", "b", 19, going=15)
    names = [stop["project"] for stop in guarding.judge(guards, [first, same], totals.plan_rows([first, same])).blocked]
    assert names == [f"one ({'a' * 24})", f"one ({'b' * 24})"]


def test_without_the_steps_only_the_very_same_plan_passes():
    one, less = reviewed(leaving(2), OWN, *members(9)), reviewed(leaving(1), OWN, *members(9))
    approval = guarding.Approval(digest(totals.plan_rows([one])))
    assert judged(approval, one).blocked == []
    (stop,) = judged(approval, less).blocked
    assert stop["guard"] == "approved_plan" and "can't be told" in stop["detail"]
    assert judged(approval, reviewed({}, OWN)).blocked == []


def test_hashes_of_the_steps_will_do():
    one, less = reviewed(leaving(2), OWN, *members(9)), reviewed(leaving(1), OWN, *members(9))
    hashes = [step_hash(row) for row in totals.plan_rows([one])]
    approval = guarding.read_approval(f" {digest(totals.plan_rows([one])).upper()} ", hashes)
    found = judged(approval, less)
    assert found.blocked == [] and found.warnings == ["1 of 2 approved steps is no longer due"]
    assert [stop["guard"] for stop in judged(approval, reviewed(leaving(3), OWN, *members(9)), guards=ANY).blocked] == [
        "approved_plan"
    ]


@pytest.mark.parametrize(
    ("plan", "steps", "says"),
    [
        ("0" * 63, None, "is not a digest"),
        ("0" * 65, None, "is not a digest"),
        ("g" * 64, None, "is not a digest"),
        ("0" * 64, ["1" * 64], "another one"),
        (None, ["1" * 64], "needs approved_plan"),
        ("", ["1" * 64], "needs approved_plan"),
    ],
)
def test_an_approval_that_makes_no_sense_is_refused(plan, steps, says):
    with pytest.raises(Refusal, match=says):
        guarding.read_approval(plan, steps)


@pytest.mark.parametrize("plan", [None, "", "  "])
@pytest.mark.parametrize("steps", [None, [], [""]])
def test_a_blank_approval_is_none(plan, steps):
    assert guarding.read_approval(plan, steps) is None


@pytest.mark.parametrize("going", [0, 1])
def test_an_approval_may_be_required(going):
    one = reviewed(leaving(going), OWN, *members(9))
    found = guarding.judge(ANY, [one], totals.plan_rows([one]), None, True)
    assert [stop["guard"] for stop in found.blocked] == ["require_approval"] * going
    assert judged(approve(one), one, require=True).blocked == []
