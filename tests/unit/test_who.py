# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is meant: ids decide, and memberships that share an email are memberships apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, NamedTuple

import pytest
from module_run import run_module
from test_faults import PROJECTS_TOKEN
from test_laws import ABSENT, DAN, ROLE, SCENARIOS, USER, Scenario, obey_the_laws

ANN, BOB, EVE, OUTSIDER = "ann@corp.example", "bob@corp.example", "eve@partner.example", "outsider@corp.example"
OWNER, READ, MANAGER, VIEWER = (
    "GROUP_OWNER", "GROUP_READ_ONLY", "GROUP_CLUSTER_MANAGER", "GROUP_OBSERVABILITY_VIEWER",
)  # fmt: skip
USER_INFO, INFO, REVIEW = "atlas_project_user_info", "atlas_project_info", "atlas_access_review"
NOBODY = "0" * 24


def roles_by_id(sim: Any, project: str) -> dict[str, list[str]]:
    """Everybody in a project; unlike the state by email, this tells memberships of one email apart."""
    return {user_id: sorted(roles) for user_id, roles in sim.world.project(project).members.items()}


def roles_of(sim: Any, project: str, email: str) -> list[str]:
    return roles_by_id(sim, project)[sim.user_id(email)]


def rename(sim: Any, email: str, new: str) -> None:
    """Somebody gets another email, and keeps the id."""

    def change(world: Any) -> None:
        user = world.user(email)
        for org in world.orgs.values():
            del org.by_email[email.lower()]
            org.add_user(replace(user, username=new))

    sim.change(change)


def rename_project(sim: Any, name: str, new: str) -> None:
    sim.change(lambda world: setattr(world.project(name), "name", new))


TWIN = "7" * 24


def add_twin(sim: Any, project: str, email: str, status: str, *roles: str) -> None:
    """Another account, or an invitation, of an email that the organization has already; with roles, a member."""

    def change(world: Any) -> None:
        org = world.project(project).org
        org.users[TWIN] = replace(world.user(email), id=TWIN, status=status)
        if roles:
            world.project(project).members[TWIN] = roles

    sim.change(change)


def add_legacy(sim: Any, project: str, email: str) -> None:
    """An old invitation by the deprecated endpoint, like the one that is there."""

    def change(world: Any) -> None:
        (other,) = world.project("alpha").legacy.values()
        old = replace(other, id=TWIN, username=email, created=other.created - 40 * 86400)
        world.project(project).legacy[TWIN] = old

    sim.change(change)


def who_and_what(result: Any) -> list[tuple[str, str, list[str]]]:
    return [(one["action"], one["user_id"], one["roles"]) for one in result["actions"]]


def succeeded(result: Any) -> Any:
    assert not result.get("failed"), result["msg"]
    return result


# --- one person ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["email", "id"])
def test_one_person_by_email_and_by_id_is_one_person(small, first):
    names = [DAN.upper(), small.user_id(DAN)]
    if first == "id":
        names.reverse()
    rows = [{"project": "beta", "user": name, "roles": [role]} for name, role in zip(names, (MANAGER, OWNER))]
    result = succeeded(run_module(ROLE, small, memberships=rows, **ABSENT))
    assert who_and_what(result) == [("revoke", small.user_id(DAN), [MANAGER])]
    assert roles_of(small, "beta", DAN) == [READ]
    result = succeeded(run_module(USER, small, memberships=rows))
    assert roles_of(small, "beta", DAN) == [MANAGER, OWNER] and len(result["memberships"]) == 1
    result = succeeded(run_module(USER, small, project="beta", users=names, **ABSENT))
    assert [one["action"] for one in result["actions"]] == ["remove"]


