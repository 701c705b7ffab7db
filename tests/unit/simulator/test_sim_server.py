# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Worlds, the log, the control API, the command, and starting and stopping."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from simulator import Simulator, generated, load_world
from simulator.loading import build, moment_of

TESTS = Path(__file__).resolve().parents[2]
DAN = "/groups/<alpha>/users/<dan@corp.example>"


# -- worlds ----------------------------------------------------------------------------------------------------------


def tiny(**project):
    return {"organizations": {"O": {"projects": {"p": project}}}}


def test_ids_are_stable():
    first, second = (build(load_world("small")) for _unused in range(2))
    assert first.project("alpha").id == second.project("alpha").id
    assert first.user("ann@corp.example").id == second.user("ANN@corp.example").id
    assert build(tiny(id="a" * 24)).project("p").id == "a" * 24


def test_dates():
    now = 1_000_000.0
    assert moment_of("-2d", now) == now - 172800 and moment_of("-90m", now) == now - 5400
    assert moment_of("1970-01-02", now) == moment_of("1970-01-02T00:00:00Z", now) == 86400.0


@pytest.mark.parametrize(
    "data, sentence",
    [
        (tiny(members={"a@x.example": ["GROUP_OWNER"]}, invited={"A@x.example": ["GROUP_OWNER"]}), "one status"),
        (tiny(member={}), "Unknown in p: member"),
        ({"projects": {}}, "Unknown in the world: projects"),
        ({**tiny(), "knobs": {"lastrole_status": 403}}, "did you mean 'last_role_status'"),
        ({**tiny(), "knobs": {"last_role_status": 404}}, "403, 409, 400"),
        ({**tiny(), "limits": {"users": {}}}, "No limit named 'users'"),
    ],
)
def test_mistakes_in_worlds(data, sentence):
    with pytest.raises(ValueError, match=sentence):
        Simulator(data)


def test_users_entry_gives_the_status():
    world = tiny(members={"a@x.example": "GROUP_OWNER"})
    world["organizations"]["O"]["users"] = {"a@x.example": {"status": "PENDING"}}
    with Simulator(world) as sim:
        assert sim.state()["p"]["a@x.example"]["status"] == "PENDING"


def test_demo_world():
    world = build(load_world("demo"))
    (org,) = world.orgs.values()
    assert len(world.projects) == 12 and 55 <= len(org.users) <= 65 and len(org.teams) == 4
    assert {user.status for user in org.users.values()} == {
        "ACTIVE",
        "PENDING",
        "INVITATION_EXPIRED",
        "INVITATION_REJECTED",
    }
    leavers = [world.user(f"{name}@corp.example") for name in ("dana.field", "omar.reyes")]
    for project in world.projects.values():
        owners = [user_id for user_id, roles in project.members.items() if "GROUP_OWNER" in roles]
        assert set(owners) - {user.id for user in leavers}, f"{project.name} has owners who stay"
    assert all(sum(user.id in project.members for project in world.projects.values()) >= 3 for user in leavers)


def test_generated():
    data = load_world("generated:5x20")
    assert data == generated(5, 20)
    assert all(len(members) == 20 for members in Simulator(data).state().values())
    invited = Simulator(generated(2, 10, people=12, pending=3)).state()["project-001"]
    assert [row["status"] for row in invited.values()] == ["ACTIVE"] * 8 + ["PENDING"] * 2


def test_generated_with_teams_and_everybody_in_so_many_projects():
    org = next(iter(Simulator("generated:10x20,each=4,teams=3").world.orgs.values()))
    assert len(org.users) == 50
    seats = [user_id for project in org.projects.values() for user_id in project.members]
    assert len(seats) == 200 and all(seats.count(user_id) == 4 for user_id in org.users)
    assert sorted(user_id for team in org.teams.values() for user_id in team.members) == sorted(org.users)
    assert [len(project.teams) for project in org.projects.values()] == [1] * 3 + [0] * 7


# -- looking and turning ---------------------------------------------------------------------------------------------


def test_log(api, sim):
    api.get("/groups/<alpha>/users", username="ann@corp.example")
    api.delete(DAN)
    read, write = sim.requests
    assert (read.method, read.status, read.query) == ("GET", 200, "username=ann%40corp.example")
    assert (write.method, write.status, write.project_id) == ("DELETE", 204, sim.project_id("alpha"))
    assert write.credential == "mdb_sa_id_0123456789abcdef01234567" and write.connection == read.connection
    assert sim.writes == [write]
    sim.forget()
    assert sim.requests == []


