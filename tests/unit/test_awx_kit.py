# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What awx_setup.yml makes in AWX, held against AWX's rules; and the playbooks, run as AWX runs them.

AWX itself can't be had as a package. Its rules are told here in our own words (AWX 24.6: fields.py for credential
types, views and mixins for surveys, serializers for schedules and notifications, safe_yaml.py for extra variables).
"""

from __future__ import annotations

import copy
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import jsonschema
import pytest
import warm_python
import yaml
from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from module_run import run_module
from warm_ansible import Warm

from ansible_collections.atlasops.access.plugins.module_utils import _approval as approving

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "playbooks"
SECRETS = ("mdb_sa_sk_small", "small-private-key")
ACCOUNT = {"client_id": "mdb_sa_id_0123456789abcdef01234567", "client_secret": "mdb_sa_sk_small"}
KEY = {"public_key": "smallkey", "private_key": "small-private-key"}
LONGEST_EVENT = 700_000

LISTS = [
    "controller_credential_types",
    "controller_execution_environments",
    "controller_organizations",
    "controller_credentials",
    "controller_projects",
    "controller_inventories",
    "controller_inventory_sources",
    "controller_notifications",
    "controller_templates",
    "controller_workflows",
    "controller_schedules",
    "controller_roles",
]

# --- what would be made, as Ansible reads it --------------------------------------------------------------------------

DUMP = """
- hosts: localhost
  gather_facts: false
  vars_files: [{vars}/awx_settings.yml, {vars}/awx_objects.yml]
  tasks: {tasks}
"""


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "NO_PROXY": "127.0.0.1",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
    }


def warm_modules() -> dict[str, str]:
    return {"ansible_python_interpreter": warm_python.interpreter()}


SLACK = {"type": "slack", "configuration": {"token": "t", "channels": ["#atlas"]}}
SETTINGS: dict[str, dict[str, Any]] = {
    # The settings as they are, and a notification.
    "kit": {"atlas_awx_notification": SLACK},
    # Settings of somebody with an own repository, a second organization of AWX, and mail.
    "other": {
        "atlas_awx_organization": "Payments",
        "atlas_awx_prefix": "Payments ",
        "atlas_awx_playbooks": ".",
        "atlas_awx_evidence_dir": "/evidence",
        "atlas_awx_credential": 12,
        "atlas_awx_execution_environment_image": "quay.example/atlas-access:1",
        "atlas_awx_galaxy_credentials": ["Hub"],
        "atlas_awx_notification": {"type": "email", "configuration": {"recipients": ["a@corp.example"]}},
        "atlas_awx_rrule": "",
        "atlas_awx_policy": {
            "access_cleanup_protected_users": ["bob@corp.example"],
            "access_cleanup_inactive_days": 30,
        },
    },
    # Settings with a webhook.
    "hooked": {"atlas_awx_notification": {"type": "webhook", "configuration": {}}},
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SimpleNamespace]:
    """All lists of awx_objects.yml with each of these settings, which win over those of the file; made once for all
    workers of a run of the tests."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kit"
    place.mkdir(exist_ok=True)
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((place / name).exists() for name in SETTINGS):
            make(place)
    found = {name: json.loads((place / name).read_text()) for name in SETTINGS}
    return {
        name: SimpleNamespace(**{one.removeprefix("controller_"): lists[one] for one in LISTS})
        for name, lists in found.items()
    }


