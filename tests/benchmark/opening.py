# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long Chromium takes to open a report and show it: prints seconds, the median of three times."""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
TIMES = 3
LIMIT_MS = 120_000
# The second frame is asked for when the first one has been made.
SHOWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def main(report: str) -> None:
    if CHROMIUM is None:
        sys.exit("There is no Chromium here.")
    seconds = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for _unused in range(TIMES):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(LIMIT_MS)
            began = time.perf_counter()
            page.goto(Path(report).resolve().as_uri(), timeout=LIMIT_MS)
            page.evaluate(SHOWN)
            seconds.append(time.perf_counter() - began)
            page.close()
        browser.close()
    print(statistics.median(seconds))


if __name__ == "__main__":
    main(sys.argv[1])
