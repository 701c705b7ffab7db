# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports by their names, and a Chromium that opens them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from documents import Report, made, render

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Report]:
    """A report by its name. Each is made once, when it is first asked for, by whichever worker comes first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "reports"
    folder.mkdir(exist_ok=True)

    def report(name: str) -> Report:
        document, page = folder / f"{name}.json", folder / f"{name}.html"
        with open(folder / f"{name}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not page.exists():
                text = json.dumps(made(name, folder / name, report), ensure_ascii=False)
                document.write_text(text, encoding="utf-8")
                render(folder, name)
        return Report(json.loads(document.read_text(encoding="utf-8")), page)

    return report


# --- the browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("There is no Chromium here, so the report is not opened; `make browser` installs one.")
    api = pytest.importorskip("playwright.sync_api", reason="There is no Playwright here, so the report is not opened.")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


class Window:
    """A window of Chromium, with scripts or without. A new one costs more than opening most reports in it."""

    def __init__(self, browser: Any, scripts: bool) -> None:
        self.page = browser.new_context(java_script_enabled=scripts).new_page()
        self._opened: list[str] = []
        self._heard: list[str] = []
        self._looked_at = ""
        self.page.on("dialog", lambda dialog: self._heard.append(f"dialog: {dialog.message}") or dialog.dismiss())
        self.page.on("console", lambda message: self._heard.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self._heard.append(f"error: {error}"))
        self.page.on("request", lambda request: self._heard.append(f"request: {request.url}"))

    def open(self, url: str, look: bool, size: tuple[int, int], scheme: str) -> Any:
        """A page of which nothing was used yet, unless one only looks at it."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme)
        if not look or self._looked_at != url:
            self.page.goto(url)
            self._opened.append(f"request: {url}")
        self._looked_at = url if look else ""
        return self.page

    def kept_quiet(self) -> None:
        self.page.evaluate("0")  # By its answer all that was said before it has come.
        heard, self._heard[:] = self._heard.copy(), []
        opened, self._opened[:] = self._opened.copy(), []
        assert heard == opened


@pytest.fixture(scope="session")
def windows(browser: Any) -> dict[bool, Window]:
    return {scripts: Window(browser, scripts) for scripts in (True, False)}


def opener(windows: dict[bool, Window], reports: Callable[[str], Report], look: bool) -> Callable[..., Any]:
    def go(name: str, scripts: bool = True, size: tuple[int, int] = (1280, 900), scheme: str = "light") -> Any:
        return windows[scripts].open(reports(name).url, look, size, scheme)

    return go


@pytest.fixture
def visit(windows: dict[bool, Window], reports: Callable[[str], Report]) -> Iterator[Callable[..., Any]]:
    """Open a report; at the end the page must have kept quiet."""
    yield opener(windows, reports, look=False)
    for window in windows.values():
        window.kept_quiet()


@pytest.fixture
def look(windows: dict[bool, Window], reports: Callable[[str], Report]) -> Iterator[Callable[..., Any]]:
    """A report that is open already if the test before looked at it; for those that only look."""
    yield opener(windows, reports, look=True)
    for window in windows.values():
        window.kept_quiet()
