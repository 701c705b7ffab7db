# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bulk removal as a bare script: the requests of the module, and nothing checked, planned or reported."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
from bare import API, USERS, members, people, projects, session


async def main(file: str) -> None:
    memberships = json.loads(Path(file).read_text(encoding="utf-8"))["memberships"]
    async with session() as http:
        found = {project["name"]: project for project in await projects(http)}
        named = [found[name] for name in dict.fromkeys(row["project"] for row in memberships)]
        listings = await asyncio.gather(*(members(http, project["id"]) for project in named))
        users = {
            (project["name"], row["username"]): row["id"] for project, rows in zip(named, listings) for row in rows
        }
        await people(http, named[0]["orgId"])
        await asyncio.gather(
            *(remove(http, found[row["project"]]["id"], users[row["project"], row["user"]]) for row in memberships)
        )


async def remove(http: aiohttp.ClientSession, project_id: str, user_id: str) -> None:
    async with http.delete(f"{API}/groups/{project_id}/users/{user_id}", headers=USERS) as answer:
        answer.raise_for_status()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
