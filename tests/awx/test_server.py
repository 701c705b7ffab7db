# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kit on a real AWX: set up twice, launched with good and bad answers, its workflow played, and taken down.

On demand, `make awx URL=https://awx.example`. From the environment: CONTROLLER_OAUTH_TOKEN of a System Administrator;
the service account of an Atlas that may be changed and that AWX reaches (`make simulator` serves a made-up one), in
AWX_ATLAS_CLIENT_ID, AWX_ATLAS_CLIENT_SECRET, AWX_ATLAS_BASE_URL; if need be AWX_PROJECT_URL, AWX_PROJECT_BRANCH (where
AWX gets these playbooks) and AWX_ENVIRONMENT (an image with the collection). All names begin with a prefix of this run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
URL = os.environ.get("AWX_URL", "").rstrip("/")
NEEDED = ("CONTROLLER_OAUTH_TOKEN", "AWX_ATLAS_CLIENT_ID", "AWX_ATLAS_CLIENT_SECRET", "AWX_ATLAS_BASE_URL")
MISSING = [name for name in NEEDED if not os.environ.get(name)]
PREFIX = f"test {int(time.time())} "
LEAVER = os.environ.get("AWX_LEAVER", "dana.field@corp.example")
WAIT_S = 900

pytestmark = [
    pytest.mark.skipif(not URL, reason="no AWX server was named; make awx URL=https://awx.example does"),
    pytest.mark.skipif(bool(MISSING), reason=f"the environment lacks {', '.join(MISSING)}"),
    # Its waits have ends of their own.
    pytest.mark.timeout(0),
]


def call(method: str, path: str, data: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {os.environ['CONTROLLER_OAUTH_TOKEN']}", "Content-Type": "application/json"}
    address = path if path.startswith("/api") else f"/api/v2/{path}"
    request = urllib.request.Request(URL + address, json.dumps(data).encode() if data is not None else None, headers)
    request.method = method
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def find(kind: str, name: str) -> dict[str, Any]:
    (found,) = call("GET", f"{kind}/?name={urllib.request.quote(PREFIX + name)}")[1]["results"]
    return found


def ended(url: str) -> dict[str, Any]:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        job = call("GET", url)[1]
        if job["finished"]:
            return job
        time.sleep(2)
    raise AssertionError(f"{url} did not end within {WAIT_S} s")


def launch(kind: str, name: str, **given: Any) -> tuple[int, Any]:
    return call("POST", f"{kind}/{find(kind, name)['id']}/launch/", given)


def setup(*options: str) -> int:
    settings = {
        "atlas_awx_prefix": PREFIX,
        "atlas_awx_credential_inputs": {
            "client_id": os.environ["AWX_ATLAS_CLIENT_ID"],
            "client_secret": os.environ["AWX_ATLAS_CLIENT_SECRET"],
            "base_url": os.environ["AWX_ATLAS_BASE_URL"],
        },
        "atlas_awx_execution_environment_image": os.environ.get("AWX_ENVIRONMENT", ""),
        "atlas_awx_rrule": "",
        "atlas_awx_inventory_rrule": "",
        "atlas_awx_notification": {"type": "webhook", "configuration": HOOK},
        "atlas_awx_policy": {"access_cleanup_leavers": [LEAVER], "access_cleanup_require_approval": True},
    }
    for setting in ("url", "branch"):
        if os.environ.get(f"AWX_PROJECT_{setting.upper()}"):
            settings[f"atlas_awx_project_{setting}"] = os.environ[f"AWX_PROJECT_{setting.upper()}"]
    places = f"{ROOT / '.venv/collections'}:{ROOT / '.venv/awx'}"
    environment = {**os.environ, "CONTROLLER_HOST": URL, "ANSIBLE_COLLECTIONS_PATH": places, "ANSIBLE_NOCOLOR": "1"}
    line = [sys.executable, "-m", "ansible", "playbook", "atlasops.access.awx_setup", *options]
    line += ["-e", json.dumps(settings)]
    done = subprocess.run(line, text=True, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.environ["AWX_ATLAS_CLIENT_SECRET"] not in done.stdout
    return int(re.search(r"changed=(\d+)", done.stdout)[1])


HOOK = {"url": "http://127.0.0.1:9/", "headers": {}, "http_method": "POST", "disable_ssl_verification": False}
HOOK.update(username="", password="")
KINDS = ("schedules", "workflow_job_templates", "job_templates", "inventories", "projects", "credentials")
KINDS += ("notification_templates", "execution_environments")


@pytest.fixture(scope="module", autouse=True)
def kit():
    try:
        assert setup("--check") > 0
        setup()
        yield
    finally:
        for kind in KINDS:
            for one in call("GET", f"{kind}/?name__startswith={urllib.request.quote(PREFIX)}&page_size=100")[1][
                "results"
            ]:
                call("DELETE", one["url"])


def test_again_it_changes_nothing():
    assert setup() == 0
    assert setup("--check") == 0


@pytest.mark.parametrize(
    "answers, status",
    [
        ({"access_cleanup_leavers": LEAVER, "access_cleanup_ticket": "T-1"}, "successful"),
        ({"access_cleanup_leavers": "   ", "access_cleanup_ticket": "T-1"}, "failed"),
        ({"access_cleanup_leavers": LEAVER, "access_cleanup_ticket": "   "}, "failed"),
        ({"access_cleanup_leavers": LEAVER}, None),
    ],
)
def test_offboarding_reports_or_refuses(answers, status):
    code, job = launch("job_templates", "Offboard people", extra_vars=answers)
    assert code == (400 if status is None else 201), job
    if status:
        found = ended(job["url"])
        assert found["status"] == status and bool(found["artifacts"]["access_cleanup"]["msg"]) is (status == "failed")


def test_the_workflow_from_review_to_clean_up_and_its_approval_serves_once():
    code, workflow = launch("workflow_job_templates", "Atlas access review, approval and clean-up")
    assert code == 201, workflow
    approval = waiting(workflow["id"])
    assert call("POST", f"{approval}approve/")[0] == 204
    found = ended(workflow["url"])
    assert found["status"] == "successful"
    jobs = {node["identifier"]: node["summary_fields"].get("job", {}) for node in nodes(workflow["id"])}
    clean_up = call("GET", f"jobs/{jobs['clean-up']['id']}/")[1]
    told = clean_up["artifacts"]["access_cleanup"]
    assert told["outcome"] in ("done", "open") and int(told["counts"]["done"]) == told["summary"]["steps"] > 0
    code, again = call("POST", f"jobs/{clean_up['id']}/relaunch/")
    assert code == 201, again
    assert ended(again["url"])["artifacts"]["access_cleanup"]["outcome"] in ("blocked", "unchanged")
    # Nothing is left, so nobody is asked.
    _code, workflow = launch("workflow_job_templates", "Atlas access review, approval and clean-up")
    assert ended(workflow["url"])["status"] == "successful"
    ran = {node["identifier"] for node in nodes(workflow["id"]) if node["summary_fields"].get("job")}
    assert ran == {"review", "plan", "end"}


def nodes(workflow: int) -> list[dict[str, Any]]:
    return call("GET", f"workflow_jobs/{workflow}/workflow_nodes/")[1]["results"]


def waiting(workflow: int) -> str:
    """Where the approval is that this workflow waits for."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        for node in nodes(workflow):
            if node["summary_fields"].get("job", {}).get("type") == "workflow_approval":
                return node["related"]["job"]
        time.sleep(2)
    raise AssertionError("the workflow did not get to its approval")
