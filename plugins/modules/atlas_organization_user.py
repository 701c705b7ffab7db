#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_organization_user
short_description: Manage who is in a MongoDB Atlas organization, and with which organization roles
version_added: "2.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Takes people out of an organization and everything in it, or sees to it that they are members with exactly the
    organization roles given.
  - O(state=absent) takes people out of their projects and teams first, each as a step of its own that Atlas records as
    an event, and out of the organization when all of that went well. Then it reads all of these places again, for
    whether Atlas takes people out of projects and teams by itself is documented nowhere.
  - Who is the last in a team stays in it, for Atlas keeps at least one user there. A warning tells it, and whether
    Atlas lets them leave the organization is tried all the same.
  - The credential needs Organization Owner. Without it Atlas refuses, and the error says so. The account of the
    credential is never touched.
  - The last ACTIVE owner of the organization, or of one of its projects, is refused before anything is written, in
    check mode too.
  - It can't be undone by inviting somebody again. What they held is in RV(held). The account itself, and other
    organizations, stay as they are.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.who
  - atlasops.access.attributes
options:
  organization:
    description:
      - The organization, by name or id.
      - May be left out where the credential sees one only.
    type: str
    aliases: [organization_id, org_id]
  roles:
    description:
      - The organization roles that the users have, exactly; for O(state=present) only. A blank one is refused.
      - Names such as V(ORG_MEMBER). A name that is not known gives a warning with the nearest known one.
      - New roles are given before others are taken, so that nobody is without one in between.
    type: list
    elements: str
    aliases: [role]
  fallback_role:
    description:
      - The role that users have, exactly, for whom no O(roles) are given, such as V(ORG_MEMBER) to take all others
        away. Rows may have a V(fallback_role) of their own.
    type: str
  memberships:
    description:
      - Rows of user and organization roles. Use instead of O(users) and O(roles).
      - Each row is a dictionary with V(user) (or V(user_id)) and V(roles), and V(organization) (or V(organization_id))
        if you like. An id decides. A name or email beside it that has changed since is a warning; one that is somebody
        else's is refused. Of rows for O(state=absent) the roles do not matter.
      - A row may say V(action), V(add) for O(state=present) and V(remove) for O(state=absent). Others are refused.
      - An empty list means that there is nothing to do.
    type: list
    elements: dict
  state:
    description:
      - V(present) means that the users are members with exactly these roles. Who is not in the organization yet is
        invited.
      - V(absent) means that the users are no members. People who are not in the organization are told by a warning.
      - A blank is refused, as it may mean either.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: atlasops.access.atlas_team_user
  - module: atlasops.access.atlas_project_user
"""

EXAMPLES = r"""
- name: Take a person out of the organization, and out of everything in it
  atlasops.access.atlas_organization_user:
    user: omar.reyes@corp.example
    state: absent

- name: Leave a person nothing but the membership of the organization
  atlasops.access.atlas_organization_user:
    organization: Example Org
    user: audit.office@corp.example
    fallback_role: ORG_MEMBER

- name: Invite somebody into the organization
  atlasops.access.atlas_organization_user:
    user: new.colleague@corp.example
    roles: [ORG_MEMBER]
"""

RETURN = r"""
changed:
  description: Whether anything changed, or in check mode would change.
  returned: always
  type: bool
  sample: true
