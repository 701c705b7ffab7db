# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reviews and their evidence, against a simulated Atlas."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
from module_run import run_module

from simulator import Simulator

REVIEW, USER = "atlas_access_review", "atlas_project_user"
POLICY = {"leavers": ["bob@corp.example", "dan@corp.example"], "stale_invitation_days": 14}
HOSTILE = [
    "<script>alert(1)</script>@corp.example",
    "=cmd|'/c calc'!a0@corp.example",
    "+sum(1)@corp.example",
    'quote"comma,semi;@corp.example',
    "line\nbreak@corp.example",
    "emoji-🙈@corp.example",
    "{{ 7 * 7 }}@corp.example",
    "x" * 241 + "@corp.example",
]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sealed(directory: Path) -> bool:
    sums = [line.split("  ") for line in (directory / "SHA256SUMS").read_text().splitlines()]
    return bool(sums) and all(
        hashlib.sha256((directory / name).read_bytes()).hexdigest() == digest for digest, name in sums
    )


def of_run(result) -> Path:
    """The directory of a run, complete and sealed."""
    directory = Path(result["evidence_dir"])
    assert sealed(directory) and all(Path(path).parent == directory for path in result["evidence"])
    return directory


def read(result) -> dict:
    return json.loads((of_run(result) / "review.json").read_text())


def test_a_review_reads_only_and_says_the_same_in_check_mode(small, tmp_path):
    before = small.state()
    check = run_module(REVIEW, small, check=True, policy=POLICY, evidence_dir=str(tmp_path / "a"))
    real = run_module(REVIEW, small, policy=POLICY, evidence_dir=str(tmp_path / "b"))
    for result in (check, real):
        for differs in ("evidence", "evidence_dir", "made_at", "approval_text"):
            assert result.pop(differs)
    assert check == real and not real["changed"]
    assert small.state() == before and not small.writes


def test_a_review_counts_everybody_and_writes_it_down(small, tmp_path):
    result = run_module(REVIEW, small, policy=POLICY, evidence_dir=str(tmp_path))
    state = small.state()
    assert result["summary"]["memberships"] == sum(len(members) for members in state.values())
    directory = of_run(result)
    population = rows(directory / "population.csv")
    direct = {(row["project"], row["user"]) for row in population if "direct" in row["via"].split(";")}
    assert direct == {(project, user) for project, members in state.items() for user in members}
    assert result["summary"]["findings"] == len(rows(directory / "findings.csv")) == len(result["findings"])
    assert result["completeness"]["complete"] and result["completeness"]["projects_in_scope"] == 3
    assert (directory / "review.json").stat().st_mode & 0o077 == 0
    document = read(result)
    assert document["plan_digest"] == result["plan_digest"] and document["findings"] == result["findings"]


def test_a_finding_says_that_removal_will_not_end_access(small):
    result = run_module(REVIEW, small, policy={"leavers": ["bob@corp.example"]}, projects="alpha")
    (finding,) = result["findings"]
    assert finding["residual_access"] == [{"via": "team", "name": "readers", "roles": ["GROUP_READ_ONLY"]}]
    assert finding["action"] == "remove" and finding["status"] == "ACTIVE"


def test_the_scope_is_by_name_tag_and_exclusion(small):
    def scope(**options):
        return sorted(
            row["project"]
            for row in run_module(REVIEW, small, policy={"allowed_users": ["x@x.example"]}, **options)["findings"]
        )

    everything = set(scope())
    assert everything == {"alpha", "beta", "gamma"}
    assert set(scope(project_tags={"team": "core"})) == {"alpha", "beta"}
    assert set(scope(exclude_projects="a*")) == {"beta", "gamma"}
    assert set(scope(projects=["*a"], exclude_projects=["gamma"], project_tags={"env": "prod"})) == {"alpha"}
    assert set(scope(projects="", exclude_projects="")) == everything


def test_an_unreadable_project_fails_the_review_and_is_told(small, tmp_path):
    small.fault(403, path=f"{small.project_id('beta')}/users", times=None)
    result = run_module(REVIEW, small, policy=POLICY, evidence_dir=str(tmp_path))
    assert result["failed"] and "beta" in result["msg"] and "403" in result["msg"]
    assert [one["project"] for one in result["completeness"]["unreadable"]] == ["beta"]
    assert not result["completeness"]["complete"]
    assert {row["project"] for row in result["findings"]} == {"alpha", "gamma"}