def test_one_newcomer_in_two_rows_is_added_once_with_the_roles_of_both(small):
    rows = [
        {"project": "beta", "user": OUTSIDER, "roles": [READ]},
        {"project": "beta", "user": OUTSIDER.upper(), "user_id": small.user_id(OUTSIDER), "roles": [MANAGER]},
    ]
    result = succeeded(run_module(USER, small, memberships=rows))
    assert who_and_what(result) == [("add", small.user_id(OUTSIDER), [MANAGER, READ])]


def test_the_id_of_a_row_decides_and_an_old_email_is_a_warning(small):
    row = {"project": "beta", "user": DAN, "user_id": small.user_id(DAN), "roles": [READ]}
    rename(small, DAN, "dan.new@corp.example")
    for name, state in ((ROLE, "present"), (USER, "present"), (USER, "absent")):
        result = succeeded(run_module(name, small, memberships=[row], state=state))
        assert f"memberships: {DAN} ({row['user_id']}) is called dan.new@corp.example now" in result["warnings"]
    assert row["user_id"] not in roles_by_id(small, "beta")


@pytest.mark.parametrize("name, state", [(name, state) for name in (USER, ROLE) for state in ("present", "absent")])
def test_an_id_beside_somebody_elses_email_is_refused(small, name, state):
    row = {"project": "beta", "user": ANN, "user_id": small.user_id(DAN), "roles": [READ]}
    result = run_module(name, small, memberships=[row], state=state)
    assert result["failed"] and not small.writes
    assert f"user_id {row['user_id']} is {DAN}, and {ANN} is another; write one of them" in result["msg"]


def test_an_id_that_is_not_known_any_more_takes_nobody_and_is_told(small):
    row = {"project": "beta", "user": DAN, "user_id": NOBODY, "roles": [READ]}
    for name in (USER, ROLE):
        result = succeeded(run_module(name, small, memberships=[row], **ABSENT))
        assert not result["changed"] and result["warnings"] == [
            f"memberships: {DAN} is not the account {NOBODY} of the row, so it was left alone"
        ]


@pytest.mark.parametrize("user", [DAN, OUTSIDER, "new@corp.example"])
def test_whoever_has_the_email_of_an_id_that_is_not_known_any_more_is_added_and_told(small, user):
    """Rows that were kept of somebody who left the organization and came back."""
    row = {"project": "beta", "user": user, "user_id": NOBODY, "roles": [READ]}
    for again in (False, True):
        result = succeeded(run_module(USER, small, memberships=[row]))
        assert result["changed"] is not again and roles_of(small, "beta", user) == [READ]
        assert f"whoever has the email {user} is taken for it" in result["warnings"][0]


@pytest.mark.parametrize("legacy", [True, False])
def test_a_finding_about_an_old_invitation_takes_no_member_of_the_same_email(small, legacy):
    add_legacy(small, "alpha", DAN)
    review = run_module(
        REVIEW, small, projects=["alpha"], policy={"stale_invitation_days": 10}, legacy_invitations=True
    )
    rows = [row for row in review["findings"] if row["user_id"] == TWIN]
    result = succeeded(run_module(USER, small, memberships=rows, legacy_invitations=legacy, **ABSENT))
    assert who_and_what(result) == ([("remove", TWIN, [READ])] if legacy else [])
    assert small.user_id(DAN) in roles_by_id(small, "alpha")
    assert bool([one for one in small.legacy("alpha") if one["id"] == TWIN]) is not legacy


# --- two memberships of one email ------------------------------------------------------------------------------------


class Story(NamedTuple):
    """A change of the small world, a task in it, and what is then true of the roles by id in the project."""

    change: Callable[[Any], Any]
    module: str
    options: Callable[[Any], dict[str, Any]]
    holds: Callable[[Any], bool]
    unchanged: bool = False
    project: str = "beta"


def twin(status: str, *roles: str, email: str = DAN, project: str = "beta") -> Callable[[Any], None]:
    return lambda sim: add_twin(sim, project, email, status, *roles)


def row(sim: Any, user_id: str, *roles: str, email: str = DAN) -> dict[str, Any]:
    return {"memberships": [{"project": "beta", "user": email, "user_id": user_id, "roles": list(roles)}]}


