# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows and lists of projects and roles: what they may say, and what is refused before any request."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from module_run import run_module
from test_inputs import assert_refused
from test_laws import ABSENT, DAN, ROLE, USER
from test_who import ANN, INFO, MANAGER, OWNER, READ, REVIEW, USER_INFO, rename_project, succeeded

# --- rows that are refused before any request ------------------------------------------------------------------------

BLANK_ROLES = ["", " ", "\n", "\ufeff", None, [], [""], [" ", "\n"], [None], [READ, ""], [None, READ]]


@pytest.mark.parametrize("name, state", [(USER, "present"), (ROLE, "present"), (ROLE, "absent")])
@pytest.mark.parametrize("roles", BLANK_ROLES, ids=ascii)
@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_a_row_whose_role_is_blank_is_refused(small, name, state, roles, check):
    rows = [{"project": "alpha", "user": ANN, "roles": [OWNER]}, {"project": "beta", "user": DAN, "roles": roles}]
    result = run_module(name, small, check, memberships=rows, state=state, allow_no_owner=True)
    assert_refused(small, result, "row 2: the roles of dan@corp.example in beta")


@pytest.mark.parametrize("name, state", [(USER, "present"), (ROLE, "present"), (ROLE, "absent")])
@pytest.mark.parametrize("roles", ["", " ", "\n", [""], [READ, ""], [READ, "\n"], f"{READ},"], ids=ascii)
def test_a_list_with_a_blank_role_is_refused(small, name, state, roles):
    result = run_module(name, small, project="beta", user=DAN, roles=roles, state=state, allow_no_owner=True)
    assert_refused(small, result, "roles ")


@pytest.mark.parametrize("roles", BLANK_ROLES + [READ, [OWNER]], ids=ascii)
def test_rows_of_people_who_are_to_go_need_no_roles(small, roles):
    row = {"project": "alpha", "user": DAN, "roles": roles}
    result = succeeded(run_module(USER, small, memberships=[row], **ABSENT))
    assert [one["action"] for one in result["actions"]] == ["remove"]


@pytest.mark.parametrize("name", [USER, ROLE])
@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("option, value", [("roles", READ), ("role", [READ]), ("projects", "*"), ("users", DAN)])
def test_rows_go_with_no_lists(small, name, state, option, value):
    row = {"project": "beta", "user": DAN, "roles": [MANAGER]}
    result = run_module(name, small, memberships=[row], state=state, **{option: value})
    assert_refused(small, result, "leave out roles" if option.startswith("role") else f"leave out {option}")


DEEDS = {(USER, "present"): "add", (USER, "absent"): "remove", (ROLE, "present"): "grant", (ROLE, "absent"): "revoke"}
ACTIONS = ["add", "remove", "grant", "revoke", "report", "read", "delete", "REMOVE", 5]


@pytest.mark.parametrize("given", DEEDS, ids="-".join)
@pytest.mark.parametrize("action", ACTIONS)
def test_the_action_of_a_row_is_that_of_the_task_or_it_is_refused(small, given, action):
    name, state = given
    row = {"project": "beta", "user": DAN, "roles": [MANAGER], "action": action}
    result = run_module(name, small, True, memberships=[row], state=state)
    if action == DEEDS[given]:
        succeeded(result)
        return
    assert_refused(small, result, f"row 1 has the action {action!r}", f"this task would {DEEDS[given]}")


@pytest.mark.parametrize("action", ["", None, "  "])
def test_a_blank_action_says_nothing(small, action):
    row = {"project": "beta", "user": DAN, "roles": [MANAGER], "action": action}
    assert succeeded(run_module(USER, small, True, memberships=[row], **ABSENT))["changed"]


BLANKS = [[ANN, ""], ["", ANN], [ANN, None], [ANN, " \n"], f'["{ANN}", ""]']


@pytest.mark.parametrize("name", [USER, ROLE])
@pytest.mark.parametrize("users", BLANKS, ids=ascii)
def test_a_blank_among_those_who_may_stay_is_refused(small, name, users):
    result = run_module(name, small, project="alpha", users=users, role=OWNER, exclusive=True, allow_no_owner=True)
    assert_refused(small, result, "users holds a blank")
    # Without `exclusive` nobody goes because of it.
    succeeded(run_module(name, small, True, project="alpha", users=users, role=OWNER))


@pytest.mark.parametrize("name", [USER, ROLE])
def test_a_row_without_somebody_is_refused_where_the_others_would_go(small, name):
    rows = [{"project": "alpha", "user": user, "roles": [OWNER]} for user in (ANN, "")]
    assert_refused(small, run_module(name, small, memberships=rows, exclusive=True), "row 2: ", "lacks")


ODD_ROWS = {
    "odd-user": ({"project": "alpha", "user": "dan"}, "user: 'dan' is neither an email address nor a user id"),
    "two-users": ({"project": "alpha", "user": [DAN]}, "is not a name; write it in quotes"),
    "odd-user-id": ({"project": "alpha", "user_id": DAN}, "is no id (24 hexadecimal digits); write an email as user"),
    "odd-project-id": (
        {"project_id": "alpha", "user": DAN},
        "is no id (24 hexadecimal digits); write a name as project",
    ),
    "float-project": ({"project": 1.1, "user": DAN}, "project 1.1 is not a name; write it in quotes"),
    "true-project": ({"project": True, "user": DAN}, "project True is not a name; write it in quotes"),
    "two-ids": ({"project": "alpha", "user": "1" * 24, "user_id": "2" * 24}, "are two accounts; write one of them"),
}


