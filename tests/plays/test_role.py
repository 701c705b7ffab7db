# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and the playbooks, from the dry run to the evidence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from role_run import LEAVERS, evidence, files, members, warned, words

ROLE = Path(__file__).parents[2] / "roles/access_cleanup"
CLEANUP = {
    "access_cleanup_leavers": LEAVERS,
    "access_cleanup_stale_invitation_days": 14,
    "access_cleanup_role_holders": {"GROUP_DATA_ACCESS_ADMIN": ["emil.hansen@corp.example"]},
    "access_cleanup_fallback_role": "GROUP_DATA_ACCESS_READ_ONLY",
    "access_cleanup_evidence_dir": "evidence",
    "access_cleanup_max_project_removal_percent": 100,
    "access_cleanup_ticket": "SEC-1",
}


def test_dry_run_run_and_run_again(demo):
    before = demo.sim.state()
    dry = demo.play("cleanup", "--check", "--diff", **CLEANUP)
    assert dry.returncode == 0, dry.stdout
    assert demo.sim.state() == before and not demo.sim.writes
    planned, planned_actions = evidence(demo.home)
    assert planned["mode"] == "dry-run" and planned["run"]["ticket"] == "SEC-1"
    assert planned["outcome"]["state"] == "planned" and {row["status"] for row in planned_actions} == {"planned"}

    kept = files(demo.home)
    real = demo.play("cleanup", **CLEANUP)
    assert real.returncode == 0, real.stdout
    document, actions = evidence(demo.home)
    assert document["plan_digest"] == planned["plan_digest"], "the run carries out what the dry run said"
    assert warned(dry) == warned(real) != set()
    same = ("project", "user_id", "action", "roles")
    assert sorted([row[name] for name in same] for row in actions) == sorted(
        [row[name] for name in same] for row in planned_actions
    )
    assert {(row["status"], row["verified"]) for row in actions} == {("done", "yes")}
    assert document["verification"]["verified"] == len(actions) == len(document["steps"])
    assert document["outcome"]["state"] == "open" and document["outcome"]["still"]
    assert not [pair for pair in members(demo.sim) if pair[1] in LEAVERS]
    assert "clean-up, open: " in words(real)
    assert "still gets into data-platform-prod through the team data-engineering" in words(real)

    demo.sim.forget()
    again = demo.play("cleanup", **CLEANUP)
    assert again.returncode == 0 and "changed=0 " in again.stdout, again.stdout
    assert not demo.sim.writes and evidence(demo.home)[0]["steps"] == []

    demo.environment["MONGODB_ATLAS_CLIENT_SECRET"] = "wrong"
    assert demo.play("cleanup", **CLEANUP).returncode != 0
    assert kept.items() <= files(demo.home).items(), "no run changes what another left"


def test_a_tripped_guard_stops_before_the_first_write_and_the_approved_plan_passes(demo):
    guarded = {**CLEANUP, "access_cleanup_max_removals": 3}
    before = demo.sim.state()
    blocked = demo.play("cleanup", **guarded)
    assert blocked.returncode != 0 and "max_removals is 3" in words(blocked)
    assert demo.sim.state() == before and not demo.sim.writes
    document, actions = evidence(demo.home)
    assert document["blocked"][0]["guard"] == "max_removals" and document["outcome"]["state"] == "blocked"
    assert {row["status"] for row in actions} <= {"not tried"}
    kept = files(demo.home)
    passed = demo.play("cleanup", **guarded, access_cleanup_approved_plan=document["plan_digest"])
    assert passed.returncode == 0, passed.stdout
    assert evidence(demo.home)[0]["approval"]["lifted"] == ["max_removals"]
    assert kept.items() <= files(demo.home).items()
    assert not [pair for pair in members(demo.sim) if pair[1] in LEAVERS]


@pytest.mark.thorough
def test_no_other_approval_passes(demo):
    guarded = {**CLEANUP, "access_cleanup_max_removals": 3}
    assert "max_removals is 3" in words(demo.play("cleanup", "--check", **guarded))
    wrong = demo.play("cleanup", **guarded, access_cleanup_approved_plan="0" * 64)
    assert wrong.returncode != 0 and not demo.sim.writes
    digest = evidence(demo.home)[0]["plan_digest"]
    stricter = demo.play(
        "cleanup", **{**guarded, "access_cleanup_max_removal_percent": 0}, access_cleanup_approved_plan=digest
    )
    assert "This very plan was approved, but not past that" in words(stricter) and not demo.sim.writes
    elsewhere = {**guarded, "access_cleanup_evidence_dir": "elsewhere", "access_cleanup_approved_guards": []}
    unknown = demo.play("cleanup", **elsewhere, access_cleanup_approved_plan=digest)
    assert "max_removals is 3" in words(unknown) and not demo.sim.writes


def test_a_review_never_writes(demo):
    before = demo.sim.state()
    ended = demo.play("review", **CLEANUP, access_cleanup_max_removals=0)
    assert ended.returncode == 0, ended.stdout
    assert demo.sim.state() == before and not demo.sim.writes
    document, actions = evidence(demo.home)
    assert document["mode"] == "review" and document["blocked"]
    assert {row["status"] for row in actions} == {"planned"}
    assert document["outcome"]["state"] == "reviewed"
    assert document["outcome"]["sentence"] in " ".join((demo.home / "evidence/latest/review.html").read_text().split())


