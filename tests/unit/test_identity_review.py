# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A review of API keys and service accounts: what breaks the policy, what is written down, and what is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from module_run import run_module
from test_faults import WRITE_FAULTS
from test_identities import ADMIN, DEPLOY, MANAGED, OLD, SEED, WORLD
from test_review import HOSTILE, of_run, read, rows

from ansible_collections.atlasops.access.plugins.module_utils._identity_rules import LISTED
from simulator import Simulator
from simulator.world import derive

REVIEW = "atlas_access_review"
UNUSED, HOLDERS = "identity_unused_days", "identity_holders"
AS_CLEANER = {"access_token": "", "client_id": ADMIN, "client_secret": f"mdb_sa_sk_{SEED}"}


@pytest.fixture(scope="module")
def _world():
    with Simulator(WORLD) as sim:
        yield sim


@pytest.fixture
def world(_world: Simulator, quick: None) -> Simulator:
    _world.reset()
    return _world


def review(sim: Simulator, policy: dict[str, Any] | None = None, **options: Any) -> Any:
    given = {"access_token": "world-token", "programmatic_access": True, **options}
    return run_module(REVIEW, sim, policy=policy or {}, **given)


def found(result: Any, rule: str) -> set[str]:
    return {row["user"] for row in result["findings"] if rule in row["rules"]}


# --- what is asked for -----------------------------------------------------------------------------------------------


def test_nothing_is_read_where_it_is_not_asked_for(world, tmp_path):
    world.forget()
    result = review(world, programmatic_access=False, evidence_dir=str(tmp_path))
    assert not [one for one in world.requests if "apiKeys" in one.path or "serviceAccounts" in one.path]
    assert result["completeness"]["programmatic_access"] == "not asked for" and result["completeness"]["complete"]
    assert result["summary"]["identities"] is None and read(result)["identities"] is None
    assert not (of_run(result) / "identities.csv").exists()


@pytest.mark.parametrize("policy", [{UNUSED: 0}, {UNUSED: 90}, {HOLDERS: {"ORG_OWNER": ["nightly"]}}])
def test_a_rule_about_what_is_not_to_be_read_is_one_sentence_before_any_request(world, policy):
    world.forget()
    result = review(world, policy, programmatic_access=False)
    (name,) = policy
    assert result["msg"] == (
        f"policy.{name} is about API keys and service accounts; set programmatic_access: true as well"
    )
    assert not world.requests


@pytest.mark.parametrize(
    "policy, said",
    [
        ({UNUSED: "soon"}, "identity_unused_days: 'soon' is not a number"),
        ({HOLDERS: {}}, "write {GROUP_OWNER: [deploy, abcdefgh]}"),
        ({HOLDERS: ["deploy"]}, "write {GROUP_OWNER: [deploy, abcdefgh]}"),
        ({HOLDERS: {"GROUP_OWNER": []}}, "GROUP_OWNER has no list of ids or names"),
        ({HOLDERS: {"GROUP_OWNER": [" "]}}, "GROUP_OWNER has no list of ids or names"),
        ({HOLDERS: {"GROUP_OWNER": [12]}}, "GROUP_OWNER has no list of ids or names"),
        ({HOLDERS: {"Project Owner": ["deploy"]}}, "'Project Owner' is not a project role; did you mean GROUP_OWNER?"),
        ({"exceptions": [{"user": "deploy"}]}, "'deploy' is neither an email address nor a user id"),
        ({"exceptions": [{"user": "deploy", "rule": "identity_used"}]}, "the rules are leavers"),
    ],
)
def test_bad_input_is_one_sentence_before_any_request(world, policy, said):
    world.forget()
    result = review(world, policy)
    assert result["failed"] and said in result["msg"]
    assert not world.requests


@pytest.mark.parametrize("blank", ["", None, " "])
def test_blank_is_unset(world, blank):
    assert review(world, {UNUSED: blank, HOLDERS: blank}, programmatic_access=False)["findings"] == []


