# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom: the layers, read from the source."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
STANDARD = set(sys.stdlib_module_names)

# What a run is made of, whether its plan is made now or was made by a review.
A_RUN = {
    "_access",
    "_apply",
    "_asked",
    "_atlas",
    "_cases",
    "_client",
    "_ends",
    "_errors",
    "_journal",
    "_leave",
    "_names",
    "_people",
    "_places",
    "_residual",
}

# What whoever says sentences may import.
ANYBODY = {"_words"}

# What each file may import beside the standard library. The rest of `plugins` is listed by folder.
MAY_IMPORT = {
    "module_utils/_access.py": set(),
    "module_utils/_steps.py": {"_access"},
    "module_utils/_journal.py": {"_access", "_errors", "_steps"},
    "module_utils/_errors.py": set(),
    "module_utils/_words.py": set(),
    "module_utils/_names.py": {"_access"},
    "module_utils/_roles.py": {"_access", "_names"},
    "module_utils/_credentials.py": {"_access", "_errors"},
    "module_utils/_transport.py": {"_credentials", "_errors", "requests", "urllib3"},
    "module_utils/_client.py": {"_credentials", "_errors", "_transport"},
    "module_utils/_paging.py": {"_client", "_errors"},
    "module_utils/_shapes.py": {"_access", "_client", "_errors"},
    "module_utils/_atlas.py": {"_access", "_client", "_errors", "_paging", "_shapes"},
    "module_utils/_identities.py": {"_access"},
    "module_utils/_atlas_programs.py": {"_access", "_client", "_errors", "_identities", "_paging"},
    "module_utils/_programs.py": {"_access", "_atlas_programs", "_client", "_errors", "_identities"},
    "module_utils/_people.py": {"_access", "_atlas", "_client", "_errors"},
    "module_utils/_residual.py": {"_access", "_atlas", "_client", "_errors", "_people"},
    "module_utils/_read.py": {"_access"},
    "module_utils/_yaml.py": {"_access", "yaml"},
    "module_utils/_leavers.py": {"_access", "_names", "_plain", "_read", "_yaml"},
    "module_utils/_plain.py": {"_access", "_names"},
    "module_utils/_policy.py": {"_access", "_names", "_plain", "_roles"},
    "module_utils/_today.py": {"_access", "_names", "_policy"},
    "module_utils/_identity_rules.py": {"_access", "_identities", "_names", "_policy"},
    "module_utils/_identity_review.py": {
        "_access",
        "_client",
        "_identities",
        "_identity_rules",
        "_names",
        "_policy",
        "_programs",
    },
    "module_utils/_adopt.py": {"_access", "_names", "_sources", "_yaml"},
    "module_utils/_sources.py": {"_access", "_names", "_policy", "_read", "_yaml"},
    "module_utils/_rules.py": {"_access", "_plain", "_policy", "_today"},
    "module_utils/_settle.py": {"_access", "_names", "_policy", "_rules", "_today"},
    "module_utils/_review.py": {"_access", "_names", "_policy", "_rules", "_settle", "_today"},
    "module_utils/_totals.py": {"_access", "_policy", "_review", "_steps"},
    "module_utils/_nobody.py": {"_access", "_policy"},
    "module_utils/_guards.py": {"_access", "_policy", "_review", "_steps", "_totals"},
    "module_utils/_approval.py": {"_access"},
    "module_utils/_exceptions.py": {"_names", "_policy", "_review", "_steps", "_today"},
    "module_utils/_console.py": set(),
    "module_utils/_document.py": {"_access", "_console", "_exceptions", "_policy", "_review", "_steps", "_totals"},
    "module_utils/_tables.py": {"_access", "_steps"},
    "module_utils/_outcome.py": {"_access"},
    "module_utils/_verify.py": {"_access", "_atlas", "_client", "_errors"},
    "module_utils/_levels.py": {
        "_access",
        "_atlas_programs",
        "_client",
        "_errors",
        "_names",
        "_people",
        "_policy",
        "_review",
        "_survey",
        "_today",
        "_totals",
    },
    "module_utils/_survey.py": {
        "_access",
        "_atlas",
        "_client",
        "_errors",
        "_exceptions",
        "_names",
        "_people",
        "_settle",
        "_steps",
        "_verify",
    },
    "module_utils/_files.py": {"_access", "_journal", "_steps"},
    "module_utils/_evidence.py": {"_access", "_files", "_journal", "_steps", "_tables"},
    "module_utils/_after.py": {"_access", "_document", "_steps", "_tables"},
    "module_utils/_groups.py": set(),
    "module_utils/_compare.py": {"_access", "_document", "_evidence", "_files", "_identities", "_steps"},
    "module_utils/_asked.py": {"_access", "_names", "_roles"},
    "module_utils/_cases.py": {"_access", "_asked", "_errors", "_steps"},
    "module_utils/_apply.py": {"_access", "_atlas", "_cases", "_client", "_errors", "_journal", "_people", "_steps"},
    "module_utils/_places.py": {"_access", "_asked", "_atlas", "_cases", "_client", "_names", "_people"},
    "module_utils/_ends.py": {"_access", "_atlas", "_cases", "_client", "_errors", "_people", "_residual"},
    "module_utils/_leave.py": {
        "_access",
        "_asked",
        "_atlas",
        "_cases",
        "_client",
        "_errors",
        "_names",
        "_people",
        "_places",
        "_steps",
    },
    "module_utils/_runner.py": A_RUN,
    "module_utils/_planned.py": {*A_RUN, "_runner", "_steps"},
    "module_utils/_result.py": {"_access"},
    "module_utils/_report.py": {"_access", "_asked", "_cases", "_errors", "_result", "_steps"},
    "module_utils/_module.py": {
        "_access",
        "_client",
        "_credentials",
        "_errors",
        "_names",
        "_plain",
        "_result",
        "_transport",
        "ansible",
    },
    "module_utils/_writer.py": {
        "_access",
        "_asked",
        "_cases",
        "_client",
        "_errors",
        "_journal",
        "_module",
        "_planned",
        "_report",
        "_runner",
    },
    "module_utils/_reviewer.py": {
        "_access",
        "_approval",
        "_atlas",
        "_client",
        "_compare",
        "_console",
        "_document",
        "_evidence",
        "_groups",
        "_guards",
        "_identity_review",
        "_leavers",
        "_levels",
        "_nobody",
        "_outcome",
        "_people",
        "_policy",
        "_result",
        "_review",
        "_rules",
        "_roles",
        "_sources",
        "_steps",
        "_survey",
        "_today",
        "_totals",
    },
    "module_utils/_verifier.py": {
        "_access",
        "_after",
        "_client",
        "_console",
        "_errors",
        "_evidence",
        "_groups",
        "_outcome",
        "_result",
        "_steps",
        "_tables",
        "_verify",
    },
    "modules": {
        "_access",
        "_adopt",
        "_asked",
        "_atlas",
        "_errors",
        "_files",
        "_identities",
        "_module",
        "_names",
        "_people",
        "_programs",
        "_read",
        "_result",
        "_reviewer",
        "_roles",
        "_sources",
        "_verifier",
        "_words",
        "_writer",
    },
    "inventory": {"_access", "_atlas", "_client", "_credentials", "_errors", "_names", "_transport", "ansible"},
    "doc_fragments": set(),
}

