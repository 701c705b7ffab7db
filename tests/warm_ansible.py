# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of Ansible in processes that are forked from one that has loaded it, and keeps what it sends of modules.

Each has its arguments, environment, directory and output, as if it was started by its name, for a third of the time.
What is read of the environment while Ansible loads, its settings, is the same for all that come from one process.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pickle
import pkgutil
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLIS = {
    "ansible": "ansible.cli.adhoc",
    "ansible-inventory": "ansible.cli.inventory",
    "ansible-playbook": "ansible.cli.playbook",
}
# What plugins load.
LOADED = ("requests", *(f"ansible.plugins.inventory.{name}" for name in ("auto", "host_list", "ini", "script", "yaml")))
SECONDS = 180
READ_LATER = {"ANSIBLE_HOME", "ANSIBLE_CACHE_PLUGIN_CONNECTION"}


class Warm:
    """A process that has loaded Ansible, with these settings."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._settings = settings(environment)
        # Where a command's modules look for theirs is its own; what is loaded here is for all that come later.
        own = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [sys.executable, __file__], env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, command: list[str], environment: Mapping[str, str], place: Path, out: Path, err: Path | None = None
    ) -> int:
        """The exit code of a command; its output is in the file, errors included if they have none of their own."""
        assert settings(environment) == self._settings, "these are read as Ansible is loaded"
        assert self._process.stdin and self._process.stdout
        files = {"out": str(out), "err": str(err or out)}
        asked = {"command": command, "environment": dict(environment), "place": str(place), **files}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        ready = select.select([self._process.stdout], [], [], SECONDS)[0]
        assert ready, f"{command} did not end: {out.read_text()}"
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def warm(environment: Mapping[str, str]) -> Warm:
    """The process that has loaded Ansible with these settings. It ends with the tests."""
    of_these = settings(environment)
    if of_these not in WARM:
        WARM[of_these] = Warm(environment)
        atexit.register(WARM[of_these].close)
    return WARM[of_these]


WARM: dict[frozenset[tuple[str, str]], Warm] = {}


def settings(environment: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """What Ansible reads but once, as it is loaded."""
    ours = {name for name in environment if name.startswith("ANSIBLE_")} - READ_LATER
    return frozenset((name, environment[name]) for name in ours)


def main() -> None:
    for name in (*CLIS.values(), *LOADED):
        importlib.import_module(name)
    remember_metadata()
    # Each command is over before there is much to collect.
    gc.disable()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _command(asked)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def remember_metadata() -> None:
    """What each command would read first: where the modules and plugins of Ansible itself are."""
    finder = importlib.import_module("ansible.utils.collection_loader._collection_finder")
    parsed = functools.cache(functools.partial(finder._meta_yml_to_dict, content_id=None))
    kept = functools.cache(lambda raw: pickle.dumps(parsed(raw)))
    kept(pkgutil.get_data("ansible.config", "ansible_builtin_runtime.yml"))
    finder._meta_yml_to_dict = lambda raw, unused: pickle.loads(kept(raw))


def _command(asked: dict[str, Any]) -> None:
    """Become that command."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["place"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
        sys.argv = asked["command"]
        # Which is the Python of modules on the implicit localhost, and `ansible_playbook_python`.
        sys.executable = os.environ.get("ANSIBLE_PYTHON_INTERPRETER", sys.executable)
        importlib.import_module(CLIS[sys.argv[0]]).main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
