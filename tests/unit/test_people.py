# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people may be written, in every option that names them; and nobody who is named is silently nobody."""

from __future__ import annotations

import unicodedata
from typing import Any, Callable

import pytest
from module_run import run_module
from test_inputs import assert_refused
from test_laws import ABSENT, DAN, ROLE, USER
from test_who import (
    ANN,
    EVE,
    INFO,
    MANAGER,
    NOBODY,
    OUTSIDER,
    OWNER,
    READ,
    REVIEW,
    USER_INFO,
    rename,
    roles_by_id,
    succeeded,
    who_and_what,
)

from ansible_collections.atlasops.access.plugins.module_utils import _shapes as shapes

# --- people ----------------------------------------------------------------------------------------------------------

MANGLED = [
    f"{DAN}.", f"mailto:{DAN}", f"'{DAN}'", f'"{DAN}"', "*@corp.example", f"{DAN}\u200b", "d\u00adan@corp.example",
    "dan", "a@b@corp.example", f"<{DAN}",
]  # fmt: skip
NAMING: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "user": (USER, lambda user: {"projects": "*", "users": [user], **ABSENT}),
    "user-present": (USER, lambda user: {"project": "alpha", "users": [user], "roles": READ}),
    "user-row": (USER, lambda user: {"memberships": [{"project": "alpha", "user": user}], **ABSENT}),
    "role": (ROLE, lambda user: {"projects": "*", "users": [user], "role": OWNER, **ABSENT}),
    "role-row": (ROLE, lambda user: {"memberships": [{"project": "alpha", "user": user, "roles": OWNER}], **ABSENT}),
    "info": (USER_INFO, lambda user: {"users": [user]}),
    "leavers": (REVIEW, lambda user: {"policy": {"leavers": [user]}}),
    "allowed": (REVIEW, lambda user: {"policy": {"allowed_users": [user]}}),
    "holders": (REVIEW, lambda user: {"policy": {"role_holders": {OWNER: [user]}}}),
    "desired": (REVIEW, lambda user: {"policy": {"memberships": [{"project": "alpha", "user": user, "roles": READ}]}}),
    "exception": (REVIEW, lambda user: {"policy": {"exceptions": [{"user": user}]}}),
    "protected": (REVIEW, lambda user: {"guards": {"protected_users": [user]}}),
}


@pytest.mark.parametrize("name, naming", NAMING.values(), ids=list(NAMING))
def test_what_is_no_address_never_passes_as_nobody(small, name, naming):
    for user in MANGLED:
        assert_refused(small, run_module(name, small, **naming(user)), ascii(user), "neither an email address")


@pytest.mark.parametrize(
    "text", [f"<{DAN}>", f"{DAN};", f"Field, Dan <{DAN}>", f"\ufeff{DAN}", f" {DAN} ,", f'["{DAN}"]']
)
@pytest.mark.parametrize("as_list", [True, False])
def test_addresses_as_mail_programs_write_them_are_the_person(small, text, as_list):
    if as_list and text.startswith("["):
        text = DAN.upper()
    result = succeeded(run_module(USER, small, True, project="alpha", users=[text] if as_list else text, **ABSENT))
    assert who_and_what(result) == [("remove", small.user_id(DAN), [READ])]
    found = succeeded(run_module(USER_INFO, small, project="alpha", users=[text] if as_list else text))
    assert [row["user"] for row in found["memberships"]] == [DAN]


