# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody is meant silently: what a policy or a scope names in vain is told by name."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from module_run import run_module

REVIEW, DAN, ANN = "atlas_access_review", "dan@corp.example", "ann@corp.example"
ANY = {"max_removal_percent": 100, "min_owners": 0}


def document(result):
    return json.loads((Path(result["evidence_dir"]) / "review.json").read_text())


def told(result, *words):
    return [one for one in result["warnings"] if all(word in one for word in words)]


# --- scope -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "says"),
    [
        ({"projects": []}, "projects is an empty list"),
        ({"exclude_projects": ["*"]}, "exclude_projects takes out every project"),
        ({"projects": ["alpha"], "exclude_projects": "alpha"}, "exclude_projects takes out every project"),
        ({"project_tags": {"env": "nowhere"}}, "no project has the tag env: nowhere"),
    ],
    ids=str,
)
def test_an_empty_scope_is_a_failure_that_says_why(small, scope, says):
    result = run_module(REVIEW, small, **scope, policy={"leavers": [DAN]})
    assert result["failed"] and result["msg"].startswith("no project is in scope; ") and says in result["msg"]


def test_an_unknown_name_among_excluded_projects_is_told_and_the_others_are_excluded(small):
    result = run_module(REVIEW, small, exclude_projects=["alhpa", "beta", "x*"], policy={"leavers": [DAN]}, guards=ANY)
    assert not result.get("failed")
    assert {one["project"] for one in result["findings"]} == {"alpha", "gamma"}
    assert told(result, "exclude_projects: 'alhpa' is unknown", "near names: alpha") and told(result, "'x*' is unknown")


