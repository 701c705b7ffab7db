# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module that writes: the options that say whom and what it is about, its run by a task or by a plan, its result.

Private to this collection.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Callable, Dict, Mapping, Optional

from ._access import ORGANIZATION, PROJECT, TEAM, Refusal
from ._asked import Params, asked_of
from ._cases import Run
from ._client import Client
from ._errors import AtlasError, Interrupted
from ._journal import Journal
from ._module import AUTH_SPEC, PROJECTS, Module, connect, end, stoppable
from ._report import report
from ._runner import Desired, change

# Whom and what the modules that write are about. Users are read, and rows checked, by `asked_of`.
_WHO: Dict[str, Any] = {
    "users": {"type": "raw", "aliases": ["user", "username", "user_id"]},
    "memberships": {"type": "list", "elements": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "plan": {
        "type": "dict",
        "options": {
            "file": {"type": "path", "required": True},
            "digest": {"type": "str", "required": True},
            "actions": {"type": "list", "elements": "str"},
        },
    },
    "journal": {"type": "path"},
}
_ROLES: Dict[str, Any] = {"roles": {"type": "list", "elements": "str", "aliases": ["role"]}}
_EXCLUSIVE: Dict[str, Any] = {"exclusive": {"type": "bool", "default": False}}
_WHICH: Dict[str, Any] = {"organization": {"type": "str", "aliases": ["organization_id", "org_id"]}}
TARGETS: Dict[str, Dict[str, Any]] = {
    PROJECT: {
        **PROJECTS,
        **_WHO,
        **_ROLES,
        **_EXCLUSIVE,
        "allow_no_owner": {"type": "bool", "default": False},
    },
    TEAM: {
        "teams": {"type": "list", "elements": "str", "aliases": ["team", "team_id", "team_name"]},
        **_WHICH,
        **_WHO,
        **_EXCLUSIVE,
    },
    ORGANIZATION: {**_WHICH, **_WHO, **_ROLES},
}
Work = Callable[[Client, Journal], None]


def run(
    spec: Dict[str, Any],
    deeds: Mapping[str, str],
    check: Callable[[Params], None],
    desired: Desired,
    kind: str = PROJECT,
) -> None:
    """Run a module that writes to places of a kind.

    ``deeds`` are the actions that its states are about. ``check`` gets the options before any request; ``desired`` is
    as `_runner` says it. Both raise `Refusal`. A module that removes reports residual access.
    """
    module = Module({**AUTH_SPEC, **TARGETS[kind], **spec}, supports_check_mode=True)
    planned = module.params["plan"] is not None
    this = Run("" if planned else deeds[module.params["state"]], "remove" in deeds.values(), kind)
    refused = interrupted = None
    with stoppable() as begin:
        try:
            check(module.params)
            work = (_carry_out if planned else _change)(module, this, deeds, desired)
            if work:
                with begin(connect(module)) as client, closing(Journal(module.params["journal"])) as journal:
                    try:
                        work(client, journal)
                    finally:
                        interrupted = client.stopped_by or journal.broken
                        if interrupted:
                            journal.interrupted(interrupted)
                        this.warnings += client.waiting_warnings()
        except Interrupted:
            pass
        except (Refusal, AtlasError) as error:
            refused = None if interrupted else str(error)
        result, warnings, failed = report(this, interrupted, planned)
        end(module, result, warnings, " ".join(filter(None, (refused, failed))))


def _change(module: Module, run: Run, deeds: Mapping[str, str], desired: Desired) -> Optional[Work]:
    """What the options ask for, if that is anything."""
    asked = asked_of(module.params, run.deed, run.warnings, run.kind)
    if not any(one.where and one.wishes for one in asked):
        return None
    return lambda client, journal: change(run, client, asked, module.params, desired, journal, module.check_mode)


def _carry_out(module: Module, run: Run, deeds: Mapping[str, str], desired: Desired) -> Optional[Work]:
    """The steps of a plan that are this module's, if there are any."""
    # Here, as each run compiles anew what it imports, and few runs have a plan.
    from ._planned import ACTIONS, carry_out, check_alone, read_plan

    check_alone(module.params)
    own = ACTIONS if run.kind == ORGANIZATION else deeds.values()
    plan = read_plan(module.params["plan"], own, run.kind)
    if not any(map(plan.due, plan.rows)):
        return None
    return lambda client, journal: carry_out(run, client, plan, journal, module.check_mode)
