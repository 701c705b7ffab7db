# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules, guards and digests, without any I/O."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.atlasops.access.plugins.module_utils import _policy as policy
from ansible_collections.atlasops.access.plugins.module_utils._access import (
    Entry,
    Member,
    Project,
    Refusal,
    Way,
    replay,
)
from ansible_collections.atlasops.access.plugins.module_utils._policy import Guards

NO_GUARDS = Guards()
NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
PROJECT = Project("a" * 24, "payments-prod", "f" * 24)


def entry(
    user, *roles, status="ACTIVE", last="2026-11-20T00:00:00Z", created="2020-01-01T00:00:00Z", invited=None, ways=()
):
    direct = (Way("direct", None, frozenset(roles)),) if roles else ()
    member = Member(user, f"id-{user}", status, frozenset(roles), last, created, invited)
    return user.lower(), Entry(member, (*direct, *ways))


def reviewed(given, *entries, guards=NO_GUARDS, grants=True):
    rules, _warnings = policy.located(policy.read_policy(given)[0], [PROJECT])
    mine = policy.grants_by_project(rules, [PROJECT]).get(PROJECT.id) if grants else None
    return policy.review(rules, guards, PROJECT, dict(entries), mine, NOW)


def found(given, *entries, **more):
    """Findings as user -> (action, rules)."""
    return {finding.key: (finding.action, finding.rules) for finding in reviewed(given, *entries, **more).findings}


ANN = entry("Ann@corp.example", "GROUP_OWNER")
BOB = entry("bob@corp.example", "GROUP_OWNER", "GROUP_READ_ONLY")
EXT = entry("ext@other.example", "GROUP_READ_ONLY")


def test_nothing_is_found_without_rules():
    assert found({}, ANN, BOB, EXT) == {}
    assert (
        found({"leavers": [], "exceptions": [], "fallback_role": "", "inactive_days": "", "allowed_users": [""]}, ANN)
        == {}
    )


def test_leavers_are_found_in_any_case_and_by_id():
    assert found({"leavers": ["ANN@corp.example"]}, ANN, BOB) == {"ann@corp.example": ("remove", ("leavers",))}


def test_a_leaver_who_is_no_member_is_reported_with_the_way_in():
    team = entry("ann@corp.example", ways=[Way("team", "ops", frozenset(["GROUP_OWNER"]))])
    (finding,) = reviewed({"leavers": ["ann@corp.example"]}, team).findings
    assert finding.action == "report" and finding.ways[0].name == "ops"
    assert "nothing to take" in finding.reasons[1]


def test_allowed_lists():
    assert found({"allowed_users": ["ann@corp.example"]}, ANN, BOB) == {
        "bob@corp.example": ("remove", ("allowed_users",))
    }
    assert found({"allowed_domains": ["@Corp.example"]}, ANN, EXT) == {
        "ext@other.example": ("remove", ("allowed_domains",))
    }
    sub = entry("x@sub.corp.example", "GROUP_READ_ONLY")
    assert "x@sub.corp.example" in found({"allowed_domains": ["corp.example"]}, sub)


def test_an_organization_role_alone_breaks_no_list():
    owner = entry("root@other.example", ways=[Way("organization", "ORG_OWNER", frozenset(["GROUP_OWNER"]))])
    rules = {
        "allowed_users": ["a@x.example"],
        "allowed_domains": ["x.example"],
        "role_holders": {"GROUP_OWNER": ["a@x.example"]},
    }
    assert found(rules, owner) == {}


@pytest.mark.parametrize(
    ("status", "invited", "action"),
    [
        ("PENDING", "2026-11-20T00:00:00Z", None),
        ("PENDING", "2026-11-08T00:00:00Z", "remove"),
        ("PENDING", None, "report"),
        ("INVITATION_EXPIRED", "2026-11-20T00:00:00Z", "remove"),
        ("INVITATION_REJECTED", None, "remove"),
        ("ACTIVE", None, None),
    ],
)
def test_stale_invitations(status, invited, action):
    one = entry("x@corp.example", "GROUP_READ_ONLY", status=status, invited=invited)
    assert found({"stale_invitation_days": "14"}, one).get("x@corp.example", (None,))[0] == action


