# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers, truth values, dates, domains and rows, as people write them."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from module_run import run_module

from ansible_collections.atlasops.access.plugins.module_utils import _plain as plain
from ansible_collections.atlasops.access.plugins.module_utils import _policy as policy
from ansible_collections.atlasops.access.plugins.module_utils import _today as today
from ansible_collections.atlasops.access.plugins.module_utils._access import Refusal

REVIEW, DAN = "atlas_access_review", "dan@corp.example"
DAY = date(2026, 12, 31)


@pytest.mark.parametrize("given", [90, 90.0, "90", " 90 ", "90.0", "90.00"], ids=repr)
def test_whole_numbers(given):
    assert plain.number(given, "x") == 90


@pytest.mark.parametrize(
    "given", [True, False, -1, "-1", 90.5, "90,0", "1_0", "１２", "25%", [30], "None", "1e3", "9" * 5000], ids=ascii
)
def test_what_is_no_whole_number_is_refused_with_its_value(given):
    with pytest.raises(Refusal, match="x: .* is not a number"):
        plain.number(given, "x")


@pytest.mark.parametrize("given", ["", " ", None, [""]], ids=repr)
def test_blank_is_unset(given):
    assert plain.number(given, "x") is None and plain.day(given, "x") is None
    assert plain.truth(given, "x") is False and plain.rows(given, "x") == []


@pytest.mark.parametrize(
    "given",
    [DAY, datetime(2026, 12, 31), "2026-12-31", " 2026-12-31 ", "2026-12-31 00:00:00", "2026-12-31T00:00:00"],
    ids=str,
)
def test_days(given):
    assert plain.day(given, "x") == DAY


@pytest.mark.parametrize(
    "given",
    ["2026-12-31garbage", "2026-12-310", "20261231", 20261231, "2026-1-1", "2026-02-29", "31.12.2026", "tomorrow", True]
    + ["2026-12-31T23:59:59-12:00", "2026-12-31T00:00:00Z", datetime(2026, 12, 31, tzinfo=timezone.utc), "2026-W53-4"]
    + ["２０２６-12-31", ["2026-12-31"], 0, "None", "2026-12-31 until further notice", "2026-12-31\n2027-01-01"],
    ids=ascii,
)
def test_what_is_no_day_is_refused_with_its_value(given):
    with pytest.raises(Refusal, match="x: .* is not a date; write one such as 2026-12-31"):
        plain.day(given, "x")


# --- domains ---------------------------------------------------------------------------------------------------------

TWO = {"corp.example", "partner.example"}


@pytest.mark.parametrize(
    "given",
    [
        ["corp.example", "partner.example"],
        "corp.example\npartner.example\n",
        "corp.example, @Partner.Example",
        ["corp.example\r\npartner.example"],
        '["corp.example", "partner.example"]',
        "\ufeffcorp.example;partner.example;",
        ["corp.example", "", None, " ", "partner.example"],
    ],
    ids=ascii,
)
def test_domains_as_people_write_them(given):
    assert plain.domains(given, "x") == TWO


@pytest.mark.parametrize(
    "given", ["münchen.example", "MÜNCHEN.example", "xn--mnchen-3ya.example", "XN--MNCHEN-3YA.Example"]
)
@pytest.mark.parametrize("member", ["x@münchen.example", "x@xn--mnchen-3ya.example", "x@mu\u0308nchen.example"])
def test_international_domains_have_one_form(given, member):
    assert plain.domain_of(member) in plain.domains(given, "x")


@pytest.mark.parametrize("given", ["हिन्दी.example", "日本.example", "xn--j2b3a4c.example"])
def test_domains_of_other_scripts(given):
    assert plain.domain_of(f"x@{given}") in plain.domains(given, "x")


@pytest.mark.parametrize(
    "member", ["x@xn--corp-.example", "x@münch.example", "x@mnchen-3ya.example", "x@sub.corp.example"]
)
def test_nothing_else_passes_for_an_allowed_domain(member):
    assert plain.domain_of(member) not in plain.domains("corp.example, münchen.example", "x")


