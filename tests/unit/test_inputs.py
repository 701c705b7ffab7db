# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets one clear sentence before any request; what can't be read gets one before any write."""

from __future__ import annotations

from typing import Any

import pytest
from module_run import run_module
from test_laws import ABSENT, CREDENTIALS, DAN, ORGANIZATION, ROLE, TEAM, USER, everywhere

USER_INFO, INFO = "atlas_project_user_info", "atlas_project_info"
IDENTITY_INFO = "atlas_project_identity_info"
MODULES = (USER, ROLE, TEAM, ORGANIZATION, USER_INFO, INFO, IDENTITY_INFO)
TARGET = {"project": "alpha", "user": DAN, "role": "GROUP_READ_ONLY"}
IN_TEAM, IN_ORG = {"team": "readers", "user": DAN}, {"user": DAN, "role": "ORG_READ_ONLY"}
ENOUGH: dict[str, dict[str, Any]] = {
    USER: TARGET,
    ROLE: TARGET,
    TEAM: IN_TEAM,
    ORGANIZATION: IN_ORG,
    USER_INFO: {},
    INFO: {},
    IDENTITY_INFO: {},
}
ACCOUNT, KEY = CREDENTIALS["service-account"], CREDENTIALS["api-key"]
UNSET = {"access_token": ""}


def assert_refused(sim: Any, result: Any, *parts: str) -> None:
    assert result["failed"] and not result.get("changed") and result.rc == 1
    for part in parts:
        assert part in result["msg"], result["msg"]
    assert "\n" not in result["msg"] and "Traceback" not in result.output and "exception" not in result
    assert not sim.requests, "a request was made"


# --- credentials and connection --------------------------------------------------------------------------------------

BAD_CONNECTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "none": (UNSET, "no credential is set"),
    "client-id-only": ({**UNSET, "client_id": "mdb_sa_id_1"}, "client_id is set but client_secret is not"),
    "client-secret-only": ({**UNSET, "client_secret": "mdb_sa_sk_1"}, "client_secret is set but client_id is not"),
    "public-key-only": ({**UNSET, "public_key": "k"}, "public_key is set but private_key is not"),
    "private-key-only": ({**UNSET, "private_key": "abc123"}, "private_key is set but public_key is not"),
    "half-beside-whole": ({**ACCOUNT, "public_key": "k"}, "public_key is set but private_key is not"),
    "account-in-key": (
        {**UNSET, "public_key": "mdb_sa_id_1", "private_key": "mdb_sa_sk_1"},
        "write it as client_id",
    ),
    "line-break-in-secret": ({**ACCOUNT, "client_secret": "secret\n"}, "client_secret holds white space"),
    "sign-in-token": ({"access_token": "t\u00f6ken"}, "access_token holds white space or other signs"),
    "clear-text": ({"base_url": "http://cloud.mongodb.com"}, "clear text; write https://cloud.mongodb.com"),
    "clear-text-to-lookalike": ({"base_url": "http://127.0.0.1.example.com"}, "clear text"),
    "path": ({"base_url": "https://cloud.mongodb.com/api/atlas/v2"}, "holds more than scheme and host"),
    "query": ({"base_url": "https://cloud.mongodb.com?x=1"}, "holds more than scheme and host"),
    "user-in-url": ({"base_url": "https://me:pass@cloud.mongodb.com"}, "before an @"),
    "no-scheme": ({"base_url": "cloud.mongodb.com"}, "is not a URL"),
    "other-scheme": ({"base_url": "ftp://cloud.mongodb.com"}, "is not a URL"),
    "nonsense-host": ({"base_url": "https://exa mple.com"}, "is not a URL"),
    "nonsense-address": ({"base_url": "https://[::1"}, "is not a URL"),
    "nonsense-port": ({"base_url": "https://cloud.mongodb.com:99999"}, "is not a URL"),
    "dots-for-host": ({"base_url": "https://..."}, "is not a URL"),
    "timeout": ({"timeout": 0}, "timeout"),
    "negative-timeout": ({"timeout": -1}, "timeout"),
    "connections": ({"max_connections": 0}, "max_connections"),
    "wait": ({"max_wait": -1}, "max_wait"),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("options, message", BAD_CONNECTIONS.values(), ids=list(BAD_CONNECTIONS))
def test_a_bad_connection_is_refused_before_any_request(small, name, options, message):
    result = run_module(name, small, **{"access_token": "small-token", **ENOUGH[name], **options})
    assert_refused(small, result, message)
    assert "pass@" not in result["msg"]


