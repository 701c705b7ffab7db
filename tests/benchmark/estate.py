# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an estate costs: time, memory, tokens, requests of a review of many simulated organizations.

.venv/bin/python tests/benchmark/estate.py [organizations] [projects] [people] [forks]

Prints it as JSON. The simulated Atlas runs on the same processors. After nine minutes it is ended, and fails.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from estates import estate, inventory  # noqa: E402

from simulator import Simulator  # noqa: E402

LIMIT_S = 540
EVERY_S = 2


def memory_of(root: int) -> tuple[float, float]:
    """MiB of a process and all below it, what they share counted once, and of the largest."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            # It ended in between.
            continue
    family = {root}
    while more := {one for one, parent in parents.items() if parent in family} - family:
        family |= more
    sizes = [0.0]
    for one in family:
        try:
            (line,) = re.findall(r"^Pss: +(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)
        except (OSError, ValueError):
            continue
        sizes.append(int(line) / 1024)
    return sum(sizes), max(sizes)


def watched(line: list[str], **options: Any) -> tuple[int | None, str, list[tuple[float, float]]]:
    """Run a command to its end, or for nine minutes; its code, what it said, and its memory every two seconds."""
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True, **options)
    seen: list[tuple[float, float]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_S):
            seen.append(memory_of(process.pid))

    threading.Thread(target=watch, daemon=True).start()
    try:
        said, code = process.communicate(timeout=LIMIT_S)[0], process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        said, code = process.communicate()[0], None
    finally:
        over.set()
    return code, said, seen


def main(organizations: int = 100, projects: int = 50, people: int = 100, forks: int = 10) -> None:
    names = [f"organization-{number:03}" for number in range(organizations)]
    with tempfile.TemporaryDirectory() as folder, Simulator(estate(names, projects, people)) as sim:
        home = Path(folder)
        hosts = inventory(home, names)
        line = [sys.executable, "-m", "ansible", "playbook", "-i", hosts, "-f", str(forks), "atlasops.access.estate"]
        line += ["-e", json.dumps({"access_cleanup_inactive_days": 150})]
        environment = {
            **os.environ,
            "HOME": folder,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
            "MONGODB_ATLAS_BASE_URL": sim.url,
            "NO_PROXY": "127.0.0.1",
        }
        began = time.monotonic()
        code, said, memory = watched(line, env=environment, cwd=home)
        took = time.monotonic() - began
        tokens = [one for one in sim.requests if one.path.endswith("/oauth/token")]
        reviewed = len(list((home / "evidence").glob("*/latest/SHA256SUMS")))
        if code != 0 or reviewed != organizations or sim.live_tokens():
            sys.exit(
                f"{reviewed} of {organizations} reviewed, rc {code}, {sim.live_tokens()} tokens left:\n{said[-3000:]}"
            )
        whole, largest = (max(column, default=0) for column in zip(*memory)) if memory else (0, 0)
        files = sum(path.stat().st_size for path in (home / "evidence").rglob("*") if path.is_file())
        measures = {
            "s": took,
            "requests": len(sim.requests),
            "tokens a minute": len(tokens) * 60 / took,
            "MiB of all processes": whole,
            "largest MiB": largest,
            "evidence MiB": files / 2**20,
        }
        print(json.dumps(measures))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