FILES = sorted(path for path in PLUGINS.rglob("*.py") if path.name != "__init__.py")


def imported(path: Path) -> set[str]:
    """The names of the modules that a file imports: our own by their last part, others by their first."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            ours = node.level > 0 or base.startswith("ansible_collections")
            if ours and (not base or base.endswith("module_utils")):
                found |= {alias.name for alias in node.names}
                continue
            names = [base.rsplit(".", 1)[-1] if ours else base]
        else:
            continue
        found |= {name.split(".")[0] for name in names}
    return found - STANDARD - {"__future__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_imports_go_one_way(path):
    inside = str(path.relative_to(PLUGINS))
    allowed = MAY_IMPORT.get(inside, MAY_IMPORT.get(path.parent.name))
    assert allowed is not None, f"{inside} has no place in the layers"
    assert imported(path) <= allowed | ANYBODY


def test_only_one_file_knows_ansiblemodule():
    knows = [path.name for path in FILES if "(AnsibleModule)" in path.read_text()]
    assert knows == ["_module.py"]


def test_the_check_mode_is_asked_in_one_place():

    in_code = [
        (path.name, line.strip())
        for path in FILES
        for line in path.read_text().splitlines()
        if line.strip().startswith(("if ", "elif ", "while ")) and "check_mode" in line
    ]
    assert len(in_code) == 1, in_code


def test_the_action_group_holds_every_module():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    modules = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))
    assert sorted(runtime["action_groups"]["atlas"]) == modules