def test_a_secret_among_excluded_projects_is_refused_and_written_nowhere(small, tmp_path):
    secret = "mdb_sa_sk_" + "s" * 40
    result = run_module(REVIEW, small, exclude_projects=[secret], evidence_dir=str(tmp_path))
    assert result["failed"] and secret not in result.output
    assert not any(secret in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_an_unknown_project_in_scope_is_an_error(small):
    assert run_module(REVIEW, small, projects=["alhpa"], policy={"leavers": [DAN]})["failed"]


# --- leavers ---------------------------------------------------------------------------------------------------------


def test_leavers_found_nowhere_are_told_by_name_and_in_the_table(small, tmp_path):
    nobody = [f"nobody{number}@corp.example" for number in range(25)]
    result = run_module(REVIEW, small, policy={"leavers": [DAN, *nobody]}, guards=ANY, evidence_dir=str(tmp_path))
    (warning,) = told(result, "leavers who get into no project in scope", nobody[0])
    assert "and 5 more" in warning and DAN not in warning
    with (Path(result["evidence_dir"]) / "leavers.csv").open(newline="") as file:
        found = {row["user"]: row["found"] for row in csv.DictReader(file)}
    assert found == {DAN: "3", **dict.fromkeys(nobody, "0")}


@pytest.mark.parametrize(("until", "words"), [(None, "without an end"), ("2999-12-31", "until 2999-12-31")])
def test_a_leaver_whom_an_exception_keeps_in_leaves_the_run_open(small, tmp_path, until, words):
    policy = {"leavers": [DAN], "exceptions": [{"user": DAN, "project": "alpha", "until": until}]}
    result = run_module(
        REVIEW, small, projects="alpha", policy=policy, guards=ANY, mode="clean-up", evidence_dir=str(tmp_path)
    )
    assert result["findings"] == [] and result["outcome"]["state"] == "open" and result["outcome"]["colour"] == "amber"
    assert result["outcome"]["still"] == [f"{DAN}, who has left, stays in alpha by an exception {words}"]


def test_an_exception_from_another_rule_leaves_nothing_open(small):
    policy = {"allowed_domains": ["other.example"], "exceptions": [{"user": DAN}]}
    result = run_module(REVIEW, small, projects="alpha", policy=policy, guards=ANY)
    assert not any(DAN in one for one in result["outcome"]["still"])


# --- exceptions ------------------------------------------------------------------------------------------------------

EXCEPTIONS = {
    "applied": {"user": DAN, "project": "alpha", "until": "2999-12-31"},
    "lapsed": {"user": DAN, "until": "2020-01-31"},
    "unused": {"user": "nobody@corp.example", "until": "2999-12-31"},
    "unused-rule": {"user": ANN, "rule": "leavers", "until": "2999-12-31"},
    "unused-project": {"user": DAN, "project": "nowhere", "until": "2999-12-31"},
    "not_tried": {"user": DAN, "project": "beta", "until": "2999-12-31"},
    "not_tried-rule": {"user": DAN, "rule": "inactive_days", "until": "2999-12-31"},
    "endless": {"user": "other@corp.example"},
}


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_what_became_of_an_exception_is_told(small, tmp_path, name):
    state, given = name.partition("-")[0], EXCEPTIONS[name]
    policy = {"leavers": [DAN], "exceptions": [given]}
    result = run_module(REVIEW, small, projects="alpha", policy=policy, guards=ANY, evidence_dir=str(tmp_path))
    states = {key: [row["user"] for row in rows] for key, rows in document(result)["exceptions"].items()}
    assert states.pop("keeps") == ([DAN] if state == "applied" else [])
    others = {"endless": ["unused", "endless"]}.get(state, [state])
    assert {key for key, users in states.items() if users} == set(others)
    assert all(states[key] == [given["user"]] for key in others)
    words = {"applied": "", "lapsed": "ended on", "unused": "took nothing out", "not_tried": "not tried"}
    expected = words.get(state, "without an end")
    assert bool(told(result, "exception", given["user"])) is bool(expected)
    assert not expected or told(result, expected, given["user"])


def test_of_many_exceptions_twenty_are_told_and_the_document_has_all(small, tmp_path):
    many = [{"user": f"nobody{number}@corp.example", "until": "2999-12-31"} for number in range(25)]
    policy = {"leavers": [DAN], "exceptions": many}
    result = run_module(REVIEW, small, policy=policy, guards=ANY, evidence_dir=str(tmp_path))
    (warning,) = told(result, "took nothing out")
    assert "and 5 more" in warning and len(document(result)["exceptions"]["unused"]) == 25


# --- conflicts -------------------------------------------------------------------------------------------------------


def test_conflicts_are_in_the_result_in_the_document_and_told(small, tmp_path):
    rows = [
        {"project": "beta", "user": DAN, "roles": ["GROUP_READ_ONLY"]},
        {"project": "beta", "user": "new@other.example", "roles": ["GROUP_READ_ONLY"]},
        {"project": "beta", "user": ANN, "roles": ["GROUP_OWNER", "GROUP_READ_ONLY"]},
    ]
    policy = {
        "leavers": [DAN],
        "allowed_domains": ["corp.example"],
        "role_holders": {"GROUP_READ_ONLY": ["bob@corp.example"]},
        "memberships": rows,
        "add_missing": True,
    }
    result = run_module(REVIEW, small, projects="beta", policy=policy, guards=ANY, evidence_dir=str(tmp_path))
    conflicts = [
        {"project": "beta", "user": DAN, "rules": ["leavers", "role_holders", "memberships"]},
        {"project": "beta", "user": ANN, "rules": ["role_holders", "memberships"]},
        {"project": "beta", "user": "new@other.example", "rules": ["allowed_domains", "role_holders", "memberships"]},
    ]

    def by_user(one):
        return one["user"]

    assert sorted(result["conflicts"], key=by_user) == sorted(conflicts, key=by_user)
    assert document(result)["conflicts"] == result["conflicts"]
    assert told(result, "the desired state gives what other rules forbid", "new@other.example in beta")
    added = {one["user"]: one["roles"] for one in result["findings"] if one["action"] == "add"}
    assert "new@other.example" not in added and "GROUP_READ_ONLY" not in added.get(ANN, [])


# --- people who are allowed ------------------------------------------------------------------------------------------


def test_holders_who_are_nobody_are_told_and_allowed_people_stand_in_the_document(small, tmp_path):
    many = [f"nobody{number}@corp.example" for number in range(30)]
    policy = {"allowed_users": [*many, DAN], "role_holders": {"GROUP_OWNER": [ANN, "anm@corp.example"]}}
    result = run_module(REVIEW, small, policy=policy, guards=ANY, evidence_dir=str(tmp_path))
    (warning,) = told(result, "anm@corp.example")
    assert warning == "policy.role_holders: GROUP_OWNER: neither in scope nor in the organization: anm@corp.example"
    assert not told(result, "nobody")
    lost = document(result)["unmatched"]
    assert lost == {"allowed_users": sorted(many), "role_holders: GROUP_OWNER": ["anm@corp.example"]}
    everywhere = run_module(REVIEW, small, policy={"role_holders": {"GROUP_OWNER": many}}, guards=ANY)
    assert told(everywhere, "role_holders", "and 10 more")
