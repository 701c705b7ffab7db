# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws, over every module and scenario, on every setting of what the API leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest
from module_run import run_module

from simulator.knobs import CHOICES, Knobs

State = dict[str, dict[str, dict[str, Any]]]


class Scenario(NamedTuple):
    """A task, and what it asks of the state; `refused` is what a refusal says."""

    module: str
    options: dict[str, Any]
    holds: Callable[[State], bool] = lambda state: True
    refused: str = ""
    unchanged: bool = False


def roles(state: State, project: str, user: str) -> list[str] | None:
    """The roles of a member who is ACTIVE or invited."""
    found = {name.lower(): member for name, member in state[project].items()}.get(user.lower())
    return found["roles"] if found and found["status"] in ("ACTIVE", "PENDING") else None


def gone(*pairs: tuple[str, str]) -> Callable[[State], bool]:
    return lambda state: all(user.lower() not in map(str.lower, state[project]) for project, user in pairs)


def has(project: str, user: str, *wanted: str) -> Callable[[State], bool]:
    return lambda state: roles(state, project, user) == sorted(wanted)


USER, ROLE, TEAM = "atlas_project_user", "atlas_project_role", "atlas_team_user"
ORGANIZATION = "atlas_organization_user"
ABSENT: dict[str, Any] = {"state": "absent"}
CARA, DAN = "cara.diaz+ATLAS@corp.example", "dan@corp.example"

