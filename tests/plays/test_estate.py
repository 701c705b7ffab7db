# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many organizations, a host each: each with its own credential, one summary, and none that stops another."""

from __future__ import annotations

import csv
import json
import re
import stat
from pathlib import Path

import pytest
from estates import LEAVER, ORGANIZATIONS, account, inventory
from role_run import runs, statistics, words

ROOT = Path(__file__).resolve().parents[2]
DAN = "dan@corp.example"


def summary(home: Path) -> dict[str, dict[str, str]]:
    (path,) = (home / "evidence").glob("*-estate-*/estate.csv")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    return {row["organization"]: row for row in csv.DictReader(path.read_text().splitlines())}


def of(state, name):
    return {project: users for project, users in state.items() if project.startswith(f"{name}-")}


@pytest.mark.thorough
def test_one_wrong_credential_and_one_guard_stop_no_other(many):
    wrong = {"atlas_credential": {"client_id": account(1), "client_secret": "wrong"}}
    hosts = inventory(many.home, beta=wrong, gamma={"access_cleanup_max_removals": 0, "note": "=1+1"})
    before = many.sim.state()
    given = {"access_cleanup_leavers": LEAVER, "estate_do": "cleanup", "access_cleanup_max_removal_percent": 100}
    ended = many.play("estate", "-i", hosts, "-f", "3", "-vvv", **given)
    after = many.sim.state()
    assert ended.returncode == 2, ended.stdout
    assert not [name for name in ORGANIZATIONS if f"mdb_sa_sk_{name}" in ended.stdout]
    for name in ("alpha", "delta"):
        assert of(before, name) != of(after, name)
        assert not [users for users in of(after, name).values() if LEAVER in users]
    for name in ("beta", "gamma"):
        assert of(before, name) == of(after, name)
    rows = summary(many.home)
    assert {name: (row["outcome"], row["colour"]) for name, row in rows.items()} == {
        "alpha": ("done", "green"),
        "beta": ("failed", "red"),
        "gamma": ("blocked", "red"),
        "delta": ("done", "green"),
    }
    assert rows["gamma"]["blocked"] == "max_removals" and "401" in rows["beta"]["message"]
    assert rows["alpha"]["done"] == rows["alpha"]["steps"] == "2" and rows["gamma"]["done"] == "0"
    for name, row in rows.items():
        if name != "beta":
            assert Path(row["evidence"]).parent == many.home / "evidence" / name
            assert (Path(row["evidence"]) / "SHA256SUMS").exists()
    said = words(ended)
    assert "4 organizations: 2 failed or blocked, 0 open, 2 as they should be" in said
    assert "gamma: blocked: 2 findings, 2 steps, 0 done, 0 failed, 0 left open, blocked by max_removals" in said
    told = statistics(ended)
    assert told["access_cleanup_estate"]["organizations"] == 4 and told["access_cleanup_estate"]["failed"] == 2
    assert set(told["access_cleanup_hosts"]) == set(ORGANIZATIONS)


@pytest.mark.thorough
def test_a_review_of_the_estate_writes_nothing_whatever_is_set(many):
    hosts = inventory(many.home)
    ended = many.play("estate", "-i", hosts, "-f", "2", access_cleanup_leavers=LEAVER, access_cleanup_apply=True)
    assert ended.returncode == 0, ended.stdout
    assert not many.sim.writes
    rows = summary(many.home)
    assert {row["outcome"] for row in rows.values()} <= {"reviewed", "planned"}
    assert {row["findings"] for row in rows.values()} == {"2"}
    # A token for each task that asks Atlas, given back.
    tokens = [one for one in many.sim.requests if one.path.endswith("/oauth/token")]
    assert len(ORGANIZATIONS) <= len(tokens) <= 2 * len(ORGANIZATIONS) and many.sim.live_tokens() == 0


@pytest.mark.thorough
def test_offboarding_of_one_organization_by_a_limit(many):
    hosts = inventory(many.home)
    before = many.sim.state()
    given = {"estate_do": "offboard", "access_cleanup_leavers": f"{LEAVER}\nnobody@corp.example"}
    ended = many.play("estate", "-i", hosts, "--limit", "delta", **given)
    assert ended.returncode == 0, ended.stdout
    after = many.sim.state()
    changed = {project for project in after if before[project] != after[project]}
    assert changed == set(of(after, "delta"))
    (row,) = summary(many.home).values()
    assert (row["organization"], row["outcome"], row["nowhere"]) == ("delta", "done", "1")


@pytest.mark.thorough
def test_a_host_for_each_project_has_evidence_of_its_own_and_takes_limits(small):
    """The inventory of the AWX kit, and a template that runs on all of its hosts."""
    small.environment.update(ANSIBLE_SHOW_CUSTOM_STATS="true", ANSIBLE_CALLBACK_RESULT_FORMAT="json")
    source = str(ROOT / "playbooks/vars/awx.atlas_projects.yml")
    guards = {"access_cleanup_max_removal_percent": 100, "access_cleanup_max_project_removal_percent": 100}
    given = {"target": "all", "access_cleanup_leavers": DAN, "access_cleanup_evidence_dir": "evidence", **guards}
    ended = small.play("cleanup", "-i", source, "-f", "2", "--limit", "tag_env_prod:tag_env_dev", **given)
    assert ended.returncode == 0, ended.stdout
    assert {project for project, users in small.sim.state().items() if DAN in users} == {"beta"}
    told = statistics(ended)["access_cleanup_hosts"]
    seen = [json.loads((Path(one["evidence_dir"]) / "review.json").read_text()) for one in told.values()]
    assert sorted(row["project"] for one in seen for row in one["steps"]) == ["alpha", "gamma"]
    assert {one["summary"]["projects"] for one in seen} == {1} and len(runs(small.home)) == len(told) == 2


@pytest.mark.thorough
@pytest.mark.parametrize(
    "given, said",
    [
        ({"estate_do": "clean"}, "is none of review"),
        ({"estate_do": "offboard"}, "Say who leaves"),
    ],
)
def test_what_makes_no_sense_is_told_before_any_request(many, given, said):
    ended = many.play("estate", "-i", inventory(many.home), **given)
    assert ended.returncode == 2 and said in words(ended)
    assert not many.sim.requests
    assert {row["outcome"] for row in summary(many.home).values()} == {"failed"}


def test_the_example_is_an_estate(tmp_path):
    """The inventory of the guide: hosts with a credential each, of the kinds that a module takes."""
    import yaml

    page = (ROOT / "docs/estates.md").read_text()
    (example,) = re.findall(r"```yaml\n(# estate\.yml.*?)```", page, re.S)
    hosts = yaml.safe_load(example)["atlas_organizations"]["hosts"]
    assert len(hosts) >= 2
    for variables in hosts.values():
        assert set(variables["atlas_credential"]) <= {"client_id", "client_secret", "access_token", "base_url"}