@pytest.mark.parametrize("row, says", ODD_ROWS.values(), ids=list(ODD_ROWS))
def test_an_odd_row_is_refused_with_its_number(small, row, says):
    rows = [{"project": "alpha", "user": ANN}, row]
    assert_refused(small, run_module(USER, small, memberships=rows, **ABSENT), "memberships: row 2: ", says)


HASHED = """
from ansible_collections.atlasops.access.plugins.module_utils import _roles as roles
from ansible_collections.atlasops.access.plugins.module_utils import _asked, _names
row = {"project": "a", "user": "a@b", "zz": 1, "yy": 2, "xx": 3}
for deed in (
    lambda: roles.check_roles(["x", "w", "v"]),
    lambda: _names.people(["x1", "x2", "x3"], "users"),
    lambda: _asked._asked_by_row(row, 1, {}, "remove", "project"),
):
    try:
        deed()
    except Exception as error:
        print(error)
"""


@pytest.mark.parametrize("seed", ["0", "1", "2", "3"])
def test_which_of_several_bad_ones_is_named_does_not_depend_on_hashing(seed):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(
        [sys.executable, "-c", HASHED], capture_output=True, text=True, env=environment, check=True
    ).stdout
    assert "'v' is not" in said and "'x1' is neither" in said and "'xx' is not a key" in said


# --- projects --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [2024, "2024"])
def test_a_number_is_a_name_of_a_project(small, name):
    rename_project(small, "beta", "2024")
    result = succeeded(run_module(USER, small, memberships=[{"project": name, "user": DAN}], **ABSENT))
    assert [one["project"] for one in result["actions"]] == ["2024"]


def test_a_renamed_project_is_known_by_its_id(small):
    row = {"project": "alpha", "project_id": small.project_id("alpha"), "user": DAN}
    rename_project(small, "alpha", "omega")
    check = run_module(USER, small, True, memberships=[row], **ABSENT)
    result = succeeded(run_module(USER, small, memberships=[row], **ABSENT))
    assert [one["project"] for one in result["actions"]] == ["omega"]
    assert result["warnings"] == check["warnings"]
    assert result["warnings"] == [f"memberships: the project alpha ({row['project_id']}) is called omega now"]


def test_an_id_beside_the_name_of_another_project_is_refused(small):
    before = small.state()
    row = {"project": "alpha", "project_id": small.project_id("gamma"), "user": DAN}
    result = run_module(USER, small, memberships=[row], **ABSENT)
    assert result["failed"] and not small.writes and small.state() == before
    assert f"project_id {row['project_id']} is gamma, and alpha is another project" in result["msg"]


@pytest.mark.parametrize("both", [True, False])
def test_an_id_in_capitals_is_the_same_project(small, both):
    project_id = small.project_id("alpha").upper()
    row = {"project_id": project_id, "user": DAN, **({"project": project_id.lower()} if both else {})}
    result = succeeded(run_module(USER, small, memberships=[row], **ABSENT))
    assert result["changed"] and result["warnings"] == []
    assert not succeeded(run_module(USER, small, projects=[project_id], user=DAN, **ABSENT))["changed"]


@pytest.mark.parametrize("row", [True, False], ids=["row", "list"])
def test_an_exact_name_wins_over_a_glob(small, row):
    rename_project(small, "alpha", "b[eu]ta*")
    asked = {"memberships": [{"project": "b[eu]ta*", "user": DAN}]} if row else {"project": "b[eu]ta*", "user": DAN}
    result = succeeded(run_module(USER, small, True, **asked, **ABSENT))
    assert [one["project"] for one in result["actions"]] == ["b[eu]ta*"]


COMMA = "Payments, EU (prod)"
ONE_TEXT: dict[str, tuple[str, dict[str, Any]]] = {
    "user": (USER, {"project": COMMA, "user": DAN, **ABSENT}),
    "role": (ROLE, {"project": COMMA, "user": DAN, "role": READ}),
    "user-info": (USER_INFO, {"project": COMMA}),
    "info": (INFO, {"project": COMMA}),
    "review": (REVIEW, {"projects": COMMA}),
}


@pytest.mark.parametrize("others", [(), ("Payments", "EU (prod)")], ids=["alone", "beside-its-pieces"])
@pytest.mark.parametrize("name, options", ONE_TEXT.values(), ids=list(ONE_TEXT))
def test_a_name_with_a_comma_as_one_text_is_told_to_be_a_list(small, name, options, others):
    for old, new in zip(("alpha", "beta", "gamma"), (COMMA, *others)):
        rename_project(small, old, new)
    result = run_module(name, small, **options)
    assert result["failed"] and not small.writes
    assert f"the name '{COMMA}' holds a comma; write a list, [\"{COMMA}\"]" in result["msg"]
    option = "projects" if "projects" in options else "project"
    succeeded(run_module(name, small, True, **{**options, option: [COMMA]}))
