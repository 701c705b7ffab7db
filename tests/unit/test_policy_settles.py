# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy is a state: once its plan is carried out, the same policy plans nothing; for every one that is accepted."""

from __future__ import annotations

import os
from datetime import datetime, timezone

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.atlasops.access.plugins.module_utils import _policy as policy
from ansible_collections.atlasops.access.plugins.module_utils import _review as review
from ansible_collections.atlasops.access.plugins.module_utils import _today as today
from ansible_collections.atlasops.access.plugins.module_utils._access import (
    Entry,
    Member,
    Person,
    Project,
    Refusal,
    Way,
    folded,
    replay,
)
from ansible_collections.atlasops.access.plugins.module_utils._settle import Known

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
PROJECT = Project("a" * 24, "payments-prod", "f" * 24)
OWNER, READ, ADMIN = ROLES = ["GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_DATA_ACCESS_ADMIN"]
EMAILS = [f"p{number}@{domain}" for number in range(3) for domain in ("corp.example", "x.example")]
IDS = {email: f"{number:024x}" for number, email in enumerate(EMAILS, 1)}
LONG_AGO, LATELY = "2020-01-01T00:00:00Z", "2026-11-20T00:00:00Z"
INVITED = "2026-11-01T00:00:00Z"

# --- worlds ----------------------------------------------------------------------------------------------------------


def person(email, status, last, created):
    return Person(email, IDS[email], status, frozenset(), frozenset(), last, created)


people = st.builds(
    dict,
    status=st.sampled_from(["ACTIVE", "ACTIVE", "PENDING", "INVITATION_EXPIRED"]),
    last=st.sampled_from([LATELY, LONG_AGO, None]),
    created=st.sampled_from([LONG_AGO, None]),
)
some_roles = st.lists(st.sampled_from(ROLES), min_size=1, unique=True).map(frozenset)
TEAM = Way("team", "ops", frozenset([OWNER, READ]))
seats = st.tuples(st.none() | some_roles, st.sampled_from([(), (), (TEAM,)]), st.booleans())


def entry(one, roles, others, legacy=False):
    """Somebody of the organization in the project: with roles as a member, and by other ways."""
    active = one.status == "ACTIVE"
    member = Member(
        one.user,
        one.user_id,
        one.status,
        roles,
        one.last_auth if active else None,
        one.created_at if active else None,
        None if active else INVITED,
        legacy=legacy,
    )
    return Entry(member, (*([Way("direct", None, roles)] if roles else []), *others))


def entries_of(world, organization):
    found = {}
    for email, (roles, others, legacy) in world.items():
        if email in organization and (roles or others):
            one = organization[email]
            found[IDS[email]] = entry(one, roles or frozenset(), others, legacy and one.status == "PENDING")
    return found


def afterwards(one, organization):
    """The project after the steps: who is new or invited again is as the organization knows them."""
    after = replay(one.before, one.steps)
    found = {}
    for key, old in one.entries.items():
        others = tuple(way for way in old.ways if way.kind != "direct")
        if key not in after and (old.direct and not others):
            continue
        roles = after.get(key, frozenset())
        if key in after and not roles:
            found[key] = old
        elif review.lapsed(old) and roles:
            found[key] = fresh(old.member.user, roles, organization, others)
        else:
            ways = (*([Way("direct", None, frozenset(roles))] if roles else []), *others)
            found[key] = Entry(old.member._replace(roles=frozenset(roles)), ways)
    for email in after.keys() - one.entries.keys():
        here = found.get(IDS[email]) if email in organization else None
        made = fresh(email, after[email], organization, here.ways if here else ())
        found[str(made.member.user_id)] = made
    return found


def fresh(email, roles, organization, others=()):
    # Whose account the organization does not know has an id that nobody could have named.
    known = organization.get(email, person(email, "PENDING", None, None)._replace(user_id="f" * 12 + IDS[email][12:]))
    status = "ACTIVE" if known.status == "ACTIVE" else "PENDING"
    invited = None if status == "ACTIVE" else NOW.isoformat()
    made = entry(known._replace(status=status), frozenset(roles), others)
    return made._replace(member=made.member._replace(invitation_created_at=invited))


