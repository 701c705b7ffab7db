# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call of every module meets every fault, once and always; what a run then says is held against the state."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from typing import Any, Iterator, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from module_run import Result, run_module
from test_laws import CREDENTIALS, ROLE, SCENARIOS, USER, Scenario, everywhere, roles

ACCOUNT = CREDENTIALS["service-account"]
OF_PROJECTS = {"client_id": "mdb_sa_id_1123456789abcdef01234567", "client_secret": "mdb_sa_sk_projects"}
USER_INFO, INFO = "atlas_project_user_info", "atlas_project_info"
PROJECTS_TOKEN = {"access_token": "projects-token"}
SECRET = re.compile(r"mdb_sa_sk_\w+|small-private-key|small-token|projects-token|sim\.[\w-]{20,}")
PROJECTS = ("alpha", "beta", "gamma")
EXAMPLES = int(os.environ.get("FAULT_EXAMPLES") or 0)


class Task(NamedTuple):
    scenario: Scenario
    credential: dict[str, str] = ACCOUNT


class Call(NamedTuple):
    """One request of a task: the nth with this method and path, in which the project goes by its name."""

    task: str
    method: str
    path: str
    nth: int = 1

    @property
    def name(self) -> str:
        nth = f":{self.nth}" if self.nth > 1 else ""
        return f"{self.task}:{self.method}:{self.path.strip('/').replace('/', '.')}{nth}"

    @property
    def project(self) -> str | None:
        found = re.search(r"/groups/(\w+)/", self.path)
        return found[1] if found else None


class Fault(NamedTuple):
    what: Any
    after_effect: bool = False


TASKS = {
    **{name: Task(scenario) for name, scenario in SCENARIOS.items() if not scenario.refused},
    "remove-with-projects-credential": Task(SCENARIOS["remove-in-team"], OF_PROJECTS),
    "demote-with-projects-credential": Task(
        Scenario(
            USER, {"project": "beta", "user": "ann@corp.example", "roles": "GROUP_READ_ONLY", "allow_no_owner": True}
        ),
        OF_PROJECTS,
    ),
    "info-with-projects-credential": Task(SCENARIOS["info"], OF_PROJECTS),
}

