# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench`: the collection beside other ways of doing the same, all on loopback, against simulated Atlases.

Prints tables, and writes build/bench.json and build/bench.png, with --scale build/scale.json and build/scale.png.
Ends with 1 if a figure is missed.
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
from typing import Any

import growth
import scale
from contest import compete
from field import PROJECTS, field
from imports import import_times
from tables import circumstances, figures, missed, put_into, report
from verdicts import uri_loop_s, verdicts
from world import World

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
PAGE = ROOT / "docs" / "performance.md"
ESTATES = ROOT / "docs" / "estates.md"
IMAGES = ROOT / "docs" / "images"
CURVES = "![Time, memory and files by size, both axes logarithmic; dotted is linear growth](images/scale.png)"


def main() -> int:
    options = _parser().parse_args()
    BUILD.mkdir(exist_ok=True)
    # So that the simulated Atlases are stopped then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return 0 if (grown if options.scale else contest)(options) else 1


def contest(options: argparse.Namespace) -> bool:
    """Contestants against each other, at one size; whether every figure is met."""
    load = os.getloadavg()[0]
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
    data = {
        "figures": [one.as_dict() for one in found],
        "contestants": {name: one.as_dict() for name, one in by_name.items()},
        "uri_loop_s": round(loop_s, 1),
        "imports_ms": imports,
    }
    # Not before: what has been measured is the memory of processes, which begin as copies of this one.
    from plot import draw

    draw(contestants, found, BUILD / "bench.png")
    _keep("bench", "results", data, text, options.docs)
    return all(one.met is not False for one in found)


def grown(options: argparse.Namespace) -> bool:
    """The collection alone, at growing sizes; whether every figure is met, and everything was measured."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        curves, problems = scale.run(options.quick, Path(temporary))
    found = growth.figures(curves)
    when = circumstances(load)
    unmeasured = [f"Could not be measured: {', '.join(problems)}."] if problems else []
    short = ["The smaller sizes alone (`--quick`)."] if options.quick else []
    text = "\n\n".join([when, *short, figures(found), missed(found), *unmeasured, growth.tables(curves), CURVES])
    growth.draw(curves, BUILD / "scale.png")
    _keep("scale", "scale", {"curves": [one.as_dict() for one in curves]}, text, options.docs)
    # One small estate is no figure to plan by.
    if options.docs and not options.quick:
        estates = [one for one in curves if one.name == scale.OF_ESTATES]
        put_into(ESTATES, "estate", f"{when}\n\n{growth.tables(estates)}")
    return not problems and all(one.met is not False for one in found)


def _keep(file: str, section: str, data: dict[str, Any], text: str, in_docs: bool) -> None:
    print(f"\n{text}")
    (BUILD / f"{file}.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    if in_docs:
        (IMAGES / f"{file}.png").write_bytes((BUILD / f"{file}.png").read_bytes())
        put_into(PAGE, section, text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench.sh", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each runs (the slow loop: at most 3)")
    parser.add_argument("--docs", action="store_true", help="also put the tables and the plot into docs/performance.md")
    parser.add_argument("--scale", action="store_true", help="measure growth instead, up to 500,000 rows")
    parser.add_argument("--quick", action="store_true", help="of --scale, only the smaller sizes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