def make(place: Path) -> None:
    content = "{{ {%s} | to_json }}" % ", ".join(f"'{name}': {name}" for name in LISTS)
    tasks = [
        {"ansible.builtin.copy": {"content": content, "dest": str(place / name), "mode": "0600"}, "vars": settings}
        for name, settings in SETTINGS.items()
    ]
    play = place / "dump.yml"
    play.write_text(DUMP.format(vars=PLAYBOOKS / "vars", tasks=json.dumps(tasks)))
    line = [sys.executable, "-m", "ansible", "playbook", str(play), "-e", json.dumps(warm_modules())]
    done = subprocess.run(line, capture_output=True, text=True, env=environment(place), cwd=place, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def kit(made: dict[str, SimpleNamespace]) -> SimpleNamespace:
    return made["kit"]


@pytest.fixture(scope="session")
def other(made: dict[str, SimpleNamespace]) -> SimpleNamespace:
    return made["other"]


@pytest.fixture(scope="session")
def hooked(made: dict[str, SimpleNamespace]) -> SimpleNamespace:
    return made["hooked"]


@pytest.fixture(scope="session")
def role_options() -> set[str]:
    specs = yaml.safe_load((ROOT / "roles/access_cleanup/meta/argument_specs.yml").read_text())
    return set(specs["argument_specs"]["main"]["options"])


def named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"].startswith(name))


# --- the credential type ----------------------------------------------------------------------------------------------

TEXT = {"type": "string"}
INPUTS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "required": {"type": "array", "items": TEXT},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "label"],
                "properties": {
                    "id": {"type": "string", "pattern": "^[a-zA-Z_]+[a-zA-Z0-9_]*$"},
                    "label": TEXT,
                    "help_text": TEXT,
                    "type": {"enum": ["string", "boolean"]},
                    "format": {"enum": ["ssh_private_key", "url"]},
                    "choices": {"type": "array", "minItems": 1, "items": TEXT, "uniqueItems": True},
                    "multiline": {"type": "boolean"},
                    "secret": {"type": "boolean"},
                    "ask_at_runtime": {"type": "boolean"},
                    "default": {},
                },
            },
        },
    },
}
INJECTORS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "env": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {"^[a-zA-Z_]+[a-zA-Z0-9_]*$": {"type": "string", "pattern": "^[\x00-\x7f]*$"}},
        },
        "file": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {r"^template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?$": TEXT},
        },
        "extra_vars": {"type": "object"},
    },
}
TAKEN_VARIABLES = (
    "VIRTUAL_ENV PATH PYTHONPATH JOB_ID INVENTORY_ID INVENTORY_SOURCE_ID INVENTORY_UPDATE_ID AD_HOC_COMMAND_ID "
    "REST_API_URL REST_API_TOKEN MAX_EVENT_RES CALLBACK_QUEUE CALLBACK_CONNECTION CACHE JOB_CALLBACK_DEBUG "
    "INVENTORY_HOSTVARS AWX_HOST PROJECT_REVISION SUPERVISOR_CONFIG_PATH"
).split()


def check_credential_type(given: dict[str, Any]) -> None:
    """Raises what is wrong with a custom credential type."""
    jsonschema.Draft4Validator(INPUTS).validate(given["inputs"])
    jsonschema.Draft4Validator(INJECTORS).validate(given["injectors"])
    if given["kind"] not in ("cloud", "net"):
        raise ValueError("kind")
    ids = [field["id"] for field in given["inputs"]["fields"]]
    if len(ids) != len(set(ids)) or "tower" in ids:
        raise ValueError("ids")
    for field in given["inputs"]["fields"]:
        kind = {"string": str, "boolean": bool}[field.get("type", "string")]
        if "default" in field and not isinstance(field["default"], kind):
            raise ValueError("default")
        if kind is bool and {"choices", "multiline", "format", "secret"} & set(field):
            raise ValueError("for strings only")
    for variable, template in given["injectors"].get("env", {}).items():
        if variable.startswith("ANSIBLE_") or variable in TAKEN_VARIABLES:
            raise ValueError(variable)
        sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
        sandbox.from_string(template).render(dict.fromkeys(ids, "EXAMPLE"))


def test_the_credential_type_follows_the_rules(kit):
    (given,) = kit.credential_types
    check_credential_type(given)
    # An address that is blank would be refused as no URL.
    assert not any("format" in field for field in given["inputs"]["fields"]) and "required" not in given["inputs"]


def spoiled(change):
    def spoil(given):
        given = copy.deepcopy(given)
        change(given["inputs"]["fields"], given["injectors"], given)
        return given

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        spoiled(lambda fields, injectors, given: fields[0].update(placeholder="x")),
        spoiled(lambda fields, injectors, given: fields[0].update(id="client-id")),
        spoiled(lambda fields, injectors, given: fields[0].update(type="boolean", secret=True)),
        spoiled(lambda fields, injectors, given: fields[0].update(default=1)),
        spoiled(lambda fields, injectors, given: fields.append(fields[0])),
        spoiled(lambda fields, injectors, given: injectors["env"].update(ANSIBLE_X="x")),
        spoiled(lambda fields, injectors, given: injectors["env"].update(JOB_ID="x")),
        spoiled(lambda fields, injectors, given: injectors["env"].update(X="{{ nobody }}")),
        spoiled(lambda fields, injectors, given: injectors["env"].update(X="{{ client_id.__class__.mro() }}")),
        spoiled(lambda fields, injectors, given: injectors["env"].update(X="{  { client_id }}" + "{%")),
        spoiled(lambda fields, injectors, given: given.update(kind="ssh")),
    ],
)
def test_the_rules_are_asked(kit, spoil):
    with pytest.raises((jsonschema.ValidationError, ValueError, TemplateError, SecurityError)):
        check_credential_type(spoil(kit.credential_types[0]))


