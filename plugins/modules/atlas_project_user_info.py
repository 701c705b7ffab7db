#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_project_user_info
short_description: List who gets into MongoDB Atlas projects, how, and with which roles
version_added: "1.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Returns one row for each person and project, with the ways in which the person gets in - as a member, through a
    team, or through an organization role.
  - The rows can be passed on as O(atlasops.access.atlas_project_user#module:memberships). Memberships that share an
    email, such as a member's and an old invitation, are rows of their own, which their V(user_id) tells apart.
  - This is about the people who log in to Atlas and see a project, not about database users. Their names, phone
    numbers and countries are left out.
  - If a project can't be read, the task fails; the rows of the others are returned all the same.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.attributes.files
  - atlasops.access.scope
  - atlasops.access.output_file
options:
  users:
    description:
      - Only these users, by email or id (24 hexadecimal digits), written as in
        O(atlasops.access.atlas_project_user#module:users).
      - Who passes the filters nowhere is told by a warning.
    type: raw
    aliases: [user, username, user_id]
  roles:
    description: Only people who have one of these project roles, in whatever way.
    type: list
    elements: str
    aliases: [role]
  statuses:
    description:
      - Only people of these statuses.
      - V(INVITATION_EXPIRED) and V(INVITATION_REJECTED) are invitations that lapsed; they have a place in the project's
        list and give nobody access.
    type: list
    elements: str
    choices: [ACTIVE, PENDING, INVITATION_EXPIRED, INVITATION_REJECTED]
    default: [ACTIVE, PENDING, INVITATION_EXPIRED, INVITATION_REJECTED]
  inactive_days:
    description:
      - Only ACTIVE people who have not logged in to Atlas for at least so many days, or never since the account was
        created at least so many days ago.
      - The last login belongs to the account, not to the project.
    type: int
  via:
    description:
      - Only people who get in in one of these ways.
      - Without V(team) and V(organization) fewer requests are made, and RV(memberships[].via) names the direct way
        only.
    type: list
    elements: str
    choices: [direct, team, organization]
    default: [direct, team, organization]
seealso:
  - module: atlasops.access.atlas_project_user
  - module: atlasops.access.atlas_access_review
"""

EXAMPLES = r"""
- name: See everybody who gets into the production projects
  atlasops.access.atlas_project_user_info:
    projects: "*-prod"
  register: access

- name: Find owners who have not logged in for 90 days
  atlasops.access.atlas_project_user_info:
    role: GROUP_OWNER
    inactive_days: 90
  register: idle_owners

- name: Find invitations that nobody will accept any more
  atlasops.access.atlas_project_user_info:
    statuses: [INVITATION_EXPIRED, INVITATION_REJECTED]
    via: direct
  register: lapsed

- name: Take those invitations back
  atlasops.access.atlas_project_user:
    memberships: "{{ lapsed.memberships }}"
    state: absent
"""

RETURN = r"""
memberships:
  description: Who gets into which project, ordered by project and user; the first ones where RV(truncated).
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
      description: The user's email, or what else Atlas calls an old account.
      type: str
      returned: always
    user_id:
      description: The user's id.
      type: str
      returned: always
    status:
      description: ACTIVE, PENDING, INVITATION_EXPIRED or INVITATION_REJECTED.
      type: str
      returned: always
    roles:
      description: The roles of the membership itself; empty for somebody who gets in through others only.
      type: list
      elements: str
      returned: always
    via:
      description:
        - The ways in. The kind is V(direct), V(team) or V(organization); the name is the team's or the organization
          role's, as far as the credential may know it.
      type: list
      elements: dict
      returned: always
    last_auth:
      description: The last login to Atlas, in any project. None for never.
      type: str
      returned: always
    created_at:
      description: When the account was created, which is not when it joined the project.
      type: str
      returned: always
    invitation_created_at:
      description: When the invitation was sent.
      type: str
      returned: always
    invitation_expires_at:
      description: When it expires.
      type: str
      returned: always
    inviter:
      description: Who invited; an email or the public key of an API key.
      type: str
      returned: always
  sample:
    - project: payments-prod
      project_id: 64a0c0ffee64a0c0ffee64a0
      user: ada.lane@corp.example
      user_id: 64b0c0ffee64b0c0ffee64b1
      status: ACTIVE
      roles: [GROUP_OWNER]
      via:
        - {kind: direct, name: null, roles: [GROUP_OWNER]}
        - {kind: team, name: platform, roles: [GROUP_READ_ONLY]}
      last_auth: "2026-08-20T09:14:05Z"
      created_at: "2024-02-01T08:00:00Z"
      invitation_created_at: null
      invitation_expires_at: null
      inviter: null
count:
  description: How many rows there are, those left out of RV(memberships) included.
  returned: success, and when some of the projects could not be read
  type: int
  sample: 1
truncated:
  description: Whether RV(memberships) holds only the first ones, and O(output_file) all of them.
  returned: success, and when some of the projects could not be read
  type: bool
  sample: false
"""

from datetime import datetime, timezone

from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils import _people as people_in
from ansible_collections.atlasops.access.plugins.module_utils._access import STATUSES, folded, idle_days
from ansible_collections.atlasops.access.plugins.module_utils._files import write_rows
from ansible_collections.atlasops.access.plugins.module_utils._module import OUTPUT_FILE, PROJECTS, run_reader
from ansible_collections.atlasops.access.plugins.module_utils._names import (
    empty_lists,
    people,
    projects_in_scope,
    texts,
)
from ansible_collections.atlasops.access.plugins.module_utils._result import entry_row, listing
from ansible_collections.atlasops.access.plugins.module_utils._roles import check_roles
from ansible_collections.atlasops.access.plugins.module_utils._words import counted, listed

WAYS = ["direct", "team", "organization"]
SPEC = {
    **PROJECTS,
    "users": {"type": "raw", "aliases": ["user", "username", "user_id"]},
    "roles": {"type": "list", "elements": "str", "aliases": ["role"]},
    "statuses": {"type": "list", "elements": "str", "choices": list(STATUSES), "default": list(STATUSES)},
    "inactive_days": {"type": "int"},
    "via": {"type": "list", "elements": "str", "choices": WAYS, "default": WAYS},
    **OUTPUT_FILE,
}


def wanted(params, entry, now):
    """Whether somebody passes the filters."""
    member = entry.member
    roles = {role for way in entry.ways for role in way.roles}
    idle = idle_days(member, now)
    return (
        member.status in params["statuses"]
        and (params["users"] is None or params["users"].keys() & {folded(member.user), member.user_id})
        and (params["roles"] is None or roles & params["roles"])
        and (params["inactive_days"] is None or (idle is not None and idle >= params["inactive_days"]))
        and any(way.kind in params["via"] for way in entry.ways)
    )


def check(params, warnings):
    """The filters, checked, with sets in place of lists."""
    users, roles = people(params["users"], "users"), texts(params["roles"])
    warnings += check_roles(roles or []) + empty_lists(params, ["projects", "users", "roles", "statuses", "via"])
    return {
        **params,
        "users": None if users is None else {folded(user): user for user in users},
        "roles": None if roles is None else set(roles),
    }


def answer(params, client, warnings, filters):
    """The rows that pass the filters."""
    projects = projects_in_scope(atlas.projects(client), params["projects"])
    now = datetime.now(timezone.utc)
    rows, unread = [], []
    rosters, _organizations, unsure = people_in.rosters(client, projects, indirect=set(params["via"]) != {"direct"})
    warnings += unsure
    for roster in rosters:
        if roster.error:
            unread.append(f"{roster.project.name}: {roster.error}")
        if roster.unread:
            warnings.append(
                f"{roster.project.name}: access through teams and the organization is missing: {roster.unread}"
            )
        rows += [entry_row(roster.project, entry) for entry in roster.entries.values() if wanted(filters, entry, now)]
    rows.sort(key=lambda row: (row["project"], row["project_id"], folded(row["user"]), row["user_id"]))
    if not unread:
        warnings += nobody(filters["users"], rows)
    lost = f"{len(unread):,} of {counted(len(projects), 'project')} could not be read. "
    problem = lost + " ".join(unread[:5]) if unread else None
    if params["output_file"]:
        write_rows(params["output_file"], rows)
    return listing("memberships", rows, params["output_file"]), problem


def nobody(users, rows):
    """Who is asked for and passes the filters nowhere."""
    seen = {row["user_id"] for row in rows} | {folded(row["user"]) for row in rows}
    lost = [name for key, name in (users or {}).items() if key not in seen]
    return [f"users: found nowhere with these filters: {listed(lost)}"] if lost else []


def main():
    run_reader(SPEC, answer, check)


if __name__ == "__main__":
    main()
