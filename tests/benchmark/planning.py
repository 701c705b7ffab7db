# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processor seconds of planning: what a review does with what it has read, without reading and without writing.

Prints them, and how many steps were planned: planning.py PROJECTS MEMBERS LEAVERS
"""

from __future__ import annotations

import gc
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".venv/collections"))

from ansible_collections.atlasops.access.plugins.module_utils import (  # noqa: E402
    _guards,
    _policy,
    _review,
    _rules,
    _steps,
    _totals,
)
from ansible_collections.atlasops.access.plugins.module_utils._access import (  # noqa: E402
    Entry,
    Member,
    Project,
    Way,
)


def entries(members: int) -> dict[str, Entry]:
    """People of one project, two of them owners; the objects are of each project alone, as if read."""
    found = {}
    for number in range(members):
        roles = frozenset(["GROUP_OWNER" if number < 2 else "GROUP_READ_ONLY"])
        key = f"{number:024x}"
        member = Member(f"person{number:05}@corp.example", key, "ACTIVE", roles, "2026-01-01T00:00:00Z")
        found[key] = Entry(member, (Way("direct", None, roles),))
    return found


def main(projects: int, members: int, leavers: int) -> None:
    read = [
        (Project(f"{number:024x}", f"project-{number:03}", "0" * 24), entries(members)) for number in range(projects)
    ]
    who = [f"person{number:05}@corp.example" for number in range(members - leavers, members)]
    # As the modules do while they run.
    gc.disable()
    began = time.process_time()
    policy, _warnings = _policy.read_policy({"leavers": who})
    guards, now = _policy.read_guards({}), datetime.now(timezone.utc)
    say = _rules.saying(policy, now)
    reviewed = [_review.review(policy, guards, project, there, None, now, say=say) for project, there in read]
    rows = _totals.plan_rows(reviewed)
    _steps.digest(rows)
    _guards.judge(guards, reviewed, rows)
    _totals.summary(policy, guards, reviewed, rows)
    print(time.process_time() - began, len(rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