TOKEN, REVOKE = "/api/oauth/token", "/api/oauth/revoke"
CALLS = [
    Call("remove-everywhere", "POST", TOKEN),
    Call("remove-everywhere", "POST", REVOKE),
    Call("remove-everywhere", "GET", "/groups$"),
    Call("remove-everywhere", "GET", "/groups/beta/users$"),
    Call("remove-everywhere", "GET", "/orgs/[0-9a-f]+/users$"),
    Call("remove-everywhere", "DELETE", "/groups/beta/users/[0-9a-f]+$"),
    Call("remove-owner-beside-team", "GET", "/groups/gamma/teams$"),
    Call("remove-owner-beside-team", "GET", "/orgs/[0-9a-f]+/teams$"),
    Call("remove-legacy", "GET", "/groups/alpha/invites$"),
    Call("remove-legacy", "DELETE", "/groups/alpha/invites/[0-9a-f]+$"),
    Call("remove-with-projects-credential", "GET", "/groups/alpha/users$", 2),
    Call("remove-with-projects-credential", "GET", "/groups/alpha/teams$"),
    Call("add-stranger", "POST", "/groups/beta/users$"),
    Call("invite-again", "POST", "/groups/alpha/users$"),
    Call("set-roles", "POST", "/groups/alpha/users/[0-9a-f]+:addRole$"),
    Call("set-roles", "POST", "/groups/alpha/users/[0-9a-f]+:removeRole$"),
    Call("give-role", "POST", "/groups/alpha/users/[0-9a-f]+:addRole$"),
    Call("take-role", "POST", "/groups/beta/users/[0-9a-f]+:removeRole$"),
    Call("take-only-role-with-fallback", "POST", "/groups/alpha/users/[0-9a-f]+:removeRole$"),
    Call("info", "GET", "/groups$"),
    Call("info", "GET", "/groups/beta/users$"),
    Call("info", "GET", "/groups/gamma/teams$"),
    Call("info", "GET", "/orgs/[0-9a-f]+/users$"),
    Call("info", "GET", "/orgs/[0-9a-f]+/teams$"),
    Call("info-with-projects-credential", "GET", "/groups/alpha/users$", 2),
    Call("project-info", "GET", "/groups$"),
    Call("identity-info", "GET", "/orgs/[0-9a-f]+/apiKeys$"),
    Call("identity-info", "GET", "/orgs/[0-9a-f]+/serviceAccounts$"),
    Call("identity-info", "GET", "/orgs/[0-9a-f]+/serviceAccounts$", 2),
    Call("identity-info", "GET", "/orgs/[0-9a-f]+/serviceAccounts/mdb_sa_id_1[0-9a-f]+/groups$"),
    Call("leave-all-teams", "POST", TOKEN),
    Call("leave-all-teams", "POST", REVOKE),
    Call("leave-all-teams", "GET", "/orgs$"),
    Call("leave-all-teams", "GET", "/orgs/[0-9a-f]+/teams$"),
    Call("leave-all-teams", "GET", "/orgs/[0-9a-f]+/teams$", 2),
    Call("leave-all-teams", "GET", "/orgs/[0-9a-f]+/teams/[0-9a-f]+/users$"),
    Call("leave-all-teams", "GET", "/orgs/[0-9a-f]+/users$"),
    Call("leave-all-teams", "GET", "/groups$"),
    Call("leave-all-teams", "GET", "/groups/alpha/teams$"),
    Call("leave-all-teams", "GET", "/groups/alpha/users$"),
    Call("leave-all-teams", "POST", "/orgs/[0-9a-f]+/teams/[0-9a-f]+:removeUser$"),
    Call("join-team", "GET", "/orgs/[0-9a-f]+/users$"),
    Call("join-team", "POST", "/orgs/[0-9a-f]+/teams/[0-9a-f]+:addUser$"),
    Call("be-in-team-exclusively", "POST", "/orgs/[0-9a-f]+/teams/[0-9a-f]+:removeUser$", 2),
    Call("leave-organization-team-and-projects", "POST", TOKEN),
    Call("leave-organization-team-and-projects", "POST", REVOKE),
    Call("leave-organization-team-and-projects", "GET", "/orgs$"),
    *(Call("leave-organization-team-and-projects", "GET", "/orgs/[0-9a-f]+/users$", nth) for nth in (1, 2, 3, 4)),
    Call("leave-organization-team-and-projects", "GET", "/groups$"),
    Call("leave-organization-team-and-projects", "GET", "/orgs/[0-9a-f]+/teams$"),
    Call("leave-organization-team-and-projects", "GET", "/orgs/[0-9a-f]+/teams/[0-9a-f]+/users$"),
    Call("leave-organization-team-and-projects", "GET", "/orgs/[0-9a-f]+/teams/[0-9a-f]+/users$", 2),
    Call("leave-organization-team-and-projects", "GET", "/groups/beta/users$"),
    Call("leave-organization-team-and-projects", "GET", "/groups/beta/users$", 2),
    Call("leave-organization-team-and-projects", "DELETE", "/groups/beta/users/[0-9a-f]+$"),
    Call("leave-organization-team-and-projects", "POST", "/orgs/[0-9a-f]+/teams/[0-9a-f]+:removeUser$"),
    Call("leave-organization-team-and-projects", "DELETE", "/orgs/[0-9a-f]+/users/[0-9a-f]+$"),
    Call("have-organization-roles", "GET", "/orgs/[0-9a-f]+/users$"),
    Call("have-organization-roles", "POST", "/orgs/[0-9a-f]+/users/[0-9a-f]+:addRole$"),
    Call("have-organization-roles", "POST", "/orgs/[0-9a-f]+/users/[0-9a-f]+:removeRole$"),
    Call("be-invited-to-organization", "GET", "/orgs/[0-9a-f]+/users$", 2),
    Call("be-invited-to-organization", "POST", "/orgs/[0-9a-f]+/users$"),
    Call("be-invited-to-organization-again", "POST", "/orgs/[0-9a-f]+/users$"),
]

