# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong is told with what Atlas says of it, and with a hint that fits."""

from __future__ import annotations

from typing import Any

import pytest
from by_hand import Asked, Said, by_hand, page
from module_run import run_module
from test_inputs import ACCOUNT
from test_laws import ABSENT, DAN, ROLE, USER

USER_INFO, INFO, REVIEW = "atlas_project_user_info", "atlas_project_info", "atlas_access_review"
REMOVE = {"project": "alpha", "user": "dan@x.example", **ABSENT}
MEMBERS = [
    {"id": digit * 24, "username": f"{name}@x.example", "orgMembershipStatus": "ACTIVE", "roles": [role]}
    for digit, name, role in (("1", "own", "GROUP_OWNER"), ("2", "dan", "GROUP_READ_ONLY"))
]
GROUP = {"id": "a" * 24, "name": "alpha", "orgId": "f" * 24}


def told(name: str, options: dict[str, Any], **answers: Said) -> Any:
    """What a module returns where some of the calls are answered so: groups, members, write."""

    def answer(asked: Asked) -> Said:
        if asked.method != "GET":
            return answers["write"]
        if asked.path == "/groups":
            return answers.get("groups", page([GROUP], 1, False))
        if asked.path.startswith("/groups/") and asked.path.endswith("/users"):
            return answers.get("members", page(MEMBERS, 2, False))
        return page([], 0, False)

    with by_hand(answer) as server:
        result = run_module(name, None, base_url=server.url, access_token="hand-token", timeout=5, **options)
    assert "\n" not in result.get("msg", "")
    return result


# --- what Atlas says -------------------------------------------------------------------------------------------------

BAD_REQUEST = {
    "detail": "Validation Error.",
    "error": 400,
    "errorCode": "VALIDATION_ERROR",
    "badRequestDetail": {
        "fields": [
            {"field": "username", "description": "must be a well-formed address"},
            {"field": "roles", "description": "must not be empty"},
        ]
    },
}
FIELDS = "(username: must be a well-formed address; roles: must not be empty)"


def test_the_fields_that_a_bad_request_complains_of_are_told(quick):
    result = told(USER, REMOVE, write=Said(BAD_REQUEST, 400))
    assert f"400 VALIDATION_ERROR: Validation Error. {FIELDS}" in result["msg"]
    assert result["actions"][0]["error"]["detail"] == f"Validation Error. {FIELDS}"


@pytest.mark.parametrize(
    "detail",
    [None, {}, {"fields": None}, {"fields": "x"}, {"fields": [None, "x", 5]}, {"fields": []}, "x", [1]],
    ids=str,
)
def test_a_bad_request_detail_of_another_shape_is_left_out(quick, detail):
    result = told(USER, REMOVE, write=Said({**BAD_REQUEST, "badRequestDetail": detail}, 400))
    assert "400 VALIDATION_ERROR: Validation Error." in result["msg"] and "(" not in result["msg"].split("Error.")[1]


@pytest.mark.parametrize("detail", [None, "", 5])
@pytest.mark.parametrize("status, code", [(400, "SOME_CODE"), (403, None), (404, "GROUP_NOT_FOUND"), (500, None)])
def test_no_detail_is_not_taken_for_something_else_than_atlas(quick, detail, status, code):
    body = {"error": status, "errorCode": code, "detail": detail, "reason": None}
    result = told(USER_INFO, {}, groups=Said(body, status))
    assert "Atlas gives no detail" in result["msg"] and "not what Atlas sends" not in result["msg"]
    assert "check base_url" not in result["msg"]


PAGE_OF_A_PROXY = "<html><body>Access denied. Group roles: none.</body></html>"


@pytest.mark.parametrize("status", [200, 401, 403, 404, 407])
@pytest.mark.parametrize("call", ["groups", "members", "write"])
def test_a_proxys_page_gets_no_hint_about_roles(quick, status, call):
    result = told(USER, REMOVE, **{call: Said(PAGE_OF_A_PROXY, status)})
    assert result["failed"] and "not what Atlas sends (text/html, " in result["msg"]
    assert "Something else than Atlas answered: check base_url (http://127.0.0.1:" in result["msg"]
    for word in ("Project Owner", "Project Read Only", "Access Manager", "Organization", "client_id"):
        assert word not in result["msg"]


