# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read of a run: numbers that agree with their words, and a screen at most."""

from __future__ import annotations

import pytest

from ansible_collections.atlasops.access.plugins.module_utils import _console as console
from ansible_collections.atlasops.access.plugins.module_utils._outcome import outcome
from ansible_collections.atlasops.access.plugins.module_utils._words import counted


def rows(number: int, projects: int = 20) -> list[dict]:
    """Findings, or steps, of so many memberships."""
    return [
        {
            "project": f"p{one % projects:02}",
            "project_id": f"{one % projects:024}",
            "user": f"u{one // projects:04}@corp.example",
            "status": "ACTIVE",
            "rules": ["leavers"],
            "reasons": ["has left, by the list of leavers"],
            "action": "remove",
            "roles": ["GROUP_READ_ONLY"],
            "residual_access": [{"via": "team", "name": "ops", "roles": []}] if one == 0 else [],
        }
        for one in range(number)
    ]


def lines(number: int, mode: str = "review", **more: object) -> list[str]:
    found = rows(number)
    document = {"mode": mode, "findings": found, "steps": found, "summary": {"findings": number}, "ended": "x", **more}
    return console.ended({**document, "outcome": outcome(document)})


@pytest.mark.parametrize("number, said", [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (2000, "2,000 steps")])
def test_numbers_agree_with_what_they_count(number, said):
    assert counted(number, "step") == said
    assert counted(number, "person", "people") == said.replace("steps", "people").replace("step", "person")


def test_a_review_that_finds_nothing_one_and_two_thousand():
    assert lines(0) == [
        "review, reviewed: There were no findings.",
        "found: nothing",
        "done: nothing, this was a review; 0 steps planned",
        "would stay open: nothing",
    ]
    one = lines(1)
    assert one[0].startswith("review, reviewed: There was 1 finding; a clean-up would take 1 step. 1 point would stay")
    assert one[1:3] == [
        "found: 1 finding about 1 person (remove 1)",
        "done: nothing, this was a review; 1 step planned",
    ]
    assert one[3].startswith("would stay open: 1 point: u0000@corp.example still gets into p00 through the team ops")
    assert lines(2000)[1] == "found: 2,000 findings about 100 people (remove 2,000)"
    blocked = lines(3, blocked=[{"guard": "max_removals", "project": None, "detail": "3 of 4"}])
    assert "a clean-up would be blocked by max_removals." in blocked[0]


def test_a_clean_up_says_what_was_done_and_what_is_left():
    actions = [{**row, "status": "done", "verified": "yes"} for row in rows(2)]
    told = {"verified": 2, "counts": {"planned": 2, "done": 2, "failed": 0, "not_tried": 0}}
    said = lines(2, "clean-up", actions=actions, verification=told)
    assert said[2] == "done: 2 of 2 steps, 2 verified" and said[3].startswith("left open: 1 point: ")
    since = {"run": "r", "counts": {"new": 1, "gone": 0, "came_back": 2, "extended": 0}}
    assert lines(1, comparison=since)[1].endswith("(remove 1); since r: 1 new, 0 gone, 2 came back")


def test_what_nobody_looked_at_yet_is_not_said_to_be_undone():
    found = {"findings": [{**rows(1)[0], "residual_access": []}], "ended": None}
    said = lines(1, "clean-up", **found)
    assert said[0].startswith("clean-up, interrupted: ")
    assert said[2] == "done: not looked at yet; 1 step planned, and what was begun is in actions.jsonl"
    assert said[3] == "left open: not looked at yet"
    assert "ops" in lines(1, "clean-up", ended=None)[3], "what is known to stay open is told all the same"
    blocked = lines(1, "clean-up", **found, blocked=[{"guard": "max_removals", "project": None, "detail": "1 of 1"}])
    assert blocked[2] == "done: 0 of 1 step, 0 verified"


def test_much_that_stays_open_is_not_all_told_here():
    found = [{**row, "residual_access": [{"via": "team", "name": "ops", "roles": []}]} for row in rows(50, 1)]
    document = {"mode": "review", "findings": found, "steps": found}
    said = console.ended({**document, "outcome": outcome(document)})
    assert said[3].count("still gets in") == console.OPEN and said[3].endswith("; and 45 more, in the report")
    assert "50 points would stay open: " in said[0] and len(said[0]) < 400


def test_findings_and_plan_fit_on_a_screen_and_name_the_file_with_all():
    few, many = console.report(rows(40), "f.csv"), console.report(rows(2000), "f.csv")
    assert len(few) == 40 and len(many) == 41 and many[-1] == "and 1,960 more findings, all in f.csv"
    assert console.report(rows(41), None)[-1] == "and 1 more finding, name an evidence_dir to have them all"
    plan = console.plan_lines(rows(2000), "plan.json")
    assert len(plan) == 21 and plan[-1] == "and 1,600 more steps, all in plan.json"
    assert plan[0].startswith("p00: remove: u0000@corp.example, u0001@") and plan[0].endswith(" and 80 more")
    assert console.plan_lines(rows(1), "plan.json") == ["p00: remove: u0000@corp.example"]
    assert max(map(len, plan)) < 500 and len(console.plan_lines(rows(500, 500), "plan.json")) == 41


def test_keys_are_not_people():
    keys = [{**row, "status": "api_key", "user": f"key {n}", "action": "report"} for n, row in enumerate(rows(2))]
    document = {"mode": "review", "findings": [*keys, *rows(1)], "steps": [], "outcome": {"state": "x", "sentence": ""}}
    document["outcome"]["still"] = []
    said = console.ended(document)[1]
    assert (
        said
        == "found: 3 findings about 1 person and 2 API keys and service accounts (remove 1, for people to decide 2)"
    )