def inject_here(given: dict[str, Any], values: dict[str, str]) -> dict[str, str]:
    """The environment that a credential gives, by AWX's rules: what is blank is not defined, and renders as nothing."""
    sandbox = ImmutableSandboxedEnvironment()
    filled = {name: value for name, value in values.items() if value}
    return {name: sandbox.from_string(text).render(filled) for name, text in given["injectors"]["env"].items()}


def inject_by_awx(given: dict[str, Any], values: dict[str, str], place: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The same by AWX's own code, and the environment that AWX keeps with the job."""
    pytest.importorskip("awx_plugins.interfaces", reason="awx_plugins.interfaces is not installed (needs Python 3.11)")
    from awx_plugins.interfaces._temporary_private_api import ManagedCredentialType
    from awx_plugins.interfaces._temporary_private_credential_api import Credential
    from awx_plugins.interfaces._temporary_private_inject_api import inject_credential

    settings = {name: given[name] for name in ("name", "kind", "inputs", "injectors")}
    kept: dict[str, str] = {}
    found: dict[str, str] = {}
    inject_credential(ManagedCredentialType(namespace="x", **settings), Credential(values), found, kept, [], str(place))
    return found, kept


CREDENTIALS = [ACCOUNT, {**KEY, "client_id": "", "client_secret": ""}, {**ACCOUNT, "public_key": "", "private_key": ""}]


@pytest.mark.parametrize("values", CREDENTIALS, ids=["account", "key", "account-and-blanks"])
@pytest.mark.parametrize("injector", ["ours", "awx"])
def test_a_module_signs_in_with_what_is_injected(kit, small, monkeypatch, tmp_path, values, injector):
    (given,) = kit.credential_types
    values = {**values, "base_url": small.url}
    injected = inject_here(given, values) if injector == "ours" else inject_by_awx(given, values, tmp_path)[0]
    assert set(injected) == set(given["injectors"]["env"])
    for name, value in injected.items():
        monkeypatch.setenv(name, value)
    result = run_module("atlas_project_info")
    assert [project["name"] for project in result["projects"]] == ["alpha", "beta", "gamma"], result


def test_awx_keeps_no_secret_with_the_job(kit, tmp_path):
    _found, kept = inject_by_awx(kit.credential_types[0], {**ACCOUNT, **KEY}, tmp_path)
    assert not [secret for secret in SECRETS if secret in json.dumps(kept)]
    assert kept["MONGODB_ATLAS_CLIENT_ID"] == ACCOUNT["client_id"]


def test_a_blank_credential_is_told_in_a_sentence(kit, small, monkeypatch):
    for name, value in inject_here(kit.credential_types[0], {"base_url": small.url}).items():
        monkeypatch.setenv(name, value)
    assert "no credential is set" in run_module("atlas_project_info")["msg"]


def test_the_variables_are_those_of_the_modules(kit):
    from ansible_collections.atlasops.access.plugins.module_utils._module import ENVIRONMENT

    known = {variable for variables in ENVIRONMENT.values() for variable in variables}
    assert set(kit.credential_types[0]["injectors"]["env"]) <= known


# --- surveys ----------------------------------------------------------------------------------------------------------

QUESTION_TYPES: dict[str, Any] = {
    **dict.fromkeys(["text", "textarea", "password", "multiplechoice", "multiselect"], str),
    "integer": int,
    "float": (int, float),
}


def check_survey(survey: dict[str, Any]) -> None:
    """Raises what is wrong with a survey."""
    assert isinstance(survey["name"], str) and isinstance(survey["description"], str)
    assert isinstance(survey["spec"], list) and survey["spec"]
    variables = [question["variable"] for question in survey["spec"]]
    assert len(variables) == len(set(variables)), "variables are not unique"
    for question in survey["spec"]:
        for name in ("type", "question_name", "variable"):
            assert isinstance(question[name], str), name
        assert isinstance(question["required"], bool)
        kind = QUESTION_TYPES[question["type"]]
        default = question.get("default", "")
        assert default == "" or isinstance(default, kind), "default"
        assert all(isinstance(question.get(name), (int, type(None))) for name in ("min", "max")), "limits"
        if question["type"].startswith("multi"):
            assert default == "" or default in question["choices"], "choices"
        assert not str(default).startswith("$encrypted$")


def with_surveys(kit: SimpleNamespace) -> list[dict[str, Any]]:
    return [entry for entry in kit.templates + kit.workflows if entry["survey_enabled"]]


def test_surveys_follow_the_rules(kit):
    assert len(with_surveys(kit)) == 4
    for entry in with_surveys(kit):
        check_survey(entry["survey_spec"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda survey: survey.pop("description"),
        lambda survey: survey.update(spec=[]),
        lambda survey: survey["spec"][0].update(required="true"),
        lambda survey: survey["spec"][0].update(type="boolean"),
        lambda survey: survey["spec"][0].pop("question_name"),
        lambda survey: survey["spec"][0].update(default=["x"]),
        lambda survey: survey["spec"][-1].update(default="maybe"),
        lambda survey: survey["spec"].append(survey["spec"][0]),
    ],
)
def test_the_rules_of_surveys_are_asked(kit, spoil):
    survey = copy.deepcopy(named(kit.templates, "Offboard")["survey_spec"])
    spoil(survey)
    with pytest.raises((AssertionError, KeyError)):
        check_survey(survey)


def test_surveys_and_settings_speak_of_variables_of_the_role(kit, role_options):
    for entry in kit.templates + kit.workflows:
        asked = {question["variable"] for question in entry["survey_spec"].get("spec", [])}
        given = set(entry.get("extra_vars", {}))
        assert asked | given <= role_options
        # The answer, even an empty one, would win.
        assert not asked & given


def test_what_the_workflow_asks_for_reaches_every_job(kit):
    (workflow,) = kit.workflows
    asked = {question["variable"] for question in workflow["survey_spec"]["spec"]}
    for node in workflow["workflow_nodes"]:
        if node["unified_job_template"]["type"] == "job_template":
            template = named(kit.templates, node["unified_job_template"]["name"])
            if not template["survey_enabled"]:
                continue
            assert asked == {question["variable"] for question in template["survey_spec"]["spec"]}
    # It is started by a schedule, which answers nothing.
    assert not any(question["required"] for question in workflow["survey_spec"]["spec"])


# --- templates, workflow, schedule, notifications ---------------------------------------------------------------------


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


# What AWX tries messages with when they are saved, as far as ours speak of it.
STUB = {
    "job": {"id": 42, "name": "Stub JobTemplate", "status": "running", "artifacts": {}},
    "url": "https://awx.example/#/jobs/playbook/1010",
    "approval_node_name": "Approve Me",
    "approval_status": "pending",
    "workflow_url": "https://awx.example/#/jobs/workflow/1010",
}


def messages(kit: SimpleNamespace, part: str = "message") -> list[str]:
    (template,) = kit.notifications
    assert set(template["messages"]) <= {"started", "success", "error", "workflow_approval"}
    events = dict(template["messages"])
    approvals = events.pop("workflow_approval")
    assert set(approvals) == {"running", "approved", "denied", "timed_out"}
    every = [*events.values(), *approvals.values()]
    assert all(set(texts) <= {"message", "body"} for texts in every)
    return [texts[part] for texts in every if part in texts]


def rendered(source: str, /, **artifacts: Any) -> str:
    told = {"access_cleanup": artifacts} if artifacts else {}
    context = {**STUB, "job": {**STUB["job"], "artifacts": told}}
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(source).render(context)


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


# --- the playbooks, as AWX runs them ----------------------------------------------------------------------------------


class Unsafe(yaml.SafeDumper):
    """Writes every text as `!unsafe`, as AWX does with all that people type in."""

    def represent_data(self, data: Any) -> yaml.Node:
        if isinstance(data, str):
            return self.represent_scalar("!unsafe", data)
        return super().represent_data(data)


def variables(template: dict[str, Any], answers: dict[str, Any], artifacts: dict[str, Any], **more: Any) -> str:
    """The file of extra variables of a job: the template's, the survey's defaults, the artifacts of the jobs before it
    in the workflow, the answers, and what AWX says of the job; in this order, later ones win.

    Only what the template itself sets may be a template.
    """
    own = template["extra_vars"]
    asked = template["survey_spec"].get("spec", [])
    defaults = {one["variable"]: one["default"] for one in asked if "default" in one}
    of_awx = {f"{prefix}_{name}": value for prefix in ("awx", "tower") for name, value in {**META, **more}.items()}
    given = {**own, **defaults, **artifacts, **answers, **of_awx}
    return "".join(
        yaml.dump({name: value}, Dumper=yaml.SafeDumper if own.get(name) == value else Unsafe)
        for name, value in given.items()
    )


META = {"job_id": 77, "job_launch_type": "workflow", "user_name": "kim", "workflow_job_id": 76}


class Job:
    def __init__(self, place: Path) -> None:
        self.rc = int((place / "rc").read_text())
        self.output = (place / "stdout").read_text()
        self.events = [json.loads(path.read_text()) for path in (place / "job_events").glob("*.json")]
        stats = next((event for event in self.events if event["event"] == "playbook_on_stats"), {})
        self.artifacts = stats.get("event_data", {}).get("artifact_data", {})

    @property
    def told(self) -> dict[str, Any]:
        return self.artifacts["access_cleanup"]


@pytest.fixture(scope="session")
def warm() -> Iterator[list[Warm]]:
    """At most one process that has loaded Ansible with the settings of ansible-runner."""
    started: list[Warm] = []
    yield started
    for one in started:
        one.close()


@pytest.fixture
def runner(warm: list[Warm], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], None]:
    """ansible-runner, but for its start of a process: Ansible is warm. Its events are written and read as ever."""
    of_ansible = pytest.importorskip("ansible_runner.runner")
    from ansible_runner.config.runner import RunnerConfig

    def spawn(command: list[str], env: dict[str, str], cwd: str, **unused: Any) -> subprocess.CompletedProcess[str]:
        added = {name: value for name, value in env.items() if os.environ.get(name) != value}
        given = {**environment(tmp_path), **added}
        if not warm:
            warm.append(Warm(given))
        out = tmp_path / f"out-{os.urandom(4).hex()}"
        code = warm[0].run(command, given, Path(cwd), out)
        if code:
            raise subprocess.CalledProcessError(code, command, out.read_text())
        return subprocess.CompletedProcess(command, code, out.read_text())

    def run(place: Path, playbook: str) -> None:
        config = RunnerConfig(str(place), playbook=playbook, ident="77", quiet=True)
        config.prepare()
        config.runner_mode = "subprocess"
        monkeypatch.setattr(of_ansible, "run_subprocess", spawn)
        (place / "artifacts/77/rc").write_text(str(of_ansible.Runner(config).run()[1]))

    return run


