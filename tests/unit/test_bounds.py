# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No result is larger than people's tools take, and what is left out is counted."""

from __future__ import annotations

import bisect
import json
import stat

import pytest
from module_run import run_module

from ansible_collections.atlasops.access.plugins.module_utils import _report, _result
from ansible_collections.atlasops.access.plugins.module_utils._access import Member, Project, Residual, Step, Way
from ansible_collections.atlasops.access.plugins.module_utils._asked import Who, Wish
from ansible_collections.atlasops.access.plugins.module_utils._cases import Case, Outcome, Run
from ansible_collections.atlasops.access.plugins.module_utils._errors import AtlasError
from ansible_collections.atlasops.access.plugins.module_utils._steps import DONE, FAILED, PLANNED, SKIPPED
from simulator import Simulator

LIMIT = 500_000
READ, OWNER = "GROUP_READ_ONLY", "GROUP_OWNER"
BIG = {"access_token": "big-token"}


def case(number, people, ended=lambda number: DONE, name="project"):
    """A project where everybody is to be removed."""
    project = Project(f"{number:024x}", f"{name}-{number:05}", "0" * 24)
    roles = frozenset({READ, OWNER})
    ids = [f"{number:012x}{one:012x}" for one in range(people)]
    members = {key: Member(f"person-{key}@corp.example", key, "ACTIVE", roles) for key in ids}
    steps = [Step("remove", key, tuple(sorted(roles))) for key in ids]
    found = Case(project, [Wish(Who(None, key)) for key in ids], there=members, members=dict(members), steps=steps)
    found.before = dict.fromkeys(ids, roles)
    found.wanted = {key: Wish(Who(None, key)) for key in ids}
    for one, step in enumerate(steps):
        status = ended(one)
        error = AtlasError(f"DELETE /groups/{step.user}", "x" * 1000, 500, "UNEXPECTED") if status == FAILED else None
        found.outcomes.append(Outcome(step, status, error=error, at="2026-01-01T00:00:00Z"))
    return found


def reported(*cases, residual=()):
    run = Run("remove", True, cases=list(cases), residual=list(residual))
    result, warnings, failed = _report.report(run)
    size = len(json.dumps({**result, "warnings": warnings, "msg": failed}))
    assert size <= LIMIT, f"{size} characters"
    return result, warnings, failed


# --- modules that write ----------------------------------------------------------------------------------------------


STATUSES = (PLANNED, DONE, FAILED, SKIPPED)
SIZES = [(1, 0), (1, 1), (250, 2), (250, 10), (5000, 1), (1, 5000), (250, 100)]


def of_all_statuses():
    """The greater ones take a second each, so make test tries them with one status, and leaves out the greatest."""
    for status in STATUSES:
        for projects, people in SIZES:
            seldom = projects * people > 5000 or (status != FAILED and projects * people == 5000)
            yield pytest.param(projects, people, status, marks=[pytest.mark.thorough] if seldom else [])


@pytest.mark.parametrize("projects, people, status", list(of_all_statuses()))
def test_a_result_is_bounded_whatever_was_done(projects, people, status):
    cases = [case(number, people, lambda number: status) for number in range(projects)]
    result, warnings, _failed = reported(*cases)
    every = projects * people
    assert len(result["actions"]) + result["actions_omitted"] == every
    assert result["counts"] == {**dict.fromkeys((PLANNED, DONE, FAILED, SKIPPED), 0), status: every}
    assert bool(result["actions_omitted"]) == any(said.startswith("actions: ") for said in warnings)
    assert result["changed"] == (status in (PLANNED, DONE) and every > 0)


def test_failed_ones_come_first_where_not_all_fit():
    cases = [case(number, 10, lambda one: FAILED if one == 9 else DONE) for number in range(500)]
    result, warnings, failed = reported(*cases)
    statuses = [one["status"] for one in result["actions"]]
    assert statuses == sorted(statuses, key=lambda status: status != FAILED) and FAILED in statuses
    assert result["actions_omitted"] and result["counts"][FAILED] == 500 and result["counts"][DONE] == 4500
    assert failed.startswith("500 of 500 projects failed. ") and "(and 495 more, see actions)" in failed


def test_where_all_fit_they_stay_in_their_order_and_nothing_is_said():
    cases = [case(number, 3, lambda one: FAILED if one == 2 else DONE) for number in range(3)]
    result, warnings, _failed = reported(*cases)
    assert [one["status"] for one in result["actions"]] == [DONE, DONE, FAILED] * 3
    assert result["actions_omitted"] == 0 and not warnings


