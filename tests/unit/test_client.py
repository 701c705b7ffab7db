# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client: many works at once, connections, tokens, digest, tries."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator

import pytest
from module_run import run_module
from test_laws import CREDENTIALS, USER, planned

from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils import _client
from ansible_collections.atlasops.access.plugins.module_utils._client import AtlasError, Client, Credential
from simulator import Simulator

ACCOUNT = Credential("service_account", "mdb_sa_id_0123456789abcdef01234567", "mdb_sa_sk_small")
KEY = Credential("api_key", "smallkey", "small-private-key")
TOKEN = Credential("token", "", "small-token")
PROJECTS, LEAVERS = 24, 4


@contextmanager
def connected(sim: Any, credential: Credential = TOKEN, **options: Any) -> Iterator[Client]:
    with Client(credential, sim.url, **{"timeout": 5, "max_wait": 5, **options}) as client:
        yield client


@pytest.fixture(scope="module")
def _wide() -> Any:
    """Projects with some people each who are to go."""
    members = {
        "owner@corp.example": ["GROUP_OWNER"],
        **{f"p{number}@corp.example": ["GROUP_READ_ONLY"] for number in range(LEAVERS)},
    }
    account = {ACCOUNT.id: {"secret": ACCOUNT.secret, "access_tokens": ["small-token"]}}
    projects = {f"project-{number:02}": {"members": members} for number in range(PROJECTS)}
    org = {"service_accounts": account, "api_keys": {KEY.id: {"private_key": KEY.secret}}, "projects": projects}
    with Simulator({"organizations": {"Org": org}}) as sim:
        yield sim


@pytest.fixture
def wide(_wide, quick):
    _wide.reset()
    return _wide


def remove_all(sim: Any, credential: str = "service-account", **more: Any) -> Any:
    users = [f"p{number}@corp.example" for number in range(LEAVERS)]
    return run_module(USER, sim, projects="project-*", users=users, state="absent", **CREDENTIALS[credential], **more)


# --- many works at once ----------------------------------------------------------------------------------------------


def under_way(requests: list[Any]) -> int:
    """The most requests that were under way at once."""
    events = sorted(
        [(one.monotonic, 1) for one in requests] + [(one.monotonic + one.duration, -1) for one in requests],
        key=lambda event: (event[0], event[1]),
    )
    most = now = 0
    for _when, step in events:
        now += step
        most = max(most, now)
    return most


@pytest.mark.parametrize("connections", [1, 3, 8])
def test_no_more_requests_at_once_than_allowed_and_one_in_a_project(wide, connections):
    wide.knobs.latency_s = 0.004
    result = remove_all(wide, max_connections=connections)
    assert not result.get("failed") and len(result["actions"]) == PROJECTS * LEAVERS
    assert under_way(wide.requests) == connections
    for project in wide.world.projects:
        assert under_way([request for request in wide.requests if request.project_id == project]) == 1


@pytest.mark.parametrize("credential", list(CREDENTIALS))
def test_connections_are_kept_and_used_again(wide, credential):
    assert not remove_all(wide, credential, max_connections=4).get("failed")
    assert len({request.connection for request in wide.requests}) <= 4


def test_results_do_not_depend_on_timing(wide):
    first = remove_all(wide, max_connections=1)
    wide.reset()
    slow = list(wide.world.projects)[3]
    wide.fault({"status": 500}, path=f"{slow}/users$", times=2)
    assert planned(remove_all(wide, max_connections=8))["actions"] == planned(first)["actions"]


def test_a_pausing_work_gives_its_place_to_another(small):
    """With one place for requests, who waits for a throttle holds up nobody."""
    small.fault({"status": 429, "headers": {"Retry-After": "1"}}, path=f"{small.project_id('alpha')}/users$", times=1)
    with connected(small, connections=1) as client:
        found = client.together(lambda project: atlas.members(client, project), atlas.projects(client))
        assert all(isinstance(members, list) for members in found)
        assert client.together(lambda project: project, []) == []
    assert sorted(request.status for request in small.requests) == [200, 200, 200, 200, 429]
    assert small.requests[-1].project_id == small.project_id("alpha"), "others waited too"


def test_errors_stand_in_the_place_of_results():
    def work(number: int) -> int:
        if number == 1:
            raise AtlasError("GET /x", "no")
        return number

    with Client(TOKEN, "http://127.0.0.1:9") as client:
        first, second = client.together(work, [1, 2])
        assert isinstance(first, AtlasError) and second == 2


def test_a_bug_in_one_work_is_raised_after_the_others_ended_and_the_token_is_given_back(small):
    small.knobs.latency_s = 0.05
    done = []

    def work(broken: bool) -> None:
        done.append(len(atlas.projects(client)))
        if broken:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), connected(small, ACCOUNT) as client:
        client.together(work, [True, False, False])
    assert done == [3, 3, 3] and small.live_tokens() == 0
    assert small.requests[-1].path.endswith("/revoke")


