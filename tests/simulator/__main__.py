# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m simulator --world FILE`: run until a signal comes."""

from __future__ import annotations

import argparse
import gc
import json
import signal
import threading
from pathlib import Path
from typing import Any

import yaml

from .server import Simulator


def main() -> None:
    options = _parser().parse_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    knobs = dict(options.knob)
    if options.latency is not None:
        knobs["latency_s"] = options.latency
    simulator = Simulator(options.world, port=options.port, **knobs)
    gc.freeze()
    with simulator as sim:
        if options.url_file:
            _write_at_once(options.url_file, sim.url + "\n")
        print(sim.url, flush=True)
        stopping.wait()
        if options.log:
            lines = (json.dumps(request._asdict()) + "\n" for request in sim.requests)
            options.log.write_text("".join(lines), encoding="utf-8")


def _write_at_once(path: Path, text: str) -> None:
    """Whoever waits for the file never sees half of it."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--world", required=True, help="a file, a shipped world (small, demo), or generated:250x500")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--host", type=_loopback, help="127.0.0.1 is the only one that is allowed")
    parser.add_argument("--latency", type=float, help="seconds added to each answer")
    parser.add_argument("--knob", type=_knob, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--url-file", type=Path, help="write the URL here when ready")
    parser.add_argument("--log", type=Path, help="write the requests here at the end, one JSON object a line")
    return parser


def _knob(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, yaml.safe_load(value)


def _loopback(text: str) -> str:
    if text != "127.0.0.1":
        raise argparse.ArgumentTypeError("the simulator has no real security, and serves 127.0.0.1 only")
    return text


if __name__ == "__main__":
    main()