@pytest.mark.parametrize("reads", [True, False])
def test_a_credential_of_projects_reviews_them_whether_or_not_it_may_read_the_organization(small, reads):
    small.knobs.org_member_reads = reads
    result = run_module(REVIEW, small, policy={"leavers": ["bob@corp.example"]}, access_token="projects-token")
    assert not result.get("failed"), result.get("msg")
    assert result["completeness"]["projects_seen"] == 2
    assert result["findings"][0]["project"] == "alpha"


def test_legacy_invitations_are_found_when_asked_for(small):
    policy = {"leavers": ["lee@partner.example"]}
    assert run_module(REVIEW, small, policy=policy)["findings"] == []
    result = run_module(REVIEW, small, policy=policy, legacy_invitations=True)
    assert [row["user"] for row in result["findings"]] == ["lee@partner.example"]
    assert result["completeness"]["legacy_invitations"] == "read"
    denied = run_module(REVIEW, small, policy=policy, legacy_invitations=True, access_token="projects-token")
    assert denied["completeness"]["legacy_invitations"] == "unreadable" and not denied["completeness"]["complete"]


def test_a_lapsed_exception_and_a_missing_protected_person_are_told(small):
    result = run_module(
        REVIEW,
        small,
        projects="alpha",
        policy={**POLICY, "exceptions": [{"user": "bob@corp.example", "until": "2020-01-31"}]},
        guards={"protected_users": ["breakglass@corp.example"], "max_removals": "", "max_removal_percent": 100},
    )
    assert any("ended on 2020-01-31" in warning for warning in result["warnings"])
    assert any("breakglass@corp.example is protected" in warning for warning in result["warnings"])
    assert result["summary"]["lapsed_exceptions"] == 1 and result["summary"]["missing_protected"]
    assert result["blocked"] == [], "what is not seen may be elsewhere"


def test_results_stay_small_and_counts_stay_whole(tmp_path, quick):
    with Simulator("generated:40x60") as sim:
        result = run_module(
            REVIEW, sim, policy={"allowed_users": ["x@x.example"]}, access_token="big-token", evidence_dir=str(tmp_path)
        )
    assert result["summary"]["findings"] == 40 * 60 > len(result["findings"]) > 100
    assert len(result.output) < 700_000
    assert len(rows(of_run(result) / "findings.csv")) == 40 * 60


def test_a_hostile_population_comes_through_intact_and_harmless(tmp_path, quick):
    members = {name: ["GROUP_READ_ONLY"] for name in HOSTILE}
    world = {
        "organizations": {
            "Hostile": {
                "service_accounts": {
                    "mdb_sa_id_" + "9" * 24: {
                        "secret": "mdb_sa_sk_x",
                        "role": "ORG_OWNER",
                        "access_tokens": ["token-of-hostile"],
                    }
                },
                "projects": {"=1+1 <b>": {"members": {"own@corp.example": ["GROUP_OWNER"], **members}}},
            }
        }
    }
    with Simulator(world) as sim:
        result = run_module(
            REVIEW,
            sim,
            policy={"allowed_users": ["own@corp.example"]},
            access_token="token-of-hostile",
            evidence_dir=str(tmp_path),
        )
    assert not result.get("failed"), result.get("msg")
    for name in ("population.csv", "findings.csv"):
        cells = [row["user"] for row in rows(of_run(result) / name) if row["user"] != "own@corp.example"]
        assert sorted(cell.removeprefix("'") for cell in cells) == sorted(HOSTILE)
        assert not any(cell[0] in "=+-@\t\r" for row in rows(of_run(result) / name) for cell in row.values() if cell)
    assert {row["user"] for row in read(result)["findings"]} == set(HOSTILE)


@pytest.mark.parametrize("name", ["atlas_project_user_info", REVIEW])
def test_names_phone_numbers_and_countries_are_left_out(small, name, tmp_path):
    options = {"evidence_dir": str(tmp_path), "policy": {"allowed_users": ["x@x.example"]}} if name == REVIEW else {}
    result = run_module(name, small, **options)
    text = result.output + "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    for word in ("firstName", "lastName", "mobileNumber", "country"):
        assert word not in text