def test_log_has_no_secrets(api, sim):
    requests.post(
        sim.url + "/api/oauth/token",
        auth=("mdb_sa_id_0123456789abcdef01234567", "mdb_sa_sk_small"),
        data={"grant_type": "client_credentials"},
    )
    api.get("/groups")
    assert "mdb_sa_sk" not in repr(sim.requests) and "small-token" not in repr(sim.requests)
    assert sim.writes == [], "tokens are no writes"


def test_reset(api, sim):
    before = sim.state()
    api.delete(DAN)
    sim.knobs.last_owner = "refuse"
    sim.reset()
    assert (sim.state(), sim.requests, sim.knobs.last_owner) == (before, [], "allow")


def test_constructor_knobs_outlive_a_reset():
    with Simulator("small", last_role_status=409) as sim:
        sim.knobs.last_role_status = 400
        sim.reset()
        assert sim.knobs.last_role_status == 409


def test_knobs_are_checked(sim):
    with pytest.raises(ValueError, match="No knob named"):
        sim.knobs.latency = 1
    with pytest.raises(ValueError, match="allow, refuse"):
        sim.knobs.last_owner = "maybe"


def test_control(api, sim):
    control = sim.url + "/_simulator/"
    assert requests.get(control + "health").json()["status"] == "ok"
    assert requests.get(control + "state").json() == sim.state()
    assert requests.put(control + "knobs", json={"last_owner": "refuse"}).json()["last_owner"] == "refuse"
    assert requests.put(control + "knobs", json={"nothing": 1}).status_code == 400
    limit = {"capacity": 1, "refill": 1, "period_s": 60, "continuous": False}
    assert requests.put(control + "limits", json={"org_users": limit}).status_code == 200
    script = [{"what": "cut_after", "match": {"method": "DELETE"}}]
    assert requests.put(control + "faults", json=script).json() == {"scripted": 1}
    assert requests.post(control + "faults", json={"what": 500, "match": {"method": "GET"}}).json() == {"scripted": 2}
    assert api.get("/groups").status_code == 500
    (logged,) = requests.get(control + "requests").json()
    assert (logged["path"], logged["fault"]) == ("/api/atlas/v2/groups", "status")
    assert requests.delete(control + "faults").status_code == requests.delete(control + "requests").status_code == 200
    assert sim.requests == []
    assert requests.post(control + "reset").status_code == 200
    assert sim.knobs.last_owner == "allow"


# -- starting and stopping -------------------------------------------------------------------------------------------


def test_many_one_after_the_other():
    world = load_world("small")
    started = time.monotonic()
    for _unused in range(20):
        with Simulator(world) as sim:
            assert requests.get(sim.url + "/_simulator/health").status_code == 200
    assert time.monotonic() - started < 4


def test_stops_in_the_middle_of_a_hang(sim):
    with Simulator("small") as own:
        own.fault({"hang": 60})
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(own.url + "/api/atlas/v2/groups", timeout=0.05, headers={"Authorization": "Bearer x"})
        started = time.monotonic()
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command(tmp_path, number):
    url_file, log = tmp_path / "url", tmp_path / "log"
    command = [
        sys.executable,
        "-m",
        "simulator",
        "--world",
        "demo",
        "--latency",
        "0.01",
        "--knob",
        "last_owner=refuse",
        "--url-file",
        str(url_file),
        "--log",
        str(log),
    ]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        url = process.stdout.readline().strip()
        assert url_file.read_text().strip() == url and url.startswith("http://127.0.0.1:")
        knobs = requests.get(url + "/_simulator/knobs").json()
        assert (knobs["last_owner"], knobs["latency_s"]) == ("refuse", 0.01)
        requests.get(url + "/api/atlas/v2/groups")
        process.send_signal(number)
        assert process.wait(5) == 0
    assert json.loads(log.read_text())["status"] == 401


def test_command_serves_loopback_only():
    command = [sys.executable, "-m", "simulator", "--world", "small", "--host", "0.0.0.0"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2 and "127.0.0.1 only" in done.stderr
