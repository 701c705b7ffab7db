# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests generated from the official descriptions, right ones and wrong ones, where those descriptions are there.

Whether an answer has the right shape is judged by tests/conftest.py; schemathesis looks at everything else.
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from contract import official
from contract.shapes import Shapes

CALLS = {call.name: call for call in Shapes().calls}
# By tests/conftest.py, which knows of nulls and statuses that are recorded and not described; and below.
JUDGED_ELSEWHERE = [checks.response_schema_conformance, checks.status_code_conformance, checks.positive_data_acceptance]
# Why a request may be refused that is right by the description, which says none of this in its types.
NOT_DESCRIBED = {
    "INVALID_ATTRIBUTE",
    "INVALID_ENUM_VALUE",
    "INVALID_ROLE_ASSIGNMENT",
    "MUTUALLY_EXCLUSIVE_QUERY_PARAMETERS",
}
# The description lists no roles, and any text is right by it; its pattern of addresses lets through what is none.
SENSIBLE = {"roles": ["GROUP_READ_ONLY"], "groupRole": "GROUP_READ_ONLY", "ipAddress": "127.0.0.1"}
EXAMPLES = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations():
    schemas = [schemathesis.openapi.from_dict(description.spec) for description in official.load()]
    found = [result.ok() for schema in schemas for result in schema.get_all_operations()]
    return [operation for operation in found if name(operation) in CALLS]


def name(operation):
    return f"{operation.method.upper()} {operation.path}"


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", operations(), ids=name)
def test_generated_requests(sim, operation, mode):
    org = next(iter(sim.world.orgs.values()))
    there = {
        "orgId": org.id,
        "groupId": sim.project_id("alpha"),
        "groupName": "alpha",
        "userId": sim.user_id("ann@corp.example"),
        "teamId": next(iter(org.teams)),
        "invitationId": sim.legacy("alpha")[0]["id"],
    }

    media_type = f"application/vnd.atlas.{CALLS[name(operation)].version}+json"
    headers = {"Authorization": "Bearer small-token", "Accept": media_type}

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        # What a made-up id leads to says little: the last parameter only is made up, and that only in wrong requests.
        made_up = list(case.path_parameters or {})[-1:] if mode is GenerationMode.NEGATIVE else []
        case.path_parameters = {
            name: value if name in made_up else there[name] for name, value in (case.path_parameters or {}).items()
        }
        if mode is GenerationMode.POSITIVE:
            case.body, case.query = _sensible(case.body), _sensible(case.query)
        answer = case.call_and_validate(base_url=sim.url, headers=headers, excluded_checks=JUDGED_ELSEWHERE)
        if mode is GenerationMode.POSITIVE and answer.status_code == 400:
            assert answer.json()["errorCode"] in NOT_DESCRIBED

    ask()


def _sensible(values):
    if not isinstance(values, dict):
        return values
    return {name: SENSIBLE.get(name, value) for name, value in values.items()}
