# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, over all states, from documents alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.atlasops.access.plugins.module_utils._outcome import COLOURS, outcome

AT = "2026-11-24T12:00:00+00:00"


def step(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "project": "alpha",
        "user": f"u{number}@corp.example",
        "action": "remove",
        "roles": ["GROUP_OWNER"],
        **fields,
    }


def finding(action: str = "remove", *, rules=("leavers",), ways=(), reasons=("has left",), user="dana@corp.example"):
    through = [{"via": "team", "name": name, "roles": ["GROUP_READ_ONLY"]} for name in ways]
    return {
        "project": "alpha",
        "user": user,
        "action": action,
        "rules": list(rules),
        "reasons": list(reasons),
        "residual_access": through,
    }


def document(*ends: Any, mode: str = "clean-up", **fields: Any) -> dict[str, Any]:
    """A run whose steps ended so: a status, or a status and a verdict."""
    pairs = [(end, "yes" if end == "done" else None) if isinstance(end, str) else end for end in ends]
    return {
        "mode": mode,
        "ended": AT,
        "steps": [step(number) for number in range(len(pairs))],
        "actions": [step(number, status=status, verified=seen) for number, (status, seen) in enumerate(pairs)],
        "blocked": [],
        "findings": [],
        "completeness": {"unreadable": []},
        **fields,
    }


STOP = [{"guard": "max_removals", "project": None, "detail": "3 of 4"}]
UNREAD = {"unreadable": [{"project": "beta", "error": "403"}]}
LAST = finding("report", reasons=("has left", "last_owner: the project would have no other ACTIVE owner"))
THROUGH = finding(ways=["platform"])
DRY = {"mode": "dry-run"}

BESIDE = step(7, status="done", verified="yes", planned=False)
OWNERLESS = {"status": None, "code": None, "detail": "no ACTIVE owner is left after remove of u0@corp.example"}

STATES = {
    "reviewed": [
        document("planned", mode="review"),
        document("planned", mode="review", blocked=STOP, ended=None),
        document("planned", mode="review", findings=[THROUGH, LAST]),
    ],
    "planned": [document(**DRY), document("planned", "planned", **DRY), document("planned", findings=[THROUGH], **DRY)],
    "blocked": [
        document("not tried", blocked=STOP),
        document("not tried", blocked=STOP, ended=None),
        document("not tried", blocked=STOP, completeness=UNREAD),
        document("planned", blocked=STOP, **DRY),
    ],
    "unchanged": [document(), document(ended=None), document(findings=[finding("report", rules=["inactive_days"])])],
    "done": [
        document("done"),
        document("done", ("failed", "yes")),
        document("done", ("unknown", "yes")),
        document("done", ("skipped", "yes")),
        document("done", findings=[finding()]),
        document("done", findings=[finding("revoke", rules=["role_holders"], ways=["platform"])]),
    ],
    "open": [
        document("done", findings=[THROUGH]),
        document(findings=[finding("report", ways=["platform"])]),
        document("done", findings=[LAST]),
        document(findings=[finding("report", reasons=["has left", "is protected, so left alone"])]),
        document(("failed", "yes"), findings=[THROUGH]),
    ],
    "partial": [
        document("done", ("failed", "no")),
        document("done", ("skipped", "no")),
        document("done", ("not tried", None)),
        document("done", ("unknown", "no")),
        document("done", completeness=UNREAD),
        document(completeness=UNREAD),
        document("planned", completeness=UNREAD, **DRY),
        document("planned", mode="review", completeness=UNREAD),
        document("done", ("failed", "no"), findings=[THROUGH]),
        document(actions=[step(status="done", verified="yes", error=OWNERLESS)], steps=[step()]),
    ],
    "failed": [
        document(error="the secret was refused"),
        document("not tried", error="x", blocked=STOP),
        document(mode="review", error="x"),
        document(("failed", "no")),
        document(("failed", None), ("skipped", None)),
        document("planned"),
        document(("not tried", None)),
        document(("unknown", "no")),
        document(("failed", "no"), **DRY),
        document("done", steps=[step(0), step(1)]),
        document("done", steps=[], actions=[step(status="done", verified="yes", planned=False)]),
        document("done", actions=[step(0, status="done", verified="yes"), BESIDE]),
        document("done", mode="dry-run"),
        document("done", "planned", mode="review"),
        document(("unknown", "no"), blocked=STOP),
    ],
    "interrupted": [
        document("done", ended=None),
        document("planned", ended=None, **DRY),
        document(("unknown", None)),
        document(("unknown", "unreadable"), "done"),
        document("done", ("not tried", None), interrupted="SIGTERM"),
        document("done", interrupted="SIGTERM"),
    ],
    "unverified": [
        document(("done", "unreadable")),
        document(("done", None), "done"),
        document(("done", "unreadable"), findings=[THROUGH]),
    ],
    "disputed": [
        document(("done", "no")),
        document("done", ("done", "came back")),
        document(("done", "no"), interrupted="SIGTERM"),
        document(("done", "came back"), completeness=UNREAD),
    ],
}
CASES = [(state, one) for state, ones in STATES.items() for one in ones]
RED, AMBER = {"blocked", "partial", "failed", "interrupted", "disputed"}, {"open", "unverified"}


