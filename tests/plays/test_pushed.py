# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipes that take evidence out of a container, of runs that failed as well, as they stand in the guide."""

from __future__ import annotations

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from role_run import words
from test_docs import of

GUARD = {"access_cleanup_leavers": "dana.field@corp.example", "access_cleanup_max_removals": 0}
DONE = {**GUARD, "access_cleanup_max_removals": 99, "access_cleanup_max_project_removal_percent": 100}

pytestmark = pytest.mark.thorough


@pytest.fixture
def store():
    """A store that takes files by PUT, once each."""
    kept: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            allowed = self.headers.get("Authorization") == "Bearer secret-of-the-store" and self.path not in kept
            self.send_response(201 if allowed else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if allowed:
                kept[self.path] = content

        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.kept = kept
    yield server
    server.shutdown()
    server.server_close()


def recipe(demo, how: str) -> str:
    (block,) = of(how)
    path = demo.home / "play.yml"
    path.write_text(block.text.replace("/tmp/evidence", str(demo.home / "out")))
    return str(path)


def outcome(content: bytes) -> str:
    return json.loads(content)["outcome"]["state"]


def push(demo, store, token, **given):
    url = f"http://127.0.0.1:{store.server_port}/evidence"
    more = {"evidence_url": url, "evidence_token": token, "awx_job_id": 77}
    # What AWX keeps with the job is what -vvv shows.
    run = demo.run("ansible-playbook", recipe(demo, "pushed to a URL"), "-vvv", **given, **more)
    assert token not in run.stdout
    return run


def test_a_store_that_refuses_makes_the_job_fail(demo, store):
    run = push(demo, store, "wrong-token", **DONE)
    said = words(run)
    assert run.returncode != 0 and "files are not in the store" in said and "HTTP Error 403" in said, run.stdout
    assert not store.kept


@pytest.mark.parametrize("given, ended", [(DONE, "open"), (GUARD, "blocked")])
def test_to_a_url(demo, store, given, ended):
    run = push(demo, store, "secret-of-the-store", **given)
    assert (run.returncode == 0) is (ended == "open"), run.stdout
    names = {Path(path).name for path in store.kept}
    assert {"review.json", "review.html", "population.csv", "SHA256SUMS"} <= names
    assert all(path.startswith("/evidence/77/") for path in store.kept)
    assert [outcome(content) for path, content in store.kept.items() if path.endswith("review.json")] == [ended]


def test_to_git_run_after_run_and_what_could_not_begin(demo):
    remote = demo.home / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    play = recipe(demo, "pushed to Git")
    ends = []
    for given, secret in ((GUARD, None), (DONE, None), (DONE, "wrong")):
        subprocess.run(["rm", "-rf", str(demo.home / "out")], check=True)
        demo.environment = {"MONGODB_ATLAS_CLIENT_SECRET": secret} if secret else {}
        run = demo.run("ansible-playbook", play, evidence_repository=str(remote), **given)
        ends.append(run.returncode == 0)
    assert ends == [False, True, False]
    clone = demo.home / "clone"
    subprocess.run(["git", "clone", "-q", str(remote), str(clone)], check=True)
    log = subprocess.run(["git", "-C", str(clone), "log", "--format=%s"], capture_output=True, text=True, check=True)
    assert log.stdout.splitlines() == ["Evidence of job by hand"] * 3
    found = sorted(path for path in (clone / "runs").iterdir() if not path.is_symlink())
    assert [outcome((one / "review.json").read_bytes()) for one in found] == ["blocked", "open", "failed"]
