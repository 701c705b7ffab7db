# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules, guards and digests, without any I/O."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.atlasops.access.plugins.module_utils import _policy as policy
from ansible_collections.atlasops.access.plugins.module_utils import _review as review
from ansible_collections.atlasops.access.plugins.module_utils import _rules as rules_of
from ansible_collections.atlasops.access.plugins.module_utils import _today as today
from ansible_collections.atlasops.access.plugins.module_utils import _totals as totals
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


def reviewed(given, *entries, guards=NO_GUARDS, grants=True, active=(), by_roles=False):
    rules, _warnings = today.located(policy.read_policy(given)[0], [PROJECT])
    mine = today.grants_by_project(rules, [PROJECT]).get(PROJECT.id) if grants else None
    return review.review(rules, guards, PROJECT, dict(entries), mine, NOW, frozenset(active), by_roles)


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


def test_the_names_of_the_rules_are_keys_of_the_policy():
    assert tuple(rules_of.BY_NAME) == policy.RULES
    assert set(policy.RULES) < set(policy.Policy._fields)


@pytest.mark.parametrize("blank", ["", [""], None, "  "])
def test_what_is_blank_is_not_asked_for(blank):
    given = dict.fromkeys((*policy.RULES, "fallback_role", "add_missing", "exceptions"), blank)
    rules, _warnings = policy.read_policy(given)
    assert [name for name in policy.RULES if policy.is_asked(rules, name)] == [] and policy.parsed(rules) == {}
    assert totals.summary(rules, NO_GUARDS, [], [])["by_rule"] == {}


def test_the_parsed_policy_is_what_was_asked_for_as_it_was_understood():
    given = {
        "leavers": "Ann@corp.example; bob@corp.example",
        "inactive_days": "90",
        "allowed_users": [""],
        "memberships": [{"project": "p", "user": "A@x.example", "roles": "GROUP_OWNER", "expires": "2030-01-31"}],
        "exceptions": [{"user": "a@x.example", "until": "2030-01-31", "reason": ""}],
    }
    assert policy.parsed(policy.read_policy(given)[0]) == {
        "leavers": ["ann@corp.example", "bob@corp.example"],
        "inactive_days": 90,
        "grace_days": 14,
        "memberships": [{"project": "p", "user": "a@x.example", "roles": ["GROUP_OWNER"], "expires": "2030-01-31"}],
        "add_missing": False,
        "exceptions": [{"user": "a@x.example", "project": None, "rule": None, "until": "2030-01-31", "reason": ""}],
    }


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
    assert [step.action for step in one.steps] == ["grant", "revoke", "revoke"]


def test_a_role_by_a_team_alone_is_told_and_not_planned():
    team = entry("x@corp.example", "GROUP_READ_ONLY", ways=[Way("team", "ops", frozenset(["GROUP_OWNER"]))])
    one = reviewed({"role_holders": {"GROUP_OWNER": ["ann@corp.example"]}}, ANN, team)
    assert [(finding.action, one.steps) for finding in one.findings] == [("report", [])]


@pytest.mark.parametrize("status", ["INVITATION_EXPIRED", "INVITATION_REJECTED"])
@pytest.mark.parametrize("roles", [["GROUP_OWNER"], ["GROUP_OWNER", "GROUP_READ_ONLY"]])
@pytest.mark.parametrize("add_missing", [True, False])
def test_a_lapsed_invitation_holds_no_role_and_is_renewed_by_memberships_alone(status, roles, add_missing):
    one = entry("x@corp.example", *roles, status=status)
    holders = {"role_holders": {"GROUP_OWNER": ["ann@corp.example"]}, "fallback_role": "GROUP_READ_ONLY"}
    assert found({**holders, "add_missing": add_missing}, ANN, one) == {}
    listed = desired((one[0], "GROUP_READ_ONLY"), (ANN[0], "GROUP_OWNER"))
    done = reviewed({**holders, "memberships": listed, "add_missing": add_missing}, ANN, one)
    assert [(step.action, step.user) for step in done.steps] == ([("add", one[0])] if add_missing else [])


@pytest.mark.parametrize("status, invited", [("PENDING", "2020-01-01T00:00:00Z"), ("INVITATION_EXPIRED", None)])
@pytest.mark.parametrize("add_missing", [True, False])
def test_an_invitation_that_the_next_run_would_send_again_is_not_taken_back(status, invited, add_missing):
    one = entry("x@corp.example", "GROUP_READ_ONLY", status=status, invited=invited)
    listed = desired((one[0], "GROUP_READ_ONLY"), (ANN[0], "GROUP_OWNER"))
    rules = {"stale_invitation_days": 14, "memberships": listed, "add_missing": add_missing}
    assert ("remove" in [step.action for step in reviewed(rules, ANN, one).steps]) is not add_missing


def legacy(user, *roles):
    key, one = entry(user, *roles, status="PENDING", invited="2020-01-01T00:00:00Z")
    return f"legacy-{key}", one._replace(member=one.member._replace(legacy=True, last_auth=None))


def desired(*people):
    return [{"project": "payments-prod", "user": user, "roles": list(roles)} for user, *roles in people]


