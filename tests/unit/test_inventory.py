# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin as people run it: `ansible-inventory`, against the simulated Atlas."""

from __future__ import annotations

import importlib
import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import warm_ansible
import yaml

from ansible_collections.atlasops.access.plugins.module_utils._access import Project
from ansible_collections.atlasops.access.plugins.module_utils._module import AUTH_SPEC, ENVIRONMENT
from simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "atlasops.access.atlas_projects"
ACCOUNT = {
    "MONGODB_ATLAS_CLIENT_ID": "mdb_sa_id_0123456789abcdef01234567",
    "MONGODB_ATLAS_CLIENT_SECRET": "mdb_sa_sk_small",
}
KEY_SECRET = "small-private-key"
KEY = {"MONGODB_ATLAS_PUBLIC_API_KEY": "smallkey", "MONGODB_ATLAS_PRIVATE_API_KEY": KEY_SECRET}
SECRETS = ("mdb_sa_sk_small", "small-private-key", "small-token", "sim.")
HOSTILE = "{{ 7*7 }}{% set x = 1 %}"

pytestmark = pytest.mark.playbook


class Answer:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.rc = done.returncode
        self.said = done.stdout + done.stderr
        self.errors = " ".join(done.stderr.split())
        self.inventory = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        self.hosts = self.inventory.get("_meta", {}).get("hostvars", {})
        self.groups = {name: group.get("hosts", []) for name, group in self.inventory.items() if name != "_meta"}


SETTINGS = {
    "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
    "ANSIBLE_DEPRECATION_WARNINGS": "false",
}


