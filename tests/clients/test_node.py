# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clients of npm: a thin one with digest, and MongoDB's own MCP server with a service account."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import MODULES
from tls import Tls

ANN, DAN = "ann@corp.example", "dan@corp.example"
SERVER = MODULES / "mongodb-mcp-server" / "dist" / "esm" / "index.js"
ACCOUNT = ["--apiClientId", "mdb_sa_id_0123456789abcdef01234567", "--apiClientSecret", "mdb_sa_sk_small"]


def test_atlas_api_client(node, node_environment, sim, org_id):
    given = {
        "BASE_URL": sim.url,
        "PROJECT_ID": sim.project_id("alpha"),
        "ORG_ID": org_id,
        "USER_ID": sim.user_id(DAN),
    }
    script = str(Path(__file__).with_name("atlas_api_client.cjs"))
    ended = subprocess.run(
        [node, script], env=node_environment | given, capture_output=True, text=True, timeout=60, check=True
    )
    said = json.loads(ended.stdout)
    assert said["unversioned"]["error"] == 406
    assert [org["id"] for org in said["organizations"]["results"]] == [org_id] == [said["organization"]["id"]]
    assert [project["name"] for project in said["projects"]["results"]] == list(sim.state())
    assert said["byName"]["id"] == sim.project_id("alpha")
    assert said["enveloped"]["status"] == 200
    assert ANN in {row["username"] for row in said["orgUsers"]["results"]}
    assert {row["teamId"] for row in said["teams"]["results"]} == set(sim.world.project("alpha").teams)
    assert len(said["users"]["results"]) == 2 < said["users"]["totalCount"]
    assert said["nobody"]["errorCode"] == "GROUP_NOT_FOUND"
    assert said["removed"] is True and DAN not in {row["username"] for row in said["left"]["results"]}
    assert [event["targetUsername"] for event in said["events"]["results"]] == [DAN]


class Mcp:
    """Just enough of the protocol to call a tool, over the standard input and output of the server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._id = 0
        hello = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        self.ask("initialize", hello)
        self._send({"method": "notifications/initialized"})

    def ask(self, method, parameters):
        self._id += 1
        self._send({"method": method, "params": parameters, "id": self._id})
        for line in self._process.stdout:
            message = json.loads(line)
            if message.get("id") == self._id and "method" not in message:
                return message["result"]
        raise AssertionError("the MCP server ended")

    def tool(self, name, **arguments):
        result = self.ask("tools/call", {"name": name, "arguments": arguments})
        text = "\n".join(part["text"] for part in result["content"])
        assert not result.get("isError"), text
        return text

    def _send(self, message):
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()


@pytest.fixture
def mcp(node, node_environment, sim, tmp_path):
    with Tls(sim.url, tmp_path) as tls, open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(
            [node, str(SERVER), "--apiBaseUrl", tls.url + "/", *ACCOUNT, "--telemetry", "disabled"],
            # It asks for its token with what Node trusts, and for all else with what the system trusts.
            env=node_environment | dict.fromkeys(("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"), str(tls.authority)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        yield Mcp(process)
        process.stdin.close()
        process.wait(20)
    assert sim.live_tokens() == 0, "it revokes its token"


def test_mcp_server(mcp, sim, org_id):
    assert org_id in mcp.tool("atlas-list-orgs")
    for told in (mcp.tool("atlas-list-projects"), mcp.tool("atlas-list-projects", orgId=org_id)):
        for name in sim.state():
            assert name in told and sim.project_id(name) in told
    assert sim.tokens_minted == 1
