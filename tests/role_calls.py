# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of a run of the role, in its order, each in a process of its own: without the time that Ansible takes.

One process stands for ansible-playbook, with the modules below it and all of them in one group, as at a terminal.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Callable, Optional

MODULES = "ansible_collections.atlasops.access.plugins.modules"
REVIEW, EVIDENCE, USER, ROLE = (
    "atlas_access_review", "atlas_access_evidence", "atlas_project_user", "atlas_project_role",
)  # fmt: skip
CALLS = ((USER, ["add"]), (ROLE, ["grant", "revoke"]), (USER, ["remove"]))

# Processes that have loaded everything are forked from one that has: a hundred times as fast as starting Python.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([f"{MODULES}.{name}" for name in (REVIEW, EVIDENCE, USER, ROLE)])


def _start_forking() -> None:
    """Older Pythons do not tell the process that forks where modules are to be found."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        os.environ.update({} if before is None else {"PYTHONPATH": before})


class Run:
    """A run under way: `signal` it, `wait` for all of its processes, and look at the `results` of its calls."""

    def __init__(self, folder: Path, common: dict[str, Any], review: dict[str, Any]) -> None:
        self._out = folder / f"run-{os.urandom(4).hex()}.jsonl"
        self._out.touch()
        _start_forking()
        self._process = _FORKS.Process(target=_role, args=(str(self._out), common, review), daemon=True)
        self._process.start()

    def signal(self, number: int) -> None:
        """To the whole group, as at a terminal."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass

    def kill_module(self) -> None:
        """What the kernel does where memory ends: the module alone is gone, and the role goes on."""
        try:
            os.kill(self._process.pid, signal.SIGUSR1)
        except ProcessLookupError:
            pass

    def wait(self, seconds: float = 60) -> Run:
        """Until the last of its processes has ended: each holds the lock of the file of results."""
        until = time.monotonic() + seconds
        self._process.join(seconds)
        with open(self._out) as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return self
                except BlockingIOError:
                    assert time.monotonic() < until, "a process of the run did not end"
                    time.sleep(0.005)

    @property
    def results(self) -> list[tuple[str, Optional[dict[str, Any]]]]:
        """Modules and what they returned, None where they were killed; of calls that ended, but for the last one."""
        return [tuple(json.loads(line)) for line in self._out.read_text().splitlines()]

    def result(self, module: str) -> dict[str, Any]:
        """The last result of a module."""
        return next(result for name, result in reversed(self.results) if name == module and result)


def measured(folder: Path, module: str, options: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """What a module in a process of its own returned, and how many MiB it took at most."""
    out = folder / f"measured-{os.urandom(4).hex()}.json"
    _start_forking()
    process = _FORKS.Process(target=_measured, args=(str(out), module, options))
    process.start()
    process.join()
    result, kilobytes = json.loads(out.read_text())
    return result, kilobytes / 1024


def _measured(out: str, module: str, options: dict[str, Any]) -> None:
    result = _forked(module, options)
    Path(out).write_text(json.dumps([result, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))


def _role(out: str, common: dict[str, Any], options: dict[str, Any]) -> None:
    """What the role does; see its tasks."""
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    lock = os.open(out, os.O_WRONLY | os.O_APPEND)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)

    def call(module: str, **more: Any) -> dict[str, Any]:
        result = _forked(module, {**common, **more})
        os.write(lock, (json.dumps([module, result]) + "\n").encode())
        return result or {}

    review = call(REVIEW, **{"mode": "clean-up", **options}, seal=False)
    directory = review.get("evidence_dir")
    if "plan_digest" not in review or directory is None:
        os._exit(2)
    if not review["blocked"] and options.get("mode") != "review":
        plan = {"file": f"{directory}/plan.json", "digest": review["plan_digest"]}
        for module, kinds in CALLS:
            if any(review["plan_counts"][kind] for kind in kinds):
                call(module, plan={**plan, "actions": kinds}, journal=f"{directory}/actions.jsonl")
    verified = call(EVIDENCE, evidence_dir=directory, seal=False)
    if "outcome" in verified:
        call(EVIDENCE, evidence_dir=directory)
    os._exit(0)


def _forked(module: str, options: dict[str, Any]) -> Optional[dict[str, Any]]:
    """What a module returned, in a process below this one; None where it was killed."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        os.dup2(sink, 1)
        _main(module, options)
    os.close(sink)
    signal.signal(signal.SIGUSR1, lambda *unused: os.kill(child, signal.SIGKILL))
    with open(source, encoding="utf-8") as file:
        printed = file.read().strip()
    os.waitpid(child, 0)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    return json.loads(printed.splitlines()[-1]) if printed else None


def _main(module: str, options: dict[str, Any]) -> None:
    from ansible.module_utils import basic

    code = 1
    try:
        arguments = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_remote_tmp": "/tmp"}}
        basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = json.dumps(arguments).encode(), "legacy"
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
        importlib.import_module(f"{MODULES}.{module}").main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.001)
