#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_team_user
short_description: Manage who is in teams of a MongoDB Atlas organization
version_added: "2.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Takes people out of teams, or sees to it that they are in them.
  - A team gives its roles in every project that it has a role in. Leaving it ends that access in all of them, once for
    the whole organization; RV(ends) names these projects, and RV(residual_access) how the person still gets in there.
  - The credential needs Organization Owner. Without it Atlas refuses the first write, and the error says so.
  - Atlas keeps at least one user in a team. A task that would take the last one is refused before anything is written,
    in check mode too, and so is one that would leave a project without an ACTIVE owner, where only the team owns it.
  - Everything is read and planned before the first write. A failure of Atlas in one team does not stop the others. The
    task fails at the end and says what was done; the same task again does the rest.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.who
  - atlasops.access.attributes
options:
  teams:
    description:
      - The teams, by name, id (24 hexadecimal digits, in any case) or glob, such as V(data-*). They may be mixed. A
        name that a team has is that team's, even if it looks like a glob.
      - Text is split at commas. A name that holds one is written as a list, such as V(["Data, EU"]).
      - A team that the organization does not have is an error.
      - Required, unless O(memberships) or O(plan) is given.
    type: list
    elements: str
    aliases: [team, team_id, team_name]
  organization:
    description:
      - The organization that the teams are of, by name or id.
      - May be left out where the credential sees one organization only.
    type: str
    aliases: [organization_id, org_id]
  memberships:
    description:
      - Rows of team and user, for pairs that are no cross product. Use instead of O(teams) and O(users).
      - Each row is a dictionary with V(team) (or V(team_id)) and V(user) (or V(user_id)), such as those in
        RV(memberships). An id decides. A name or email beside it that has changed since is a warning; one that is
        somebody else's, or another team's, is refused. Roles in it do not matter.
      - A row may say V(action), V(add) for O(state=present) and V(remove) for O(state=absent). Others are refused.
      - An empty list means that there is nothing to do.
    type: list
    elements: dict
  state:
    description:
      - V(present) means that the users are in the teams. They must be in the organization, or be invited to it;
        M(atlasops.access.atlas_organization_user) invites.
      - V(absent) means that the users are not in the teams. People who are in none of them are told by a warning.
      - A blank is refused, as it may mean either.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Nobody else is in the teams; for O(state=present) only. Refused with an empty list, or one that holds a blank.
    type: bool
    default: false
seealso:
  - module: atlasops.access.atlas_organization_user
  - module: atlasops.access.atlas_project_user
"""

EXAMPLES = r"""
- name: Take a person out of a team, and with it out of all its projects
  atlasops.access.atlas_team_user:
    team: data-engineering
    user: dana.field@corp.example
    state: absent

- name: Take two people out of every team of an organization
  atlasops.access.atlas_team_user:
    organization: Example Org
    teams: "*"
    users: [dana.field@corp.example, omar.reyes@corp.example]
    state: absent

- name: These and nobody else are in the team
  atlasops.access.atlas_team_user:
    team: on-call
    users: [ben.okafor@corp.example, lena.vogel@corp.example]
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
    - An entry with the action V(read) stands for a team whose members could not be read.
    - If they are too many for a result, failed ones come first, and RV(actions_omitted) says how many are left out.
  returned: always
  type: list
  elements: dict
  contains:
    team:
      description: The team's name.
      type: str
      returned: always
    team_id:
      description: The team's id.
      type: str
      returned: always
    user:
      description: The user's email as Atlas spells it.
      type: str
      returned: always
    user_id:
      description: The user's id.
      type: str
      returned: always
    action:
      description: What it is.
      type: str
      returned: always
      choices: [add, remove, read]
    roles:
      description: V(TEAM_MEMBER), which stands for being in a team, where Atlas knows no roles.
      type: list
      elements: str
      returned: always
    status:
      description:
        - How it ended; V(planned) in check mode, V(skipped) after a failure in the same team or when the task was
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
        - V(already there) or V(already gone) where somebody else had made the step before; else none.
      type: str
      returned: always
  sample:
    - team: data-engineering
      team_id: 64c0c0ffee64c0c0ffee64c0
      user: dana.field@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b0
      action: remove
      roles: [TEAM_MEMBER]
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
    - Too many for a result are cut, which a warning tells.
  returned: always
  type: list
  elements: dict
  sample:
    - team: on-call
      team_id: 64c0c0ffee64c0c0ffee64c1
      user: ada.lane@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b1
      status: ACTIVE
      roles: [TEAM_MEMBER]
diff:
  description:
    - What changes, as maps from team to user to roles, before and after.
    - Teams that are too many for a result are left out, which a warning tells.
  returned: always
  type: dict
  sample:
    before: {data-engineering: {dana.field@corp.example: [TEAM_MEMBER]}}
    after: {data-engineering: {}}
ends:
  description:
    - What ends with the steps that were made, or in check mode would be, one entry for each team, user and project; the
      roles are those that nothing else gives the user there.
    - It is read before the first write. Too many for a result are cut, which a warning tells.
  returned: always
  type: list
  elements: dict
  sample:
    - team: data-engineering
      team_id: 64c0c0ffee64c0c0ffee64c0
      project: data-platform-prod
      project_id: 64a0c0ffee64a0c0ffee64a1
      user: dana.field@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b0
      roles: [GROUP_DATA_ACCESS_READ_WRITE]
residual_access:
  description:
    - How the users named still get into a project of these teams, whether they are taken out now, were before or never
      were in one; one entry for each way. For O(state=present) of those whom O(exclusive) takes out.
    - V(via) is V(direct) for a membership of the project, V(team) for another team, V(organization), or V(unknown)
      where that could not be read.
    - It is read before the first write, so that check mode says the same. A warning for each person tells it too, and
      names the module that ends it.
    - Too many for a result are cut, which a warning tells.
  returned: always
  type: list
  elements: dict
  sample:
    - project: data-platform-prod
      project_id: 64a0c0ffee64a0c0ffee64a1
      user: dana.field@corp.example
      via: direct
      name: null
      roles: [GROUP_DATA_ACCESS_READ_ONLY]
"""

from ansible_collections.atlasops.access.plugins.module_utils._access import TEAM
from ansible_collections.atlasops.access.plugins.module_utils._asked import exactly
from ansible_collections.atlasops.access.plugins.module_utils._writer import run

SPEC = {}
DEEDS = {"present": "add", "absent": "remove"}


def main() -> None:
    run(SPEC, DEEDS, lambda params: None, exactly, TEAM)


if __name__ == "__main__":
    main()
