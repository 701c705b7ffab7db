# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What awx_setup.yml makes in AWX, and what a credential and a message of it come to by AWX's rules.

AWX itself can't be had as a package. Its rules are told here, and in `tests/unit/awx`, in our own words (AWX 24.6:
fields.py for credential types, views and mixins for surveys, serializers for schedules and notifications, safe_yaml.py
for extra variables).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import warm_python
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = Path(__file__).resolve().parents[1]
PLAYBOOKS = ROOT / "playbooks"
SECRETS = ("mdb_sa_sk_small", "small-private-key")
ACCOUNT = {"client_id": "mdb_sa_id_0123456789abcdef01234567", "client_secret": "mdb_sa_sk_small"}
KEY = {"public_key": "smallkey", "private_key": "small-private-key"}

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


def named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"].startswith(name))


def inject_here(given: dict[str, Any], values: dict[str, str]) -> dict[str, str]:
    """The environment that a credential gives, by AWX's rules: what is blank is not defined, and renders as nothing."""
    sandbox = ImmutableSandboxedEnvironment()
    filled = {name: value for name, value in values.items() if value}
    return {name: sandbox.from_string(text).render(filled) for name, text in given["injectors"]["env"].items()}


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