@pytest.fixture
def awx(kit, small, tmp_path, runner):
    """Runs a job template as AWX does, with the credential injected and nothing but localhost to be had."""

    def run(
        name: str,
        answers: dict[str, str],
        artifacts: dict[str, Any] | None = None,
        job_type: str = "",
        by_name: bool = False,
        **more: Any,
    ) -> Job:
        template = named(kit.templates, name)
        place = tmp_path / f"job{len(list(tmp_path.glob('job*')))}"
        for folder in ("env", "inventory"):
            (place / folder).mkdir(parents=True)
        (place / "project").symlink_to(ROOT)
        (place / "inventory/hosts").write_text("all: {hosts: {}}\n")
        injected = inject_here(kit.credential_types[0], {**ACCOUNT, "base_url": small.url})
        of_awx = {"AWX_HOST": "https://awx.example", "PROJECT_REVISION": "0123abc", "JOB_ID": "77"}
        (place / "env/envvars").write_text(json.dumps({**environment(tmp_path), **of_awx, **injected}))
        (place / "env/extravars").write_text(
            variables(template, {**answers, **warm_modules()}, artifacts or {}, **more)
        )
        flags = ["--check"] * ((job_type or template["job_type"]) == "check") + ["--diff"] * template["diff_mode"]
        (place / "env/cmdline").write_text(" ".join(flags))
        playbook = template["playbook"]
        if by_name:
            line = [sys.executable, "-m", "ansible_runner", "run", "-q", str(place), "-p", playbook, "-i", "77"]
            subprocess.run(line, capture_output=True, env=environment(tmp_path), cwd=tmp_path, check=False)
        else:
            runner(place, playbook)
        return Job(place / "artifacts/77")

    return run