COMMANDS = ("inventory", "playbook")
# Read as Ansible is loaded.
NOT_WARM = {"ANSIBLE_INVENTORY_ENABLED"}


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return warm_ansible.warm({"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **SETTINGS})


@pytest.fixture
def ansible(small, tmp_path, warm):
    """Runs an Ansible command with nothing of the caller's, and an Atlas credential in the environment."""

    def run(command: str, *arguments: Any, sim: Simulator | None = small, **variables: str) -> Answer:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            **SETTINGS,
            "NO_PROXY": "127.0.0.1",
            **({"MONGODB_ATLAS_BASE_URL": sim.url} if sim else {}),
            **(variables or ACCOUNT),
        }
        given = [str(argument) for argument in arguments]
        if command in COMMANDS and set(variables).isdisjoint(NOT_WARM):
            line = [f"ansible-{command}", *given]
            with tempfile.TemporaryDirectory() as place:
                out, err = Path(place, "out"), Path(place, "err")
                code = warm.run(line, environment, tmp_path, out, err)
                texts = [path.read_text(encoding="utf-8") for path in (out, err)]
            return Answer(subprocess.CompletedProcess(line, code, *texts))
        line = [sys.executable, "-m", "ansible", command, *given]
        return Answer(subprocess.run(line, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False))

    return run


@pytest.fixture
def plugin():
    return importlib.import_module("ansible_collections.atlasops.access.plugins.inventory.atlas_projects")


@pytest.fixture
def inventory(ansible, tmp_path):
    """Lists an inventory with these options."""

    def run(options: dict[str, Any] | None = None, *arguments: str, **more: Any) -> Answer:
        path = write(tmp_path / "all.atlas_projects.yml", options or {})
        return ansible("inventory", "-i", path, "--list", *arguments, **more)

    return run


def write(path: Path, options: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump({"plugin": PLUGIN, **options}))
    return path


def world(*projects: dict[str, Any]) -> dict[str, Any]:
    """An organization with these projects, for the same service account."""
    account = {"secret": "mdb_sa_sk_small", "role": "ORG_OWNER"}
    accounts = {ACCOUNT["MONGODB_ATLAS_CLIENT_ID"]: account}
    entries = {project["name"]: {"tags": project.get("tags", {})} for project in projects}
    return {"organizations": {"Org": {"service_accounts": accounts, "projects": entries}}}


# --- hosts and their variables ----------------------------------------------------------------------------------------


def test_a_project_is_a_host_that_runs_where_ansible_runs(inventory, small):
    answer = inventory()
    assert sorted(answer.hosts) == ["alpha", "beta", "gamma"]
    alpha = small.world.project("alpha")
    created = answer.hosts["alpha"].pop("atlas_created")
    assert created.endswith("Z")
    assert answer.hosts["alpha"] == {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "atlas_project_id": alpha.id,
        "atlas_project_name": "alpha",
        "atlas_org_id": answer.hosts["beta"]["atlas_org_id"],
        "atlas_tags": {"env": "prod", "team": "core"},
    }


def test_one_token_and_one_listing_is_all_that_is_asked(inventory, small):
    inventory()
    asked = [request.path for request in small.requests]
    assert asked == ["/api/oauth/token", "/api/atlas/v2/groups", "/api/oauth/revoke"]
    assert small.live_tokens() == 0
    assert not small.writes


def test_hosts_are_called_by_id_if_wanted(inventory, small):
    hosts = inventory({"hostname": "id"}).hosts
    assert {host: row["atlas_project_name"] for host, row in hosts.items()} == {
        small.project_id(name): name for name in ("alpha", "beta", "gamma")
    }


def test_names_are_made_safe_and_told_apart(plugin):
    names = ["plain", "a b", "a+b", "a_c", "Zürich (test)", "all", "localhost", "x:1", "-dash", HOSTILE]
    visible = [Project(f"id{number}", name, "org") for number, name in enumerate(names)]
    assert list(plugin.host_names(visible, "name").values()) == [
        "plain", "a_b_id1", "a_b_id2", "a_c", "Zürich__test_", "all_id5", "localhost_id6", "x_1", "-dash",
        "___7_7______set_x___1___",
    ]  # fmt: skip


def test_names_do_not_depend_on_the_filters(inventory):
    with Simulator(world({"name": "a b", "tags": {"env": "prod"}}, {"name": "a+b"})) as sim:
        assert list(inventory({"tags": {"env": "prod"}}, sim=sim).hosts) == [f"a_b_{sim.project_id('a b')}"]


def test_two_organizations_with_a_project_of_the_same_name_are_not_mixed_up(ansible, inventory, tmp_path, small):
    options = {"client_id": ACCOUNT["MONGODB_ATLAS_CLIENT_ID"], "client_secret": "mdb_sa_sk_small"}
    first = write(tmp_path / "one.atlas_projects.yml", {})
    with Simulator(world({"name": "alpha"})) as sim:
        second = write(tmp_path / "two.atlas_projects.yml", {**options, "base_url": sim.url})
        mixed = ansible("inventory", "-i", first, "-i", second, "--list")
        for path in (first, second):
            path.write_text(path.read_text() + "hostname: id\n")
        apart = ansible("inventory", "-i", first, "-i", second, "--list")
    assert mixed.rc != 0
    assert "alpha would be both" in mixed.errors
    assert "; write hostname: id in each source" in mixed.errors
    assert len(apart.hosts) == 4


@pytest.mark.thorough
def test_tasks_run_with_the_python_of_ansible(ansible, tmp_path):
    path = write(tmp_path / "all.atlas_projects.yml", {})
    said = ansible("adhoc", "-i", path, "-m", "ansible.builtin.ping", "alpha").said
    assert "pong" in said and "discovered" not in said


# --- what Atlas says is data ------------------------------------------------------------------------------------------

SHOW = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "name={{ atlas_project_name }} tag={{ atlas_tags.note }} made={{ composed }} on={{ inventory_hostname }}"
"""


@pytest.mark.parametrize("way", ["directly", "exported as AWX does"])
def test_what_looks_like_a_template_is_not_rendered(ansible, tmp_path, way):
    path = write(tmp_path / "all.atlas_projects.yml", {"compose": {"composed": "atlas_tags.note"}, "strict": True})
    path.write_text(path.read_text() + "keyed_groups: [{prefix: note, key: atlas_tags.note}]\n")
    play = tmp_path / "show.yml"
    play.write_text(SHOW)
    with Simulator(world({"name": HOSTILE, "tags": {"note": "#jinja2: x {{ 6*7 }}"}})) as sim:
        if way != "directly":
            exported = tmp_path / "exported.json"
            ansible("inventory", "-i", path, "--list", "--export", "--output", exported, sim=sim)
            path = tmp_path / "hosts"
            path.write_text(f"#!/bin/sh\ncat {exported}\n")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        said = ansible("playbook", "-i", path, play, sim=sim).said
    tag = "#jinja2: x {{ 6*7 }}"
    assert f"name={HOSTILE} tag={tag} made={tag} on=___7_7______set_x___1___" in said
    assert "49" not in said and "42" not in said


def test_ordinary_names_stay_readable_when_exported(inventory):
    assert "__ansible_unsafe" not in inventory({}, "--export").said


# --- which projects ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "alpha beta gamma"),
        ({"projects": ["al*", "gamma"]}, "alpha gamma"),
        ({"projects": [""]}, "alpha beta gamma"),
        ({"projects": []}, ""),
        ({"projects": ["B" * 24]}, "beta"),
        ({"tags": {"team": "core"}}, "alpha beta"),
        ({"tags": {"team": "core", "level": 1}}, "alpha"),
        ({"projects": ["*a"], "tags": {"team": "platform"}}, "gamma"),
        ({"tags": {"team": "nobody"}}, ""),
    ],
    ids=str,
)
def test_filters(plugin, options, expected):
    visible = [
        Project("a" * 24, "alpha", "org", None, {"team": "core", "level": "1"}),
        Project("b" * 24, "beta", "org", None, {"team": "core"}),
        Project("c" * 24, "gamma", "org", None, {"team": "platform"}),
    ]
    module = plugin.InventoryModule()
    module.get_option = options.get
    assert [project.name for project in module._chosen(visible)] == expected.split()


def test_filters_in_a_file(inventory):
    assert sorted(inventory({"projects": "al*", "tags": {"team": "core"}}).hosts) == ["alpha"]


def test_blank_filters_in_a_file_are_unset(inventory):
    assert sorted(inventory({"projects": "", "base_url": ""}).hosts) == ["alpha", "beta", "gamma"]


def test_an_unknown_project_is_an_error_with_near_names(inventory):
    answer = inventory({"projects": ["alhpa"]})
    assert answer.rc != 0
    assert "projects: 'alhpa' is unknown to this credential; near names: alpha" in answer.errors


def test_a_credential_gets_the_projects_that_it_sees(inventory):
    seen = inventory(
        MONGODB_ATLAS_CLIENT_ID="mdb_sa_id_1123456789abcdef01234567", MONGODB_ATLAS_CLIENT_SECRET="mdb_sa_sk_projects"
    )
    assert sorted(seen.hosts) == ["alpha", "beta"]


# --- groups and variables that are constructed ------------------------------------------------------------------------


def test_groups_by_tag(inventory):
    groups = inventory({"keyed_groups": [{"prefix": "tag", "key": "atlas_tags"}]}).groups
    assert groups["tag_env_prod"] == ["alpha"]
    assert sorted(groups["tag_team_core"]) == ["alpha", "beta"]


def test_composed_variables_and_groups(inventory, small):
    options = {
        "compose": {"access_cleanup_projects": "[atlas_project_id]", "team": "atlas_tags.team"},
        "groups": {"core": "team == 'core'"},
        "keyed_groups": [{"key": "team", "prefix": "", "separator": ""}],
        "strict": True,
    }
    answer = inventory(options)
    assert answer.hosts["alpha"]["access_cleanup_projects"] == [small.project_id("alpha")]
    assert sorted(answer.groups["core"]) == ["alpha", "beta"]
    assert answer.groups["platform"] == ["gamma"]


@pytest.mark.parametrize("strict", [True, False])
def test_strict_is_honoured(inventory, strict):
    answer = inventory({"groups": {"owned": "atlas_tags.owner == 'me'"}, "strict": strict})
    assert (answer.rc != 0) is strict, answer.said


# --- the cache --------------------------------------------------------------------------------------------------------


@pytest.fixture
def cached(inventory, tmp_path):
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    return lambda options=None, *arguments, **more: inventory({**cache, **(options or {})}, *arguments, **more)


def test_a_second_run_makes_no_request(cached, small, tmp_path):
    first = cached()
    small.forget()
    assert cached().hosts == first.hosts
    assert not small.requests
    kept = "".join(path.read_text() for path in (tmp_path / "cache").iterdir())
    assert "alpha" in kept
    assert not [secret for secret in SECRETS if secret in kept]


def test_filters_work_on_what_is_cached(cached, small):
    cached({"projects": ["alpha"]})
    small.forget()
    assert sorted(cached({"projects": ["beta"]}).hosts) == ["beta"]
    assert not small.requests


def test_the_cache_can_be_flushed(cached, ansible, small, tmp_path):
    cached()
    small.forget()
    play = tmp_path / "show.yml"
    play.write_text(SHOW)
    ansible("playbook", "-i", tmp_path / "all.atlas_projects.yml", play, "--list-hosts", "--flush-cache")
    assert small.requests


def test_another_credential_has_a_cache_of_its_own(cached):
    cached()
    fewer = cached(
        MONGODB_ATLAS_CLIENT_ID="mdb_sa_id_1123456789abcdef01234567", MONGODB_ATLAS_CLIENT_SECRET="mdb_sa_sk_projects"
    )
    assert sorted(fewer.hosts) == ["alpha", "beta"]


def test_another_address_has_a_cache_of_its_own(cached):
    cached()
    with Simulator(world({"name": "elsewhere"})) as sim:
        assert sorted(cached(sim=sim).hosts) == ["elsewhere"]


def test_a_failure_is_not_cached(cached, small):
    small.fault(403, path="/groups", times=1)
    assert cached().rc != 0
    assert len(cached().hosts) == 3


def test_hostile_names_stay_data_in_the_cache(cached, ansible, tmp_path):
    play = tmp_path / "show.yml"
    play.write_text(SHOW)
    with Simulator(world({"name": HOSTILE, "tags": {"note": HOSTILE}})) as sim:
        options = {"compose": {"composed": "atlas_tags.note"}}
        cached(options, sim=sim)
        sim.forget()
        said = ansible("playbook", "-i", tmp_path / "all.atlas_projects.yml", play, sim=sim).said
        assert not sim.requests
    assert f"name={HOSTILE} tag={HOSTILE} made={HOSTILE}" in said


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "credential",
    [
        {"MONGODB_ATLAS_PUBLIC_KEY": "other", "MONGODB_ATLAS_PRIVATE_KEY": "other", **KEY},
        {"MONGODB_ATLAS_ACCESS_TOKEN": "small-token"},
        # As AWX injects them: what was left blank is an empty string.
        {**dict.fromkeys([*KEY, *ACCOUNT, "MONGODB_ATLAS_ACCESS_TOKEN"], ""), **KEY},
        {**dict.fromkeys(KEY, ""), "MONGODB_ATLAS_PUBLIC_KEY": "smallkey", "MONGODB_ATLAS_PRIVATE_KEY": KEY_SECRET},
    ],
    ids=["both-spellings", "token", "awx", "blank-spelling"],
)
def test_credentials_come_from_the_environment(inventory, credential):
    answer = inventory(**credential)
    assert len(answer.hosts) == 3, answer.said


def test_what_the_file_says_goes_first_and_may_be_a_template(inventory):
    options = {
        "client_id": ACCOUNT["MONGODB_ATLAS_CLIENT_ID"],
        "client_secret": "{{ lookup('ansible.builtin.env', 'THE_SECRET') }}",
        "access_token": "",
    }
    answer = inventory(options, THE_SECRET="mdb_sa_sk_small", MONGODB_ATLAS_CLIENT_SECRET="wrong")
    assert len(answer.hosts) == 3, answer.said


def test_the_environment_is_never_rendered(inventory, tmp_path):
    made = tmp_path / "made"
    token = "{{lookup('pipe','touch${IFS}" + str(made) + "')}}"
    answer = inventory(MONGODB_ATLAS_ACCESS_TOKEN=token)
    assert answer.rc != 0
    assert not made.exists()


@pytest.mark.thorough
def test_a_vaulted_secret(ansible, tmp_path):
    password = tmp_path / "password"
    password.write_text("vault-password\n")
    sealed = ansible("vault", "encrypt_string", "--vault-password-file", password, "mdb_sa_sk_small").said
    path = tmp_path / "all.atlas_projects.yml"
    text = sealed[sealed.index("!vault") : sealed.rindex("Encryption")] if "Encryption" in sealed else sealed
    path.write_text(f"plugin: {PLUGIN}\nclient_id: {ACCOUNT['MONGODB_ATLAS_CLIENT_ID']}\nclient_secret: {text}\n")
    answer = ansible("inventory", "-i", path, "--list", "--vault-password-file", password, NOTHING="")
    assert len(answer.hosts) == 3, answer.said


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"NOTHING": ""}, "no credential is set; set client_id and client_secret (service account)"),
        ({"MONGODB_ATLAS_CLIENT_ID": "mdb_sa_id_0"}, "client_id is set but client_secret is not; set both, or neither"),
        ({**KEY, "MONGODB_ATLAS_PUBLIC_API_KEY": "mdb_sa_id_0"}, "public_key holds the id of a service account"),
        ({**ACCOUNT, "MONGODB_ATLAS_CLIENT_SECRET": "mdb_sa_sk_wrong"}, "POST /api/oauth/token: 401"),
        ({**KEY, "MONGODB_ATLAS_PRIVATE_API_KEY": "wrong"}, "GET /api/atlas/v2/groups: 401"),
        ({**ACCOUNT, "MONGODB_ATLAS_BASE_URL": "http://atlas.example"}, "would send credentials in clear text"),
    ],
    ids=["none", "half", "misplaced", "account", "key", "address"],
)
def test_what_is_wrong_is_said_in_a_sentence(inventory, variables, sentence):
    answer = inventory(**variables)
    assert answer.rc != 0
    assert sentence in answer.errors
    assert "Traceback" not in answer.said


def test_numbers_that_make_no_sense(inventory, small):
    answer = inventory({"max_connections": 0})
    assert answer.rc != 0 and "max_connections: 0 is too small; write 1 or more" in answer.errors
    assert not small.requests


def test_two_credentials_give_a_warning(inventory):
    answer = inventory(**ACCOUNT, **KEY)
    assert len(answer.hosts) == 3
    assert "more than one credential is set; the service account is used" in answer.errors


@pytest.mark.parametrize(
    ("credential", "fault"),
    [(ACCOUNT, None), (ACCOUNT, 500), (KEY, 403), ({"MONGODB_ATLAS_ACCESS_TOKEN": "small-token"}, 403)],
    ids=["account", "account-500", "key-403", "token-403"],
)
def test_the_loudest_output_holds_no_secret(inventory, small, credential, fault):
    if fault:
        small.fault(fault, path="/groups", times=10)
    answer = inventory({}, "-vvvvv", **credential)
    assert (answer.rc != 0) is bool(fault)
    assert not [secret for secret in SECRETS if secret in answer.said]


def test_secrets_in_the_file_stay_there(inventory):
    answer = inventory({"client_id": "mdb_sa_id_0", "client_secret": "mdb_sa_sk_small"}, "-vvvvv", NOTHING="")
    assert answer.rc != 0
    assert "mdb_sa_sk_small" not in answer.said


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["atlas_projects.yml", "prod.atlas_projects.yaml"])
def test_files_of_these_names_are_taken(ansible, tmp_path, name):
    assert len(ansible("inventory", "-i", write(tmp_path / name, {}), "--list").hosts) == 3


@pytest.mark.thorough
def test_files_of_other_names_are_not(ansible, small, tmp_path):
    path = write(tmp_path / "projects.yml", {})
    answer = ansible("inventory", "-i", path, "--list", ANSIBLE_INVENTORY_ENABLED=PLUGIN, **ACCOUNT)
    assert answer.rc != 0
    assert not small.requests


def test_the_documentation_is_complete(ansible):
    said = ansible("doc", "-t", "inventory", "-j", PLUGIN)
    options = said.inventory[PLUGIN]["doc"]["options"]
    variables = {name: [one["name"] for one in option.get("env", [])] for name, option in options.items()}
    assert {name: tuple(variables[name]) for name in ENVIRONMENT} == ENVIRONMENT
    assert {*AUTH_SPEC, "projects", "tags", "hostname", "keyed_groups", "compose", "strict", "cache"} <= set(options)
    assert set(yaml.safe_load(said.inventory[PLUGIN]["examples"])) <= set(options)
