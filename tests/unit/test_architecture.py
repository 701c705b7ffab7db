# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the architecture names what is there, and nothing that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "plugins/module_utils"
NAMES = sorted(path.stem for path in UTILS.glob("_*.py") if path.name != "__init__.py")
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
FIRST_LINE = re.compile(r'^"""(.*?)(?: Private to this collection\.)?(?:""")?$', re.M)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_has_its_line(name):
    said = FIRST_LINE.search((UTILS / f"{name}.py").read_text(encoding="utf-8"))
    assert said, f"{name}.py does not say in a first line what it is"
    line = f"| `{name}.py` | {said[1]} |"
    assert line in PAGE.splitlines(), f"docs/architecture.md is to hold, in one of its tables of files:\n{line}"


def test_no_line_is_of_a_file_that_is_gone():
    assert sorted(set(re.findall(r"^\| `(_\w+)\.py` \| [^(`]", PAGE, re.M)) - set(NAMES)) == []


def test_every_name_of_code_that_the_page_speaks_of_is_there():
    """`_file.name` is a name at the top of that file, or of a class there."""
    for file, name in re.findall(r"`(_\w+)\.([A-Za-z_]+)(?:\.\w+)?`", PAGE):
        if name != "py":
            source = (UTILS / f"{file}.py").read_text(encoding="utf-8")
            assert re.search(rf"^(?:def|class) {name}\b|^from .* import .*\b{name}\b", source, re.M), f"{file}.{name}"
