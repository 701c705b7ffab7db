# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A desired state in files: what is read, what is refused, and what is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from module_run import run_module

from ansible_collections.atlasops.access.plugins.module_utils import _sources as sources_of
from ansible_collections.atlasops.access.plugins.module_utils._access import Project, Refusal
from ansible_collections.atlasops.access.plugins.module_utils._sources import located, read_sources

REVIEW = "atlas_access_review"
DANA = "dana.field@corp.example"
ALPHA, BETA = Project("a" * 24, "alpha", "f" * 24), Project("b" * 24, "beta", "f" * 24)
ROW = f"  - user: {DANA}\n    roles: [GROUP_OWNER]\n"
FILE = f"project: alpha\nmemberships:\n{ROW}"


def folder(tmp_path: Path, **files: str) -> str:
    """A folder of files; in their names `__` is a slash and `_DOT_` a dot."""
    home = tmp_path / "memberships"
    home.mkdir()
    for name, text in files.items():
        path = home / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(home)


def test_all_that_looks_like_a_file_is_read_whatever_folder_it_is_in(tmp_path):
    path = folder(
        tmp_path,
        a_DOT_yml=FILE,
        prod__b_DOT_yaml=f"project_id: {'B' * 24}\nmemberships: []\n",
        prod__eu__C_DOT_YML=f"---\nproject: 1.10\nproject_id: {'c' * 24}\nmemberships:\n{ROW}    expires: 2030-03-31\n",
        README_DOT_md="text",
    )
    warnings: list[str] = []
    read = {os.path.relpath(one.path, path): one for one in read_sources(path, warnings)}
    assert not warnings
    assert list(read) == ["a.yml", "prod/b.yaml", "prod/eu/C.YML"]
    assert [(one.project, one.project_id) for one in read.values()] == [
        ("alpha", None),
        (None, "b" * 24),
        ("1.10", "c" * 24),
    ]
    assert [len(one.grants) for one in read.values()] == [1, 0, 1]
    assert str(read["prod/eu/C.YML"].grants[0].expires) == "2030-03-31"


def test_a_file_of_another_kind_is_told(tmp_path):
    warnings: list[str] = []
    read_sources(folder(tmp_path, a_DOT_yml=FILE, b_DOT_json="{}", c__beta="project: beta", _DOT_gitkeep=""), warnings)
    assert len(warnings) == 1 and warnings[0].endswith("do not end in .yml or .yaml: b.json, c/beta")


