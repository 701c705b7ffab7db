# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's commands without the second that each of them takes to load: forked from a process that has loaded them.

Whoever is forked changes its folder, environment, arguments and files first, as a new process would have them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

COMMANDS = ("inventory", "playbook")


class Warm:
    """`with Warm(environment) as warm: warm.run("inventory", ["--list"], environment, folder)`

    What Ansible reads as it is loaded (its own `ANSIBLE_` settings) is the same for all that are forked.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._settings = _settings(environment)
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={**environment, "PYTHONPATH": environment["ANSIBLE_COLLECTIONS_PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def run(
        self, command: str, arguments: list[str], environment: dict[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        assert _settings(environment) == self._settings, "these are read as Ansible is loaded"
        assert self._process.stdin and self._process.stdout
        with tempfile.TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            asked = [command, arguments, environment, str(folder), str(out), str(err)]
            print(json.dumps(asked), file=self._process.stdin, flush=True)
            code = int(self._process.stdout.readline())
            texts = [path.read_text(encoding="utf-8") for path in (out, err)]
        return subprocess.CompletedProcess([command, *arguments], code, *texts)


def _settings(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("ANSIBLE_")}


def main() -> None:
    import importlib

    modules = {name: importlib.import_module(f"ansible.cli.{name}") for name in COMMANDS}
    for line in sys.stdin:
        process = os.fork()
        if not process:
            _become(modules, *json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _become(
    modules: dict[str, Any], command: str, arguments: list[str], environment: dict[str, str], *places: str
) -> None:
    folder, *files = places
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate([os.devnull, *files]):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = [f"ansible-{command}", *arguments]
    code = 1
    try:
        modules[command].main(sys.argv)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