EXPIRED, ACCOUNT = twin("INVITATION_EXPIRED", OWNER), twin("ACTIVE", MANAGER)
BETA = {"project": "beta", "user": DAN}
BOTH = [MANAGER, READ]

STORIES = {
    "expired-goes-by-id": Story(
        EXPIRED, USER, lambda sim: {**row(sim, TWIN), **ABSENT},
        lambda sim: TWIN not in roles_by_id(sim, "beta") and roles_of(sim, "beta", DAN) == BOTH,
    ),
    "active-goes-by-id": Story(
        EXPIRED, USER, lambda sim: {**row(sim, sim.user_id(DAN)), **ABSENT},
        lambda sim: TWIN in roles_by_id(sim, "beta") and sim.user_id(DAN) not in roles_by_id(sim, "beta"),
    ),
    "one-of-two-accounts-goes-by-id": Story(
        ACCOUNT, USER, lambda sim: {"project": "beta", "user": TWIN, **ABSENT},
        lambda sim: TWIN not in roles_by_id(sim, "beta") and roles_of(sim, "beta", DAN) == BOTH,
    ),
    "both-go-by-email": Story(
        EXPIRED, USER, lambda sim: {**BETA, **ABSENT},
        lambda sim: not {TWIN, sim.user_id(DAN)} & roles_by_id(sim, "beta").keys(),
    ),
    "both-accounts-go-by-email": Story(
        ACCOUNT, USER, lambda sim: {**BETA, **ABSENT},
        lambda sim: not {TWIN, sim.user_id(DAN)} & roles_by_id(sim, "beta").keys(),
    ),
    "both-go-by-rows-of-ids": Story(
        ACCOUNT, USER,
        lambda sim: {
            "memberships": [{"project": "beta", "user": DAN, "user_id": one} for one in (TWIN, sim.user_id(DAN))],
            **ABSENT,
        },
        lambda sim: not {TWIN, sim.user_id(DAN)} & roles_by_id(sim, "beta").keys(),
    ),
    "present-is-the-member": Story(
        EXPIRED, USER, lambda sim: {**BETA, "roles": [OWNER]},
        lambda sim: roles_of(sim, "beta", DAN) == [OWNER] and roles_by_id(sim, "beta")[TWIN] == [OWNER],
    ),
    "present-as-it-is": Story(EXPIRED, USER, lambda sim: {**BETA, "roles": BOTH}, lambda sim: True, unchanged=True),
    "present-beside-a-pending-one": Story(
        twin("PENDING", READ), USER, lambda sim: {**BETA, "roles": [OWNER]},
        lambda sim: roles_of(sim, "beta", DAN) == [OWNER] == roles_by_id(sim, "beta")[TWIN],
    ),
    "present-is-both-accounts": Story(
        ACCOUNT, USER, lambda sim: {**BETA, "roles": [READ]},
        lambda sim: roles_of(sim, "beta", DAN) == [READ] == roles_by_id(sim, "beta")[TWIN],
    ),
    "present-by-id-is-one-account": Story(
        ACCOUNT, USER, lambda sim: row(sim, TWIN, READ),
        lambda sim: roles_of(sim, "beta", DAN) == BOTH and roles_by_id(sim, "beta")[TWIN] == [READ],
    ),
    "present-is-one-of-two-lapsed": Story(
        twin("INVITATION_REJECTED", READ, email=EVE, project="alpha"), USER,
        lambda sim: {"project": "alpha", "user": EVE, "roles": [READ]},
        lambda sim: sum(sim.world.project("alpha").org.users[one].status == "PENDING"
                        for one in (TWIN, sim.user_id(EVE)) if one in roles_by_id(sim, "alpha")) == 1,
        project="alpha",
    ),
    "exclusive-by-email": Story(
        EXPIRED, USER,
        lambda sim: {"project": "beta", "users": [ANN, DAN], "roles": [OWNER], "exclusive": True},
        lambda sim: roles_of(sim, "beta", DAN) == [OWNER] == roles_of(sim, "beta", ANN)
        and len(roles_by_id(sim, "beta")) == 3,
    ),
    "exclusive-by-email-two-accounts": Story(
        ACCOUNT, USER,
        lambda sim: {"project": "beta", "users": [ANN, DAN], "roles": [OWNER], "exclusive": True},
        lambda sim: roles_by_id(sim, "beta") == {one: [OWNER] for one in (TWIN, sim.user_id(DAN), sim.user_id(ANN))},
    ),
    "exclusive-by-ids": Story(
        EXPIRED, USER,
        lambda sim: {"project": "beta", "users": [*map(sim.user_id, (ANN, DAN))], "roles": [OWNER], "exclusive": True},
        lambda sim: roles_by_id(sim, "beta") == {one: [OWNER] for one in (sim.user_id(DAN), sim.user_id(ANN))},
    ),
    "exclusive-without-them": Story(
        ACCOUNT, USER,
        lambda sim: {"project": "beta", "users": [ANN], "roles": [OWNER], "exclusive": True},
        lambda sim: list(roles_by_id(sim, "beta")) == [sim.user_id(ANN)],
    ),
    "role-from-both-accounts": Story(
        ACCOUNT, ROLE, lambda sim: {**BETA, "role": MANAGER, "fallback_role": VIEWER, **ABSENT},
        lambda sim: roles_of(sim, "beta", DAN) == [READ] and roles_by_id(sim, "beta")[TWIN] == [VIEWER],
    ),
    "role-from-one-account": Story(
        ACCOUNT, ROLE, lambda sim: {**row(sim, sim.user_id(DAN), MANAGER), **ABSENT},
        lambda sim: roles_of(sim, "beta", DAN) == [READ] and roles_by_id(sim, "beta")[TWIN] == [MANAGER],
    ),
    "role-beside-a-lapsed-one": Story(
        EXPIRED, ROLE, lambda sim: {**BETA, "role": OWNER},
        lambda sim: roles_of(sim, "beta", DAN) == [MANAGER, OWNER, READ],
    ),
    "role-exclusively": Story(
        ACCOUNT, ROLE, lambda sim: {**BETA, "role": MANAGER, "exclusive": True}, lambda sim: True, unchanged=True
    ),
    "role-exclusively-by-id": Story(
        ACCOUNT, ROLE, lambda sim: {**row(sim, TWIN, MANAGER), "exclusive": True},
        lambda sim: roles_of(sim, "beta", DAN) == [READ] and roles_by_id(sim, "beta")[TWIN] == [MANAGER],
    ),
    "legacy-goes-by-id": Story(
        lambda sim: add_legacy(sim, "beta", DAN), USER,
        lambda sim: {**row(sim, TWIN), "legacy_invitations": True, **ABSENT},
        lambda sim: roles_of(sim, "beta", DAN) == BOTH and not sim.legacy("beta"),
    ),
    "current-goes-by-id-beside-legacy": Story(
        lambda sim: add_legacy(sim, "beta", DAN), USER,
        lambda sim: {**row(sim, sim.user_id(DAN)), "legacy_invitations": True, **ABSENT},
        lambda sim: sim.user_id(DAN) not in roles_by_id(sim, "beta") and len(sim.legacy("beta")) == 1,
    ),
    "both-go-by-email-beside-legacy": Story(
        lambda sim: add_legacy(sim, "beta", DAN), USER, lambda sim: {**BETA, "legacy_invitations": True, **ABSENT},
        lambda sim: sim.user_id(DAN) not in roles_by_id(sim, "beta") and not sim.legacy("beta"),
    ),
    # Rows by id, nobody of whom shares an email.
    "row-by-id": Story(
        lambda sim: None, USER, lambda sim: {**row(sim, sim.user_id(DAN).upper()), **ABSENT},
        lambda sim: sim.user_id(DAN) not in roles_by_id(sim, "beta"),
    ),
    "row-by-id-of-somebody-renamed": Story(
        lambda sim: rename(sim, DAN, "dan.new@corp.example"), USER,
        lambda sim: row(sim, sim.user_id("dan.new@corp.example"), OWNER),
        lambda sim: roles_of(sim, "beta", "dan.new@corp.example") == [OWNER],
    ),
    "row-by-id-in-a-renamed-project": Story(
        lambda sim: rename_project(sim, "beta", "omega"), ROLE,
        lambda sim: {"memberships": [{"project": "beta", "project_id": sim.project_id("omega"),
                                      "user_id": sim.user_id(DAN), "roles": [OWNER]}]},
        lambda sim: roles_of(sim, "omega", DAN) == [MANAGER, OWNER, READ],
        project="omega",
    ),
    "row-by-id-of-a-newcomer": Story(
        lambda sim: None, USER, lambda sim: row(sim, sim.user_id(OUTSIDER), READ, email=OUTSIDER.upper()),
        lambda sim: roles_of(sim, "beta", OUTSIDER) == [READ],
    ),
    "row-by-id-of-an-account-that-is-gone": Story(
        lambda sim: None, USER, lambda sim: {**row(sim, NOBODY), **ABSENT}, lambda sim: True, unchanged=True
    ),
    "one-person-in-two-rows": Story(
        lambda sim: None, ROLE,
        lambda sim: {"memberships": [{"project": "beta", "user": one, "roles": [role]}
                                     for one, role in ((DAN, MANAGER), (sim.user_id(DAN), OWNER))], **ABSENT},
        lambda sim: roles_of(sim, "beta", DAN) == [READ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("credential", [{}, PROJECTS_TOKEN], ids=["organization", "projects"])
@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_the_laws_hold_for_rows_by_id_and_two_memberships_of_one_email(small, story, credential):
    story.change(small)
    small.knobs.org_member_reads = False
    others = {name: roles_by_id(small, name) for name in ("alpha", "beta", "gamma") if name in small.state()}
    scenario = Scenario(story.module, story.options(small), lambda state: story.holds(small), unchanged=story.unchanged)
    obey_the_laws(small, scenario, **credential)
    for name in others.keys() - {story.project}:
        assert roles_by_id(small, name) == others[name]


def test_two_accounts_of_one_email_are_shown_with_their_ids(small):
    add_twin(small, "beta", DAN, "ACTIVE", MANAGER)
    result = succeeded(run_module(USER, small, True, project="beta", user=DAN, **ABSENT))
    assert set(result["diff"]["before"]["beta"]) == {f"{DAN} ({one})" for one in (TWIN, small.user_id(DAN))}
    assert {one["user_id"] for one in result["actions"]} == {TWIN, small.user_id(DAN)}
    rows = run_module(USER_INFO, small, project="beta", user=DAN)["memberships"]
    assert {row["user_id"]: row["roles"] for row in rows} == {TWIN: [MANAGER], small.user_id(DAN): BOTH}


def test_a_lapsed_invitation_by_id_is_not_renewed_for_somebody_who_is_a_member(small):
    add_twin(small, "beta", DAN, "INVITATION_EXPIRED", OWNER)
    result = run_module(USER, small, **row(small, TWIN, READ))
    assert result["failed"] and not small.writes
    assert f"{DAN} is the account {small.user_id(DAN)} now, not the user_id {TWIN}; name that id" in result["msg"]


def test_nor_where_the_organization_can_not_be_read(small):
    small.knobs.org_member_reads = False
    add_twin(small, "beta", DAN, "INVITATION_EXPIRED", OWNER)
    for check in (True, False):
        result = run_module(USER, small, check, **row(small, TWIN, READ), **PROJECTS_TOKEN)
        assert result["failed"] and f"{DAN} is the account {small.user_id(DAN)} now" in result["msg"]
    assert not small.writes


def test_an_account_added_beside_a_lapsed_invitation_of_its_email_hides_nothing(small):
    add_twin(small, "beta", OUTSIDER, "INVITATION_EXPIRED", OWNER)
    result = succeeded(run_module(USER, small, project="beta", user=OUTSIDER, roles=READ))
    told = {one["user_id"]: one["roles"] for one in result["memberships"]}
    assert told == {TWIN: [OWNER], small.user_id(OUTSIDER): [READ]}


def test_a_refused_run_tells_a_lapsed_invitation_as_it_is(small):
    rows = [
        {"project": "alpha", "user": EVE, "roles": [READ]},
        {"project": "beta", "user": ANN, "roles": [READ]},
    ]
    result = run_module(USER, small, memberships=rows)
    assert result["failed"] and not small.writes
    told = {one["user"]: (one["status"], one["roles"]) for one in result["memberships"]}
    assert told[EVE] == ("INVITATION_EXPIRED", ["GROUP_DATA_ACCESS_READ_WRITE"])


def test_cleaning_an_expired_invitation_leaves_the_member_of_the_same_email(small):
    add_twin(small, "beta", DAN, "INVITATION_EXPIRED", OWNER)
    rows = run_module(USER_INFO, small, project="beta", statuses="INVITATION_EXPIRED", via="direct")["memberships"]
    assert [one["user_id"] for one in rows] == [TWIN]
    result = succeeded(run_module(USER, small, memberships=rows, **ABSENT))
    assert who_and_what(result) == [("remove", TWIN, [OWNER])] and roles_of(small, "beta", DAN) == BOTH


@pytest.mark.parametrize("status", ["INVITATION_EXPIRED", "INVITATION_REJECTED", "PENDING"])
def test_the_account_of_the_organization_is_not_hidden_by_an_invitation_of_its_email(small, status):
    add_twin(small, "beta", OUTSIDER, status)
    result = succeeded(run_module(USER, small, project="beta", user=OUTSIDER, roles=OWNER))
    assert result["memberships"][0] == {
        **result["memberships"][0],
        "user_id": small.user_id(OUTSIDER),
        "status": "ACTIVE",
    }


@pytest.mark.parametrize("of", ["member", "twin"])
def test_residual_access_is_that_of_the_account_that_goes(small, of):
    """Bob is in a team of alpha; another account of his email is in none."""
    add_twin(small, "alpha", BOB, "ACTIVE", READ)
    gone = small.user_id(BOB) if of == "member" else TWIN
    result = succeeded(run_module(USER, small, project="alpha", user=gone, **ABSENT))
    assert [one["name"] for one in result["residual_access"]] == (["readers"] if of == "member" else [])


def test_an_owner_of_the_same_email_does_not_count_for_the_one_that_goes(small):
    add_twin(small, "beta", ANN, "INVITATION_EXPIRED", OWNER)
    result = run_module(USER, small, project="beta", user=small.user_id(ANN), **ABSENT)
    assert result["failed"] and "without an ACTIVE owner" in result["msg"] and not small.writes


# --- the least privileged credential ---------------------------------------------------------------------------------


# It may not read legacy invitations.
NOT_ITS = ("remove-legacy",)


def in_its_projects(scenario: Scenario) -> bool:
    named = str({name: scenario.options.get(name) for name in ("project", "projects", "memberships")})
    return scenario.module in (USER, ROLE) and "gamma" not in named and "'*'" not in named


@pytest.mark.parametrize("reads", [True, False], ids=["organization-read", "denied"])
@pytest.mark.parametrize(
    "name", [name for name, one in SCENARIOS.items() if in_its_projects(one) and name not in NOT_ITS]
)
def test_the_laws_with_the_least_privileged_credential(small, name, reads):
    small.knobs.org_member_reads = reads
    obey_the_laws(small, SCENARIOS[name], **PROJECTS_TOKEN)
