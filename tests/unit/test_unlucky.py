# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad luck at work: another administrator between two requests, answers that drip, signals, results too long."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Callable, Iterator

import pytest
from module_run import run_module
from test_faults import PROCESS
from test_laws import CREDENTIALS, ROLE, USER

from ansible_collections.atlasops.access.plugins.module_utils import _client
from ansible_collections.atlasops.access.plugins.module_utils._client import AtlasError, Client, Credential
from ansible_collections.atlasops.access.plugins.module_utils._credentials import Tokens
from ansible_collections.atlasops.access.plugins.module_utils._errors import Reply
from simulator import Simulator
from simulator.world import Team, derive

TOKEN = Credential("token", "", "small-token")
OF_PROJECTS = {"client_id": "mdb_sa_id_1123456789abcdef01234567", "client_secret": "mdb_sa_sk_projects"}


class Meddled(Simulator):
    """Somebody else acts right before a request: (method, path, nth, what)."""

    acts: list[list[Any]] = []
    rewrites: list[tuple[str, Callable[[Any], None]]] = []

    @staticmethod
    def around(app: Any) -> Any:
        async def meddling(scope: Any, receive: Any, send: Any) -> None:
            for act in Meddled.acts:
                if scope["type"] == "http" and act[0] == scope["method"] and re.search(act[1], scope["path"]):
                    act[2] -= 1
                    if act[2] == 0:
                        act[3]()
            rewrite = next((one for path, one in Meddled.rewrites if re.search(path, scope["path"])), None)
            if rewrite is None:
                await app(scope, receive, send)
                return
            kept: list[Any] = []

            async def keep(message: Any) -> None:
                kept.append(message)

            await app(scope, receive, keep)
            body = json.loads(b"".join(message.get("body", b"") for message in kept[1:]))
            rewrite(body)
            data = json.dumps(body).encode()
            headers = [pair for pair in kept[0]["headers"] if pair[0].lower() != b"content-length"]
            await send({**kept[0], "headers": [*headers, (b"content-length", str(len(data)).encode())]})
            await send({"type": "http.response.body", "body": data})

        return meddling


@pytest.fixture(scope="module")
def _meddled() -> Any:
    with Meddled("small") as sim:
        yield sim


@pytest.fixture
def sim(_meddled, quick):
    Meddled.acts, Meddled.rewrites = [], []
    _meddled.reset()
    return _meddled


def before(sim: Any, method: str, path: str, act: Callable[[Any], None], nth: int = 1) -> None:
    """Somebody else acts on the world right before the nth request of this kind."""

    def acting() -> None:
        act(sim.world)
        for org in sim.world.orgs.values():
            sim.world.changed_people(org)

    Meddled.acts.append([method, path, nth, acting])


def members_of(sim: Any, project: str) -> str:
    return f"/groups/{sim.project_id(project)}/users$"


def owners(sim: Any, project: str) -> list[str]:
    """Everybody ACTIVE who owns a project, by team too."""
    entry = sim.world.project(project)
    ids = {one for one, roles in entry.members.items() if "GROUP_OWNER" in roles}
    for team, roles in entry.teams.items():
        ids |= set(entry.org.teams[team].members) if "GROUP_OWNER" in roles else set()
    return [one for one in ids if entry.org.users[one].status == "ACTIVE"]


def out(project: str, email: str) -> Callable[[Any], None]:
    def act(world: Any) -> None:
        world.project(project).members.pop(world.user(email).id, None)

    return act


# --- owners ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module, options",
    [
        (USER, {}),
        (ROLE, {"role": "GROUP_OWNER", "fallback_role": "GROUP_READ_ONLY"}),
    ],
)
def test_a_team_that_lost_its_people_in_between_owns_nothing(sim, module, options):
    """The people of the organization are those read at the start; only the project's teams are read again."""

    def emptied(world: Any) -> None:
        for team in world.project("gamma").org.teams.values():
            team.members = [one for one in team.members if team.name != "platform"]

    before(sim, "DELETE" if module is USER else "POST", "/groups/", emptied)
    result = run_module(module, sim, project="gamma", user="bob@corp.example", state="absent", **options)
    assert owners(sim, "gamma") or result.get("failed"), "no owner is left, and the run says ok"


