# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blank is unset in every option that is text, a list or a map; and a result holds the keys that its page promises."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml
from module_run import MODULES, run_module
from test_laws import ABSENT, DAN, ORGANIZATION, ROLE, TEAM, USER

from ansible_collections.atlasops.access.plugins.module_utils._module import AUTH_SPEC
from ansible_collections.atlasops.access.plugins.module_utils._writer import TARGETS

ROOT = Path(__file__).resolve().parents[2]
USER_INFO, INFO, IDENTITY_INFO, REVIEW, EVIDENCE, ADOPT = (
    "atlas_project_user_info",
    "atlas_project_info",
    "atlas_project_identity_info",
    "atlas_access_review",
    "atlas_access_evidence",
    "atlas_access_adopt",
)
TARGET = {"projects": ["alpha"], "users": [DAN], "roles": ["GROUP_READ_ONLY"]}
FILLED: dict[str, dict[str, Any]] = {
    USER: {**TARGET, "state": "present"},
    ROLE: {**TARGET, "state": "present", "fallback_role": "GROUP_OBSERVABILITY_VIEWER"},
    TEAM: {"teams": ["readers"], "users": [DAN], "organization": "Small Org", "state": "present"},
    ORGANIZATION: {
        "users": [DAN],
        "roles": ["ORG_MEMBER"],
        "organization": "Small Org",
        "state": "present",
        "fallback_role": "ORG_READ_ONLY",
    },
    USER_INFO: {**TARGET, "statuses": ["ACTIVE"], "via": ["direct"]},
    INFO: {"projects": ["alpha"], "tags": {"env": "prod"}},
    IDENTITY_INFO: {"projects": ["alpha"]},
    REVIEW: {
        "projects": ["alpha"],
        "policy": {
            "leavers": [DAN],
            "allowed_domains": ["corp.example"],
            "stale_invitation_days": 1,
            "memberships": [{"project": "alpha", "user": DAN, "roles": ["GROUP_OWNER"]}],
        },
        "guards": {"protected_users": ["ann@corp.example"], "max_removals": 1},
    },
    EVIDENCE: {"evidence_dir": "/nonexistent", "run": {"reason": "a test"}},
    ADOPT: {"memberships_dir": "memberships", "projects": ["alpha"], "exclude_projects": ["beta"]},
}
KINDS = {USER: "project", ROLE: "project", TEAM: "team", ORGANIZATION: "organization"}
WRITING = tuple(KINDS)

# Of these types nothing is promised.
OTHER_TYPES = ("bool", "int", "float")


def test_every_module_is_tried():
    assert set(FILLED) == {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}


def spec_of(name: str) -> dict[str, Any]:
    own = importlib.import_module(f"{MODULES}.{name}").SPEC
    return {**AUTH_SPEC, **(TARGETS[KINDS[name]] if name in KINDS else {}), **own}


def blanks(entry: dict[str, Any]) -> list[Any]:
    lists = [[""], [None, " \n"]] if entry["type"] in ("list", "raw") else []
    return ["", " \n", None, *lists]


def cases() -> Iterator[Any]:
    for name in FILLED:
        for option, entry in spec_of(name).items():
            if entry["type"] not in OTHER_TYPES and option != "state":
                # One spec and one reader serve all modules.
                marks = [pytest.mark.thorough] if option in AUTH_SPEC and name != USER else []
                yield pytest.param(name, [option], blanks(entry), id=f"{name}-{option}", marks=marks)
            for inner, of_inner in entry.get("options", {}).items():
                yield pytest.param(name, [option, inner], blanks(of_inner), id=f"{name}-{option}-{inner}")


def with_option(options: dict[str, Any], path: list[str], *value: Any) -> dict[str, Any]:
    """The options with one of them, or one of its own options, set to a value, or left out where there is none."""
    name, *rest = path
    rest_of = {key: old for key, old in options.items() if key != name}
    if rest:
        return {**rest_of, name: with_option(options.get(name, {}), rest, *value)}
    return {**rest_of, name: value[0]} if value else rest_of


@pytest.mark.parametrize("name, path, values", list(cases()))
def test_a_blank_option_is_as_good_as_none(small, monkeypatch, tmp_path, name, path, values):
    # Where a directory with a blank name would be made.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONGODB_ATLAS_BASE_URL", small.url)
    options = {**FILLED[name], "access_token": "small-token"}

    def run(*value: Any) -> Any:
        given = {"timeout": 5, **with_option(options, path, *value)}
        # When a review was made is another time each time.
        return {key: value for key, value in run_module(name, None, True, **given).items() if key != "made_at"}

    without = run()
    for value in values:
        assert run(value) == without, ascii(value)