# --- tokens ----------------------------------------------------------------------------------------------------------


def paths(sim: Any, end: str) -> list[int]:
    return [request.status for request in sim.requests if request.path.endswith(end)]


def test_one_token_a_task_minted_when_first_needed_and_given_back(wide):
    with connected(wide, ACCOUNT) as client:
        assert not wide.requests
        everything = atlas.projects(client)
        client.together(lambda project: atlas.members(client, project), everything)
        assert paths(wide, "/token") == [200]
    assert paths(wide, "/revoke") == [200] and wide.live_tokens() == 0


def test_a_client_that_made_no_call_asks_for_no_token(small):
    with connected(small, ACCOUNT):
        pass
    assert not small.requests


def test_the_token_is_given_back_when_the_task_fails(small):
    small.fault(500, path="/groups$", times=None)
    result = run_module("atlas_project_info", small, **CREDENTIALS["service-account"])
    assert result["failed"] and paths(small, "/revoke") == [200] and small.live_tokens() == 0


def test_all_works_at_once_renew_an_expired_token_once(wide):
    wide.knobs.latency_s = 0.005
    with connected(wide, ACCOUNT, connections=8) as client:
        everything = atlas.projects(client)
        wide.change(lambda world: wide._service.tokens.expire(client._tokens._token))
        found = client.together(lambda project: atlas.members(client, project), everything)
        assert all(len(members) == LEAVERS + 1 for members in found)
    assert wide.tokens_minted == 2 and wide.live_tokens() == 0


def test_renewing_behind_a_throttle_blocks_nobody_forever(wide, monkeypatch):
    """All connections wait for the token that one of them asks for again and again."""
    monkeypatch.setattr(_client, "THROTTLE_FLOOR", 0.05)
    with connected(wide, ACCOUNT, connections=2) as client:
        everything = atlas.projects(client)
        wide.change(lambda world: wide._service.tokens.expire(client._tokens._token))
        wide.fault(429, path="/oauth/token", times=2)
        wide.fault("cut_before", path="/oauth/token", nth=3, times=1)
        found = client.together(lambda project: atlas.members(client, project), everything)
    assert all(not isinstance(members, AtlasError) for members in found)
    assert paths(wide, "/token") == [200, 429, 429, 0, 200]


def test_a_second_refusal_of_the_token_is_an_error(small):
    small.fault("expire_token", path="/groups$", times=None)
    with connected(small, ACCOUNT) as client, pytest.raises(AtlasError, match="401"):
        atlas.projects(client)
    assert small.tokens_minted == 2


def test_a_token_refused_for_one_project_is_given_back_as_well(small):
    """A 401 without a code may be about the project; the first token lives on then."""
    small.knobs.unknown_project, small.knobs.error_codes = 401, False
    result = run_module(
        USER,
        small,
        project="alpha",
        user="dan@corp.example",
        state="absent",
        client_id=ACCOUNT.id,
        client_secret=ACCOUNT.secret,
    )
    assert not result.get("failed")
    small.fault({"status": 401, "errorCode": None}, path=f"{small.project_id('beta')}/users", times=None)
    small.forget()
    result = run_module(
        USER,
        small,
        projects="*",
        user="dan@corp.example",
        state="absent",
        client_id=ACCOUNT.id,
        client_secret=ACCOUNT.secret,
    )
    assert result["failed"] and [action["status"] for action in result["actions"]] == ["failed", "done"]
    assert paths(small, "/token") == [200, 200] and small.live_tokens() == 0


@pytest.mark.parametrize("fault, tries", [(500, 4), ("cut_before", 4), ({"html": 200}, 4), (401, 1)])
def test_tokens_are_asked_for_a_bounded_number_of_times(wide, fault, tries):
    wide.fault(fault, path="/oauth/token", times=None)
    with connected(wide, ACCOUNT) as client:
        everything = [atlas.Project(project, project, "") for project in wide.world.projects]
        found = client.together(lambda project: atlas.members(client, project), everything)
    assert all("POST /api/oauth/token" in str(error) for error in found)
    assert len(wide.requests) == tries
    assert all(str(error).count(" tries in ") == (tries > 1) for error in found)


def test_a_token_near_its_end_is_replaced_before_it_ends(small):
    with connected(small, ACCOUNT) as client:
        atlas.projects(client)
        client._tokens._ends = time.monotonic() - 1
        atlas.projects(client)
    assert paths(small, "/groups") == [200, 200] and paths(small, "/token") == [200, 200]
    assert small.live_tokens() == 0


# --- digest ----------------------------------------------------------------------------------------------------------


