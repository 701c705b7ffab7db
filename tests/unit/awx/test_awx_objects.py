# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job templates, the workflow, schedules, notifications and roles, held against what AWX takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from awx_kit import PLAYBOOKS, ROOT, STUB, messages, named, rendered


def test_templates_name_playbooks_and_things_that_are_there(kit):
    for template in kit.templates:
        assert (ROOT / template["playbook"]).is_file()
        assert template["inventory"] in [one["name"] for one in kit.inventories]
        assert template["project"] in [one["name"] for one in kit.projects]
        assert template["credentials"] == [one["name"] for one in kit.credentials]
        # What the plan ends with is no news.
        told = [] if template["playbook"].endswith("/plan.yml") else [one["name"] for one in kit.notifications]
        assert template["notification_templates_error"] == template["notification_templates_success"] == told
        assert template["ask_limit_on_launch"] is False
        assert template["allow_simultaneous"] is False and template["use_fact_cache"] is False
    assert [one["credential_type"] for one in kit.credentials] == [one["name"] for one in kit.credential_types]


def test_a_review_can_only_be_a_check(kit):
    review = named(kit.templates, "Atlas access review")
    assert review["job_type"] == "check" and review["ask_job_type_on_launch"] is False


def test_the_inventory_source_is_there(kit, monkeypatch):
    (source,) = kit.inventory_sources
    path = ROOT / source["source_path"]
    assert path.name.endswith(".atlas_projects.yml")
    assert source["source_project"] in [one["name"] for one in kit.projects]
    assert yaml.safe_load(path.read_text())["plugin"] == "atlasops.access.atlas_projects"


def test_nothing_is_taken_away_without_approval(kit):
    (workflow,) = kit.workflows
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    assert {name: node.get("related") for name, node in nodes.items()} == {
        "review": {"success_nodes": [{"identifier": "plan"}]},
        "plan": {"success_nodes": [{"identifier": "approval"}], "failure_nodes": [{"identifier": "end"}]},
        "end": None,
        "approval": {"success_nodes": [{"identifier": "clean-up"}]},
        "clean-up": None,
    }
    assert nodes["approval"]["unified_job_template"]["type"] == "workflow_approval"
    assert nodes["plan"]["unified_job_template"] == nodes["end"]["unified_job_template"]
    assert (nodes["plan"]["job_type"], nodes["end"]["job_type"]) == ("run", "check")
    assert named(kit.templates, "Atlas access plan")["ask_job_type_on_launch"] is True
    assert workflow["notification_templates_approvals"] == [one["name"] for one in kit.notifications]
    # One that waits does not keep another from being reviewed.
    assert workflow["allow_simultaneous"] is True
    # Whatever fails tells of it by itself.
    assert workflow["notification_templates_error"] == []
    assert named(kit.templates, nodes["review"]["unified_job_template"]["name"])["playbook"].endswith("/review.yml")
    assert named(kit.templates, nodes["clean-up"]["unified_job_template"]["name"])["playbook"].endswith("/cleanup.yml")


def test_the_schedule_follows_the_rules(kit):
    monthly, alone, daily = kit.schedules
    assert [one["state"] for one in kit.schedules] == ["present", "absent", "present"]
    assert monthly["unified_job_template"] == kit.workflows[0]["name"]
    assert alone["unified_job_template"] == named(kit.templates, "Atlas access review (")["name"]
    assert daily["unified_job_template"] == kit.inventory_sources[0]["name"]
    example = re.search("#   (DTSTART.*)", (PLAYBOOKS / "vars/awx_settings.yml").read_text())[1]
    for rule in (monthly["rrule"], daily["rrule"], example):
        check_rule(rule)


def check_rule(rule: str) -> None:
    assert len(re.findall(r"DTSTART(?:;TZID=[^:]+:\d{8}T\d{6}|:\d{8}T\d{6}Z)\s", rule)) == 1
    assert len(re.findall("RRULE:", rule)) == 1 and "INTERVAL=" in rule
    assert not re.search(r"EXDATE|RDATE|SECONDLY|BYDAY=\d", rule.replace("RRULE", ""))


def test_notifications_can_be_saved(kit, other, hooked):
    assert [len(messages(one)) for one in (kit, other, hooked)] == [6, 6, 0]
    assert [len(messages(one, "body")) for one in (kit, other, hooked)] == [0, 6, 6]
    for text in messages(kit) + messages(other):
        assert "\n" not in text and "\n" not in rendered(text)
    for text in messages(hooked, "body"):
        assert isinstance(json.loads(rendered(text)), dict)


FAR = ["Somebody's " + "x" * 290] * 45


@pytest.mark.parametrize(
    "told, line",
    [
        ({"headline": "There was 1 finding."}, "There was 1 finding."),
        ({"headline": "", "msg": "401, the credential\nwas refused"}, "401, the credential was refused"),
        ({"headline": "y" * 9000}, "y" * 100),
        ({"headline": "Done.", "nowhere": ["a@x.example"]}, "Done. Not found: a@x.example. https"),
        (
            {"headline": "Done.", "nowhere": ["a@x.example"] * 2000},
            f"Done. Not found: {', '.join(['a@x.example'] * 3)} and more.",
        ),
        ({}, "running"),
    ],
)
def test_a_line_says_how_it_ended(kit, told, line):
    (success, error, *_approvals) = messages(kit)
    assert success == error
    said = rendered(success, **told)
    assert said.startswith(f"Stub JobTemplate #42: {line}") and said.endswith(STUB["url"]) and len(said) < 700


