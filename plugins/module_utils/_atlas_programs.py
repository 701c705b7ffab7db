# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls about API keys and service accounts, in the words of `_identities`. They only read.

What a key or a secret looks like, masked or not, is left in the answers. Knows nothing of Ansible. Private to this
collection.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from ._access import Roles
from ._client import BASE_VERSION, Client, segment
from ._errors import Json
from ._identities import API_KEY, SERVICE_ACCOUNT, Identity, Secret
from ._paging import pages

ACCOUNTS_VERSION = "2024-08-05"


class Listed(NamedTuple):
    """The identities of a listing, and those whose rows could not be read (for a sentence): one costs only itself."""

    found: List[Identity]
    odd: List[str]


def api_keys(client: Client, org_id: str) -> Listed:
    """All API keys of an organization, with their roles in it and in its projects. Needs Organization Member."""
    rows = pages(client, f"/orgs/{segment(org_id)}/apiKeys", BASE_VERSION)
    return _listed(rows, "id", lambda row: _api_key(row, org_id))


def service_accounts(client: Client, org_id: str) -> Listed:
    """All service accounts of an organization without their projects, those that MongoDB manages included.

    Needs Organization Read Only, like the other calls about them.
    """
    rows = _accounts(client, f"/orgs/{segment(org_id)}", everything=True)
    return _listed(rows, "clientId", lambda row: _service_account(row, org_id))


def people_made(client: Client, org_id: str) -> List[str]:
    """The ids of the service accounts that MongoDB does not manage: no field tells, only what another listing lacks."""
    return [row["clientId"] for row in _accounts(client, f"/orgs/{segment(org_id)}", everything=False)]


def account_projects(client: Client, one: Identity) -> Dict[str, Optional[Roles]]:
    """The projects of a service account by id, with its roles there; None where they are not told."""
    path = f"/orgs/{segment(one.org_id)}/serviceAccounts/{segment(one.id)}/groups"
    rows = pages(client, path, ACCOUNTS_VERSION, key="groupId")
    try:
        return {row["groupId"]: None if row.get("roles") is None else _texts(row, "roles") for row in rows}
    except _MISSHAPEN as error:
        raise client.misshapen("GET", path, f"its {error.args[0]!r}") from None


def project_accounts(client: Client, project_id: str) -> Dict[str, Roles]:
    """The roles of the service accounts in a project, by their ids. Needs Project Read Only."""
    path = f"/groups/{segment(project_id)}"
    try:
        return {row["clientId"]: _texts(row, "roles") for row in _accounts(client, path, everything=True)}
    except _MISSHAPEN as error:
        raise client.misshapen("GET", f"{path}/serviceAccounts", f"its {error.args[0]!r}") from None


def _accounts(client: Client, where: str, everything: bool) -> List[Dict[str, Json]]:
    query = {"includeSystemManaged": "true"} if everything else {}
    return pages(client, f"{where}/serviceAccounts", ACCOUNTS_VERSION, query, key="clientId")


# --- shapes ----------------------------------------------------------------------------------------------------------

_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)


def _listed(rows: Iterable[Dict[str, Json]], key: str, shape: Callable[[Mapping[str, Json]], Identity]) -> Listed:
    listed = Listed([], [])
    for row in rows:
        try:
            listed.found.append(shape(row))
        except _MISSHAPEN as error:
            listed.odd.append(f"{row[key]} (its {error.args[0]!r})")
    return listed


def _api_key(row: Mapping[str, Json], org_id: str) -> Identity:
    in_org, in_projects = _assigned(row["roles"], org_id)
    public = _maybe(row, "publicKey")
    return Identity(API_KEY, row["id"], _maybe(row, "desc") or public or row["id"], org_id, in_org, in_projects, public)


def _assigned(rows: Json, org_id: str) -> Tuple[Roles, Dict[str, Optional[Roles]]]:
    """The roles in the organization, and those in projects by their ids. They stand in one list."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError("roles")
    in_org = frozenset(_text(row, "roleName") for row in rows if row.get("orgId") == org_id)
    projects: Dict[str, Optional[Roles]] = {}
    for row in rows:
        if row.get("groupId") is not None:
            project_id = _text(row, "groupId")
            projects[project_id] = frozenset([_text(row, "roleName"), *(projects.get(project_id) or ())])
    return in_org, projects


def _service_account(row: Mapping[str, Json], org_id: str) -> Identity:
    return Identity(
        SERVICE_ACCOUNT,
        row["clientId"],
        _maybe(row, "name") or row["clientId"],
        org_id,
        _texts(row, "roles"),
        None,
        created_at=_maybe(row, "createdAt"),
        secrets=None if row.get("secrets") is None else tuple(map(_secret, _rows(row, "secrets"))),
    )


def _secret(row: Mapping[str, Json]) -> Secret:
    return Secret(_text(row, "id"), _maybe(row, "createdAt"), _maybe(row, "expiresAt"), _maybe(row, "lastUsedAt"))


def _rows(row: Mapping[str, Json], name: str) -> List[Any]:
    value = row[name]
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise TypeError(name)
    return value


def _text(row: Mapping[str, Json], name: str) -> str:
    value = row[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    return value


def _maybe(row: Mapping[str, Json], name: str) -> Optional[str]:
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def _texts(row: Mapping[str, Json], name: str) -> Roles:
    value = row[name]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError(name)
    return frozenset(value)
