# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One running Atlas: its state and everything that can be turned; all of it goes back to the start with `reset`."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from .auth import Digest, Tokens
from .faults import Faults
from .knobs import Knobs
from .limits import Buckets, Window
from .loading import Source, build, load_world
from .world import Roles, User, World


class Request(NamedTuple):
    """One request as it was served. `status` 0 means that no answer was sent."""

    wall: float
    monotonic: float
    method: str
    path: str
    query: str
    status: int
    project_id: str | None
    credential: str | None
    connection: int
    fault: str | None
    duration: float

    @property
    def is_write(self) -> bool:
        return self.method != "GET" and not self.path.startswith("/api/oauth/")


class Service:
    def __init__(self, source: Source, knobs: dict[str, Any]) -> None:
        self._data = load_world(source)
        self._given_knobs = knobs
        self.requests: list[Request] = []
        self.reset()

    def reset(self) -> None:
        self.world: World = build(self._data)
        self.knobs = Knobs()
        self.knobs.update({**self.world.knobs, **self._given_knobs})
        self.buckets = Buckets(self.world.limits)
        self.tokens = Tokens(self.world, self.knobs)
        self.digest = Digest(self.world, self.knobs)
        self.faults = Faults()
        self.invitations: dict[str, Window] = {}
        self.requests.clear()

    def state(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Who is in which project: project name -> username -> id, status, roles."""
        return {
            project.name: {
                user.username: {"id": user.id, "status": user.status, "roles": sorted(roles)}
                for user_id, roles in project.members.items()
                for user in (project.org.users[user_id],)
            }
            for project in self.world.projects.values()
        }

    def directory(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Who is in which team and organization, as `state` tells of projects; in a team nobody has roles."""
        found = {}
        for org in self.world.orgs.values():
            people = {user.id: user for user in org.users.values()}
            found[org.name] = {user.username: _shown(user, user.org_roles) for user in people.values()}
            for team in org.teams.values():
                found[team.name] = {people[key].username: _shown(people[key], ()) for key in team.members}
        return found

    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.is_write]

    def live_tokens(self) -> int:
        return self.tokens.live(time.time())


def _shown(user: User, roles: Roles) -> dict[str, Any]:
    return {"id": user.id, "status": user.status, "roles": sorted(roles)}
