# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is a member of the projects named, with `atlasapi` of PyPI: prints how many rows it gets.

Its listings end after their first page, of 100 rows, so projects are asked for by name, and none may have more members.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

# It reads where Atlas is when it is imported.
os.environ.update(BASE_URL=os.environ["MONGODB_ATLAS_BASE_URL"], URI_STUB="/api/atlas/v2")

from atlasapi.atlas import Atlas  # noqa: E402

CONNECTIONS = 8
ACCEPT = "application/vnd.atlas.2025-03-12+json"


def main(file: str, public_key: str, private_key: str) -> None:
    # It was made for an API without versions, and logs the number of users as an error.
    plain = requests.sessions.default_headers
    requests.sessions.default_headers = lambda: {**plain(), "Accept": ACCEPT}
    logging.disable(logging.ERROR)
    names = dict.fromkeys(row["project"] for row in json.loads(Path(file).read_text(encoding="utf-8"))["memberships"])
    projects = Atlas(public_key, private_key).Projects

    def count(name: str) -> int:
        return len(list(projects.get_project_users(projects.project_by_name(name).id)))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        print("members:", sum(pool.map(count, names)))


if __name__ == "__main__":
    main(*sys.argv[1:])
