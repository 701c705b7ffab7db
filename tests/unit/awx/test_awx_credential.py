# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The custom credential type, by the rules of AWX and by its own code; and the modules, which sign in with it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from awx_kit import ACCOUNT, KEY, SECRETS, inject_here
from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from module_run import run_module

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
