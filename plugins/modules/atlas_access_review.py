#!/usr/bin/python
# Copyright: (c) 2026, atlasops.access contributors
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
        description: People who have left, by email or id; found wherever they get in.
        type: raw
      allowed_users:
        description: Everybody else is found.
        type: raw
      allowed_domains:
        description: Everybody with an email of another domain is found. A domain does not stand for its subdomains.
        type: list
        elements: str
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
          - Exceptions that ended are reported.
        type: raw
  guards:
    description:
      - What the plan must not do. A guard that trips is in RV(blocked), and the clean-up stops before its first write.
    type: dict
    default: {}
    suboptions:
      protected_users:
        description: People who are never touched, by email or id. One who gets in nowhere in scope is reported.
        type: raw
      min_owners:
        description:
          - How many ACTIVE owners a project keeps, owners through teams counted. Projects that have fewer already must
            not lose any.
          - A whole number, 1 if left out.
        type: raw
      max_removals:
        description: How many memberships may end in one run, invitations counted. A whole number.
        type: raw
      max_removal_percent:
        description:
          - How many percent of the memberships in scope may end in one run, invitations counted.
          - A whole number, 25 if left out.
        type: raw
  approved_plan:
    description:
      - The RV(plan_digest) of the plan that was reviewed. That very plan passes the guards; any other is blocked.
      - Where O(evidence_dir) still holds the reviewed plan, RV(blocked) says what differs.
    type: str
  legacy_invitations:
    description:
      - Also read invitations made by the deprecated endpoint, which the current one does not show; needs Project Owner.
    type: bool
    default: false
  evidence_dir:
    description:
      - A directory to write C(population.csv), C(findings.csv), C(review.json) and C(SHA256SUMS) to. It is created.
      - It names people, so files are readable by their owner only.
    type: path
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
      description: How the person gets in all the same.
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
blocked:
  description: The guards that the plan trips.
  returned: success, and when some of the projects could not be read
  type: list
  elements: dict
  sample:
    - guard: max_removal_percent
      project: null
      detail: 40 of 100 memberships (40.0 %) would end, and max_removal_percent is 25
summary:
  description: Counts of projects, people, memberships, findings by rule and by action, and removals.
  returned: success, and when some of the projects could not be read
  type: dict
  sample: {projects: 12, people: 58, memberships: 120, findings: 9, removals: 7, removal_percent: 5.8}
plan_digest:
  description: SHA-256 over the steps of the plan. Any change of the plan changes it.
  returned: success, and when some of the projects could not be read
  type: str
  sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
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
    unreadable:
      description: Projects that could not be read, with the error.
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
report:
  description: The first 100 findings, a line for each, for people to read.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample: ["payments-prod: remove dana.field@corp.example (GROUP_READ_ONLY): has left, by the list of leavers"]
evidence:
  description: The files that were written.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample: [evidence/population.csv, evidence/findings.csv, evidence/review.json, evidence/SHA256SUMS]
