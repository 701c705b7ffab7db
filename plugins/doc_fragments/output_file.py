# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # A file for what may be more than a result holds.
    DOCUMENTATION = r"""
options:
  output_file:
    description:
      - A file for all rows, as a JSON list. It is replaced in one move, and only its owner may read it.
      - It is needed where there are more rows than fit into a result, which has 500,000 characters at most. Without
        it the task fails then, and says how many there are.
      - Its directory has to be there. It is written in check mode too.
    type: path
"""
