# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Whom and where: the options of the modules that write.
    DOCUMENTATION = r"""
options:
  projects:
    description:
      - The projects, by name, id (24 hexadecimal digits) or glob, such as V(payments-*) or V(*). They may be mixed.
      - A project that the credential does not see is an error.
    type: list
    elements: str
    aliases: [project, project_id, project_name]
  users:
    description:
      - The users, by email or id (24 hexadecimal digits). They may be mixed. Case does not matter in emails.
      - An empty list means that there is nothing to do.
    type: list
    elements: str
    aliases: [user, username, user_id]
  memberships:
    description:
      - Rows of project, user and roles, for pairs that are no cross product. Use instead of O(projects) and O(users).
      - Each row is a dictionary with V(project) (or V(project_id)), V(user) (or V(user_id)) and V(roles).
        Rows that M(atlasops.access.atlas_project_user_info) and M(atlasops.access.atlas_access_review) return can be
        passed as they are.
      - An empty list means that there is nothing to do.
    type: list
    elements: dict
  allow_no_owner:
    description: Let a project lose its last ACTIVE owner. Owners through a team count, invited ones do not.
    type: bool
    default: false
notes:
  - To change memberships, the credential needs Project Access Manager or Project Owner in the projects. To say how
    removed people still get in, it needs Organization Member as well; without it one more request a project is made.
"""
