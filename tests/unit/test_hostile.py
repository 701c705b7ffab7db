# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that means no good, or is none of Atlas: a sentence, bounds, and no write but what is asked.

What it answers is what the simulated Atlas answers, with something in it turned into something else, at any place and
under every name that the official descriptions know. `HOSTILE_EXAMPLES` says how many new ones to try.
"""

from __future__ import annotations

import copy
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import role_calls
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from module_run import run_module
from test_laws import DAN, ORGANIZATION, ROLE, TEAM, USER, everywhere
from torrent import MIB, Torrent

from contract import official
from simulator import Simulator

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES") or 0)
MOST_MIB, SECONDS = 300, 60
ADMIN = {"max_removal_percent": 100, "max_project_removal_percent": 100}
ANN, RITA = "ann@corp.example", "rita@corp.example"
TASKS: list[tuple[str, dict[str, Any]]] = [
    (USER, {"projects": "*", "user": DAN, "state": "absent"}),
    (USER, {"projects": ["alpha", "beta"], "user": DAN, "roles": ["GROUP_READ_ONLY"]}),
    (ROLE, {"project": "beta", "user": DAN, "role": "GROUP_CLUSTER_MANAGER", "state": "absent"}),
    (TEAM, {"teams": "*", "user": ANN, "state": "absent"}),
    (TEAM, {"team": "readers", "user": DAN}),
    (ORGANIZATION, {"user": RITA, "state": "absent"}),
    (ORGANIZATION, {"user": DAN, "roles": ["ORG_READ_ONLY"]}),
    ("atlas_project_user_info", {}),
    ("atlas_project_identity_info", {}),
    ("atlas_project_info", {}),
    ("atlas_access_review", {"policy": {"leavers": [DAN], "inactive_days": 90}, "guards": ADMIN}),
]

# --- answers with something odd in them ------------------------------------------------------------------------------

NESTED: Any = []
for _level in range(200):
    NESTED = [NESTED]
ODD: list[Any] = [
    None, True, -1, 0, 10**30, 1e308, "", " ", [], {}, [None], [[]], [{}], {"id": {}}, NESTED, "x" * 100_000,
    "..", "../../orgs", "a/b?c=d#e", "%2e%2e", "\x1b[2J\x1b[31mok", "\u202egnp.exe", "\u200b", "\ud800", "a\r\nb: c",
    "{{ 1 + 1 }}", "=1+1", "ACTIVE", "GROUP_OWNER", "GROUP_" + "X" * 300, ["GROUP_OWNER", None], [0] * 5000,
]  # fmt: skip


def described() -> list[str]:
    """The names of all properties in the official descriptions, where they lie beside this repository."""
    found: set[str] = set()

    def collect(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else ():
            if key == "properties" and isinstance(value, dict):
                found.update(value)
            collect(value)
        for value in node if isinstance(node, list) else ():
            collect(value)

    for description in official.load():
        collect(description.spec["components"])
    return sorted(found)


NAMES = described() or ["id", "username", "roles", "results", "links", "totalCount", "orgId", "groupId", "teamId"]
TURNS = st.tuples(
    st.lists(st.integers(0, 1000), max_size=6),
    st.sampled_from(["set", "set", "set", "drop", "name", "double", "reverse", "cut"]),
    st.sampled_from(ODD),
    st.sampled_from(NAMES),
)


def turned(document: Any, where: list[int], what: str, value: Any, name: str) -> Any:
    """The document with one thing in it turned into something else."""
    document = copy.deepcopy(document)
    if what == "rows":
        for row in document["results"]:
            row[name] = value
        return document
    node, parent, place = document, None, None
    for step in where:
        places = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        if not places:
            break
        parent, place = node, places[step % len(places)]
        node = node[place]
    if parent is None:
        return value if what == "set" else document
    if what == "set":
        parent[place] = value
    elif what == "drop":
        del parent[place]
    elif what == "name" and isinstance(node, dict):
        node[name] = value
    elif isinstance(node, list):
        parent[place] = {"double": [*node, *node], "reverse": node[::-1], "cut": node[: len(node) // 2]}.get(what, node)
    return document


class Liar(Simulator):
    """The nth answer and all after it (or only that one) are turned."""

    turns: list[Any] = []
    nth, times, seen = 1, 1, 0

    @staticmethod
    def around(app: Any) -> Any:
        async def lying(scope: Any, receive: Any, send: Any) -> None:
            kept: list[Any] = []

            async def keep(message: Any) -> None:
                kept.append(message)

            await app(scope, receive, keep)
            Liar.seen += 1
            body = b"".join(message.get("body", b"") for message in kept[1:])
            if Liar.nth <= Liar.seen < Liar.nth + Liar.times and body:
                document = json.loads(body)
                for turn in Liar.turns:
                    document = turned(document, *turn)
                body = json.dumps(document).encode()
            headers = [pair for pair in kept[0]["headers"] if pair[0].lower() != b"content-length"]
            await send({**kept[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
            await send({"type": "http.response.body", "body": body})

        return lying


@pytest.fixture(scope="module")
def liar() -> Iterator[Simulator]:
    with Liar("small") as sim:
        yield sim


@settings(
    max_examples=EXAMPLES or 60, derandomize=not EXAMPLES, database=None, deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(task=st.sampled_from(TASKS), turns=st.lists(TURNS, min_size=1, max_size=2), nth=st.integers(1, 9),
       times=st.sampled_from([1, 1, 100]))  # fmt: skip
def test_whatever_is_answered_there_is_a_sentence_and_nobody_else_is_meant(liar, quick, task, turns, nth, times):
    liar.reset()
    Liar.turns, Liar.nth, Liar.times, Liar.seen = turns, nth, times, 0
    module, options = task
    before = everywhere(liar)
    result = run_module(module, liar, max_wait=0, **options)
    assert not result.get("exception") and "Traceback" not in result.output
    said = result["warnings"] + ([result["msg"]] if result.get("failed") else [])
    for sentence in said:
        assert sentence.strip() and sentence.isprintable() and len(sentence) < 11_000, sentence[:300]
    named = {DAN, options.get("user")}
    ids, (org,) = "|".join(filter(None, (before["Small Org"].get(one, {}).get("id") for one in named))), liar.world.orgs
    places = "|".join([*liar.world.projects, org])
    mine = re.compile(
        f"/(groups|orgs)/({places})/(users(/({ids})(:addRole|:removeRole)?)?|teams/[0-9a-f]+:[ar]\\w+User)$"
    )
    for write in liar.writes:
        assert mine.search(write.path), f"{write.method} {write.path}"
    for place, people in everywhere(liar).items():
        assert {user: one for user, one in people.items() if user not in named} == {
            user: one for user, one in before[place].items() if user not in named
        }, f"others in {place}"
    if module.endswith(("_info", "_review")):
        assert not liar.writes


IDS = ["..", ".", "../..", "a/b", "%2e%2e", "5" * 23, "5" * 25, "g" * 24, f"{'5' * 24}/..", ""]


@pytest.mark.parametrize("name", ["id", "orgId"])
@pytest.mark.parametrize("odd", IDS)
def test_an_id_that_is_a_path_leads_nowhere(liar, quick, odd, name):
    """A path ends one level higher where an id is two dots; that of a person would lead to the project itself."""
    for nth in (1, 2):
        liar.reset()
        # The first answer is the projects; the second one the members of a project.
        Liar.turns, Liar.nth, Liar.times, Liar.seen = [([], "rows", odd, name)], nth, 1, 0
        result = run_module(USER, liar, max_wait=0, project="alpha", user=DAN, state="absent")
        if nth == 1 or name == "id":
            assert result["failed"] and "does not have the shape that Atlas documents" in result["msg"]
            assert not liar.writes


# --- too much, and too slow ------------------------------------------------------------------------------------------

HEAD = b'{"results": ['
ROW = {"username": "somebody@corp.example", "orgMembershipStatus": "ACTIVE", "roles": ["GROUP_OWNER"], "name": "p"}


def rows(page: int, fat: int = 0) -> bytes:
    """A page of 500 rows that nobody has seen before, with a link to the next one."""
    listed = [
        {**ROW, "id": f"{page * 500 + number:024x}", "orgId": "f" * 24, **({"note": "x" * fat} if fat else {})}
        for number in range(500)
    ]
    return json.dumps({"results": listed, "links": [{"rel": "next", "href": "x"}]}).encode()


def packed() -> bytes:
    """200 MiB of nothing."""
    packer, filler = zlib.compressobj(1, wbits=31), b" " * MIB
    return b"".join(packer.compress(filler) for _number in range(200)) + packer.flush()


FILLER = b" " * MIB
CHALLENGE = {"WWW-Authenticate": 'Digest realm="x", nonce="n", qop="auth"'}
# What each kind of too much is.
KINDS: dict[str, Callable[[], Torrent]] = {
    "200-mb": lambda: Torrent([HEAD] + [FILLER] * 200),
    "never-ends": lambda: Torrent([HEAD, FILLER], chunked=True, again=100_000),
    "dense": lambda: Torrent([b"[" + b"{}," * (10 * MIB) + b"{}]"]),
    "letters-of-four-bytes": lambda: Torrent([b'["' + "\U0001f600".encode() + b"x" * (30 * MIB) + b'"]']),
    "deep": lambda: Torrent([b"[" * (20 * MIB)]),
    "bomb": lambda: Torrent([packed()], headers={"Content-Encoding": "gzip"}),
    "refusal": lambda: Torrent([FILLER] * 200, status=500),
    "redirect": lambda: Torrent([FILLER] * 200, status=302, headers={"Location": "/elsewhere"}),
    "challenge": lambda: Torrent([FILLER] * 200, status=401, headers=CHALLENGE),
    "pages": lambda: Torrent(page=rows),
    "fat-pages": lambda: Torrent(page=lambda number: rows(number, 10_000)),
}
# Each bound has another one in make test: of bytes never-ends, of what is no success refusal.
SELDOM = ("200-mb", "redirect")
CREDENTIALS = {"challenge": {"public_key": "smallkey", "private_key": "small-private-key"}}


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=[pytest.mark.thorough] if one in SELDOM else []) for one in KINDS]
)
def test_too_much_is_a_sentence_within_bounds(tmp_path, kind):
    with KINDS[kind]() as server:
        began = time.monotonic()
        result, mib = role_calls.measured(
            tmp_path, USER,
            {"projects": "*", "user": DAN, "state": "absent", "base_url": server.url, "timeout": 30, "max_wait": 0,
             **CREDENTIALS.get(kind, {"access_token": "t0ken"})},
        )  # fmt: skip
        took = time.monotonic() - began
    assert result and result["failed"] and result["msg"].isprintable(), "the process died"
    assert mib < MOST_MIB, f"{mib:.0f} MiB"
    assert took < SECONDS and not server.writes