def test_an_action_is_shown_whole_or_not_at_all(monkeypatch):
    """Where one more is too many: all are shown, all are shown, one or more are left out. In a fifth of the room."""
    room = _report.LIMIT - _report.OF_MESSAGES - _report.OF_OPTIONS
    monkeypatch.setattr(_report, "LIMIT", _report.LIMIT - room * 4 // 5)

    def omitted(people: int) -> int:
        result = reported(case(1, people))[0]
        assert len(result["actions"]) + result["actions_omitted"] == people
        assert len(json.dumps(result)) <= _result.LIMIT
        return result["actions_omitted"]

    fit = bisect.bisect_left(range(1000), 1, key=omitted) - 1
    assert fit > 200 and omitted(fit - 1) == omitted(fit) == 0 and omitted(fit + 1) > 0


def test_memberships_diff_and_residual_access_share_the_bound():
    team = Way("team", "t" * 60, frozenset({READ, OWNER}))
    cases = [case(number, 20, lambda one: FAILED) for number in range(250)]
    done = [case(number, 20, name="done") for number in range(250, 500)]
    users = [(one.project, member.user) for one in cases + done for member in one.members.values()]
    result, warnings, _failed = reported(
        *cases, *done, residual=[Residual(project, user, team) for project, user in users]
    )
    for name in ("actions: 10,000", "memberships: 5,000", "residual_access: 10,000", "diff, by project: 250"):
        assert [said for said in warnings if said.startswith(name)], name
    assert result["actions"] and result["memberships"] and result["residual_access"] and result["diff"]["before"]


def test_one_huge_project_is_left_out_of_the_diff_and_that_is_told():
    result, warnings, _failed = reported(case(1, 5000))
    assert result["diff"] == {"before": {}, "after": {}}
    assert [said for said in warnings if said.startswith("diff, by project: 1 ")]


def test_warnings_are_few():
    run = Run("remove", True, [], warnings=[f"warning {number}" for number in range(1000)] * 2)
    _result, warnings, _failed = _report.report(run)
    assert len(warnings) == _report.WARNED + 1 and warnings[-1] == f"{1000 - _report.WARNED} more warnings"


# --- a whole run and modules that read -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def big():
    with Simulator("generated:40x100") as sim:
        yield sim


def test_thousands_of_removals_by_a_module(big):
    users = [f"person{number:05}@corp.example" for number in range(20, 100)]
    result = run_module(
        "atlas_project_user", big, True, projects="*", users=users, state="absent", allow_no_owner=True, **BIG
    )
    assert not result.get("failed"), result["msg"]
    assert len(result.output) <= LIMIT
    assert result["counts"]["planned"] == len(result["actions"]) + result["actions_omitted"] > 1000


def test_refusals_of_many_projects_are_told_as_many_as_people_read(big):
    options = {"projects": "*", "user": "nobody@corp.example", "role": OWNER}
    result = run_module("atlas_project_role", big, **options, **BIG)
    assert result["failed"] and not big.writes
    assert result["msg"].count("is not a member") == 20 and result["msg"].endswith(" and 20 more")


def test_more_rows_than_fit_fail_with_their_count(big):
    result = run_module("atlas_project_user_info", big, via="direct", **BIG)
    assert result["failed"] and len(result.output) < 10_000 and "memberships" not in result
    assert "memberships: 4,000 rows are too many for a result; name an output_file" in result["msg"]


def test_with_a_file_all_rows_are_in_it_and_the_result_says_that_it_is_cut(big, tmp_path):
    path = tmp_path / "access.json"
    result = run_module("atlas_project_user_info", big, via="direct", output_file=str(path), **BIG)
    assert not result.get("failed") and not result["changed"] and len(result.output) <= LIMIT
    assert result["truncated"] and result["count"] == 4000 > len(result["memberships"])
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert len(rows) == 4000 and rows[: len(result["memberships"])] == result["memberships"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and [one.name for one in tmp_path.iterdir()] == ["access.json"]


@pytest.mark.parametrize("name, rows", [("atlas_project_user_info", "memberships"), ("atlas_project_info", "projects")])
@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_where_all_rows_fit_the_file_holds_the_same(small, tmp_path, name, rows, check):
    path = tmp_path / "rows.json"
    path.write_text("an older one")
    path.chmod(0o644)
    result = run_module(name, small, check, output_file=str(path))
    assert not result["truncated"] and result["count"] == len(result[rows]) > 0
    assert json.loads(path.read_text(encoding="utf-8")) == result[rows]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    without = run_module(name, small, check)
    assert without[rows] == result[rows] and without["count"] == result["count"] and not without["truncated"]


def test_a_file_that_can_not_be_written_is_a_failure(small, tmp_path):
    result = run_module("atlas_project_info", small, output_file=str(tmp_path / "nowhere" / "rows.json"))
    assert result["failed"] and "nowhere" in result["msg"]


def test_more_projects_than_fit(big, monkeypatch):
    monkeypatch.setattr(_result, "OF_LISTING", 1000)
    result = run_module("atlas_project_info", big, **BIG)
    assert result["failed"] and "projects: 40 rows are too many for a result" in result["msg"]


def test_a_partly_read_listing_is_cut_too_and_still_fails(small, tmp_path, monkeypatch):
    monkeypatch.setattr(_result, "OF_LISTING", 1000)
    small.fault(500, method="GET", path=f"{small.project_id('beta')}/users$", times=None)
    path = tmp_path / "rows.json"
    result = run_module("atlas_project_user_info", small, output_file=str(path))
    assert result["failed"] and "1 of 3 projects could not be read" in result["msg"] and result["truncated"]
    assert len(json.loads(path.read_text(encoding="utf-8"))) == result["count"]
