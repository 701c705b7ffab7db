# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contestants: whole processes, run in turn, round after round, so that a slow minute of the machine hits them all."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from world import World

LIMIT_S = 180


class Cost(NamedTuple):
    """Of a command and all that it started: time by the clock, time of processors, memory of the largest process."""

    seconds: float
    cpu_s: float
    peak_mib: float


@dataclass
class Contestant:
    """One way of doing something, and how it went.

    ``writes`` is how many removals Atlas must have seen, ``says`` what must be in the output.
    """

    name: str
    command: list[str]
    world: World | None = None
    latency_s: float = 0.0
    writes: int = 0
    rounds: int = 5
    says: str = ""
    seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peaks_mib: list[float] = field(default_factory=list)
    requests: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def peak_mib(self) -> float:
        """Of the largest process among those that the command started, in any round."""
        return max(self.peaks_mib)

    def as_dict(self) -> dict[str, Any]:
        return {
            "seconds": [round(value, 3) for value in self.seconds],
            "median_s": round(self.median, 3),
            "min_s": round(min(self.seconds), 3),
            "max_s": round(max(self.seconds), 3),
            "median_cpu_s": round(statistics.median(self.cpu_s), 3),
            "peak_mib": round(self.peak_mib, 1),
            "requests": self.requests,
        }


def compete(contestants: Sequence[Contestant], log: Path) -> None:
    """Run all, round after round; every other round in the opposite order."""
    for number in range(max(contestant.rounds for contestant in contestants)):
        taking_part = [contestant for contestant in contestants if number < contestant.rounds]
        for contestant in taking_part if number % 2 == 0 else reversed(taking_part):
            _run(contestant, log)
            print(f"round {number + 1}  {contestant.seconds[-1]:7.2f} s  {contestant.name}", flush=True)


def _run(contestant: Contestant, log: Path) -> None:
    if contestant.world:
        contestant.world.reset(contestant.latency_s)
    cost = timed(contestant.command, contestant.world, log)
    contestant.seconds.append(cost.seconds)
    contestant.cpu_s.append(cost.cpu_s)
    contestant.peaks_mib.append(cost.peak_mib)
    if contestant.says not in log.read_text(encoding="utf-8", errors="replace"):
        raise RuntimeError(f"{contestant.name} does not say {contestant.says!r}")
    if contestant.world:
        seen = contestant.world.count()
        if seen.writes != contestant.writes:
            raise RuntimeError(f"{contestant.name}: {seen.writes} removals instead of {contestant.writes}")
        contestant.requests = seen.requests


def timed(command: Sequence[str], world: World | None, log: Path, limit_s: float = LIMIT_S) -> Cost:
    """Run a command, with its output in ``log``. Raises RuntimeError when it fails or takes too long."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.update(world.environment() if world else {})
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watchdog = threading.Timer(limit_s, os.killpg, (process.pid, signal.SIGKILL))
        watchdog.start()
        # What wait4 tells of a process counts the children for which it waited too.
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        end = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{end}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
