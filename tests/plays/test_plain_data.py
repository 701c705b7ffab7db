# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain data on its way through Ansible, which hands it over in another form from version to version."""

from __future__ import annotations

import json

import pytest

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    until_then:
      - {user: dan@corp.example, rule: leavers, until: 2999-12-31, reason: "it's \\"agreed\\""}
    whole_policy:
      leavers: [{user: dan@corp.example, last_day: 2020-01-31}]
      exceptions: "{{ until_then }}"
    nothing:
  tasks:
    - name: A list with dates
      atlasops.access.atlas_access_review:
        projects: [alpha]
        policy: {leavers: [dan@corp.example], exceptions: "{{ until_then }}"}
    - name: A whole policy with dates
      atlasops.access.atlas_access_review:
        projects: [alpha]
        policy: "{{ whole_policy }}"
    - name: Rows with dates for a module that writes
      atlasops.access.atlas_project_user:
        memberships: "{{ [{'project': 'beta', 'user': 'dan@corp.example', 'expires': day}] }}"
        state: absent
      vars:
        day: 2999-12-31
      check_mode: true
    - ansible.builtin.include_role:
        name: atlasops.access.access_cleanup
      vars:
        access_cleanup_apply: false
        access_cleanup_evidence_dir: evidence
        access_cleanup_projects: [alpha, beta]
        access_cleanup_leavers: "dan@corp.example\\nbob@corp.example"
        access_cleanup_allowed_domains: "corp.example\\npartner.example"
        access_cleanup_inactive_days: 9000.0
        access_cleanup_exceptions: "{{ until_then }}"
        access_cleanup_memberships:
          - {project: alpha, user: ann@corp.example, roles: [GROUP_OWNER], expires: 2999-12-31}
        access_cleanup_add_missing: "{{ nothing }}"
        access_cleanup_legacy_invitations: ""
        access_cleanup_require_approval: "{{ nothing }}"
        access_cleanup_role_holders: {GROUP_OWNER: ""}
"""


@pytest.mark.thorough
def test_dates_text_areas_and_blanks_arrive_as_they_were_meant(small):
    (small.home / "play.yml").write_text(PLAY)
    ended = small.run("ansible-playbook", "play.yml")
    assert ended.returncode == 0, ended.stdout
    policy = json.loads((small.home / "evidence/latest/review.json").read_text())["policy"]
    assert policy["leavers"] == ["bob@corp.example", "dan@corp.example"]
    assert policy["allowed_domains"] == ["corp.example", "partner.example"]
    assert policy["inactive_days"] == 9000 and "role_holders" not in policy and policy["add_missing"] is False
    assert [one["expires"] for one in policy["memberships"]] == ["2999-12-31"]
    (exception,) = policy["exceptions"]
    assert exception["until"] == "2999-12-31" and exception["reason"] == 'it\'s "agreed"'
