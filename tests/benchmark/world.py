# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated Atlas in a process of its own, turned from outside by its control API."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

# The service account and the API key of generated worlds.
CLIENT_ID = "mdb_sa_id_" + "b" * 24
CLIENT_SECRET = "mdb_sa_sk_big"
PUBLIC_KEY = "bigbigbi"
PRIVATE_KEY = "big-private-key"
START_S = 60


class Count(NamedTuple):
    requests: int
    writes: int


class World:
    """`with World("generated:250x20", folder) as world: ... world.url ...`"""

    def __init__(self, source: str, folder: Path) -> None:
        url_file = folder / (source.replace(":", "-") + ".url")
        command = [sys.executable, "-m", "simulator", "--world", source, "--url-file", str(url_file)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.url = self._wait_for(url_file)

    def _wait_for(self, url_file: Path) -> str:
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._process.poll() is None:
            text = url_file.read_text(encoding="utf-8") if url_file.exists() else ""
            if text.endswith("\n"):
                return text.strip()
            time.sleep(0.05)
        self.stop()
        raise RuntimeError("The simulated Atlas did not start")

    def __enter__(self) -> World:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def reset(self, latency_s: float) -> None:
        """Everybody is back, nothing is logged, and every answer takes so long."""
        self._call("POST", "reset")
        self._call("PUT", "knobs", {"latency_s": latency_s})

    def count(self) -> Count:
        """The requests since the reset, and those among them that wrote."""
        log = self._call("GET", "requests")
        writes = [one for one in log if one["method"] != "GET" and "/oauth/" not in one["path"]]
        return Count(len(log), sum(1 for one in writes if one["status"] < 300))

    def environment(self) -> dict[str, str]:
        return {
            "MONGODB_ATLAS_BASE_URL": self.url,
            "MONGODB_ATLAS_CLIENT_ID": CLIENT_ID,
            "MONGODB_ATLAS_CLIENT_SECRET": CLIENT_SECRET,
        }

    def _call(self, method: str, name: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{name}", data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)
