# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run beside the one before it in the same directory; what is odd there is told, and fails nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from module_run import run_module
from test_identities import WORLD
from test_review import read
from test_review_runs import ANY, BOB, DAN, carried_out

from ansible_collections.atlasops.access.plugins.module_utils import _evidence as evidence
from simulator import Simulator

ANN = "ann@corp.example"
EVERYBODY = {"allowed_users": ["nobody@corp.example"]}


def review(sim, base, policy, **options):
    result = run_module("atlas_access_review", sim, policy=policy, guards=ANY, evidence_dir=str(base), **options)
    assert result.rc == 0, result
    return result


def told(result):
    return read(result)["comparison"]


def named(rows):
    return sorted((row["project"], row["user"]) for row in rows)


def name(result):
    return os.path.basename(result["evidence_dir"])


def test_the_first_run_has_nothing_to_be_compared_with(small, tmp_path):
    first = review(small, tmp_path, {"leavers": [BOB]})
    assert told(first)["run"] is None and told(first)["notes"] == [] and first["compared"] == ""
    alone = run_module("atlas_access_review", small, policy={"leavers": [BOB]})
    assert alone["compared"] == ""


def test_what_is_new_and_what_is_gone_is_told_of_the_last_run(small, tmp_path):
    first = review(small, tmp_path, {"leavers": [BOB]})
    second = review(small, tmp_path, {"leavers": [DAN]})
    found = told(second)
    assert found["run"] == name(first) and found["mode"] == "review" and found["policy_changed"] == ["leavers"]
    assert named(found["new"]) == named(second["findings"]) != []
    assert named(found["gone"]) == named(first["findings"]) != []
    assert {row["removed"] for row in found["gone"]} == {False}
    assert second["compared"] == f"since {name(first)}: {len(found['new'])} new, {len(found['gone'])} gone"
    third = told(review(small, tmp_path, {"leavers": [DAN]}))
    assert third["run"] == name(second) and third["counts"] == {"new": 0, "gone": 0, "came_back": 0, "extended": 0}


def cleaned(sim, base, leaver):
    """A clean-up with all that the role does."""
    result = review(sim, base, {"leavers": [leaver]}, mode="clean-up", seal=False)
    assert carried_out(sim, result)[0].rc == 0
    ended = run_module("atlas_access_evidence", sim, evidence_dir=result["evidence_dir"])
    assert ended["seal"], ended
    return result


def test_who_came_back_since_the_last_clean_up_is_told_by_later_reviews_too(small, tmp_path):
    first = cleaned(small, tmp_path, BOB)
    out = told(review(small, tmp_path, {"leavers": [BOB]}))
    assert out["run"] == name(first) and {row["removed"] for row in out["gone"]} == {True}
    removed = [row for row in first["findings"] if row["action"] == "remove"]
    out_for_good = [row for row in removed if not row["residual_access"]]
    assert named(out["gone"]) == named(out_for_good) != [] and out["came_back"] == []

    back = [{"project": row["project"], "user": BOB, "roles": row["roles"]} for row in removed]
    assert run_module("atlas_project_user", small, memberships=back).rc == 0
    for count in (1, 2):
        result = review(small, tmp_path, {"leavers": [DAN]})
        found = told(result)
        assert named(found["came_back"]) == named(removed), count
        assert found["clean_up"] == name(first) and f"{len(found['came_back'])} came back" in result["compared"]
    assert found["run"] != found["clean_up"]


@pytest.mark.parametrize(
    ("was", "now", "extended"),
    [
        ("2030-01-01", "2030-01-02", True),
        ("2030-01-02", "2030-01-02", False),
        ("2030-01-02", "2030-01-01", False),
        ("2030-01-01", None, True),
        (None, "2030-01-01", False),
    ],
)
def test_an_exception_that_ends_later_than_it_did_is_told(small, tmp_path, was, now, extended):
    def policy(until):
        return {**EVERYBODY, "exceptions": [{"user": BOB, "rule": "allowed_users", "until": until}]}

    review(small, tmp_path, policy(was))
    found = told(review(small, tmp_path, policy(now)))
    assert [(row["user"], row["was"], row["until"]) for row in found["extended"]] == [(BOB, was, now)] * extended


def test_only_runs_that_ended_and_looked_at_the_same_are_compared(small, tmp_path):
    first = review(small, tmp_path, {"leavers": [BOB]})
    review(small, tmp_path, {"leavers": [BOB]}, projects="alpha")
    review(small, tmp_path, {"leavers": [BOB]}, mode="clean-up", seal=False)
    run_module("atlas_access_review", small, evidence_dir=str(tmp_path), projects="nosuch")
    found = told(review(small, tmp_path, {"leavers": [BOB]}))
    assert found["run"] == name(first) and found["notes"] == []


