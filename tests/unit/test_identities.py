# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API keys and service accounts: which of them get in where, what is told of their secrets, what is not known."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from typing import Any

import pytest
from module_run import run_module
from test_faults import WRITE_FAULTS
from test_laws import CREDENTIALS

from simulator import Simulator
from simulator.world import derive

INFO = "atlas_project_identity_info"
ADMIN, DEPLOY, OLD, EMPTY, MANAGED, BILLING = ("mdb_sa_id_" + digit * 24 for digit in "a1234b")
SEED = "seed-never-to-be-q7zX"
WORLD: dict[str, Any] = {
    "organizations": {
        "Org": {
            "service_accounts": {
                ADMIN: {
                    "secret": f"mdb_sa_sk_{SEED}",
                    "role": "ORG_OWNER",
                    "access_tokens": ["world-token"],
                    "name": "cleaner",
                },
                DEPLOY: {
                    "secret": f"mdb_sa_sk_1{SEED}",
                    "name": "deploy",
                    "projects": {"one": "GROUP_OWNER", "two": ["GROUP_READ_ONLY", "GROUP_CLUSTER_MANAGER"]},
                    "secrets": [
                        {"created": "-400d", "expires": "-35d", "last_used": "-40d"},
                        {"created": "-50d", "expires": "+300d", "last_used": "-2d"},
                    ],
                },
                OLD: {
                    "secret": f"mdb_sa_sk_2{SEED}",
                    "name": "forgotten",
                    "created": "-800d",
                    "projects": {"two": "GROUP_READ_ONLY"},
                    "secrets": [{"created": "-800d", "expires": "-500d", "last_used": "-600d"}],
                },
                EMPTY: {
                    "secret": f"mdb_sa_sk_3{SEED}",
                    "name": "empty",
                    "secrets": [],
                    "projects": {"two": "GROUP_OWNER"},
                },
                MANAGED: {
                    "secret": f"mdb_sa_sk_4{SEED}",
                    "name": "mcp-egress",
                    "system_managed": True,
                    "projects": {"one": "GROUP_READ_ONLY"},
                },
                BILLING: {"secret": f"mdb_sa_sk_5{SEED}", "name": "billing", "role": "ORG_BILLING_ADMIN"},
            },
            "api_keys": {
                "ownerkey": {"private_key": f"aaaa-bbbb-{SEED}", "name": "nightly", "role": "ORG_READ_ONLY"},
                "metrics1": {
                    "private_key": f"cccc-dddd-{SEED}",
                    "name": "metrics",
                    "projects": {"one": "GROUP_READ_ONLY", "two": ["GROUP_OWNER", "GROUP_READ_ONLY"]},
                },
            },
            "projects": {"one": {}, "two": {}},
        }
    }
}


@pytest.fixture(scope="module")
def _world():
    with Simulator(WORLD) as sim:
        yield sim


@pytest.fixture
def world(_world: Simulator, quick: None) -> Simulator:
    _world.reset()
    return _world


def info(sim: Simulator, **options: Any) -> Any:
    return run_module(INFO, sim, **{"access_token": "world-token", **options})


def places(result: Any) -> dict[tuple[str, str | None], list[str] | None]:
    """(name, project) -> roles given there."""
    return {(row["name"], row["project"]): row["roles"] for row in result["identities"]}


def one(result: Any, name: str) -> dict[str, Any]:
    return next(row for row in result["identities"] if row["name"] == name)


# --- who gets in where -----------------------------------------------------------------------------------------------


