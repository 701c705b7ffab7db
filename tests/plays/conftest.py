# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run Ansible in a process of its own, as a user does, against a simulated Atlas."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import estates
import pytest
import warm_python
from warm_ansible import warm

from simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
ACCOUNTS = {
    "demo": ("mdb_sa_id_" + "d0" * 12, "mdb_sa_sk_demo-only"),
    "small": ("mdb_sa_id_0123456789abcdef01234567", "mdb_sa_sk_small"),
}


def environment(sim: Simulator, world: str, home: Path) -> dict[str, str]:
    """The environment of somebody who has this world's service account, and nothing else."""
    client_id, client_secret = ACCOUNTS[world]
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "MONGODB_ATLAS_", "AWX_", "PYTEST"))
    }
    return {
        **kept,
        "HOME": str(home),
        "PWD": str(home),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
        "ANSIBLE_PYTHON_INTERPRETER": warm_python.interpreter(),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_NOCOLOR": "1",
        "NO_PROXY": "127.0.0.1",
        "MONGODB_ATLAS_BASE_URL": sim.url,
        "MONGODB_ATLAS_CLIENT_ID": client_id,
        "MONGODB_ATLAS_CLIENT_SECRET": client_secret,
    }


@dataclass
class Ansible:
    """A world, and Ansible before it. `home` is the directory that Ansible is started in."""

    sim: Simulator
    world: str
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of Ansible's; variables go in as extra vars. Its output is in `stdout`, errors included."""
        line = [*command, "-e", json.dumps(variables)] if variables else [*command]
        env = self.environment_of()
        out = self.home / f"output-{os.urandom(4).hex()}.txt"
        code = warm(env).run(line, env, self.home, out)
        return self.ended(line, code, out.read_text(encoding="utf-8"))

    def run_by_name(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as it is installed, which takes longer."""
        ended = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=self.home,
            env=self.environment_of(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        return self.ended([*command], ended.returncode, ended.stdout)

    def ended(self, command: list[str], code: int, output: str) -> subprocess.CompletedProcess[str]:
        """What is asked of every command."""
        ended = subprocess.CompletedProcess(command, code, output)
        assert ACCOUNTS[self.world][1] not in ended.stdout, "the secret was printed"
        assert "Traceback" not in ended.stdout, ended.stdout
        return ended

    def environment_of(self) -> dict[str, str]:
        """The environment that commands run in."""
        return {**environment(self.sim, self.world, self.home), **self.environment}

    def play(self, name: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run one of our playbooks by its full name."""
        return self.run("ansible-playbook", f"atlasops.access.{name}", *options, **variables)


@pytest.fixture
def small(tmp_path):
    with Simulator("small") as sim:
        yield Ansible(sim, "small", tmp_path)


@pytest.fixture
def demo(tmp_path):
    with Simulator("demo") as sim:
        yield Ansible(sim, "demo", tmp_path)


@pytest.fixture
def many(tmp_path):
    """An estate: the credential is each host's own, and whoever lacks one has none."""
    with Simulator(estates.estate()) as sim:
        none = {"MONGODB_ATLAS_CLIENT_ID": "", "MONGODB_ATLAS_CLIENT_SECRET": ""}
        stats = {"ANSIBLE_SHOW_CUSTOM_STATS": "true", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        yield Ansible(sim, "small", tmp_path, {**none, **stats})


@pytest.fixture
def account(small, monkeypatch):
    """The small world, its service account in our own environment: pytest-ansible runs modules from this process."""
    for name, value in small.environment_of().items():
        if name.startswith("MONGODB_ATLAS_") or name == "ANSIBLE_PYTHON_INTERPRETER":
            monkeypatch.setenv(name, value)
    inheritable = {stream: os.get_inheritable(stream) for stream in range(3)}
    yield small.sim
    # Newer Ansible keeps the standard streams of its process, which is ours, from all that is started later.
    for stream, was in inheritable.items():
        os.set_inheritable(stream, was)
