# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else gets in: told for everybody named, alike in check mode and run, and never taken for known when it is not."""

from __future__ import annotations

import re

import pytest
from by_hand import Said, by_hand, page
from meanwhile import gives
from module_run import run_module
from test_faults import PROJECTS_TOKEN
from test_laws import ABSENT, CREDENTIALS, DAN, USER

BOB, RITA, TESS, ROOT = "bob@corp.example", "rita@corp.example", "tess@corp.example", "root@corp.example"
OWNER, READ = "GROUP_OWNER", "GROUP_READ_ONLY"
USER_INFO, REVIEW = "atlas_project_user_info", "atlas_access_review"
FLATTENED = ("union", "team_only")
PROJECT, ORG, TEAM = "a" * 24, "0" * 24, "7" * 24


def ways(result):
    return [(one["project"], one["user"], one["via"], one["name"], one["roles"]) for one in result["residual_access"]]


def about(result, user):
    return [warning for warning in result["warnings"] if user in warning]


def both(sim, **options):
    """What check mode says of who still gets in; the run has to say the same."""
    check = run_module(USER, sim, True, **options, **ABSENT)
    real = run_module(USER, sim, **options, **ABSENT)
    assert not check.get("failed") and not real.get("failed"), real
    assert check["residual_access"] == real["residual_access"] and timeless(check) == timeless(real)
    return real


def timeless(result):
    """The warnings without how long was tried."""
    return [re.sub(r"\d+\.\d s", "some s", one) for one in result["warnings"]]


# --- everybody named -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=list(CREDENTIALS))
def test_it_is_told_again_when_the_removal_is_long_done(small, credential):
    first = both(small, projects="*", user=BOB, **credential)
    again = both(small, projects="*", user=BOB, **credential)
    assert first["changed"] and not again["changed"]
    assert ways(first) == ways(again) == [("alpha", BOB, "team", "readers", [READ])]


@pytest.mark.parametrize(
    "user, expected",
    [
        (RITA, [("alpha", RITA, "team", "readers", [READ])]),
        (TESS, [("gamma", TESS, "team", "platform", [OWNER])]),
        (ROOT, [(name, ROOT, "organization", "ORG_OWNER", [OWNER]) for name in ("alpha", "beta", "gamma")]),
        (DAN, []),
        ("nobody@corp.example", []),
    ],
)
@pytest.mark.parametrize("by", ["email", "id", "row"])
def test_it_is_told_of_people_who_were_no_members_too(small, user, expected, by):
    known = user != "nobody@corp.example"
    named = {"projects": "*", "user": small.user_id(user) if by == "id" and known else user.upper()}
    if by == "row":
        named = {"memberships": [{"project": name, "user": user} for name in ("alpha", "beta", "gamma")]}
    assert ways(both(small, **named)) == expected


def test_one_warning_a_person_and_not_one_a_project(small):
    result = both(small, projects="*", users=[ROOT, TESS, DAN])
    assert len(about(result, f"{ROOT} still gets in")) == 1 and len(about(result, f"{TESS} still gets in")) == 1
    for name in ("alpha", "beta", "gamma"):
        assert name in about(result, f"{ROOT} still gets in")[0]
    assert not about(result, f"{DAN} still gets in")


def test_a_module_that_takes_no_membership_says_nothing_of_it(small):
    result = run_module(USER, small, project="alpha", user=BOB, roles=READ)
    assert result["residual_access"] == []
    assert "residual_access" not in run_module(
        "atlas_project_role", small, project="alpha", user=BOB, role=READ, fallback_role=OWNER, **ABSENT
    )


