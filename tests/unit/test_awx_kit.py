# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What awx_setup.yml makes in AWX, held against AWX's rules; and the playbooks, run as AWX runs them.

AWX itself can't be had as a package. Its rules are told here in our own words (AWX 24.6: fields.py for credential
types, views and mixins for surveys, serializers for schedules and notifications, safe_yaml.py for extra variables).
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import yaml
from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from module_run import run_module

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "playbooks"
SECRETS = ("mdb_sa_sk_small", "small-private-key")
ACCOUNT = {"client_id": "mdb_sa_id_0123456789abcdef01234567", "client_secret": "mdb_sa_sk_small"}
KEY = {"public_key": "smallkey", "private_key": "small-private-key"}
LONGEST_EVENT = 700_000

LISTS = [
    "controller_credential_types",
    "controller_credentials",
    "controller_projects",
    "controller_inventories",
    "controller_inventory_sources",
    "controller_notifications",
    "controller_templates",
    "controller_workflows",
    "controller_schedules",
]

# --- what would be made, as Ansible reads it --------------------------------------------------------------------------

DUMP = """
- hosts: localhost
  gather_facts: false
  vars_files: [{vars}/awx_settings.yml, {vars}/awx_objects.yml]
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ {{{names}}} | to_json }}}}"
        dest: {dest}
        mode: "0600"
"""


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "NO_PROXY": "127.0.0.1",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
    }


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """All lists of awx_objects.yml, with the settings as they are and a notification."""
    place = tmp_path_factory.mktemp("kit")
    play, dest = place / "dump.yml", place / "kit.json"
    names = ", ".join(f"'{name}': {name}" for name in LISTS)
    play.write_text(DUMP.format(vars=PLAYBOOKS / "vars", names=names, dest=dest))
    more = {"atlas_awx_notification": {"type": "slack", "configuration": {"token": "t", "channels": ["#atlas"]}}}
    line = [sys.executable, "-m", "ansible", "playbook", str(play), "-e", json.dumps(more)]
    done = subprocess.run(line, capture_output=True, text=True, env=environment(place), cwd=place, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(dest.read_text())
    return SimpleNamespace(**{name.removeprefix("controller_"): found[name] for name in LISTS})


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
        lambda survey: survey["spec"][3].update(default="maybe"),
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
        asked = {question["variable"] for question in entry["survey_spec"]["spec"]}
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
        assert template["notification_templates_error"] == [one["name"] for one in kit.notifications]
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
        "review": {"success_nodes": [{"identifier": "approval"}]},
        "approval": {"success_nodes": [{"identifier": "clean-up"}]},
        "clean-up": None,
    }
    assert nodes["approval"]["unified_job_template"]["type"] == "workflow_approval"
    assert named(kit.templates, nodes["review"]["unified_job_template"]["name"])["playbook"].endswith("/review.yml")
    assert named(kit.templates, nodes["clean-up"]["unified_job_template"]["name"])["playbook"].endswith("/cleanup.yml")


def test_the_schedule_follows_the_rules(kit):
    (schedule,) = kit.schedules
    assert schedule["unified_job_template"] == kit.workflows[0]["name"]
    rule = schedule["rrule"]
    assert len(re.findall(r"DTSTART(?:;TZID=[^:]+:\d{8}T\d{6}|:\d{8}T\d{6}Z)\s", rule)) == 1
    assert len(re.findall("RRULE:", rule)) == 1 and "INTERVAL=" in rule
    assert not re.search(r"EXDATE|RDATE|SECONDLY|BYDAY=\d", rule.replace("RRULE", ""))


# What AWX tries messages with when they are saved, as far as ours speak of it.
STUB = {
    "job": {"id": 42, "name": "Stub JobTemplate", "status": "running", "artifacts": {}},
    "url": "https://awx.example/#/jobs/playbook/1010",
    "approval_node_name": "Approve Me",
    "workflow_url": "https://awx.example/#/jobs/workflow/1010",
}


def messages(kit: SimpleNamespace) -> list[str]:
    (template,) = kit.notifications
    assert set(template["messages"]) <= {"started", "success", "error", "workflow_approval"}
    events = dict(template["messages"])
    approvals = events.pop("workflow_approval")
    assert set(approvals) <= {"running", "approved", "denied", "timed_out"}
    assert all(set(texts) == {"message"} for texts in [*events.values(), *approvals.values()])
    return [texts["message"] for texts in [*events.values(), *approvals.values()]]


def test_notifications_can_be_saved(kit):
    for text in messages(kit):
        assert "\n" not in text
        ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(text).render(STUB)


def test_the_playbook_passes_all_that_there_is(kit):
    """Each task of awx_setup.yml gives its module every key of its list, and nothing that isn't there."""
    (play,) = yaml.safe_load((PLAYBOOKS / "awx_setup.yml").read_text())
    passed = {}
    for task in play["tasks"]:
        (module,) = [key for key in task if key.startswith("awx.awx.")]
        passed[re.fullmatch(r"{{ controller_(\w+) }}", task["loop"])[1]] = task[module]
    assert set(passed) == set(vars(kit))
    for name, arguments in passed.items():
        assert all(re.search(rf"\bitem\.{key}\b", value) for key, value in arguments.items())
        for entry in getattr(kit, name):
            assert set(entry) == set(arguments), name


