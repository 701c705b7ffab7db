# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role for many hosts, in loops, beside others that act at the same time, and where something fails."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import warm_python
from role_run import LEAVERS, evidence, members, runs, statistics, words


@pytest.fixture
def told(demo):
    """The demo's world, where Ansible shows its statistics."""
    demo.environment.update(ANSIBLE_SHOW_CUSTOM_STATS="true", ANSIBLE_CALLBACK_RESULT_FORMAT="json")
    return demo


ANYWHERE = """
- hosts: all
  gather_facts: false
  {more}
  tasks:
    - ansible.builtin.include_role: {{name: atlasops.access.access_cleanup}}
      {loop}
"""


def inventory(home: Path, **hosts) -> str:
    (home / "play.yml").write_text(ANYWHERE.format(more="", loop=""))
    shared = {"ansible_connection": "local", "ansible_python_interpreter": warm_python.interpreter()}
    path = home / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": hosts, "vars": shared}}))
    return str(path)


@pytest.mark.thorough
def test_two_hosts_share_a_directory_and_the_guard_of_one_stops_that_one(told):
    shop, payments = "web-shop-prod", "payments-prod"
    hosts = inventory(
        told.home,
        shop={"access_cleanup_projects": shop, "access_cleanup_max_removal_percent": 100},
        payments={"access_cleanup_projects": payments, "access_cleanup_max_removals": 0},
    )
    before = told.sim.state()
    ended = told.run("ansible-playbook", "-i", hosts, "-f", "1", "play.yml", **_only(LEAVERS))
    assert ended.returncode != 0, ended.stdout
    after = told.sim.state()
    assert (
        {user for user in after[shop] if user in LEAVERS} == set() != {user for user in before[shop] if user in LEAVERS}
    )
    assert {**after, shop: None} == {**before, shop: None}
    of = statistics(ended)["access_cleanup_hosts"]
    assert {host: one["outcome"] for host, one in of.items()} == {"shop": "done", "payments": "blocked"}
    assert "max_removals" in of["payments"]["msg"] and of["payments"]["approved_steps"]
    assert len({one["evidence_dir"] for one in of.values()}) == 2 == len(runs(told.home))
    for one in of.values():
        assert one["seal"] == hashlib.sha256((Path(one["evidence_dir"]) / "SHA256SUMS").read_bytes()).hexdigest()


def _only(leavers):
    return {
        "access_cleanup_leavers": leavers,
        "access_cleanup_evidence_dir": "evidence",
        "access_cleanup_max_project_removal_percent": 100,
    }


@pytest.mark.thorough
def test_in_a_loop_and_as_a_check_of_the_play(demo):
    hosts = inventory(demo.home, here={})
    loop = f"loop: {json.dumps(LEAVERS)}\n      vars: {{access_cleanup_leavers: '{{{{ item }}}}'}}"
    (demo.home / "play.yml").write_text(ANYWHERE.format(more="check_mode: true\n  strategy: free", loop=loop))
    given = {name: value for name, value in _only([]).items() if name != "access_cleanup_leavers"}
    ended = demo.run("ansible-playbook", "-i", hosts, "play.yml", **given)
    assert ended.returncode == 0, ended.stdout
    assert not demo.sim.writes
    documents = [json.loads((run / "review.json").read_text()) for run in runs(demo.home)]
    assert [one["mode"] for one in documents] == ["dry-run", "dry-run"]
    assert [one["policy"]["leavers"] for one in documents] == [[user] for user in LEAVERS]


@pytest.mark.thorough
def test_as_a_check_of_the_include_alone(demo):
    """In a loop over `item`, and once more in the same play; the include says that it is a check."""
    play = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: atlasops.access.access_cleanup, apply: {check_mode: true}}
      loop: [dana.field@corp.example]
      vars: {access_cleanup_leavers: "{{ item }}"}
    - ansible.builtin.import_role: {name: atlasops.access.access_cleanup}
      check_mode: true
      vars: {access_cleanup_leavers: omar.reyes@corp.example}
