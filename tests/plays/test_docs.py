# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every play in the documentation is run, as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "roles/access_cleanup/README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- tested: ([\w ]+) -->\n)?```(yaml|console)\n(.*?)```", re.S)


class Block(NamedTuple):
    page: str
    how: str
    text: str


def blocks() -> list[Block]:
    return [
        Block(page.name, how, text)
        for page in PAGES
        for how, _language, text in BLOCK.findall(page.read_text(encoding="utf-8"))
    ]


def of(how: str) -> list[Block]:
    return [block for block in blocks() if block.how == how]


def names(block: Block) -> str:
    first = yaml.safe_load(block.text)[0] if block.how.startswith(("play", "evidence")) else {"name": block.how}
    return f"{block.page}-{first['name']}"


def passes(ended) -> None:
    assert ended.returncode == 0, ended.stdout
    assert "[DEPRECATION" not in ended.stdout, ended.stdout


def seldom(block: Block):
    """Those beyond the READMEs are many of a kind."""
    return pytest.param(block, id=names(block), marks=[pytest.mark.thorough] if block.page != "README.md" else [])


@pytest.mark.parametrize("block", [seldom(one) for one in of("play")])
def test_a_play_runs_as_it_stands(demo, block):
    (demo.home / "play.yml").write_text(block.text)
    passes(demo.run("ansible-playbook", "play.yml"))


def test_the_ad_hoc_command_runs(demo):
    (block,) = of("command")
    passes(demo.run(*shlex.split(block.text.removeprefix("$ "))))


@pytest.mark.thorough
def test_last_quarters_clean_up_is_verified_again_and_undone(demo):
    (verify,), (restore,) = of("evidence"), of("restore")
    (demo.home / "verify.yml").write_text(verify.text)
    (demo.home / "restore.yml").write_text(restore.text)
    before = demo.sim.state()
    leaver = {"access_cleanup_leavers": "dana.field@corp.example", "access_cleanup_evidence_dir": "evidence"}
    passes(demo.play("offboard", **leaver))
    assert demo.sim.state() != before
    (since,) = (demo.home / "evidence").glob("*-clean-up-*")
    passes(demo.run("ansible-playbook", "verify.yml", "restore.yml", "-e", f"since={since}"))
    assert len(list(since.glob("verified-*.csv"))) == 1
    assert demo.sim.state() == before


@pytest.mark.thorough
def test_several_organizations_are_kept_apart(demo):
    (inventory,), (play,) = of("inventory"), of("play with inventory")
    hosts = inventory.text
    for address in ("https://cloud.mongodb.com", "https://cloud.mongodbgov.com"):
        hosts = hosts.replace(address, demo.sim.url)
    (demo.home / "hosts.yml").write_text(hosts)
    (demo.home / "play.yml").write_text(play.text)
    secret = demo.environment_of()["MONGODB_ATLAS_CLIENT_SECRET"]
    demo.environment.update(COMMERCIAL_SECRET=secret, GOVERNMENT_SECRET=secret)
    passes(demo.run("ansible-playbook", "-i", "hosts.yml", "play.yml"))
    for host in ("commercial", "government"):
        assert (demo.home / "evidence" / host / "latest/review.html").exists()


def test_every_play_in_the_documentation_is_tested():
    plays = [block for block in blocks() if re.match(r"- (name: .*\n  )?hosts:", block.text)]
    assert plays and all(block.how for block in plays), [block.page for block in plays if not block.how]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