# --- credentials that may not read the organization ------------------------------------------------------------------


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    "user, role, says",
    [
        (
            BOB,
            READ,
            f"{BOB} still holds what is to be taken in alpha through the team readers ({READ}); atlas_team_user",
        ),
        (
            RITA,
            READ,
            f"{RITA} still holds what is to be taken in alpha through the team readers ({READ}); atlas_team_user",
        ),
        (ROOT, OWNER, f"alpha through the organization ORG_OWNER ({OWNER}); atlas_organization_user ends that"),
        (BOB, OWNER, None),
        (DAN, "GROUP_CLUSTER_MANAGER", None),
    ],
)
def test_who_holds_a_role_otherwise_is_told_where_it_is_taken(small, user, role, says, check):
    result = run_module("atlas_project_role", small, check, projects="alpha", users=user, roles=role, **ABSENT)
    assert not result.get("failed"), result["msg"]
    found = [warning for warning in about(result, user) if "still holds" in warning]
    assert [says in warning for warning in found] == [True] if says else found == []


@pytest.mark.parametrize("denied", [401, 403])
@pytest.mark.parametrize("flattened", FLATTENED)
def test_without_the_organization_what_cannot_be_known_is_said(small, denied, flattened):
    small.knobs.org_member_reads, small.knobs.org_denied_status, small.knobs.flattened_roles = False, denied, flattened
    result = both(small, projects=["alpha", "beta"], users=[BOB, DAN, RITA], **PROJECTS_TOKEN)
    kinds = {(one["project"], one["user"]): one["via"] for one in result["residual_access"]}
    assert kinds.get(("alpha", BOB)) in ("team", "unknown") and kinds[("alpha", RITA)] == "team"
    assert set(kinds.values()) <= {"team", "unknown"}
    for user in (BOB, DAN, RITA):
        assert len([said for said in about(result, user) if "get in" in said or "gets in" in said]) <= 1


@pytest.mark.parametrize("flattened", FLATTENED)
def test_roles_beyond_the_memberships_own_are_told(small, flattened):
    """Dan reads, and owns by a team."""
    small.knobs.org_member_reads, small.knobs.flattened_roles = False, flattened

    def own(world):
        project = world.project("alpha")
        (team,) = [team for team in project.org.teams.values() if team.name == "platform"]
        team.members = [*team.members, world.user(DAN).id]
        project.teams[team.id] = (OWNER,)

    small.change(own)
    result = both(small, project="alpha", user=DAN, **PROJECTS_TOKEN)
    assert [(one["via"], one["roles"]) for one in result["residual_access"]] == [("team", [OWNER])]


@pytest.mark.parametrize("lag", [0.03, 5])
@pytest.mark.parametrize("reads", [True, False], ids=["reads-organization", "reads-projects"])
def test_a_listing_that_lags_makes_no_false_row(small, lag, reads):
    small.knobs.org_member_reads, small.knobs.read_after_write_lag_s = reads, lag
    check = run_module(USER, small, True, project="alpha", user=DAN, **ABSENT, **PROJECTS_TOKEN)
    result = run_module(USER, small, project="alpha", user=DAN, **ABSENT, **PROJECTS_TOKEN)
    assert not result.get("failed") and result["residual_access"] == check["residual_access"]
    assert not [one for one in result["residual_access"] if one["via"] != "unknown"]
    if reads:
        assert result["residual_access"] == []


@pytest.mark.parametrize("flattened", FLATTENED)
def test_somebody_who_just_joined_by_hand_is_not_taken_for_a_team_member(small, flattened):
    small.knobs.org_member_reads, small.knobs.flattened_roles = False, flattened
    gives(small, "beta", "outsider@corp.example", READ)()
    result = both(small, project="beta", user="outsider@corp.example", **PROJECTS_TOKEN)
    assert {one["via"] for one in result["residual_access"]} <= {"unknown"}


# --- an organization that can't be read ------------------------------------------------------------------------------


FAULTS = {
    "500": 500,
    "403": {"status": 403, "errorCode": "USER_CANNOT_ACCESS_ORG"},
    "garbage": "garbage",
    "cut": "cut_before",
}