@pytest.mark.parametrize(
    ("last", "created", "action"),
    [
        ("2026-08-01T00:00:00Z", "2020-01-01T00:00:00Z", "remove"),
        ("2026-09-01T00:00:00Z", "2020-01-01T00:00:00Z", None),
        (None, "2026-11-15T00:00:00Z", None),
        (None, "2026-11-01T00:00:00Z", "remove"),
        (None, None, "report"),
    ],
)
def test_inactive_people(last, created, action):
    one = entry("x@corp.example", "GROUP_READ_ONLY", last=last, created=created)
    assert found({"inactive_days": 90, "grace_days": 14}, one).get("x@corp.example", (None,))[0] == action


def test_a_role_is_taken_from_others_and_an_only_role_needs_a_replacement():
    rule = {"role_holders": {"GROUP_OWNER": ["ann@corp.example"]}}
    carl = entry("carl@corp.example", "GROUP_OWNER")
    assert found(rule, ANN, BOB, carl) == {
        "bob@corp.example": ("revoke", ("role_holders",)),
        "carl@corp.example": ("report", ("role_holders",)),
    }
    one = reviewed({**rule, "fallback_role": "GROUP_READ_ONLY"}, ANN, BOB, carl)
    after = replay(one.before, one.steps)
    assert after["carl@corp.example"] == {"GROUP_READ_ONLY"} == after["bob@corp.example"]
    calls = policy.calls([one], policy.plan_rows([one]))
    assert calls["grant"] == [], "the replacement goes with the call that revokes"
    assert [call["fallback_role"] for call in calls["revoke"]] == [None, "GROUP_READ_ONLY"]


DESIRED = [
    {"project": "payments-*", "user": "ann@corp.example", "roles": ["GROUP_OWNER"]},
    {"project": PROJECT.id, "user": "bob@corp.example", "roles": "GROUP_READ_ONLY", "expires": "2026-11-22"},
    {
        "project": "payments-prod",
        "user": "old@corp.example",
        "roles": ["GROUP_READ_ONLY"],
        "expires": "2026-11-21",
        "reason": "audit",
    },
    {"project": "payments-prod", "user": "new@corp.example", "roles": ["GROUP_READ_ONLY"]},
]


def test_the_desired_state_finds_unlisted_surplus_expired_and_missing():
    old = entry("old@corp.example", "GROUP_READ_ONLY")
    one = reviewed({"memberships": DESIRED}, ANN, BOB, EXT, old)
    assert {finding.key: (finding.action, sorted(finding.roles)) for finding in one.findings} == {
        "bob@corp.example": ("revoke", ["GROUP_OWNER"]),
        "ext@other.example": ("remove", ["GROUP_READ_ONLY"]),
        "old@corp.example": ("remove", ["GROUP_READ_ONLY"]),
        "new@corp.example": ("add", ["GROUP_READ_ONLY"]),
    }
    assert any("expired on 2026-11-21 (audit)" in reason for finding in one.findings for reason in finding.reasons)
    assert "new@corp.example" not in replay(one.before, one.steps), "missing people are reported, not repaired"


def test_missing_people_are_planned_only_when_asked_for():
    one = reviewed({"memberships": DESIRED, "add_missing": "true"}, ANN)
    assert replay(one.before, one.steps) == {
        "ann@corp.example": {"GROUP_OWNER"},
        "bob@corp.example": {"GROUP_READ_ONLY"},
        "new@corp.example": {"GROUP_READ_ONLY"},
    }


def test_a_listed_role_replaces_a_surplus_only_role():
    one = reviewed({"memberships": DESIRED}, entry("ann@corp.example", "GROUP_READ_ONLY"))
    assert replay(one.before, one.steps)["ann@corp.example"] == {"GROUP_OWNER"}