def check_output(job: Job) -> None:
    everything = job.output + json.dumps(job.events)
    assert not [secret for secret in SECRETS if secret in everything]
    assert max(len(json.dumps(event)) for event in job.events) < LONGEST_EVENT


@pytest.mark.playbook
def test_a_job_is_what_the_command_makes_of_it(awx, small):
    """The command as it is installed, at a terminal."""
    given = {**BLANK, "access_cleanup_leavers": "\r\n ;,", "access_cleanup_ticket": "HR-7"}
    job, command = awx("Offboard people", given), awx("Offboard people", given, by_name=True)
    assert job.told["msg"].startswith("Say who leaves") and job.told == command.told
    assert job.rc == command.rc != 0 and not small.requests
    assert [kinds(one) for one in (job, command)] == [kinds(job)] * 2 != [[]] * 2
    check_output(command)


def kinds(job: Job) -> list[str]:
    """What was told by events, and not by lines between them."""
    return sorted(event["event"] for event in job.events if event["event"] != "verbose")


# A review without a step.
NOTHING = {
    "steps": [],
    "blocked": [],
    "outcome": {"still": []},
    "completeness": {"unreadable": [], "team_access": "read"},
}
BLANK = {"access_cleanup_projects": "", "access_cleanup_ticket": "", "access_cleanup_reason": ""}