BAD = {
    "a-key-twice": (f"{FILE}memberships: []\n", "line 5: the key 'memberships' is given twice"),
    "a-key-twice-in-a-row": (f"{FILE}    user: {DANA}\n", "line 5: the key 'user' is given twice"),
    "another-project": (f"{FILE}    project: beta\n", "row 1 is about 'beta', and the file about 'alpha'"),
    "another-id": (f"{FILE}    project_id: {'b' * 24}\n", "row 1 is about 'bbbb"),
    "no-project": (f"memberships:\n{ROW}", "names no project"),
    "a-blank-project": (f"project:\nmemberships:\n{ROW}", "names no project"),
    "projects": (f"project: [alpha, beta]\nmemberships:\n{ROW}", "project is not a text"),
    "no-memberships": ("project: alpha\n", "has no list of memberships; write memberships: \\[\\]"),
    "blank-memberships": ("project: alpha\nmemberships:\n", "has no list of memberships"),
    "a-key-too-many": (f"{FILE}expires: 2030-01-01\n", "'expires' is not a key of such a file"),
    "a-misspelt-key": (f"{FILE}    expire: 2030-01-01\n", "row 1: 'expire' is not a key"),
    "no-date": (f"{FILE}    expires: soon\n", "row 1: .*'soon' is not a date"),
    "second-row": (f"{FILE}  - user: dana\n    roles: [GROUP_OWNER]\n", "row 2: 'dana' is neither"),
    "no-roles": (f"{FILE}  - user: omar@corp.example\n", "row 2: .*lacks"),
    "no-role": (f"{FILE}  - {{user: o@corp.example, roles: [owner]}}\n", "row 2: .*'owner' is not a project role"),
    "a-row-of-text": (f"{FILE}  - {DANA}\n", "row 2: .* is not a row"),
    "an-id-that-is-none": (f"project_id: abc\nmemberships:\n{ROW}", "the project_id 'abc' is none"),
    "a-list": (f"- {FILE}".replace("\n", "\n  "), "is not a map with the keys"),
    "empty": ("", "is not a map"),
    "a-tab": ("project: alpha\n\tmemberships: []\n", "line 2: is not YAML"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_the_file(tmp_path, case):
    text, says = BAD[case]
    with pytest.raises(Refusal, match=f"^memberships_dir: '.*/sub/odd.yml'.*{says}"):
        read_sources(folder(tmp_path, a_DOT_yml=f"project: beta\nmemberships:\n{ROW}", sub__odd_DOT_yml=text), [])


@pytest.mark.parametrize("name", ["_DOT_alpha_DOT_yml", "_DOT_hidden__alpha_DOT_yaml"])
def test_what_is_hidden_is_refused(tmp_path, name):
    with pytest.raises(Refusal, match="is hidden; give it a name without a dot"):
        read_sources(folder(tmp_path, **{name: FILE, "b_DOT_yml": FILE}), [])


def test_a_folder_that_is_missing_empty_or_too_large_is_named(tmp_path, monkeypatch):
    home = folder(tmp_path, README_DOT_md="")
    for path, says in (
        (home, "holds no file"),
        (f"{home}x", "does not exist"),
        (f"{home}/README.md", "not a directory"),
    ):
        with pytest.raises(Refusal, match=f"^memberships_dir: '{path}' {'is ' if 'not a' in says else ''}{says}"):
            read_sources(path, [])
    monkeypatch.setattr(sources_of, "LARGEST", 1)
    (tmp_path / "memberships/a.yml").write_text(FILE)
    with pytest.raises(Refusal, match="holds more than 1 files"):
        read_sources(home, [])


@pytest.mark.parametrize("target", ["../outside.yml", "nowhere.yml", "../outside"])
def test_a_link_is_refused_and_the_folder_itself_may_be_one(tmp_path, target):
    home = folder(tmp_path, a_DOT_yml=FILE)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside.yml").write_text(FILE)
    (tmp_path / "link").symlink_to("memberships")
    assert len(read_sources(str(tmp_path / "link"), [])) == 1
    os.symlink(target, f"{home}/b{'.yml' if target.endswith('yml') else ''}")
    with pytest.raises(Refusal, match="/b.* is a link; put the files themselves there"):
        read_sources(home, [])


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    home = folder(tmp_path)
    os.mkfifo(f"{home}/a.yml")
    with pytest.raises(Refusal, match="a.yml' is not a file"):
        read_sources(home, [])


# --- where they belong -----------------------------------------------------------------------------------------------


def at(tmp_path, *heads, visible=(ALPHA, BETA)):
    """Where files with these heads belong, and what is told."""
    files = {f"f{number}_DOT_yml": f"{head}\nmemberships: []\n" for number, head in enumerate(heads)}
    warnings: list[str] = []
    found = located(read_sources(folder(tmp_path, **files), warnings), visible, warnings)
    return {where: os.path.basename(one.path) for where, one in found.items()}, warnings


def test_files_are_placed_by_id_and_by_name(tmp_path):
    found, warnings = at(tmp_path, "project: alpha", f"project: beta\nproject_id: {BETA.id}")
    assert found == {ALPHA.id: "f0.yml", BETA.id: "f1.yml"} and not warnings


def test_a_name_is_a_name_and_no_pattern(tmp_path):
    found, warnings = at(tmp_path, 'project: "*"', visible=(ALPHA, BETA, Project("c" * 24, "*", "f" * 24)))
    assert found == {"c" * 24: "f0.yml"} and not warnings


def test_unknown_projects_are_told(tmp_path):
    found, warnings = at(tmp_path, "project: alhpa", 'project: "b*"', f"project_id: {'c' * 24}")
    assert found == {} and len(warnings) == 1
    assert all(name in warnings[0] for name in ("alhpa (", "b* (", f"{'c' * 24} ("))


def test_an_old_name_is_told_and_the_name_of_another_project_refused(tmp_path):
    found, warnings = at(tmp_path, f"project: gamma\nproject_id: {BETA.id}")
    assert found == {BETA.id: "f0.yml"} and "gamma is beta now" in warnings[0]


@pytest.mark.parametrize("other", [BETA.id, "c" * 24])
def test_the_name_of_another_project_is_refused(tmp_path, other):
    with pytest.raises(Refusal, match=f"f0.yml': {other} is not the id of 'alpha'"):
        at(tmp_path, f"project: alpha\nproject_id: {other}")


@pytest.mark.parametrize("heads", [("project: alpha",) * 2, ("project: alpha", f"project_id: {ALPHA.id}")])
def test_two_files_of_one_project_are_refused_naming_both(tmp_path, heads):
    with pytest.raises(Refusal, match="f0.yml' and '.*f1.yml' are about the same project"):
        at(tmp_path, *heads)


def test_a_name_that_two_projects_have_needs_the_id(tmp_path):
    twin = Project("c" * 24, "alpha", "e" * 24)
    with pytest.raises(Refusal, match="2 projects are called 'alpha'; write project_id"):
        at(tmp_path, "project: alpha", visible=(ALPHA, twin))


# --- in a review -----------------------------------------------------------------------------------------------------


def test_an_empty_list_is_nobody_and_a_project_without_a_file_is_told(small, tmp_path):
    home = folder(tmp_path, alpha_DOT_yml="project: alpha\nmemberships: []\n")
    result = run_module(REVIEW, small, memberships_dir=home, guards={"max_removal_percent": 100})
    assert not result.get("failed"), result["msg"]
    there = small.state()
    assert {row["project"] for row in result["findings"]} == {"alpha"}
    living = [user.lower() for user, one in there["alpha"].items() if one["status"] in ("ACTIVE", "PENDING")]
    assert {row["user"].lower() for row in result["findings"]} == set(living)
    assert result["summary"]["by_rule"] == {"memberships": len(living)}
    (told,) = [warning for warning in result["warnings"] if "without a file" in warning]
    assert all(name in told for name in there if name != "alpha") and "alpha" not in told.split("alone: ")[1].split(
        ", "
    )


def test_two_desired_states_are_refused(small, tmp_path):
    rows = [{"project": "alpha", "user": DANA, "roles": ["GROUP_OWNER"]}]
    result = run_module(REVIEW, small, memberships_dir=folder(tmp_path, a_DOT_yml=FILE), policy={"memberships": rows})
    assert result["failed"] and "two desired states" in result["msg"] and not small.requests


def test_the_document_says_which_file_somebody_is_to_be_in_by(small, tmp_path):
    home = folder(tmp_path, sub__alpha_DOT_yml=FILE)
    result = run_module(REVIEW, small, memberships_dir=home, evidence_dir=str(tmp_path / "evidence"), projects="alpha")
    document = json.loads((Path(result["evidence_dir"]) / "review.json").read_text())
    assert [one["file"] for one in document["policy"]["memberships"]] == ["sub/alpha.yml"]
