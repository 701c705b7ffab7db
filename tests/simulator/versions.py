# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vendor media types: every resource has its own version date, and the client names the one it wants."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache

from .errors import ApiError

KNOWN = (
    "2023-01-01",
    "2023-02-01",
    "2023-10-01",
    "2023-11-15",
    "2024-05-30",
    "2024-08-05",
    "2024-10-23",
    "2024-11-13",
    "2025-02-19",
    "2025-03-12",
)
MEDIA_TYPE = re.compile(r"^application/vnd\.atlas\.(\d{4}-\d{2}-\d{2})\+json$")


def media_type(version: str) -> str:
    return f"application/vnd.atlas.{version}+json;charset=utf-8"


def check_accept(accept: str, version: str, gone: Container[str]) -> None:
    """A known date serves the newest version up to it; a date before the resource's version finds nothing."""
    if not _names_version(accept, version):
        raise ApiError(406, "NOT_ACCEPTABLE", f"The Accept header must name version {version} of this resource.")
    if version in gone:
        raise ApiError(410, "VERSION_GONE", f"Version {version} of this resource is no longer available.", [version])


def check_content_type(content_type: str, version: str) -> None:
    if not _names_version(content_type, version):
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"The Content-Type must name version {version} of this resource.")


@lru_cache(maxsize=256)
def _names_version(header: str, version: str) -> bool:
    return any(date in KNOWN and date >= version for date in _dates(header))


def _dates(header: str) -> list[str]:
    types = (part.partition(";")[0].strip() for part in header.split(","))
    return [match[1] for match in map(MEDIA_TYPE.match, types) if match]
