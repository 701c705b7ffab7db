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
    own = importlib.import_module(f"{MODULES}.{name}").SPEC.values()
    writes_files = any(option["type"] == "path" for option in own)
    # What this one is for is to write files; it keeps to check mode like those that write to Atlas.
    writes_files = writes_files and name != "atlas_access_adopt"
    fragments = page(name)["extends_documentation_fragment"]
    assert (f"{FRAGMENT}.files" in fragments) == writes_files


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_leaves_files_is_nowhere_called_read_only(path):
    assert not [line for line in path.read_text(encoding="utf-8").splitlines() if READ_ONLY.search(line)]


def _returned(name):
    """The description of what a module returns, key by key, at any depth."""
    return _flat(yaml.safe_load(importlib.import_module(f"{MODULES}.{name}").RETURN))


def _flat(described):
    flat = {}
    for key, entry in described.items():
        flat[key] = {name: value for name, value in entry.items() if name not in ("contains", "sample")}
        flat.update((f"{key}.{inner}", value) for inner, value in _flat(entry.get("contains", {})).items())
    return flat


# What there is to say of it differs from place to place, by more than the place's name.
OF_ITS_PLACE = {
    "atlas_organization_user": {"actions", "actions.roles", "actions.status", "memberships"},
    "atlas_team_user": {
        "actions.action",
        "actions.roles",
        "actions.user_id",
        "actions.why",
        "memberships",
        "residual_access",
    },
}


def test_what_several_modules_return_has_one_type():
    types: dict[str, dict[tuple, str]] = {}
    for name in NAMES:
        for key, described in _returned(name).items():
            types.setdefault(key, {}).setdefault((described["type"], described.get("elements")), name)
    assert {key: found for key, found in types.items() if len(found) > 1} == {}


@pytest.mark.parametrize("name", WRITING[1:])
def test_what_modules_that_write_return_is_described_alike(name):
    """The same words, but for the name of the place, and where a place has something of its own."""
    first, other = _returned(WRITING[0]), _returned(name)
    shared = first.keys() & other.keys()
    assert {"changed", "actions", "actions.error", "counts", "diff", "memberships"} <= shared
    different = {key for key in shared if _anywhere(first[key]) != _anywhere(other[key])}
    assert different == OF_ITS_PLACE.get(name, set())


def _anywhere(described):
    return re.sub(r"\b(project|team|organization|place)", "place", str(described), flags=re.I)