# --- policies --------------------------------------------------------------------------------------------------------

names = st.sampled_from(EMAILS + list(IDS.values()) + [email.upper() for email in EMAILS[:2]])
some_names = st.lists(names, min_size=1, max_size=4, unique=True)
days = st.sampled_from(["2026-11-20", "2026-11-21", "2026-11-22", "2030-01-31"])
leavers = st.lists(
    names | st.fixed_dictionaries({"user": names}, optional={"last_day": days, "reason": st.just("moved")}), max_size=3
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "project": st.sampled_from(["payments-prod", PROJECT.id, "pay*"]),
            "user": names,
            "roles": some_roles.map(sorted),
        },
        optional={"expires": days},
    ),
    min_size=1,
    max_size=5,
)
RULES = [*policy.RULES]
exceptions = st.lists(
    st.fixed_dictionaries({"user": names}, optional={"rule": st.sampled_from(RULES), "until": days}), max_size=3
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "leavers": leavers,
        "allowed_users": some_names,
        "allowed_domains": st.just("corp.example"),
        "stale_invitation_days": st.sampled_from([0, 14, 60]),
        "inactive_days": st.sampled_from([0, 90]),
        "role_holders": st.dictionaries(st.sampled_from(ROLES), some_names | st.just(""), min_size=1, max_size=2),
        "fallback_role": st.sampled_from(["GROUP_SEARCH_INDEX_EDITOR", *ROLES]),
        "memberships": rows,
        "add_missing": st.booleans(),
        "exceptions": exceptions,
    },
)


def judged(given_policy, protected, entries, known):
    try:
        rules, _warnings = policy.read_policy(given_policy)
        guards = policy.read_guards({"protected_users": protected})
        policy.check_together(rules, guards)
        rules, _unknown = today.located(rules, [PROJECT])
        grants = today.grants_by_project(rules, [PROJECT]).get(PROJECT.id)
    except Refusal:
        assume(False)
    everybody = known.find.organization if known.whole else {}
    active = frozenset(email for email, one in everybody.items() if one.status == "ACTIVE")
    return review.review(rules, guards, PROJECT, entries, grants, NOW, active, known=known)


class Finder:
    """Who is in the organization, by id or email."""

    def __init__(self, organization):
        self.organization = organization

    def __call__(self, user_id, email):
        mine = (one for one in self.organization.values() if user_id == one.user_id or folded(email or "") == one.user)
        return next(mine, None)


def known_of(organization, whole=True):
    return Known(Finder(organization), True) if whole else Known(whole=False)


@settings(max_examples=int(os.environ.get("POLICY_EXAMPLES") or 100))
@given(
    policies,
    st.lists(names, max_size=1),
    st.dictionaries(st.sampled_from(EMAILS), people),
    st.dictionaries(st.sampled_from(EMAILS), seats),
    st.booleans(),
)
def test_an_accepted_policy_settles(given_policy, protected, organization, world, whole):
    organization = {email: person(email, **facts) for email, facts in organization.items()}
    known = known_of(organization, whole)
    one = judged(given_policy, protected, entries_of(world, organization), known)
    again = judged(given_policy, protected, afterwards(one, organization), known)
    assert again.steps == [], (one.steps, one.findings, again.findings)


# --- which rule wins, and that it is told ----------------------------------------------------------------------------

ORGANIZATION = {
    "p0@corp.example": person("p0@corp.example", "ACTIVE", LATELY, LONG_AGO),
    "p0@x.example": person("p0@x.example", "ACTIVE", LONG_AGO, LONG_AGO),
}
OWN, OLD = "p0@corp.example", "p0@x.example"


def desired(*people_and_roles):
    return [{"project": "payments-prod", "user": user, "roles": roles} for user, *roles in people_and_roles]


def actions(one):
    return [(step.action, step.user) for step in one.steps]