def test_a_project_that_is_not_named_is_left_alone():
    assert found({"memberships": DESIRED}, EXT, grants=False) == {}


def test_files_of_projects_unfold_to_rows():
    files = [{"project": "payments-prod", "memberships": [{"user": "ann@corp.example", "roles": ["GROUP_OWNER"]}]}]
    assert found({"memberships": files}, ANN) == {}


@pytest.mark.parametrize(
    ("exception", "holds"),
    [
        ({"user": "EXT@other.example"}, True),
        ({"user": "ext@other.example", "rule": "allowed_domains", "until": "2026-11-22"}, True),
        ({"user": "ext@other.example", "until": "2026-11-21"}, False),
        ({"user": "ext@other.example", "rule": "leavers"}, False),
        ({"user": "ext@other.example", "project": "payments-*"}, True),
        ({"user": "ext@other.example", "project": "other"}, False),
        ({"user": "ann@corp.example"}, False),
    ],
)
def test_exceptions_hold_for_their_user_project_rule_and_time(exception, holds):
    one = reviewed({"allowed_domains": ["corp.example"], "exceptions": [exception]}, EXT)
    assert bool(one.findings) is not holds
    assert len(one.applied) == holds


def test_one_finding_has_all_rules_and_the_most_severe_action():
    rules = {"leavers": ["bob@corp.example"], "role_holders": {"GROUP_OWNER": ["ann@corp.example"]}}
    assert found(rules, BOB) == {"bob@corp.example": ("remove", ("leavers", "role_holders"))}


