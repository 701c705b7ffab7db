#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_project_identity_info
short_description: List the API keys and service accounts that get into MongoDB Atlas projects
version_added: "2.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Returns one row for each API key or service account and project that it gets into - because it was given the
    project, or by a role in the organization - with what is known of its secrets and their use.
  - The secrets themselves are in no row, masked or not.
  - What Atlas does not tell can't be here. An API key has no owner, no dates and no record of its use. Applications
    that act for a person (OAuth) can't be listed. Remote MCP configurations show as the service accounts that MongoDB
    manages for them.
  - Without O(projects) it also tells what belongs to an organization and gets into none of its projects.
  - API keys need a credential with Organization Member, service accounts one with Organization Read Only.
  - It makes one request for each 500 API keys of an organization, two for each 500 service accounts, and one for each
    service account.
  - If some can't be read, the task fails; the rows of the others are returned all the same.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.attributes.files
  - atlasops.access.scope
  - atlasops.access.output_file
seealso:
  - module: atlasops.access.atlas_access_review
  - module: atlasops.access.atlas_project_user_info
"""

EXAMPLES = r"""
- name: See which API keys and service accounts get into the production projects
  atlasops.access.atlas_project_identity_info:
    projects: "*-prod"
  register: programs

- name: Show those that own a project
  ansible.builtin.debug:
    msg: "{{ item.project }}: {{ item.kind }} {{ item.name }} ({{ item.id }})"
  loop: "{{ programs.identities | selectattr('roles', 'contains', 'GROUP_OWNER') }}"
  loop_control:
    label: "{{ item.id }}"
"""

RETURN = r"""
identities:
  description:
    - What gets into which project, ordered by project, kind and name; the first ones where RV(truncated).
    - What gets into none of the projects comes last, in a row without a project.
  returned: success, and when some could not be read
  type: list
  elements: dict
  contains:
    project:
      description: The project's name; none for what gets into no project, and where its projects could not be read.
      type: str
      returned: always
    project_id:
      description: The project's id, likewise.
      type: str
      returned: always
    org_id:
      description: The id of the organization that it belongs to.
      type: str
      returned: always
    kind:
      description: V(api_key) or V(service_account).
      type: str
      returned: always
    id:
      description: The id of the API key (24 hexadecimal digits) or the client id of the service account.
      type: str
      returned: always
    public_key:
      description: The public key of an API key; none for a service account.
      type: str
      returned: always
    name:
      description: The name, or the description of an API key.
      type: str
      returned: always
    organization_roles:
      description: Its roles in the organization.
      type: list
      elements: str
      returned: always
    system_managed:
      description: Whether MongoDB manages it, for a remote MCP configuration; none where that could not be read.
      type: bool
      returned: always
    this_run:
      description: Whether it is the credential that this task uses; none with an access token, which does not tell.
      type: bool
      returned: always
    created_at:
      description: When it was created; none for an API key, of which Atlas does not tell.
      type: str
      returned: always
    last_used_at:
      description: When one of its secrets was last used; none for never, and for every API key.
      type: str
      returned: always
    idle_days:
      description:
        - Days since RV(identities[].last_used_at), or if it was never used, since it was created; none for every API
          key.
      type: int
      returned: always
    secret_state:
      description:
        - V(valid) where a secret is good today, V(expired) where all of them ended, V(none) where there is none,
          V(not told) where Atlas does not say, V(never expires) for an API key.
      type: str
      returned: always
    secrets:
      description: The C(id), C(created_at), C(expires_at) and C(last_used_at) of each secret; none for an API key.
      type: list
      elements: dict
      returned: always
    roles:
      description: The roles that it was given in the project itself; none where Atlas does not tell them.
      type: list
      elements: str
      returned: always
    via:
      description:
        - The ways in. The kind is V(direct), V(organization) or, where its projects could not be read, V(unknown); the
          name is the organization role's.
      type: list
      elements: dict
      returned: always
    privileged:
      description: Whether one of its roles here or in the organization decides about others or reaches the data.
      type: bool
      returned: always
  sample:
    - project: payments-prod
      project_id: 64a0c0ffee64a0c0ffee64a0
      org_id: 64c0c0ffee64c0c0ffee64c0
      kind: service_account
      id: mdb_sa_id_64d0c0ffee64d0c0ffee64d0
      public_key: null
      name: payments-pipeline
      organization_roles: [ORG_MEMBER]
      system_managed: false
      this_run: false
      created_at: "2025-02-01T08:00:00Z"
      last_used_at: "2026-08-20T09:14:05Z"
      idle_days: 12
      secret_state: valid
      secrets:
        - id: 64e0c0ffee64e0c0ffee64e0
          created_at: "2026-02-01T08:00:00Z"
          expires_at: "2027-02-01T08:00:00Z"
          last_used_at: "2026-08-20T09:14:05Z"
      roles: [GROUP_OWNER]
      via:
        - {kind: direct, name: null, roles: [GROUP_OWNER]}
      privileged: true
count:
  description: How many rows there are, those left out of RV(identities) included.
  returned: success, and when some could not be read
  type: int
  sample: 1
truncated:
  description: Whether RV(identities) holds only the first ones, and O(output_file) all of them.
  returned: success, and when some could not be read
  type: bool
  sample: false
"""

from datetime import datetime, timezone

from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils import _programs as programs
from ansible_collections.atlasops.access.plugins.module_utils._files import write_rows
from ansible_collections.atlasops.access.plugins.module_utils._identities import gets_into, place_rows
from ansible_collections.atlasops.access.plugins.module_utils._module import OUTPUT_FILE, PROJECTS, run_reader
from ansible_collections.atlasops.access.plugins.module_utils._names import empty_lists, projects_in_scope
from ansible_collections.atlasops.access.plugins.module_utils._result import listing

SPEC = {
    **PROJECTS,
    **OUTPUT_FILE,
}


def answer(params, client, warnings, checked):
    """What gets into the projects."""
    projects = projects_in_scope(atlas.projects(client), params["projects"])
    warnings += empty_lists(params, ["projects"])
    seen = programs.read(client, {project.org_id for project in projects})
    asked = [one for one in seen.identities if params["projects"] is None or gets_into(one, projects)]
    rows = place_rows(asked, projects, datetime.now(timezone.utc))
    if params["output_file"]:
        write_rows(params["output_file"], rows)
    problem = " ".join(f"{one.rstrip('.')}." for one in seen.unread[:5]) or None
    return listing("identities", rows, params["output_file"]), problem


def main():
    run_reader(SPEC, answer)


if __name__ == "__main__":
    main()