STATUSES = (400, 401, 402, 403, 404, 405, 406, 409, 410, 415, 429, 500, 502, 503)
FAULTS = {
    **{str(status): Fault(status) for status in STATUSES},
    "404-says-absent": Fault({"status": 404, "errorCode": "USER_NOT_IN_GROUP"}),
    "401-without-code": Fault({"status": 401, "errorCode": None}),
    "400-throttle": Fault({"status": 400, "errorCode": "RATE_LIMITED_IP"}),
    "html-404": Fault({"html": 404}),
    "html-503": Fault({"html": 503}),
    "html-200": Fault({"html": 200}),
    "cut-before": Fault("cut_before"),
    "cut-after": Fault("cut_after"),
    "cut-mid-body": Fault("cut_mid_body"),
    "hang": Fault({"hang": 5}),
    "expired-token": Fault("expire_token"),
    "redirect": Fault({"redirect": 302, "location": "https://elsewhere.invalid/api"}),
    "redirect-to-nonsense": Fault({"redirect": 307, "location": "http://[nonsense"}),
    "garbage": Fault("garbage"),
    "empty": Fault("empty"),
    "list": Fault({"shape": "list"}),
    "null": Fault({"shape": "null"}),
}
READ_FAULTS = {
    **FAULTS,
    **{
        shape: Fault({"shape": shape})
        for shape in (
            "string",
            "no_results",
            "results_string",
            "results_null",
            "results_of_strings",
            "member_without_id",
            "member_without_roles",
            "roles_string",
        )
    },
}
WRITE_FAULTS = {
    **FAULTS,
    **{f"{status}-after-effect": Fault(status, True) for status in STATUSES},
    **{f"{kind}-after-effect": Fault(kind, True) for kind in ("garbage", "empty", "redirect")},
    "html-200-after-effect": Fault({"html": 200}, True),
    "null-after-effect": Fault({"shape": "null"}, True),
    "hang-after-effect": Fault({"hang": 5}, True),
}


# A team knows no roles, so these are whole answers there, of a team that somebody else is in: no run can tell.
WHOLE_IN_TEAMS = ("member_without_roles", "roles_string")
# Faults that last.
LASTING = ("401", "403", "404", "404-says-absent", "429", "500", "500-after-effect", "cut-after", "hang", "html-200")
# Of every call: what lasts, and for a write an answer that is lost, for a read one of a wrong shape.
OF_EVERY_CALL = (
    ("500", None, ("GET", "POST", "DELETE")),
    ("cut-after", 1, ("POST", "DELETE")),
    ("results_null", 1, ("GET",)),
)


def turns() -> Iterator[tuple[Call, str, int | None]]:
    """Which call meets which fault every time: those for tokens, those that read and those that write take turns. What
    fails is the work of the one client of all modules."""
    kinds: dict[tuple[bool, bool], list[Call]] = {}
    for call in CALLS:
        kinds.setdefault((call.path in (TOKEN, REVOKE), call.method == "GET"), []).append(call)
    for turn, name in enumerate({**READ_FAULTS, **WRITE_FAULTS}):
        for calls in kinds.values():
            able = [call for call in calls if name in faults_of(call)]
            if able:
                # The calls of a module stand together: with such steps a few turns are with all modules.
                yield able[turn * 7 % len(able)], name, None if name in LASTING else 1


def faults_of(call: Call) -> dict[str, Fault]:
    whole = WHOLE_IN_TEAMS if call.path.endswith("/teams/[0-9a-f]+/users$") else ()
    faults = READ_FAULTS if call.method == "GET" else WRITE_FAULTS
    return {name: fault for name, fault in faults.items() if name not in whole}


