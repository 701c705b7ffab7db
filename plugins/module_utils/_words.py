# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers and names in sentences, as people say them, and how reasons begin that others go by.

Pure, and imports nothing of ours. Private to this collection.
"""

from __future__ import annotations

from typing import Sequence

# How many names of a list people are shown; results and files hold all.
TOLD = 20

# How the reason begins why an owner stays, and why a leaver is still there rightly.
LAST_OWNER, LEAVING = "last_owner: ", "is to leave: "


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what it counts: "1 step", "2,000 steps", "3 people"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def are(number: int) -> str:
    """The verb that goes with a number of things."""
    return "is" if number == 1 else "are"


def was(number: int) -> str:
    """The same of what is past."""
    return "was" if number == 1 else "were"


def listed(names: Sequence[str], between: str = ", ") -> str:
    """Names for a sentence, not more than people read."""
    more = f" and {len(names) - TOLD:,} more" if len(names) > TOLD else ""
    return between.join(names[:TOLD]) + more