actions:
  description:
    - What was done, or in check mode would be done, one entry for each step.
    - For O(state=absent) they are steps in projects and teams as well, each with its V(place).
    - An entry with the action V(read) stands for a place whose members could not be read.
    - If they are too many for a result, failed ones come first, and RV(actions_omitted) says how many are left out.
  returned: always
  type: list
  elements: dict
  contains:
    place:
      description: What kind of place the step is about.
      type: str
      returned: always
      choices: [organization, team, project]
    organization:
      description: The organization's name; for other places V(team) or V(project) stands here.
      type: str
      returned: for an organization
    organization_id:
      description: The organization's id; for other places V(team_id) or V(project_id) stands here.
      type: str
      returned: for an organization
    user:
      description: The user's email as Atlas spells it.
      type: str
      returned: always
    user_id:
      description: The user's id. None for somebody whom Atlas does not know before the invitation.
      type: str
      returned: always
    action:
      description: What it is.
      type: str
      returned: always
      choices: [add, grant, revoke, remove, read]
    roles:
      description: The roles given or taken; V(TEAM_MEMBER) stands for being in a team, where Atlas knows no roles.
      type: list
      elements: str
      returned: always
    status:
      description:
        - How it ended; V(planned) in check mode, V(skipped) after a failure in the same place, for an organization
          after one of the same person anywhere in it, or when the task was told to stop.
      type: str
      returned: always
      choices: [planned, done, failed, skipped]
    error:
      description: For V(failed), the HTTP status, the errorCode of Atlas and the detail; else none.
      type: dict
      returned: always
    at:
      description: When it ended, in UTC; none for what was not tried.
      type: str
      returned: always
    why:
      description:
        - V(already there) or V(already gone) where somebody else had made the step before, V(restored) for an owner's
          role that was given back because somebody else had taken the other owner in between; else none.
      type: str
      returned: always
  sample:
    - place: organization
      organization: Example Org
      organization_id: 64d0c0ffee64d0c0ffee64d0
      user: dana.field@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b0
      action: remove
      roles: [ORG_MEMBER]
      status: done
      error: null
      at: "2026-08-20T09:14:05Z"
      why: null
actions_omitted:
  description: How many of the actions are left out of RV(actions), because a result holds no more.
  returned: always
  type: int
  sample: 0
counts:
  description: How many actions ended how, those left out of RV(actions) included.
  returned: always
  type: dict
  sample: {planned: 0, done: 1, failed: 0, skipped: 0}
memberships:
  description:
    - The memberships of the organization, after the run, of the users named, as Atlas showed them.
    - Too many for a result are cut, which a warning tells.
  returned: always
  type: list
  elements: dict
  sample:
    - organization: Example Org
      organization_id: 64d0c0ffee64d0c0ffee64d0
      user: ada.lane@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b1
      status: ACTIVE
      roles: [ORG_MEMBER]
diff:
  description:
    - What changes, as maps from place to user to roles, before and after.
    - Places that are too many for a result are left out, which a warning tells.
  returned: always
  type: dict
  sample:
    before:
      Example Org: {dana.field@corp.example: [ORG_MEMBER]}
      data-engineering: {dana.field@corp.example: [TEAM_MEMBER]}
    after: {Example Org: {}, data-engineering: {}}
held:
  description:
    - What everybody who is taken out held in the organization before - roles of the organization, roles in projects,
      teams. It is all that is needed to give it back, which Atlas does not do by itself for somebody invited again.
    - Only for O(state=absent), else empty. The roles in a project whose members could not be read are null.
    - Too many for a result are cut, which a warning tells.
  returned: always
  type: list
  elements: dict
  sample:
    - user: dana.field@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b0
      status: ACTIVE
      organization: Example Org
      organization_id: 64d0c0ffee64d0c0ffee64d0
      roles: [ORG_MEMBER]
      projects:
        - project: payments-prod
          project_id: 64a0c0ffee64a0c0ffee64a0
          roles: [GROUP_READ_ONLY]
      teams:
        - team: data-engineering
          team_id: 64c0c0ffee64c0c0ffee64c0
"""

from ansible_collections.atlasops.access.plugins.module_utils._access import ORGANIZATION, Refusal
from ansible_collections.atlasops.access.plugins.module_utils._asked import Params, exactly
from ansible_collections.atlasops.access.plugins.module_utils._names import blank
from ansible_collections.atlasops.access.plugins.module_utils._writer import run

SPEC = {
    "fallback_role": {"type": "str"},
}
DEEDS = {"present": "add", "absent": "remove"}


def check(params: Params) -> None:
    """Refuse options that contradict each other."""
    if params["state"] == "absent" and not blank(params["roles"]):
        raise Refusal(
            "state=absent ends the whole membership, whatever the roles; leave out roles, "
            "or write those that are to stay with state=present"
        )


def main() -> None:
    run(SPEC, DEEDS, check, exactly, ORGANIZATION)


if __name__ == "__main__":
    main()