"""
    (demo.home / "play.yml").write_text(play)
    given = {name: value for name, value in _only([]).items() if name != "access_cleanup_leavers"}
    ended = demo.run("ansible-playbook", "play.yml", **given)
    assert ended.returncode == 0, ended.stdout
    assert not demo.sim.writes
    documents = [json.loads((run / "review.json").read_text()) for run in runs(demo.home)]
    assert [one["mode"] for one in documents] == ["dry-run", "dry-run"]
    assert all(one["steps"] for one in documents)


def test_a_host_that_is_somewhere_else_is_refused(demo):
    hosts = demo.home / "hosts.json"
    far = {"ansible_host": "127.0.0.1", "ansible_port": 1}
    hosts.write_text(json.dumps({"all": {"hosts": {"far": far}}}))
    play = ANYWHERE.format(more="", loop="")
    (demo.home / "play.yml").write_text(play)
    ended = demo.run("ansible-playbook", "-i", str(hosts), "play.yml", **_only(LEAVERS))
    assert ended.returncode == 2, ended.stdout
    assert "runs where Ansible itself runs, and far is reached by ssh" in words(ended)
    assert not demo.sim.requests and "UNREACHABLE" not in ended.stdout


@pytest.mark.thorough
def test_by_ansible_runner(demo):
    """As AWX does, and with it the command as it is installed."""
    import ansible_runner

    (demo.home / "project").mkdir()
    play = ANYWHERE.format(more="", loop="").replace("hosts: all", "hosts: localhost")
    (demo.home / "project/play.yml").write_text(play)
    extra = {**_only(LEAVERS), "access_cleanup_evidence_dir": str(demo.home / "evidence")}
    ended = ansible_runner.run(
        private_data_dir=str(demo.home),
        playbook="play.yml",
        extravars=extra,
        envvars=demo.environment_of(),
        quiet=True,
        timeout=170,
    )
    assert ended.rc == 0, ended.stdout.read()
    document, actions = evidence(demo.home)
    assert document["mode"] == "clean-up" and {row["verified"] for row in actions} == {"yes"}


@pytest.mark.thorough
def test_an_add_that_atlas_refuses_keeps_no_leaver_in(demo):
    shop = demo.sim.project_id("web-shop-prod")
    rows = [
        {"project": "web-shop-prod", "user": user, "roles": one["roles"]}
        for user, one in demo.sim.state()["web-shop-prod"].items()
        if user not in LEAVERS
    ]
    new = {"project": "web-shop-prod", "user": "new@corp.example", "roles": ["GROUP_READ_ONLY"]}
    demo.sim.fault(
        {"status": 400, "errorCode": "INVALID_EMAIL_ADDRESS"}, method="POST", path=f"{shop}/users", times=None
    )
    wanted = {"access_cleanup_memberships": [*rows, new], "access_cleanup_add_missing": True}
    ended = demo.play("cleanup", **_only(LEAVERS), **wanted)
    assert ended.returncode != 0 and "INVALID_EMAIL_ADDRESS" in ended.stdout, ended.stdout
    document, actions = evidence(demo.home)
    assert document["outcome"]["state"] == "partial"
    assert [row["status"] for row in actions if row["action"] == "add"] == ["failed"]
    assert {project for project, user in members(demo.sim) if user in LEAVERS} <= {"web-shop-prod"}


@contextlib.contextmanager
def meanwhile(act) -> Iterator[None]:
    """Call ``act`` again and again until it says that it did something."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set() and not act():
            time.sleep(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.thorough
def test_a_plan_that_was_edited_in_between_is_not_carried_out(demo):
    def swap() -> bool:
        for path in (demo.home / "evidence").glob("*-clean-up-*/plan.json"):
            with contextlib.suppress(ValueError):
                plan = json.loads(path.read_text())
                plan["steps"] = plan["steps"][:1]
                path.write_text(json.dumps(plan))
                return True
        return False

    with meanwhile(swap):
        ended = demo.play("offboard", **_only(LEAVERS))
    assert ended.returncode != 0 and not demo.sim.writes, ended.stdout
    document = json.loads((runs(demo.home)[-1] / "review.json").read_text())
    assert document["outcome"]["colour"] == "red" and len(document["steps"]) > 1
    assert {row["status"] for row in document["actions"]} == {"not tried"}


@pytest.mark.thorough
def test_a_review_that_was_edited_in_between_is_found_out(demo):
    """What was done is told by the journal; a document that holds nothing of it is no green one."""

    def swap() -> bool:
        for path in (demo.home / "evidence").glob("*-clean-up-*/actions.jsonl"):
            path = path.parent / "review.json"
            document = json.loads(path.read_text())
            emptied = {"steps": [], "findings": [], "plan_digest": hashlib.sha256(b"").hexdigest()}
            path.write_text(json.dumps({**document, **emptied}))
            return True
        return False

    with meanwhile(swap):
        ended = demo.play("offboard", **_only(LEAVERS))
    assert ended.returncode != 0 and demo.sim.writes, ended.stdout
    document = json.loads((runs(demo.home)[-1] / "review.json").read_text())
    assert document["outcome"]["state"] == "failed"
    assert f"{len(demo.sim.writes)} steps were taken that the review did not plan" in words(ended)


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="There is no /proc here to find the process in.")
def test_where_the_verification_dies_nothing_is_claimed(told):
    def kill() -> bool:
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (path / "cmdline").read_bytes().split(b"\0")
                if b"python" not in line[0] or b"AnsiballZ_atlas_access_evidence" not in b"".join(line[1:2]):
                    continue
                if f"HOME={told.home}\0".encode() in (path / "environ").read_bytes():
                    os.kill(int(path.name), signal.SIGKILL)
                    return True
        return False

    plain = {"ansible_python_interpreter": sys.executable}
    with meanwhile(kill):
        ended = told.play("offboard", **_only(LEAVERS), **plain)
    assert ended.returncode != 0 and told.sim.writes, ended.stdout
    (run,) = runs(told.home)
    assert not (run / "SHA256SUMS").exists(), "an unfinished run has no seal"
    assert statistics(ended)["access_cleanup"]["outcome"] == "interrupted"
    report = (run / "review.html").read_text()
    assert "Interrupted" in report and "nothing was changed" not in report.lower()

    again = told.play("offboard", **_only(LEAVERS))
    assert again.returncode == 0, again.stdout
    assert "has no end on record" in words(again), "the next run tells it"