# --- the rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "days, names",
    [
        (601, set()),
        (600, {"forgotten"}),
        (91, {"forgotten"}),
        (90, {"forgotten", "empty", "mcp-egress", "billing"}),
        (2, {"forgotten", "empty", "mcp-egress", "billing", "deploy"}),
        (0, {"forgotten", "empty", "mcp-egress", "billing", "deploy"}),
    ],
)
def test_unused_for_so_many_days(world, days, names):
    result = review(world, {UNUSED: days}, **AS_CLEANER)
    assert found(result, UNUSED) == names, "the account of the run itself is in use"
    assert result["summary"]["by_rule"] == {UNUSED: len(names)}
    assert result["summary"]["findings"] == result["summary"]["by_action"]["report"] == len(names)
    assert result["plan_counts"] == {"add": 0, "grant": 0, "revoke": 0, "remove": 0}
    assert any("says nothing of 2 API keys" in warning for warning in result["warnings"])


def test_a_finding_tells_what_it_is_about_and_why(world):
    result = review(world, {UNUSED: 90, HOLDERS: {"GROUP_READ_ONLY": ["deploy"]}})
    (row,) = [row for row in result["findings"] if row["user"] == "forgotten"]
    org = next(iter(world.world.orgs.values()))
    assert row == {
        "project": "Org",
        "project_id": org.id,
        "user": "forgotten",
        "user_id": OLD,
        "status": "service_account",
        "rules": [UNUSED, HOLDERS],
        "reasons": [
            "a service account: it was last used 600 days ago",
            "a service account: it holds GROUP_READ_ONLY in two, which is for others",
        ],
        "action": "report",
        "roles": ["GROUP_READ_ONLY", "ORG_MEMBER"],
        "residual_access": [],
    }
    assert any(line.startswith("Org: report forgotten (") for line in result["report"])


KEY = derive("api key", "metrics1")


@pytest.mark.parametrize(
    "holders, names",
    [
        ({"GROUP_OWNER": ["deploy", "metrics", "empty"]}, set()),
        ({"GROUP_OWNER": "deploy"}, {"metrics", "empty"}),
        ({"GROUP_OWNER": ["DEPLOY", "metrics1"]}, {"empty"}),
        ({"GROUP_OWNER": [DEPLOY.upper(), KEY.upper()]}, {"empty"}),
        ({"GROUP_CLUSTER_MANAGER": ["nobody"]}, {"deploy"}),
        ({"ORG_OWNER": ["cleaner"]}, set()),
        ({"ORG_OWNER": ["nightly"]}, {"cleaner"}),
        ({"ORG_READ_ONLY": ["x"], "ORG_BILLING_ADMIN": ["x"]}, {"nightly", "billing"}),
    ],
)
def test_roles_that_are_for_others(world, holders, names):
    assert found(review(world, {HOLDERS: holders}), HOLDERS) == names


def test_a_name_that_nobody_has_is_told(world):
    policy = {
        HOLDERS: {"ORG_OWNER": ["cleaner", "Depoly"]},
        "exceptions": [{"user": "gone", "rule": UNUSED}, {"user": "metrics", "rule": HOLDERS}],
    }
    warnings = review(world, policy)["warnings"]
    assert "policy.identity_holders: no API key or service account has this id or name: depoly" in warnings
    assert "policy.exceptions: no API key or service account has this id or name: gone" in warnings


# --- scope and exceptions --------------------------------------------------------------------------------------------


def test_a_scope_of_some_projects_judges_only_what_gets_into_them(world):
    policy = {UNUSED: 0, HOLDERS: {"GROUP_OWNER": ["x"]}}
    result = review(world, policy, projects=["one"], **AS_CLEANER)
    assert found(result, UNUSED) == {"deploy", "mcp-egress"} and found(result, HOLDERS) == {"deploy"}
    (reason,) = [row["reasons"][1] for row in result["findings"] if row["user"] == "deploy"]
    assert reason.endswith("holds GROUP_OWNER in one, which is for others")


@pytest.mark.parametrize("user", ["forgotten", "FORGOTTEN", OLD])
@pytest.mark.parametrize(
    "more, exempt",
    [
        ({}, True),
        ({"project": "two"}, True),
        ({"project": "one"}, False),
        ({"until": "2999-12-31"}, True),
        ({"until": "2020-12-31"}, False),
    ],
)
def test_an_exception_by_id_or_name(world, tmp_path, user, more, exempt):
    policy = {UNUSED: 100, "exceptions": [{"user": user, "rule": UNUSED, "reason": "until the move", **more}]}
    result = review(world, policy, evidence_dir=str(tmp_path))
    assert found(result, UNUSED) == (set() if exempt else {"forgotten"})
    assert [row["user"] for row in read(result)["exceptions"]["applied"]] == ([user.lower()] if exempt else [])


