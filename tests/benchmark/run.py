# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench`: the collection beside other ways of doing the same, all on loopback, against simulated Atlases.

Prints tables, and writes build/bench.json and build/bench.png. Ends with 1 if a figure is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from contest import compete
from field import PROJECTS, field
from imports import import_times
from tables import put_into, report
from verdicts import uri_loop_s, verdicts
from world import World

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "images" / "bench.png"


def main() -> int:
    options = _parser().parse_args()
    load = os.getloadavg()[0]
    # So that the simulated Atlases are stopped then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary)
        worlds: dict[str, World] = {}

        def world(source: str) -> World:
            if source not in worlds:
                worlds[source] = stack.enter_context(World(source, folder))
            return worlds[source]

        contestants = field(world, folder, options.rounds)
        compete(contestants, folder / "log")
        imports = import_times(world(f"generated:{PROJECTS}x20"), folder, options.rounds)
    by_name = {one.name: one for one in contestants}
    found = verdicts(by_name)
    loop_s = uri_loop_s({name: one.median for name, one in by_name.items()})
    text = report(contestants, found, loop_s, imports, load)
    print(f"\n{text}")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench.json").write_text(
        json.dumps(
            {
                "figures": [one.as_dict() for one in found],
                "contestants": {name: one.as_dict() for name, one in by_name.items()},
                "uri_loop_s": round(loop_s, 1),
                "imports_ms": imports,
            },
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )
    # Not before: what has been measured is the memory of processes, which begin as copies of this one.
    from plot import draw

    draw(contestants, found, BUILD / "bench.png")
    if options.docs:
        PLOT.write_bytes((BUILD / "bench.png").read_bytes())
        put_into(PAGE, text)
    return 0 if all(one.met is not False for one in found) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench.sh", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each runs (the slow loop: at most 3)")
    parser.add_argument("--docs", action="store_true", help="also put the tables and the plot into docs/performance.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