def test_a_digest_challenge_is_answered_once_a_connection(wide):
    assert not remove_all(wide, "api-key", max_connections=4).get("failed")
    challenges = [request for request in wide.requests if request.status == 401]
    assert 1 <= len(challenges) <= 4


@pytest.mark.parametrize("flag", [True, False])
def test_an_outlived_nonce_is_replaced(small, flag):
    small.knobs.nonce_ttl_s, small.knobs.nonce_stale_flag = 0.3, flag
    with connected(small, KEY) as client:
        for _again in range(2):
            assert len(atlas.projects(client)) == 3
            time.sleep(0.35)


# --- tries and odd answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [500, 502, 503, "cut_before", "cut_mid_body", "garbage", "empty", {"html": 200}], ids=str
)
def test_a_failing_read_is_tried_four_times_and_says_so(small, fault):
    small.fault(fault, method="GET", times=None)
    with connected(small) as client, pytest.raises(AtlasError, match=r"\(4 tries in \d+\.\d s\)"):
        atlas.projects(client)
    assert len(small.requests) == 4


@pytest.mark.parametrize(
    "fault", [400, 401, 402, 403, 404, 405, 406, 409, 410, 415, {"redirect": 302}, {"shape": "list"}], ids=str
)
def test_a_read_that_was_answered_is_not_repeated(small, fault):
    small.fault(fault, method="GET", times=None)
    with connected(small) as client, pytest.raises(AtlasError):
        atlas.projects(client)
    assert len(small.requests) == 1


def test_a_redirect_is_not_followed_and_takes_no_credential_along(small):
    with socket.socket() as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.listen()
        elsewhere.settimeout(0.1)
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"
        small.fault({"redirect": 307, "location": url}, method="GET", times=None)
        with (
            connected(small) as client,
            pytest.raises(AtlasError, match="redirected to 127.0.0.1, which is not followed"),
        ):
            atlas.projects(client)
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_cut_answers_do_not_use_up_the_connections(wide):
    wide.fault("cut_mid_body", method="GET", path="/users$", times=60)
    wide.fault({"hang": 5}, method="GET", path="/users$", nth=61, times=2)
    with connected(wide, connections=2, timeout=0.2) as client:
        everything = atlas.projects(client)
        client.together(lambda project: atlas.members(client, project), everything)
        found = client.together(lambda project: atlas.members(client, project), everything)
    assert all(not isinstance(members, AtlasError) for members in found)


def test_what_the_netrc_file_holds_is_not_sent(small, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    with connected(small) as client:
        assert len(atlas.projects(client)) == 3


ANSWERS = {
    "deep": (200, {}, "[" * 100_000),
    "odd-retry-after": (429, {"Retry-After": "\xb2"}, "{}"),
    "date-for-retry-after": (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "{}"),
    "huge-retry-after": (429, {"Retry-After": "9" * 400}, "{}"),
    "error-is-a-list": (400, {}, "[1]"),
    "error-is-a-number": (400, {}, "7"),
    "detail-is-an-object": (400, {}, '{"detail": {"a": 1}, "errorCode": 5}'),
    "long-detail": (400, {}, json.dumps({"detail": "x" * 100_000})),
    "unknown-charset": (200, {"Content-Type": "application/json; charset=nonsense"}, "\xff\xfe"),
    "broken-encoding": (200, {"Content-Encoding": "gzip"}, "no gzip"),
    "odd-challenge": (401, {"WWW-Authenticate": "Digest nonsense"}, "{}"),
    "challenge-of-unknown-algorithm": (401, {"WWW-Authenticate": 'Digest realm="x", nonce="y", algorithm=NEW'}, "{}"),
    "redirect-nowhere": (302, {}, ""),
    "redirect-to-nonsense": (302, {"Location": "http://[nonsense"}, ""),
    "no-content-for-a-listing": (204, {}, ""),
    "status-of-its-own": (799, {}, "{}"),
    "project-tags": (
        200,
        {},
        '{"results": [{"id": "%s", "name": "a", "orgId": "%s", "tags": ["x"]}]}' % ("1" * 24, "1" * 24),
    ),
    "project-without-organization": (200, {}, '{"results": [{"id": "111111111111111111111111", "name": "a"}]}'),
}


@contextmanager
def answering(status: int, headers: dict[str, str], body: str) -> Iterator[str]:
    """A server with one answer for everything."""
    raw = body.encode("latin-1")
    lines = {"Content-Type": "application/json", "Content-Length": str(len(raw)), "Connection": "close", **headers}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _address = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(head.encode("latin-1") + (b"" if status == 204 else raw))

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("credential", [TOKEN, KEY, ACCOUNT], ids=lambda one: one.kind)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=list(ANSWERS))
def test_an_odd_answer_is_one_sentence(quick, monkeypatch, answer, credential):
    monkeypatch.setattr(_client, "THROTTLE_FLOOR", 0.01)
    with answering(*answer) as url, Client(credential, url, timeout=2, max_wait=0.05) as client:
        with pytest.raises(AtlasError) as raised:
            atlas.projects(client)
    assert len(str(raised.value)) < 1500 and "\n" not in str(raised.value)