def matrix() -> Iterator[Any]:
    """Every fault of every call, once and always. Make test tries some of each kind, the stage `faults` of make check
    all of them."""
    every_time = set(turns())
    every_time |= {
        (call, name, times) for name, times, methods in OF_EVERY_CALL for call in CALLS if call.method in methods
    }
    for call in CALLS:
        for name, fault in faults_of(call).items():
            for often, times in (("once", 1), ("always", None)):
                marks = [] if (call, name, times) in every_time else [pytest.mark.thorough]
                yield pytest.param(call, fault, times, id=f"{call.name}-{name}-{often}", marks=marks)


def snapshot(sim: Any) -> dict[str, Any]:
    """Everybody in every project, team and organization, by id: members and legacy invitations."""
    found = {
        place: {member["id"]: {"user": user, **member} for user, member in members.items()}
        for place, members in everywhere(sim).items()
    }
    for project in sim.state():
        found[project].update({legacy["id"]: {"user": legacy["username"]} for legacy in sim.legacy(project)})
    return found


def kind_of(action: dict[str, Any]) -> str:
    return next(kind for kind in ("project", "team", "organization") if kind in action)


def place_of(action: dict[str, Any]) -> str:
    """The name of the project, team or organization."""
    return str(action[kind_of(action)])


def run_task(sim: Any, task: Task, **more: Any) -> Result:
    """Credentials of single projects are denied the organization here: that takes calls of its own."""
    sim.knobs.org_member_reads = task.credential not in (OF_PROJECTS, PROJECTS_TOKEN)
    sim.forget()
    return run_module(task.scenario.module, sim, **{**task.scenario.options, **task.credential, **more})


def is_true(sim: Any, action: dict[str, Any]) -> bool:
    """Whether the state shows what an action claims to have done."""
    place = place_of(action)
    held = roles(everywhere(sim), place, action["user"])
    if action["action"] == "remove":
        return action["user_id"] not in snapshot(sim)[place]
    if kind_of(action) == "team":
        return held is not None
    if action["action"] == "revoke":
        return held is not None and not set(action["roles"]) & set(held)
    return held is not None and set(action["roles"]) <= set(held)


def assert_honest(sim: Any, result: Result, before: dict[str, Any]) -> None:
    """A result against the state, whatever happened."""
    assert not SECRET.search(result.output), "a secret is in the output"
    assert "exception" not in result and "Traceback" not in result.output
    after = snapshot(sim)
    actions = result.get("actions", [])
    failed = [action for action in actions if action["status"] == "failed"]
    assert all(is_true(sim, action) for action in actions if action["status"] == "done")
    touched = {(place_of(action), action["user"]) for action in actions if action["status"] in ("done", "failed")}
    # Atlas invites into the organization whom a project invites, and with an organization's step goes what hangs on it.
    touched |= {("Small Org", action["user"]) for action in actions if action["action"] == "add"}
    for place in after:
        for key in {**before[place], **after[place]}:
            old, new = before[place].get(key), after[place].get(key)
            about = {(place, (old or new)["user"]), ("Small Org", (old or new)["user"])}
            assert old == new or about & touched, f"{place}: {old} -> {new}"
    if not result.get("failed"):
        assert result["changed"] == (before != after) and not failed
        assert all(action["status"] == "done" for action in actions)
        return
    assert result.get("changed", False) == any(action["status"] == "done" for action in actions)
    assert result["msg"].strip()
    for action in failed:
        assert action["error"]["detail"] and f"{place_of(action)}: " in result["msg"]
        assert str(action["error"]["status"] or "") in result["msg"]
    unread = [action[f"{kind_of(action)}_id"] for action in failed if action["action"] == "read"]
    assert not [write.path for write in sim.writes for one in unread if one in write.path], (
        "a write after a failed read"
    )
    if not actions:
        assert not sim.writes and before == after


def until_quiet(sim: Any) -> None:
    """Wait until what a killed process had sent has been answered."""
    seen = -1
    while len(sim.requests) != seen:
        seen = len(sim.requests)
        time.sleep(0.3)


