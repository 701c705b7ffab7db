# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run: `python render.py DIRECTORY` makes review.html beside review.json.

It runs on the Python that Ansible itself runs on, as that has Jinja. Ansible's own templating of the same takes ten
times as long, and differs from version to version.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import secrets
import sys

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "templates")


def rendered(document: dict) -> str:
    """The report, as HTML. Whatever comes from the document is escaped by the template."""
    jinja = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    jinja.tests["match"] = lambda text, pattern: re.match(pattern, text) is not None
    return jinja.get_template("review.html.j2").render(review=document)


def main(directory: str) -> None:
    with open(os.path.join(directory, "review.json"), encoding="utf-8") as file:
        text = rendered(json.load(file))
    # A new file, whole once it has its name, whoever is killed meanwhile; evidence only grows.
    path = os.path.join(directory, "review.html")
    fresh = f"{path}.{secrets.token_hex(4)}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        named(fresh, path)
    finally:
        os.unlink(fresh)


def named(fresh: str, path: str) -> None:
    """Give a file a second name, which must be free."""
    try:
        os.link(fresh, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(pathlib.Path(fresh).read_bytes())


if __name__ == "__main__":
    main(sys.argv[1])