@pytest.mark.parametrize(
    "text, url",
    [
        ("https://cloud.mongodbgov.com/", "https://cloud.mongodbgov.com"),
        (" https://cloud.mongodb.com ", "https://cloud.mongodb.com"),
        ("https://cloud.mongodb.com?", "https://cloud.mongodb.com"),
        ("HTTP://LocalHost:8080", "http://LocalHost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://127.8.8.8", "http://127.8.8.8"),
    ],
)
def test_a_base_url_is_brought_into_shape(text, url):
    from ansible_collections.atlasops.access.plugins.module_utils._client import check_base_url

    assert check_base_url(text) == url


def run_from_environment(monkeypatch: Any, sim: Any, variables: dict[str, str], **options: Any) -> Any:
    for name, value in variables.items():
        monkeypatch.setenv(f"MONGODB_ATLAS_{name}", value)
    return run_module(INFO, sim, **{"access_token": "", **options})


ID, ACCOUNT_SECRET = ACCOUNT["client_id"], ACCOUNT["client_secret"]
PUBLIC, PRIVATE = KEY["public_key"], KEY["private_key"]


@pytest.mark.parametrize(
    "variables, used",
    [
        ({"ACCESS_TOKEN": "small-token"}, ID),
        ({"CLIENT_ID": ID, "CLIENT_SECRET": ACCOUNT_SECRET}, ID),
        ({"PUBLIC_API_KEY": PUBLIC, "PRIVATE_API_KEY": PRIVATE}, PUBLIC),
        ({"PUBLIC_KEY": PUBLIC, "PRIVATE_KEY": PRIVATE}, PUBLIC),
        ({"PUBLIC_API_KEY": PUBLIC, "PRIVATE_KEY": PRIVATE}, PUBLIC),
        ({"PUBLIC_API_KEY": "", "PUBLIC_KEY": PUBLIC, "PRIVATE_API_KEY": "", "PRIVATE_KEY": PRIVATE}, PUBLIC),
        ({"PUBLIC_API_KEY": PUBLIC, "PUBLIC_KEY": "other", "PRIVATE_API_KEY": PRIVATE, "PRIVATE_KEY": "other"}, PUBLIC),
        (
            {"ACCESS_TOKEN": "", "CLIENT_ID": ID, "CLIENT_SECRET": ACCOUNT_SECRET, "PUBLIC_KEY": "", "PRIVATE_KEY": ""},
            ID,
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_credentials_come_from_the_environment(small, monkeypatch, variables, used):
    result = run_from_environment(monkeypatch, small, variables, base_url=small.url)
    assert not result.get("failed"), result["msg"]
    assert {request.credential for request in small.requests if request.credential} == {used}
    assert not result["warnings"]


def test_empty_options_give_way_to_the_environment(small, monkeypatch):
    variables = {"CLIENT_ID": ID, "CLIENT_SECRET": ACCOUNT_SECRET, "BASE_URL": small.url}
    options = dict.fromkeys(("client_id", "client_secret", "public_key", "private_key", "base_url"), "")
    assert not run_from_environment(monkeypatch, small, variables, **options).get("failed")
    assert small.requests


def test_an_option_wins_over_its_variable(small, monkeypatch):
    result = run_from_environment(monkeypatch, small, {"ACCESS_TOKEN": "other-token"}, access_token="small-token")
    assert not result.get("failed") and not result["warnings"]


@pytest.mark.parametrize(
    "given, used, kind",
    [
        ({**ACCOUNT, **KEY, "access_token": "small-token"}, ID, "token"),
        ({**ACCOUNT, **KEY}, ID, "service account"),
        ({"access_token": "small-token", **KEY}, ID, "token"),
    ],
    ids=["all", "account-and-key", "token-and-key"],
)
def test_of_more_than_one_credential_the_first_kind_is_used_with_a_warning(small, given, used, kind):
    result = run_module(INFO, small, **given)
    assert result["warnings"] == [f"more than one credential is set; the {kind} is used"]
    assert {request.credential for request in small.requests if request.credential} == {used}


# --- what is asked for -----------------------------------------------------------------------------------------------

BAD_TARGETS: dict[str, tuple[str, dict[str, Any], str]] = {
    "no-projects": (USER, {"user": DAN, "roles": "GROUP_OWNER"}, "projects missing"),
    "blank-project": (USER, {"project": "", "user": DAN, "roles": "GROUP_OWNER"}, "projects missing"),
    "no-users": (USER, {"project": "alpha", "roles": "GROUP_OWNER"}, "users missing"),
    "blank-user": (USER, {"project": "alpha", "user": " ", **ABSENT}, "users missing"),
    "nothing": (USER, {**ABSENT}, "projects and users missing"),
    "no-roles": (USER, {"project": "alpha", "user": DAN}, "roles missing"),
    "blank-role": (USER, {"project": "alpha", "user": DAN, "roles": ""}, "roles missing"),
    "no-role": (ROLE, {"project": "alpha", "user": DAN}, "roles missing"),
    "no-role-to-take": (ROLE, {"project": "alpha", "user": DAN, **ABSENT}, "roles missing"),
    "organization-role": (ROLE, {**TARGET, "role": "ORG_OWNER"}, "'ORG_OWNER' is not a project role"),
    "role-in-words": (USER, {**TARGET, "role": "Project Owner"}, "'Project Owner' is not a project role"),
    "role-in-lower-case": (USER, {**TARGET, "role": "group_owner"}, "did you mean GROUP_OWNER?"),
    "roles-with-absent": (USER, {**TARGET, **ABSENT}, "leave out roles"),
    "exclusive-with-nobody": (
        USER,
        {"project": "alpha", "users": [], "roles": "GROUP_OWNER", "exclusive": True},
        "empty list",
    ),
    "role-exclusive-with-nobody": (
        ROLE,
        {"project": "alpha", "users": [], "role": "GROUP_OWNER", "exclusive": True},
        "empty list",
    ),
    "exclusive-with-no-rows": (USER, {"memberships": [], "exclusive": True}, "empty list"),
    "exclusive-with-absent": (
        USER,
        {"project": "alpha", "user": DAN, "exclusive": True, **ABSENT},
        "exclusive goes with state=present",
    ),
    "legacy-with-present": (USER, {**TARGET, "legacy_invitations": True}, "legacy_invitations goes with state=absent"),
    "no-email": (USER, {**TARGET, "user": "dan"}, "'dan' is neither an email address nor a user id"),
    "short-id": (USER, {**TARGET, "user": "0123456789abcdef"}, "neither an email address nor a user id"),
    "glob-for-user": (USER, {"project": "alpha", "user": "*", **ABSENT}, "neither an email address nor a user id"),
    "one-of-the-users": (USER, {**TARGET, "user": None, "users": [DAN, "x@y z"]}, "'x@y z' is neither"),
    "fallback-is-taken": (ROLE, {**TARGET, "fallback_role": "GROUP_READ_ONLY", **ABSENT}, "is itself to be taken"),
    "fallback-of-organization": (
        ROLE,
        {**TARGET, "fallback_role": "ORG_MEMBER", **ABSENT},
        "fallback_role: 'ORG_MEMBER'",
    ),
    "rows-beside-users": (USER, {**TARGET, "memberships": [{"project": "alpha", "user": DAN}]}, "memberships"),
    "unknown-key": (USER, {"memberships": [{"project": "alpha", "usr": DAN}], **ABSENT}, "'usr' is not a key"),
    "row-without-user": (USER, {"memberships": [{"project": "alpha"}], **ABSENT}, "lacks a project or a user"),
    "row-without-project": (USER, {"memberships": [{"user": DAN}], **ABSENT}, "lacks a project or a user"),
    "row-without-roles": (
        USER,
        {"memberships": [{"project": "alpha", "user": DAN}]},
        "row 1: the roles of dan@corp.example in alpha missing",
    ),
    "role-row-without-roles": (
        ROLE,
        {"memberships": [{"project": "alpha", "user": DAN}], **ABSENT},
        "missing: name at least one",
    ),
    "row-with-odd-roles": (
        USER,
        {"memberships": [{"project": "alpha", "user": DAN, "roles": {"a": 1}}]},
        "not a list of role names",
    ),
    "row-with-odd-user": (
        USER,
        {"memberships": [{"project": "alpha", "user": 5.5}], **ABSENT},
        "user 5.5 is not a name",
    ),
    "no-teams": (TEAM, {"user": DAN}, "teams missing"),
    "no-users-of-a-team": (TEAM, {"team": "readers", **ABSENT}, "users missing"),
    "exclusive-with-nobody-in-a-team": (TEAM, {"team": "readers", "users": [], "exclusive": True}, "empty list"),
    "team-no-email": (TEAM, {**IN_TEAM, "user": "dan"}, "'dan' is neither an email address nor a user id"),
    "team-glob-for-user": (TEAM, {**IN_TEAM, "user": "*", **ABSENT}, "neither an email address nor a user id"),
    "team-row-of-a-project": (TEAM, {"memberships": [{"project": "alpha", "user": DAN}]}, "'project' is not a key"),
    "team-row-without-team": (TEAM, {"memberships": [{"user": DAN}], **ABSENT}, "lacks a team or a user"),
    "organization-no-users": (ORGANIZATION, {"role": "ORG_MEMBER"}, "users missing"),
    "organization-no-roles": (ORGANIZATION, {"user": DAN}, "roles missing"),
    "organization-role-of-projects": (ORGANIZATION, {**IN_ORG, "role": "GROUP_OWNER"}, "is not an organization role"),
    "organization-no-email": (ORGANIZATION, {**IN_ORG, "user": "dan"}, "neither an email address nor a user id"),
    "organization-row-without-user": (ORGANIZATION, {"memberships": [{"roles": ["ORG_MEMBER"]}]}, "lacks a user"),
    "info-odd-user": (USER_INFO, {"user": "dan"}, "neither an email address nor a user id"),
    "info-odd-role": (USER_INFO, {"role": "ORG_OWNER"}, "is not a project role"),
    "info-odd-status": (USER_INFO, {"statuses": ["GONE"]}, "GONE"),
}


@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
@pytest.mark.parametrize("name, options, message", BAD_TARGETS.values(), ids=list(BAD_TARGETS))
def test_a_bad_target_is_refused_before_any_request(small, name, options, message, check):
    options = {key: value for key, value in options.items() if value is not None}
    assert_refused(small, run_module(name, small, check, **options), message)


@pytest.mark.parametrize("name", [USER, ROLE])
def test_an_unknown_role_is_a_warning_with_the_nearest_known_one(small, name):
    result = run_module(name, small, check=True, **{**TARGET, "role": "GROUP_READ_ONYL"})
    assert any("did you mean GROUP_READ_ONLY?" in warning for warning in result["warnings"])


@pytest.mark.parametrize("name", [one for one in MODULES if one not in (TEAM, ORGANIZATION)])
def test_an_unknown_project_is_an_error_with_near_names(small, name):
    result = run_module(name, small, **{**ENOUGH[name], "project": "alhpa"})
    assert result["failed"] and "'alhpa' is unknown to this credential; near names: alpha" in result["msg"]
    assert not small.writes and [request.path for request in small.requests] == ["/api/atlas/v2/groups"]


def test_an_unknown_team_or_organization_is_an_error_with_near_names(small):
    for name, options in (
        (TEAM, {**IN_TEAM, "team": "raeders"}),
        (ORGANIZATION, {**IN_ORG, "organization": "Smal Org"}),
    ):
        result = run_module(name, small, **options)
        assert result["failed"] and f"near names: {'readers' if name == TEAM else 'Small Org'}" in result["msg"]
        assert not small.writes


def test_nothing_to_do_makes_no_request(small):
    for options in ({"project": "alpha", "users": [], **ABSENT}, {"memberships": [], **ABSENT}):
        result = run_module(USER, small, **options)
        assert not result.get("failed") and not result["changed"] and not small.requests


# --- what can't be read ----------------------------------------------------------------------------------------------

UNREADABLE: dict[str, tuple[Any, str]] = {
    "401": ({"status": 401, "errorCode": None}, "401"),
    "403": ({"status": 403, "errorCode": "ACCESS_FORBIDDEN"}, "403 ACCESS_FORBIDDEN"),
    "404": ({"status": 404, "errorCode": "GROUP_NOT_FOUND"}, "404 GROUP_NOT_FOUND"),
    "404-says-absent": ({"status": 404, "errorCode": "USER_NOT_IN_GROUP"}, "404 USER_NOT_IN_GROUP"),
    "406": (406, "406"),
    "500": (500, "500"),
    "html": ({"html": 200}, "not what Atlas sends (text/html"),
    "cut": ("cut_before", "failed or was cut"),
    "garbage": ("garbage", "not what Atlas sends"),
    "empty": ("empty", "not what Atlas sends"),
    "list": ({"shape": "list"}, "shape that Atlas documents"),
    "no-results": ({"shape": "no_results"}, "shape that Atlas documents"),
    "strings": ({"shape": "results_of_strings"}, "shape that Atlas documents"),
    "redirect": ({"redirect": 302, "location": "https://elsewhere.invalid/login"}, "redirected to elsewhere.invalid"),
}


_READS = [(name, path) for name in (USER, ROLE, USER_INFO) for path in ("/groups$", "/users$")]
_READS += [(TEAM, "/orgs$"), (TEAM, "/teams$"), (TEAM, "/teams/[0-9a-f]+/users$")]
_READS += [(ORGANIZATION, "/orgs$"), (ORGANIZATION, "/users$")]


@pytest.mark.parametrize("fault, message", UNREADABLE.values(), ids=list(UNREADABLE))
@pytest.mark.parametrize("name, path", _READS)
def test_what_cannot_be_read_fails_the_task_without_a_write(small, name, fault, message, path):
    before = everywhere(small)
    small.fault(fault, method="GET", path=path, times=None)
    options = {**ENOUGH[name], **({"role": "GROUP_OWNER"} if name == ROLE else {})}
    result = run_module(name, small, **options)
    assert result["failed"] and not result.get("changed")
    where = {TEAM: "readers", ORGANIZATION: "Small Org"}.get(name, "alpha")
    assert message in result["msg"] and f"GET /api/atlas/v2/{'groups' if where == 'alpha' else 'orgs'}" in result["msg"]
    assert not path.endswith("/users$") or f"{where}: " in result["msg"]
    assert "\n" not in result["msg"] and not small.writes and everywhere(small) == before


@pytest.mark.parametrize("status", [404, 401])
def test_a_project_that_vanishes_between_two_reads_is_not_an_absent_user(small, status):
    code = {404: "GROUP_NOT_FOUND", 401: "NOT_IN_GROUP"}[status]
    small.fault({"status": status, "errorCode": code}, path=small.project_id("alpha"), times=None)
    result = run_module(USER, small, project="alpha", user=DAN, state="absent", **ACCOUNT)
    assert result["failed"] and f"{status} {code}" in result["msg"] and not small.writes
    assert small.tokens_minted == 1, "a new token was asked for though the project is the trouble"


# --- hints -----------------------------------------------------------------------------------------------------------

HINTS: dict[str, tuple[Any, str]] = {
    "not-allowed-to-write": (
        {"status": 401, "errorCode": "NOT_GROUP_USER_ADMIN"},
        "needs Project Access Manager or Project Owner",
    ),
    "forbidden": (403, "needs Project Access Manager or Project Owner"),
    "address": (
        {
            "status": 403,
            "errorCode": "IP_ADDRESS_NOT_ON_ACCESS_LIST",
            "detail": "IP address 203.0.113.7 is not allowed.",
        },
        "IP address 203.0.113.7 is not allowed. Add the address that Atlas saw to the API access list",
    ),
    "address-old-spelling": ({"status": 403, "errorCode": "IP_ADDRESS_NOT_ON_WHITELIST"}, "API access list"),
    "wrong-host": ({"status": 401, "errorCode": None}, "government: https://cloud.mongodbgov.com"),
    "version-gone": ({"status": 410, "errorCode": "VERSION_GONE"}, "update the collection"),
    "upgrade": ({"status": 405, "errorCode": "WRITES_NOT_ALLOWED_DURING_APP_UPGRADES"}, "run the task again later"),
    "suspended": ({"status": 402, "errorCode": "ACCOUNT_SUSPENDED"}, "billing"),
    "service": (503, "run the task again later"),
}


@pytest.mark.parametrize("fault, hint", HINTS.values(), ids=list(HINTS))
def test_an_error_names_everything_and_says_what_to_do(small, fault, hint):
    small.fault(fault, method="DELETE", times=None)
    result = run_module(USER, small, project="alpha", user=DAN, state="absent")
    status = fault if isinstance(fault, int) else fault["status"]
    path = f"DELETE /api/atlas/v2/groups/{small.project_id('alpha')}/users/{small.user_id(DAN)}: {status}"
    for part in ("alpha: remove dan@corp.example failed: ", path, hint):
        assert part in result["msg"], result["msg"]


def test_a_wrong_secret_says_what_to_check(small):
    result = run_module(INFO, small, client_id=ID, client_secret="mdb_sa_sk_wrong")
    assert "401 invalid_client: Invalid credentials provided. Check client_id and client_secret" in result["msg"]
    assert len(small.requests) == 1


def test_a_wrong_key_says_what_to_check(small):
    result = run_module(INFO, small, public_key=PUBLIC, private_key="wrong")
    assert "401" in result["msg"] and "Check the id and secret" in result["msg"]


def test_a_missing_bundle_of_certificates_is_named(small, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    result = run_module(INFO, small, base_url=small.url.replace("http", "https"))
    assert result["failed"] and "/nowhere/ca.pem" in result["msg"] and "exception" not in result


def test_nobody_listening_says_what_to_check(small):
    result = run_module(INFO, small, base_url="http://127.0.0.1:9")
    assert "the connection to http://127.0.0.1:9 failed or was cut (4 tries in " in result["msg"]
    assert "Check base_url and the network." in result["msg"]