def test_every_state_is_tested():
    assert set(STATES) == set(COLOURS)


@pytest.mark.parametrize(("state", "given"), CASES, ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)])
def test_the_state_of_a_run(state, given):
    found = outcome(given)
    assert found["state"] == state
    assert found["colour"] == ("red" if state in RED else "amber" if state in AMBER else "green")
    assert set(found) == {"state", "colour", "sentence", "still", "missed"} and found["sentence"].strip()


@pytest.mark.parametrize(("state", "given"), CASES)
def test_no_sentence_says_that_nothing_was_changed(state, given):
    assert "nothing was changed" not in outcome(given)["sentence"].lower()


def test_what_somebody_gave_back_is_no_step_of_the_plan():
    given = document("done")
    given["actions"].append({**BESIDE, "action": "grant", "why": "restored"})
    assert outcome(given)["state"] == "done" and "1 of 1 step took effect" in outcome(given)["sentence"]


def test_who_still_gets_in_is_named_with_the_way():
    found = outcome(document("done", findings=[THROUGH, LAST, finding(user="ok@corp.example")]))
    assert found["still"] == [
        "dana@corp.example still gets into alpha through the team platform (GROUP_READ_ONLY)",
        "dana@corp.example stays in alpha as its last ACTIVE owner",
    ]
    assert found["still"][0] in found["sentence"]


def test_another_way_in_that_could_not_be_read_leaves_it_open():
    unread = {**finding(), "residual_access": [{"via": "unknown", "name": None, "roles": []}]}
    ended = outcome(document("done", findings=[unread]))
    assert ended["state"] == "open"
    assert ended["still"] == ["whether dana@corp.example still gets into alpha in another way could not be read"]
    assert (
        outcome(document("done", findings=[{**unread, "action": "report", "rules": ["inactive_days"]}]))["still"] == []
    )


@pytest.mark.parametrize(
    ("access", "state"), [("read", "unchanged"), ("by roles only", "unchanged"), ("unreadable", "open")]
)
def test_a_leaver_who_was_not_found_where_teams_could_not_be_read_leaves_it_open(access, state):
    leavers = [{"user": "dana@corp.example", "found": 0}, {"user": "ben@corp.example", "found": 1}]
    ended = outcome(document(leavers=leavers, completeness={"unreadable": [], "team_access": access}))
    assert ended["state"] == state
    assert ended["still"] == ["whether dana@corp.example gets in through a team could not be read"] * (state == "open")


def test_where_nothing_was_planned_no_step_is_counted():
    ended = outcome(
        document(findings=[finding("report", reasons=["has left", "last_owner: make somebody else owner"])])
    )
    assert ended["state"] == "open" and ended["sentence"].startswith(
        "There was nothing to do: nobody was found whose access was to change. 1 point stayed open: "
    )


def test_who_was_not_removed_still_gets_in():
    given = document(("failed", "no"), ("skipped", "no"), ("failed", "yes"), ("done", "no"), ("failed", "no"), "done")
    for row, status in zip(given["actions"], ["ACTIVE", "PENDING", "ACTIVE", "ACTIVE", "INVITATION_EXPIRED", "ACTIVE"]):
        row["membership"] = status
    named = [f"u{number}@corp.example still gets into alpha as a member" for number in (0, 1, 3)]
    assert outcome(given)["still"] == named


