# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Teams as places with members: what ends by leaving them, what stays, who may not go."""

from __future__ import annotations

import json

import pytest
from meanwhile import before
from module_run import run_module

TEAM = "atlas_team_user"
ANN, BOB, TESS, RITA = "ann@corp.example", "bob@corp.example", "tess@corp.example", "rita@corp.example"
DAN, ROOT = "dan@corp.example", "root@corp.example"
ABSENT = {"state": "absent"}
READER, PROJECTS = {"access_token": "reader-token"}, {"access_token": "projects-token"}


def leave(sim, user, check=False, **options):
    return run_module(TEAM, sim, check, **{"teams": "*", "user": user, **ABSENT, **options})


def brief(rows, *keys):
    return [tuple(row[key] for key in keys) for row in rows]


# --- what ends, and what stays ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [True, False])
def test_where_access_ends(small, check):
    result = leave(small, RITA, check)
    assert brief(result["ends"], "team", "project", "user", "roles") == [
        ("readers", "alpha", RITA, ["GROUP_READ_ONLY"])
    ]
    assert result["residual_access"] == []
    assert not any("still gets in" in warning for warning in result["warnings"])


def test_what_another_way_gives_does_not_end(small):
    """Bob is a direct member of alpha with the role that the team gives."""
    result = leave(small, BOB, teams="readers")
    assert result["ends"] == [] and result["changed"]
    assert brief(result["residual_access"], "project", "via", "name", "roles") == [
        ("alpha", "direct", None, ["GROUP_OWNER", "GROUP_READ_ONLY"])
    ]
    assert any(
        "bob@corp.example still gets into alpha as a member (GROUP_OWNER, GROUP_READ_ONLY); atlas_project_user ends"
        in warning
        for warning in result["warnings"]
    )


def test_what_stays_is_told_of_who_left_long_ago_too(small):
    first, second = leave(small, BOB), leave(small, BOB)
    assert not second["changed"] and second["ends"] == []
    assert second["residual_access"] == first["residual_access"]


def test_an_organization_role_stays(small):
    small.change(lambda world: setattr(world.user(RITA), "org_roles", ("ORG_READ_ONLY",)))
    result = leave(small, RITA, teams="readers")
    assert result["ends"] == []
    assert brief(result["residual_access"], "via", "name") == [("organization", "ORG_READ_ONLY")]
    assert any("atlas_organization_user ends that" in warning for warning in result["warnings"])


def test_another_team_stays(small):
    def both(world):
        org = next(iter(world.orgs.values()))
        teams = {team.name: team for team in org.teams.values()}
        teams["readers"].members.append(world.user(ANN).id)
        world.project("gamma").teams[teams["readers"].id] = ("GROUP_READ_ONLY",)

    small.change(both)
    result = leave(small, ANN, teams="platform")
    assert brief(result["ends"], "project", "roles") == [("gamma", ["GROUP_OWNER"])]
    assert brief(result["residual_access"], "project", "via", "name") == [("gamma", "team", "readers")]


def test_what_a_step_that_failed_would_have_ended_does_not_end(small):
    small.fault(500, method="POST", path="removeUser", times=None)
    result = leave(small, RITA)
    assert result["failed"] and result["ends"] == [] and RITA in small.directory()["readers"]


def test_what_can_not_be_read_is_unknown(small):
    small.fault(403, method="GET", path=f"{small.project_id('alpha')}/teams", times=None)
    result = leave(small, RITA)
    assert brief(result["residual_access"], "project", "user", "via") == [("alpha", RITA, "unknown")]
    assert any("alpha" in warning and "could not be read" in warning for warning in result["warnings"])
    assert RITA not in small.directory()["readers"]


EVERYWHERE = [("alpha", ANN), ("alpha", RITA), ("gamma", ANN), ("gamma", RITA)]
AS_MEMBERS = [("alpha", RITA), ("gamma", ANN)]


@pytest.mark.parametrize(
    "what, unsure",
    [(500, EVERYWHERE), ({"shape": "results_null"}, EVERYWHERE), ({"shape": "member_without_roles"}, AS_MEMBERS)],
    ids=str,
)
@pytest.mark.parametrize("check", [True, False])
def test_of_whom_the_organization_does_not_tell_nothing_is_known(small, hasty, what, unsure, check):
    small.fault(what, method="GET", path="/orgs/[0-9a-f]+/users$", times=None)
    result = leave(small, f"{ANN.upper()}, {RITA}", check, max_wait=0.1)
    assert not result.get("failed") and result["ends"] == []
    assert brief(result["residual_access"], "project", "user", "via") == [(*one, "unknown") for one in unsure]
    assert any("can't be known" in warning and RITA in warning for warning in result["warnings"])
    assert not any("by roles only" in warning for warning in result["warnings"])