SCENARIOS = {
    "remove-one": Scenario(USER, {"project": "alpha", "user": DAN, **ABSENT}, gone(("alpha", DAN))),
    "remove-by-other-case": Scenario(USER, {"project": "alpha", "user": CARA, **ABSENT}, gone(("alpha", CARA))),
    "remove-everywhere": Scenario(
        USER, {"projects": "*", "users": [DAN], **ABSENT}, gone(("alpha", DAN), ("beta", DAN), ("gamma", DAN))
    ),
    "remove-pending": Scenario(
        USER, {"project": "alpha", "user": "pia@partner.example", **ABSENT}, gone(("alpha", "pia@partner.example"))
    ),
    "remove-lapsed": Scenario(
        USER,
        {"project": "alpha", "users": ["eve@partner.example", "rob@partner.example"], **ABSENT},
        gone(("alpha", "eve@partner.example"), ("alpha", "rob@partner.example")),
    ),
    "remove-legacy": Scenario(
        USER, {"project": "alpha", "user": "lee@partner.example", "legacy_invitations": True, **ABSENT}
    ),
    "remove-nobody": Scenario(USER, {"projects": "*", "user": "nobody@corp.example", **ABSENT}, unchanged=True),
    "remove-team-only": Scenario(USER, {"project": "alpha", "user": "rita@corp.example", **ABSENT}, unchanged=True),
    "remove-in-team": Scenario(
        USER, {"project": "alpha", "user": "bob@corp.example", **ABSENT}, gone(("alpha", "bob@corp.example"))
    ),
    "remove-nobody-named": Scenario(USER, {"project": "alpha", "users": [], **ABSENT}, unchanged=True),
    "remove-rows": Scenario(
        USER,
        {
            "memberships": [
                {"project": "alpha", "user": DAN},
                {"project": "beta", "user": DAN, "roles": ["GROUP_READ_ONLY"]},
            ],
            **ABSENT,
        },
        lambda state: gone(("alpha", DAN), ("beta", DAN))(state) and bool(roles(state, "gamma", DAN)),
    ),
    "remove-last-owner": Scenario(
        USER,
        {"projects": ["alpha", "beta"], "users": [DAN, "ann@corp.example"], **ABSENT},
        refused="without an ACTIVE owner",
    ),
    "remove-last-owner-allowed": Scenario(
        USER,
        {"project": "beta", "user": "ann@corp.example", "allow_no_owner": True, **ABSENT},
        gone(("beta", "ann@corp.example")),
    ),
    "remove-owner-beside-team": Scenario(
        USER, {"project": "gamma", "user": "bob@corp.example", **ABSENT}, gone(("gamma", "bob@corp.example"))
    ),
    "add-known": Scenario(
        USER,
        {"project": "beta", "user": "outsider@corp.example", "roles": "GROUP_READ_ONLY"},
        has("beta", "outsider@corp.example", "GROUP_READ_ONLY"),
    ),
    "add-stranger": Scenario(
        USER,
        {"project": "beta", "user": "New.One@corp.example", "roles": ["GROUP_READ_ONLY", "GROUP_OWNER"]},
        has("beta", "new.one@corp.example", "GROUP_OWNER", "GROUP_READ_ONLY"),
    ),
    "invite-again": Scenario(
        USER,
        {"project": "alpha", "user": "eve@partner.example", "roles": "GROUP_READ_ONLY"},
        has("alpha", "eve@partner.example", "GROUP_READ_ONLY"),
    ),
    "set-roles": Scenario(
        USER,
        {"projects": ["alpha", "beta"], "user": DAN, "roles": ["GROUP_SEARCH_INDEX_EDITOR"]},
        lambda state: (
            has("alpha", DAN, "GROUP_SEARCH_INDEX_EDITOR")(state)
            and has("beta", DAN, "GROUP_SEARCH_INDEX_EDITOR")(state)
        ),
    ),
    "set-roles-as-they-are": Scenario(
        USER, {"project": "beta", "user": DAN, "roles": ["GROUP_READ_ONLY", "GROUP_CLUSTER_MANAGER"]}, unchanged=True
    ),
    "set-roles-demotes-last-owner": Scenario(
        USER,
        {"project": "beta", "user": "ann@corp.example", "roles": "GROUP_READ_ONLY"},
        refused="without an ACTIVE owner",
    ),
    "set-exclusively": Scenario(
        USER,
        {"project": "alpha", "users": ["ann@corp.example"], "roles": "GROUP_OWNER", "exclusive": True},
        lambda state: list(state["alpha"]) == ["ann@corp.example"],
    ),
    "set-by-id-of-nobody": Scenario(
        USER, {"project": "alpha", "user": "0" * 24, "roles": "GROUP_READ_ONLY"}, refused="name the person by email"
    ),
    "take-role": Scenario(
        ROLE,
        {"project": "beta", "user": DAN, "role": "GROUP_CLUSTER_MANAGER", **ABSENT},
        has("beta", DAN, "GROUP_READ_ONLY"),
    ),
    "take-role-not-held": Scenario(
        ROLE, {"project": "beta", "user": DAN, "role": "GROUP_OWNER", **ABSENT}, unchanged=True
    ),
    "take-role-of-nobody": Scenario(
        ROLE, {"projects": "*", "user": "nobody@corp.example", "role": "GROUP_OWNER", **ABSENT}, unchanged=True
    ),
    "take-only-role": Scenario(
        ROLE,
        {"project": "alpha", "user": DAN, "role": "GROUP_READ_ONLY", **ABSENT},
        refused="a member holds at least one",
    ),
    "take-only-role-with-fallback": Scenario(
        ROLE,
        {
            "project": "alpha",
            "user": DAN,
            "role": "GROUP_READ_ONLY",
            "fallback_role": "GROUP_OBSERVABILITY_VIEWER",
            **ABSENT,
        },
        has("alpha", DAN, "GROUP_OBSERVABILITY_VIEWER"),
    ),
    "take-role-from-pending": Scenario(
        ROLE,
        {
            "project": "beta",
            "user": "pia@partner.example",
            "role": "GROUP_OWNER",
            "fallback_role": "GROUP_READ_ONLY",
            **ABSENT,
        },
        has("beta", "pia@partner.example", "GROUP_READ_ONLY"),
    ),
    "take-owner-role-from-last": Scenario(
        ROLE,
        {
            "project": "beta",
            "user": "ann@corp.example",
            "role": "GROUP_OWNER",
            "fallback_role": "GROUP_READ_ONLY",
            **ABSENT,
        },
        refused="without an ACTIVE owner",
    ),
    "give-role": Scenario(
        ROLE,
        {"projects": ["alpha", "beta"], "user": DAN, "role": "GROUP_OWNER"},
        lambda state: (
            "GROUP_OWNER" in (roles(state, "alpha", DAN) or []) and "GROUP_OWNER" in (roles(state, "beta", DAN) or [])
        ),
    ),
    "give-role-to-stranger": Scenario(
        ROLE,
        {"projects": ["alpha"], "users": [DAN, "new@corp.example"], "role": "GROUP_OWNER"},
        refused="is not a member",
    ),
    "give-role-to-lapsed": Scenario(
        ROLE, {"project": "alpha", "user": "eve@partner.example", "role": "GROUP_OWNER"}, refused="is not a member"
    ),
    "hold-role-exclusively": Scenario(
        ROLE,
        {
            "project": "alpha",
            "user": DAN,
            "role": "GROUP_OWNER",
            "exclusive": True,
            "fallback_role": "GROUP_OBSERVABILITY_VIEWER",
        },
        lambda state: (
            has("alpha", "ann@corp.example", "GROUP_OBSERVABILITY_VIEWER")(state)
            and has("alpha", "bob@corp.example", "GROUP_READ_ONLY")(state)
            and has("alpha", DAN, "GROUP_OWNER", "GROUP_READ_ONLY")(state)
        ),
    ),
    "leave-team": Scenario(
        TEAM, {"team": "platform", "user": "ann@corp.example", **ABSENT}, gone(("platform", "ann@corp.example"))
    ),
    "leave-all-teams": Scenario(
        TEAM,
        {"teams": "*", "users": ["ANN@corp.example", "rita@corp.example"], "organization": "Small Org", **ABSENT},
        gone(("platform", "ann@corp.example"), ("readers", "rita@corp.example")),
    ),
    "leave-team-by-rows": Scenario(
        TEAM,
        {"memberships": [{"team": "readers", "user": "bob@corp.example", "action": "remove"}], **ABSENT},
        gone(("readers", "bob@corp.example")),
    ),
    "leave-team-of-others": Scenario(TEAM, {"teams": "*", "user": DAN, **ABSENT}, unchanged=True),
    "leave-team-as-the-last": Scenario(
        TEAM,
        {"teams": ["platform", "readers"], "users": ["ann@corp.example", "tess@corp.example"], **ABSENT},
        refused="would leave nobody in the team",
    ),
    "join-team": Scenario(
        TEAM,
        {"team": "platform", "users": ["outsider@corp.example", "pia@partner.example", "tess@corp.example"]},
        has("platform", "outsider@corp.example"),
    ),
    "join-team-as-before": Scenario(TEAM, {"team": "platform", "user": "tess@corp.example"}, unchanged=True),
    "join-team-from-outside": Scenario(
        TEAM, {"teams": "*", "users": [DAN, "new@corp.example"]}, refused="is not in the organization"
    ),
    "join-team-after-an-invitation-lapsed": Scenario(
        TEAM, {"team": "platform", "user": "eve@partner.example"}, refused="is not in the organization"
    ),
    "be-in-team-exclusively": Scenario(
        TEAM,
        {"team": "readers", "users": [DAN], "exclusive": True},
        lambda state: list(state["readers"]) == [DAN],
    ),
    "leave-organization": Scenario(
        ORGANIZATION,
        {"user": "CARA.diaz+atlas@corp.example", **ABSENT},
        gone(("Small Org", CARA), ("alpha", CARA)),
    ),
    "leave-organization-as-owner-of-a-project": Scenario(
        ORGANIZATION,
        {"users": ["ann@corp.example", "outsider@corp.example", DAN], **ABSENT},
        refused="would leave the project without an ACTIVE owner",
    ),
    "leave-organization-team-and-projects": Scenario(
        ORGANIZATION,
        {"users": ["rita@corp.example", DAN, "pia@partner.example", "rob@partner.example"], **ABSENT},
        gone(("Small Org", "rita@corp.example"), ("readers", "rita@corp.example"), ("gamma", DAN), ("Small Org", DAN)),
    ),
    "leave-organization-again": Scenario(ORGANIZATION, {"user": "nobody@corp.example", **ABSENT}, unchanged=True),
    "leave-organization-as-its-owner": Scenario(
        ORGANIZATION, {"users": ["root@corp.example", DAN], **ABSENT}, refused="make somebody else ORG_OWNER first"
    ),
    "take-owner-role-of-organization-from-last": Scenario(
        ORGANIZATION, {"user": "root@corp.example", "role": "ORG_MEMBER"}, refused="make somebody else ORG_OWNER first"
    ),
    "have-organization-roles": Scenario(
        ORGANIZATION,
        {"user": "auditor@corp.example", "roles": ["ORG_MEMBER", "ORG_BILLING_ADMIN"]},
        has("Small Org", "auditor@corp.example", "ORG_MEMBER", "ORG_BILLING_ADMIN"),
    ),
    "have-the-fallback-role": Scenario(
        ORGANIZATION,
        {"user": "auditor@corp.example", "fallback_role": "ORG_MEMBER"},
        has("Small Org", "auditor@corp.example", "ORG_MEMBER"),
    ),
    "have-organization-roles-as-before": Scenario(
        ORGANIZATION, {"user": "auditor@corp.example", "role": "ORG_READ_ONLY"}, unchanged=True
    ),
    "be-invited-to-organization": Scenario(
        ORGANIZATION,
        {"user": "new@corp.example", "role": "ORG_MEMBER"},
        has("Small Org", "new@corp.example", "ORG_MEMBER"),
    ),
    "be-invited-to-organization-again": Scenario(
        ORGANIZATION,
        {"memberships": [{"user": "eve@partner.example", "roles": ["ORG_MEMBER"]}]},
        has("Small Org", "eve@partner.example", "ORG_MEMBER"),
    ),
    "info": Scenario("atlas_project_user_info", {}, unchanged=True),
    "project-info": Scenario("atlas_project_info", {}, unchanged=True),
    "identity-info": Scenario("atlas_project_identity_info", {}, unchanged=True),
}