@pytest.mark.parametrize(
    ("given", "action"),
    [
        ({"leavers": ["lee@corp.example"]}, "remove"),
        ({"stale_invitation_days": 14}, "remove"),
        ({"role_holders": {"GROUP_OWNER": ["ann@corp.example"]}}, "report"),
        ({"role_holders": {"GROUP_OWNER": ["ann@corp.example"]}, "fallback_role": "GROUP_BACKUP_MANAGER"}, "report"),
        ({"memberships": desired(("lee@corp.example", "GROUP_OWNER"))}, "report"),
        ({"memberships": desired(("lee@corp.example", "GROUP_BACKUP_MANAGER"))}, "report"),
        (
            {"memberships": desired(("lee@corp.example", "GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_BACKUP_MANAGER"))},
            "report",
        ),
        ({"memberships": desired(("other@corp.example", "GROUP_OWNER"))}, "remove"),
    ],
)
@pytest.mark.parametrize("add_missing", [True, False])
def test_a_legacy_invitation_is_removed_or_reported(given, action, add_missing):
    key, lee = legacy("lee@corp.example", "GROUP_OWNER", "GROUP_READ_ONLY")
    one = reviewed({**given, "add_missing": add_missing}, (key, lee))
    assert [finding.action for finding in one.findings if finding.key == key] == [action]
    mine = [step.action for step in one.steps if step.user == key]
    assert mine == (["remove"] if action == "remove" else [])
    assert all(row["legacy"] is (row["user"] == "lee@corp.example") for row in totals.plan_rows([one]))


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
    assert found(rules, ANN, BOB) == {"bob@corp.example": ("remove", ("leavers", "role_holders"))}


def test_protected_people_are_left_alone():
    one = reviewed({"allowed_users": ["x@x.example"]}, ANN, guards=Guards(frozenset(["ann@corp.example"])))
    assert one.findings[0].action == "report" and one.steps == []


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


@pytest.mark.parametrize("word", [True, "true", "Yes", " on ", 1, "1"])
def test_truth_values_may_be_words(word):
    assert policy.read_policy({"add_missing": word})[0].add_missing
    no = {True: False, "true": "FALSE", "Yes": "no", " on ": "off", "1": "0"}[word]
    assert not policy.read_policy({"add_missing": no})[0].add_missing
    with pytest.raises(policy.Refusal, match="policy.add_missing: 'ture' is neither true nor false"):
        policy.read_policy({"add_missing": "ture"})


# --- the last owner --------------------------------------------------------------------------------------------------


def held(one):
    """Who stays as the last owner."""
    return [finding.key for finding in one.findings if finding.reasons[-1].startswith("last_owner: ")]


OWNERS = [entry(f"own{number}@corp.example", "GROUP_OWNER") for number in range(3)]
PLAIN = entry("plain@corp.example", "GROUP_READ_ONLY")


@pytest.mark.parametrize("leaving", range(4))
def test_the_last_owner_stays_and_the_rest_goes(leaving):
    leavers = [key for key, _entry in OWNERS[:leaving]] + [PLAIN[0]]
    one = reviewed({"leavers": leavers}, *OWNERS, PLAIN)
    gone = {step.user for step in one.steps}
    assert held(one) == (["own2@corp.example"] if leaving == 3 else [])
    assert gone == {*leavers} - {*held(one)} and len(one.left) == max(1, 3 - leaving)
    assert all(finding.action == "report" for finding in one.findings if finding.key in held(one))


def test_rather_somebody_stays_who_has_not_left():
    policy = {"leavers": ["own2@corp.example"], "allowed_users": ["plain@corp.example"]}
    assert held(reviewed(policy, *OWNERS, PLAIN)) == ["own1@corp.example"]


def test_an_owner_who_would_only_lose_the_role_goes_before_one_who_would_be_removed():
    rules = {"role_holders": {"GROUP_OWNER": ["plain@corp.example"]}, "allowed_users": ["own0@corp.example", PLAIN[0]]}
    one = reviewed({**rules, "fallback_role": "GROUP_READ_ONLY"}, *OWNERS[:2], PLAIN)
    assert held(one) == ["own1@corp.example"], "the last one in the plan's order"
    assert [(step.action, step.user) for step in one.steps] == [
        ("grant", "own0@corp.example"),
        ("revoke", "own0@corp.example"),
    ]


@pytest.mark.parametrize("status", ["PENDING", "INVITATION_EXPIRED"])
def test_a_project_that_has_no_active_owner_already_stops_nothing(status):
    waiting = entry("wait@corp.example", "GROUP_OWNER", status=status)
    one = reviewed({"leavers": ["wait@corp.example", "plain@corp.example"]}, waiting, PLAIN)
    assert held(one) == [] and len(one.steps) == 2


@pytest.mark.parametrize(("active", "stays"), [(True, False), (False, True)])
def test_an_owner_to_be_added_counts_where_the_organization_knows_them_as_active(active, stays):
    rows = desired(("new@corp.example", "GROUP_OWNER"))
    one = reviewed({"memberships": rows, "add_missing": True}, OWNERS[0], active=["new@corp.example"] if active else [])
    assert bool(held(one)) is stays
    assert [step.action for step in one.steps] == (["add"] if stays else ["add", "remove"])


