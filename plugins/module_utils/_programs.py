# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the API keys and service accounts of organizations, and tells what of them could not be read.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Sequence, Set, Tuple, Union

from . import _atlas_programs as atlas
from ._access import Roles
from ._client import Client
from ._errors import AtlasError
from ._identities import API_KEY, SERVICE_ACCOUNT, Identity, in_order

NAMES = {API_KEY: "API keys", SERVICE_ACCOUNT: "service accounts"}


class Programs(NamedTuple):
    """What was read. ``unread`` says what could not be, in sentences; of ``unlisted`` kinds some or all are missing."""

    identities: List[Identity]
    unread: List[str]
    unlisted: FrozenSet[str]


def read(client: Client, org_ids: Iterable[str]) -> Programs:
    """The API keys and service accounts of the organizations, with their projects.

    Costs a request for each 500 keys, two for each 500 service accounts, and one for each account; where Atlas does not
    tell an account's roles with its projects, one more for each of those projects.
    """
    ids = sorted(set(org_ids))
    found: List[Identity] = []
    unread: List[str] = []
    unlisted: Set[str] = set()
    for org_id, keys in zip(ids, client.together(lambda one: atlas.api_keys(client, one), ids)):
        found += _taken(keys, API_KEY, org_id, unread, unlisted)
    accounts: List[Identity] = []
    listings = client.together(lambda one: atlas.service_accounts(client, one), ids)
    for org_id, listed in zip(ids, listings):
        accounts += _taken(listed, SERVICE_ACCOUNT, org_id, unread, unlisted)
    accounts = _managed(client, accounts, unread)
    found += _with_roles(client, _with_projects(client, accounts, unread), unread)
    return Programs([_marked(client, one) for one in in_order(found)], unread, frozenset(unlisted))


def _taken(
    listed: Union[atlas.Listed, AtlasError], kind: str, org_id: str, unread: List[str], unlisted: Set[str]
) -> List[Identity]:
    """What a listing holds; what it does not is noted."""
    if isinstance(listed, AtlasError):
        unread.append(f"the {NAMES[kind]} of the organization {org_id} could not be read: {listed}")
        unlisted.add(kind)
        return []
    unread += [f"organization {org_id}: one of the {NAMES[kind]}, {who}, could not be read" for who in listed.odd]
    if listed.odd:
        unlisted.add(kind)
    return listed.found


def _managed(client: Client, accounts: Sequence[Identity], unread: List[str]) -> List[Identity]:
    """The same accounts, marked where MongoDB manages them."""
    ids = sorted({one.org_id for one in accounts})
    made: Dict[str, Union[List[str], AtlasError]] = dict(
        zip(ids, client.together(lambda one: atlas.people_made(client, one), ids))
    )
    marked = []
    for one in accounts:
        mine = made[one.org_id]
        marked.append(one._replace(system_managed=None if isinstance(mine, AtlasError) else one.id not in mine))
    unread += [
        f"which service accounts of the organization {org_id} MongoDB manages could not be read: {error}"
        for org_id, error in made.items()
        if isinstance(error, AtlasError)
    ]
    return marked


def _with_projects(client: Client, accounts: Sequence[Identity], unread: List[str]) -> List[Identity]:
    answers = client.together(lambda one: atlas.account_projects(client, one), accounts)
    known = []
    for one, projects in zip(accounts, answers):
        if isinstance(projects, AtlasError):
            unread.append(f"the projects of the service account {one.name} ({one.id}) could not be read: {projects}")
            known.append(one)
        else:
            known.append(one._replace(projects=projects))
    return known


def _with_roles(client: Client, accounts: Sequence[Identity], unread: List[str]) -> List[Identity]:
    """The same accounts; roles that did not come with their projects are read from those."""
    asked = sorted({key for one in accounts for key, roles in (one.projects or {}).items() if roles is None})
    told: Dict[Tuple[str, str], Roles] = {}
    for project_id, answer in zip(asked, client.together(lambda key: atlas.project_accounts(client, key), asked)):
        if isinstance(answer, AtlasError):
            unread.append(f"the roles of service accounts in the project {project_id} could not be read: {answer}")
        else:
            told.update(((project_id, account_id), roles) for account_id, roles in answer.items())
    return [
        one._replace(
            projects={key: told.get((key, one.id)) if roles is None else roles for key, roles in one.projects.items()}
        )
        if one.projects and None in one.projects.values()
        else one
        for one in accounts
    ]


def _marked(client: Client, one: Identity) -> Identity:
    """Whether it is what this very run logs in with; an access token does not tell whose it is."""
    mine = client.credential_id
    return one._replace(this_run=None if mine is None else mine in (one.id, one.public_key))