def test_what_could_not_be_read_is_neither_new_nor_gone(small, tmp_path):
    whole = review(small, tmp_path, EVERYBODY)
    small.fault(403, method="GET", path=f"{small.project_id('alpha')}/users", times=None)
    part = run_module("atlas_access_review", small, policy=EVERYBODY, guards=ANY, evidence_dir=str(tmp_path))
    assert part["failed"] and told(part)["run"] == name(whole)
    assert told(part)["counts"]["gone"] == 0
    small._call(small._service.faults.clear)
    assert told(review(small, tmp_path, EVERYBODY))["counts"]["new"] == 0


def test_who_gets_in_by_what_was_not_read_is_neither_new_nor_gone(small, tmp_path):
    policy = {"leavers": [ANN], **EVERYBODY}
    whole = review(small, tmp_path, policy, legacy_invitations=True)
    assert ("alpha", "lee@partner.example") in named(whole["findings"])
    small.fault(403, method="GET", path="/teams", times=None)
    part = review(small, tmp_path / "part", policy)
    assert part["completeness"]["team_access"] == "unreadable"
    assert ("gamma", ANN) in set(named(whole["findings"])) - set(named(part["findings"]))
    found = told(review(small, tmp_path, policy))
    assert found["run"] == name(whole) and found["gone"] == []
    small._call(small._service.faults.clear)
    assert told(review(small, tmp_path / "part", policy, legacy_invitations=True))["new"] == []


def test_a_project_that_the_credential_sees_no_more_is_not_clean(small, tmp_path):
    whole = review(small, tmp_path, EVERYBODY)
    part = review(small, tmp_path, EVERYBODY, access_token="projects-token")
    assert not part["completeness"]["complete"] and "gamma" not in {row["project"] for row in part["findings"]}
    assert told(part)["run"] == name(whole) and told(part)["gone"] == []


@pytest.mark.parametrize("how", ["not asked for", "unreadable"])
def test_keys_that_nobody_read_are_neither_new_nor_gone(quick, tmp_path, how):
    policy = {"identity_holders": {"GROUP_OWNER": ["x"]}}
    with Simulator(WORLD) as world:
        asked = {"access_token": "world-token", "programmatic_access": True}
        first = review(world, tmp_path, policy, **asked)
        assert len(first["findings"]) == 3
        world.fault(403, method="GET", path="(serviceAccounts|apiKeys)$", times=None)
        unread = {} if how == "not asked for" else policy
        second = review(world, tmp_path, unread, **{**asked, "programmatic_access": how == "unreadable"})
        assert second["completeness"]["programmatic_access"] == how
        assert told(second)["run"] == name(first) and told(second)["counts"]["gone"] == 0


def _edit(change):
    def edit(run: Path):
        document = json.loads((run / "review.json").read_text())
        document = change(document) or document
        (run / "review.json").write_text(json.dumps(document))
        (run / "SHA256SUMS").unlink()
        evidence.seal(str(run))

    return edit


def _link(run: Path):
    shutil.move(run / "review.json", run.parent.parent / "elsewhere.json")
    os.symlink(run.parent.parent / "elsewhere.json", run / "review.json")


ODD = {
    "no json": (lambda run: (run / "review.json").write_text("{"), "is damaged: it is no JSON"),
    "no file": (lambda run: (run / "review.json").unlink(), "there is no review.json"),
    "edited": (
        lambda run: (run / "review.json").write_bytes((run / "review.json").read_bytes() + b" "),
        "is not the one that was sealed",
    ),
    "a link": (_link, "can't be read"),
    "no list": (_edit(lambda it: it.update(findings=7)), "holds what no run of this version writes"),
    "no rows": (_edit(lambda it: it.update(findings=["x"])), "holds what no run of this version writes"),
    "no keys": (_edit(lambda it: {"mode": "review", "version": 1}), "holds what no run of this version writes"),
    "another version": (_edit(lambda it: it.update(version=99)), "another version wrote it"),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_run_is_told_and_the_one_before_it_is_taken(small, tmp_path, kind):
    base = tmp_path / "base"
    first = review(small, base, {"leavers": [BOB]})
    second = review(small, base, {"leavers": [BOB]})
    spoil, says = ODD[kind]
    spoil(Path(second["evidence_dir"]))
    found = told(review(small, base, {"leavers": [BOB]}))
    assert found["run"] == name(first)
    (note,) = found["notes"]
    assert note.startswith(f"the run {name(second)} was left out of the comparison: ") and says in note