@pytest.mark.parametrize("name", WRITING)
@pytest.mark.parametrize("state", ["", " ", "\n", None], ids=ascii)
def test_a_blank_state_may_mean_either_and_is_refused(small, name, state):
    target = {key: value for key, value in FILLED[name].items() if key != "state"}
    for options in (target, {key: value for key, value in target.items() if "role" not in key}):
        result = run_module(name, small, **options, state=state)
        assert result["failed"] and "state" in result["msg"] and not small.requests


def test_an_empty_list_of_rows_or_people_is_not_blank(small):
    result = run_module(USER, small, memberships=[], **ABSENT)
    assert not result.get("failed") and not small.requests
    result = run_module(USER, small, projects=["alpha"], users=[], **ABSENT)
    assert not result.get("failed") and not small.requests
    for name, where in ((TEAM, {"teams": "*"}), (ORGANIZATION, {})):
        for options in ({"memberships": []}, {"users": [], **where}):
            result = run_module(name, small, **options, **ABSENT)
            assert not result.get("failed") and not result["changed"] and not small.requests
    found = run_module(USER_INFO, small, users=[])
    assert found["memberships"] == []


# --- what is always returned -----------------------------------------------------------------------------------------


def promised(name: str) -> set[str]:
    documented = yaml.safe_load(importlib.import_module(f"{MODULES}.{name}").RETURN)
    return {key for key, entry in documented.items() if entry["returned"] == "always"}


REFUSED: dict[str, dict[str, Any]] = {
    "no-credential": {"access_token": ""},
    "half-a-credential": {"access_token": "", "client_id": "mdb_sa_id_1"},
    "refused-by-atlas": {"access_token": "", "client_id": "mdb_sa_id_1", "client_secret": "mdb_sa_sk_wrong"},
    "wrong-token": {"access_token": "wrong-token"},
    "bad-url": {"base_url": "nonsense"},
    "bad-limit": {"max_wait": -1},
    "unknown-project": {"projects": ["nowhere"]},
}


@pytest.mark.parametrize("name", FILLED)
@pytest.mark.parametrize("options", REFUSED.values(), ids=list(REFUSED))
@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_what_is_always_returned_is_there_when_the_task_is_refused(small, name, options, check):
    if "projects" in options and name in (EVIDENCE, TEAM, ORGANIZATION):
        options = {TEAM: {"teams": ["nowhere"]}, ORGANIZATION: {"organization": "nowhere"}, EVIDENCE: {}}[name]
    result = run_module(name, small, check, **{"access_token": "small-token", **FILLED[name], **options})
    assert result["failed"] and promised(name) <= set(result), promised(name) - set(result)
    assert result["changed"] is False


_BY_ALL: list[dict[str, Any]] = [{"users": ["dan"]}, {"memberships": [{"user": DAN}]}]
_IN_PROJECTS = [*_BY_ALL, {"roles": ["nonsense"]}, {"projects": ""}, {"exclusive": True, "state": "absent"}]
NONSENSE = {
    USER: _IN_PROJECTS,
    ROLE: _IN_PROJECTS,
    TEAM: [*_BY_ALL, {"teams": ""}, {"teams": "read*", "users": ["*"]}, {"exclusive": True, "state": "absent"}],
    ORGANIZATION: [*_BY_ALL, {"roles": ["nonsense"]}, {"roles": ["GROUP_OWNER"]}, {"state": "absent"}],
}


@pytest.mark.parametrize("name, options", [(name, one) for name, every in NONSENSE.items() for one in every], ids=str)
def test_what_is_always_returned_is_there_when_the_options_make_no_sense(small, name, options):
    result = run_module(name, small, **{**FILLED[name], **options})
    assert result["failed"] and promised(name) <= set(result)


@pytest.mark.parametrize("name", WRITING)
def test_what_the_page_of_a_module_that_writes_says_is_returned_always(name):
    documented = yaml.safe_load(importlib.import_module(f"{MODULES}.{name}").RETURN)
    assert promised(name) == set(documented)


@pytest.mark.parametrize("name", (USER_INFO, INFO, IDENTITY_INFO, REVIEW))
def test_a_module_that_reads_returns_all_that_its_page_says(small, name):
    documented = yaml.safe_load(importlib.import_module(f"{MODULES}.{name}").RETURN)
    result = run_module(name, small, **FILLED[name])
    assert not result.get("failed"), result["msg"]
    assert set(documented) <= set(result)
