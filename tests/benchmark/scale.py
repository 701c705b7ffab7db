# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench ARGS="--scale"`: how time, memory and files grow with the size of reviews, clean-ups and estates.

Every size is run once. Growth is told as what a measure is multiplied by when the size doubles: 2 is linear.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from contest import timed
from field import LATENCY_S, tool
from growth import Curve, Point
from world import World

HERE = Path(__file__).resolve().parent
LEAVERS = 400
LIMIT_S = 600
MEMBERS = 500
PROJECTS_OF_EACH = 20
# Of leavers, the guards would stop what is tried here.
POLICY = {
    "access_cleanup_allowed_domains": ["corp.example"],
    "access_cleanup_max_removal_percent": 100,
    "access_cleanup_max_project_removal_percent": 100,
}


class Size(NamedTuple):
    """One run: of which curve, how big, in which world, who leaves, and what else the playbook is told."""

    curve: str
    size: int
    playbook: str
    world: str
    leavers: range
    more: dict[str, Any] = {}


def sizes() -> list[Size]:
    """All runs of playbooks. A clean-up is of everybody named in 50 projects, of others in 12 with teams."""
    found = []
    for projects in (125, 250, 500, 1000):
        rows = projects * MEMBERS
        people = rows // PROJECTS_OF_EACH
        spread = range(0, people, people // LEAVERS)[:LEAVERS]
        idle = {"access_cleanup_inactive_days": 180}
        each = f"generated:{projects}x{MEMBERS},each={PROJECTS_OF_EACH}"
        everywhere = range(MEMBERS - LEAVERS, MEMBERS)
        found.append(Size("review, rows", rows, "review", each, spread, idle))
        found.append(
            Size(
                "review of leavers who are everywhere, rows",
                rows,
                "review",
                f"generated:{projects}x{MEMBERS}",
                everywhere,
            )
        )
    for leavers in (25, 100, LEAVERS):
        # Nobody of these owns a project.
        who = range(60, 60 + leavers)
        found.append(Size("clean-up, steps in 50 projects", leavers * 50, "offboard", "generated:50x500", who))
    for level, steps in (("projects", 12), ("teams", 13), ("organization", 14)):
        more = {"access_cleanup_leavers_lose": level}
        who = range(60, 60 + LEAVERS)
        found.append(
            Size(
                f"clean-up to the level {level}, steps",
                LEAVERS * steps,
                "offboard",
                "generated:12x500,teams=24",
                who,
                more,
            )
        )
    return sorted(found, key=lambda one: one.curve)


OF_ESTATES = "estate, organizations"
ESTATES = (10, 30, 100)
# Projects and people of each, forks.
EACH = (50, 100, 10)


def run(quick: bool, folder: Path) -> tuple[list[Curve], list[str]]:
    """All curves, and what could not be measured; ``quick`` leaves out all but the smaller sizes of each."""
    curves: dict[str, Curve] = {}
    problems = []
    for name, size, measure in _runs(quick, folder):
        try:
            point = measure()
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            problems.append(f"{name} {size:,}")
            print(f"{problems[-1]}: {error}", file=sys.stderr)
            continue
        curves.setdefault(name, Curve(name, [])).points.append(point)
        told = ", ".join(f"{value:,.1f} {what}" for what, value in point.measures.items() if value is not None)
        print(f"{name} {size:,}: {told}", flush=True)
    return list(curves.values()), problems


def _runs(quick: bool, folder: Path) -> Iterator[tuple[str, int, Callable[[], Point]]]:
    """Every curve's name, a size, and what measures it."""
    seen: Counter[str] = Counter()
    for one in sizes():
        seen[one.curve] += 1
        if not quick or seen[one.curve] <= 2:
            yield one.curve, one.size, partial(_played, one, folder)
    for organizations in ESTATES[: 1 if quick else None]:
        yield OF_ESTATES, organizations, partial(_estate, organizations)
    for projects in (125, 250, 500)[: 2 if quick else None]:
        yield f"planning of {LEAVERS} leavers among {MEMBERS}, projects", projects, partial(_planned, projects)


def _played(one: Size, folder: Path) -> Point:
    """Run a playbook in a world of its own, and look at what it leaves."""
    with tempfile.TemporaryDirectory(dir=folder) as place, World(one.world, Path(place)) as world:
        evidence, tasks = Path(place) / "evidence", Path(place) / "tasks"
        variables = Path(place) / "variables.json"
        leavers = [f"person{number:05}@corp.example" for number in one.leavers]
        given = {**POLICY, **one.more, "access_cleanup_leavers": leavers, "access_cleanup_evidence_dir": str(evidence)}
        variables.write_text(json.dumps(given), encoding="utf-8")
        world.reset(LATENCY_S)
        command = [tool("ansible-playbook"), f"atlasops.access.{one.playbook}", "-e", f"@{variables}"]
        told = ["env", f"BENCH_TASKS={tasks}", f"ANSIBLE_CALLBACK_PLUGINS={HERE / 'callbacks'}"]
        told.append("ANSIBLE_CALLBACKS_ENABLED=tasks_told")
        cost = timed([*told, *command], world, Path(place) / "log", LIMIT_S)
        seen = world.count()
        lines = [json.loads(line) for line in tasks.read_text(encoding="utf-8").splitlines()]
        found = next(line for line in lines if line["findings"] is not None)
        writes = 0 if one.playbook == "review" else found["steps"]
        if seen.writes != writes or (writes and writes != one.size):
            raise RuntimeError(
                f"{one.curve}: {seen.writes:,} writes and {found['steps']:,} steps, {one.size:,} expected"
            )
        (run_of,) = (path for path in evidence.iterdir() if path.is_dir() and not path.is_symlink())
        report = run_of / "review.html"
        measures = {
            "s": cost.seconds,
            "processor s": cost.cpu_s,
            "largest MiB": cost.peak_mib,
            "requests": float(seen.requests),
            "findings": float(found["findings"]),
            "longest result, characters": float(max(line["characters"] for line in lines)),
            "evidence MiB": sum(path.stat().st_size for path in run_of.iterdir()) / 2**20,
            "report MiB": report.stat().st_size / 2**20,
            "report opens in s": _opening(report),
        }
        return Point(one.size, measures, {line["task"]: line["seconds"] for line in lines if line["seconds"] > 1})


def _opening(report: Path) -> float | None:
    """None where there is no browser, or the report is too much for it."""
    try:
        return float(_said("opening.py", report))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return None


def _estate(organizations: int) -> Point:
    return Point(organizations, json.loads(_said("estate.py", organizations, *EACH)))


def _planned(projects: int) -> Point:
    seconds, steps = map(float, _said("planning.py", projects, MEMBERS, LEAVERS).split())
    return Point(projects, {"processor s": seconds, "steps": steps})


def _said(script: str, *arguments: object) -> str:
    """What a script of this directory prints, in a process of its own."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if ended.returncode:
        raise RuntimeError(f"{script}: {ended.stderr.strip()[-2000:]}")
    return ended.stdout