def test_each_key_and_account_has_a_row_for_each_project_that_it_gets_into(world):
    result = info(world)
    assert not result.get("failed") and not result["changed"] and result["warnings"] == []
    assert places(result) == {
        ("metrics", "one"): ["GROUP_READ_ONLY"],
        ("metrics", "two"): ["GROUP_OWNER", "GROUP_READ_ONLY"],
        ("nightly", "one"): [],
        ("nightly", "two"): [],
        ("cleaner", "one"): [],
        ("cleaner", "two"): [],
        ("deploy", "one"): ["GROUP_OWNER"],
        ("deploy", "two"): ["GROUP_CLUSTER_MANAGER", "GROUP_READ_ONLY"],
        ("empty", "two"): ["GROUP_OWNER"],
        ("forgotten", "two"): ["GROUP_READ_ONLY"],
        ("mcp-egress", "one"): ["GROUP_READ_ONLY"],
        ("billing", None): [],
    }
    assert result["count"] == 12 and not result["truncated"]
    ways = {row["name"]: row["via"] for row in result["identities"] if row["project"] == "one"}
    assert ways["nightly"] == [{"kind": "organization", "name": "ORG_READ_ONLY", "roles": ["GROUP_READ_ONLY"]}]
    assert ways["deploy"] == [{"kind": "direct", "name": None, "roles": ["GROUP_OWNER"]}]
    strong = {(row["name"], row["project"]) for row in result["identities"] if row["privileged"]}
    assert strong == {
        *((name, project) for name in ("cleaner", "deploy") for project in ("one", "two")),
        ("metrics", "two"),
        ("empty", "two"),
    }


def test_projects_that_are_named_leave_out_what_does_not_get_into_them(world):
    assert {name for name, _project in places(info(world, projects="o*"))} == {
        "metrics", "nightly", "cleaner", "deploy", "mcp-egress",
    }  # fmt: skip
    assert {project for _name, project in places(info(world, project="two"))} == {"two"}


def test_what_is_told_of_secrets_and_their_use(world):
    result = info(world)
    deploy, old, empty = (one(result, name) for name in ("deploy", "forgotten", "empty"))
    assert (deploy["secret_state"], deploy["idle_days"], len(deploy["secrets"])) == ("valid", 2, 2)
    assert deploy["last_used_at"] == deploy["secrets"][1]["last_used_at"]
    assert (old["secret_state"], old["idle_days"]) == ("expired", 600)
    assert (empty["secret_state"], empty["idle_days"], empty["secrets"]) == ("none", 90, [])
    key = one(result, "metrics")
    assert key["id"] == derive("api key", "metrics1") and key["public_key"] == "metrics1"
    assert [key[name] for name in ("created_at", "last_used_at", "idle_days", "secrets")] == [None] * 4
    assert key["secret_state"] == "never expires"


def test_accounts_that_mongodb_manages_are_marked(world):
    managed = {row["name"] for row in info(world)["identities"] if row["system_managed"]}
    assert managed == {"mcp-egress"}


def test_the_credential_of_the_run_is_marked_and_a_token_does_not_tell(world):
    def marks(**credential: str) -> set[tuple[str, Any]]:
        rows = info(world, **credential)["identities"]
        return {(row["name"], row["this_run"]) for row in rows if row["this_run"] is not False}

    assert marks(access_token="", client_id=ADMIN, client_secret=f"mdb_sa_sk_{SEED}") == {("cleaner", True)}
    assert marks(access_token="", public_key="ownerkey", private_key=f"aaaa-bbbb-{SEED}") == {("nightly", True)}
    assert {mark for _name, mark in marks()} == {None}


# --- requests, files -------------------------------------------------------------------------------------------------


def test_requests_are_one_for_the_keys_two_for_the_accounts_and_one_for_each_account(world):
    world.forget()
    info(world)
    asked = [request.path.rsplit("/", 1)[-1] for request in world.requests]
    assert sorted(asked) == ["apiKeys", *["groups"] * 7, "serviceAccounts", "serviceAccounts"]


def test_roles_that_do_not_come_with_the_projects_are_read_from_those(world):
    whole = info(world)
    world.knobs.account_project_roles = False
    world.forget()
    assert info(world)["identities"] == whole["identities"]
    assert sum("/groups/" in request.path and "serviceAccounts" in request.path for request in world.requests) == 2


def test_all_rows_go_into_a_file(world, tmp_path):
    path = tmp_path / "rows.json"
    result = info(world, output_file=str(path))
    assert json.loads(path.read_text()) == result["identities"] and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_more_rows_than_fit_need_a_file(world, tmp_path, monkeypatch):
    monkeypatch.setattr("ansible_collections.atlasops.access.plugins.module_utils._result.OF_LISTING", 1000)
    assert "12 rows are too many for a result" in info(world)["msg"]
    result = info(world, output_file=str(tmp_path / "rows.json"))
    assert result["truncated"] and result["count"] == 12 and 0 < len(result["identities"]) < 12