def test_modules_of_awx_awx_know_what_they_are_given():
    (play,) = yaml.safe_load((PLAYBOOKS / "awx_setup.yml").read_text())
    modules = {key: set(task[key]) for task in play["tasks"] for key in task if key.startswith("awx.awx.")}
    line = [sys.executable, "-m", "ansible", "doc", "-t", "module", "-j", *modules]
    known = json.loads(subprocess.run(line, capture_output=True, text=True, check=False).stdout or "{}")
    if set(known) != set(modules):
        pytest.skip("the collection awx.awx is not installed")
    for module, arguments in modules.items():
        assert arguments <= set(known[module]["doc"]["options"]), module


# --- the playbooks, as AWX runs them ----------------------------------------------------------------------------------


class Unsafe(yaml.SafeDumper):
    """Writes every text as `!unsafe`, as AWX does with all that people type in."""

    def represent_data(self, data: Any) -> yaml.Node:
        if isinstance(data, str):
            return self.represent_scalar("!unsafe", data)
        return super().represent_data(data)


def variables(template: dict[str, Any], answers: dict[str, Any], artifacts: dict[str, Any]) -> str:
    """The file of extra variables of a job: the template's, the survey's defaults, the artifacts of the jobs before it
    in the workflow, the answers, and what AWX says of the job; in this order, later ones win.

    Only what the template itself sets may be a template.
    """
    own = template["extra_vars"]
    defaults = {one["variable"]: one["default"] for one in template["survey_spec"]["spec"] if "default" in one}
    of_awx = {f"{prefix}_{name}": value for prefix in ("awx", "tower") for name, value in META.items()}
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


@pytest.fixture
def awx(kit, small, tmp_path):
    """Runs a job template as AWX does, with the credential injected and nothing but localhost to be had."""
    pytest.importorskip("ansible_runner")

    def run(name: str, answers: dict[str, str], artifacts: dict[str, Any] | None = None) -> Job:
        template = named(kit.templates, name)
        place = tmp_path / re.sub(r"\W", "", name)
        for folder in ("env", "inventory"):
            (place / folder).mkdir(parents=True)
        (place / "project").symlink_to(ROOT)
        (place / "inventory/hosts").write_text("all: {hosts: {}}\n")
        injected = inject_here(kit.credential_types[0], {**ACCOUNT, "base_url": small.url})
        of_awx = {"AWX_HOST": "https://awx.example", "PROJECT_REVISION": "0123abc", "JOB_ID": "77"}
        (place / "env/envvars").write_text(json.dumps({**environment(tmp_path), **of_awx, **injected}))
        (place / "env/extravars").write_text(variables(template, answers, artifacts or {}))
        flags = ["--check"] * (template["job_type"] == "check") + ["--diff"] * template["diff_mode"]
        (place / "env/cmdline").write_text(" ".join(flags))
        line = [sys.executable, "-m", "ansible_runner", "run", "-q", str(place), "-p", template["playbook"], "-i", "77"]
        subprocess.run(line, capture_output=True, env=environment(tmp_path), cwd=tmp_path, check=False)
        return Job(place / "artifacts/77")

    return run


def check_output(job: Job) -> None:
    everything = job.output + json.dumps(job.events)
    assert not [secret for secret in SECRETS if secret in everything]
    assert max(len(json.dumps(event)) for event in job.events) < LONGEST_EVENT


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
    for job in (review, clean_up):
        context = {**STUB, "job": {**STUB["job"], "artifacts": job.artifacts}}
        told = [ImmutableSandboxedEnvironment().from_string(text).render(context) for text in messages(kit)]
        assert review.told["plan_digest"] in told[0]
    assert told[0].startswith("Stub JobTemplate #42: running, clean-up: open, ")


@pytest.mark.playbook
def test_without_an_approved_plan_the_guards_hold(awx, small):
    before = small.state()
    job = awx("Atlas access clean-up", BLANK)
    assert job.rc != 0
    assert "Nothing was written" in job.output
    assert "access_cleanup_approved_plan=" in job.output
    assert small.state() == before
    check_output(job)


@pytest.mark.playbook
@pytest.mark.parametrize("take", ["false", "true"])
def test_offboarding_with_a_survey(awx, small, take):
    before = small.state()
    answers = {
        "access_cleanup_leavers": "dan@corp.example\r\nCARA.diaz+atlas@corp.example\n",
        "access_cleanup_ticket": "HR-7",
        "access_cleanup_reason": "",
        "access_cleanup_apply": take,
    }
    job = awx("Offboard people", answers)
    assert job.rc == 0, job.output
    check_output(job)
    gone = {"dan@corp.example", "Cara.Diaz+atlas@Corp.Example"}
    after = {project: {user for user in users if user not in gone} for project, users in before.items()}
    if take == "true":
        assert {project: set(users) for project, users in small.state().items()} == after
        assert job.told["counts"]["done"] == int(job.told["verified"]) == 4
    else:
        assert small.state() == before
        assert job.told["summary"]["findings"] == 4