def assert_converges(sim: Any, task: Task, failed: bool = True) -> None:
    """The same task, undisturbed, brings what is wanted (at once, if it had not failed), and then has nothing to do."""
    task = task._replace(credential=PROJECTS_TOKEN if task.credential is OF_PROJECTS else {})
    sim.change(lambda world: sim._service.faults.clear())
    if failed:
        result = run_task(sim, task)
        assert not result.get("failed"), result["msg"]
    assert task.scenario.holds(everywhere(sim))
    again = run_task(sim, task)
    assert not again.get("failed") and not again["changed"] and not sim.writes
    sent = [
        (project.name, event["targetUsername"])
        for project in sim.world.projects.values()
        for _when, event in project.events
        if event["eventTypeName"] == "INVITED_TO_GROUP"
    ]
    assert len(sent) == len(set(sent)), "somebody was invited twice"


def script(sim: Any, call: Call, fault: Fault, times: int | None) -> Any:
    path = call.path
    for project in PROJECTS:
        path = path.replace(f"/groups/{project}/", f"/groups/{sim.project_id(project)}/")
    return sim.fault(
        fault.what, method=call.method, path=path, nth=call.nth, times=times, after_effect=fault.after_effect
    )


@pytest.mark.parametrize("call, fault, times", list(matrix()))
def test_a_run_is_honest_and_converges(small, hasty, call, fault, times):
    task = TASKS[call.task]
    before = snapshot(small)
    scripted = script(small, call, fault, times)
    hangs = isinstance(fault.what, dict) and "hang" in fault.what
    result = run_task(small, task, timeout=0.1 if hangs else 5, max_wait=0.1)
    assert scripted.seen >= call.nth, "the fault hit nothing"
    assert_honest(small, result, before)
    if call.path == REVOKE:
        assert not result.get("failed")
    elif call.path != TOKEN and not hangs:
        assert small.live_tokens() == 0, "a token was not revoked"
    if call.project and fault.what != "expire_token":
        # An organization is left when all else went well.
        others = [
            action
            for action in result.get("actions", [])
            if place_of(action) != call.project and kind_of(action) != "organization"
        ]
        assert all(action["status"] == "done" for action in others), "one project held up another"
    incomplete = small.legacy("alpha") and call.task == "remove-legacy"
    if incomplete and not result.get("failed") and fault.what != {"shape": "list"}:
        assert any("legacy invitations" in warning or "legacy_invitations" in warning for warning in result["warnings"])
    assert_converges(small, task, bool(result.get("failed") or incomplete))


def test_the_matrix_has_every_call_of_every_module(small):
    def template(request: Any) -> tuple[str, str]:
        flat = "?flattened" if "flattenTeams" in request.query else ""
        return request.method, re.sub(r"[0-9a-f]{24}", "*", request.path) + flat

    def requests_of(names: Any) -> dict[tuple[str, str, str], list[str]]:
        found: dict[tuple[str, str, str], list[str]] = {}
        for name in names:
            small.reset()
            run_task(small, TASKS[name])
            for request in small.requests:
                found.setdefault((TASKS[name].scenario.module, *template(request)), []).append(name)
        return found

    all_calls = requests_of(TASKS)
    of_matrix = requests_of({call.task for call in CALLS})
    assert set(of_matrix) == set(all_calls), set(all_calls) - set(of_matrix)
    written = {key[1:] for key in all_calls if key[1] != "GET"}
    scripted = {(call.method, re.sub(r"\$$", "", call.path).replace("[0-9a-f]+", "*")) for call in CALLS}
    for method, path in written:
        path = path.replace("/api/atlas/v2", "")
        shapes = {re.sub(r"/groups/(alpha|beta|gamma)", "/groups/*", known) for way, known in scripted if way == method}
        assert path in shapes, f"{method} {path} is not in the matrix"


# --- chosen by chance ------------------------------------------------------------------------------------------------

