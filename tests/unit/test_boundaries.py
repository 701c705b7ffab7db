# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every number at itself and at both sides of it, and every status where statuses differ."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from module_run import run_module
from test_faults import OF_PROJECTS
from test_guards import ANY, OWN, tripped
from test_laws import ABSENT, ROLE, SCENARIOS, USER, obey_the_laws
from test_policy import NOW, desired, entry, found, reviewed

from ansible_collections.atlasops.access.plugins.module_utils import _access as access
from ansible_collections.atlasops.access.plugins.module_utils import _policy as policy
from ansible_collections.atlasops.access.plugins.module_utils import _today as today
from ansible_collections.atlasops.access.plugins.module_utils._access import Member, Person, Team, Way
from ansible_collections.atlasops.access.plugins.module_utils._policy import Guards
from ansible_collections.atlasops.access.plugins.module_utils._tables import harmless

OWNS = frozenset(["GROUP_OWNER"])
READ = "GROUP_READ_ONLY"
STATUSES = ("ACTIVE", "PENDING", "INVITATION_EXPIRED", "INVITATION_REJECTED")
ID = "1" * 24


def ago(days, seconds=0):
    return (NOW - timedelta(days=days, seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(offset):
    return str((NOW + timedelta(days=offset)).date())


# --- days ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "seconds", "finds"), [(89, 86399, False), (90, 0, True), (91, 0, True)])
def test_inactive_days_finds_from_that_day_on(days, seconds, finds):
    idle = entry("idle@corp.example", READ, last=ago(days, seconds))
    assert ("idle@corp.example" in found({"inactive_days": 90}, OWN, idle)) == finds


@pytest.mark.parametrize(("days", "seconds", "finds"), [(13, 86399, False), (14, 0, True), (15, 0, True)])
def test_grace_days_finds_who_never_came_from_that_day_on(days, seconds, finds):
    new = entry("new@corp.example", READ, last=None, created=ago(days, seconds))
    assert ("new@corp.example" in found({"inactive_days": 90, "grace_days": 14}, OWN, new)) == finds


@pytest.mark.parametrize(("days", "seconds", "finds"), [(29, 86399, False), (30, 0, True), (31, 0, True)])
def test_stale_invitation_days_finds_from_that_day_on(days, seconds, finds):
    waits = entry("waits@corp.example", READ, status="PENDING", invited=ago(days, seconds))
    assert ("waits@corp.example" in found({"stale_invitation_days": 30}, OWN, waits)) == finds


@pytest.mark.parametrize("status", STATUSES)
def test_only_who_is_active_can_be_inactive(status):
    idle = entry("idle@corp.example", READ, status=status, last=ago(400), invited=ago(1))
    assert ("idle@corp.example" in found({"inactive_days": 90}, OWN, idle)) == (status == "ACTIVE")


@pytest.mark.parametrize(("offset", "holds"), [(-1, False), (0, True), (1, True)])
def test_a_grant_holds_through_its_last_day(offset, holds):
    rows = desired(("own@corp.example", "GROUP_OWNER"))
    rows.append({"project": "payments-prod", "user": "temp@corp.example", "roles": [READ], "expires": day(offset)})
    assert found({"memberships": rows}, OWN, entry("temp@corp.example", READ)) == (
        {} if holds else {"temp@corp.example": ("remove", ("memberships",))}
    )


@pytest.mark.parametrize(("offset", "holds"), [(-1, False), (0, True), (1, True)])
def test_an_exception_holds_through_its_last_day(offset, holds):
    rules = {"allowed_domains": ["corp.example"], "exceptions": [{"user": "ext@x.example", "until": day(offset)}]}
    assert ("ext@x.example" in found(rules, OWN, entry("ext@x.example", READ))) == (not holds)
    parsed = policy.read_policy(rules)[0]
    assert bool(today.lapsed_exceptions(parsed, NOW)) == (not holds)


@pytest.mark.parametrize(("offset", "hours", "action"), [(-1, -1, "report"), (-1, 0, "remove"), (0, 0, "report")])
def test_a_last_day_is_over_at_noon_of_the_next(offset, hours, action):
    """NOW is noon; by then it is over everywhere on earth."""
    leaver = {"user": "ext@x.example", "last_day": day(offset)}
    rules = policy.read_policy({"leavers": [leaver]})[0]
    (one,) = rules.leavers.values()
    assert today.has_left(one, NOW + timedelta(hours=hours)) == (action == "remove")


# --- who counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
def test_a_team_owns_by_somebody_who_is_active(status):
    person = Person("a@x.example", ID, status, frozenset(), frozenset(["t"]))
    assert access.owned_by_team([Team("t", OWNS)], [person]) == (status == "ACTIVE")


@pytest.mark.parametrize("status", STATUSES)
def test_who_lapsed_gets_in_by_no_other_way(status):
    person = Person("a@x.example", ID, status, frozenset(["ORG_OWNER"]), frozenset(["t"]))
    ways = access.indirect_ways(person, [Team("t", OWNS)], {})
    assert len(ways) == (2 if status in ("ACTIVE", "PENDING") else 0)


@pytest.mark.parametrize("status", STATUSES)
def test_a_lapsed_invitation_shows_no_role(status):
    assert access.shows("add", ["GROUP_OWNER"], Member("a@x.example", ID, status, OWNS)) == (
        status in ("ACTIVE", "PENDING")
    )


@pytest.mark.parametrize("status", STATUSES)
def test_who_is_not_active_owns_nothing_yet(status):
    one = reviewed({}, entry("own@corp.example", "GROUP_OWNER", status=status))
    assert bool(one.owners) == (status == "ACTIVE")


@pytest.mark.parametrize("protected", ["own@corp.example", "id-own@corp.example", "id-other@corp.example"])
def test_people_are_protected_by_email_or_by_id(protected):
    rules = {"allowed_users": ["x@x.example"]}
    one = reviewed(rules, OWN, entry("ext@corp.example", READ), guards=Guards(frozenset([protected])))
    assert one.findings[-1].action == "report", "the last owner stays in any case"
    other = reviewed(
        rules, OWN, entry("own2@corp.example", "GROUP_OWNER"), guards=Guards(frozenset(["id-own2@corp.example"]))
    )
    assert [step.user for step in other.steps] == ["own@corp.example"]


@pytest.mark.parametrize(("owners", "minimum", "trips"), [(1, 2, False), (2, 2, False), (3, 2, False), (3, 3, False)])
def test_a_project_with_few_owners_may_lose_others(owners, minimum, trips):
    people = [entry(f"own{number}@corp.example", "GROUP_OWNER") for number in range(owners)]
    one = reviewed({"leavers": ["ext@corp.example"]}, *people, entry("ext@corp.example", READ))
    assert one.steps and tripped(ANY._replace(min_owners=minimum), one) == ["min_owners"] * trips


def test_a_fallback_role_is_given_before_the_only_one_is_taken():
    rules = {"role_holders": {"GROUP_OWNER": ["own@corp.example"]}, "fallback_role": READ}
    one = reviewed(rules, OWN, entry("ext@corp.example", "GROUP_OWNER"))
    assert [(step.action, step.roles) for step in one.steps] == [("grant", (READ,)), ("revoke", ("GROUP_OWNER",))]


def test_the_desired_state_is_about_members_only():
    team = entry("tess@corp.example", ways=[Way("team", "ops", OWNS)])
    assert "tess@corp.example" not in found({"memberships": desired(("own@corp.example", "GROUP_OWNER"))}, OWN, team)


# --- what is written and read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", list("=+-@\t\r\n"))
def test_no_cell_is_a_formula(sign):
    assert harmless(f"{sign}x") == f"'{sign}x"


@pytest.mark.parametrize("fault", [403, 500, {"html": 200}], ids=str)
def test_teams_that_can_not_be_read_prove_no_owner(small, fault):
    small.fault(fault, method="GET", path=f"{small.project_id('beta')}/teams", times=None)
    result = run_module(USER, small, project="beta", user="ann@corp.example", **ABSENT)
    assert result.get("failed") and not small.writes


def test_legacy_invitations_that_fail_are_not_taken_for_none(small):
    small.fault(500, method="GET", path="/invites$", times=None)
    result = run_module(USER, small, project="alpha", user="lee@partner.example", legacy_invitations=True, **ABSENT)
    assert result.get("failed") and not small.writes


# What somebody can ask for who sees two of the projects, and neither the organization nor its legacy invitations.
LEAST = [
    name
    for name, one in sorted(SCENARIOS.items())
    if one.module in (USER, ROLE) and not re.search(r"gamma|\*|legacy", str(one.options))
]


@pytest.mark.parametrize("name", LEAST)
def test_the_laws_hold_for_a_credential_without_the_organization(small, name):
    obey_the_laws(small, SCENARIOS[name], **OF_PROJECTS)
