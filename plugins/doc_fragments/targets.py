# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Where: the options of the modules that write to projects.
    DOCUMENTATION = r"""
options:
  projects:
    description:
      - The projects, by name, id (24 hexadecimal digits, in any case) or glob, such as V(payments-*) or V(*). They may
        be mixed. A name that a project has is that project's, even if it looks like a glob.
      - Text is split at commas. A name that holds one is written as a list, such as V(["Payments, EU"]).
      - A project that the credential does not see is an error.
    type: list
    elements: str
    aliases: [project, project_id, project_name]
  memberships:
    description:
      - Rows of project, user and roles, for pairs that are no cross product. Use instead of O(projects), O(users) and
        O(roles).
      - Each row is a dictionary with V(project) (or V(project_id)), V(user) (or V(user_id)) and V(roles).
        Rows that M(atlasops.access.atlas_project_user_info) and M(atlasops.access.atlas_access_review) return can be
        passed as they are.
      - An id in a row decides. A name or email beside it that has changed since is a warning; one that is somebody
        else's, or another project's, is refused.
      - A row may say V(action), as findings do. It is refused unless it is what the task does.
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