@pytest.mark.parametrize(
    "piece",
    [
        "https://corp.example",
        "corp",
        "None",
        "corp.example.",
        "*.corp.example",
        "-corp.example",
        "corp-.example",
        "x..y",
    ]
    + ["ann@corp.example", "10.0.0.1", "corp_x.example", "'corp.example'", "corp\u200b.example", "corp\ufe0f.example"]
    + ["@@corp.example", "@", ".example", 5, True, {"corp.example": 1}, "a" * 250 + ".example"],
    ids=ascii,
)
def test_what_is_no_domain_is_refused_with_its_value(piece):
    with pytest.raises(Refusal, match="x: .* is not a domain; write one such as corp.example"):
        plain.domains([piece], "x")


# --- rows, with their place ------------------------------------------------------------------------------------------

GOOD = {"user": DAN, "project": "alpha"}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"user": ""}, "lacks a user"),
        ({"user": []}, "is not one person"),
        ({"user": f"{DAN}, ann@corp.example"}, "is not one person"),
        ({"user": 5}, "neither an email"),
        ({**GOOD, "rule": "leaver"}, "'leaver' is not a rule"),
        ({**GOOD, "rule": ["leavers"]}, "rule ['leavers'] is not a name"),
        ({**GOOD, "project": 1.5}, "project 1.5 is not a name"),
        ({**GOOD, "until": "2026-12-31garbage"}, "until: '2026-12-31garbage' is not a date"),
        ({**GOOD, "till": "2026-12-31"}, "'till' is not a key"),
        ({5: DAN}, "'5' is not a key"),
        (DAN, "is not a row"),
        (7, "is not a row"),
        (None, "is not a row"),
    ],
    ids=str,
)
def test_an_odd_exception_is_one_sentence_with_its_place_before_any_request(small, row, says):
    result = run_module(REVIEW, small, policy={"leavers": [DAN], "exceptions": [GOOD, row]})
    assert result["failed"] and not small.requests
    assert result["msg"].startswith("policy.exceptions: row 2") and says in result["msg"], result["msg"]


@pytest.mark.parametrize("exceptions", [5, "x", {"user": DAN}, "[1,", True], ids=str)
def test_what_is_no_list_of_rows_is_one_sentence(small, exceptions):
    result = run_module(REVIEW, small, policy={"exceptions": exceptions})
    assert result["failed"] and result["msg"].startswith("policy.exceptions: "), result["msg"]


def test_a_project_of_an_exception_may_be_a_number_and_unknown_and_rows_may_be_text(small):
    given = f'[{{"user": "{DAN}", "project": 2024}}]'
    result = run_module(REVIEW, small, policy={"leavers": [DAN], "exceptions": given})
    assert not result.get("failed") and any("2024" in one for one in result["warnings"]), result
    assert "remove" in [one["action"] for one in result["findings"]]


# --- what older Ansible makes of dates -------------------------------------------------------------------------------


def test_a_list_with_dates_that_was_printed_is_a_list_again():
    rows = [{"user": DAN, "until": DAY, "reason": 'it\'s ["fine"] datetime.date(1, 1, 1)'}]
    assert plain.unprinted({"exceptions": str(rows)}) == {"exceptions": [{**rows[0], "until": "2026-12-31"}]}
    whole = {"leavers": [{"user": DAN, "last_day": DAY}], "exceptions": str(rows)}
    assert plain.unprinted(str(whole))["exceptions"] == [{**rows[0], "until": "2026-12-31"}]
    assert plain.unprinted(str([datetime(2026, 12, 31)])) == ["2026-12-31 00:00:00"]


@pytest.mark.parametrize("hour", [(), (5,), (5, 6, 7, 8)])
def test_a_time_is_not_taken_for_a_day(hour):
    (text,) = plain.unprinted(str([datetime(2026, 12, 31, *hour, tzinfo=timezone.utc)]))
    with pytest.raises(Refusal):
        plain.day(text, "x")


@pytest.mark.parametrize(
    "text",
    [
        "[datetime.date(2026, 12, 31), __import__('os')]",
        "[datetime.date('x')]",
        "[datetime.date(2026, 12, 31)",
        "datetime.date",
    ]
    + ["[datetime.date(*x)]", "{datetime.date}", "[datetime.date.today()]", "[" * 5000 + "datetime.date"],
    ids=lambda text: text[:20],
)
def test_other_text_stays_as_it_is(text):
    assert plain.unprinted(text) == text