@pytest.mark.thorough
def test_what_fails_early_is_told(told):
    told.environment["MONGODB_ATLAS_CLIENT_SECRET"] = "wrong"
    ended = told.play("cleanup", **_only(LEAVERS))
    assert ended.returncode != 0
    one = statistics(ended)["access_cleanup"]
    assert one["outcome"] == "failed" and "401" in one["msg"], one
    one = statistics(told.play("cleanup", access_cleanup_apply="ture"))["access_cleanup"]
    assert one["outcome"] == "failed" and "'ture' is neither true nor false" in one["msg"]


@pytest.mark.thorough
def test_a_run_without_a_report_fails_and_names_no_report(demo):
    ended = demo.play(
        "cleanup",
        access_cleanup_leavers=LEAVERS,
        access_cleanup_evidence_dir="evidence",
        access_cleanup__render=["false"],
    )
    assert ended.returncode == 2 and "the report could not be written: exit code 1" in words(ended)
    assert f"evidence: {runs(demo.home)[-1]}'" in words(ended) and "review.html" not in words(ended)
    evidence(demo.home)


@pytest.mark.parametrize(
    "name, option, tags, said",
    [
        ("cleanup", "--tags", "review", "Nothing in this playbook has the tags review"),
        pytest.param(
            "review", "--tags", "review", "Nothing in this playbook has the tags review", marks=pytest.mark.thorough
        ),
        ("cleanup", "--skip-tags", "all", "the tags all without all, so nothing"),
        pytest.param(
            "cleanup",
            "--skip-tags",
            "untagged",
            "the tags all without untagged, so nothing",
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_a_choice_of_tags_is_no_run_that_ends_well(demo, name, option, tags, said):
    ended = demo.play(name, option, tags, access_cleanup_leavers=LEAVERS)
    assert ended.returncode != 0 and said in words(ended)
    assert not demo.sim.requests
