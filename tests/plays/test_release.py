# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo cleans up without asking: it is in no release, and takes nothing but a simulated Atlas."""

from __future__ import annotations

import socket
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = str(ROOT / "scripts/demo.yml")
ROLE = "TASK [atlasops.access.access_cleanup"


@pytest.fixture
def listener(demo):
    """What all requests of Ansible would come to, were there any."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        proxy = "http://127.0.0.1:%d" % server.getsockname()[1]
        demo.environment.update(http_proxy=proxy, https_proxy=proxy, NO_PROXY="", no_proxy="")
        yield server


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "MONGODB_ATLAS_BASE_URL is not set, which means https://cloud.mongodb.com."),
        ("https://cloud.mongodb.com", "is https://cloud.mongodb.com."),
        pytest.param(
            "https://127.0.0.1.atlas.example", "is https://127.0.0.1.atlas.example.", marks=pytest.mark.thorough
        ),
        ("http://127.0.0.1@atlas.example", "is http://127.0.0.1@atlas.example."),
        pytest.param("http://atlas.example\\@127.0.0.1", "is http://atlas.example", marks=pytest.mark.thorough),
        pytest.param(
            "http://127.0.0.1:1/atlas.example", "is http://127.0.0.1:1/atlas.example.", marks=pytest.mark.thorough
        ),
    ],
)
def test_the_demo_refuses_what_is_no_simulated_atlas_before_any_request(demo, listener, address, said):
    demo.environment["MONGODB_ATLAS_BASE_URL"] = address
    ended = demo.run("ansible-playbook", DEMO)
    assert ended.returncode != 0
    assert "The demo cleans up without asking, so it takes only a simulated Atlas" in ended.stdout
    assert said in " ".join(ended.stdout.split()), ended.stdout
    assert ROLE not in ended.stdout
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_request_would_have_been_seen(demo, listener):
    demo.environment["MONGODB_ATLAS_BASE_URL"] = "https://cloud.mongodb.com"
    demo.run("ansible", "localhost", "-m", "atlasops.access.atlas_project_info", "-a", "timeout=0.1 max_wait=0")
    listener.accept()[0].close()


@pytest.mark.thorough
def test_the_demo_takes_a_simulated_atlas(demo):
    demo.environment["DEMO_EVIDENCE"] = str(demo.home / "evidence")
    ended = demo.run("ansible-playbook", DEMO, "--check")
    assert ended.returncode == 0 and ROLE in ended.stdout, ended.stdout
    assert demo.sim.requests and not demo.sim.writes


@pytest.mark.thorough
def test_the_demo_is_in_no_release(demo):
    built = demo.run_by_name("ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(demo.home))
    assert built.returncode == 0, built.stdout
    (tarball,) = demo.home.glob("*.tar.gz")
    with tarfile.open(tarball) as release:
        names = release.getnames()
    assert "playbooks/cleanup.yml" in names
    assert not [name for name in names if "demo" in name]