def test_projects_that_can_not_be_read_end_the_task_before_the_first_write(small, hasty):
    small.fault(500, method="GET", path="/groups$", times=None)
    result = leave(small, RITA, max_wait=0.1)
    assert result["failed"] and not small.writes and "in between" not in result["msg"]


# --- who may not go, and who may not do it ---------------------------------------------------------------------------


@pytest.mark.parametrize("check", [True, False])
def test_the_last_of_a_team_is_refused_with_the_ways_that_are_left(small, check):
    result = leave(small, f"{ANN}, {TESS}", check, teams="platform, readers")
    assert result["failed"] and not small.writes
    assert "platform: ann@corp.example, tess@corp.example would leave nobody in the team" in result["msg"]
    assert "atlas_organization_user" in result["msg"]


def test_the_last_of_a_team_by_somebody_elses_hand(small):
    """Another one left in between: Atlas refuses, and the error says what to do."""
    error = {"status": 403, "errorCode": "CANNOT_REMOVE_LAST_USER_FROM_TEAM"}
    small.fault(error, method="POST", path="removeUser")
    result = leave(small, ANN)
    assert result["failed"] and "A team keeps at least one user" in result["msg"]


def _without_other_owners(world):
    """Ann alone owns gamma, through the team platform."""
    world.user(TESS).status = "PENDING"
    world.project("gamma").members.pop(world.user(BOB).id)
    world.changed_people(next(iter(world.orgs.values())))


@pytest.mark.parametrize("check", [True, False])
def test_the_last_owner_of_a_project_through_a_team_is_refused(small, check):
    small.change(_without_other_owners)
    result = leave(small, ANN, check, teams="platform")
    assert result["failed"] and not small.writes
    assert "platform: this would leave the project gamma without an ACTIVE owner" in result["msg"]
    alone = run_module(TEAM, small, check, teams="platform", user=TESS, exclusive=True)
    assert alone["failed"] and "without an ACTIVE owner" in alone["msg"] and not small.writes


def test_an_owner_who_left_the_team_before_it_was_read_is_none_any_more(small, monkeypatch):
    """The people are read after the teams, whose listing may have to wait: only they tell who owns by a team."""
    small.change(_without_other_owners)
    teams = [team for org in small.world.orgs.values() for team in org.teams.values()]
    team = next(team for team in teams if team.name == "platform")
    small.change(lambda world: team.members.append(world.user(DAN).id))
    listing = f"/teams/{team.id}/users"
    small.fault({"status": 429, "headers": {"Retry-After": "1"}}, path=listing)
    before(monkeypatch, lambda: small.change(lambda world: team.members.remove(world.user(DAN).id)), "GET", listing, 2)
    result = leave(small, ANN, teams="platform")
    assert result["failed"] and "without an ACTIVE owner" in result["msg"] and not small.writes


@pytest.mark.parametrize("who", [DAN, BOB])
def test_a_member_who_owns_the_project_lets_a_team_go(small, who):
    small.change(_without_other_owners)
    small.change(lambda world: world.project("gamma").members.update({world.user(who).id: ("GROUP_OWNER",)}))
    assert leave(small, ANN, teams="platform")["changed"]


def test_whether_an_owner_is_left_that_can_not_be_read_refuses(small, hasty):
    small.change(_without_other_owners)
    small.fault(403, method="GET", path=f"{small.project_id('gamma')}/users", times=None)
    result = leave(small, ANN, teams="platform")
    assert result["failed"] and "whether an owner of gamma would be left could not be read" in result["msg"]
    assert not small.writes


OUTSIDER = "outsider@corp.example"


@pytest.mark.parametrize("check", [True, False])
def test_owners_through_a_team_make_place_for_others(small, check):
    """Who comes in is in the team before the others go."""
    small.change(lambda world: world.project("gamma").members.pop(world.user(BOB).id))
    result = run_module(TEAM, small, check, teams="platform", user=OUTSIDER, exclusive=True)
    assert not result.get("failed"), result["msg"]
    assert brief(result["actions"], "action", "user")[0] == ("add", OUTSIDER) and result["changed"]


