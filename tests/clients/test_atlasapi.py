# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`atlasapi` of PyPI, which authenticates by digest, asks with a slash at the end, and names no version."""

from __future__ import annotations

import importlib
import sys

import pytest
import requests

ACCEPT = "application/vnd.atlas.2025-03-12+json"


@pytest.fixture
def atlas(sim, monkeypatch):
    """It reads where Atlas is when it is imported."""
    monkeypatch.setenv("BASE_URL", sim.url)
    monkeypatch.setenv("URI_STUB", "/api/atlas/v2")
    for name in [name for name in sys.modules if name.partition(".")[0] == "atlasapi"]:
        monkeypatch.delitem(sys.modules, name)
    client = importlib.import_module("atlasapi.atlas").Atlas
    return client("smallkey", "small-private-key", sim.project_id("alpha"))


@pytest.fixture
def versioned(monkeypatch):
    """It was made for an API without versions; this is the newest one, for every request."""
    plain = requests.sessions.default_headers
    monkeypatch.setattr(requests.sessions, "default_headers", lambda: {**plain(), "Accept": ACCEPT})


def test_without_a_version_it_is_refused(atlas, sim):
    with pytest.raises(Exception, match="unexpected"):
        list(atlas.Projects.projects)
    assert sim.requests[-1].status == 406


def test_organizations(atlas, versioned, sim, org_id):
    (org,) = atlas.Organizations.organizations
    assert (org.id, org.name) == (org_id, sim.world.orgs[org_id].name)
    assert atlas.Organizations.organization_by_id(org_id).name == org.name
    assert [project.name for project in atlas.Organizations.get_all_projects_for_org(org_id)] == list(sim.state())


def test_projects(atlas, versioned, sim):
    assert [project.name for project in atlas.Projects.projects] == list(sim.state())
    project = atlas.Projects.project_by_name("alpha")
    assert project.id == sim.project_id("alpha") and project.created_date.year >= 2024
    assert atlas.Projects.project_by_id(project.id).name == "alpha"


def test_people_and_teams(atlas, versioned, sim):
    visible = {row["id"] for row in sim.state()["alpha"].values() if row["status"] in ("ACTIVE", "PENDING")}
    assert atlas.Projects.user_count(sim.project_id("alpha")) == len(visible)
    teams = list(atlas.Projects.get_project_teams(sim.project_id("alpha")))
    assert {team.team_id for team in teams} == set(sim.world.project("alpha").teams)
    assert all(team.roles for team in teams)
