# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook awx_setup with the real modules of awx.awx, against a stand-in of the server."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stand_in import TOKEN, Served

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = ROOT / ".venv/awx"
SLACK = {"type": "slack", "configuration": {"token": "xoxb-1", "channels": ["#atlas"]}}
WORKFLOW = "Atlas access review, approval and clean-up"
REVIEW, PLAN, CLEAN_UP = "Atlas access review (report only)", "Atlas access plan", "Atlas access clean-up"

pytestmark = [
    pytest.mark.skipif(
        not (COLLECTION / "ansible_collections/awx/awx").is_dir(), reason="awx.awx is not here; make awx fetches it"
    ),
    # A set-up is some seventy modules, a process each.
    pytest.mark.timeout(1800),
]


@pytest.fixture
def awx():
    with Served() as served:
        yield served


@pytest.fixture
def setup(awx, tmp_path):
    def run(*options: str, host: str = "", **settings):
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / '.venv/collections'}:{COLLECTION}",
            "CONTROLLER_HOST": awx.url,
            "CONTROLLER_OAUTH_TOKEN": TOKEN,
        }
        line = [sys.executable, "-m", "ansible", "playbook", "atlasops.access.awx_setup", *options]
        line += ["-e", json.dumps(settings)]
        ended = subprocess.run(
            line,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=tmp_path,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        assert "xoxb" not in ended.stdout
        return int(re.search(r"changed=(\d+)", ended.stdout)[1]), ended.stdout

    return run


def everything(awx):
    return copy.deepcopy((awx.objects, awx.links, awx.surveys, awx.secrets))


def test_once_makes_all_of_it_and_twice_changes_nothing(awx, setup):
    awx.add("teams", {"name": "Risk", "organization": 1})
    awx.add("teams", {"name": "Audit", "organization": 1})
    given = {"atlas_awx_notification": SLACK, "atlas_awx_approvers": ["Risk"]}
    given.update(atlas_awx_execution_environment_image="quay.example/atlas-access:1")
    changed, said = setup("--check", **given)
    assert not [one for one in awx.writes if not one.startswith("GET")], "a check writes nothing"
    assert changed > 0 and "A run makes all of it" in said
    setup(**given)
    assert awx.names("job_templates") == [CLEAN_UP, PLAN, REVIEW, "Offboard people"]
    assert awx.linked("workflow_job_template_nodes", "plan", "failure_nodes") == ["end"]
    assert awx.linked("workflow_job_template_nodes", "plan", "success_nodes") == ["approval"]
    assert awx.linked("workflow_job_template_nodes", "approval", "success_nodes") == ["clean-up"]
    assert len(awx.names("schedules")) == 2
    assert teams(awx) == ["Risk"]
    before = everything(awx)
    for options in ((), ("--check",)):
        changed, said = setup(*options, **given)
        assert changed == 0, said
        assert everything(awx) == before
    # Taken back.
    setup(atlas_awx_approvers=[], atlas_awx_rrule="")
    assert teams(awx) == []
    assert awx.names("notification_templates") == awx.names("execution_environments") == []
    assert len(awx.names("schedules")) == 1
    assert awx.linked("job_templates", REVIEW, "notification_templates_error") == []
    assert setup(atlas_awx_approvers=[], atlas_awx_rrule="")[0] == 0


def teams(awx):
    role = awx.one("workflow_job_templates", WORKFLOW)["summary_fields"]["object_roles"]["approval_role"]["id"]
    read = awx.one("job_templates", REVIEW)["summary_fields"]["object_roles"]["read_role"]["id"]
    found = [awx.links.get(f"/api/v2/roles/{one}/teams/", []) for one in (role, read)]
    assert found[0] == found[1], "who approves can read"
    return [awx.objects["teams"][one]["name"] for one in found[0]]


def test_what_was_filled_in_by_hand_stays(awx, setup):
    inputs = {"client_id": "mdb_sa_id_1", "client_secret": "first"}
    setup(atlas_awx_credential_inputs=inputs)
    credential = awx.one("credentials", "MongoDB Atlas")
    awx.change(credential, {"inputs": {"client_id": "mdb_sa_id_2", "client_secret": "rotated"}})
    assert setup(atlas_awx_credential_inputs=inputs)[0] == 0
    assert credential["inputs"]["client_id"] == "mdb_sa_id_2"
    assert awx.secrets[credential["url"]] == {"client_secret": "rotated"}
    # A team that was let approve by hand, too, as long as the settings say nothing of approvers.
    team = awx.add("teams", {"name": "Risk", "organization": 1})
    role = awx.one("workflow_job_templates", WORKFLOW)["summary_fields"]["object_roles"]["approval_role"]["id"]
    awx.links[f"/api/v2/roles/{role}/teams/"] = [team["id"]]
    assert setup(atlas_awx_credential_inputs=inputs)[0] == 0


def test_two_organizations_of_one_awx(awx, setup):
    awx.add("organizations", {"name": "Payments"})
    setup(atlas_awx_notification=SLACK)
    first = everything(awx)
    given = {"atlas_awx_organization": "Payments", "atlas_awx_prefix": "Payments ", "atlas_awx_notification": SLACK}
    given["atlas_awx_playbooks"] = "./"
    setup(**given)
    for kind, objects in first[0].items():
        assert {number: awx.objects[kind][number] for number in objects} == objects, kind
    assert setup(atlas_awx_notification=SLACK)[0] == setup(**given)[0] == 0
    assert awx.linked("job_templates", f"Payments {REVIEW}", "credentials") == ["Payments MongoDB Atlas"]
    assert awx.names("credential_types") == ["MongoDB Atlas"]


def test_an_execution_environment_by_name_and_back(awx, setup):
    made = awx.add("execution_environments", {"name": "ours", "organization": None})
    setup(atlas_awx_execution_environment="ours")
    ids = {one["execution_environment"] for one in awx.objects["job_templates"].values()}
    assert ids == {made["id"]}
    setup()
    assert {one["execution_environment"] for one in awx.objects["job_templates"].values()} == {None}
    assert awx.names("execution_environments") == ["ours"]


def test_a_credential_by_id_and_galaxy_credentials(awx, setup):
    mine = awx.add("credentials", {"name": "MongoDB Atlas", "organization": 1})
    awx.add("credentials", {"name": "MongoDB Atlas", "organization": 7})
    awx.add("credentials", {"name": "Hub", "organization": 1})
    given = {"atlas_awx_credential": str(mine["id"]), "atlas_awx_galaxy_credentials": ["Hub"]}
    setup(**given)
    assert len(awx.names("credentials")) == 3
    assert awx.links[f"{awx.one('job_templates', REVIEW)['url']}credentials/"] == [mine["id"]]
    assert awx.linked("organizations", "Default", "galaxy_credentials") == ["Hub"]
    assert setup(**given)[0] == 0
