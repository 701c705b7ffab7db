# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One picture: how long the contestants took, and how the ratios stand to their targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from contest import Contestant  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from verdicts import Verdict  # noqa: E402

GOOD, BAD, PLAIN = "#2a7f62", "#b3372f", "#4a6fa5"


def draw(contestants: Sequence[Contestant], verdicts: Sequence[Verdict], file: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(15, 5.5), layout="constrained")
    _seconds(left, contestants)
    _targets(right, verdicts)
    figure.savefig(file, dpi=120)
    plt.close(figure)


def _seconds(axes: Axes, contestants: Sequence[Contestant]) -> None:
    medians = [one.median for one in contestants]
    spread = [
        [one.median - min(one.seconds) for one in contestants],
        [max(one.seconds) - one.median for one in contestants],
    ]
    bars = axes.barh([one.name for one in contestants], medians, xerr=spread, color=PLAIN, ecolor="#888", capsize=3)
    axes.bar_label(bars, [f"{value:.2f} s" for value in medians], padding=4)
    axes.set_xlim(0, 1.15 * max(max(one.seconds) for one in contestants))
    axes.invert_yaxis()
    axes.set_xlabel("seconds (median, least and most)")
    axes.set_title("Whole processes")


def _targets(axes: Axes, verdicts: Sequence[Verdict]) -> None:
    """How much of what is allowed was used up: left of the line is good."""
    used = {
        one: 100 * (one.bound / one.value if one.at_least else one.value / one.bound) for one in verdicts if one.bound
    }
    bars = axes.barh([one.what for one in used], list(used.values()), color=[GOOD if one.met else BAD for one in used])
    axes.bar_label(bars, [f"{one.measured} ({one.target})" for one in used], padding=4)
    axes.set_xlim(0, 1.35 * max(used.values()))
    axes.axvline(100, color="black", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("% of the target; the line is the target")
    axes.set_title("Figures")
