# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From seconds to figures: every one of them with what was hoped for, and whether it was reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from contest import Contestant
from field import NPM_REMOVAL, PROJECTS, SLICE

REMOVALS = 2 * PROJECTS
Seconds = Mapping[str, float]


class Verdict(NamedTuple):
    """``value`` comes from medians and decides, ``least`` from each contestant's best round.

    ``bound`` is None for what is shown beside, without a target.
    """

    what: str
    value: float
    least: float | None
    unit: str
    bound: float | None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        if self.bound is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def measured(self) -> str:
        number = f"{self.value:.2f}" if self.unit == "times" or self.value < 10 else f"{self.value:,.0f}"
        return number if self.unit == "times" else f"{number} {self.unit}"

    @property
    def by_least(self) -> str:
        return "" if self.least is None else f"{self.least:.2f}"

    @property
    def target(self) -> str:
        return "" if self.bound is None else f"{'at least' if self.at_least else 'at most'} {self.bound:g}"

    def as_dict(self) -> dict[str, Any]:
        return {**self._asdict(), "met": self.met}


def verdicts(by_name: Mapping[str, Contestant]) -> list[Verdict]:
    medians = _ratios({name: one.median for name, one in by_name.items()})
    leasts = _ratios({name: min(one.seconds) for name, one in by_name.items()})
    found = [
        Verdict(one.what, one.value, least.value, "times", one.bound, one.at_least)
        for one, least in zip(medians, leasts, strict=True)
    ]
    requests = by_name["bulk removal"].requests
    found.append(Verdict("requests of the bulk removal", requests, None, "requests", PROJECTS + REMOVALS + 4))
    review = by_name["review"]
    found.append(Verdict("requests of the review", review.requests, None, "requests", PROJECTS + 8))
    found.append(Verdict("review, memory of the largest process", review.peak_mib, None, "MiB", 200))
    return found


class _Ratio(NamedTuple):
    what: str
    value: float
    bound: float | None = None
    at_least: bool = False


def _ratios(seconds: Seconds) -> list[_Ratio]:
    ping, bulk, script = seconds["ping play"], seconds["bulk removal"], seconds["bulk script"]
    start, half, twice = seconds["script start"], seconds["half the projects"], seconds["twice the projects"]
    net = (seconds["review"] - ping) / seconds["download script"]
    bare = (seconds["review, no latency"] - ping) / seconds["download script, no latency"]
    found = [
        _Ratio("uri loop / bulk removal", uri_loop_s(seconds) / bulk, 40, at_least=True),
        _Ratio("bulk removal / bulk script, whole processes", bulk / script, 1.4),
        _Ratio("(bulk removal - ping play) / bulk script", (bulk - ping) / script, 1.1),
        _Ratio("(bulk removal - ping play) / (bulk script - script start)", (bulk - ping) / (script - start)),
        _Ratio("ad-hoc removal / ad-hoc ping", seconds["ad-hoc removal"] / seconds["ad-hoc ping"], 1.25),
        _Ratio(f"{PROJECTS} projects / {PROJECTS // 2}", bulk / half, 2.1),
        _Ratio(f"{PROJECTS * 2} projects / {PROJECTS}", twice / bulk, 2.1),
        _Ratio("(review - ping play) / download script", net, 1.15),
        _Ratio("the same without latency", bare, 2.5),
        _Ratio("atlasapi, listing / listing", seconds["atlasapi, listing"] / seconds["listing"]),
    ]
    if NPM_REMOVAL in seconds:
        found.append(_Ratio(f"{NPM_REMOVAL} / bulk removal", seconds[NPM_REMOVAL] / bulk))
    return found


def uri_loop_s(seconds: Seconds) -> float:
    """The loop over all projects: what an empty one takes, and for each project its share of the slice."""
    empty = seconds["uri loop, empty"]
    return empty + (seconds["uri loop, slice"] - empty) * PROJECTS / SLICE