def test_mail_and_webhooks_have_our_numbers_and_are_bounded(other, hooked):
    told = {
        "headline": 'Done: "all" of it',
        "text": FAR,
        "outcome": "open",
        "colour": "amber",
        "mode": "clean-up",
        "counts": {"done": 2000},
        "summary": {"findings": 2001, "steps": 2000},
        "nowhere": [f"u{number}@corp.example" for number in range(400)],
        "plan_digest": "0" * 64,
    }
    body = json.loads(rendered(messages(hooked, "body")[0], **told))
    assert body["headline"] == told["headline"] and body["text"] == FAR and body["colour"] == "amber"
    assert (body["findings"], body["steps"], body["counts"]) == (2001, 2000, {"done": 2000})
    assert len(body["nowhere"]) == 20 and len(json.dumps(body)) < 16_000
    mail = rendered(messages(other, "body")[0], **told)
    assert FAR[0] in mail and STUB["url"] in mail and len(mail) < 16_000
    assert "no word" in rendered(messages(other, "body")[0])


def test_settings_of_a_second_organization(other):
    ours = [*other.templates, *other.workflows, *other.schedules, *other.projects, *other.inventories]
    ours += [*other.inventory_sources, *other.notifications, *other.execution_environments]
    assert all(one["name"].startswith("Payments ") for one in ours)
    assert other.credentials == [] and all(one["credentials"] == ["12"] for one in other.templates)
    # AWX refuses ./review.yml.
    assert {one["playbook"] for one in other.templates} == {"review.yml", "plan.yml", "cleanup.yml", "offboard.yml"}
    assert {one["execution_environment"] for one in other.templates} == {"Payments MongoDB Atlas access"}
    assert other.execution_environments[0]["state"] == "present"
    assert other.organizations == [{"name": "Payments", "galaxy_credentials": ["Hub"]}]
    assert [one["state"] for one in other.schedules] == ["absent", "absent", "present"]
    offboard = named(other.templates, "Payments Offboard")["extra_vars"]
    assert offboard == {
        "access_cleanup_protected_users": ["bob@corp.example"],
        "access_cleanup_evidence_dir": "/evidence",
    }


def test_what_is_not_asked_for_is_taken_back(kit):
    assert kit.execution_environments[0]["state"] == "absent" and kit.organizations == []
    assert [role["teams"] for role in kit.roles] == [[], []]


def test_approvers_can_read_all_that_the_workflow_runs(kit):
    approve, read = kit.roles
    assert approve["workflows"] == [kit.workflows[0]["name"]]
    run = {node["unified_job_template"]["name"] for node in kit.workflows[0]["workflow_nodes"]}
    assert set(read["job_templates"]) == run & {one["name"] for one in kit.templates}


def test_the_playbook_passes_all_that_there_is(kit):
    """The tasks of awx_setup.yml give their modules every key of each list, and nothing that isn't there."""
    (play,) = yaml.safe_load((PLAYBOOKS / "awx_setup.yml").read_text())
    passed: dict[str, set[str]] = {}
    for task in play["tasks"]:
        for module in [key for key in task if key.startswith("awx.awx.")]:
            name = re.match(r"{{ controller_(\w+)", task["loop"])[1]
            text = json.dumps([task[module], task.get("when", ""), task["loop"]])
            deep = "subelements" in task["loop"]
            found = re.findall(r"\bitem\.0\.(\w+)" if deep else r"\bitem\.(\w+)", text)
            passed.setdefault(name, set()).update(found, re.findall(r"subelements\('(\w+)'", text))
    assert set(passed) == set(vars(kit))
    for name, keys in passed.items():
        entries = getattr(kit, name)
        assert all(set(entry) <= keys for entry in entries), (name, keys)
        assert not entries or keys == set().union(*entries), (name, keys)


def test_modules_of_awx_awx_know_what_they_are_given():
    (play,) = yaml.safe_load((PLAYBOOKS / "awx_setup.yml").read_text())
    modules = {key: set(task[key]) for task in play["tasks"] for key in task if key.startswith("awx.awx.")}
    line = [sys.executable, "-m", "ansible", "doc", "-t", "module", "-j", *modules]
    places = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/awx")}
    known = json.loads(subprocess.run(line, capture_output=True, text=True, env=places, check=False).stdout or "{}")
    if set(known) != set(modules):
        pytest.skip("the collection awx.awx is not here; make awx fetches it")
    for module, arguments in modules.items():
        assert arguments <= set(known[module]["doc"]["options"]), module


def test_the_guide_names_all_that_a_job_leaves():
    page = (ROOT / "docs/awx.md").read_text()
    (table,) = re.findall(r"`job\.artifacts\.access_cleanup`:\n\n(.*?)\n\n", page, re.S)
    told = {name.split(".")[0] for row in table.splitlines() for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}
    variables = yaml.safe_load((ROOT / "roles/access_cleanup/vars/main.yml").read_text())
    left = set(re.findall(r"'(\w+)': ", variables["access_cleanup__no_stats"]))
    assert told - {""} == left
