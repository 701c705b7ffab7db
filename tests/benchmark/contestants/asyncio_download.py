# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a review reads, as a bare script: downloaded and parsed, and then forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from bare import members, people, projects, session


async def main() -> None:
    async with session() as http:
        found = await projects(http)
        org_id = found[0]["orgId"]
        await people(http, org_id)
        counts = await asyncio.gather(*(count(http, project) for project in found))
    print(sum(counts))


async def count(http: aiohttp.ClientSession, project: dict[str, Any]) -> int:
    """How many members a project has."""
    return len(await members(http, project["id"]))


if __name__ == "__main__":
    asyncio.run(main())
