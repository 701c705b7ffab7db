# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who approved is in the evidence of a clean-up, if there is a credential to ask AWX with."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from role_run import evidence

ANSWERS = {
    "/api/v2/workflow_jobs/76/workflow_nodes/?page_size=200": {
        "results": [
            {"related": {"job": "/api/v2/jobs/77/"}},
            {"related": {}},
            {"related": {"job": "/api/v2/workflow_approvals/78/"}},
        ]
    },
    "/api/v2/workflow_approvals/78/": {
        "finished": "2026-04-02T08:15:00Z",
        "summary_fields": {"approved_or_denied_by": {"id": 3, "username": "kim"}},
    },
}


@pytest.fixture
def awx():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == "Bearer token-of-awx" and self.path in ANSWERS
            body = json.dumps(ANSWERS[self.path] if known else {"detail": "no"}).encode()
            self.send_response(200 if known else 403)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "token, said",
    [
        ("token-of-awx", ("kim", "2026-04-02T08:15:00Z")),
        ("token-of-another", (None, None)),
    ],
)
def test_who_approved(demo, awx, token, said):
    demo.environment = {"CONTROLLER_HOST": f"{awx}/", "CONTROLLER_OAUTH_TOKEN": token}
    given = {"access_cleanup_leavers": "nobody@corp.example", "access_cleanup_evidence_dir": "evidence"}
    of_awx = {"awx_workflow_job_id": 76, "awx_job_id": 79, "awx_job_launch_type": "workflow"}
    of_awx.update(awx_parent_job_schedule_name="each month", awx_workflow_job_launch_type="scheduled")
    ended = demo.play("cleanup", "-vvv", **of_awx, **given)
    assert ended.returncode == 0 and token not in ended.stdout, ended.stdout
    run = evidence(demo.home)[0]["run"]
    assert (run.get("approved_by"), run.get("approved_when")) == said
    # A workflow's jobs are told of its schedule by another name than others.
    told = [run[name] for name in ("schedule", "launch_type", "workflow_launch_type")]
    assert told == ["each month", "workflow", "scheduled"]
