# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Which projects a module that reads looks at.
    DOCUMENTATION = r"""
options:
  projects:
    description:
      - Only these projects are in scope, by name, id (24 hexadecimal digits) or glob, such as V(payments-*).
      - All that the credential sees, if left out.
    type: list
    elements: str
    aliases: [project, project_id, project_name]
"""
    # For those that can leave some out.
    WITHOUT = r"""
options:
  exclude_projects:
    description: Projects out of scope, likewise.
    type: list
    elements: str
  project_tags:
    description:
      - Only projects that have all these tags with these values are in scope. YAML's V(true) is the tag V(true).
    type: dict
"""
