# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who competes: the commands, the worlds they work on, and what they must have done."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from contest import Contestant
from world import PRIVATE_KEY, PUBLIC_KEY, World

HERE = Path(__file__).resolve().parent / "contestants"
NPM_REMOVAL = "npm client, removal"
# Where scripts/npm.sh puts a client for Node.js, if npm is there.
NODE = HERE.parents[2] / ".venv/clients/npm/node_modules/mongodb-atlas-api-client"
LATENCY_S = 0.05
PROJECTS = 250
MEMBERS = 20
# The loop of requests is so slow that only a slice of it is run, and scaled.
SLICE = 8
SLICE_ROUNDS = 3

Worlds = Callable[[str], World]


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not here: start this with scripts/bench.sh")
    return found


def field(worlds: Worlds, folder: Path, rounds: int) -> list[Contestant]:
    """All contestants, in the order in which a round runs them."""
    bulk = worlds(f"generated:{PROJECTS}x{MEMBERS}")
    everybody = _memberships(folder, PROJECTS)
    contestants = [
        Contestant("ping play", _play("ping.yml"), rounds=rounds),
        _removal("bulk removal", bulk, folder, PROJECTS, rounds),
        Contestant("bulk script", _script("asyncio_removal.py", str(everybody)), bulk, LATENCY_S, 2 * PROJECTS, rounds),
        Contestant("script start", [sys.executable, "-c", "import asyncio, aiohttp, json"], rounds=rounds),
        _loop("uri loop, empty", bulk, folder, 0, rounds),
        _loop("uri loop, slice", bulk, folder, SLICE, rounds),
        Contestant("ad-hoc ping", [tool("ansible"), "localhost", "-m", "ansible.builtin.ping"], rounds=rounds),
        Contestant("ad-hoc removal", adhoc_removal(), bulk, 0.0, 1, rounds),
        _removal("half the projects", worlds(f"generated:{PROJECTS // 2}x{MEMBERS}"), folder, PROJECTS // 2, rounds),
        _removal("twice the projects", worlds(f"generated:{PROJECTS * 2}x{MEMBERS}"), folder, PROJECTS * 2, rounds),
    ]
    big = worlds(f"generated:{PROJECTS}x500")
    review = _play("review.yml", f"evidence_dir={folder / 'evidence'}")
    return [
        *contestants,
        *_tools(bulk, folder, rounds),
        Contestant("review", review, big, LATENCY_S, rounds=rounds),
        Contestant("download script", _script("asyncio_download.py"), big, LATENCY_S, rounds=rounds),
        Contestant("review, no latency", review, big, 0.0, rounds=rounds),
        Contestant("download script, no latency", _script("asyncio_download.py"), big, 0.0, rounds=rounds),
    ]


def _tools(world: World, folder: Path, rounds: int) -> list[Contestant]:
    """What others made for the API of Atlas, doing the part of the job that it can do, and the same done by us."""
    given = [str(_memberships(folder, PROJECTS)), PUBLIC_KEY, PRIVATE_KEY]
    listing = _play("listing.yml", f"@{given[0]}", f"output_file={folder / 'listing.json'}")
    says = f"members: {PROJECTS * MEMBERS}"
    jobs = [
        ("listing", listing, 0),
        ("atlasapi, listing", _script("atlasapi_listing.py", *given), 0),
    ]
    if NODE.exists():
        node = ["env", f"NODE_PATH={NODE.parent}", tool("node"), str(HERE / "atlas_api_client.cjs"), *given]
        jobs += [("npm client, listing", node, 0), (NPM_REMOVAL, [*node, "remove"], 2 * PROJECTS)]
    return [Contestant(name, command, world, LATENCY_S, writes, rounds, says) for name, command, writes in jobs]


def adhoc_removal() -> list[str]:
    asked = "project=project-003 user=person00010@corp.example state=absent"
    return [tool("ansible"), "localhost", "-m", "atlasops.access.atlas_project_user", "-a", asked]


def _removal(name: str, world: World, folder: Path, projects: int, rounds: int) -> Contestant:
    command = _play("removal.yml", f"@{_memberships(folder, projects)}")
    return Contestant(name, command, world, LATENCY_S, 2 * projects, rounds)


def _loop(name: str, world: World, folder: Path, projects: int, rounds: int) -> Contestant:
    command = _play("uri_loop.yml", f"@{_memberships(folder, projects)}")
    return Contestant(name, command, world, LATENCY_S, 2 * projects, min(rounds, SLICE_ROUNDS))


def _memberships(folder: Path, projects: int) -> Path:
    """A file of variables: the sixth and the seventh member of each project, who own nothing."""
    rows = [
        {"project": f"project-{number:03}", "user": f"person{number + place:05}@corp.example"}
        for number in range(projects)
        for place in (5, 6)
    ]
    file = folder / f"memberships-{projects}.json"
    file.write_text(json.dumps({"memberships": rows}), encoding="utf-8")
    return file


def _play(name: str, *variables: str) -> list[str]:
    extra = [argument for variable in variables for argument in ("-e", variable)]
    return [tool("ansible-playbook"), str(HERE / name), *extra]


def _script(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(HERE / name), *arguments]