"""

from datetime import datetime, timezone

from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils import _evidence as evidence
from ansible_collections.atlasops.access.plugins.module_utils import _people as people
from ansible_collections.atlasops.access.plugins.module_utils import _policy as policy
from ansible_collections.atlasops.access.plugins.module_utils._access import STATUSES, Refusal
from ansible_collections.atlasops.access.plugins.module_utils._client import VERSION
from ansible_collections.atlasops.access.plugins.module_utils._module import run_reader
from ansible_collections.atlasops.access.plugins.module_utils._names import projects_in_scope, unmatched_tags
from ansible_collections.atlasops.access.plugins.module_utils._report import bounded

# Characters of the findings that are returned; AWX drops results of more than 700,000 characters.
RETURNED = 200_000
LINES = 100

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
            "allowed_domains": {"type": "list", "elements": "str"},
            "stale_invitation_days": {"type": "raw"},
            "inactive_days": {"type": "raw"},
            "grace_days": {"type": "raw"},
            "role_holders": {"type": "raw"},
            "fallback_role": {"type": "str"},
            "memberships": {"type": "raw"},
            "add_missing": {"type": "raw"},
            "exceptions": {"type": "raw"},
        },
    },
    "guards": {
        "type": "dict",
        "default": {},
        "options": {
            "protected_users": _USERS,
            "min_owners": {"type": "raw"},
            "max_removals": {"type": "raw"},
            "max_removal_percent": {"type": "raw"},
        },
    },
    "approved_plan": {"type": "str"},
    "legacy_invitations": {"type": "bool", "default": False},
    "evidence_dir": {"type": "path"},
}


def check(params, warnings):
    """The policy and the guards, checked."""
    rules, doubts = policy.read_policy(params["policy"])
    warnings += doubts
    return rules, policy.read_guards(params["guards"])


def answer(params, client, warnings, checked):
    """Read, review, and write the evidence."""
    rules, guards = checked
    now = datetime.now(timezone.utc)
    visible = atlas.projects(client)
    scope = projects_in_scope(visible, params["projects"], params["exclude_projects"], params["project_tags"])
    if not scope:
        why = unmatched_tags(params["project_tags"], visible) or ["look at projects, exclude_projects and project_tags"]
        raise Refusal(f"no project is in scope; {'; '.join(why)}")
    rules, unknown = policy.located(rules, visible)
    warnings += unknown
    grants = policy.grants_by_project(rules, visible)
    rosters, unsure = people.rosters(client, scope, legacy=params["legacy_invitations"])
    reviewed = [
        policy.review(rules, guards, roster.project, roster.entries, grants.get(roster.project.id), now)
        for roster in rosters
        if not roster.error
    ]
    rows = policy.plan_rows(reviewed)
    approved = (params["approved_plan"] or "").strip().lower()
    earlier = None
    findings = [evidence.finding_row(finding) for one in reviewed for finding in one.findings]
    lapsed = policy.lapsed_exceptions(rules, now)
    result = {
        "blocked": policy.blocked(guards, reviewed, rows, approved, earlier),
        "summary": {**policy.summary(guards, reviewed, rows), "lapsed_exceptions": len(lapsed)},
        "plan_digest": policy.digest(rows),
        "completeness": completeness(params, visible, rosters, unsure),
        "evidence": [],
    }
    warnings += unsure + doubts(result, lapsed)
    if params["evidence_dir"]:
        document = evidence.document(rules, reviewed, rows, now)
        document.update(
            result,
            collection=f"atlasops.access {VERSION}",
            base_url=client.base_url,
            credential=client.credential_id,
            scope={name: params[name] for name in ("projects", "exclude_projects", "project_tags")},
            policy=evidence.plain(params["policy"]),
            guards=evidence.plain(params["guards"]),
            approved_plan=approved or None,
            findings=findings,
            mode="review",
        )
        directory = evidence.begin(params["evidence_dir"], now, "review", result["plan_digest"] if rows else None)
        result["evidence"] = evidence.write_review(directory, document, reviewed, now, True)
    result["findings"] = bounded(findings, RETURNED)
    result["report"] = [evidence.finding_line(row) for row in findings[:LINES]]
    unreadable = result["completeness"]["unreadable"]
    problem = f"{len(unreadable)} of {len(scope)} projects could not be read. " if unreadable else ""
    return result, problem + " ".join(f"{one['project']}: {one['error']}" for one in unreadable[:5])


def completeness(params, visible, rosters, unsure):
    """What was read, and what could not be."""
    unreadable = [{"project": roster.project.name, "error": str(roster.error)} for roster in rosters if roster.error]
    ways = {roster.team_access for roster in rosters}
    team_access = next((one for one in (people.UNREADABLE, people.BY_ROLES) if one in ways), people.READ)
    legacy = "unreadable" if any(roster.legacy_unread for roster in rosters) else "read"
    return {
        "complete": not unreadable and not unsure and team_access == people.READ and legacy == "read",
        "projects_seen": len(visible),
        "projects_in_scope": len(rosters),
        "unreadable": unreadable,
        "statuses": list(STATUSES),
        "team_access": team_access,
        "legacy_invitations": legacy if params["legacy_invitations"] else "not asked for",
    }


def doubts(result, lapsed):
    """What a person should look at."""
    found = [f"the exception for {one.user} ended on {one.until}, so it holds no longer" for one in lapsed]
    found += [
        f"{user} is protected, but gets into no project in scope" for user in result["summary"]["missing_protected"]
    ]
    if result["completeness"]["team_access"] == people.UNREADABLE:
        found.append("access through teams and organization roles could not be read in every project")
    if result["completeness"]["legacy_invitations"] == "unreadable":
        found.append("legacy invitations could not be read in every project")
    return found


def main():
    run_reader(SPEC, answer, check)


if __name__ == "__main__":
    main()
