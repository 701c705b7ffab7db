#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_project_role
short_description: Manage who holds a role in MongoDB Atlas projects
version_added: "1.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Gives project roles to members of projects, or takes them away, and leaves their other roles alone.
  - A user holds at least one role at all times. To take somebody's only role, name an O(fallback_role), which is given
    first, or end the membership with M(atlasops.access.atlas_project_user).
  - Everything is read and planned before the first write. Bad input and refusals, such as the last owner of a
    project, stop the task before anything is written in any project, in check mode too.
  - A failure of Atlas in one project does not stop the others. The task fails at the end and says what was done;
    the same task again does the rest.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.targets
  - atlasops.access.who
  - atlasops.access.attributes
options:
  roles:
    description:
      - The project roles to give or to take. A blank one is refused, in rows as well.
      - Names such as V(GROUP_READ_ONLY). A name that is not known gives a warning with the nearest known one.
    type: list
    elements: str
    aliases: [role]
  state:
    description:
      - V(present) means that the users hold these roles. All must be members already, or be invited. An invitation
        that lapsed, which is to say expired or was rejected, gives no role.
      - V(absent) means that the users do not hold these roles. Who is not a member holds none. People who are members
        of none of the projects are told by a warning. So is who holds such a role through a team or an organization
        role as well, where the people of the organization can be read.
      - The V(action) of rows, if there is one, is V(grant) for V(present) and V(revoke) for V(absent).
      - A blank is refused, as it may mean either.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Nobody else holds these roles in the projects; for O(state=present) only. Refused with an empty list, or one
        that holds a blank.
    type: bool
    default: false
  fallback_role:
    description:
      - The role to give, first, to a user whose only roles are to be taken.
      - Without it that is an error. Rows may have a V(fallback_role) of their own.
    type: str
seealso:
  - module: atlasops.access.atlas_project_user
  - module: atlasops.access.atlas_project_user_info
"""

EXAMPLES = r"""
- name: Take a risky role from two people in all projects of payments
  atlasops.access.atlas_project_role:
    projects: payments-*
    users: [dana.field@corp.example, david.kim@corp.example]
    role: GROUP_DATA_ACCESS_ADMIN
    state: absent
    fallback_role: GROUP_READ_ONLY

- name: Let a member manage clusters
  atlasops.access.atlas_project_role:
    project: payments-staging
    user: elena.petrova@corp.example
    role: GROUP_CLUSTER_MANAGER

- name: These two own the project and nobody else does
  atlasops.access.atlas_project_role:
    project: payments-prod
    users: [breakglass-1@corp.example, ben.okafor@corp.example]
    role: GROUP_OWNER
    exclusive: true
    fallback_role: GROUP_READ_ONLY
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
      action: revoke
      roles: [GROUP_DATA_ACCESS_ADMIN]
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
    after: {payments-prod: {dana.field@corp.example: [GROUP_READ_ONLY]}}
"""

from ansible_collections.atlasops.access.plugins.module_utils._access import Access, Refusal
from ansible_collections.atlasops.access.plugins.module_utils._asked import Params
from ansible_collections.atlasops.access.plugins.module_utils._writer import run

SPEC = {
    "fallback_role": {"type": "str"},
}
DEEDS = {"present": "grant", "absent": "revoke"}


def desired(params: Params, users, access: Access) -> Access:
    """These users hold these roles, or do not."""
    after = dict(access)
    taken = {} if params["state"] == "present" else {user: wish.roles for user, wish in users.items()}
    if params["state"] == "present":
        for user, wish in users.items():
            if wish.roles and not access.get(user):
                raise Refusal("is not a member; add people with atlas_project_user, which may send an invitation", user)
            after[user] = access[user] | wish.roles
    if params["exclusive"]:
        named = frozenset().union(*(wish.roles for wish in users.values()))
        taken = {user: named - (users[user].roles if user in users else frozenset()) for user in access}
    for user, roles in taken.items():
        if roles & after.get(user, frozenset()):
            fallback = users[user].fallback if user in users else params["fallback_role"]
            after[user] = after[user] - roles or _fallback(user, roles, fallback)
    return after


def _fallback(user, roles, fallback_role):
    if not fallback_role or fallback_role in roles:
        raise Refusal(
            f"has no role but {', '.join(sorted(roles))}, and a member holds at least one; name a "
            "fallback_role to give first, or remove the user with atlas_project_user",
            user,
        )
    return frozenset([fallback_role])


def main() -> None:
    run(SPEC, DEEDS, lambda params: None, desired)


if __name__ == "__main__":
    main()