def test_a_failure_half_way_leaves_the_evidence_of_what_was_done_and_the_next_run_does_the_rest(demo):
    prod = demo.sim.project_id("payments-prod")
    demo.sim.fault({"status": 403, "errorCode": "ACCESS_FORBIDDEN"}, method="DELETE", path=prod, times=None)
    ended = demo.play("offboard", access_cleanup_leavers=LEAVERS, access_cleanup_evidence_dir="evidence")
    assert ended.returncode != 0 and "ACCESS_FORBIDDEN" in ended.stdout
    document, actions = evidence(demo.home)
    assert document["outcome"]["state"] == "partial"
    assert {row["status"] for row in actions if row["project"] == "payments-prod"} == {"failed", "skipped"}
    assert {row["verified"] for row in actions if row["status"] == "done"} == {"yes"}
    assert {project for project, user in members(demo.sim) if user in LEAVERS} == {"payments-prod"}

    demo.sim._call(demo.sim._service.faults.clear)
    assert demo.play("offboard", access_cleanup_leavers=LEAVERS).returncode == 0
    assert not [pair for pair in members(demo.sim) if pair[1] in LEAVERS]


@pytest.mark.thorough
def test_a_project_that_can_not_be_read_does_not_keep_the_others_from_being_cleaned(demo):
    prod = demo.sim.project_id("payments-prod")
    demo.sim.fault(403, method="GET", path=f"{prod}/users", times=None)
    ended = demo.play("offboard", access_cleanup_leavers=LEAVERS, access_cleanup_evidence_dir="evidence")
    assert ended.returncode != 0 and "1 of 12 projects could not be read" in words(ended)
    assert {project for project, user in members(demo.sim) if user in LEAVERS} == {"payments-prod"}
    document, _actions = evidence(demo.home)
    assert [one["project"] for one in document["completeness"]["unreadable"]] == ["payments-prod"]


@pytest.mark.thorough
def test_offboarding_takes_legacy_invitations_back_and_asks_who_leaves(demo):
    assert demo.sim.legacy("mobile-backend-prod")
    assert demo.play("offboard").returncode != 0 and not demo.sim.requests
    # As an AWX survey gives it: one string with lines.
    ended = demo.play("offboard", access_cleanup_leavers="\n".join(LEAVERS), access_cleanup_evidence_dir="")
    assert ended.returncode == 0, ended.stdout
    assert not demo.sim.legacy("mobile-backend-prod")
    assert not [pair for pair in members(demo.sim) if pair[1] in LEAVERS]


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["leavers.csv", "leavers.yml"])
def test_leavers_may_stand_in_a_file(demo, name):
    listed = (
        "\n".join(f"- {user}" for user in LEAVERS) if name.endswith("yml") else "\n".join(["E-mail;Name", *LEAVERS])
    )
    (demo.home / name).write_text(listed)
    ended = demo.play("offboard", access_cleanup_leavers_file=name, access_cleanup_evidence_dir="evidence")
    assert ended.returncode == 0, ended.stdout
    assert not [pair for pair in members(demo.sim) if pair[1] in LEAVERS]
    ended = demo.play("offboard", access_cleanup_leavers_file=f"no/{name}")
    assert ended.returncode != 0 and f"no/{name}' can't be read: No such file or directory" in words(ended)


@pytest.mark.thorough
@pytest.mark.parametrize("dry", [False, True])
def test_three_levels_end_exactly_what_they_say(demo, dry):
    """A leaver who is a direct member of projects, in two teams, and in the organization."""
    dana = "dana.field@corp.example"

    def join(world):
        org = next(iter(world.orgs.values()))
        next(team for team in org.teams.values() if team.name == "on-call").members.append(world.user(dana).id)

    demo.sim.change(join)

    def places():
        return {name for name, people in {**demo.sim.state(), **demo.sim.directory()}.items() if dana in people}

    everything = {"data-engineering", "on-call", "Example Org"}
    for level, left, state in (
        ("projects", everything, "open"),
        ("teams", {"Example Org"}, "done"),
        ("organization", set(), "done"),
    ):
        options = {"access_cleanup_leavers": dana, "access_cleanup_leavers_lose": level}
        if dry:
            ended = demo.play("offboard", "--check", **options)
            assert ended.returncode == 0, ended.stdout
        ended = demo.play("offboard", access_cleanup_evidence_dir=level, **options)
        assert ended.returncode == 0, ended.stdout
        document, _actions = evidence(demo.home, level)
        assert places() == left and document["outcome"]["state"] == state
        assert bool(document["outcome"]["still"]) == (level == "projects")
    ended = demo.play("offboard", access_cleanup_leavers=dana, access_cleanup_leavers_lose="everything")
    assert ended.returncode != 0 and "leavers_lose" in words(ended)


