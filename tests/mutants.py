# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the tests notice? Each entry of mutants.yml changes one line for the worse, in a copy; some test has to fail.

``python tests/mutants.py [WORD]`` runs those whose file or change holds the word. One that survives fails the run,
unless the list says why it may.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests/mutants.yml"
UTILS = "plugins/module_utils"


def mutants() -> list[dict[str, Any]]:
    """The entries: file, line, becomes, tests, and survives (why it may)."""
    return yaml.safe_load(LIST.read_text(encoding="utf-8"))


def changed(mutant: dict[str, Any]) -> str:
    """The source with the change. The line must stand there once, or the entry means something else by now."""
    source = (ROOT / UTILS / mutant["file"]).read_text(encoding="utf-8")
    found = source.count(mutant["line"])
    if found != 1:
        raise SystemExit(f"tests/mutants.yml: {mutant['file']} has {found} times, not once: {mutant['line']}")
    return source.replace(mutant["line"], mutant["becomes"])


def copy_to(place: Path) -> None:
    """This clone, uncommitted work included, under a name of its own."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes((ROOT / name).read_bytes())
    namespace = place / ".venv/collections/ansible_collections/atlasops"
    namespace.mkdir(parents=True)
    (namespace / "access").symlink_to("../../../..")


def passes(place: Path, tests: Iterable[str]) -> bool:
    """Of those that make test runs."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not thorough", *tests]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(place / ".venv/collections")}
    ended = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode not in (0, 1):
        raise SystemExit(f"pytest could not run: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    return ended.returncode == 0


def is_noticed(place: Path, mutant: dict[str, Any]) -> bool:
    path = place / UTILS / mutant["file"]
    path.write_text(changed(mutant), encoding="utf-8")
    noticed = not passes(place, mutant["tests"].split())
    path.write_bytes((ROOT / UTILS / mutant["file"]).read_bytes())
    return noticed


def main() -> int:
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [one for one in mutants() if word in f"{one['file']} {one['line']}"]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        copy_to(place)
        # What fails in any case notices nothing.
        if not passes(place, sorted({test for one in chosen for test in one["tests"].split() if test.endswith(".py")})):
            raise SystemExit("these tests fail without any change; mend that first")
        for mutant in chosen:
            noticed, reason = is_noticed(place, mutant), mutant.get("survives")
            word = "noticed" if noticed else f"survives: {reason}" if reason else "SURVIVES"
            survivors += not noticed and not reason
            print(f"{word:10} {mutant['file']}: {mutant['line']}  ->  {mutant['becomes']}", flush=True)
    print(f"{len(chosen)} wrong changes, {survivors} of them not noticed by any test")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
