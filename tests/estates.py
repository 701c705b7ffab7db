# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Atlas of many organizations, and the inventory that has a host for each."""

from __future__ import annotations

import json
from pathlib import Path

from simulator import generated

# What the organizations of this estate are called, as hosts.
ORGANIZATIONS = ("alpha", "beta", "gamma", "delta")
LEAVER = "person00003@corp.example"


def account(number: int) -> str:
    return f"mdb_sa_id_{number:024x}"


def estate(names=ORGANIZATIONS, projects=2, members=6):
    """Organizations of one Atlas, each with a service account of its own."""
    organizations = {}
    for number, name in enumerate(names):
        (made,) = generated(projects, members, organization=name)["organizations"].values()
        made["service_accounts"] = {account(number): {"secret": f"mdb_sa_sk_{name}"}}
        made["projects"] = {f"{name}-{project}": what for project, what in made["projects"].items()}
        del made["api_keys"]
        organizations[name] = made
    return {"organizations": organizations}


def inventory(home: Path, names=ORGANIZATIONS, **more) -> str:
    hosts = {
        name: {
            "atlas_credential": {"client_id": account(number), "client_secret": f"mdb_sa_sk_{name}"},
            **more.get(name, {}),
        }
        for number, name in enumerate(names)
    }
    path = home / "estate.json"
    path.write_text(json.dumps({"all": {"children": {"atlas_organizations": {"hosts": hosts}}}}))
    return str(path)
