# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in several files of the repository says the same in all of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
# Where a release writes its version, each with what finds it there.
VERSIONS = {
    "plugins/module_utils/_client.py": r'^VERSION = "(.+)"$',
    "playbooks/vars/awx_settings.yml": r"^atlas_awx_project_branch: (.+)$",
    "docs/awx.md": r"^ +version: (.+)$",
    "CHANGELOG.rst": r"\A(?:(?!^v).*\n)*^v(.+)$",
}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", VERSIONS)
def test_every_place_of_the_version_says_that_of_galaxy_yml(name):
    found = set(re.findall(VERSIONS[name], text(name), re.M))
    assert found == {GALAXY["version"]}, f"{name} does not say the version that galaxy.yml says"


def test_the_newest_release_of_the_changelog_is_this_version():
    releases = yaml.safe_load(text("changelogs/changelog.yaml"))["releases"]
    newest = max(releases, key=lambda one: tuple(map(int, re.findall(r"\d+", one))))
    assert newest == GALAXY["version"]


def test_what_is_new_names_the_version_that_the_changes_ask_for():
    """A change that can break a playbook makes the next release a major one."""
    major, minor, _patch = released = numbers(GALAXY["version"])
    told = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "changelogs/fragments").glob("*.yml")]
    coming = (major + 1, 0, 0) if any("breaking_changes" in one for one in told) else (major, minor + 1, 0)
    sources = [path for part in ("plugins", "roles") for path in (ROOT / part).rglob("*.[py]*") if path.is_file()]
    texts = [path.read_text(encoding="utf-8") for path in sources if path.suffix in (".py", ".yml")]
    named = {numbers(version) for one in texts for version in re.findall(r'version_added: "?([0-9.]+)', one)}
    assert released in named and {one for one in named if one > released} <= {coming}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_the_steps_of_a_release_name_every_place_of_the_version():
    steps = text("CONTRIBUTING.md").partition("## A release")[2]
    assert [name for name in (*VERSIONS, "galaxy.yml", "changelog.yaml") if name not in steps] == []


def test_every_marker_is_used():
    declared = set(re.findall(r'^    "(\w+): ', text("pyproject.toml"), re.M))
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert declared == {one for one in declared if re.search(rf'pytest\.mark\.{one}\b|add_marker\("{one}"\)', tests)}


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_runs_what_everybody_runs(path):
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    assert ".ci/run" in [step.get("run") for job in jobs for step in job["steps"]]


def test_another_checkout_is_not_tested(tmp_path):
    """A collection of the same name that comes first on the path is refused with a sentence."""
    other = tmp_path / "ansible_collections/atlasops/access/plugins/module_utils"
    other.mkdir(parents=True)
    (other / "_access.py").touch()
    command = [sys.executable, "-m", "pytest", "-q", "-o", f"pythonpath={tmp_path} tests", "tests/unit/test_layers.py"]
    # pytest-ansible puts what this names before all else.
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 4 and "use this clone's .venv" in ended.stdout + ended.stderr, (
        ended.stdout + ended.stderr
    )


BLOB = "https://github.com/atlasops/access/blob/main/"
RAW = "https://raw.githubusercontent.com/atlasops/access/main/"


def test_the_readme_renders_away_from_the_repository():
    """Galaxy and Automation Hub show it alone, so its links and pictures are absolute, and lead to what is there."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text("README.md"))
    assert [one for one in targets if not one.startswith(("https://", "#"))] == []
    ours = [one.partition("#")[0] for one in targets if one.startswith((BLOB, RAW))]
    missing = [one for one in ours if not (ROOT / one.removeprefix(BLOB).removeprefix(RAW)).exists()]
    assert len(ours) > 10 and missing == []


def test_the_readme_names_every_module():
    modules = [path.stem for path in (ROOT / "plugins/modules").glob("*.py")]
    missing = [name for name in modules if f"| `{name}` |" not in text("README.md")]
    assert missing == [], 'README.md, "What is in it", is to have a row for each of these'


def test_the_tests_that_a_stage_names_are_there():
    for file, name in re.findall(r"(?:\$role|(tests/[\w/]+\.py))::(\w+)", text("scripts/check.sh")):
        assert f"def {name}(" in text(file or "tests/plays/test_role.py"), name


SECRET = re.compile(
    r"mdb_sa_sk_[\w-]{40}|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[\w+/=]{40}|\bgh[pousr]_\w{30}|\bAKIA[A-Z0-9]{16}\b"
)
ADDRESS = re.compile(r"[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}", re.I)
# Names that nobody can have (RFC 2606), where conduct is reported to, and the host of an address with a password.
NOBODYS = re.compile(
    r"(?:^|[@.])(?:example|invalid|test|localhost)(?:\.(?:com|org|net))?$|^codeofconduct@ansible\.com$"
    r"|@cloud\.mongodb\.com$",
    re.I,
)


def test_no_secret_and_nobodys_address_is_kept_here():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone of git")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file() or path.suffix in (".png", ".ico", ".inv"):
            continue
        whole = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: a secret" for _secret in SECRET.findall(whole)]
        found += [f"{name}: {one}" for one in ADDRESS.findall(whole) if not NOBODYS.search(one)]
    assert found == []