@pytest.mark.parametrize("path", ["/orgs/[0-9a-f]+/users$", "/groups/[0-9a-f]+/teams$"], ids=["people", "teams"])
@pytest.mark.parametrize("check", [True, False])
def test_who_owns_a_project_that_can_not_be_read_refuses(small, hasty, path, check):
    """Tess, who stays in the team, is not ACTIVE, and nobody owns gamma as a member."""
    small.change(_without_other_owners)
    small.fault(500, method="GET", path=path, times=None)
    result = leave(small, ANN, check, teams="platform", max_wait=0.1)
    assert result["failed"] and result["msg"].count("whether an owner of gamma would be left could not be read") == 1
    assert not small.writes


def test_whoever_stays_in_the_team_owns_the_project_still_where_the_organization_can_not_be_read(small, hasty):
    small.change(lambda world: world.project("gamma").members.pop(world.user(BOB).id))
    small.fault(500, method="GET", path="/orgs/[0-9a-f]+/users$", times=None)
    assert leave(small, ANN, teams="platform", max_wait=0.1)["changed"]


@pytest.mark.parametrize("credential", [READER, PROJECTS], ids=["reader", "projects"])
def test_without_organization_owner_the_error_says_so(small, credential):
    result = leave(small, RITA, **credential)
    assert result["failed"] and "Organization Owner" in result["msg"]
    assert [one["status"] for one in result["actions"]] == ["failed"] and RITA in small.directory()["readers"]


def test_an_organization_that_can_not_be_seen(small):
    small.knobs.org_member_reads = False
    result = leave(small, RITA, **PROJECTS)
    assert result["failed"] and "sees no organization" in result["msg"] and not small.writes


@pytest.mark.parametrize("status", [400, 404])
def test_who_left_in_between_is_gone_already(small, monkeypatch, status):
    """Somebody else took the person out after the list was read."""
    small.knobs.already_gone = status

    def take(world):
        teams = [team for org in world.orgs.values() for team in org.teams.values()]
        next(team for team in teams if team.name == "readers").members.remove(world.user(RITA).id)

    before(monkeypatch, lambda: small.change(take), "POST", "removeUser")
    result = leave(small, RITA)
    assert [(one["status"], one["why"]) for one in result["actions"]] == [("done", "already gone")]
    assert not result.get("failed")


# --- what a task names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, says",
    [
        ({"teams": "platfrom"}, "teams: 'platfrom' is unknown to this credential; near names: platform"),
        ({"teams": ""}, "teams missing"),
        ({"user": ""}, "users missing"),
        ({"user": "dan"}, "neither an email address nor a user id"),
        ({"organization": "Other Org"}, "organization: 'Other Org' is unknown"),
        ({"teams": None, "user": None, "memberships": [{"team": "readers"}]}, "lacks a team or a user"),
        ({"teams": None, "user": None, "memberships": [{"project": "alpha", "user": DAN}]}, "'project' is not a key"),
        (
            {"teams": None, "user": None, "memberships": [{"team": "readers", "user": DAN, "place": "project"}]},
            "is about 'project'",
        ),
        ({"teams": None, "user": None, "memberships": [{"team_id": "x", "user": DAN}]}, "team_id 'x' is no id"),
        ({"teams": None, "memberships": [{"team": "readers", "user": DAN}]}, "leave out users"),
        ({"exclusive": True}, "exclusive goes with state=present"),
        ({"state": ""}, "state"),
    ],
    ids=str,
)
def test_bad_options(small, options, says):
    given = {"teams": "*", "user": RITA, **ABSENT, **options}
    result = run_module(TEAM, small, **{name: value for name, value in given.items() if value is not None})
    assert result["failed"] and says in result["msg"], result["msg"]
    assert not small.writes


def test_the_organization_goes_by_name_or_id(small):
    org = next(iter(small.world.orgs))
    assert not leave(small, RITA, check=True, organization=org).get("failed")
    assert not leave(small, RITA, check=True, organization="Small Org").get("failed")


def test_rows_that_were_returned_are_taken_as_they_are(small):
    rows = run_module(TEAM, small, teams="*", user=ANN)["memberships"]
    assert {row["team"] for row in rows} == {"platform", "readers"}
    result = run_module(TEAM, small, memberships=rows, **ABSENT)
    assert not result.get("failed") and len(result["actions"]) == 2
    assert ANN not in small.directory()["platform"]


# --- the plan of a review --------------------------------------------------------------------------------------------


def test_the_journal_says_what_kind_of_place(small, tmp_path):
    leave(small, RITA, journal=str(tmp_path / "actions.jsonl"))
    events = [json.loads(line) for line in (tmp_path / "actions.jsonl").read_text().splitlines() if line.strip()]
    assert [event["event"] for event in events] == ["start", "end"]
    assert events[0]["row"]["place"] == "team" and events[0]["row"]["project"] == "readers"
