#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_project_user
short_description: Manage who is in MongoDB Atlas projects, and with which project roles
version_added: "1.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Removes people from projects, or sees to it that they are members with exactly the roles given.
  - This is about the people who log in to Atlas and see a project, not about database users.
  - Active people and people who were invited and have not joined yet are treated alike.
  - An invitation that expired or was rejected has lapsed. It still has a place in the project's list, and gives nobody
    access. It is removed by O(state=absent), and replaced by a new invitation by O(state=present).
  - Everything is read and planned before the first write. Bad input and refusals, such as the last owner of a
    project, stop the task before anything is written in any project, in check mode too.
  - A failure of Atlas in one project does not stop the others. The task fails at the end and says what was done;
    the same task again does the rest.
  - A removed person stays in the organization, and may still get into a project through a team or an organization
    role. RV(residual_access) and a warning say so.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.targets
  - atlasops.access.who
  - atlasops.access.attributes
options:
  roles:
    description:
      - The project roles that the users have, exactly; for O(state=present) only. A blank one is refused.
      - Names such as V(GROUP_READ_ONLY). A name that is not known gives a warning with the nearest known one.
    type: list
    elements: str
    aliases: [role]
  state:
    description:
      - V(present) means that the users are members with exactly these roles. Who is not in the project yet is
        added, which sends an invitation to people who are not active in the organization.
      - V(absent) means that the users are no members. People who are members of none of the projects are told by a
        warning. In rows, the roles do not matter and the V(action), if there is one, is V(remove); for V(present) it is
        V(add).
      - A blank is refused, as it may mean either.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Nobody else is a member of the projects; for O(state=present) only. Refused with an empty list, or one that
        holds a blank.
    type: bool
    default: false
  legacy_invitations:
    description:
      - With O(state=absent), also cancel invitations of the users that were made by the deprecated endpoint for
        invitations, which the current one neither shows nor removes.
      - Needs Project Owner. Where they can't be read a warning says so.
      - Atlas has announced the end of that endpoint for July 2027.
    type: bool
    default: false
seealso:
  - module: atlasops.access.atlas_project_role
  - module: atlasops.access.atlas_team_user
  - module: atlasops.access.atlas_project_user_info
"""

EXAMPLES = r"""
- name: Take two people out of all projects of payments
  atlasops.access.atlas_project_user:
    projects: payments-*
    users: [dana.field@corp.example, omar.reyes@corp.example]
    state: absent

- name: Take a person out of every project, by whatever way they were invited
  atlasops.access.atlas_project_user:
    project: "*"
    user: omar.reyes@corp.example
    state: absent
    legacy_invitations: true

- name: Let two people read one project, and do nothing else there
  atlasops.access.atlas_project_user:
    project: payments-staging
    users: [david.kim@corp.example, elena.petrova@corp.example]
    roles: GROUP_READ_ONLY

- name: These and nobody else are in the project
  atlasops.access.atlas_project_user:
    memberships:
      - project: payments-staging
        user: ben.okafor@corp.example
        roles: [GROUP_OWNER]
      - project: payments-staging
        user: carla.jensen@corp.example
        roles: [GROUP_READ_ONLY, GROUP_DATA_ACCESS_READ_ONLY]
    exclusive: true
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
    - An entry with the action V(read) stands for a project whose members could not be read.
    - If they are too many for a result, failed ones come first, and RV(actions_omitted) says how many are left out.
  returned: always
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
      description: The roles given or taken.
      type: list
      elements: str
      returned: always
    status:
      description:
        - How it ended; V(planned) in check mode, V(skipped) after a failure in the same project or when the task was
          told to stop.
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
    - project: payments-prod
      project_id: 64a0c0ffee64a0c0ffee64a0
      user: dana.field@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b0
      action: remove
      roles: [GROUP_DATA_ACCESS_ADMIN, GROUP_READ_ONLY]
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
    - The memberships, after the run, of the users named, as Atlas showed them.
    - A role that somebody else gave or took in between is in it, and told. It is a failure only where what was asked
      for is not so.
    - Too many for a result are cut, which a warning tells.
  returned: always
  type: list
  elements: dict
  sample:
    - project: payments-prod
      project_id: 64a0c0ffee64a0c0ffee64a0
      user: ada.lane@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b1
      status: ACTIVE
      roles: [GROUP_OWNER]
diff:
  description:
    - What changes, as maps from project to user to roles, before and after.
    - Projects that are too many for a result are left out, which a warning tells.
  returned: always
  type: dict
  sample:
    before: {payments-prod: {dana.field@corp.example: [GROUP_DATA_ACCESS_ADMIN, GROUP_READ_ONLY]}}
    after: {payments-prod: {}}
residual_access:
  description:
    - How the users named still get into a project, whether they are removed now, were removed before or never were
      members; one entry for each way. Only for O(state=absent), else empty.
    - V(via) is V(team), V(organization), or V(unknown) where the credential can't tell whether there is another way in.
    - The name is the team's, or the organization role's. It is the team's id, or none, where the credential may not
      read the organization.
    - It is read before the first write, so that check mode says the same. A warning for each person tells it too.
    - Too many for a result are cut, which a warning tells.
  returned: always
  type: list
  elements: dict
  sample:
    - project: payments-prod
      project_id: 64a0c0ffee64a0c0ffee64a0
      user: dana.field@corp.example
      via: team
      name: platform
      roles: [GROUP_READ_ONLY]
"""

from ansible_collections.atlasops.access.plugins.module_utils._access import Refusal
from ansible_collections.atlasops.access.plugins.module_utils._asked import Params, exactly
from ansible_collections.atlasops.access.plugins.module_utils._names import blank
from ansible_collections.atlasops.access.plugins.module_utils._writer import run

SPEC = {
    "legacy_invitations": {"type": "bool", "default": False},
}
DEEDS = {"present": "add", "absent": "remove"}


def check(params: Params) -> None:
    """Refuse options that contradict each other."""
    if params["state"] == "absent" and not blank(params["roles"]):
        raise Refusal(
            "state=absent ends the whole membership, whatever the roles; leave out roles, "
            "or take single roles away with atlas_project_role"
        )
    if params["state"] == "present" and params["legacy_invitations"]:
        raise Refusal("legacy_invitations goes with state=absent; invitations are made by the current endpoint only")


def main() -> None:
    run(SPEC, DEEDS, check, exactly)


if __name__ == "__main__":
    main()