@pytest.mark.parametrize("what", FAULTS.values(), ids=list(FAULTS))
def test_an_organization_that_can_not_be_read_is_a_warning_and_never_read(small, what, tmp_path):
    small.fault(what, method="GET", path="/orgs/[0-9a-f]+/users$", times=None)
    info = run_module(USER_INFO, small)
    assert not info.get("failed")
    (said,) = [warning for warning in info["warnings"] if "could not be read" in warning]
    assert "people of the organization" in said and "by roles only" in said
    assert [one for one in info["memberships"] if one["user"] == RITA], "somebody by a team was left out"
    review = run_module(REVIEW, small, policy={"leavers": [RITA]}, evidence_dir=str(tmp_path))
    assert review["completeness"]["team_access"] == "by roles only" and not review["completeness"]["complete"]
    assert "people of the organization" in " ".join(review["warnings"])
    check = run_module(USER, small, True, project="alpha", users=[BOB, DAN], **ABSENT)
    result = run_module(USER, small, project="alpha", users=[BOB, DAN], **ABSENT)
    assert result["residual_access"] == check["residual_access"] != []
    assert "people of the organization" in " ".join(result["warnings"])


def test_teams_that_can_not_be_read_are_unreadable_and_no_empty_list(small, tmp_path):
    small.fault(500, method="GET", path="/orgs/[0-9a-f]+/users$", times=None)
    small.fault(500, method="GET", path=f"{small.project_id('alpha')}/teams$", times=None)
    info = run_module(USER_INFO, small)
    assert "alpha: access through teams and the organization is missing" in " ".join(info["warnings"])
    review = run_module(REVIEW, small, policy={"leavers": [RITA]}, evidence_dir=str(tmp_path))
    assert review["completeness"]["team_access"] == "unreadable" and not review["completeness"]["complete"]
    result = both(small, project="alpha", users=[RITA, DAN])
    assert {(one["user"], one["via"]) for one in result["residual_access"]} == {(RITA, "unknown"), (DAN, "unknown")}
    assert "alpha: whether people named get in otherwise could not be read" in " ".join(result["warnings"])


def odd_organization(asked):
    """One row of the organization's people lacks its status; the others are in order."""
    whole = {"orgMembershipStatus": "ACTIVE", "teamIds": [TEAM], "roles": {"orgRoles": ["ORG_MEMBER"]}}
    if asked.method != "GET":
        return Said(None, 204)
    if asked.path.endswith("/groups"):
        return page([{"id": PROJECT, "name": "alpha", "orgId": ORG}])
    if asked.path == f"/orgs/{ORG}/users":
        odd = {"id": "3" * 24, "username": "odd@corp.example", "teamIds": [TEAM], "roles": {}}
        return page([odd, {"id": "1" * 24, "username": DAN, **whole}])
    if asked.path == f"/orgs/{ORG}/teams":
        return page([{"id": TEAM, "name": "platform"}])
    if asked.path.endswith("/teams"):
        return page([{"teamId": TEAM, "roleNames": [READ]}])
    member = {"orgMembershipStatus": "ACTIVE", "roles": [READ]}
    owner = {"id": "9" * 24, "username": "own@corp.example", "orgMembershipStatus": "ACTIVE", "roles": [OWNER]}
    return page([owner, {"id": "1" * 24, "username": DAN, **member}])


def test_one_odd_row_costs_itself_by_name_and_the_rest_is_known(quick, tmp_path):
    with by_hand(odd_organization) as server:
        options = {"base_url": server.url, "access_token": "small-token"}
        result = run_module(USER, projects="alpha", user=DAN, **ABSENT, **options)
        review = run_module(REVIEW, policy={"leavers": [DAN]}, evidence_dir=str(tmp_path), **options)
    assert ways(result) == [("alpha", DAN, "team", "platform", [READ])]
    for one in (result, review):
        assert len(about(one, "odd@corp.example")) == 1
    assert review["completeness"]["team_access"] == "unreadable" and not review["completeness"]["complete"]
