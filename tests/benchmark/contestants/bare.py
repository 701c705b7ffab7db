# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the bare scripts share: a token, and listings read page by page over eight connections. No error is handled."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

CONNECTIONS = 8
PAGE = 500
API = "/api/atlas/v2"
USERS = {"Accept": "application/vnd.atlas.2025-02-19+json"}
OTHERS = {"Accept": "application/vnd.atlas.2023-01-01+json"}
Rows = list[dict[str, Any]]


@contextlib.asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session that sends a token, which is revoked at the end."""
    account = aiohttp.BasicAuth(os.environ["MONGODB_ATLAS_CLIENT_ID"], os.environ["MONGODB_ATLAS_CLIENT_SECRET"])
    basic = {"Authorization": account.encode()}
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(os.environ["MONGODB_ATLAS_BASE_URL"], connector=connector) as http:
        form = {"grant_type": "client_credentials"}
        async with http.post("/api/oauth/token", data=form, headers=basic) as answer:
            token = (await answer.json())["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield http
        async with http.post("/api/oauth/revoke", data={"token": token}, headers=basic):
            pass


async def rows(http: aiohttp.ClientSession, path: str, headers: dict[str, str], query: dict[str, Any]) -> Rows:
    """All rows of a listing, read while a page links to a next one."""
    found: Rows = []
    number = 1
    while True:
        query = {**query, "itemsPerPage": PAGE, "pageNum": number}
        async with http.get(API + path, headers=headers, params=query) as answer:
            answer.raise_for_status()
            body = await answer.json(content_type=None)
        found += body["results"]
        if not any(link["rel"] == "next" for link in body["links"]):
            return found
        number += 1


async def projects(http: aiohttp.ClientSession) -> Rows:
    return await rows(http, "/groups", OTHERS, {})


async def members(http: aiohttp.ClientSession, project_id: str) -> Rows:
    statuses = ["ACTIVE", "PENDING", "INVITATION_EXPIRED", "INVITATION_REJECTED"]
    return await rows(http, f"/groups/{project_id}/users", USERS, {"orgMembershipStatuses": statuses})


async def people(http: aiohttp.ClientSession, org_id: str) -> Rows:
    return await rows(http, f"/orgs/{org_id}/users", USERS, {})