# What the API leaves open; each setting must pass.
SETTINGS: dict[str, dict[str, Any]] = {
    "as-documented": {},
    "last-role-409": {"last_role_status": 409, "remove_role_not_held": 409},
    "last-role-400": {"last_role_status": 400, "remove_role_not_held": 200},
    "unknown-project-401": {"unknown_project": 401},
    "any-case-filter": {"username_filter": "any-case"},
    "last-owner-refused": {"last_owner": "refuse"},
    "no-rate-headers": {"rate_headers": False, "team_only_write": 400},
    "no-error-codes": {"error_codes": False, "team_only_write": 204},
    "role-not-held-404": {"remove_role_not_held": 404, "add_role_held": 200, "team_only_write": 403},
    "total-is-low": {"total_count": "low"},
    "total-is-absent": {"total_count": "absent", "uncounted": "absent"},
    "challenge-costs": {"digest_challenge_costs": True},
    "challenge-without-code": {"challenge_body": "no_code"},
    "challenge-without-body": {"challenge_body": "none"},
    "errors-with-nulls": {"error_nulls": ["errorCode", "detail", "reason"]},
    "uncounted-says-0": {"uncounted": "zero"},
    "people-unsorted": {"people_order": "unsorted"},
    "renewed-invitation-has-a-new-id": {"renewed_id": "new"},
    "last-of-team-400": {"last_of_team": 400},
    "already-gone-400": {"already_gone": 400},
    "organization-keeps-who-is-in-projects": {"org_removal": "refuse"},
}
# For whom the organization is denied, how Atlas words a refusal, and totals that nothing is whole by.
ELSEWHERE = {
    "org_denied_status": "test_residual.py",
    "flattened_roles": "test_residual.py",
    "last_owner_code": "test_owners.py",
    "total_count": "test_client.py",
}


