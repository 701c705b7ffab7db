# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the time of one ad-hoc removal goes on the target: the imports of the very file that Ansible sends there."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from contest import timed
from field import adhoc_removal
from world import World

OURS = "ansible_collections.atlasops.access."
LINE = re.compile(r"import time: +(\d+) \| +(\d+) \|( +)(\S+)")


def import_times(world: World, folder: Path, rounds: int) -> dict[str, float]:
    """Medians in milliseconds, by what is imported, and of the whole run of that file."""
    payload = _payload(world, folder)
    found: list[dict[str, float]] = []
    for _unused in range(rounds):
        world.reset(0.0)
        whole = timed([sys.executable, str(payload)], world, folder / "log")
        found.append({**_one_run(payload, world), "the whole module": whole.seconds * 1000})
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def _payload(world: World, folder: Path) -> Path:
    """The file that Ansible makes of the module; it is told to leave it where it put it."""
    world.reset(0.0)
    command = ["env", "ANSIBLE_KEEP_REMOTE_FILES=1", f"ANSIBLE_REMOTE_TEMP={folder / 'remote'}", *adhoc_removal()]
    timed(command, world, folder / "log")
    return next((folder / "remote").rglob("AnsiballZ_atlas_project_user.py"))


def _one_run(payload: Path, world: World) -> dict[str, float]:
    world.reset(0.0)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(
        [sys.executable, "-X", "importtime", str(payload)],
        env={**environment, **world.environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    own = {"requests": 0.0, "ansible.module_utils.basic": 0.0, "our module_utils": 0.0, "other imports": 0.0}
    # A line comes after the lines of what it imported, which are indented deeper.
    inside: list[tuple[int, str]] = []
    for line in reversed(run.stderr.splitlines()):
        match = LINE.match(line)
        if not match:
            continue
        microseconds, depth, name = int(match[1]), len(match[3]), match[4]
        while inside and inside[-1][0] >= depth:
            inside.pop()
        group = _group(name) or (inside[-1][1] if inside else "other imports")
        inside.append((depth, group))
        own[group] += microseconds / 1000
    return own


def _group(name: str) -> str:
    """What an import begins; empty for one that belongs to whoever imports it."""
    if name in ("requests", "ansible.module_utils.basic"):
        return name
    return "our module_utils" if name.startswith(OURS) else ""
