# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Curves: what was measured at each size, how it grows, and both as tables and as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tables import table
from verdicts import Verdict

LINEAR = 2.1
CHARACTERS = 500_000
PLANNING = (250, 2.0)


class Point(NamedTuple):
    """What was measured at one size; None is what could not be. ``tasks`` are the seconds of the longer tasks."""

    size: int
    measures: Mapping[str, float | None]
    tasks: Mapping[str, float] = {}


class Curve(NamedTuple):
    """The points of one kind of run, from the smallest size on."""

    name: str
    points: list[Point]

    def growth(self, measure: str) -> float | None:
        """What the measure is multiplied by when the size doubles, between the two largest sizes."""
        if len(self.points) < 2:
            return None
        before, last = (point.measures[measure] for point in self.points[-2:])
        if not before or not last:
            return None
        doublings = math.log2(self.points[-1].size / self.points[-2].size)
        return float((last / before) ** (1 / doublings))

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "points": [point._asdict() for point in self.points]}


def figures(curves: Sequence[Curve]) -> list[Verdict]:
    """What has a target: growth of time and of processor time, the longest result, planning."""
    found = []
    for curve in curves:
        for measure in ("s", "processor s"):
            if measure in curve.points[0].measures and (growth := curve.growth(measure)) is not None:
                found.append(Verdict(f"{curve.name}: {measure}, size doubled", growth, None, "times", LINEAR))
    measured = [point.measures.get("longest result, characters") or 0 for curve in curves for point in curve.points]
    found.append(Verdict("longest result of a task", max(measured, default=0), None, "characters", CHARACTERS))
    size, bound = PLANNING
    for curve in curves:
        planned = [one for one in curve.points if curve.name.startswith("planning") and one.size == size]
        for point in planned:
            value = point.measures["processor s"] or 0
            found.append(Verdict(f"{curve.name}: {size}", value, None, "s of processor", bound))
    return found


def tables(curves: Sequence[Curve]) -> str:
    """Curves of the same measures share a table."""
    parts = []
    for measures in dict.fromkeys(tuple(curve.points[0].measures) for curve in curves):
        rows = []
        for curve in (curve for curve in curves if tuple(curve.points[0].measures) == measures):
            for point in curve.points:
                rows.append([f"{curve.name}: {point.size:,}", *(_told(point.measures[one]) for one in measures)])
            if len(curve.points) > 1:
                growth = [curve.growth(one) for one in measures]
                rows.append(["*size doubled, times*", *(f"*{one:.2f}*" if one else "" for one in growth)])
        parts.append(table(["run", *measures], rows))
    return "\n\n".join(parts)


def _told(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


PICTURED = ("s", "processor s", "largest MiB", "evidence MiB", "longest result, characters", "report opens in s")


def draw(curves: Sequence[Curve], file: Path) -> None:
    """Both axes are logarithmic, so a line as steep as the dotted ones is linear growth."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, places = plt.subplots(2, 3, figsize=(16, 9), layout="constrained")
    for axes, measure in zip(places.flat, PICTURED, strict=True):
        for number, curve in enumerate(curves):
            largest = curve.points[-1].size
            line = [(100 * point.size / largest, point.measures.get(measure)) for point in curve.points]
            there = [(size, value) for size, value in line if value]
            if there:
                axes.plot(*zip(*there, strict=True), marker="o", color=f"C{number}")
                (first, _value), (last, value) = there[0], there[-1]
                axes.plot((first, last), (value * first / last, value), ":", color="#bbb", linewidth=1)
        axes.set(xscale="log", yscale="log", title=measure, xlabel="size, % of the largest")
    lines = [plt.Line2D([], [], marker="o", color=f"C{number}") for number in range(len(curves))]
    names = [f"{curve.name} (100 %: {curve.points[-1].size:,})" for curve in curves]
    figure.legend(lines, names, loc="outside lower center", ncols=3)
    figure.savefig(file, dpi=110)
    plt.close(figure)