def test_every_choice_that_a_knob_has_is_tried():
    tried = [*SETTINGS.values(), vars(Knobs())]
    for name, choices in CHOICES.items():
        if name in ELSEWHERE:
            assert name in (Path(__file__).parent / ELSEWHERE[name]).read_text(encoding="utf-8")
        else:
            assert set(choices) == {one[name] for one in tried if name in one}, name


CREDENTIALS: dict[str, dict[str, Any]] = {
    "service-account": {"client_id": "mdb_sa_id_0123456789abcdef01234567", "client_secret": "mdb_sa_sk_small"},
    "api-key": {"public_key": "smallkey", "private_key": "small-private-key"},
    "token": {"access_token": "small-token"},
}


def planned(result: dict[str, Any]) -> dict[str, Any]:
    """A result as check mode would give it."""
    counts = result.get("counts")
    return {
        **result,
        "actions": [
            {**action, "status": "planned" if action["status"] == "done" else action["status"], "at": None}
            for action in result.get("actions", [])
        ],
        "counts": counts and {**counts, "planned": counts["planned"] + counts["done"], "done": 0},
    }


def alike(check: dict[str, Any], real: dict[str, Any]) -> bool:
    """Whether the run returns what check mode did; of somebody to be added that may know but the email, as named."""
    check, real = planned(check), planned(real)
    for name in ("actions", "memberships"):
        for one, other in zip(check.get(name, []), real.get(name, [])):
            if one.get("user_id") is None and str(one["user"]).lower() == str(other["user"]).lower():
                told = ("user", "user_id", "status") if name == "memberships" else ("user", "user_id")
                other.update({key: one[key] for key in told})
    # Whom a run invites anew loses the invitation that lapsed, so that where it was to be taken it is gone already.
    invited = {str(one["user"]).lower() for one in real.get("actions", []) if one["action"] == "add"}
    for one in real.get("actions", []):
        if one["why"] == "already gone" and str(one["user"]).lower() in invited:
            one["why"] = None
    return check == real


