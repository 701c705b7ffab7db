# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long and how often an approval counts, and what whoever approves reads."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from module_run import run_module
from test_review_runs import BOTH, LIMITED, guards_of, review

from ansible_collections.atlasops.access.plugins.module_utils import _approval as approval
from ansible_collections.atlasops.access.plugins.module_utils._access import Refusal

NOW = datetime(2026, 4, 8, 6, 0, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def ago(hours=0, **more):
    return (NOW - timedelta(hours=hours, **more)).isoformat(timespec="seconds")


# --- how long --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [None, "", "  ", 168, "168"])
@pytest.mark.parametrize("early, counts", [(-1, True), (0, True), (1, False)])
def test_an_approval_counts_for_so_many_hours(hours, early, counts):
    at = ago(168, seconds=early)
    assert bool(approval.stale(approval.read_term(at, hours), None, NOW)) is not counts
    assert bool(approval.stale(approval.read_term("", hours), at, NOW)) is not counts


def test_what_was_handed_over_goes_before_what_the_plan_says():
    term = approval.read_term(ago(200), None)
    said = approval.stale(term, ago(1), NOW)
    assert said == "the approved plan was reviewed 200 hours ago, and approval_hours is 168; review again"


def test_no_hours_are_none():
    assert "0 hours ago" in approval.stale(approval.read_term(ago(0, seconds=1), 0), None, NOW)


def test_without_any_time_the_age_is_not_asked_about():
    assert approval.stale(approval.read_term(None, None), None, NOW) == ""


@pytest.mark.parametrize("seconds, counts", [(299, True), (300, True), (301, False)])
def test_a_time_to_come_makes_no_approval_last_longer(seconds, counts):
    at = (NOW + timedelta(seconds=seconds)).isoformat()
    assert ("yet to come" in approval.stale(approval.read_term(at, None), None, NOW)) is not counts


def test_a_plan_that_tells_no_time_counts_no_more():
    assert "does not say" in approval.stale(approval.read_term(None, None), "yesterday", NOW)


@pytest.mark.parametrize("text", ["2026-04-01T06:00:00Z", "2026-04-01 06:00:00", "2026-04-01T08:00:00+02:00"])
def test_times_as_people_write_them(text):
    assert approval.read_term(text, None).at == NOW - 168 * HOUR


@pytest.mark.parametrize("at, hours, named", [("soon", None, "approved_at: 'soon'"), (None, "a week", "a week")])
@pytest.mark.parametrize("given", [True, False])
def test_what_is_no_time_is_refused(small, at, hours, named, given):
    with pytest.raises(Refusal, match=named):
        approval.read_term(at, hours)
    digest = {"approved_plan": "0" * 64} if given else {}
    result = review(small, approved_at=at, approval_hours=hours, **digest)
    assert result["failed"] and named in result["msg"] and not small.requests


@pytest.mark.parametrize("hours", [-1, "-1", 1.5, True, "²"])
def test_hours_are_whole(hours):
    with pytest.raises(Refusal, match="approval_hours"):
        approval.read_term(None, hours)


def test_a_plan_that_is_too_old_is_not_carried_out(small, tmp_path):
    first = review(small, BOTH, LIMITED, evidence_dir=str(tmp_path))
    given = {"approved_plan": first["plan_digest"], "approved_steps": first["step_hashes"]}
    assert guards_of(review(small, BOTH, LIMITED, **given, approved_at=first["made_at"])) == []
    old = (datetime.now(timezone.utc) - 169 * HOUR).isoformat()
    result = review(small, BOTH, LIMITED, **given, approved_at=old, evidence_dir=str(tmp_path))
    assert guards_of(result)[0] == "approved_plan" and "169 hours ago" in result["blocked"][0]["detail"]
    assert guards_of(review(small, BOTH, LIMITED, **given, approved_at=old, approval_hours=200)) == []
    assert guards_of(review(small, {}, LIMITED, **given, approved_at=old)) == [], "nothing is done, so nothing is old"


def test_the_same_run_under_an_approval_of_elsewhere_passes_again(small, tmp_path):
    first = review(small, BOTH, LIMITED)
    given = {"mode": "clean-up", "seal": False, "approved_plan": first["plan_digest"]}
    for guards, stops in ((None, []), (first["approved_guards"], []), ([], ["max_removals"])):
        base = tmp_path / str(guards is None) / str(bool(guards))
        for _again in range(2):
            result = review(small, BOTH, LIMITED, **given, approved_guards=guards, evidence_dir=str(base))
            assert guards_of(result) == stops


# --- how often -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("launch, counts", [("", True), ("workflow", True), ("relaunch", False), ("manual", False)])
def test_an_approval_counts_in_its_workflow_only(small, launch, counts):
    first = review(small, BOTH, LIMITED)
    given = {"approved_plan": first["plan_digest"], "approved_steps": first["step_hashes"]}
    result = review(small, BOTH, LIMITED, **given, run={"launch_type": launch})
    assert guards_of(result) == ([] if counts else guards_of(first))
    loose = {**LIMITED, "max_removals": 99}
    required = review(small, BOTH, loose, **given, run={"launch_type": launch}, require_approval=True)
    assert guards_of(required) == ([] if counts else ["require_approval"])
    if not counts:
        assert f"started by '{launch}'" in required["blocked"][0]["detail"]
        assert any(f"started by '{launch}'" in str(one) for one in result["warnings"])


@pytest.mark.parametrize("fits", [True, False])
def test_a_plan_with_more_steps_than_travel_passes_only_as_it_was(small, monkeypatch, fits):
    due = review(small, BOTH, LIMITED)["summary"]["steps"]
    monkeypatch.setattr("ansible_collections.atlasops.access.plugins.module_utils._reviewer.HASHES", due - (not fits))
    first = review(small, BOTH, LIMITED)
    assert len(first["step_hashes"]) == (due if fits else 0)
    given = {"approved_plan": first["plan_digest"], "approved_steps": first["step_hashes"]}
    given.update(approved_guards=first["approved_guards"], approved_at=first["made_at"])
    assert guards_of(review(small, BOTH, LIMITED, **given)) == []
    run_module("atlas_project_user", small, project="gamma", user=BOTH["leavers"][-1], state="absent")
    rest = review(small, BOTH, LIMITED, **given)
    assert guards_of(rest)[:1] == ([] if fits else ["approved_plan"]), rest["blocked"]


def test_two_workflows_of_different_scope_approve_nothing_of_each_other(small):
    def scoped(project, other=None, **more):
        given = {"approved_plan": other["plan_digest"], "approved_steps": other["step_hashes"]} if other else {}
        return review(small, BOTH, {**LIMITED, "max_removals": 0}, projects=project, **given, **more)

    alpha, gamma = scoped("alpha"), scoped("gamma")
    assert guards_of(scoped("alpha", gamma))[0] == guards_of(scoped("gamma", alpha))[0] == "approved_plan"
    # The second to be approved passes though the first was carried out in between.
    assert guards_of(scoped("alpha", alpha)) == []
    run_module("atlas_project_user", small, project="alpha", users=BOTH["leavers"], state="absent")
    assert guards_of(scoped("gamma", gamma)) == []


def test_an_automation_controller_that_renders_nothing_approves_nothing(small):
    """The variables of the clean-up's template, as they arrive where the controller leaves templates alone."""
    kit = (Path(__file__).resolve().parents[2] / "playbooks/vars/awx_objects.yml").read_text()
    given = dict(re.findall(r'^  access_cleanup_(approved_\w+): !unsafe "(.*)"$', kit, re.M))
    assert len(given) == 4
    result = review(small, BOTH, LIMITED, **given)
    assert result["failed"] and "approved_plan" in result["msg"] and not small.requests, result


@pytest.mark.parametrize("place", ["/proc/evidence", "{tmp}/file", "{tmp}/file/below"])
def test_a_place_that_takes_no_evidence_is_told_and_nothing_is_done(small, tmp_path, place):
    (tmp_path / "file").write_text("")
    given = place.format(tmp=tmp_path)
    result = review(small, BOTH, mode="clean-up", evidence_dir=given)
    assert result["failed"] and f"evidence_dir: {given!r} can't be written to" in result["msg"]
    assert not small.writes and "plan_digest" not in result


# --- what is read ----------------------------------------------------------------------------------------------------


def document(steps=0, projects=1, blocked=(), still=(), lost=(), unreadable=()):
    return {
        "steps": [
            {"action": "remove", "project": f"p{n % projects:03}", "project_id": str(n % projects)}
            for n in range(steps)
        ],
        "blocked": list(blocked),
        "leavers": [{"user": user, "found": 0} for user in lost],
        "outcome": {"still": list(still)},
        "completeness": {"unreadable": list(unreadable), "team_access": "read"},
    }


def stop(number, guard="max_project_removal_percent"):
    detail = "40 of 60 memberships (66.7 %) would end or lose a role, and max_project_removal_percent is 50"
    return {"guard": guard, "project": f"p{number:03}", "detail": detail}


def test_nothing_to_approve():
    assert approval.text(document()) == ["The plan has no steps."]


def test_one_step():
    lines = approval.text(document(1, lost=["x@corp.example"]))
    assert lines == [
        "The plan has 1 step in 1 project: remove 1.",
        "p000: remove 1",
        "No guard stands against it.",
        "What stays open all the same:",
        "x@corp.example was found nowhere in scope",
    ]


def test_two_thousand_steps_and_many_guards_are_bounded():
    found = document(2000, 187, map(stop, range(187)), ["y" * 5000] * 300, ["z"] * 400)
    lines = approval.text(found)
    assert lines[0] == "The plan has 2,000 steps in 187 projects: remove 2,000."
    assert "in 175 more projects: remove 1,868" in lines and "Approving overrides 187 guards:" in lines
    assert "max_project_removal_percent in p007: 40 of 60" in "\n".join(lines)
    assert "and 179 more guards, in the report" in lines and "and 692 more points, in the report" in lines
    assert sum(map(len, lines)) < 5_000 and max(map(len, lines)) <= approval.LINE


def in_place(kind, number, name):
    return {"action": "remove", "project": name, "project_id": f"{kind}{number}", "place": kind}


def test_who_approves_reads_that_somebody_leaves_teams_and_the_organization():
    found = document(3, 2)
    found["steps"] += [in_place("team", 1, "dba"), in_place("organization", 1, "Acme")]
    assert approval.text(found)[:5] == [
        "The plan has 5 steps in 2 projects and 1 team and 1 organization: remove 5.",
        "organization Acme: remove 1",
        "team dba: remove 1",
        "p000: remove 2",
        "p001: remove 1",
    ]
    found = document(2, 2)
    found["steps"] += [in_place("team", number, f"team {number}") for number in range(12)]
    lines = approval.text(found)
    assert (
        lines[0].startswith("The plan has 14 steps in 2 projects and 12 teams:")
        and "in 2 more projects: remove 2" in lines
    )
    found["steps"] += [in_place("team", 12, "dba")]
    assert "in 3 more places: remove 3" in approval.text(found)
    assert (
        approval.text({**found, "steps": [in_place("team", 1, "dba")]})[0] == "The plan has 1 step in 1 team: remove 1."
    )


@pytest.mark.parametrize("projects", [11, 12, 13, 14])
def test_as_many_projects_as_are_read(projects):
    lines = approval.text(document(projects, projects))
    assert sum(line.startswith("p") for line in lines) == min(projects, 12)
    more = {13: "in 1 more project: remove 1", 14: "in 2 more projects: remove 2"}.get(projects)
    assert [line for line in lines if line.startswith("in ")] == [more] * (projects > 12)


@pytest.mark.parametrize("guards", [8, 9, 10])
def test_as_many_guards_as_are_read(guards):
    lines = approval.text(document(1, 1, map(stop, range(guards))))
    more = {9: ["and 1 more guard, in the report"], 10: ["and 2 more guards, in the report"]}.get(guards, [])
    assert [line for line in lines if line.startswith("and ")] == more


def test_the_approval_itself_is_no_guard_to_override():
    found = document(1, 1, [stop(1, "require_approval"), stop(1, "approved_plan")])
    assert "No guard stands against it." in approval.text(found)
    assert approval.overridden(found["blocked"]) == []


def test_who_could_not_be_looked_for_is_not_said_to_be_nowhere():
    lines = approval.text(document(0, lost=["x@corp.example"], unreadable=[1]))
    assert lines[1:] == ["x@corp.example was not found in what could be read"]


def test_a_review_hands_over_what_its_approval_needs(small):
    policy = {**BOTH, "leavers": [*BOTH["leavers"], "nobody@corp.example"]}
    result = review(small, policy, LIMITED)
    assert result["approved_guards"] == [{"guard": "max_removals", "project": None}]
    assert result["nowhere"] == ["nobody@corp.example"]
    assert "nobody@corp.example was found nowhere in scope" in result["approval_text"]
    given = {"approved_plan": result["plan_digest"], "approved_steps": result["step_hashes"]}
    given.update(approved_guards=result["approved_guards"], approved_at=result["made_at"])
    assert guards_of(review(small, policy, LIMITED, **given)) == []
