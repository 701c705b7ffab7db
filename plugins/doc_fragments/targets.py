# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Whom and where: the options of the modules that write.
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
  users:
    description:
      - The users, by email or id (24 hexadecimal digits). They may be mixed. Case does not matter.
      - A list, or text with one on each line or V(;) or V(,) between them, as surveys and mail programs give it, or a
        list as JSON. V(Field, Dana <dana.field@corp.example>) is one person.
      - What is neither an email nor an id is refused, such as an address in quotes or one that ends in a dot.
      - An email stands for all memberships that it has in a project, an id for one of them. In O(state=present) an
        invitation that lapsed is left alone where the same person is a member or has a newer invitation.
      - An empty list means that there is nothing to do.
    type: raw
    aliases: [user, username, user_id]
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
  plan:
    description:
      - Carry out steps that M(atlasops.access.atlas_access_review) planned, instead of asking for anything by the other
        options. O(state) does not matter then.
      - The module makes the steps of its own kinds, those for accounts that are no longer as they were judged
        excepted. A step that is refused or fails stops its project, not the others.
      - Several tasks may share a plan and a O(journal). In check mode steps that an earlier one of them would have made
        count as made.
    type: dict
    suboptions:
      file:
        description: The C(plan.json) that the review wrote. It is read once.
        type: path
        required: true
      digest:
        description: The digest of the plan that is meant. Any other plan in the file is refused before any request.
        type: str
        required: true
      actions:
        description: The kinds of steps to make now, V(add), V(grant), V(revoke) or V(remove). All if left out.
        type: list
        elements: str
  journal:
    description:
      - A file to which the start of each write is added before it is sent, and its end after, as lines of JSON. It is
        made if it is not there, readable by its owner alone.
      - Only one task at a time can write to it. What is in it stays.
    type: path
notes:
  - To change memberships, the credential needs Project Access Manager or Project Owner in the projects. To say how
    removed people still get in, it needs Organization Member as well; without it one more request a project is made.
"""
