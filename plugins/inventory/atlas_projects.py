# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: atlas_projects
short_description: MongoDB Atlas projects as hosts
version_added: "1.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Makes one host of each MongoDB Atlas project that the credential sees, so that a play can have variables, limits and
    results for each project.
  - Nothing is ever connected to. Tasks for these hosts run where Ansible runs, with the Python of Ansible.
  - The modules take lists of projects and share one connection among them, so one task on C(localhost) is faster and
    makes fewer requests than a host for each project does.
  - Its file is called C(atlas_projects.yml) or something that ends with it, such as C(prod.atlas_projects.yml). The
    extension may also be C(.yaml).
extends_documentation_fragment:
  - atlasops.access.auth
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [atlasops.access.atlas_projects]
  projects:
    description:
      - Only these projects, by name, id (24 hexadecimal digits) or glob, such as V(payments-*).
      - All that the credential sees, if left out.
    type: list
    elements: str
  tags:
    description: Only projects that have all these tags with these values.
    type: dict
  hostname:
    description:
      - What a host is called.
      - With V(name) it is the project's name, in which everything but letters, digits, C(.), C(-) and C(_) becomes
        C(_). Projects of which the names are then the same get the project's id after it, and so do those called
        V(all), V(ungrouped) and V(localhost).
      - With V(id) it is the project's id. Use that if one inventory holds more than one organization, since two of them
        may have projects of the same name.
    type: str
    choices: [name, id]
    default: name
  access_token:
    env:
      - name: MONGODB_ATLAS_ACCESS_TOKEN
  client_id:
    env:
      - name: MONGODB_ATLAS_CLIENT_ID
  client_secret:
    env:
      - name: MONGODB_ATLAS_CLIENT_SECRET
  public_key:
    env:
      - name: MONGODB_ATLAS_PUBLIC_API_KEY
      - name: MONGODB_ATLAS_PUBLIC_KEY
  private_key:
    env:
      - name: MONGODB_ATLAS_PRIVATE_API_KEY
      - name: MONGODB_ATLAS_PRIVATE_KEY
  base_url:
    env:
      - name: MONGODB_ATLAS_BASE_URL
notes:
  - The variables of a host are C(atlas_project_id), C(atlas_project_name), C(atlas_org_id), C(atlas_created) and
    C(atlas_tags), a dictionary. They have a prefix because C(name) and C(tags) are words of Ansible itself.
  - What Atlas says is data. A project or tag that is called like a template is not rendered.
  - Credentials and O(base_url) may be templates here, such as a lookup, or inline vaulted.
  - The cache holds all projects that a credential sees, apart for each O(base_url) and credential, and never the
    credential itself.
seealso:
  - module: atlasops.access.atlas_project_info
"""

EXAMPLES = r"""
# prod.atlas_projects.yml. The first line alone is enough, with the credential in the environment: all projects.
plugin: atlasops.access.atlas_projects

# Some projects only.
projects:
  - payments-*
  - checkout-prod
tags:
  env: prod

# Groups by tag: tag_env_prod, tag_team_payments, ... so that `--limit tag_env_prod` works.
keyed_groups:
  - prefix: tag
    key: atlas_tags
  - prefix: org
    key: atlas_org_id
groups:
  untagged: not atlas_tags

# The role access_cleanup then takes each host for its own project.
compose:
  access_cleanup_projects: "[atlas_project_id]"
  owner_team: atlas_tags.team | default('nobody')
strict: true