RIVALS = {
    "leavers": {"leavers": [OLD]},
    "leavers-by-id": {"leavers": [IDS[OLD]]},
    "allowed_users": {"allowed_users": [OWN]},
    "allowed_domains": {"allowed_domains": ["corp.example"]},
    "inactive_days": {"inactive_days": 90},
}


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize("add_missing", [True, False])
@pytest.mark.parametrize("user", [OLD, IDS[OLD]], ids=["email", "id"])
def test_who_is_desired_and_forbidden_goes_and_stays_away_and_that_is_told(name, add_missing, user):
    given_policy = {
        **RIVALS[name],
        "memberships": desired((OWN, OWNER), (user, READ)),
        "add_missing": add_missing,
    }
    known = known_of(ORGANIZATION)
    entries = entries_of({OWN: (frozenset([OWNER]), (), False), OLD: (frozenset([READ]), (), False)}, ORGANIZATION)
    one = judged(given_policy, [], entries, known)
    conflict = review.Conflict(OLD, (name.partition("-")[0], "memberships"))
    assert actions(one) == [("remove", IDS[OLD])] and one.conflicts == [conflict]
    again = judged(given_policy, [], afterwards(one, ORGANIZATION), known)
    assert again.steps == [] and again.findings == [] and again.conflicts == [conflict]


def test_a_role_that_is_for_others_is_not_given_by_the_desired_state():
    rules = {
        "role_holders": {ADMIN: ["p1@corp.example"]},
        "memberships": desired((OWN, OWNER, ADMIN)),
        "add_missing": True,
    }
    entries = entries_of({OWN: (frozenset([OWNER]), (), False)}, ORGANIZATION)
    one = judged(rules, [], entries, known_of(ORGANIZATION))
    assert one.steps == [] and one.conflicts == [review.Conflict(OWN, ("role_holders", "memberships"))]
    nobody = judged(rules, [], {}, known_of(ORGANIZATION))
    assert [(step.action, step.roles) for step in nobody.steps] == [("add", (OWNER,))]


def test_a_desired_role_replaces_an_only_one_that_is_for_others_and_the_fallback_does_not():
    rules = {
        "role_holders": {OWNER: ["p1@corp.example"]},
        "fallback_role": ADMIN,
        "memberships": desired((OLD, READ)),
    }
    entries = entries_of({OLD: (frozenset([OWNER]), (), False), OWN: (frozenset([OWNER]), (), False)}, ORGANIZATION)
    rules["exceptions"] = [{"user": OWN}]
    one = judged(rules, [], entries, known_of(ORGANIZATION))
    assert replay(one.before, one.steps)[IDS[OLD]] == {READ} and one.conflicts == []


def test_an_exception_to_the_other_rule_leaves_the_desired_state_as_it_is():
    rules = {
        "allowed_domains": "corp.example",
        "memberships": desired((OLD, READ)),
        "add_missing": True,
        "exceptions": [{"user": OLD, "rule": "allowed_domains"}],
    }
    one = judged(rules, [], {}, known_of(ORGANIZATION))
    assert actions(one) == [("add", OLD)] and one.conflicts == [] and len(one.applied) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_nobody_is_added_of_whom_it_is_not_known_whether_another_rule_forbids_it(whole):
    rules = {"inactive_days": 90, "memberships": desired((OWN, READ)), "add_missing": True}
    one = judged(rules, [], {}, known_of(ORGANIZATION, whole))
    assert actions(one) == ([("add", OWN)] if whole else [])
    assert [finding.action for finding in one.findings] == (["add"] if whole else ["report"])


def test_somebody_who_is_to_leave_is_given_what_is_desired_until_then():
    rules = {
        "leavers": [{"user": OWN, "last_day": "2026-11-22"}],
        "memberships": desired((OWN, READ)),
        "add_missing": True,
    }
    one = judged(rules, [], {}, known_of(ORGANIZATION))
    assert actions(one) == [("add", OWN)] and one.conflicts == []


@pytest.mark.parametrize("rule", ["leavers", None])
def test_a_leaver_whom_an_exception_keeps_in_is_told(rule):
    rules = {"leavers": [OLD], "exceptions": [{"user": OLD, **({"rule": rule} if rule else {})}]}
    entries = entries_of({OLD: (frozenset([READ]), (), False)}, ORGANIZATION)
    one = judged(rules, [], entries, known_of(ORGANIZATION))
    assert one.findings == [] and [member.user for _exemption, member in one.kept] == [OLD]
