# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages say of writing is so: to Atlas, and to files."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml
from module_run import MODULES

ROOT = Path(__file__).resolve().parents[2]
FRAGMENT = "atlasops.access.attributes"
NAMES = [path.stem for path in (ROOT / "plugins/modules").glob("*.py")]
WRITING = ("atlas_project_user", "atlas_project_role", "atlas_team_user", "atlas_organization_user")
# Pages of what leaves a report or other files behind. "Project Read Only" and "Organization Read Only" are roles.
PAGES = [
    path
    for pattern in ("*.md", "docs/*.md", "roles/**/*.md", "roles/**/*.yml", "playbooks/**/*.yml")
    for path in sorted(ROOT.glob(pattern))
]
READ_ONLY = re.compile(
    r"(?<!Project )(?<!Organization )\bread(s|-)? ?only\b|\breads nothing\b|\bwrites nothing\b(?! to Atlas)", re.I
)


def page(name):
    return yaml.safe_load(importlib.import_module(f"{MODULES}.{name}").DOCUMENTATION)


@pytest.mark.parametrize("name", NAMES)
def test_a_module_that_writes_to_atlas_says_manage_and_no_other_does(name):
    assert page(name)["short_description"].startswith("Manage ") == (name in WRITING)


@pytest.mark.parametrize("name", NAMES)
def test_a_module_that_writes_files_says_so_in_its_attributes(name):
    writes_files = any(option["type"] == "path" for option in page(name).get("options", {}).values())
    # What this one is for is to write files; it keeps to check mode like those that write to Atlas.
    writes_files = writes_files and name != "atlas_access_adopt"
    fragments = page(name)["extends_documentation_fragment"]
    assert (f"{FRAGMENT}.files" in fragments) == writes_files


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_leaves_files_is_nowhere_called_read_only(path):
    assert not [line for line in path.read_text(encoding="utf-8").splitlines() if READ_ONLY.search(line)]


def _returned(name):
    """The description of what a module returns, key by key, at any depth below the top."""
    return yaml.safe_load(importlib.import_module(f"{MODULES}.{name}").RETURN)


def test_results_that_modules_share_are_described_alike():
    """A key that two modules return has one type; those that are about the same targets use the same words."""
    types: dict[str, dict[tuple, str]] = {}
    for name in NAMES:
        for key, described in _returned(name).items():
            types.setdefault(key, {}).setdefault((described["type"], described.get("elements")), name)
    assert {key: found for key, found in types.items() if len(found) > 1} == {}
    alike = [name for name in NAMES if "atlasops.access.targets" in page(name)["extends_documentation_fragment"]]
    first, *others = map(_returned, sorted(alike))
    assert others
    different = [key for other in others for key in first.keys() & other.keys() if not _same(first[key], other[key])]
    assert different == []


def _same(first, second):
    """The same, but for samples, and for the sentences that are about one of the two."""
    return {**first, "sample": None} == {**second, "sample": None}
