# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers of who gets in without being a person: API keys and service accounts, of projects and of organizations."""

from __future__ import annotations

from . import views
from .call import Call
from .errors import ApiError
from .views import Document
from .world import Credential

# -- of a project: what was given this project; credentials of the whole organization are not listed in projects ------


def list_service_accounts(call: Call) -> Document:
    accounts = [one for one in _accounts(call) if call.project.id in one.projects]
    return call.page(accounts, lambda one: views.service_account(one, one.projects[call.project.id]))


def list_api_keys(call: Call) -> Document:
    keys = [key for key in call.service.world.api_keys.values() if call.project.id in key.projects]
    return call.page(keys, views.api_key)


# -- of an organization -----------------------------------------------------------------------------------------------


def list_org_service_accounts(call: Call) -> Document:
    accounts = [one for one in _accounts(call) if one.org is call.org]
    return call.page(accounts, lambda one: views.service_account(one, (one.role,)))


def list_org_api_keys(call: Call) -> Document:
    keys = [key for key in call.service.world.api_keys.values() if key.org is call.org]
    return call.page(keys, views.api_key)


def list_account_projects(call: Call) -> Document:
    """The projects of a service account; older answers leave the roles out."""
    client_id = call.params["clientId"]
    account = call.service.world.service_accounts.get(client_id)
    if account is None or account.org is not call.org:
        raise ApiError(404, "SERVICE_ACCOUNT_NOT_FOUND", f"No service account {client_id} exists.", [client_id])
    told = call.service.knobs.account_project_roles
    return call.page(
        list(account.projects.items()),
        lambda item: {"groupId": item[0], **({"roles": list(item[1])} if told else {})},
    )


def _accounts(call: Call) -> list[Credential]:
    """Those that MongoDB manages only where they are asked for."""
    everything = call.flag("includeSystemManaged")
    return [one for one in call.service.world.service_accounts.values() if everything or not one.system_managed]
