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
  - atlasops.access.scope
  - atlasops.access.scope.without
options:
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
        version_added: "2.0.0"
      identity_holders:
        description:
          - A map from role, of projects or the organization, to the ids or names of the API keys and service accounts
            that may hold it. All others that hold it are reported; nothing is taken from them.
          - A name stands for all that have it. It needs O(programmatic_access).
        type: raw
        version_added: "2.0.0"
  leavers_file:
    description:
      - A file of people who have left, beside those of O(policy.leavers). CSV with V(,), V(;) or tabs between the
        cells, as exports have it, or YAML (V(.yml), V(.yaml), V(.json)), a list of emails or of maps.
      - The header of a column, or the key of a map, is V(email) (or V(user), V(mail), V(username), V(user_id)),
        V(last_day) (or V(last day), V(end date), V(termination date)) or V(reason), in any case. Other columns are left
        alone. Without a header the first column counts.
      - Dates are written V(2026-12-31). The last day is over at 12:00 UTC of the next day, everywhere.
    type: path
    version_added: "2.0.0"
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
    version_added: "2.0.0"
  memberships_dir:
    description:
      - A directory with the desired state, in place of O(policy.memberships), one YAML file a project, as
        M(atlasops.access.atlas_access_adopt) writes them. Files in folders below it are read too.
      - A file has the keys V(project) or V(project_id) or both, and V(memberships), rows of V(user), V(roles), and if
        need be V(expires) and V(reason). V([]) means that nobody is to be in.
      - Projects in scope that have no file are left alone, and told.
    type: path
    version_added: "2.0.0"
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
          - With O(leavers_lose) it holds for those in projects, and for all of them.
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
      - Also read the API keys and service accounts of the organizations, with all that
        M(atlasops.access.atlas_project_identity_info) tells of them. They are in C(identities.csv), in RV(summary) and
        in the report; their secrets are nowhere.
      - API keys need a credential with Organization Member, service accounts one with Organization Read Only. What it
        may not or could not read is told, and RV(completeness) says so.
    type: bool
    default: false
    version_added: "2.0.0"
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
    description:
      - What the review is for. With V(dry-run) and V(clean-up) the plan is to be carried out after it.
      - In check mode V(clean-up) means V(dry-run).
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
mode:
  description: What the review was for, O(mode) of a dry run in check mode included.
  returned: always
  type: str
  sample: dry-run
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
      guards count them; C(removals_elsewhere) end in teams and organizations. C(people) get in; lapsed invitations are
      not among them.
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
    - The first 40 findings, a line for each, for people to read. The last line says how many more there are, and
      where.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample: ["payments-prod: remove dana.field@corp.example (GROUP_READ_ONLY): has left, by the list of leavers"]
lines:
  description: How the run ended, in four lines for people - its outcome, what was found, done, and left open.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample:
    - "review, reviewed: There was 1 finding; a clean-up would take 1 step."
    - "found: 1 finding about 1 person (remove 1)"
    - "done: nothing, this was a review; 1 step planned"
    - "would stay open: nothing"
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

from ansible_collections.atlasops.access.plugins.module_utils._module import SCOPE, run_reader
from ansible_collections.atlasops.access.plugins.module_utils._reviewer import answer, check, failed

_USERS = {"type": "raw"}
SPEC = {
    **SCOPE,
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


def main():
    run_reader(SPEC, answer, check, failed=failed)


if __name__ == "__main__":
    main()