@pytest.mark.playbook
def test_review_approve_clean_up(kit, awx, small):
    """The workflow: only the plan that was approved passes the guards, and it does."""
    before = small.state()
    # The workflow's answers reach both jobs; what is left blank is blank.
    answers = {**BLANK, "access_cleanup_ticket": "1234"}
    review = awx("Atlas access review", answers)
    assert review.rc == 0, review.output
    check_output(review)
    assert small.state() == before
    assert review.told["mode"] == "review"
    assert review.told["blocked"], "the plan should need an approval"
    assert re.fullmatch("[0-9a-f]{64}", review.told["plan_digest"])

    # Who approves reads what it does.
    plan, end = show_plan(awx, review.artifacts)
    assert (plan.rc == 0, end.rc == 0) == (True, False)
    words = " ".join(plan.output.split())
    assert "The plan has" in words and "Approving overrides" in words and "There is nothing to approve" not in words

    # Who launches the clean-up again, on its own, has no approval.
    again = awx("Atlas access clean-up", answers, review.artifacts, job_launch_type="relaunch")
    assert again.rc != 0 and small.state() == before
    assert "started by 'relaunch'" in " ".join(again.output.split())
    assert again.told["outcome"] == "blocked" and again.told["colour"] == "red"

    clean_up = awx("Atlas access clean-up", answers, review.artifacts)
    assert clean_up.rc == 0, clean_up.output
    check_output(clean_up)
    assert clean_up.told["plan_digest"] == review.told["plan_digest"]
    assert clean_up.told["blocked"] == []
    # ansible-core before 2.19 makes a text of a single number.
    assert clean_up.told["counts"]["done"] == int(clean_up.told["verified"]) == review.told["summary"]["steps"] > 0
    assert small.state() != before
    assert small.live_tokens() == 0

    # What is told of it in a chat.
    said = rendered(messages(kit)[0], **clean_up.told)
    assert re.match(r"Stub JobTemplate #42: (\d+) of \1 steps took effect\.", said) and "still gets into" in said

    # The container is thrown away.
    for job in (review, clean_up):
        assert "it goes with the container of this job" in job.output and job.told["evidence_dir"] == ""
        assert "/access-cleanup." not in "".join(job.output.split("TASK")[-6:])


def show_plan(awx: Any, artifacts: dict[str, Any]) -> tuple[Job, Job]:
    """The two jobs that show a plan: before the approval, and where nobody was asked."""
    jobs = awx("Atlas access plan", {}, artifacts), awx("Atlas access plan", {}, artifacts, job_type="check")
    assert not jobs[0].artifacts, "what the review left is passed on as it is"
    return jobs


@pytest.mark.playbook
def test_nobody_is_asked_about_nothing(awx):
    left = {"plan_digest": hashlib.sha256().hexdigest(), "text": approving.text(NOTHING), "summary": {"steps": 0}}
    plan, end = show_plan(awx, {"access_cleanup": left})
    assert (plan.rc == 0, end.rc == 0) == (False, True)
    words = " ".join(plan.output.split())
    assert "There is nothing to approve" in words and "Approving overrides" not in words


