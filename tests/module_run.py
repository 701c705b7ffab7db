# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run modules as AnsibleModule runs them, in this process."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common import warnings as module_warnings

from simulator import Simulator

try:
    # Since ansible-core 2.22 a result comes with its secrets, and the controller masks them.
    from ansible.module_utils.secrets import mask_secrets
except ImportError:
    mask_secrets = str

MODULES = "ansible_collections.atlasops.access.plugins.modules"
SMALL = {"access_token": "small-token"}


class Result(dict):
    """What a module returned; `rc` is 0 or 1, `output` all that it printed."""

    rc: int
    output: str

    @property
    def failed(self) -> bool:
        return bool(self.get("failed"))

    def __missing__(self, key: str) -> Any:
        """A red test shows what came instead of a `KeyError`."""
        raise AssertionError(f"the result has no {key!r}; rc {self.rc}, {self.get('msg') or dict(self)}")


def run_module(name: str, sim: Simulator | None = None, check: bool = False, **options: Any) -> Result:
    """Run a module in this process, with its options as the controller would send them."""
    if sim is not None:
        options = {"base_url": sim.url, "timeout": 5, "max_wait": 20, **options}
    if sim is not None and not any(key in options for key in ("client_id", "public_key", "access_token")):
        options.update(SMALL)
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/tmp"}
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}, default=str).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    # Newer Ansible prints a module's warnings itself where its controller can be imported, as it can here.
    if hasattr(module_warnings, "_internal"):
        module_warnings._internal.is_controller = False
    for kept in (module_warnings._global_warnings, module_warnings._global_deprecations):
        kept.clear()
    module = importlib.import_module(f"{MODULES}.{name}")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as ended:
        module.main()
    output = mask_secrets(printed.getvalue())
    result = Result(json.loads(output.strip().splitlines()[-1]))
    result.rc, result.output = int(ended.value.code or 0), output
    result["warnings"] = [_text(warning) for warning in result.get("warnings", [])]
    for name in ("invocation", "_ansible_new_secrets"):
        result.pop(name, None)
    return result


def _text(warning: Any) -> str:
    """A warning's text: newer Ansible returns them as records."""
    return warning if isinstance(warning, str) else warning["event"]["msg"]