@pytest.mark.parametrize(("status", "stays"), [("ACTIVE", False), ("PENDING", True)])
def test_an_owner_to_be_made_counts_where_active(status, stays):
    plain = entry("plain@corp.example", "GROUP_READ_ONLY", status=status, invited="2026-11-22T00:00:00Z")
    rows = desired(("plain@corp.example", "GROUP_OWNER", "GROUP_READ_ONLY"))
    assert bool(held(reviewed({"memberships": rows, "add_missing": True}, OWNERS[0], plain))) is stays


BY_TEAM = Way("team", "ops", frozenset(["GROUP_OWNER", "GROUP_READ_ONLY"]))


@pytest.mark.parametrize("by_roles", [True, False])
def test_an_owner_by_a_team_counts_but_told_by_roles_only_not_the_direct_ones(by_roles):
    other = entry("tess@corp.example", ways=[BY_TEAM])
    assert held(reviewed({"leavers": [OWNERS[0][0]]}, OWNERS[0], other, by_roles=by_roles)) == []
    own = entry("own@corp.example", "GROUP_OWNER", ways=[BY_TEAM])
    assert held(reviewed({"leavers": ["own@corp.example"]}, own, by_roles=by_roles)) == [own[0]] * by_roles


# --- whole reviews ---------------------------------------------------------------------------------------------------

PEOPLE = [f"p{number}@{domain}" for number in range(3) for domain in ("corp.example", "x.example")]
ROLES = ["GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_DATA_ACCESS_ADMIN"]
some_roles = st.lists(st.sampled_from(ROLES), min_size=1, unique=True)
seats = st.fixed_dictionaries(
    {
        "roles": some_roles,
        "status": st.sampled_from(["ACTIVE", "ACTIVE", "PENDING", "INVITATION_EXPIRED"]),
        "last": st.sampled_from(["2026-11-20T00:00:00Z", "2020-01-01T00:00:00Z", None]),
        "invited": st.just("2026-11-01T00:00:00Z"),
        "ways": st.sampled_from([(), (BY_TEAM,)]),
    }
)
# Rules that don't contradict each other; see conflicts.
policies = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "leavers": st.lists(st.sampled_from(PEOPLE), unique=True),
            "allowed_domains": st.just(["corp.example"]),
            "stale_invitation_days": st.sampled_from([14, 60]),
            "inactive_days": st.just(90),
            "role_holders": st.just({"GROUP_OWNER": ["p0@corp.example"]}),
            "fallback_role": st.just("GROUP_READ_ONLY"),
        },
    ),
    st.fixed_dictionaries(
        {
            "memberships": st.dictionaries(st.sampled_from(PEOPLE), some_roles, min_size=1).map(
                lambda rows: desired(*((user, *roles) for user, roles in rows.items()))
            ),
            "add_missing": st.booleans(),
        }
    ),
)


def afterwards(one, active):
    """The project after the steps."""
    entries = {}
    for key, roles in replay(one.before, one.steps).items():
        _key, fresh = entry(
            key, *roles, status="ACTIVE" if key in active else "PENDING", invited="2026-11-22T00:00:00Z"
        )
        old = one.entries.get(key, fresh)
        if not roles:
            entries[key] = old
            continue
        was = fresh.member if old.member.status == "INVITATION_EXPIRED" else old.member
        ways = (Way("direct", None, frozenset(roles)), *(way for way in old.ways if way.kind != "direct"))
        entries[key] = Entry(was._replace(roles=frozenset(roles)), ways)
    return entries


@given(policies, st.dictionaries(st.sampled_from(PEOPLE), seats), st.sets(st.sampled_from(PEOPLE)))
def test_no_plan_ends_the_last_owner_and_what_was_planned_needs_no_other_plan(given, people, active):
    # The status of a membership is that in the organization; it can't be another one there.
    active = active - people.keys()
    entries = [entry(user, *seat.pop("roles"), **seat) for user, seat in ((u, dict(s)) for u, s in people.items())]
    one = reviewed(given, *entries, active=active)
    if one.owners:
        assert one.left, "an owner stays"
    after = afterwards(one, active)
    owners = review.owners(after, {key: found.member.roles for key, found in after.items()})
    assert owners >= one.left & after.keys()
    again = reviewed(given, *after.items(), active=active)
    assert again.steps == []


@given(policies, st.dictionaries(st.sampled_from(PEOPLE), seats))
def test_each_membership_is_counted_once(given, people):
    entries = [entry(user, *seat.pop("roles"), **seat) for user, seat in ((u, dict(s)) for u, s in people.items())]
    one = reviewed(given, *entries)
    after = replay(one.before, one.steps)
    living = {key for key, found in entries if found.member.status in ("ACTIVE", "PENDING")}
    lost = {key for key in living if key not in after or one.before[key] - after[key]}
    more = {key for key in after if key not in lost and after[key] - one.before.get(key, frozenset())}
    assert (totals.living(one), totals.losing(one), totals.gaining(one)) == (living, lost, more)
