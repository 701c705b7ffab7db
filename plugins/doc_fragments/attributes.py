# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what the run would return, without changing anything.
    support: full
  diff_mode:
    description: Returns what changes, or in check mode would change, when in diff mode.
    support: full
  idempotent:
    description: The same task again changes nothing.
    support: full
  action_group:
    description: Use C(group/atlasops.access.atlas) in C(module_defaults) to set the options of all modules at once.
    support: full
    membership:
      - atlasops.access.atlas
"""

    FILES = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode), and does the same.
    support: partial
    details:
      - Never writes to Atlas. The files that the options name are written in C(check_mode) too, so that a dry run
        leaves a whole report.
  diff_mode:
    description: Returns what changes when in diff mode.
    support: none
    details:
      - Changes nothing in Atlas; the files that the options name are not compared.
  idempotent:
    description: The same task again changes nothing.
    support: partial
    details:
      - Changes nothing in Atlas. The files that the options name are written anew by each run, which never counts as
        changed.
  action_group:
    description: Use C(group/atlasops.access.atlas) in C(module_defaults) to set the options of all modules at once.
    support: full
    membership:
      - atlasops.access.atlas
"""