def everywhere(sim: Any) -> State:
    """Who is in which project, team and organization."""
    return {**sim.directory(), **sim.state()}


def obey_the_laws(sim: Any, scenario: Scenario, **credential: Any) -> None:
    def run(check: bool) -> Any:
        sim.forget()
        return run_module(scenario.module, sim, check, **scenario.options, **credential)

    before = everywhere(sim)
    check = run(check=True)
    assert not sim.writes, "check mode wrote"
    assert everywhere(sim) == before

    real = run(check=False)
    assert alike(check, real), ("check mode does not return what the run returns", planned(check), planned(real))
    if scenario.refused:
        assert real["failed"] and scenario.refused in real["msg"]
        assert "in between" not in real["msg"], "a refusal speaks of what somebody else did"
        assert everywhere(sim) == before and not sim.writes, "a refusal wrote"
        return
    assert not real.get("failed"), real.get("msg")
    assert real["changed"] is not scenario.unchanged
    assert real["changed"] == bool(sim.writes)
    if scenario.unchanged:
        assert everywhere(sim) == before
    assert all(action["status"] == "done" for action in real.get("actions", []))
    assert scenario.holds(everywhere(sim)), everywhere(sim)

    again = run(check=False)
    assert not again["changed"] and not sim.writes, "the same task again changes something"
    for key in ("memberships", "projects"):
        if key in real and not any(row.get("user_id", "") is None for row in real[key]):
            assert again[key] == real[key]


# Where nothing is refused most settings are never seen, so make test tries each of them with every so manyth scenario,
# and these; the stage `faults` of make check tries them all.
EVERY = 8
SEEN_IN = {
    "last-owner-refused": ("remove-last-owner-allowed",),
    "renewed-invitation-has-a-new-id": ("invite-again", "be-invited-to-organization-again"),
    "organization-keeps-who-is-in-projects": ("leave-organization", "leave-organization-team-and-projects"),
}


def with_scenarios(kinds: dict[str, Any], whole: str = "") -> Iterator[Any]:
    """Each kind with each scenario. Only the `whole` kind is tried with all of them every time."""
    for at, (kind, value) in enumerate(kinds.items()):
        for turn, (name, scenario) in enumerate(SCENARIOS.items()):
            often = kind == whole or (at + turn) % EVERY == 0 or name in SEEN_IN.get(kind, ())
            marks = [] if often else [pytest.mark.thorough]
            yield pytest.param(value, scenario, id=f"{kind}-{name}", marks=marks)


@pytest.mark.parametrize("setting, scenario", list(with_scenarios(SETTINGS, "as-documented")))
def test_the_laws(small, scenario, setting):
    for name, value in setting.items():
        setattr(small.knobs, name, value)
    # Only who signs in by digest is challenged.
    credential = CREDENTIALS["api-key" if any("challenge" in name for name in setting) else "service-account"]
    if setting.get("last_owner") == "refuse" and scenario.options.get("allow_no_owner"):
        before = small.state()
        result = run_module(scenario.module, small, **scenario.options)
        assert result["failed"] and not result["changed"] and small.state() == before
        return
    obey_the_laws(small, scenario, **credential)
    assert small.live_tokens() == 0, "a token was not revoked"


@pytest.mark.parametrize("credential, scenario", list(with_scenarios(CREDENTIALS)))
def test_the_laws_with_every_kind_of_credential(small, scenario, credential):
    obey_the_laws(small, scenario, **credential)


@pytest.mark.parametrize("name", [name for name, one in SCENARIOS.items() if one.module in (USER, ROLE)])
def test_requests_stay_within_the_bound(small, name):
    scenario = SCENARIOS[name]
    result = run_module(scenario.module, small, **scenario.options, **CREDENTIALS["service-account"])
    projects = {request.project_id for request in small.requests if request.project_id}
    asked = [request.path.rsplit("/", 1)[-1] for request in small.requests if request.method == "GET"]
    teams = [request.path for request in small.requests if request.path.endswith("/teams")]
    names = [path for path in teams if "/orgs/" in path]
    owners = [one for one in result["actions"] if one["action"] == "remove" or one["roles"] == ["GROUP_OWNER"]]
    assert len(names) <= 1 and len(teams) - len(names) <= len(projects) + 3 * len(owners)
    # Every project once, and again right before and right after a step that takes an owner.
    assert asked.count("users") <= len(projects) + 1 + 2 * len(owners)
    assert len(small.requests) - len(teams) <= len(projects) + len(small.writes) + 4 + 2 * len(owners) + asked.count(
        "invites"
    )
