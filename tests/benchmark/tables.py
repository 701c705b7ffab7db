# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results as Markdown, for the terminal and for docs/performance.md."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from os import cpu_count, getloadavg
from pathlib import Path
from statistics import median

from contest import Contestant
from field import NPM_REMOVAL
from verdicts import Verdict

PACKAGES = ("ansible-core", "requests", "aiohttp", "atlasapi", "uvicorn", "starlette")


def report(
    contestants: Sequence[Contestant],
    verdicts: Sequence[Verdict],
    uri_loop_s: float,
    imports: Mapping[str, float],
    load: float,
) -> str:
    """Everything found; ``load`` is the machine's load average before the run."""
    parts = [
        circumstances(load),
        figures(verdicts),
        table(
            ("contestant", "median s", "least", "most", "processor s", "rounds", "requests", "peak MiB"),
            [
                (
                    one.name,
                    f"{one.median:.2f}",
                    f"{min(one.seconds):.2f}",
                    f"{max(one.seconds):.2f}",
                    f"{median(one.cpu_s):.2f}",
                    str(len(one.seconds)),
                    str(one.requests or ""),
                    f"{one.peak_mib:.0f}",
                )
                for one in contestants
            ],
        ),
        missed(verdicts),
        _left_out(contestants),
        f"The `uri` loop over all projects would take {uri_loop_s:.0f} s.",
        table(("one ad-hoc removal, on the target", "ms"), [(name, f"{ms:.0f}") for name, ms in imports.items()]),
    ]
    return "\n\n".join(filter(None, parts))


def circumstances(load: float) -> str:
    """When, where and with what; ``load`` is the machine's load average before the run."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    machine = f"{platform.system()}, {cpu_count()} processors, Python {platform.python_version()}"
    return (
        f"{date.today()}, {machine}, {packages}.\n\n"
        f"Load average of the machine before the run {load:.1f}, at its end {getloadavg()[0]:.1f}."
    )


def figures(verdicts: Iterable[Verdict]) -> str:
    met = {True: "yes", False: "**no**", None: ""}
    rows = [("figure", "measured", "by the least", "target", "met")]
    rows += [(one.what, one.measured, one.by_least, one.target, met[one.met]) for one in verdicts]
    # What was run once has no least.
    filled = [column for column in zip(*rows, strict=True) if any(column[1:])]
    head, *found = zip(*filled, strict=True)
    return table(head, found)


def missed(verdicts: Iterable[Verdict]) -> str:
    found = [f"{one.what} ({one.measured}, {one.target})" for one in verdicts if one.met is False]
    return f"Missed: {'; '.join(found)}." if found else "No figure is missed."


def _left_out(contestants: Iterable[Contestant]) -> str:
    """What could not take part here."""
    there = any(one.name == NPM_REMOVAL for one in contestants)
    return "" if there else "The client of npm did not take part: Node.js or npm is not here."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put_into(page: Path, name: str, text: str) -> None:
    """Replace what is between the two markers of that name in a page."""
    first, last = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, begin, rest = page.read_text(encoding="utf-8").partition(first)
    _old, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{page} lacks the markers {first} and {last}")
    page.write_text(f"{before}{first}\n\n{text}\n\n{last}{after}", encoding="utf-8")