def test_check_mode_says_the_same_and_nothing_is_written(world):
    assert info(world, check=True) == info(world)
    assert not world.writes


# --- what can't be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_a_credential_of_single_projects_gets_the_keys_and_is_told_what_it_lacks(small, status):
    small.knobs.org_denied_status = status
    result = run_module(INFO, small, access_token="projects-token")
    assert result["failed"] and "the service accounts of the organization" in result["msg"]
    assert "Organization Read Only" in result["msg"]
    assert {row["kind"] for row in result["identities"]} == {"api_key"}


@pytest.mark.parametrize(
    "path, said, left",
    [
        ("/apiKeys", "the API keys of the organization", {"service_account"}),
        ("/orgs/[0-9a-f]+/serviceAccounts$", "the service accounts of the organization", {"api_key"}),
        (f"/{DEPLOY}/groups", f"the projects of the service account deploy ({DEPLOY})", {"api_key", "service_account"}),
    ],
)
def test_what_could_not_be_read_fails_the_task_and_the_rest_is_returned(world, path, said, left):
    world.fault(500, path=path, times=None)
    result = info(world, max_wait=0.05)
    assert result["failed"] and said in result["msg"]
    assert {row["kind"] for row in result["identities"]} == left


def test_an_account_whose_projects_could_not_be_read_may_get_in_anywhere(world):
    world.fault(500, path=f"/{DEPLOY}/groups", times=None)
    for options in ({}, {"projects": ["one"]}):
        (row,) = [row for row in info(world, max_wait=0.05, **options)["identities"] if row["name"] == "deploy"]
        assert (row["project"], row["via"][0]["kind"]) == (None, "unknown")


def test_where_it_can_not_be_read_which_accounts_mongodb_manages_that_is_not_known(world):
    world.fault(403, path="/orgs/[0-9a-f]+/serviceAccounts$", nth=2)
    result = info(world)
    assert result["failed"] and "which service accounts of the organization" in result["msg"]
    assert {row["system_managed"] for row in result["identities"] if row["kind"] == "service_account"} == {None}


def faults_of_credentials() -> Iterator[Any]:
    """Each fault with each credential; every time the credentials take turns."""
    accounts = [
        ("token", {"access_token": "world-token"}),
        ("account", {"access_token": "", "client_id": ADMIN, "client_secret": f"mdb_sa_sk_{SEED}"}),
    ]
    for turn, label in enumerate(label for label in WRITE_FAULTS if "hang" not in label):
        for at, (name, credential) in enumerate(accounts):
            marks = [] if turn % len(accounts) == at else [pytest.mark.thorough]
            yield pytest.param(label, credential, marks=marks, id=f"{label}-{name}")


@pytest.mark.parametrize("label, credential", list(faults_of_credentials()))
def test_no_fault_is_taken_for_nothing_and_no_seed_of_a_secret_is_seen(world, hasty, capfd, label, credential):
    fault, whole = WRITE_FAULTS[label], info(world)["identities"]
    world.fault(fault.what, path="/orgs/", times=None, after_effect=fault.after_effect)
    result = info(world, max_wait=0.05, **credential)
    printed = capfd.readouterr()
    known = [{**row, "this_run": None} for row in result["identities"]]
    assert result.get("failed") or known == whole, "a failed read was taken for nothing"
    assert SEED[-12:] not in result.output + printed.out + printed.err
    assert "Traceback" not in result.output + printed.err


def test_neither_secrets_nor_what_atlas_masks_of_them_is_returned(world, tmp_path):
    result = info(world, output_file=str(tmp_path / "rows.json"))
    for text in (result.output, (tmp_path / "rows.json").read_text()):
        assert "mdb_sa_sk_" not in text and "****" not in text and SEED[-4:] not in text


def test_with_every_kind_of_credential(small):
    for credential in CREDENTIALS.values():
        result = run_module(INFO, small, **{"access_token": "", **credential})
        assert not result.get("failed"), result["msg"]
        assert result["count"]
