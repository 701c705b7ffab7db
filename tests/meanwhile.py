# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens between two requests of a module: somebody else acts, or it is told to stop."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from ansible_collections.atlasops.access.plugins.module_utils._client import Client


def before(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any], method: str, path: str = "", nth: int = 1
) -> list[str]:
    """Act once, right before the nth request whose path holds this one; returns the paths that matched."""
    send = Client._send
    seen: list[str] = []

    def sending(self: Client, verb: str, where: str, *rest: Any, **named: Any) -> Any:
        if verb == method and path in where:
            seen.append(where)
            if len(seen) == nth:
                act()
        return send(self, verb, where, *rest, **named)

    monkeypatch.setattr(Client, "_send", sending)
    return seen


def after(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any], method: str, path: str = "", nth: int = 1) -> None:
    """Act once, right after the nth such request was answered."""
    send = Client._send
    seen: list[str] = []

    def sending(self: Client, verb: str, where: str, *rest: Any, **named: Any) -> Any:
        reply = send(self, verb, where, *rest, **named)
        if verb == method and path in where:
            seen.append(where)
            if len(seen) == nth:
                act()
        return reply

    monkeypatch.setattr(Client, "_send", sending)


def gives(sim: Any, project: str, email: str, *roles: str) -> Callable[[], Any]:
    """Somebody else makes these the roles of somebody, who may not be a member yet."""

    def change(world: Any) -> None:
        world.project(project).members[world.user(email).id] = roles

    return lambda: sim.change(change)


def takes_out(sim: Any, project: str, email: str) -> Callable[[], Any]:
    """Somebody else ends a membership."""
    return lambda: sim.change(lambda world: world.project(project).members.pop(world.user(email).id))


def leaves(sim: Any, email: str) -> Callable[[], Any]:
    """Somebody leaves the organization, and all its projects."""

    def change(world: Any) -> None:
        user = world.user(email)
        for project in world.projects.values():
            project.members.pop(user.id, None)
        for org in world.orgs.values():
            org.drop_user(user)

    return lambda: sim.change(change)
