#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_access_review
short_description: Hold every membership of MongoDB Atlas projects against a policy
version_added: "1.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Reads who gets into the projects in scope, finds what breaks the policy, plans what to do about it, and holds that
    plan against guards. It never writes to Atlas.
  - The role P(atlasops.access.access_cleanup#role) carries the plan out.
  - A finding says when removing the membership would not end access, because a team or an organization role gives it
    as well.
  - The whole population goes to files in O(evidence_dir); the result stays small.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.attributes.files
options:
  projects:
    description:
      - The projects in scope, by name, id (24 hexadecimal digits) or glob, such as V(payments-*).
      - All that the credential sees, if left out.
    type: list
    elements: str
    aliases: [project, project_id, project_name]
  exclude_projects:
    description: Projects out of scope, likewise.
    type: list
    elements: str
  project_tags:
    description:
      - Only projects that have all these tags with these values are in scope. YAML's V(true) is the tag V(true).
    type: dict
  policy:
    description:
      - Who may be in. What is left out is not asked for. The name of a key is the name of the rule in the findings.
      - An empty string or null counts as unset. Lists and maps that say who may be in must not be empty.
      - People are named by email or id, in lists as O(atlasops.access.atlas_project_user#module:users) takes them.
    type: dict
    default: {}
    suboptions:
      leavers:
        description:
          - People who have left, by email or id; found wherever they get in.
          - A row of V(user), and if need be V(last_day) (a date) and V(reason), may stand for a person. The last day is
            over at 12:00 UTC of the next day; until then nothing is planned.
        type: raw
      allowed_users:
        description: Everybody else is found.
        type: raw
      allowed_domains:
        description:
          - Everybody with an email of another domain is found. A domain does not stand for its subdomains.
          - A list, or text with one on each line or commas between them. International names may be written either way,
            V(münchen.example) or V(xn--mnchen-3ya.example).
        type: raw
      stale_invitation_days:
        description:
          - Invitations that have been pending for so many days are found, and all that lapsed, which is to say expired
            or were rejected. Those have a place in the project's list and give nobody access.
          - A whole number.
        type: raw
      inactive_days:
        description:
          - ACTIVE people who have not logged in to Atlas for so many days are found.
          - The last login belongs to the account, not to the project. A whole number.
        type: raw
      grace_days:
        description:
          - How old the account of somebody who never logged in must be, to be found by O(policy.inactive_days).
          - A whole number, 14 if left out.
        type: raw
      role_holders:
        description:
          - A map from role to the users who may hold it. Everybody else who holds it is found.
        type: raw
      fallback_role:
        description: The role that replaces somebody's only role, if it is to be taken.
        type: str
      memberships:
        description:
          - The desired state, as rows of V(project), V(user), V(roles), and if need be V(expires) (a date) and
            V(reason).
          - In the projects that it names, unlisted people, surplus roles, expired grants and missing people are found.
            Other projects are left alone.
          - The rules O(policy.leavers), O(policy.allowed_users), O(policy.allowed_domains), O(policy.inactive_days) and
            O(policy.role_holders) win over it; RV(conflicts) tells where.
        type: raw
      add_missing:
        description:
          - Whether people and roles that the desired state lists and a project lacks are part of the plan.
          - V(true) or V(false).
        type: raw
      exceptions:
        description:
          - Rows of V(user), and if need be V(project) (a name, id or glob), V(rule), V(until) (a date) and V(reason).
            They take findings out through that date.
          - For the rules O(policy.identity_unused_days) and O(policy.identity_holders) V(user) is the id or the name of
            an API key or a service account.
          - Exceptions that ended, have no end or took nothing out are reported, and those about projects or rules that
            are not in this review.
        type: raw
      identity_unused_days:
        description:
          - Service accounts of which no secret has been used for so many days are found, and those never used that were
            created so many days ago. They are reported; nothing is taken from them.
          - Of API keys nobody can know, since Atlas does not tell when a key was used. The account that the task
            itself uses is in use.
          - It needs O(programmatic_access). A whole number.
        type: raw
        version_added: "1.1.0"
      identity_holders:
        description:
          - A map from role, of projects or the organization, to the ids or names of the API keys and service accounts
            that may hold it. All others that hold it are reported; nothing is taken from them.
          - A name stands for all that have it. It needs O(programmatic_access).
        type: raw
        version_added: "1.1.0"
  leavers_file:
    description:
      - A file of people who have left, beside those of O(policy.leavers). CSV with V(,), V(;) or tabs between the
        cells, as exports have it, or YAML (V(.yml), V(.yaml), V(.json)), a list of emails or of maps.
      - The header of a column, or the key of a map, is V(email) (or V(user), V(mail), V(username), V(user_id)),
        V(last_day) (or V(last day), V(end date), V(termination date)) or V(reason), in any case. Other columns are left
        alone. Without a header the first column counts.
      - Dates are written V(2026-12-31). The last day is over at 12:00 UTC of the next day, everywhere.
    type: path
    version_added: "1.1.0"
  leavers_lose:
    description:
      - How far people of the rule V(leavers) who have left are taken out; V(projects) only, V(teams) as well, which
        ends what teams give, or V(organization), everything and the organization itself.
      - Beyond V(projects) the scope must be the whole organization, and the credential needs Organization Owner to
        carry it out; a finding and a warning say so before the first write where it has not.
      - Whoever has a living exception to that rule in some project, or stays in one as its last owner, loses projects
        only. A team's last user stays in it, which is told; with V(organization) leaving that is tried all the same.
      - It is one plan with one digest; guards count steps in teams and the organization too.
    type: str
    choices: [projects, teams, organization]
    default: projects
    version_added: "1.1.0"
  memberships_dir:
    description:
      - A directory with the desired state, in place of O(policy.memberships), one YAML file a project, as
        M(atlasops.access.atlas_access_adopt) writes them. Files in folders below it are read too.
      - A file has the keys V(project) or V(project_id) or both, and V(memberships), rows of V(user), V(roles), and if
        need be V(expires) and V(reason). V([]) means that nobody is to be in.
      - Projects in scope that have no file are left alone, and told.
    type: path
    version_added: "1.1.0"
  guards:
    description:
      - What the plan must not do. A guard that trips is in RV(blocked), and the clean-up stops before its first write.
    type: dict
    default: {}
    suboptions:
      protected_users:
        description:
          - People who are never touched, by email or id.
          - One who is found neither in scope nor among the people of the organization may be misspelt. The plan is
            blocked, with near names, where the scope is whole organizations and their people could be read; else there
            is a warning.
        type: raw
      min_owners:
        description:
          - How many ACTIVE owners a project keeps, owners through teams counted. Projects that have fewer already must
            not lose any.
          - A whole number, 1 if left out.
        type: raw
      max_removals:
        description:
          - How many memberships may end or lose a role in one run, each counted once. A whole number, no bound if left
            out.
          - Members and open invitations count; invitations that lapsed give no access, so they don't.
        type: raw
      max_removal_percent:
        description:
          - How many percent of the memberships in scope may end or lose a role in one run, counted likewise.
          - A whole number, 25 if left out.
        type: raw
      max_project_removal_percent:
        description:
          - The same within one project, for projects with ten memberships or more.
          - A whole number, 50 if left out.
        type: raw
      max_additions:
        description:
          - How many memberships may come, or only gain roles, in one run. A whole number, no bound if left out.
        type: raw
  approved_plan:
    description:
      - The RV(plan_digest) of the plan that was reviewed and approved. Steps of today that are among its steps pass,
        and what is no longer due is told; with one step that was not approved everything is blocked, and RV(blocked)
        says what is new about it.
      - It lifts only the guards that stopped the approved plan when it was reviewed - those of the C(plan.json), else
        those of O(approved_guards). Where neither is at hand it lifts those of numbers, which are tripped by the very
        steps that were approved.
      - The approved steps come from the C(plan.json) of that digest below O(evidence_dir), or from O(approved_steps).
        Without either only the very same plan passes.
    type: str
  approved_steps:
    description: The RV(step_hashes) of the plan that was approved. They are checked against O(approved_plan).
    type: list
    elements: str
  approved_guards:
    description:
      - What stopped the plan that was approved, as the RV(blocked) of its review. Needed only where its C(plan.json) is
        not at hand; V([]) lifts nothing.
    type: list
    elements: raw
  approved_at:
    description:
      - When the approved plan was reviewed, the RV(made_at) of that review. Taken from its C(plan.json) where that is
        at hand and this is left out; where neither is, the age of the approval is not known, and not asked about.
    type: str
  approval_hours:
    description:
      - How many hours after its review a plan may be carried out under O(approved_plan). A whole number, 168 if left
        out.
    type: raw
  require_approval:
    description: Whether a plan that has steps is blocked as long as O(approved_plan) is not set.
    type: bool
    default: false
  legacy_invitations:
    description:
      - Also read invitations made by the deprecated endpoint, which the current one does not show; needs Project Owner.
    type: bool
    default: false
  programmatic_access:
    description:
      - Also read the API keys and service accounts of the organizations - which of them get into the projects, with
        which roles, whether they have a secret that is good today, and when it was last used. They are in
        C(identities.csv), in RV(summary) and in the report; the secrets are nowhere, masked or not.
      - API keys need a credential with Organization Member, service accounts one with Organization Read Only. What it
        may not or could not read is told, and RV(completeness) says so.
      - It makes one request for each 500 API keys of an organization, two for each 500 service accounts, and one for
        each service account.
      - Not known to Atlas are an API key's owner, its dates and its use. Applications that act for a person (OAuth)
        can't be listed. Remote MCP configurations show as the service accounts that MongoDB manages for them.
    type: bool
    default: false
    version_added: "1.1.0"
  evidence_dir:
    description:
      - A directory for the evidence of runs. Each run makes one of its own in it, named by time, O(mode) and plan, with
        C(population.csv), C(findings.csv), C(leavers.csv), C(plan.json) and C(review.json), with
        O(programmatic_access) C(identities.csv) as well; C(latest) leads to the newest. What other runs left stays as
        it is.
      - A review that fails before it can judge leaves one as well, whose C(review.json) says why.
      - It names people, so files are readable by their owner only.
    type: path
  mode:
    description: What the review is for. With V(dry-run) and V(clean-up) the plan is to be carried out after it.
    type: str
    choices: [review, dry-run, clean-up]
    default: review
  run:
    description:
      - Facts about the run for the evidence, such as a ticket, a reason and who ran it.
      - With a C(launch_type) other than V(workflow) O(approved_plan) does not count. AWX and the automation controller
        keep the variables of a job, those of its approval included, when somebody launches it again.
    type: dict
  seal:
    description:
      - Whether the evidence ends here, with C(SHA256SUMS). If not, M(atlasops.access.atlas_access_evidence) seals it.
    type: bool
    default: true
seealso:
  - module: atlasops.access.atlas_access_evidence
  - module: atlasops.access.atlas_project_user
"""

EXAMPLES = r"""
- name: See who is in, without any rule
  atlasops.access.atlas_access_review:
    evidence_dir: ./evidence

- name: Hold the production projects against the rules
  atlasops.access.atlas_access_review:
    project_tags:
      env: prod
    policy:
      leavers: [dana.field@corp.example]
      allowed_domains: [corp.example]
      stale_invitation_days: 14
      inactive_days: 90
      role_holders:
        GROUP_OWNER: [ben.okafor@corp.example, tara.singh@corp.example]
      fallback_role: GROUP_READ_ONLY
      exceptions:
        - user: rachel.adler@partner.example
          rule: allowed_domains
          until: 2030-12-31
          reason: Contract 4711
    guards:
      protected_users: [breakglass-1@corp.example, breakglass-2@corp.example]
      max_removals: 20
    evidence_dir: ./evidence
  register: review
"""

RETURN = r"""
findings:
  description:
    - What breaks the policy, one entry a membership, with all the rules that it breaks.
    - An API key or service account has one entry, in which the organization stands in place of a project, its name
      and id in place of a user's, and what it is in place of the status.
    - Bounded; RV(summary) has the whole number, and C(findings.csv) and C(review.json) hold them all.
  returned: success, and when some of the projects could not be read
  type: list
  elements: dict
  contains:
    project:
      description: The project's name.
      type: str
      returned: always
    project_id:
      description: The project's id.
      type: str
      returned: always
    user:
      description: The user's email.
      type: str
      returned: always
    user_id:
      description: The user's id; none for somebody who is missing.
      type: str
      returned: always
    status:
      description: The status of the membership; none for somebody who is missing.
      type: str
      returned: always
    rules:
      description: The rules that it breaks.
      type: list
      elements: str
      returned: always
    reasons:
      description: Why, one sentence for each.
      type: list
      elements: str
      returned: always
    action:
      description: What to do about it. V(report) means that nothing is planned.
      type: str
      returned: always
      choices: [remove, revoke, add, report]
    roles:
      description: The roles that would go, or for V(add) come.
      type: list
      elements: str
      returned: always
    residual_access:
      description:
        - How the person gets in all the same.
        - A row with V(via=unknown) says that other ways could not be read.
      type: list
      elements: dict
      returned: always
  sample:
    - project: payments-prod
      project_id: 64a0c0ffee64a0c0ffee64a0
      user: dana.field@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b0
      status: ACTIVE
      rules: [leavers, inactive_days]
      reasons: ["has left, by the list of leavers", "last logged in 120 days ago"]
      action: remove
      roles: [GROUP_DATA_ACCESS_ADMIN]
      residual_access: [{via: team, name: platform, roles: [GROUP_READ_ONLY]}]
conflicts:
  description:
    - Where the desired state gives somebody what another rule forbids. The other rule won - nothing of it is planned.
    - Bounded; C(review.json) holds all of it.
  returned: success, and when some of the projects could not be read
  type: list
  elements: dict
  contains:
    project:
      description: The project's name.
      type: str
      returned: always
    user:
      description: The user's email.
      type: str
      returned: always
    rules:
      description: The rules that forbid it, and V(memberships).
      type: list
      elements: str
      returned: always
  sample:
    - project: payments-prod
      user: dana.field@corp.example
      rules: [leavers, memberships]
blocked:
  description:
    - What stops the plan - guards that it trips, and approvals that are missing or of another plan.
    - Bounded; C(review.json) holds all of it.
  returned: success, and when some of the projects could not be read
  type: list
  elements: dict
  sample:
    - guard: max_removal_percent
      project: null
      detail: 40 of 100 memberships (40.0 %) would end or lose a role, and max_removal_percent is 25
summary:
  description:
    - Counts of projects, people, memberships, findings by rule (of those that were asked for) and by action, and steps.
    - C(removals) are memberships that end or lose a role, C(additions) those that come or only gain roles, as the
      guards count them. C(people) get in; lapsed invitations are not among them.
    - C(identities) counts API keys and service accounts, and is none without O(programmatic_access); a count of what
      could not be read whole is none.
  returned: success, and when some of the projects could not be read
  type: dict
  sample: {projects: 12, people: 58, memberships: 124, living: 120, findings: 9, removals: 7, removal_percent: 5.8}
outcome:
  description:
    - How the run ended, as far as it went. A clean-up or dry run whose plan is still to be carried out is
      V(interrupted) until M(atlasops.access.atlas_access_evidence) has seen what came of it.
  returned: success, and when it failed with O(evidence_dir) set
  type: dict
  contains:
    state:
      description: One word.
      type: str
      returned: always
      choices:
        - reviewed
        - planned
        - blocked
        - unchanged
        - done
        - open
        - partial
        - failed
        - interrupted
        - unverified
        - disputed
    colour:
      description: How good that is.
      type: str
      returned: always
      choices: [green, amber, red]
    sentence:
      description: The same for people.
      type: str
      returned: always
    still:
      description: Who still gets in, and which last owners stay; sentences. Bounded.
      type: list
      elements: str
      returned: always
  sample: {state: reviewed, colour: green, sentence: "Reviewed: there were no findings.", still: []}
plan:
  description:
    - The plan for people to read, a line for each action in a project, with the names. Bounded; the last line says then
      how many steps more there are, and where.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample: ["payments-prod: remove: dana.field@corp.example"]
plan_places:
  description: How many steps of the plan are in projects, in teams and in organizations.
  returned: when Atlas could be read
  type: dict
  sample: {project: 3, team: 2, organization: 1}
plan_counts:
  description: How many steps of each kind the plan has.
  returned: success, and when some of the projects could not be read
  type: dict
  sample: {add: 0, grant: 0, revoke: 2, remove: 7}
plan_digest:
  description: SHA-256 over the steps of the plan. Any change of the plan changes it - where, what, whose account, in
    which status, and which roles.
  returned: success, and when some of the projects could not be read
  type: str
  sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
step_hashes:
  description: The hashes of the plan's steps, to approve them by; none of a plan with more than 2,000 steps.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample: [2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae]
made_at:
  description: When this was read and planned, for O(approved_at).
  returned: success, and when some of the projects could not be read
  type: str
  sample: "2026-04-01T06:00:00+00:00"
approved_guards:
  description: Which guards an approval of this plan lifts, for the option of that name. Bounded.
  returned: success, and when some of the projects could not be read
  type: list
  elements: dict
  sample: [{guard: max_removal_percent, project: null}]
nowhere:
  description: Leavers who were found nowhere in what could be read. Bounded; C(leavers.csv) holds them all.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample: []
approval_text:
  description:
    - What somebody reads who is to approve the plan - how many steps in which projects, which guards an approval
      overrides, who still gets in or was found nowhere. Bounded; the report has all of it.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample: ["The plan has 1 step in 1 project: remove 1.", "payments-prod: remove 1", "No guard stands against it."]
completeness:
  description: What was read, and what could not be.
  returned: success, and when some of the projects could not be read
  type: dict
  contains:
    complete:
      description: Whether everything that was asked for could be read.
      type: bool
      returned: always
    projects_seen:
      description: How many projects the credential sees.
      type: int
      returned: always
    projects_in_scope:
      description: How many of them were in scope.
      type: int
      returned: always
    projects_known:
      description: How many projects the organizations say that they have; none where that can't be known.
      type: int
      returned: always
    unreadable:
      description: Projects that could not be read, with the error. Bounded; C(review.json) holds them all.
      type: list
      elements: dict
      returned: always
    statuses:
      description: The statuses that were asked for.
      type: list
      elements: str
      returned: always
    team_access:
      description: Whether access through teams and the organization was read - V(read), V(by roles only) where the
        people of the organization can't be read, or V(unreadable).
      type: str
      returned: always
    legacy_invitations:
      description: Whether legacy invitations were read - V(read), V(unreadable) or V(not asked for).
      type: str
      returned: always
    programmatic_access:
      description: Whether API keys and service accounts were read - V(read), V(in part), V(unreadable) or
        V(not asked for).
      type: str
      returned: always
report:
  description:
    - The first 100 findings, a line for each, for people to read. The last line says how many more there are, and
      where.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample: ["payments-prod: remove dana.field@corp.example (GROUP_READ_ONLY): has left, by the list of leavers"]
compared:
  description:
    - How many findings are new since the last run of the same scope in O(evidence_dir), how many are gone, and how many
      people are in again whom a clean-up had removed. C(review.json) names them. Empty where there is no such run.
  returned: success, and when some of the projects could not be read
  type: str
  sample: "since 20260101T060000Z-review-5f1c22ab: 3 new, 9 gone, 1 came back"
evidence:
  description: The files that were written.
  returned: success, and when it failed with O(evidence_dir) set
  type: list
  elements: str
  sample:
    - evidence/20260401T060000Z-review-5f1c22ab/population.csv
    - evidence/20260401T060000Z-review-5f1c22ab/review.json
evidence_dir:
  description: The directory of this very run; none without O(evidence_dir).
  returned: success, and when it failed with O(evidence_dir) set
  type: str
  sample: evidence/20260401T060000Z-review-5f1c22ab
"""

import os
from collections import Counter
from datetime import datetime, timezone
from typing import NamedTuple, Optional

from ansible_collections.atlasops.access.plugins.module_utils import _approval as approving
from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils import _compare as comparing
from ansible_collections.atlasops.access.plugins.module_utils import _document as document
from ansible_collections.atlasops.access.plugins.module_utils import _evidence as evidence
from ansible_collections.atlasops.access.plugins.module_utils import _guards as guarding
from ansible_collections.atlasops.access.plugins.module_utils import _identity_review as programmatic
from ansible_collections.atlasops.access.plugins.module_utils import _leavers as leaving
from ansible_collections.atlasops.access.plugins.module_utils import _levels as leveling
from ansible_collections.atlasops.access.plugins.module_utils import _people as people
from ansible_collections.atlasops.access.plugins.module_utils import _policy as policy
from ansible_collections.atlasops.access.plugins.module_utils import _review as reviewing
from ansible_collections.atlasops.access.plugins.module_utils import _sources as sourcing
from ansible_collections.atlasops.access.plugins.module_utils import _survey as surveying
from ansible_collections.atlasops.access.plugins.module_utils import _today as today
from ansible_collections.atlasops.access.plugins.module_utils._access import Refusal
from ansible_collections.atlasops.access.plugins.module_utils._client import VERSION
from ansible_collections.atlasops.access.plugins.module_utils._groups import groups
from ansible_collections.atlasops.access.plugins.module_utils._module import run_reader
from ansible_collections.atlasops.access.plugins.module_utils._outcome import outcome
from ansible_collections.atlasops.access.plugins.module_utils._report import bounded, cut
from ansible_collections.atlasops.access.plugins.module_utils._steps import digest, step_hash

# Characters of the lists that are returned; AWX drops results of more than 700,000 characters.
OF_FINDINGS = 150_000
OF_LINES = 60_000
OF_STOPS = 20_000
OF_DETAIL = 5_000
HASHES = 2000

_USERS = {"type": "raw"}
SPEC = {
    "projects": {"type": "list", "elements": "str", "aliases": ["project", "project_id", "project_name"]},
    "exclude_projects": {"type": "list", "elements": "str"},
    "project_tags": {"type": "dict"},
    "policy": {
        "type": "dict",
        "default": {},
        "options": {
            "leavers": _USERS,
            "allowed_users": _USERS,
            "allowed_domains": _USERS,
            "stale_invitation_days": {"type": "raw"},
            "inactive_days": {"type": "raw"},
            "grace_days": {"type": "raw"},
            "role_holders": {"type": "raw"},
            "fallback_role": {"type": "str"},
            "memberships": {"type": "raw"},
            "add_missing": {"type": "raw"},
            "exceptions": {"type": "raw"},
            "identity_unused_days": {"type": "raw"},
            "identity_holders": {"type": "raw"},
        },
    },
    "leavers_file": {"type": "path"},
    "leavers_lose": {"type": "str", "choices": ["projects", "teams", "organization"], "default": "projects"},
    "memberships_dir": {"type": "path"},
    "guards": {
        "type": "dict",
        "default": {},
        "options": {
            "protected_users": _USERS,
            "min_owners": {"type": "raw"},
            "max_removals": {"type": "raw"},
            "max_removal_percent": {"type": "raw"},
            "max_project_removal_percent": {"type": "raw"},
            "max_additions": {"type": "raw"},
        },
    },
    "approved_plan": {"type": "str"},
    "approved_steps": {"type": "list", "elements": "str"},
    "approved_guards": {"type": "list", "elements": "raw"},
    "approved_at": {"type": "str"},
    "approval_hours": {"type": "raw"},
    "require_approval": {"type": "bool", "default": False},
    "legacy_invitations": {"type": "bool", "default": False},
    "programmatic_access": {"type": "bool", "default": False},
    "evidence_dir": {"type": "path"},
    "mode": {"type": "str", "choices": ["review", "dry-run", "clean-up"], "default": "review"},
    "run": {"type": "dict"},
    "seal": {"type": "bool", "default": True},
}


def check(params, warnings):
    """The policy, the guards and the approval, checked."""
    rules, doubts = policy.read_policy(asked(params, warnings))
    warnings += doubts
    sources = None
    if params["memberships_dir"]:
        if rules.memberships is not None:
            raise Refusal("policy.memberships and memberships_dir are two desired states; leave one out")
        sources = sourcing.read_sources(params["memberships_dir"], warnings)
        rules = rules._replace(memberships=tuple(grant for source in sources for grant in source.grants))
    programmatic.check(params, rules)
    leveling.check(params, rules)
    approval = guarding.read_approval(params["approved_plan"], params["approved_steps"], params["approved_guards"])
    term = approving.read_term(params["approved_at"], params["approval_hours"])
    used_up = approving.used_up(params["run"]) if approval else ""
    if used_up:
        warnings.append(used_up)
    guards = policy.read_guards(params["guards"])
    policy.check_together(rules, guards)
    return rules, sources, guards, Approved(None if used_up else approval, term, used_up)


class Approved(NamedTuple):
    """The approval that counts, its term, and why one that was given does not count."""

    approval: Optional[guarding.Approval]
    term: approving.Term
    used_up: str


def asked(params, warnings):
    """The policy as it was given, with what stands in files."""
    given = dict(params["policy"])
    if params["leavers_file"]:
        more, told = leaving.read_leavers(params["leavers_file"])
        given["leavers"] = leaving.joined(given["leavers"], more)
        warnings += told
    return given


def answer(params, client, warnings, checked):
    """Read, review, judge, and write the evidence."""
    rules, sources, guards, approved = checked
    now = datetime.now(timezone.utc)
    visible = atlas.projects(client)
    scope = surveying.in_scope(params, visible, warnings)
    rules, unknown = today.located(rules, visible)
    grants = desired(rules, sources, visible, scope, warnings)
    seen = surveying.survey(client, params, visible, scope)
    reviewed = [held(rules, guards, grants, seen, one, now) for one in seen.rosters if not one.error]
    leavers = leveling.leave(client, params["leavers_lose"], rules, guards, seen, reviewed, now)
    reviewed, everywhere = leavers.projects, [*leavers.projects, *leavers.places]
    names = {org_id: one.name for org_id, one in seen.identities.items()}
    machines = programmatic.review(client, params, rules, scope, names, now)
    rows = reviewing.plan_rows(everywhere)
    missing = guarding.missing_protected(guards, reviewed, seen.known)
    lost = guarding.unknown_protected(missing, seen.known) if surveying.is_whole(seen) else []
    approval = of_plan(params, approved, now)
    judged = guarding.judge(guards, everywhere, rows, approval, params["require_approval"], lost, approved.used_up)
    counts = leavers.in_summary(machines.in_summary(reviewing.summary(rules, guards, reviewed, rows)))
    counts.update(missing_protected=missing, lapsed_exceptions=len(today.lapsed_exceptions(rules, now)))
    whole = machines.in_completeness(surveying.completeness(params, seen))
    unfinished, told = settle(params, seen, now)
    about = {
        **origin(params, now, client),
        "organizations": surveying.organizations(seen),
        "completeness": whole,
        "summary": counts,
        "blocked": judged.blocked,
        "approval": judged.approval,
        "leavers_lose": params["leavers_lose"],
        "plan_digest": digest(rows),
        "unfinished": unfinished,
        "identities": machines.document,
    }
    findings = [document.finding_row(finding) for one in everywhere for finding in one.findings]
    findings += machines.findings
    written = document.document(about, rules, guards, reviewed, findings, rows, now, machines.applied)
    written["leavers"] = document.leaver_rows(rules, everywhere)
    written["comparison"] = comparing.compared(params["evidence_dir"], written, everywhere)
    over = params["mode"] == "review" or judged.blocked or not rows
    written["ended"] = at(datetime.now(timezone.utc)) if params["seal"] and over else None
    written["outcome"] = outcome(written)
    written["groups"] = groups(written)
    warnings += [*unknown, *seen.doubts, *machines.warnings, *leavers.warnings, *judged.warnings, *told]
    warnings += surveying.doubts(written, [] if rows and lost else missing)
    result = {
        **wrote(params, written, reviewed, now, *surveying.without_project(seen), machines.table),
        **returned(written),
    }
    result["report"] = bounded(document.report(findings, place(result, evidence.FINDINGS)), OF_LINES)
    result["plan"] = bounded(document.plan_lines(rows, place(result, evidence.PLAN)), OF_LINES)
    result["approval_text"] = approving.text(written)
    result["compared"] = comparing.line(written["comparison"])
    unreadable = whole["unreadable"]
    problem = f"{len(unreadable)} of {len(scope)} projects could not be read. " if unreadable else ""
    return result, problem + " ".join(f"{one['project']}: {one['error']}" for one in unreadable[:5])


def desired(rules, sources, visible, scope, warnings):
    """The desired state by project id and user; a project whose file names nobody has an empty one."""
    if sources is None:
        return today.grants_by_project(rules, visible)
    found = sourcing.located(sources, visible, warnings)
    warnings += sourcing.without_file(scope, found)
    placed = tuple(grant._replace(project=where) for where, source in found.items() for grant in source.grants)
    nobody = {where: {} for where in found}
    return {**nobody, **today.grants_by_project(rules._replace(memberships=placed), visible)}


def held(rules, guards, grants, seen, roster, now):
    """One project held against the policy."""
    project, by_roles = roster.project, roster.team_access == people.BY_ROLES
    mine, active = grants.get(project.id), seen.active(project.org_id)
    unsure = people.unsure(roster, seen.organizations[project.org_id])
    known = surveying.known(seen, project.org_id)
    return reviewing.review(rules, guards, project, roster.entries, mine, now, active, by_roles, unsure, known)


def of_plan(params, approved, now):
    """The approval, with the plan that it was given for where that is at hand, and whether it still counts."""
    approval = approved.approval
    if approval is None:
        return None
    if params["evidence_dir"]:
        approval = guarding.with_plan(approval, evidence.approved(params["evidence_dir"], approval.digest))
    return approval._replace(stale=approving.stale(approved.term, approval.made_at, now))


def settle(params, seen, now):
    """What earlier runs left unfinished, by what was read now; and warnings."""
    found = evidence.unfinished(params["evidence_dir"]) if params["evidence_dir"] else []
    steps = [one for one in found if one.row is not None]
    took = surveying.effects([one.row for one in steps], seen, params["legacy_invitations"])
    warnings = [f"the run {one.run} has no end on record: {one.told}" for one in found if one.row is None]
    warnings += surveying.unsettled([one.run for one in steps], took)
    rows, unwritten = evidence.settled(found, took, now)
    return rows, warnings + unwritten


# --- what is left behind ---------------------------------------------------------------------------------------------


def at(moment):
    return moment.isoformat(timespec="seconds")


def origin(params, now, client=None):
    """Where a document comes from."""
    return {
        "version": 1,
        "collection": f"atlasops.access {VERSION}",
        "base_url": client.base_url if client else None,
        "credential": client.credential_id if client else None,
        "started": at(now),
        "ended": None,
        "mode": params["mode"],
        "run": {name: value for name, value in (params["run"] or {}).items() if value not in (None, "")},
        "scope": {name: params[name] for name in ("projects", "exclude_projects", "project_tags")} if client else {},
    }


def wrote(params, written, reviewed, now, elsewhere=(), roles=None, identities=None):
    """Write the evidence, if it is asked for; where it is."""
    if not params["evidence_dir"]:
        return {"evidence": [], "evidence_dir": None}
    plan = written["plan_digest"] if written["steps"] else None
    directory = evidence.begin(params["evidence_dir"], now, params["mode"], plan)
    paths = evidence.write_review(directory, written, reviewed, now, params["seal"], elsewhere, roles, identities)
    return {"evidence": paths, "evidence_dir": directory}


def place(result, name):
    """Where a file of this run is, None if it has none."""
    return os.path.join(result["evidence_dir"], name) if result["evidence_dir"] else None


def returned(written):
    """The result, in bounds."""
    ended, steps = written["outcome"], written["steps"]
    kinds = Counter(row["action"] for row in steps if not row.get("place"))
    places = Counter(row.get("place", "project") for row in steps)
    whole = written["completeness"]
    return {
        **{name: written[name] for name in ("summary", "plan_digest")},
        "conflicts": bounded(written["conflicts"], OF_STOPS),
        "made_at": written["started"],
        "approved_guards": bounded(approving.overridden(written["blocked"]), OF_LINES),
        "nowhere": bounded(approving.nowhere(written), OF_STOPS),
        "completeness": {**whole, "unreadable": bounded(whole["unreadable"], OF_LINES)},
        "findings": bounded(written["findings"], OF_FINDINGS),
        "blocked": bounded([{**one, "detail": cut(one["detail"], OF_DETAIL)} for one in written["blocked"]], OF_STOPS),
        "outcome": {**ended, "still": bounded(ended["still"], OF_STOPS)},
        "plan_places": {place: places[place] for place in ("project", "team", "organization")},
        "plan_counts": {action: kinds[action] for action in ("add", "grant", "revoke", "remove")},
        "step_hashes": [step_hash(row) for row in steps] if len(steps) <= HASHES else [],
    }


def failed(params, problem):
    """What a review leaves that came to nothing."""
    if not params["evidence_dir"]:
        return {}
    now = datetime.now(timezone.utc)
    written = document.failure(origin(params, now), problem, at(now))
    written["outcome"] = outcome(written)
    try:
        return {**wrote({**params, "seal": True}, written, [], now), "outcome": written["outcome"]}
    except Refusal:
        # The directory can't be written; most likely that is the very problem.
        return {}


def main():
    run_reader(SPEC, answer, check, failed=failed)


if __name__ == "__main__":
    main()