SHAPES = {
    "teams": ('{"teamId": 1, "roleNames": []}', lambda c: atlas.teams(c, atlas.Project("1", "a", "1"))),
    "team-names": ('{"id": "111111111111111111111111"}', lambda c: atlas.teams_of(c, "1")),
    "members": (
        '{"id": "111111111111111111111111", "username": null}',
        lambda c: atlas.members(c, atlas.Project("1", "a", "1")),
    ),
    "invitations": (
        '{"id": "111111111111111111111111"}',
        lambda c: atlas.legacy_invitations(c, atlas.Project("1", "a", "1")),
    ),
}


def test_an_odd_row_of_people_costs_itself_and_is_named(quick):
    rows = ", ".join(
        f'{{"id": "{one}", "username": "{one}@b", "orgMembershipStatus": "ACTIVE", "roles": {roles}}}'
        for one, roles in (("1" * 24, '["x"]'), ("2" * 24, '{"orgRoles": ["ORG_MEMBER"]}'))
    )
    with answering(200, {}, f'{{"results": [{rows}]}}') as url, Client(TOKEN, url) as client:
        people, odd = atlas.people(client, "1")
    assert list(people) == ["2" * 24] and odd == [atlas.Odd("1" * 24, f"{'1' * 24}@b", "its 'roles'")]


@pytest.mark.parametrize("row, call", SHAPES.values(), ids=list(SHAPES))
def test_a_row_of_another_shape_is_an_error_of_the_answer(quick, row, call):
    body = f"[{row}]" if "invit" in str(call.__code__.co_names) else f'{{"results": [{row}]}}'
    with answering(200, {}, body) as url, Client(TOKEN, url) as client:
        with pytest.raises(AtlasError, match="shape that Atlas documents"):
            call(client)


def test_every_page_is_read_whatever_the_total_says(quick, monkeypatch):
    monkeypatch.setattr(_client, "PAGE", 100)
    world = {
        "organizations": {
            "Org": {
                "service_accounts": {ACCOUNT.id: {"secret": ACCOUNT.secret, "access_tokens": ["small-token"]}},
                "projects": {
                    "big": {"members": {f"p{number}@corp.example": ["GROUP_READ_ONLY"] for number in range(300)}}
                },
            }
        }
    }
    for total in ("exact", "low", "absent"):
        with Simulator(world, total_count=total) as sim, connected(sim) as client:
            found = atlas.members(client, atlas.projects(client)[0])
            assert len({member.user for member in found}) == 300
    # One that says more than there is can't be told from a listing that came short.
    with Simulator(world, total_count="high") as sim, connected(sim) as client:
        with pytest.raises(AtlasError, match="the listing did not come whole: 1 of 8 rows came"):
            atlas.projects(client)


def test_a_server_that_repeats_one_page_is_found_out(quick, monkeypatch):
    monkeypatch.setattr(_client, "PAGE", 1)
    with (
        answering(
            200,
            {},
            '{"results": [{"id": "111111111111111111111111", "name": "a", "orgId": "111111111111111111111111"}]}',
        ) as url,
        Client(TOKEN, url) as client,
    ):
        with pytest.raises(AtlasError, match="page 2 repeats the one before it"):
            atlas.projects(client)


# --- settling writes -------------------------------------------------------------------------------------------------


def test_somebody_invited_anew_under_another_id_counts_as_added(small):
    """The documents don't say that an invitation that replaces an expired one keeps the id."""
    project = small.world.project("alpha")
    expired = small.user_id("eve@partner.example")

    def with_new_id(world: Any) -> None:
        user = project.org.users.pop(expired)
        user.id = "f" * 24
        project.org.add_user(user)
        project.members[user.id] = project.members.pop(expired)

    with connected(small) as client:
        alpha = atlas.Project(project.id, "alpha", project.org.id)
        member = next(one for one in atlas.members(client, alpha) if one.user_id == expired)
        step = atlas.Step("add", "eve@partner.example", ("GROUP_READ_ONLY",))
        small.fault({"status": 503}, method="POST", after_effect=True)
        call = client.call

        def then_renamed(method: str, *arguments: Any, **named: Any) -> Any:
            try:
                return call(method, *arguments, **named)
            finally:
                if method == "POST":
                    small.change(with_new_id)

        client.call = then_renamed  # type: ignore[method-assign]
        assert atlas.apply(client, alpha, step, member).member.user_id == "f" * 24
    assert len(small.writes) == 1