def test_an_exception_for_one_project_leaves_the_role_in_another(world):
    policy = {HOLDERS: {"GROUP_READ_ONLY": ["mcp-egress", "forgotten", "deploy"]}}
    policy["exceptions"] = [{"user": "metrics", "rule": HOLDERS, "project": "one"}]
    (row,) = review(world, policy)["findings"]
    assert row["reasons"] == ["an API key: it holds GROUP_READ_ONLY in two, which is for others"]


def test_an_exception_for_a_client_id_needs_no_rule(world):
    policy = {UNUSED: 100, HOLDERS: {"GROUP_READ_ONLY": ["x"]}, "exceptions": [{"user": OLD}]}
    assert "forgotten" not in {row["user"] for row in review(world, policy)["findings"]}


# --- what is written down --------------------------------------------------------------------------------------------


def test_counts_and_files_hold_all_of_them(world, tmp_path):
    result = review(world, {UNUSED: 100}, evidence_dir=str(tmp_path), **AS_CLEANER)
    assert result["summary"]["identities"] == {
        "api_keys": 2,
        "service_accounts": 6,
        "system_managed": 1,
        "without_valid_secret": 2,
        "privileged": 4,
        "findings": 1,
    }
    table = rows(of_run(result) / "identities.csv")
    assert len(table) == 12
    by_name = {(row["name"], row["project"]): row for row in table}
    assert by_name["deploy", "one"]["roles"] == "GROUP_OWNER" and by_name["deploy", "one"]["privileged"] == "yes"
    assert by_name["cleaner", "one"]["via"] == "organization ORG_OWNER (GROUP_OWNER)"
    assert by_name["cleaner", "one"]["this_run"] == "yes" and by_name["deploy", "one"]["this_run"] == "no"
    assert by_name["mcp-egress", "one"]["system_managed"] == "yes"
    assert by_name["forgotten", "two"]["secret_state"] == "expired"
    assert by_name["billing", ""]["organization_roles"] == "ORG_BILLING_ADMIN"
    document = read(result)["identities"]
    assert document["count"] == 8 and document["unread"] == []
    shown = {row["name"]: row for row in document["rows"]}
    assert shown["deploy"]["projects"][0] == {"project": "one", "roles": ["GROUP_OWNER"]}
    assert shown["nightly"]["everywhere"] == ["ORG_READ_ONLY"] and shown["forgotten"]["rules"] == [UNUSED]
    assert result["completeness"]["programmatic_access"] == "read" and result["completeness"]["complete"]
    assert [row["user"] for row in rows(of_run(result) / "findings.csv")] == ["forgotten"]


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_of_more_than_a_report_holds_the_count_is_told_and_the_table_has_all(quick, tmp_path, extra):
    count = LISTED + extra
    keys = {f"k{number:07}": {"name": "key", "private_key": "p", "role": "ORG_MEMBER"} for number in range(count - 1)}
    account = {"mdb_sa_id_" + "9" * 24: {"secret": "x", "role": "ORG_OWNER", "access_tokens": ["many"]}}
    projects = {"one": {"members": {"a@b.example": ["GROUP_OWNER"]}}}
    org = {"service_accounts": account, "api_keys": keys, "projects": projects}
    with Simulator({"organizations": {"Many": org}}) as sim:
        result = review(sim, {HOLDERS: {"ORG_MEMBER": ["nobody"]}}, access_token="many", evidence_dir=str(tmp_path))
    told = read(result)["identities"]
    assert told["count"] == count and len(told["rows"]) == min(count, LISTED)
    table = rows(of_run(result) / "identities.csv")
    assert len({row["id"] for row in table}) == count
    assert result["summary"]["identities"]["findings"] == count - 1 and "more findings" in result["report"][-1]


def test_no_secret_and_nothing_that_atlas_shows_of_one_is_in_the_evidence(world, tmp_path):
    result = review(world, {UNUSED: 0}, evidence_dir=str(tmp_path), **AS_CLEANER)
    texts = [result.output, *(path.read_text() for path in of_run(result).iterdir())]
    for text in texts:
        assert "mdb_sa_sk_" not in text and "****" not in text and SEED[-4:] not in text


