# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody types, and sees."""

from __future__ import annotations

MODULE = ["ansible", "localhost", "-m", "atlasops.access.atlas_project_user", "-a"]
TASK = "project=beta user=dan@corp.example state=absent"


def test_an_ad_hoc_removal_shows_who_loses_what_then_does_it_then_says_unchanged(small):
    before = small.sim.state()
    dry = small.run(*MODULE, TASK, "-C", "-D")
    assert dry.returncode == 0, dry.stdout
    assert "-" in dry.stdout and "dan@corp.example" in dry.stdout and "GROUP_CLUSTER_MANAGER" in dry.stdout
    assert small.sim.state() == before and not small.sim.writes

    real = small.run(*MODULE, TASK)
    assert "CHANGED" in real.stdout, real.stdout
    assert "dan@corp.example" not in small.sim.state()["beta"]

    again = small.run(*MODULE, TASK)
    assert "SUCCESS" in again.stdout and "changed: false" in again.stdout, again.stdout


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
