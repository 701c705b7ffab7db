# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an estate costs: time, memory, tokens, requests of a review of many simulated organizations.

.venv/bin/python tests/benchmark/estate.py [organizations] [projects] [people] [forks]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from estates import estate, inventory  # noqa: E402

from simulator import Simulator  # noqa: E402


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
        ended = subprocess.run(line, capture_output=True, text=True, env=environment, cwd=home, check=False)
        took = time.monotonic() - began
        tokens = [one for one in sim.requests if one.path.endswith("/oauth/token")]
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(ended.stdout[-3000:] if ended.returncode else "", file=sys.stderr)
        print(f"rc {ended.returncode}, {took:.0f} s, largest process {largest:.0f} MiB")
        print(
            f"{len(sim.requests)} requests, {len(tokens)} of them tokens, {len(tokens) * 60 / took:.0f} tokens a minute"
        )
        size = sum(path.stat().st_size for path in (home / "evidence").rglob("*") if path.is_file())
        print(f"evidence {size / 2**20:.0f} MiB; {sim.live_tokens()} tokens left alive")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
