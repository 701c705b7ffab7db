# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For a benchmark: what each task of a play took, how long its result is, and what it says that it found."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

# This is no part of the collection; ansible-doc never sees it.
DOCUMENTATION = """
name: tasks_told
type: aggregate
short_description: Writes a line of JSON for each task into the file that BENCH_TASKS names
description: Writes a line of JSON for each task into the file that BENCH_TASKS names.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "tasks_told"
    CALLBACK_NEEDS_ENABLED = True

    _began = 0.0

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._began = time.perf_counter()

    def v2_runner_on_ok(self, result: Any) -> None:
        found = result._result
        told = {
            "task": result._task.get_name(),
            "seconds": round(time.perf_counter() - self._began, 3),
            "characters": len(json.dumps(found, default=str)),
            "findings": (found.get("summary") or {}).get("findings"),
            "steps": (found.get("summary") or {}).get("steps"),
            "state": (found.get("outcome") or {}).get("state") if isinstance(found.get("outcome"), dict) else None,
        }
        with open(os.environ["BENCH_TASKS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")

    v2_runner_on_failed = v2_runner_on_ok