# --- a policy that contradicts itself --------------------------------------------------------------------------------

READ, OWNER = "GROUP_READ_ONLY", "GROUP_OWNER"


def grant(*roles, user=DAN, project="alpha", **more):
    return {"project": project, "user": user, "roles": list(roles), **more}


@pytest.mark.parametrize(
    ("given", "guards", "says"),
    [
        ({"role_holders": {READ: [DAN]}, "fallback_role": READ}, {}, "is itself for others"),
        ({"memberships": [grant(READ), grant(OWNER, user=DAN.upper())]}, {}, "two rows with different roles"),
        ({"memberships": [grant(READ), grant(OWNER, expires="2030-01-31")]}, {}, "two rows with different roles"),
        ({"leavers": [DAN]}, {"protected_users": DAN.upper()}, f"both name {DAN}"),
        ({"leavers": [{"user": DAN, "last_day": DAY}]}, {"protected_users": [DAN]}, f"both name {DAN}"),
        ({"leavers": [{"user": DAN, "last_day": DAY}, {"user": DAN, "last_day": "2027-01-01"}]}, {}, "two last days"),
        ({"leavers": [{"user": DAN, "last_day": "soon"}]}, {}, "row 1: last_day: 'soon' is not a date"),
        ({"leavers": [{"last_day": "2026-12-31"}]}, {}, "row 1: {'last_day': '2026-12-31'} lacks a user"),
        ({"leavers": [{"user": DAN, "day": "2026-12-31"}]}, {}, "row 1: 'day' is not a key"),
    ],
    ids=str,
)
def test_a_policy_that_contradicts_itself_is_refused_before_any_request(small, given, guards, says):
    result = run_module(REVIEW, small, policy=given, guards=guards)
    assert result["failed"] and not small.requests and says in result["msg"], result["msg"]


def test_rows_by_pattern_and_by_name_with_different_roles_are_refused(small):
    rows = [grant(READ, project="al*"), grant(OWNER, project=small.project_id("alpha").upper())]
    result = run_module(REVIEW, small, policy={"memberships": rows})
    assert result["failed"] and "two rows with different roles" in result["msg"]


def test_the_same_row_twice_is_one(small):
    result = run_module(REVIEW, small, policy={"memberships": [grant(READ), grant(READ)]})
    assert not result.get("failed")


def test_a_role_with_blank_holders_is_not_asked_for():
    rules, _warnings = policy.read_policy({"role_holders": {READ: "", OWNER: [" "]}, "fallback_role": READ})
    assert not policy.is_asked(rules, "role_holders")


# --- the last day ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "left"),
    [("2026-12-31T23:59:59", False), ("2027-01-01T11:59:59", False), ("2027-01-01T12:00:00", True)],
)
def test_a_last_day_is_over_when_it_is_over_everywhere(now, left):
    moment = datetime.fromisoformat(now).replace(tzinfo=timezone.utc)
    assert today.has_left(policy.Leaver(DAN, DAY), moment) is left
    assert today.has_left(policy.Leaver(DAN), moment)
    assert not today.has_left(policy.Leaver(DAN, date.max), moment)


def test_people_and_rows_may_be_mixed_and_whoever_has_left_has_left():
    rules, _warnings = policy.read_policy({"leavers": ["ann@corp.example; " + DAN, {"user": DAN, "last_day": DAY}]})
    assert rules.leavers == {one: policy.Leaver(one) for one in ("ann@corp.example", DAN)}


def test_somebody_who_is_to_leave_is_reported_and_leaves_nothing_open(small, tmp_path):
    rows = [{"user": DAN, "last_day": "2999-12-31", "reason": "end of contract"}]
    result = run_module(REVIEW, small, mode="clean-up", policy={"leavers": rows}, evidence_dir=str(tmp_path))
    assert {(one["user"], one["action"]) for one in result["findings"]} == {(DAN, "report")}
    assert "is to leave: the last day is 2999-12-31 (end of contract)" in result["findings"][0]["reasons"]
    assert result["outcome"]["state"] == "unchanged", result["outcome"]
    (table,) = tmp_path.glob("2*/leavers.csv")
    assert table.read_text().splitlines()[1] == f"{DAN},3,3,0,2999-12-31,end of contract"
