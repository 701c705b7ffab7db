# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Sphinx. scripts/docs.sh copies this beside the pages that it collects."""

import zlib
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
# What the pages of our modules refer to in Ansible's own documentation, so that nothing is fetched to build them.
REFERENCES = {
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
    "community_code_of_conduct": "community/code_of_conduct.html",
    "module_defaults_groups": "user_guide/playbooks_module_defaults.html",
}


def inventory() -> str:
    """The file by which Sphinx knows those references."""
    rows = "".join(f"{label} std:label -1 {page} {label}\n" for label, page in REFERENCES.items())
    head = "# Sphinx inventory version 2\n# Project: Ansible\n# Version: latest\n# zlib\n"
    (HERE / "ansible.inv").write_bytes(head.encode() + zlib.compress(rows.encode()))
    return "ansible.inv"


project = "atlasops.access"
author = "atlasops.access contributors"
copyright = f"2026, {author}"
version = release = str(yaml.safe_load((HERE / "galaxy.yml").read_text(encoding="utf-8"))["version"])

extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["docs/docsite"]
intersphinx_mapping = {"ansible": (ANSIBLE, inventory())}
# Headings can be linked to as GitHub does it.
myst_heading_anchors = 3
default_role = "any"
highlight_language = "yaml+jinja"

html_theme = "furo"
html_static_path = ["pages.css"]
html_css_files = ["pages.css"]
html_title = f"atlasops.access {version}"
html_show_sphinx = False
html_copy_source = False