@pytest.mark.parametrize("lag", [0, 5])
@pytest.mark.parametrize("credential", [{}, OF_PROJECTS], ids=["organization", "projects"])
def test_somebody_this_run_took_out_is_no_other_owner_while_listings_lag(sim, lag, credential):
    def three(world: Any) -> None:
        for email in ("dan@corp.example",):
            world.project("alpha").members[world.user(email).id] = ("GROUP_OWNER",)

    sim.change(three)
    sim.knobs.read_after_write_lag_s = lag
    sim.knobs.org_member_reads = False
    # ann, bob and dan own it; dan leaves by somebody else's hand before the first step, and is listed no more.
    before(sim, "GET", members_of(sim, "alpha"), out("alpha", "dan@corp.example"), nth=2)
    result = run_module(
        USER, sim, project="alpha", users=["ann@corp.example", "bob@corp.example"], state="absent", **credential
    )
    assert owners(sim, "alpha") or result.get("failed"), "no owner is left, and the run says ok"


def test_what_is_said_where_an_owner_was_given_the_role_back(sim):
    before(sim, "POST", ":removeRole$", out("alpha", "ann@corp.example"))
    result = run_module(ROLE, sim, project="alpha", user="bob@corp.example", role="GROUP_OWNER", state="absent")
    assert owners(sim, "alpha") and [one["why"] for one in result["actions"]][-1] == "restored"
    assert result["failed"]
    assert "no ACTIVE owner is left" not in result["msg"], "bob owns it again"
    assert "given back" in result["msg"]


# --- listings that lag -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 409])
def test_taking_a_role_twice_while_the_listing_lags_is_no_failure(sim, status):
    sim.knobs.remove_role_not_held = status
    options = {"project": "beta", "user": "dan@corp.example", "role": "GROUP_CLUSTER_MANAGER", "state": "absent"}
    assert not run_module(ROLE, sim, **options).get("failed")
    # The state before is listed for one more reading and a part of the pauses.
    entry = sim.world.project("beta")
    old = {**entry.members, sim.user_id("dan@corp.example"): ("GROUP_READ_ONLY", "GROUP_CLUSTER_MANAGER")}
    sim.knobs.read_after_write_lag_s = 0.001

    def lagging(world: Any) -> None:
        world.project("beta").past = [(time.time() + 1e6, old)]

    sim.change(lagging)

    def caught_up(world: Any) -> None:
        world.project("beta").past = []

    before(sim, "GET", members_of(sim, "beta"), caught_up, nth=3)
    result = run_module(ROLE, sim, **options)
    assert not result.get("failed"), result["msg"]


# --- residual access -------------------------------------------------------------------------------------------------


def test_who_is_named_and_whose_row_is_odd_has_residual_access_that_is_unknown(sim):
    def odd(body: Any) -> None:
        for row in body["results"]:
            if row["username"] == "bob@corp.example":
                row["roles"] = "surprise"

    Meddled.rewrites.append(("/orgs/[0-9a-f]+/users$", odd))
    result = run_module(USER, sim, project="alpha", user="bob@corp.example", state="absent")
    assert any("bob@corp.example" in warning for warning in result["warnings"])
    assert [row["via"] for row in result["residual_access"]] == ["unknown"]


def test_who_is_named_by_id_and_gone_has_residual_access_that_is_unknown_where_teams_cannot_be_read(sim):
    user_id = sim.user_id("rita@corp.example")
    sim.fault(500, method="GET", path="/groups/[0-9a-f]+/teams$", times=None)
    result = run_module(USER, sim, project="alpha", user=user_id, state="absent", max_wait=0)
    assert any("could not be read" in warning for warning in result["warnings"])
    assert [row["via"] for row in result["residual_access"]] == ["unknown"]