def test_check_mode_says_the_same_and_nothing_is_written(world, tmp_path):
    before = world.state()
    results = [review(world, {UNUSED: 100}, check=check, **AS_CLEANER) for check in (True, False)]
    # When a review was made is another time each time.
    assert (
        {**results[0], "made_at": None} == {**results[1], "made_at": None}
        and not world.writes
        and world.state() == before
    )


def test_names_from_outside_are_data(quick, tmp_path):
    accounts = {f"mdb_sa_id_{number:024x}": {"secret": SEED, "name": name} for number, name in enumerate(HOSTILE)}
    admin = {ADMIN: WORLD["organizations"]["Org"]["service_accounts"][ADMIN]}
    world = {"organizations": {"Org": {"service_accounts": {**admin, **accounts}, "projects": {"one": {}}}}}
    with Simulator(world) as sim:
        result = review(sim, {UNUSED: 0}, evidence_dir=str(tmp_path), **AS_CLEANER)
        assert found(result, UNUSED) == set(HOSTILE)
        for path in ("identities.csv", "findings.csv"):
            cells = [cell for row in rows(of_run(result) / path) for cell in row.values()]
            assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell]


# --- what is not known -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_what_the_credential_may_not_read_is_told_and_is_not_none(small, tmp_path, status):
    small.knobs.org_denied_status = status
    policy = {UNUSED: 0, HOLDERS: {"ORG_OWNER": ["nobody"]}}
    result = review(small, policy, access_token="projects-token", projects=["alpha"], evidence_dir=str(tmp_path))
    assert not result.get("failed")
    assert result["completeness"]["programmatic_access"] == "in part" and not result["completeness"]["complete"]
    counts = result["summary"]["identities"]
    assert (counts["api_keys"], counts["service_accounts"], counts["privileged"]) == (2, None, None)
    assert any("the service accounts of the organization" in warning for warning in result["warnings"])
    assert not any("has this id or name" in warning for warning in result["warnings"]), "whom nobody could look for"
    assert len(read(result)["identities"]["unread"]) == 1


def test_where_nothing_could_be_read_it_says_so(small):
    small.knobs.org_member_reads = False
    result = review(small, access_token="projects-token")
    assert result["completeness"]["programmatic_access"] == "unreadable" and not result["completeness"]["complete"]
    assert result["summary"]["identities"]["api_keys"] is None


PATHS = ("/apiKeys", "/serviceAccounts$", f"/{DEPLOY}/groups")


def faults_of_paths() -> Iterator[Any]:
    """Each fault of each path; every time the paths take turns."""
    for turn, label in enumerate(label for label in WRITE_FAULTS if "hang" not in label):
        for at, path in enumerate(PATHS):
            marks = [] if turn % len(PATHS) == at else [pytest.mark.thorough]
            yield pytest.param(label, path, marks=marks, id=f"{path}-{label}")


@pytest.mark.parametrize("label, path", list(faults_of_paths()))
def test_no_fault_is_taken_for_nothing(world, hasty, tmp_path, label, path):
    fault = WRITE_FAULTS[label]
    world.fault(fault.what, path=path, times=None, after_effect=fault.after_effect)
    result = review(world, {HOLDERS: {"GROUP_OWNER": ["x"]}}, max_wait=0.05, evidence_dir=str(tmp_path))
    whole = result["completeness"]
    if whole["programmatic_access"] == "read":
        assert found(result, HOLDERS) == {"deploy", "metrics", "empty"}
        return
    assert whole["programmatic_access"] in ("in part", "unreadable") and not whole["complete"]
    assert read(result)["identities"]["unread"] and result["warnings"]
    assert SEED[-12:] not in result.output


def test_a_review_that_comes_to_nothing_has_the_same_keys(small, tmp_path):
    small.fault(403, path="/groups$", times=None)
    result = review(small, evidence_dir=str(tmp_path))
    written = json.loads((Path(result["evidence_dir"]) / "review.json").read_text())
    assert written["identities"] is None and written["summary"]["identities"] is None
    assert written["completeness"]["programmatic_access"] == "unreadable"


def test_requests_of_an_organization_are_one_and_two_and_one_for_each_account(world):
    world.forget()
    review(world)
    asked = [one.path for one in world.requests if "apiKeys" in one.path or "serviceAccounts" in one.path]
    assert len(asked) == 1 + 2 + 6 and MANAGED in " ".join(asked)
