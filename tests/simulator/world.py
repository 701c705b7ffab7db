# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state: organizations with people, teams, projects and credentials.

A person has one id and one status in the whole organization. A membership is an entry in `Project.members`:
user id -> project roles.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

DAY = 86400.0
INVITATION_DAYS = 30
STATUSES = ("ACTIVE", "PENDING", "INVITATION_EXPIRED", "INVITATION_REJECTED")
VISIBLE_STATUSES = ("ACTIVE", "PENDING")
IMPLICIT_ROLES = {"ORG_OWNER": "GROUP_OWNER", "ORG_READ_ONLY": "GROUP_READ_ONLY"}

Roles = tuple[str, ...]


def derive(*names: str) -> str:
    """A 24 digit id that is always the same for the same names."""
    return hashlib.sha1("/".join(names).encode()).hexdigest()[:24]


@dataclass
class User:
    id: str
    username: str
    status: str
    org_roles: Roles
    created_at: float
    last_auth: float | None
    first_name: str
    last_name: str
    country: str | None
    invited_at: float
    inviter: str


@dataclass
class Team:
    id: str
    name: str
    members: list[str] = field(default_factory=list)


@dataclass
class LegacyInvitation:
    """An invitation made by the deprecated endpoint: not a membership, and invisible to the current endpoints."""

    id: str
    username: str
    roles: Roles
    created: float
    inviter: str


@dataclass
class Project:
    id: str
    name: str
    org: Organization
    created: float
    tags: dict[str, str]
    members: dict[str, Roles] = field(default_factory=dict)
    teams: dict[str, Roles] = field(default_factory=dict)
    legacy: dict[str, LegacyInvitation] = field(default_factory=dict)
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    past: list[tuple[float, dict[str, Roles]]] = field(default_factory=list)
    pages: dict[Any, bytes] = field(default_factory=dict)


@dataclass
class Secret:
    """What is known of a secret of a service account; a time of None is none."""

    id: str
    created: float
    expires: float
    last_used: float | None


@dataclass
class Credential:
    """A service account or an API key; it belongs to one organization. Keys have no secrets that are told of."""

    kind: str
    id: str
    secret: str
    org: Organization
    name: str
    role: str
    read_only: bool
    projects: dict[str, Roles]
    created: float
    access_tokens: Roles
    secrets: list[Secret] = field(default_factory=list)
    system_managed: bool = False

    def roles_in(self, project: Project) -> Roles:
        """The project roles it acts with; none means that it does not see the project."""
        if project.org is not self.org:
            return ()
        roles = self._given(project)
        return ("GROUP_READ_ONLY",) if roles and self.read_only else roles

    def _given(self, project: Project) -> Roles:
        """What its role in the organization implies, and the projects that it was added to."""
        implicit = (IMPLICIT_ROLES[self.role],) if self.role in IMPLICIT_ROLES else ()
        return tuple(dict.fromkeys(implicit + self.projects.get(project.id, ())))

    @property
    def of_single_projects(self) -> bool:
        """Made in a project: an Organization Member that was added to projects."""
        return bool(self.projects) and self.role not in IMPLICIT_ROLES


@dataclass
class Organization:
    id: str
    name: str
    users: dict[str, User] = field(default_factory=dict)
    by_email: dict[str, str] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    cache: dict[Any, Any] = field(default_factory=dict)
    encoded_people: dict[str, str] = field(default_factory=dict)
    # What was before each of the last writes: when it was written, the people, and the members of the teams.
    past: list[tuple[float, dict[str, User], dict[str, list[str]]]] = field(default_factory=list)
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def user(self, email: str) -> User | None:
        user_id = self.by_email.get(email.lower())
        return self.users[user_id] if user_id else None

    def add_user(self, user: User) -> User:
        self.users[user.id] = user
        self.by_email[user.username.lower()] = user.id
        return user

    def remember(self, now: float, lag: float) -> None:
        """How it is before a write, for listings that lag."""
        if lag:
            self.past = [entry for entry in self.past if entry[0] + lag > now]
            self.past.append((now, dict(self.users), {team.id: team.members for team in self.teams.values()}))

    def seen(self, now: float, lag: float) -> tuple[dict[str, User], dict[str, list[str]]]:
        """The people, and the members of the teams, as a listing shows them: with a lag, those of before."""
        for written, users, teams in self.past:
            if lag and written + lag > now:
                return users, teams
        return self.users, {team.id: team.members for team in self.teams.values()}

    def drop_user(self, user: User) -> None:
        """Out of the organization and its teams; who calls this has taken the person out of the projects.

        The email leads to another account of it, if there is one."""
        del self.users[user.id]
        email = user.username.lower()
        others = [one.id for one in self.users.values() if one.username.lower() == email]
        self.by_email.pop(email, None)
        if others:
            self.by_email[email] = others[0]
        for team in self.teams.values():
            team.members = [member for member in team.members if member != user.id]


@dataclass
class World:
    orgs: dict[str, Organization] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    service_accounts: dict[str, Credential] = field(default_factory=dict)
    api_keys: dict[str, Credential] = field(default_factory=dict)
    knobs: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)

    def project(self, name: str) -> Project:
        """By name (or id); the first one, where several organizations use the name."""
        found = self.projects.get(name) or next((p for p in self.projects.values() if p.name == name), None)
        if found is None:
            raise KeyError(f"No project named {name!r} in this world")
        return found

    def user(self, email: str) -> User:
        found = next((user for org in self.orgs.values() if (user := org.user(email))), None)
        if found is None:
            raise KeyError(f"Nobody named {email!r} in this world")
        return found

    def changed(self, project: Project) -> None:
        """Encoded answers about this project are no longer true."""
        project.pages.clear()
        project.org.cache.clear()

    def changed_people(self, org: Organization) -> None:
        """Somebody's status changed: that shows in every project of the organization."""
        org.encoded_people.clear()
        for project in org.projects.values():
            self.changed(project)
