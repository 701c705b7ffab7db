#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_project_info
short_description: List MongoDB Atlas projects
version_added: "1.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Returns the projects that the credential sees.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.attributes.files
  - atlasops.access.scope
  - atlasops.access.output_file
options:
  tags:
    description:
      - Only projects that have all these tags with these values. YAML's V(true) is the tag V(true).
      - A tag that no project has is told by a warning.
    type: dict
seealso:
  - module: atlasops.access.atlas_project_user_info
"""

EXAMPLES = r"""
- name: List the production projects
  atlasops.access.atlas_project_info:
    tags:
      env: prod
  register: production

- name: See who gets into them
  atlasops.access.atlas_project_user_info:
    projects: "{{ production.projects | map(attribute='id') }}"
"""

RETURN = r"""
projects:
  description: The projects, ordered by name; the first ones where RV(truncated).
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The project's id.
      type: str
      returned: always
    name:
      description: The project's name.
      type: str
      returned: always
    org_id:
      description: The id of its organization.
      type: str
      returned: always
    created:
      description: When it was created.
      type: str
      returned: always
    tags:
      description: Its tags.
      type: dict
      returned: always
  sample:
    - id: 64a0c0ffee64a0c0ffee64a0
      name: payments-prod
      org_id: 64c0c0ffee64c0c0ffee64c0
      created: "2024-02-01T08:00:00Z"
      tags: {env: prod}
count:
  description: How many projects there are, those left out of RV(projects) included.
  returned: success
  type: int
  sample: 1
truncated:
  description: Whether RV(projects) holds only the first ones, and O(output_file) all of them.
  returned: success
  type: bool
  sample: false
"""

from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils._files import write_rows
from ansible_collections.atlasops.access.plugins.module_utils._module import OUTPUT_FILE, PROJECTS, run_reader
from ansible_collections.atlasops.access.plugins.module_utils._names import (
    empty_lists,
    projects_in_scope,
    unmatched_tags,
)
from ansible_collections.atlasops.access.plugins.module_utils._result import listing

SPEC = {
    **PROJECTS,
    "tags": {"type": "dict"},
    **OUTPUT_FILE,
}


def answer(params, client, warnings, checked):
    """The projects that pass the filters."""
    visible = atlas.projects(client)
    chosen = projects_in_scope(visible, params["projects"], tags=params["tags"])
    warnings += unmatched_tags(params["tags"], visible) + empty_lists(params, ["projects"])
    rows = [{**project._asdict(), "tags": dict(project.tags)} for project in chosen]
    if params["output_file"]:
        write_rows(params["output_file"], rows)
    return listing("projects", rows, params["output_file"]), None


def main():
    run_reader(SPEC, answer)


if __name__ == "__main__":
    main()