@pytest.mark.parametrize("there, asked", [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_either_form_of_an_accent_is_the_same_person(small, there, asked):
    spelled = unicodedata.normalize(there, "jos\u00e9@corp.example")
    named = unicodedata.normalize(asked, "Jos\u00e9@Corp.Example")
    rename(small, DAN, spelled)
    found = succeeded(run_module(USER_INFO, small, users=[named], via="direct"))
    assert len(found["memberships"]) == 3 and found["warnings"] == []
    review = succeeded(run_module(REVIEW, small, policy={"leavers": [named]}))
    assert review["summary"]["findings"] == 3 and review["warnings"] == []
    review = succeeded(run_module(REVIEW, small, guards={"protected_users": [named]}))
    assert review["warnings"] == []
    result = succeeded(run_module(USER, small, projects="*", user=named, **ABSENT))
    assert [one["user"] for one in result["actions"]] == [spelled] * 3


def test_members_whose_names_are_no_addresses_block_nothing(small):
    dan = small.user_id(DAN)
    rename(small, DAN, "j.smith")
    rows = succeeded(run_module(USER_INFO, small, project="alpha", via="direct"))["memberships"]
    assert "j.smith" in [row["user"] for row in rows]
    assert not succeeded(run_module(USER, small, project="alpha", user="new@corp.example", **ABSENT))["changed"]
    # What was read is passed on as it is.
    living = [row for row in rows if row["status"] in ("ACTIVE", "PENDING")]
    assert not succeeded(run_module(USER, small, memberships=living))["changed"]
    mine = [row for row in rows if row["user"] == "j.smith"]
    result = succeeded(run_module(USER, small, memberships=mine, **ABSENT))
    assert who_and_what(result) == [("remove", dan, [READ])] and result["warnings"] == []
    assert succeeded(run_module(USER, small, project="beta", user=ANN, roles=OWNER, exclusive=True))["changed"]
    assert dan not in roles_by_id(small, "beta")


@pytest.mark.parametrize("where", ["users", "user_id", "user"])
def test_an_id_in_capitals_is_the_same_person(small, where):
    dan = small.user_id(DAN)
    asked = {"project": "alpha", "users": [dan.upper()]}
    if where != "users":
        asked = {"memberships": [{"project": "alpha", where: dan.upper()}]}
    assert who_and_what(succeeded(run_module(USER, small, **asked, **ABSENT))) == [("remove", dan, [READ])]
    assert len(succeeded(run_module(USER_INFO, small, users=[dan.upper()]))["memberships"]) == 2
    assert run_module(REVIEW, small, policy={"leavers": [dan.upper()]})["summary"]["findings"] == 2


def test_somebody_known_is_added_as_atlas_spells_the_address(small):
    check = run_module(USER, small, True, project="beta", user="OUTSIDER@Corp.Example", roles=READ)
    result = succeeded(run_module(USER, small, project="beta", user="OUTSIDER@Corp.Example", roles=READ))
    for one in (*check["actions"], *result["actions"], *result["memberships"]):
        assert (one["user"], one["user_id"]) == (OUTSIDER, small.user_id(OUTSIDER))
    assert '"username": "outsider@corp.example"' in str(small.writes[0]) or OUTSIDER in small.state()["beta"]


# --- nothing is silently nobody --------------------------------------------------------------------------------------

GONE = [f"gone{number:02}@corp.example" for number in range(22)]


@pytest.mark.parametrize("count, more", [(1, ""), (19, ""), (20, ""), (21, " and 1 more"), (22, " and 2 more")])
@pytest.mark.parametrize("name", [USER, ROLE])
@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_people_who_are_members_of_nothing_are_told_by_one_warning(small, name, count, more, check):
    options = {"projects": "*", "users": [DAN, *GONE[:count]], "state": "absent"}
    if name == ROLE:
        options["role"] = MANAGER
    result = succeeded(run_module(name, small, check, **options))
    assert result["changed"] and result["warnings"] == [
        "no member of the projects named, so there is nothing to take: " + ", ".join(GONE[: min(count, 20)]) + more
    ]


def test_somebody_in_one_of_the_projects_is_somebody(small):
    options = {"projects": "*", "users": ["pia@partner.example", EVE], **ABSENT}
    assert succeeded(run_module(USER, small, True, **options))["warnings"] == []
    result = run_module(USER, small, True, projects="*", users=[NOBODY.upper().replace("0", "A")], **ABSENT)
    assert result["warnings"] == ["no member of the projects named, so there is nothing to take: " + "a" * 24]


def test_nobody_is_called_nobody_while_a_project_can_not_be_read(small):
    small.fault(500, method="GET", path=f"{small.project_id('beta')}/users", times=None)
    result = run_module(USER, small, projects="*", users=GONE[:2], **ABSENT)
    assert result["failed"] and result["warnings"] == []


FILTERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nobody": ({"users": GONE[:2]}, GONE[:2]),
    "one-of-two": ({"users": [DAN, GONE[0]]}, GONE[:1]),
    "id": ({"users": [NOBODY]}, [NOBODY]),
    "other-project": ({"users": [DAN, EVE], "project": "beta"}, [EVE]),
    "other-status": ({"users": [DAN], "statuses": ["PENDING"]}, [DAN]),
    "found": ({"users": [DAN, EVE.upper()]}, []),
}


@pytest.mark.parametrize("options, lost", FILTERS.values(), ids=list(FILTERS))
def test_filters_that_match_nobody_are_told(small, options, lost):
    result = succeeded(run_module(USER_INFO, small, **options))
    assert result["warnings"] == ([f"users: found nowhere with these filters: {', '.join(lost)}"] if lost else [])


@pytest.mark.parametrize("value", [True, "true"])
def test_a_tag_that_is_true_is_found_however_it_is_written(small, value):
    small.change(lambda world: world.project("alpha").tags.update(critical="true"))
    result = succeeded(run_module(INFO, small, tags={"critical": value}))
    assert [one["name"] for one in result["projects"]] == ["alpha"] and result["warnings"] == []
    review = succeeded(run_module(REVIEW, small, project_tags={"critical": value}))
    assert review["completeness"]["projects_in_scope"] == 1


@pytest.mark.parametrize("tags, says", [({"envv": "prod"}, "envv: prod"), ({"env": True}, "env: true")])
def test_tags_that_no_project_has_are_told(small, tags, says):
    result = succeeded(run_module(INFO, small, tags={"team": "core", **tags}))
    assert result["projects"] == [] and result["warnings"] == [f"tags: no project has the tag {says}"]
    review = run_module(REVIEW, small, project_tags=tags, policy={"leavers": [DAN]})
    assert review["failed"] and f"no project has the tag {says}" in review["msg"]


def test_a_member_is_what_its_own_row_says_though_another_one_has_its_id_and_roles():
    row = {"id": "a" * 24, "username": "ann@corp.example", "orgMembershipStatus": "ACTIVE", "roles": ["GROUP_OWNER"]}
    known = shapes.member(row)
    assert shapes.member(dict(row)) is known
    assert shapes.member({**row, "orgMembershipStatus": "PENDING"}).status == "PENDING"
    assert shapes.member({**row, "username": "ben@corp.example"}).user == "ben@corp.example"