# Atlas for Government has an address of its own. Hosts may go by id. What was read may be kept, here for an hour.
base_url: https://cloud.mongodbgov.com
client_id: mdb_sa_id_0123456789abcdef01234567
client_secret: "{{ lookup('ansible.builtin.file', '/run/secrets/atlas') }}"
hostname: id
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/atlas_projects
cache_timeout: 3600
"""

import hashlib
import json
import os
import platform
import re
from collections import Counter

from ansible.errors import AnsibleParserError
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.release import __version__ as ansible_version

try:
    # From ansible-core 2.19 on, only what is marked as trusted is ever rendered.
    from ansible.template import trust_as_template as trusted

    def untrusted(text):
        return text

except ImportError:
    # Before, everything is, unless it is marked as unsafe.
    from ansible.utils.unsafe_proxy import wrap_var as untrusted

    def trusted(text):
        return text


from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils._access import Project, Refusal
from ansible_collections.atlasops.access.plugins.module_utils._client import Client
from ansible_collections.atlasops.access.plugins.module_utils._credentials import (
    CREDENTIALS,
    DEFAULT_URL,
    check_base_url,
    check_limits,
    choose_credential,
)
from ansible_collections.atlasops.access.plugins.module_utils._errors import AtlasError
from ansible_collections.atlasops.access.plugins.module_utils._names import projects_in_scope, unmatched_tags
from ansible_collections.atlasops.access.plugins.module_utils._transport import REQUESTS_ERROR

# Names that mean something else to Ansible.
TAKEN = ("all", "ungrouped", "localhost")

_TEMPLATE = re.compile(r"\{[{%#]|^#jinja2:")
_NOT_IN_HOST_NAMES = re.compile(r"[^\w.-]")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "atlasops.access.atlas_projects"

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(("atlas_projects.yml", "atlas_projects.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._written = self._read_config_data(path)
        if REQUESTS_ERROR:
            raise AnsibleParserError(missing_required_lib("requests"))
        try:
            visible = self._visible(path, cache)
            self._add(self._chosen(visible), host_names(visible, self.get_option("hostname")))
        except (AtlasError, Refusal) as error:
            raise AnsibleParserError(str(error)) from None

    # --- reading -----------------------------------------------------------------------------------------------------

    def _visible(self, path, cache):
        """All projects that the credential sees, from the cache if that may be used."""
        settings = self._settings()
        if not self.get_option("cache"):
            return self._read(settings)
        key = f"{self.get_cache_key(path)}_{_whose(settings)}"
        if cache and key in self._cache:
            return [Project(**row) for row in self._cache[key]]
        visible = self._read(settings)
        self._cache[key] = [project._asdict() for project in visible]
        return visible

    def _read(self, settings):
        with Client(**settings) as client:
            visible = atlas.projects(client)
            for warning in client.waiting_warnings():
                self.display.warning(warning)
        return visible

    def _settings(self):
        """What the client needs to know. Raises `Refusal` for options that make no sense."""
        credential, warnings = choose_credential({name: self._option(name) for name in CREDENTIALS})
        base_url = check_base_url(self._option("base_url") or DEFAULT_URL)
        check_limits({name: self.get_option(name) for name in ("timeout", "max_connections", "max_wait")})
        for warning in warnings:
            self.display.warning(warning)
        return {
            "credential": credential,
            "base_url": base_url,
            "timeout": self.get_option("timeout"),
            "connections": self.get_option("max_connections"),
            "max_wait": self.get_option("max_wait"),
            "agent": f"Ansible/{ansible_version} Python/{platform.python_version()}",
        }

    def _option(self, name):
        """An option, rendered if it was written as a template, else the first of its variables that is not empty.

        Not Ansible's own choice among the variables: that takes the last one, and an empty one too.
        """
        if self._written.get(name):
            return str(self.templar.template(self.get_option(name)))
        values = (os.environ.get(variable["name"]) for variable in self.option_definitions[name]["env"])
        return next((value for value in values if value), None)

    # --- choosing and adding -----------------------------------------------------------------------------------------

    def _chosen(self, visible):
        tags = self.get_option("tags")
        for warning in unmatched_tags(tags, visible):
            self.display.warning(warning)
        return projects_in_scope(visible, self.get_option("projects"), tags=tags)

    def _add(self, projects, names):
        for project in projects:
            host = names[project.id]
            other = self._project_of(host)
            if other and other != project.id:
                raise Refusal(f"{host} would be both {other} and {project.id}; write hostname: id in each source")
        for project in projects:
            self._add_host(names[project.id], project)

    def _project_of(self, host):
        """The project for which another source has added this host already."""
        existing = self.inventory.hosts.get(host)
        return existing.vars.get("atlas_project_id") if existing else None

    def _add_host(self, host, project):
        self.inventory.add_host(host)
        for name, value in host_variables(project).items():
            self.inventory.set_variable(host, name, value)
        strict = self.get_option("strict")
        variables = self.inventory.get_host(host).get_vars()
        self._set_composite_vars(self.get_option("compose"), variables, host, strict)
        variables = self.inventory.get_host(host).get_vars()
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict)


def _whose(settings):
    """Tells caches of different credentials and addresses apart, without telling either."""
    credential = settings["credential"]
    parts = [settings["base_url"], credential.kind, credential.id or credential.secret]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def host_names(visible, kind):
    """What the hosts are called, by the ids of the projects."""
    if kind == "id":
        return {project.id: project.id for project in visible}
    safe = {project.id: _NOT_IN_HOST_NAMES.sub("_", project.name) for project in visible}
    times = Counter(safe.values())
    return {
        project_id: f"{name}_{project_id}" if times[name] > 1 or name in TAKEN else name
        for project_id, name in safe.items()
    }


def host_variables(project):
    return {
        "ansible_connection": data("local"),
        "ansible_python_interpreter": trusted("{{ ansible_playbook_python }}"),
        "atlas_project_id": data(project.id),
        "atlas_project_name": data(project.name),
        "atlas_org_id": data(project.org_id),
        "atlas_created": project.created and data(project.created),
        "atlas_tags": {data(key): data(value) for key, value in project.tags.items()},
    }


def data(text):
    """A text from Atlas. What could be a template is not to be rendered; all else stays as it is, exported or not."""
    return untrusted(text) if _TEMPLATE.search(text) else trusted(text)