CHOSEN = [
    "remove-everywhere",
    "remove-legacy",
    "remove-lapsed",
    "invite-again",
    "add-stranger",
    "set-roles",
    "set-exclusively",
    "hold-role-exclusively",
    "take-only-role-with-fallback",
    "remove-with-projects-credential",
]
KINDS = [fault for name, fault in WRITE_FAULTS.items() if "hang" not in name]
SCHEDULES = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.sampled_from(["GET", "POST", "DELETE", None]), st.integers(1, 8), st.integers(1, 4)
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=EXAMPLES or 25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(CHOSEN), schedule=SCHEDULES, credential=st.sampled_from([None, *CREDENTIALS.values()]))
def test_any_schedule_of_faults_leaves_the_truth(small, hasty, name, schedule, credential):
    small.reset()
    task = TASKS[name]
    if credential and task.credential is ACCOUNT:
        task = task._replace(credential=credential)
    before = snapshot(small)
    for fault, method, nth, times in schedule:
        if fault.what == "expire_token" and credential == CREDENTIALS["token"]:
            continue
        small.fault(fault.what, method=method, nth=nth, times=times, after_effect=fault.after_effect)
    result = run_task(small, task, max_wait=0.1)
    assert_honest(small, result, before)
    assert_converges(small, task)


# --- single stories --------------------------------------------------------------------------------------------------


def one(result: Result) -> dict[str, Any]:
    (action,) = result["actions"]
    return action


LOST = [Fault("cut_after"), Fault("cut_mid_body"), Fault(500, True), Fault(503, True), Fault({"hang": 5}, True)]


@pytest.mark.parametrize("fault", LOST, ids=str)
@pytest.mark.parametrize(
    "name, writes",
    [
        ("remove-one", 1),
        ("add-known", 1),
        ("add-stranger", 1),
        ("invite-again", 1),
        ("take-role", 1),
        ("give-role", 2),
        ("leave-team", 1),
        ("join-team", 2),
        ("have-organization-roles", 3),
        ("be-invited-to-organization", 1),
        ("be-invited-to-organization-again", 1),
    ],
)
def test_a_lost_answer_is_settled_by_reading_and_not_by_writing_again(small, name, writes, fault):
    method = "DELETE" if "remove" in name else "POST"
    small.fault(fault.what, method=method, path="/(groups|orgs)/", after_effect=fault.after_effect)
    result = run_task(small, TASKS[name], timeout=0.5 if "hang" in str(fault.what) else 5)
    assert not result.get("failed") and result["changed"]
    assert len(small.writes) == writes
    assert all(action["status"] == "done" for action in result["actions"])


@pytest.mark.parametrize("lag", [0.02, 0.05])
@pytest.mark.parametrize(
    "name", ["remove-everywhere", "add-stranger", "invite-again", "set-roles", "take-only-role-with-fallback"]
)
def test_a_listing_that_lags_behind_the_writes_does_not_mislead(small, name, lag):
    small.knobs.read_after_write_lag_s = lag
    small.fault("cut_after", method="DELETE" if "remove" in name else "POST", path="/groups/")
    result = run_task(small, TASKS[name])
    assert not result.get("failed"), result["msg"]
    assert SCENARIOS[name].holds(small.state())
    for project in small.world.projects.values():
        events = [event["eventTypeName"] for _when, event in project.events]
        assert events.count("INVITED_TO_GROUP") <= 1
    if name in ("add-stranger", "invite-again"):
        assert len(small.writes) == 1, "nothing but the answer 409 kept a second invitation from being sent"


@pytest.mark.parametrize("status, code", [(403, "CANNOT_REMOVE_ALL_USER_ROLES"), (409, "SOME_CODE"), (400, None)])
def test_a_refused_write_is_told_verbatim(small, status, code):
    what = {"status": status, "errorCode": code, "detail": "That is how it is."}
    small.fault(what, method="POST", path=":removeRole", times=None)
    result = run_task(small, TASKS["take-role"])
    assert result["failed"] and not result["changed"]
    assert one(result)["error"] == {"status": status, "code": code, "detail": "That is how it is."}
    for part in ("beta", "dan@corp.example", "POST", ":removeRole", str(status), code or "", "That is how it is."):
        assert part in result["msg"]
    assert len(small.writes) == 1, "a refused write was repeated"


