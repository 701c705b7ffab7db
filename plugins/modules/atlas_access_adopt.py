#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_access_adopt
short_description: Write today's memberships of MongoDB Atlas projects as files, to start a desired state from
version_added: "2.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Writes one YAML file for each project in scope, with its members and open invitations, for
    O(atlasops.access.atlas_access_review#module:memberships_dir). A review of these files finds nothing.
  - Never writes to Atlas.
  - Adopting again touches only what differs. Comments, last days and reasons that people wrote stay where they are, and
    a file that says what is there today stays as it is. A file that holds the V(project_id) of a project that was
    renamed is renamed. No file is deleted; those of projects that are there no longer are told.
  - Somebody whose email is not theirs alone in a project, or is none, is named by id.
  - If a project can't be read, its file stays as it is, those of the others are written, and the task fails.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.attributes
  - atlasops.access.scope
  - atlasops.access.scope.without
options:
  memberships_dir:
    description:
      - The directory of the files. It is made if it is missing. Files that are there already, in folders below it too,
        are read first, and one that is wrong stops everything.
    type: path
    required: true
seealso:
  - module: atlasops.access.atlas_access_review
"""

EXAMPLES = r"""
- name: Start from what is there
  atlasops.access.atlas_access_adopt:
    memberships_dir: ./memberships

- name: Find nothing then
  atlasops.access.atlas_access_review:
    memberships_dir: "{{ playbook_dir }}/memberships"
"""

RETURN = r"""
files:
  description: The files of the projects in scope. Bounded; RV(counts) has the numbers.
  returned: success, and when some of the projects could not be read
  type: list
  elements: dict
  contains:
    file:
      description: Its path.
      type: str
      returned: always
    project:
      description: The project's name.
      type: str
      returned: always
    project_id:
      description: The project's id.
      type: str
      returned: always
    state:
      description: What was done, or in check mode would be. A file that was renamed may have changed as well.
      type: str
      returned: always
      choices: [created, changed, renamed, unchanged]
  sample:
    - file: memberships/payments-prod-64a0c0ffee64a0c0ffee64a0.yml
      project: payments-prod
      project_id: 64a0c0ffee64a0c0ffee64a0
      state: created
counts:
  description: How many files there are of each state.
  returned: success, and when some of the projects could not be read
  type: dict
  sample: {created: 1, changed: 0, renamed: 0, unchanged: 11}
stale:
  description: Files of projects that the credential does not see, or not any more. Bounded. They stay as they are.
  returned: success, and when some of the projects could not be read
  type: list
  elements: str
  sample: [memberships/old-shop-64a0c0ffee64a0c0ffee64a9.yml]
"""

import os
from collections import Counter

from ansible_collections.atlasops.access.plugins.module_utils import _adopt as adopting
from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils import _people as people_in
from ansible_collections.atlasops.access.plugins.module_utils import _sources as sourcing
from ansible_collections.atlasops.access.plugins.module_utils._access import ACTIVE, PENDING
from ansible_collections.atlasops.access.plugins.module_utils._files import put
from ansible_collections.atlasops.access.plugins.module_utils._module import SCOPE, run_reader
from ansible_collections.atlasops.access.plugins.module_utils._names import projects_in_scope
from ansible_collections.atlasops.access.plugins.module_utils._read import text_of
from ansible_collections.atlasops.access.plugins.module_utils._result import bounded
from ansible_collections.atlasops.access.plugins.module_utils._words import counted, listed

# Characters of what is returned; AWX drops results of more than 700,000 characters.
OF_FILES = 100_000
OF_DIFF = 200_000

SPEC = {
    "memberships_dir": {"type": "path", "required": True},
    **SCOPE,
}


def check(params, warnings):
    """The files that are there already."""
    return sourcing.read_sources(params["memberships_dir"], warnings, empty=True)


def answer(params, client, warnings, sources):
    """Read, compare, and write what differs."""
    visible = atlas.projects(client)
    scope = projects_in_scope(visible, params["projects"], params["exclude_projects"], params["project_tags"])
    there = sourcing.located(sources, visible, [])
    seen = people_in.rosters(client, scope, indirect=False)
    files = [adopted(params, one, there.get(one.project.id)) for one in seen.rosters if not one.error]
    adopting.check_free(files)
    differ = [one for one in files if one.state != adopting.UNCHANGED]
    for one in [] if params["check_mode"] else differ:
        put(one.path, one.old, one.after, "memberships_dir")
    old = [one.path for one in adopting.stale(sources, visible)]
    if old:
        warnings.append(f"memberships_dir: stale, for no project is seen that they are about: {listed(old)}")
    unread = [f"{one.project.name}: {one.error}" for one in seen.rosters if one.error]
    problem = f"{len(unread):,} of {counted(len(scope), 'project')} could not be read. " if unread else ""
    return result(files, differ, old), problem + " ".join(unread[:5])


def adopted(params, roster, source):
    """The file of one project as it is to be."""
    members = [one.member for one in roster.entries.values() if one.direct and one.member.status in (ACTIVE, PENDING)]
    text = text_of(source.path, "memberships_dir") if source else ""
    return adopting.adopted(params["memberships_dir"], roster.project, members, source, text)


def result(files, differ, old):
    """What was done, in bounds."""
    states = Counter(one.state for one in files)
    return {
        "changed": bool(differ),
        "files": bounded(adopting.rows_of(files), OF_FILES),
        "counts": {state: states[state] for state in adopting.STATES},
        "stale": bounded(old, OF_FILES),
        "diff": bounded([diff(one) for one in differ], OF_DIFF),
    }


def diff(one):
    """What changes in a file."""
    header = os.path.relpath(one.old or one.path)
    return {
        "before_header": header,
        "after_header": os.path.relpath(one.path),
        "before": one.before,
        "after": one.after,
    }


def main():
    run_reader(SPEC, answer, check)


if __name__ == "__main__":
    main()
