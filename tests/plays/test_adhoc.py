# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody types, and sees."""

from __future__ import annotations

import pytest

USER = "atlasops.access.atlas_project_user"
MODULE = ["ansible", "localhost", "-m", USER, "-a"]
TASK = "project=beta user=dan@corp.example state=absent"
REMOVE = {"project": "beta", "user": "dan@corp.example", "state": "absent"}

# What pytest-ansible says of its own ways: they are to be replaced one day, and start Ansible again and again in the
# process of the tests, in which a simulator runs.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{said}")
    for said in (
        "Host management is deprecated",
        "AnsibleCollectionFinder has already been configured",
        "This process .* is multi-threaded:DeprecationWarning",
        "unclosed file:ResourceWarning",
    )
]


def test_an_ad_hoc_removal_shows_who_loses_what_then_does_it(small):
    before = small.sim.state()
    dry = small.run(*MODULE, TASK, "-C", "-D")
    assert dry.returncode == 0, dry.stdout
    assert "-" in dry.stdout and "dan@corp.example" in dry.stdout and "GROUP_CLUSTER_MANAGER" in dry.stdout
    assert small.sim.state() == before and not small.sim.writes

    real = small.run_by_name(*MODULE, TASK)
    assert "CHANGED" in real.stdout, real.stdout
    assert "dan@corp.example" not in small.sim.state()["beta"]


@pytest.mark.thorough
def test_a_removal_returns_what_was_done_and_again_that_nothing_was_left(account, localhost):
    remove = getattr(localhost, USER)
    first = remove(**REMOVE)["localhost"]
    assert first.is_changed and not first.is_failed, first
    (done,) = first["actions"]
    assert (done["action"], done["status"], done["user"]) == ("remove", "done", "dan@corp.example")
    assert "dan@corp.example" not in account.state()["beta"]

    account.forget()
    again = remove(**REMOVE)["localhost"]
    assert again.is_ok and again["actions"] == [], again
    assert not account.writes


@pytest.mark.thorough
def test_the_rows_of_one_task_are_what_another_is_asked(account, localhost):
    rows = getattr(localhost, f"{USER}_info")(users=["dan@corp.example"], via=["direct"])["localhost"]["memberships"]
    assert [row["project"] for row in rows] == ["alpha", "beta", "gamma"]
    gone = getattr(localhost, USER)(memberships=rows, state="absent")["localhost"]
    assert gone.is_changed and len(gone["actions"]) == len(rows), gone
    assert not [name for name, people in account.state().items() if "dan@corp.example" in people]


@pytest.mark.thorough
def test_a_failure_has_the_keys_of_a_success_and_no_secret(account, localhost, capfd):
    account.fault({"status": 403, "errorCode": "ACCESS_FORBIDDEN"}, method="DELETE", times=None)
    failed = getattr(localhost, USER)(**REMOVE, client_id="", client_secret="", access_token="small-token")["localhost"]
    assert failed.is_failed and "ACCESS_FORBIDDEN" in failed["msg"], failed
    assert failed["actions"][0]["status"] == "failed" and not failed["changed"]
    assert {"actions", "memberships", "residual_access"} <= set(failed)
    printed = capfd.readouterr()
    assert "small-token" not in f"{failed} {printed.out} {printed.err}"


@pytest.mark.thorough
def test_two_hosts_that_remove_the_same_person_at_once_both_succeed(account, ansible_adhoc):
    hosts = ansible_adhoc(inventory="north,south,", connection="local", host_pattern="all")
    results = getattr(hosts.all, USER)(**REMOVE)
    assert sorted(results) == ["north", "south"]
    assert not [result for result in results.values() if result.is_failed], dict(results.items())
    assert "dan@corp.example" not in account.state()["beta"]


@pytest.mark.thorough
def test_module_defaults_reach_every_module(small):
    play = small.home / "play.yml"
    play.write_text(
        """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/atlasops.access.atlas:
      access_token: small-token
      client_id: ""
      client_secret: ""
      max_connections: 2
  tasks:
    - atlasops.access.atlas_project_info:
    - atlasops.access.atlas_project_user_info:
    - atlasops.access.atlas_project_user: {project: alpha, user: dan@corp.example, state: absent}
    - atlasops.access.atlas_project_role:
        {project: alpha, user: bob@corp.example, role: GROUP_OWNER, state: absent}
    - atlasops.access.atlas_access_review:
"""
    )
    ended = small.run("ansible-playbook", str(play))
    assert ended.returncode == 0, ended.stdout
    assert small.sim.tokens_minted == 0, "the token of module_defaults was not used"
    assert small.sim.state()["alpha"]["bob@corp.example"]["roles"] == ["GROUP_READ_ONLY"]


def test_a_missing_library_is_said_the_ansible_way(small):
    (small.home / "requests.py").write_text("raise ImportError('not here')")
    small.environment["PYTHONPATH"] = str(small.home)
    ended = small.run(*MODULE, TASK)
    assert ended.returncode != 0
    assert "Failed to import the required Python library (requests)" in ended.stdout, ended.stdout
    assert not small.sim.requests
