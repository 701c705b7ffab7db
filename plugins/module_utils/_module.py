# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options, credentials and results: where modules meet Ansible. The only file that knows AnsibleModule.

Private to this collection.
"""

from __future__ import annotations

import gc
import os
import platform
import signal
from contextlib import contextmanager
from functools import partial
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._access import Refusal
from ._client import Client
from ._credentials import CREDENTIALS, DEFAULT_URL, check_base_url, check_limits, choose_credential, misplaced
from ._errors import AtlasError
from ._names import blank
from ._plain import unprinted
from ._result import OF_OPTIONS, Row, cut, readable
from ._transport import REQUESTS_ERROR

try:
    # Since ansible-core 2.22 the controller masks what is registered.
    from ansible.module_utils.secrets import mask_secrets, register_secrets
except ImportError:
    mask_secrets = register_secrets = None

ENVIRONMENT = {
    "access_token": ("MONGODB_ATLAS_ACCESS_TOKEN",),
    "client_id": ("MONGODB_ATLAS_CLIENT_ID",),
    "client_secret": ("MONGODB_ATLAS_CLIENT_SECRET",),
    "public_key": ("MONGODB_ATLAS_PUBLIC_API_KEY", "MONGODB_ATLAS_PUBLIC_KEY"),
    "private_key": ("MONGODB_ATLAS_PRIVATE_API_KEY", "MONGODB_ATLAS_PRIVATE_KEY"),
    "base_url": ("MONGODB_ATLAS_BASE_URL",),
}
SECRETS = ("access_token", "client_secret", "private_key")

AUTH_SPEC: Dict[str, Any] = {
    "access_token": {"type": "str", "no_log": True},
    "client_id": {"type": "str"},
    "client_secret": {"type": "str", "no_log": True},
    "public_key": {"type": "str", "no_log": False},
    "private_key": {"type": "str", "no_log": True},
    "base_url": {"type": "str"},
    "timeout": {"type": "float", "default": 60},
    "max_connections": {"type": "int", "default": 8},
    "max_wait": {"type": "float", "default": 300},
}
# What several modules take.
PROJECTS: Dict[str, Any] = {
    "projects": {"type": "list", "elements": "str", "aliases": ["project", "project_id", "project_name"]}
}
SCOPE: Dict[str, Any] = {
    **PROJECTS,
    "exclude_projects": {"type": "list", "elements": "str"},
    "project_tags": {"type": "dict"},
}
OUTPUT_FILE: Dict[str, Any] = {"output_file": {"type": "path"}}


class Module(AnsibleModule):  # type: ignore[misc]
    """Blank options are unset, and secrets in the wrong place masked, before anything is checked or shown."""

    def _load_params(self) -> None:
        super()._load_params()
        self.params.update(unprinted(self.params))
        self.hide(misplaced(self.params))
        blank_state = "state" in self.params and blank(self.params["state"])
        _unset(self.params)
        if blank_state:
            # It may have meant either; as empty text Ansible refuses it.
            self.params["state"] = ""
        for name, entry in self.argument_spec.items():
            if "options" in entry and isinstance(self.params.get(name), dict):
                _unset(self.params[name])

    def hide(self, secrets: Collection[str]) -> None:
        """Keep them out of all that Ansible shows."""
        self.no_log_values.update(secrets)
        if register_secrets:
            register_secrets(secrets)

    def masked(self, text: str) -> str:
        """The text without what is to be hidden."""
        if mask_secrets:
            return str(mask_secrets(text))
        from ansible.module_utils.common.parameters import remove_values

        return str(remove_values(text, self.no_log_values))


def _unset(options: Dict[str, Any]) -> None:
    """Drop the blank ones."""
    for name in [name for name, value in options.items() if blank(value) and not name.startswith("_ansible")]:
        del options[name]


def connect(module: Module) -> Client:
    """The client for a module's options. Raises `Refusal`, before any request, when they don't make sense."""
    if REQUESTS_ERROR:
        raise Refusal(missing_required_lib("requests"))
    options = {name: _option(module, name) for name in ENVIRONMENT}
    module.hide(misplaced(options))
    credential, warnings = choose_credential({name: options[name] for name in CREDENTIALS})
    check_limits(module.params)
    client = Client(
        credential,
        check_base_url(options["base_url"] or DEFAULT_URL),
        module.params["timeout"],
        module.params["max_connections"],
        module.params["max_wait"],
        f"Ansible/{module.ansible_version} Python/{platform.python_version()}",
    )
    for warning in warnings:
        module.warn(warning)
    return client


def _option(module: Module, name: str) -> Optional[str]:
    """An option, else the first of its environment variables that is not empty."""
    values = (os.environ.get(env) for env in ENVIRONMENT[name])
    value: Optional[str] = module.params[name] or next((value for value in values if not blank(value)), None)
    if value and name in SECRETS:
        module.hide({value})
    return value


@contextmanager
def stoppable() -> Iterator[Callable[[Client], Client]]:
    """The first signal to stop ends the task in good order, its result included; another one ends it as ever.

    Gives the function that a client is begun with, for the signal to reach it.
    """
    usual: Dict[int, Any] = {}
    told: List[str] = []
    begun: List[Client] = []

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def stop(number: int, frame: Any) -> None:
        restore()
        told.append(signal.Signals(number).name)
        for client in begun:
            client.stop(told[0])

    def begin(client: Client) -> Client:
        begun.append(client)
        if told:
            client.stop(told[0])
        return client

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # What the caller ignores, as nohup does, stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            usual[number] = signal.signal(number, stop)
    try:
        yield begin
    finally:
        restore()


def run_reader(
    spec: Dict[str, Any],
    answer: Callable[..., Tuple[Row, Optional[str]]],
    check: Callable[[Mapping[str, Any], List[str]], Any] = lambda params, warnings: None,
    asks: Callable[[Any], bool] = lambda checked: True,
    failed: Callable[[Mapping[str, Any], str], Row] = lambda params, problem: {},
) -> None:
    """Run a module that only reads Atlas.

    ``check`` gets the options (``check_mode`` and ``run_command`` among them) and a list for warnings, before any
    request. ``answer`` gets the options, the client, the list and what ``check`` returned; it returns the result, and
    what to fail with if that is incomplete. Both may raise `Refusal`. ``asks`` tells from what ``check`` returned
    whether Atlas is to be asked anything; if not, no credential is needed, and the client is None. ``failed`` gets the
    options and the sentence of a run that came to nothing, freed of secrets; it returns a result.
    """
    module = Module({**AUTH_SPEC, **spec}, supports_check_mode=True)
    run_command = partial(module.run_command, handle_exceptions=False)
    params = {**module.params, "check_mode": module.check_mode, "run_command": run_command}
    warnings: List[str] = []
    result: Row = {}
    with stoppable() as begin:
        try:
            checked = check(params, warnings)
            if asks(checked):
                with begin(connect(module)) as client, _uncollected():
                    result, problem = answer(params, client, warnings, checked)
                    warnings += client.waiting_warnings()
                    if client.stopped_by:
                        problem = f"interrupted by {client.stopped_by}"
            else:
                result, problem = answer(params, None, warnings, checked)
        except (Refusal, AtlasError, OSError) as error:
            problem = str(error)
            result = failed(params, module.masked(problem))
        end(module, {"changed": False, **result}, warnings, problem)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Many small objects and hardly a cycle: looking for garbage among them costs a tenth of a large review."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def end(module: AnsibleModule, result: Row, warnings: List[str], problem: Optional[str]) -> None:
    # Older Ansible adds all options to a result, however long they are, unless something stands in that place.
    if len(str(module.params)) > OF_OPTIONS:
        short = {name: value if len(str(value)) < 1000 else "left out" for name, value in module.params.items()}
        result = {**result, "invocation": {"module_args": short}}
    for warning in warnings:
        module.warn(cut(readable(warning)))
    if problem:
        module.fail_json(msg=cut(readable(problem), 10_000), **result)
    module.exit_json(**result)