@pytest.mark.thorough
def test_what_is_adopted_passes_a_review_and_a_change_of_the_files_is_carried_out(demo):
    ended = demo.play("adopt", adopt_dir="memberships")
    assert ended.returncode == 0, ended.stdout
    again = demo.play("adopt", adopt_dir="memberships")
    assert "changed=0 " in again.stdout, again.stdout
    git = {"access_cleanup_memberships_dir": "memberships", "access_cleanup_evidence_dir": "evidence"}
    assert demo.play("review", **git).returncode == 0
    assert evidence(demo.home)[0]["findings"] == [], "adopt followed by review finds nothing"

    (file,) = (demo.home / "memberships").glob("web-shop-prod-*.yml")
    desired = yaml.safe_load(file.read_text())
    gone = desired["memberships"].pop()
    desired["memberships"].append({"user": "new.colleague@corp.example", "roles": ["GROUP_READ_ONLY"]})
    file.write_text(yaml.safe_dump(desired))
    ended = demo.play("cleanup", **git, access_cleanup_add_missing="true", access_cleanup_max_removal_percent="50")
    assert ended.returncode == 0, ended.stdout
    shop = {user for project, user in members(demo.sim) if project == "web-shop-prod"}
    assert "new.colleague@corp.example" in shop and gone["user"].lower() not in shop
    again = demo.play("cleanup", **git, access_cleanup_add_missing="true", access_cleanup_max_removal_percent="50")
    assert again.returncode == 0 and "changed=0 " in again.stdout, again.stdout


BAD = [
    ({"access_cleanup_allowed_domains": []}, "policy.allowed_domains is empty"),
    ({"access_cleanup_inactive_days": "many"}, "is not a number; write a whole number such as 30"),
    ({"access_cleanup_projects": "paymnts-prod"}, "near names: payments-prod"),
    ({"access_cleanup_apply": "ture"}, "'ture' is neither true nor false"),
    ({"access_cleanup_add_missing": "ture"}, "'ture' is neither true nor false"),
    ({"access_cleanup_legacy_invitations": "ture"}, "legacy_invitations"),
    ({"access_cleanup_leavers": "dana"}, "'dana' is neither an email address nor a user id"),
]


@pytest.mark.parametrize("bad", [BAD[2:4], pytest.param(BAD[:2] + BAD[4:], marks=pytest.mark.thorough)])
def test_bad_variables_are_said_before_anything_happens(demo, bad):
    """Each is a host's, so that one process tries them all."""
    hosts = {f"bad{number}": variables for number, (variables, _says) in enumerate(bad)}
    path = demo.home / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": hosts}}))
    ended = demo.run("ansible-playbook", "-i", str(path), "-f", "2", "atlasops.access.cleanup", target="all")
    assert ended.returncode != 0
    said: dict[str, str] = {}
    for host, text in re.findall(r"\[(bad\d)\]: FAILED!(.*?)(?=\n\S|\Z)", ended.stdout, re.S):
        said[host] = said.get(host, "") + " ".join(text.replace("''", "'").split())
    for host, (_variables, says) in zip(hosts, bad):
        assert says in said[host], ended.stdout
    assert not demo.sim.writes


@pytest.mark.thorough
@pytest.mark.parametrize("blank", ["", None])
def test_blank_variables_are_unset(demo, blank):
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    ended = demo.play("cleanup", **dict.fromkeys(defaults, blank))
    assert ended.returncode == 0, ended.stdout
    assert not demo.sim.writes, "nothing was asked for"


PEOPLE = [
    "Field, Dana <dana.field@corp.example>",
    "dana.field@corp.example; omar.reyes@corp.example",
    "dana.field@corp.example\nomar.reyes@corp.example",
]


@pytest.mark.thorough
def test_people_may_be_written_as_surveys_and_mail_programs_give_them(demo):
    """Every list of people takes what the modules take."""
    ended = demo.play("review", access_cleanup_leavers=PEOPLE[0])
    assert ended.returncode == 0 and "has left, by the list of leavers" in ended.stdout, ended.stdout
    # Whoever is protected is no leaver in the same policy.
    ended = demo.play(
        "review", access_cleanup_allowed_domains=["other.example"], access_cleanup_protected_users=PEOPLE[1]
    )
    assert ended.returncode == 0, ended.stdout
    assert "dana.field@corp.example" in ended.stdout and "is protected, so left alone" in ended.stdout
    ended = demo.play("review", access_cleanup_allowed_users=PEOPLE[2], access_cleanup_leavers=PEOPLE[0:1])
    assert ended.returncode == 0 and "has left, by the list of leavers" in ended.stdout, ended.stdout


def test_every_variable_is_described_with_its_default():
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    specs = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert {name: spec.get("default", "") for name, spec in specs.items()} == defaults
    assert all(spec["description"] and spec["type"] for spec in specs.values())


def test_the_table_of_variables_says_what_the_documentation_says():
    specs = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    rows = re.findall(r"^\| `(access_cleanup_\w+)` \|[^|]+\|[^|]+\| (.+) \|$", (ROLE / "README.md").read_text(), re.M)
    said = {name: re.sub(r"\b[CVO]\(([^()]*)\)", r"`\1`", spec["description"]) for name, spec in specs.items()}
    assert dict(rows) == said