def test_protected_people_are_left_alone_and_missed_when_gone():
    guards = Guards(protected_users=frozenset(["ann@corp.example", "gone@corp.example"]))
    one = reviewed({"allowed_users": ["x@x.example"]}, ANN, guards=guards)
    assert one.findings[0].action == "report" and one.steps == []
    assert policy.missing_protected(guards, [one]) == ["gone@corp.example"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"allowed_users": []}, "allowed_users is empty"),
        ({"allowed_domains": []}, "allowed_domains is empty"),
        ({"memberships": []}, "memberships is empty"),
        ({"role_holders": {}}, "role_holders is empty"),
        ({"role_holders": {"GROUP_OWNER": []}}, "name at least one"),
        ({"role_holders": {"ORG_OWNER": ["a@x.example"]}}, "organization roles"),
        ({"inactive_days": "soon"}, "'soon' is not a number"),
        ({"inactive_days": -1}, "is not a number"),
        ({"leavers": ["dana"]}, "policy.leavers: 'dana' is neither"),
        ({"exceptions": [{"user": "a@x.example", "until": "tomorrow"}]}, "'tomorrow' is not a date"),
        ({"exceptions": [{"user": "a@x.example", "rule": "leaver"}]}, "'leaver' is not a rule"),
        ({"exceptions": [{"users": "a@x.example"}]}, "'users' is not a key"),
        ({"memberships": [{"project": "p", "user": "a@x.example"}]}, "lacks a project, a user or roles"),
        ({"memberships": [{"project": "p", "memberships": []}]}, "lists nobody"),
        ({"allowed_domains": ["*.corp.example"]}, "not a domain"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_with_a_sentence(given, says):
    with pytest.raises(Refusal) as refused:
        policy.read_policy(given)
    assert says in str(refused.value)


def plan_of(guards, *entries, approved="", earlier=None, leavers=("ann@corp.example",)):
    one = reviewed({"leavers": list(leavers)}, *entries, guards=guards)
    rows = policy.plan_rows([one])
    return rows, [trip["guard"] for trip in policy.blocked(guards, [one], rows, approved, earlier)]


MANY = [entry(f"u{number}@corp.example", "GROUP_READ_ONLY") for number in range(8)]


@pytest.mark.parametrize("word", [True, "true", "Yes", " on ", 1, "1"])
def test_truth_values_may_be_words(word):
    assert policy.read_policy({"add_missing": word})[0].add_missing
    no = {True: False, "true": "FALSE", "Yes": "no", " on ": "off", "1": "0"}[word]
    assert not policy.read_policy({"add_missing": no})[0].add_missing
    with pytest.raises(policy.Refusal, match="policy.add_missing: 'ture' is neither true nor false"):
        policy.read_policy({"add_missing": "ture"})


def test_guards_count_removals_percent_and_owners():
    assert plan_of(Guards(), ANN, BOB, *MANY)[1] == []
    assert plan_of(Guards(max_removals=0), ANN, BOB, *MANY)[1] == ["max_removals"]
    assert plan_of(Guards(max_removal_percent=9), ANN, BOB, *MANY)[1] == ["max_removal_percent"]
    assert plan_of(Guards(max_removal_percent=10), ANN, BOB, *MANY)[1] == []
    assert plan_of(Guards(min_owners=2), ANN, BOB, *MANY)[1] == ["min_owners"]
    assert plan_of(Guards(), ANN, *MANY)[1] == ["min_owners"]


def test_invited_people_count_and_invited_owners_do_not():
    invited = [
        entry(f"p{number}@corp.example", "GROUP_OWNER", status="PENDING", invited="2026-01-01T00:00:00Z")
        for number in range(9)
    ]
    guards = Guards(max_removal_percent=50)
    one = reviewed({"stale_invitation_days": 30}, ANN, *invited, guards=guards)
    rows = policy.plan_rows([one])
    assert [trip["guard"] for trip in policy.blocked(guards, [one], rows, "", None)] == ["max_removal_percent"]
    assert plan_of(Guards(), ANN, *invited)[1] == ["min_owners"]


def test_owners_through_a_team_count():
    team = entry("tess@corp.example", ways=[Way("team", "ops", frozenset(["GROUP_OWNER"]))])
    assert plan_of(Guards(), ANN, team, *MANY)[1] == []
    waiting = entry("tess@corp.example", status="PENDING", ways=[Way("team", "ops", frozenset(["GROUP_OWNER"]))])
    assert plan_of(Guards(), ANN, waiting, *MANY)[1] == ["min_owners"]


def test_the_very_plan_that_was_reviewed_passes_and_any_other_says_what_differs():
    guards = Guards(max_removals=0)
    rows, tripped = plan_of(guards, ANN, BOB, *MANY)
    approved = policy.digest(rows)
    assert tripped and plan_of(guards, ANN, BOB, *MANY, approved=approved)[1] == []
    one = reviewed({"leavers": ["ann@corp.example", "bob@corp.example"]}, ANN, BOB, *MANY)
    (trip,) = policy.blocked(guards, [one], policy.plan_rows([one]), approved, rows)
    assert trip["guard"] == "approved_plan" and "new: remove bob@corp.example in payments-prod" in trip["detail"]
    assert plan_of(guards, *MANY, approved=approved)[1] == [], "an empty plan has nothing to stop"


rows_of_steps = st.lists(
    st.fixed_dictionaries(
        {
            "project": st.just("p"),
            "project_id": st.sampled_from("ab"),
            "user": st.sampled_from(["a@x", "b@x", "A@x"]),
            "user_id": st.sampled_from([None, "1" * 24, "2" * 24]),
            "action": st.sampled_from(["remove", "revoke"]),
            "roles": st.lists(st.sampled_from(["X", "Y"]), min_size=1, unique=True),
        }
    ),
    max_size=4,
)


@given(rows_of_steps, st.randoms())
def test_a_digest_does_not_depend_on_order_and_sees_every_change(rows, random):
    shuffled = [{**row, "roles": row["roles"][::-1]} for row in rows]
    random.shuffle(shuffled)
    assert policy.digest(shuffled) == policy.digest(rows)
    for number in range(len(rows)):
        assert policy.digest(rows[:number] + rows[number + 1 :]) != policy.digest(rows)