def test_a_refused_write_whose_effect_is_there_counts_as_done(small):
    small.fault({"status": 403, "errorCode": "ACCESS_FORBIDDEN"}, method="DELETE", after_effect=True)
    result = run_task(small, TASKS["remove-one"])
    assert not result.get("failed") and result["changed"] and one(result)["status"] == "done"


def test_an_expired_invitation_that_atlas_does_not_remove_is_a_failure(small):
    small.knobs.expired_removable = False
    result = run_task(small, TASKS["remove-lapsed"])
    assert result["failed"] and not result["changed"]
    assert "404 USER_NOT_IN_GROUP" in result["msg"]


def test_a_failed_project_does_not_stop_the_others_and_later_steps_are_skipped(small):
    small.fault(500, method="POST", path=f"{small.project_id('alpha')}.*:addRole", times=None)
    result = run_task(small, TASKS["set-roles"])
    by_project = {
        project: [action["status"] for action in result["actions"] if action["project"] == project]
        for project in PROJECTS
    }
    assert by_project == {"alpha": ["failed", "skipped"], "beta": ["done", "done", "done"], "gamma": []}
    assert result["failed"] and result["changed"] and result["msg"].startswith("1 of 2 projects failed. alpha: grant ")
    assert "(4 tries in " in result["msg"]
    assert_converges(small, TASKS["set-roles"])


def test_an_unreadable_project_is_not_written_to_and_the_others_are(small):
    small.fault({"html": 502}, method="GET", path=f"{small.project_id('beta')}/users", times=None)
    result = run_task(small, TASKS["remove-everywhere"])
    assert [(action["project"], action["action"], action["status"]) for action in result["actions"]] == [
        ("alpha", "remove", "done"),
        ("beta", "read", "failed"),
        ("gamma", "remove", "done"),
    ]
    assert "beta: its members could not be read: GET /api/atlas/v2/groups/" in result["msg"] and "502" in result["msg"]


def test_one_refusal_stops_everything_before_the_first_write(small):
    result = run_module(ROLE, small, projects="*", users=["dan@corp.example"], role="GROUP_READ_ONLY", state="absent")
    assert result["failed"] and "nothing was written" in result["msg"] and not small.writes


# --- killed at any moment --------------------------------------------------------------------------------------------

PROCESS = """
import json, sys
from ansible.module_utils import basic
from ansible_collections.atlasops.access.plugins.modules import {module} as module
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
print("started", flush=True)
module.main()
"""


def start(sim: Any, task: Task, **more: Any) -> subprocess.Popen[str]:
    """A module in a process of its own."""
    options = {**task.scenario.options, **task.credential, "base_url": sim.url, **more}
    arguments = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_remote_tmp": "/tmp"}}
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS.format(module=task.scenario.module)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps(arguments))
    process.stdin.close()
    assert process.stdout.readline() == "started\n"
    return process


@pytest.mark.parametrize(
    "name, after",
    [
        ("remove-everywhere", 2),
        ("remove-everywhere", 6),
        ("set-roles", 5),
        ("set-roles", 7),
        ("set-exclusively", 6),
        ("take-only-role-with-fallback", 4),
    ],
)
def test_a_run_that_is_killed_is_finished_by_the_next_one(small, name, after):
    task = TASKS[name]
    small.knobs.latency_s = 0.02
    with start(small, task, max_connections=2) as process:
        while len(small.requests) < after and process.poll() is None:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.02))
        process.kill()
    until_quiet(small)
    for members in small.state().values():
        assert all(member["roles"] for member in members.values())
        assert any("GROUP_OWNER" in member["roles"] for member in members.values())
    small.knobs.latency_s = 0
    assert_converges(small, task)