# --- who may ---------------------------------------------------------------------------------------------------------

ROLES_MISSING: dict[str, tuple[dict[str, Any], str, str]] = {
    "write": ({"method": "DELETE"}, "/users/", "needs Project Access Manager or Project Owner in this project"),
    "members": ({"method": "GET"}, "/groups/[0-9a-f]+/users$", "reading needs Project Read Only"),
    "projects": ({"method": "GET"}, "/groups$", "reading needs Project Read Only"),
}


@pytest.mark.parametrize("match, path, hint", ROLES_MISSING.values(), ids=list(ROLES_MISSING))
def test_an_unauthorized_call_names_the_role_and_is_neither_repeated_nor_gets_a_token(small, match, path, hint):
    small.fault({"status": 401, "errorCode": "USER_UNAUTHORIZED"}, path=path, times=None, **match)
    result = run_module(USER, small, project="alpha", user=DAN, **ABSENT, **ACCOUNT)
    assert result["failed"] and "401 USER_UNAUTHORIZED" in result["msg"] and hint in result["msg"]
    assert "Check the id and secret" not in result["msg"]
    assert small.tokens_minted == 1 and len(small.writes) == (match["method"] == "DELETE")


def test_an_unauthorized_role_change_is_told_likewise(small):
    small.fault({"status": 401, "errorCode": "USER_UNAUTHORIZED"}, method="POST", path=":removeRole", times=None)
    result = run_module(ROLE, small, project="beta", user=DAN, role="GROUP_CLUSTER_MANAGER", **ABSENT, **ACCOUNT)
    assert "needs Project Access Manager or Project Owner" in result["msg"] and small.tokens_minted == 1
    assert len(small.writes) == 1


@pytest.mark.parametrize("name", [USER, USER_INFO, INFO, REVIEW])
def test_a_credential_that_sees_no_project_is_told_which_role_it_needs(quick, name):
    options = REMOVE if name == USER else {"projects": ["alpha"]} if name == INFO else {}
    result = told(name, options, groups=page([], 0, False))
    assert result["failed"] and "it sees no project at all; give it Project Read Only in one" in result["msg"]
    assert "Project Access Manager" in result["msg"]


# --- answers of another shape ----------------------------------------------------------------------------------------

WITHOUT: list[tuple[str, Any]] = [
    ("username", None), ("username", ""), ("orgMembershipStatus", 5), ("roles", None), ("roles", "GROUP_OWNER"),
    ("roles", [5]), ("roles", [["x"]]),
]  # fmt: skip


@pytest.mark.parametrize("field, value", WITHOUT)
def test_a_misshapen_row_is_named_with_its_field(quick, field, value):
    result = told(USER, REMOVE, members=page([MEMBERS[0], {**MEMBERS[1], field: value}], 2, False))
    assert result["failed"] and f"its '{field}'" in result["msg"] and "row 2" in result["msg"]
    assert field == "username" or "row 2 (dan@x.example)" in result["msg"]


@pytest.mark.parametrize("field", ["username", "orgMembershipStatus", "roles"])
def test_a_row_without_a_field_is_named_with_it(quick, field):
    row = {key: value for key, value in MEMBERS[1].items() if key != field}
    result = told(USER_INFO, {"via": "direct"}, members=page([MEMBERS[0], row], 2, False))
    assert result["failed"] and "row 2" in result["msg"] and f"its '{field}'" in result["msg"]


# --- roles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [USER, ROLE, USER_INFO])
@pytest.mark.parametrize("role", ["Project Owner", "PROJECT_OWNER", "project owner", "Owner", "OWNER"])
def test_what_the_console_calls_a_role_suggests_its_name(small, name, role):
    options = {} if name == USER_INFO else {"project": "alpha", "user": DAN}
    result = run_module(name, small, **options, role=role)
    assert result["failed"] and "did you mean GROUP_OWNER?" in result["msg"] and not small.requests