def test_who_came_back_is_named():
    found = outcome(document(("done", "came back"), ("done", "no")))
    assert found["still"][-1] == "u0@corp.example came back to alpha"
    assert "1 step reported as done was found not to be in effect. Of 1 step the person came back." in found["sentence"]


def test_a_run_that_failed_in_part_names_its_counts_in_the_past():
    said = outcome(document("done", ("failed", "no"), ("skipped", "no"), ("not tried", None)))["sentence"]
    assert said.startswith("1 of 4 steps took effect.") and "1 failed, 1 skipped, 1 not tried" in said


def test_a_step_after_which_something_was_wrong_says_what():
    said = outcome(document(actions=[step(status="done", verified="yes", error=OWNERLESS)], steps=[step()]))["sentence"]
    assert said == (
        "1 of 1 step took effect. Recorded: 1 done. alpha: no ACTIVE owner is left after remove of u0@corp.example."
    )


def test_what_no_review_planned_is_said():
    said = outcome(document("done", actions=[step(0, status="done", verified="yes"), BESIDE]))["sentence"]
    assert said == "Failed: 1 step was taken that the review did not plan, or did not let pass. Recorded: 1 done."


def test_what_would_stay_open_is_said_in_the_fitting_tense():
    assert "1 point stayed open: " in outcome(document("done", findings=[THROUGH]))["sentence"]
    assert outcome(document(findings=[LAST]))["sentence"].startswith("There was nothing to do: ")
    for mode in ("dry-run", "review"):
        assert "1 point would stay open: " in outcome(document("planned", mode=mode, findings=[THROUGH]))["sentence"]


def test_a_review_says_what_a_clean_up_would_do():
    assert outcome(document(mode="review"))["sentence"] == "There were no findings."
    found = [finding(), finding()]
    said = outcome(document("planned", "planned", mode="review", findings=found))["sentence"]
    assert said == "There were 2 findings; a clean-up would take 2 steps."
    said = outcome(document("planned", mode="review", findings=found[:1], blocked=STOP))["sentence"]
    assert said == "There was 1 finding; a clean-up would be blocked by max_removals."


ENDS = st.tuples(
    st.sampled_from(["done", "failed", "skipped", "not tried", "unknown", "planned"]),
    st.sampled_from([None, "yes", "no", "came back", "unreadable"]),
)


@given(
    st.lists(ENDS, max_size=5),
    st.sampled_from(["review", "dry-run", "clean-up"]),
    st.sampled_from([AT, None]),
    st.sampled_from([[], STOP]),
    st.sampled_from([None, "SIGINT"]),
)
def test_every_document_has_an_outcome_and_green_means_that_nothing_is_amiss(ends, mode, ended, blocked, by):
    found = outcome(document(*ends, mode=mode, ended=ended, blocked=blocked, interrupted=by))
    assert found["state"] in COLOURS and found["sentence"]
    if found["state"] == "done":
        assert ends and all(seen == "yes" for status, seen in ends)


@pytest.mark.parametrize(
    ("level", "found", "missed"),
    [
        ("projects", THROUGH, 0),
        ("teams", THROUGH, 1),
        ("organization", THROUGH, 1),
        (None, THROUGH, 0),
        ("projects", finding("report", reasons=("is excepted",)), 1),
        ("projects", finding("report", ways=["platform"]), 0),
        ("projects", LAST, 1),
        ("teams", finding("report", reasons=("is to leave: on 2026-12-31",), ways=["platform"]), 0),
        ("teams", finding("remove", rules=("inactive",), ways=["platform"]), 0),
    ],
)
def test_whoever_gets_in_by_a_way_that_was_to_end_is_missed(level, found, missed):
    ended = outcome(document("done", findings=[found], leavers_lose=level))
    assert ended["missed"] == missed
    assert ended["state"] == "open" or found["reasons"][0].startswith("is to leave: ")


def test_whom_an_exception_keeps_in_is_missed():
    kept = {"user": "dana@corp.example", "project": "alpha", "until": None}
    assert outcome(document("done", exceptions={"keeps": [kept]}))["missed"] == 1
