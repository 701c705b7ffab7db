# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Whom it is about: the options of all modules that write.
    DOCUMENTATION = r"""
options:
  users:
    description:
      - The users, by email or id (24 hexadecimal digits). They may be mixed. Case does not matter.
      - A list, or text with one on each line or V(;) or V(,) between them, as surveys and mail programs give it, or a
        list as JSON. V(Field, Dana <dana.field@corp.example>) is one person.
      - What is neither an email nor an id is refused, such as an address in quotes or one that ends in a dot.
      - An email stands for all memberships that it has in a place, an id for one of them. In O(state=present) an
        invitation that lapsed is left alone where the same person is a member or has a newer invitation.
      - An empty list means that there is nothing to do.
    type: raw
    aliases: [user, username, user_id]
  plan:
    description:
      - Carry out steps that M(atlasops.access.atlas_access_review) planned, instead of asking for anything by the other
        options. O(state) does not matter then.
      - The module makes the steps of its own kinds, those for accounts that are no longer as they were judged
        excepted. A step that is refused or fails stops the project (team, organization) that it is in, not the others.
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
      - Only one task at a time can write to it. What is in it stays. A directory that is sealed takes none.
    type: path
"""