# --- time ------------------------------------------------------------------------------------------------------------


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of one's own: what it does with each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        try:
            connection.recv(65536)
            answer(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def accept() -> None:
        while not ended.is_set():
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.close()


def dripping(head: bytes, drop: bytes, seconds: float = 6) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            connection.sendall(drop)
            time.sleep(0.02)

    return answer


def ends(base_url: str) -> float:
    """Seconds until one request of `timeout: 0.4` ends."""
    with Client(TOKEN, base_url, timeout=0.4, max_wait=0) as client:
        started = time.monotonic()
        with pytest.raises(AtlasError):
            client.get("/groups", "2023-01-01")
        return time.monotonic() - started


KEPT = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n"


@pytest.mark.parametrize(
    "head, drop",
    [
        pytest.param(KEPT + b"\r\n", b" ", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-A: ", b"a", id="headers"),
        pytest.param(b"HTTP/1.1 ", b" ", id="status-line"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="continue"),
        pytest.param(KEPT + b"Connection: close\r\n\r\n", b" ", id="body-connection-close"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n", b" ", id="body-http-1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b" ", id="body-without-length"),
    ],
)
def test_an_answer_that_drips_ends_in_time(head, drop):
    with server(dripping(head, drop)) as address:
        assert ends(f"http://{address}") < 3


def test_a_request_that_was_late_before_it_was_connected_is_cut_all_the_same(monkeypatch):
    """Looking up the name took longer than the request may take; the answer then drips."""
    real = socket.getaddrinfo

    def slow(*args: Any, **named: Any) -> Any:
        time.sleep(0.8)
        return real(*args, **named)

    with server(dripping(KEPT + b"\r\n", b" ")) as address:
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        assert ends(f"http://{address}") < 3


def test_a_step_without_time_left_does_not_cost_the_others_their_token():
    """A token request that one step could not wait for may be waited for by another."""
    answers = [AtlasError("POST /api/oauth/token", "slow down", 429), None]

    def mint(patience: Any) -> Reply:
        error = answers.pop(0)
        if error:
            raise error  # What `Client._mint` raises where this patience is used up.
        return Reply(200, {}, {"access_token": "t", "expires_in": 3600}, "")

    tokens = Tokens(mint)
    with pytest.raises(AtlasError):
        tokens.current(SimpleNamespace(waited=5.0))
    assert tokens.current(SimpleNamespace(waited=0.0)) == "t"


def test_waiting_for_a_token_that_another_step_waits_for_counts(sim, monkeypatch):
    """Two steps, `max_wait: 2`: one waits for a token; the other has waited already, and then for that one."""
    monkeypatch.setattr(_client, "THROTTLE_FLOOR", 0.01)
    account = Credential("service_account", "mdb_sa_id_0123456789abcdef01234567", "mdb_sa_sk_small")
    sim.fault({"status": 429, "headers": {"Retry-After": "1"}}, path="/oauth/token", times=None)
    with Client(account, sim.url, timeout=5, max_wait=2.6) as client:
        mine, other = client.patience(), client.patience()
        mine.pause(2)
        threading.Thread(target=lambda: _quietly(lambda: client._tokens.current(other)), daemon=True).start()
        time.sleep(0.1)
        started = time.monotonic()
        with pytest.raises(AtlasError):
            client._tokens.current(mine)
        assert 2 + time.monotonic() - started < 3.2, "a step waited longer than max_wait"


def _quietly(work: Callable[[], Any]) -> None:
    try:
        work()
    except AtlasError:
        pass


# --- signals ---------------------------------------------------------------------------------------------------------


def start(sim: Any, module: str, options: dict[str, Any], setup: str = "") -> subprocess.Popen[str]:
    arguments = {"ANSIBLE_MODULE_ARGS": {**options, "base_url": sim.url, "_ansible_remote_tmp": "/tmp"}}
    process = subprocess.Popen(
        [sys.executable, "-c", setup + PROCESS.format(module=module)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps(arguments))
    process.stdin.close()
    process.stdin = None
    assert process.stdout.readline() == "started\n"
    return process


def when(condition: Callable[[], Any], process: Any = None) -> None:
    until = time.monotonic() + 15
    while not condition() and time.monotonic() < until and (process is None or process.poll() is None):
        time.sleep(0.005)


def sent(sim: Any, path: str) -> bool:
    return any(one.path.endswith(path) for one in sim.requests)


def ended(process: Any, seconds: float = 12) -> tuple[int, str]:
    try:
        output, _errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        pytest.fail("the module did not end")
    return process.returncode, output


REMOVAL = {"project": "beta", "user": "dan@corp.example", "state": "absent", **CREDENTIALS["service-account"]}


def signals(first: signal.Signals, *others: signal.Signals) -> list[Any]:
    """Each is a process of a second, and all have the one handler: make test sends the first."""
    return [first, *(pytest.param(one, marks=pytest.mark.thorough) for one in others)]


@pytest.mark.parametrize("number", signals(signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
def test_a_first_signal_while_the_token_is_given_back_still_gets_the_result(sim, number):
    revoked = threading.Event()
    before(sim, "POST", "/oauth/revoke$", lambda world: (revoked.set(), time.sleep(0.5)))
    process = start(sim, USER, {**REMOVAL, "timeout": 5})
    when(revoked.is_set, process)
    process.send_signal(number)
    code, output = ended(process)
    assert "dan@corp.example" not in sim.state()["beta"]
    assert '"changed": true' in output, f"dan is out, and nothing says so (code {code})"


@pytest.mark.parametrize("number", signals(signal.SIGTERM, signal.SIGINT))
def test_a_first_signal_while_connecting_and_minting_ends_in_good_order(sim, number):
    hangs = threading.Event()
    before(sim, "POST", "/oauth/token$", lambda world: (hangs.set(), time.sleep(0.5)))
    process = start(sim, USER, {**REMOVAL, "timeout": 5})
    when(hangs.is_set, process)
    process.send_signal(number)
    _code, output = ended(process)
    assert output.count("interrupted by") == 1
    assert not sim.live_tokens() and not sim.writes


def test_a_signal_in_the_moment_that_a_wait_begins_does_not_hang(sim):
    """`Event.set` takes the lock that `Event.wait`, which the handler interrupted, holds."""
    setup = """
import signal, threading
real = threading.Condition.wait
def wait(self, timeout=None):
    # A signal may come while the lock of the condition is held; here it does, in the first wait of a step.
    if isinstance(timeout, float) and 0.9 < timeout < 3 and threading.current_thread() is threading.main_thread():
        threading.Condition.wait = real
        signal.raise_signal(signal.SIGTERM)
    return real(self, timeout)
threading.Condition.wait = wait
"""
    sim.fault({"status": 429, "headers": {"Retry-After": "1"}}, method="GET", path="/groups$", times=None)
    _code, output = ended(start(sim, USER, {**REMOVAL, "timeout": 2, "max_wait": 5}, setup), 8)
    assert "interrupted by SIGTERM" in output


def test_a_signal_that_is_ignored_stays_ignored(sim):
    """`nohup ansible-playbook ... &` goes on when the terminal is closed."""
    setup = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    hangs = threading.Event()
    before(sim, "GET", "/groups$", lambda world: (hangs.set(), time.sleep(0.5)))
    process = start(sim, USER, {**REMOVAL, "timeout": 5}, setup)
    when(hangs.is_set, process)
    process.send_signal(signal.SIGHUP)
    _code, output = ended(process)
    assert "interrupted" not in output and '"changed": true' in output


# --- bounded results -------------------------------------------------------------------------------------------------


def crowd(projects: int, people: int, role: str, name: str = "somebody.with.a.name", **more: Any) -> dict[str, Any]:
    """Projects full of people of one role."""
    members = {f"{name}.{number:04}@corp.example": [role] for number in range(people)}
    account = {
        "mdb_sa_id_0123456789abcdef01234567": {"secret": "s", "role": "ORG_OWNER", "access_tokens": ["small-token"]}
    }
    entries = {f"project-{number:03}": {"members": dict(members)} for number in range(projects)}
    return {"organizations": {"Org": {"service_accounts": account, "projects": entries, **more}}}


def test_refusals_are_bounded_too(quick):
    """Whom 40 projects of 100 owners would lose: more than half a million characters of names."""
    with Simulator(crowd(40, 100, "GROUP_OWNER", name="somebody.with.a.name" * 7)) as sim:
        users = list(sim.state()["project-000"])
        assert 40 * sum(map(len, users)) > 500_000 and len(users) == 100
        result = run_module(USER, sim, projects="*", users=users, state="absent")
    assert result["failed"] and not result["changed"]
    assert len(result.output) < 500_000, f"{len(result['msg'])} characters of message"


def test_one_failure_does_not_pass_the_bound_by_a_long_name(quick):
    name = "n" * 10_000
    org = crowd(1, 1, "GROUP_READ_ONLY")
    members = org["organizations"]["Org"]["projects"]["project-000"]["members"]
    for number in range(60):
        members[f"{number}{name}@corp.example"] = ["GROUP_READ_ONLY"]
    with Simulator(org) as sim:
        users = [one for one in members if len(one) > 10_000]
        result = run_module(USER, sim, project="project-000", users=users, state="absent")
    assert result["counts"]["done"] == 60
    assert len(json.dumps(result)) < 500_000


def test_the_options_that_a_result_repeats_count_too(quick):
    """Ansible adds all options to a result (``invocation``), and AWX stores them."""
    with Simulator(crowd(1, 1, "GROUP_READ_ONLY")) as sim:
        rows = [
            {
                "project": "project-000",
                "user": f"gone.long.ago.{number:05}@corp.example",
                "reasons": ["leaver" * 20] * 5,
            }
            for number in range(1000)
        ]
        assert len(json.dumps(rows)) > 500_000
        result = run_module(USER, sim, memberships=rows, state="absent")
    assert not result.get("failed")
    assert len(result.output) < 500_000


@pytest.mark.parametrize("length, number_of", [pytest.param(100, 60, marks=pytest.mark.thorough), (5000, 12)])
def test_long_warnings_are_bounded(quick, length, number_of):
    """Thirty people who all get in through a team of a long name, in projects of long names."""
    users = [f"somebody.with.a.name.{number:04}@corp.example" for number in range(30)]
    org = crowd(1, 1, "GROUP_READ_ONLY", teams={"t" * length: {"members": users}})
    projects = org["organizations"]["Org"]["projects"]
    for number in range(number_of):
        projects[f"{'p' * 60}-{number:03}"] = {
            "members": {"owner@corp.example": ["GROUP_OWNER"], **{one: ["GROUP_READ_ONLY"] for one in users}},
            "teams": {"t" * length: ["GROUP_READ_ONLY"]},
        }
    with Simulator(org) as sim:
        result = run_module(USER, sim, projects="ppp*", users=users, state="absent")
    assert not result.get("failed"), result["msg"]
    assert len(result.output) < 500_000, [len(one) for one in result["warnings"]]


# --- more of the same roots -------------------------------------------------------------------------------------------


def test_a_role_is_not_given_back_where_a_team_owns_the_project_by_now(sim):
    """Somebody else handed the project over to a team whose people came into it after the reading."""

    def handed_over(world: Any) -> None:
        org = world.project("alpha").org
        team = Team(derive("team", "new"), "new", [world.user("outsider@corp.example").id])
        org.teams[team.id] = team
        world.project("alpha").teams = {team.id: ("GROUP_OWNER",)}
        out("alpha", "ann@corp.example")(world)

    before(sim, "POST", ":removeRole$", handed_over)
    result = run_module(ROLE, sim, project="alpha", user="bob@corp.example", role="GROUP_OWNER", state="absent")
    assert "GROUP_OWNER" not in sim.state()["alpha"]["bob@corp.example"]["roles"], "given back though outsider owns it"
    assert not result.get("failed"), result["msg"]


@pytest.mark.parametrize("renewed", ["same", "new"])
def test_check_mode_does_not_promise_an_id_that_a_new_invitation_may_change(sim, renewed):
    sim.knobs.renewed_id = renewed
    options = {"project": "alpha", "user": "eve@partner.example", "roles": "GROUP_READ_ONLY"}
    planned = run_module(USER, sim, check=True, **options)
    done = run_module(USER, sim, **options)
    assert planned["memberships"] == done["memberships"]


def test_check_mode_does_not_promise_pending_for_somebody_whose_row_is_odd(sim):
    def odd(body: Any) -> None:
        for row in body["results"]:
            if row["username"] == "outsider@corp.example":
                row["roles"] = "surprise"

    Meddled.rewrites.append(("/orgs/[0-9a-f]+/users$", odd))
    options = {"project": "alpha", "user": "outsider@corp.example", "roles": "GROUP_READ_ONLY"}
    planned = run_module(USER, sim, check=True, **options)
    done = run_module(USER, sim, **options)
    status = planned["memberships"][0]["status"]
    assert status in (None, done["memberships"][0]["status"])
    assert any("outsider@corp.example" in warning for warning in planned["warnings"]), "nobody is told"


def test_one_project_that_refuses_every_token_costs_no_other_its_renewal(sim):
    sim.fault({"status": 401, "errorCode": None}, method="GET", path=members_of(sim, "alpha"), times=None)
    sim.fault("expire_token", method="DELETE", path="/groups/", times=1)
    result = run_module(
        USER,
        sim,
        projects=["alpha", "beta"],
        user="dan@corp.example",
        state="absent",
        max_connections=1,
        **CREDENTIALS["service-account"],
    )
    assert "dan@corp.example" not in sim.state()["beta"], result["msg"]


@pytest.mark.parametrize("flag", [True, False])
def test_digest_with_many_threads_and_nonces_that_end(quick, flag):
    org = crowd(30, 6, "GROUP_READ_ONLY")
    entry = org["organizations"]["Org"]
    entry["api_keys"] = {"smallkey": {"private_key": "small-private-key", "role": "ORG_OWNER"}}
    with Simulator(org, nonce_ttl_s=0.5, nonce_stale_flag=flag) as sim:
        users = [f"somebody.with.a.name.{number:04}@corp.example" for number in range(6)]
        result = run_module(
            USER, sim, projects="*", users=users, state="absent", public_key="smallkey", private_key="small-private-key"
        )
        assert not any(sim.state().values())
    assert not result.get("failed") and result["counts"]["done"] == 180


@pytest.mark.parametrize("what", ["token", "groups"])
def test_waits_of_many_threads_end_at_once(sim, what):
    """A hundred and more works wait: for a token that is throttled, or each for itself."""
    path = "/oauth/token$" if what == "token" else "/groups/[0-9a-f]+/users"
    sim.fault({"status": 429, "headers": {"Retry-After": "60"}}, path=path, times=None)
    process = start(sim, USER, {**REMOVAL, "project": "*", "allow_no_owner": True, "timeout": 5})
    when(lambda: any(one.status == 429 for one in sim.requests), process)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    _code, output = ended(process)
    assert time.monotonic() - started < 2 and "interrupted by SIGTERM" in output
    assert not sim.live_tokens() and output.count('"changed"') == 1


def test_an_interrupted_step_whose_owner_cannot_be_looked_for_is_told(sim):
    process_may_stop = threading.Event()
    before(sim, "GET", members_of(sim, "alpha"), lambda world: (process_may_stop.set(), time.sleep(0.5)), nth=3)
    process = start(
        sim,
        ROLE,
        {
            "project": "alpha",
            "user": "bob@corp.example",
            "role": "GROUP_OWNER",
            "state": "absent",
            **CREDENTIALS["service-account"],
        },
    )
    when(process_may_stop.is_set, process)
    process.send_signal(signal.SIGTERM)
    _code, output = ended(process)
    assert "interrupted by SIGTERM" in output and not sim.live_tokens()


@pytest.mark.parametrize("credential", [{}, OF_PROJECTS], ids=["organization", "projects"])
def test_check_mode_and_run_say_the_same_of_a_second_run(sim, credential):
    sim.knobs.org_member_reads = False
    options = {"projects": ["alpha", "beta"], "users": ["bob@corp.example", "rita@corp.example"], "state": "absent"}
    for _run in range(2):
        planned, done = (run_module(USER, sim, check, **options, **credential) for check in (True, False))
        assert planned["residual_access"] == done["residual_access"]
        assert planned["warnings"] == done["warnings"] and planned["memberships"] == done["memberships"]


def test_an_owner_and_a_pending_newcomer_whom_the_plan_took_for_active(sim):
    """outsider is ACTIVE in the organization when it is read, and gone from it before being added."""

    def left(world: Any) -> None:
        org = world.project("beta").org
        org.drop_user(org.user("outsider@corp.example"))

    before(sim, "POST", members_of(sim, "beta"), left)
    result = run_module(
        USER, sim, project="beta", users=["outsider@corp.example"], roles=["GROUP_OWNER"], exclusive=True
    )
    assert owners(sim, "beta") and result.get("failed"), result


@pytest.mark.parametrize("action", ["remove", pytest.param("revoke", marks=pytest.mark.thorough)])
def test_two_runs_that_each_take_one_of_two_owners(sim, action):
    module, options = {
        "remove": (USER, {}),
        "revoke": (ROLE, {"role": "GROUP_OWNER", "fallback_role": "GROUP_READ_ONLY"}),
    }[action]
    sim.knobs.latency_s = 0.1
    processes = [
        start(
            sim,
            module,
            {"project": "alpha", "user": user, "state": "absent", **options, **CREDENTIALS["service-account"]},
        )
        for user in ("ann@corp.example", "bob@corp.example")
    ]
    results = [ended(process)[1] for process in processes]
    assert owners(sim, "alpha") or any('"failed": true' in one for one in results)