@pytest.mark.thorough
@pytest.mark.playbook
def test_an_approved_clean_up_that_is_launched_again_writes_nothing(awx, small):
    review = awx("Atlas access review", BLANK)
    assert awx("Atlas access clean-up", BLANK, review.artifacts).rc == 0
    after = small.state()
    again = awx("Atlas access clean-up", BLANK, review.artifacts, job_launch_type="relaunch")
    assert small.state() == after and again.told["outcome"] in ("blocked", "unchanged")


@pytest.mark.thorough
@pytest.mark.playbook
def test_without_an_approved_plan_the_guards_hold(awx, small):
    before = small.state()
    job = awx("Atlas access clean-up", BLANK)
    assert job.rc != 0
    assert "Nothing was written" in job.output
    assert small.state() == before
    check_output(job)


@pytest.mark.thorough
@pytest.mark.playbook
@pytest.mark.parametrize("take", ["false", "true"])
def test_offboarding_with_a_survey(awx, small, take):
    before = small.state()
    answers = {
        "access_cleanup_leavers": "dan@corp.example\r\nCARA.diaz+atlas@corp.example\nnobody@corp.example\n",
        "access_cleanup_ticket": "HR-7",
        "access_cleanup_reason": "",
        "access_cleanup_apply": take,
    }
    job = awx("Offboard people", answers)
    assert job.rc == 0, job.output
    check_output(job)
    assert "nobody@corp.example was found nowhere in scope" in job.told["text"]
    assert '"nobody@corp.example was found nowhere in scope"' in job.output, "in the last lines"
    gone = {"dan@corp.example", "Cara.Diaz+atlas@Corp.Example"}
    after = {project: {user for user in users if user not in gone} for project, users in before.items()}
    if take == "true":
        assert {project: set(users) for project, users in small.state().items()} == after
        assert job.told["counts"]["done"] == int(job.told["verified"]) == 4
    else:
        assert small.state() == before
        assert job.told["summary"]["findings"] == 4


@pytest.mark.playbook
@pytest.mark.parametrize(
    "answers, said",
    [
        ({"access_cleanup_leavers": "   "}, "Say who leaves"),
        ({"access_cleanup_ticket": "   "}, "The ticket holds nothing but blanks"),
        pytest.param(
            {"access_cleanup_reason": " \t"}, "The reason holds nothing but blanks", marks=pytest.mark.thorough
        ),
    ],
)
def test_answers_of_blanks_are_refused(awx, small, answers, said):
    given = {"access_cleanup_leavers": "dan@corp.example", "access_cleanup_ticket": "HR-7", **answers}
    small.forget()
    job = awx("Offboard people", given)
    assert job.rc != 0 and said in " ".join(job.output.split()) and not small.requests
    assert job.told["msg"].startswith(said) and job.told["outcome"] == "failed" and job.told["colour"] == "red"


@pytest.mark.playbook
def test_only_the_required_answers_report_and_name_who_is_nowhere(awx, small, tmp_path):
    """What a launch by the API leaves out is what is safe; what looks like a template is a text."""
    before = small.state()
    ticket = f"{{{{ lookup('ansible.builtin.pipe', 'touch {tmp_path}/hit') }}}} \"quoted\""
    job = awx(
        "Offboard people",
        {"access_cleanup_leavers": "bob@corp.example\no'neil@corp.example", "access_cleanup_ticket": ticket},
    )
    assert job.rc == 0 and small.state() == before and not (tmp_path / "hit").exists()
    assert job.told["nowhere"] == ["o'neil@corp.example"] and job.told["mode"] == "review"
    (still,) = job.told["still"]
    assert still.startswith("bob@corp.example still gets into alpha through the team readers")
    assert {still, "o'neil@corp.example was found nowhere in scope"} <= set(job.told["text"])
    assert still in job.output and "o'neil@corp.example was found nowhere in scope" in job.output
    assert "[WARNING]" in job.output


def test_offboarding_asks_for_no_more_than_it_needs(kit):
    spec = named(kit.templates, "Offboard")["survey_spec"]["spec"]
    assert [(one["variable"], one["required"]) for one in spec] == [
        ("access_cleanup_leavers", True),
        ("access_cleanup_leavers_lose", False),
        ("access_cleanup_ticket", True),
        ("access_cleanup_reason", False),
        ("access_cleanup_apply", False),
    ]
