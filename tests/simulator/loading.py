# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Worlds from a short YAML file, a dict, or made up. Reading one twice gives the same ids, derived from names."""

from __future__ import annotations

import re
import time
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any, Iterable, Iterator, Union

import yaml

from .world import (
    DAY,
    STATUSES,
    Credential,
    LegacyInvitation,
    Organization,
    Project,
    Roles,
    Secret,
    Team,
    User,
    World,
    derive,
)

WORLDS = Path(__file__).parent / "worlds"
PERSON = ("id", "org_roles", "teams", "created_at", "last_auth", "first_name", "last_name", "country", "invited", "by")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
GENERATED = re.compile(r"generated:(\d+)x(\d+)((?:,[a-z]+=\d+)*)")
INVITED_AS = {"invited": "PENDING", "expired": "INVITATION_EXPIRED", "rejected": "INVITATION_REJECTED"}
INVITED_SINCE = {"PENDING": "-3d", "INVITATION_EXPIRED": "-45d", "INVITATION_REJECTED": "-10d"}
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY}

Source = Union[dict[str, Any], str, Path]


def load_world(source: Source) -> dict[str, Any]:
    """The plain data of a world: from a YAML file, a shipped world by its name (`small`, `demo`), or made up.

    `generated:250x500` is a big one with 250 projects of 500 members; `generated:250x500,each=20,teams=40` says more.
    """
    if isinstance(source, dict):
        return source
    size = GENERATED.fullmatch(str(source))
    if size:
        more = {name: int(value) for name, value in re.findall(r"([a-z]+)=(\d+)", size[3])}
        return generated(projects=int(size[1]), members=int(size[2]), **more)
    path = Path(source)
    if not path.suffix and not path.exists():
        path = WORLDS / f"{source}.yml"
    data = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    if not isinstance(data, dict):
        raise ValueError(f"{path} is no world: it holds no mapping")
    return data


def build(data: dict[str, Any], now: float | None = None) -> World:
    """The live state of a world's data; relative dates count from `now`."""
    moment = time.time() if now is None else now
    world = World(knobs=dict(data.get("knobs") or {}), limits=dict(data.get("limits") or {}))
    _only_keys(data, ("organizations", "knobs", "limits"), "the world")
    for name, entry in (data.get("organizations") or {}).items():
        _add_org(world, str(name), entry or {}, moment)
    return world


def moment_of(value: Any, now: float) -> float:
    """Epoch seconds of `-120d` (also s, m, h), of an ISO date, or of a YAML date."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc).timestamp()
    text = str(value)
    relative = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)([smhd])", text)
    if relative:
        return now + float(relative[1]) * UNITS[relative[2]]
    return moment_of(datetime.fromisoformat(text.replace("Z", "+00:00")), now)


def new_user(email: str, now: float, status: str = "ACTIVE", **given: Any) -> User:
    """A person; what is not given is made up from the address."""
    _only_keys(given, PERSON, email)
    if status not in STATUSES:
        raise ValueError(f"The status of {email} is one of {', '.join(STATUSES)}, not {status!r}")
    first, unused, last = email.split("@")[0].split("+")[0].partition(".")
    last_auth = given.get("last_auth", "-1d")
    return User(
        id=given.get("id") or derive("user", email.lower()),
        username=email,
        status=status,
        org_roles=_roles(given.get("org_roles", "ORG_MEMBER")),
        created_at=moment_of(given.get("created_at", "-400d"), now),
        last_auth=None if last_auth in (None, "never") else moment_of(last_auth, now),
        first_name=given.get("first_name", first.title()),
        last_name=given.get("last_name", last.title() or "Doe"),
        country=given.get("country", "US"),
        invited_at=moment_of(given.get("invited", INVITED_SINCE.get(status, "-400d")), now),
        inviter=given.get("by", "owner@corp.example"),
    )


def _add_org(world: World, name: str, entry: dict[str, Any], now: float) -> None:
    _only_keys(entry, ("id", "service_accounts", "api_keys", "users", "teams", "projects"), name)
    org = Organization(entry.get("id") or derive("organization", name), name)
    world.orgs[org.id] = org
    _add_people(org, entry, now)
    _add_teams(org, entry)
    for project_name, project_entry in (entry.get("projects") or {}).items():
        project = _project(org, str(project_name), project_entry or {}, now)
        org.projects[project.id] = world.projects[project.id] = project
    for kind in ("service_accounts", "api_keys"):
        credentials = world.service_accounts if kind == "service_accounts" else world.api_keys
        for key, given in (entry.get(kind) or {}).items():
            credentials[str(key)] = _credential(org, kind, str(key), given or {}, now)


def _add_people(org: Organization, entry: dict[str, Any], now: float) -> None:
    listed = {str(email).lower(): (given or {}) for email, given in (entry.get("users") or {}).items()}
    details: dict[str, dict[str, Any]] = {}
    spelling: dict[str, str] = {}
    status: dict[str, str] = {}
    for email, claim, given in _mentions(entry):
        key = email.lower()
        spelling.setdefault(key, email)
        details.setdefault(key, {}).update(given)
        claim = listed.get(key, {}).get("status") or claim
        if claim and status.setdefault(key, claim) != claim:
            raise ValueError(f"{email} is {status[key]} and {claim}: a person has one status in an organization")
    for key, email in spelling.items():
        given = {**details[key], **listed.get(key, {}), "status": status.get(key, "ACTIVE")}
        org.add_user(new_user(email, now, **given))


def _mentions(entry: dict[str, Any]) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """Everybody named anywhere in an organization: address, the status that the place implies, invitation details."""
    for email in entry.get("users") or {}:
        yield email, None, {}
    for team in (entry.get("teams") or {}).values():
        for email in (team or {}).get("members") or ():
            yield email, None, {}
    for project in (entry.get("projects") or {}).values():
        for email in (project or {}).get("members") or {}:
            yield email, "ACTIVE", {}
        for place, status in INVITED_AS.items():
            for email, given in ((project or {}).get(place) or {}).items():
                yield email, status, _invitation_details(given)


def _invitation_details(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        return {}
    return {key: given[name] for name, key in (("created", "invited"), ("by", "by")) if name in given}


def _add_teams(org: Organization, entry: dict[str, Any]) -> None:
    for name, given in (entry.get("teams") or {}).items():
        given = given or {}
        _only_keys(given, ("id", "members"), str(name))
        team = Team(given.get("id") or derive("team", org.name, name), name)
        team.members = [org.by_email[email.lower()] for email in given.get("members") or ()]
        org.teams[team.id] = team
    by_name = {team.name: team for team in org.teams.values()}
    for email, given in (entry.get("users") or {}).items():
        for name in (given or {}).get("teams") or ():
            members = by_name[name].members
            if (user_id := org.by_email[email.lower()]) not in members:
                members.append(user_id)


def _project(org: Organization, name: str, entry: dict[str, Any], now: float) -> Project:
    known = ("id", "tags", "created", "members", *INVITED_AS, "teams", "legacy_invitations")
    _only_keys(entry, known, name)
    project = Project(
        id=entry.get("id") or derive("project", org.name, name),
        name=name,
        org=org,
        created=moment_of(entry.get("created", "-500d"), now),
        tags={str(key): str(value) for key, value in (entry.get("tags") or {}).items()},
    )
    for place in ("members", *INVITED_AS):
        for email, given in (entry.get(place) or {}).items():
            roles = given.get("roles") if isinstance(given, dict) else given
            project.members[org.by_email[email.lower()]] = _roles(roles)
    by_name = {team.name: team.id for team in org.teams.values()}
    project.teams = {by_name[team]: _roles(roles) for team, roles in (entry.get("teams") or {}).items()}
    for email, given in (entry.get("legacy_invitations") or {}).items():
        invitation = _legacy_invitation(project, email, given, now)
        project.legacy[invitation.id] = invitation
    return project


def _legacy_invitation(project: Project, email: str, given: Any, now: float) -> LegacyInvitation:
    details = given if isinstance(given, dict) else {"roles": given}
    _only_keys(details, ("id", "roles", "created", "by"), email)
    return LegacyInvitation(
        id=details.get("id") or derive("invitation", project.org.name, project.name, email.lower()),
        username=email,
        roles=_roles(details.get("roles") or "GROUP_READ_ONLY"),
        created=moment_of(details.get("created", "-5d"), now),
        inviter=details.get("by", "owner@corp.example"),
    )


def _credential(org: Organization, kind: str, key: str, given: dict[str, Any], now: float) -> Credential:
    known = ("secret", "private_key", "name", "role", "read_only", "projects", "created", "access_tokens")
    _only_keys(given, (*known, "secrets", "system_managed") if kind == "service_accounts" else known, key)
    created = moment_of(given.get("created", "-90d"), now)
    listed = given.get("projects")
    ids = {project.name: project.id for project in org.projects.values()}
    return Credential(
        kind="service_account" if kind == "service_accounts" else "api_key",
        id=key,
        secret=str(given.get("secret") or given.get("private_key")),
        org=org,
        name=given.get("name", key),
        role=given.get("role", "ORG_OWNER" if listed is None else "ORG_MEMBER"),
        read_only=bool(given.get("read_only", False)),
        projects={ids[name]: _roles(roles) for name, roles in (listed or {}).items()},
        created=created,
        access_tokens=tuple(given.get("access_tokens") or ()),
        secrets=_secrets(key, given, created, now) if kind == "service_accounts" else [],
        system_managed=bool(given.get("system_managed", False)),
    )


def _secrets(key: str, given: dict[str, Any], made: float, now: float) -> list[Secret]:
    """What is told of a service account's secrets; where nothing is given, one of the account's age, never used."""
    rows = given.get("secrets", [{}])
    found = []
    for number, row in enumerate(rows):
        _only_keys(row, ("created", "expires", "last_used"), f"a secret of {key}")
        created = moment_of(row["created"], now) if "created" in row else made
        used = row.get("last_used", "never")
        found.append(
            Secret(
                id=derive("secret", key, str(number)),
                created=created,
                expires=moment_of(row["expires"], now) if "expires" in row else created + 365 * DAY,
                last_used=None if used == "never" else moment_of(used, now),
            )
        )
    return found


def _roles(given: str | Iterable[str] | None) -> Roles:
    if isinstance(given, str):
        return (given,)
    return tuple(dict.fromkeys(given or ()))


def _only_keys(entry: dict[str, Any], known: Iterable[str], where: str) -> None:
    unknown = set(entry) - set(known)
    if unknown:
        raise ValueError(f"Unknown in {where}: {', '.join(sorted(map(str, unknown)))}")


# -- big worlds ------------------------------------------------------------------------------------------------------


def generated(
    projects: int = 250,
    members: int = 500,
    people: int | None = None,
    pending: int = 0,
    owners: int = 2,
    organization: str = "Big Org",
    each: int = 0,
    teams: int = 0,
) -> dict[str, Any]:
    """The data of a big world: `members` people in each project, taken in turn from one pool of `people`.

    The first `owners` members of a project are owners; the last `pending` addresses of the pool have not accepted
    their invitation. Instead of `people`, `each` says in how many projects everybody is. There are so many `teams`,
    each with a role in one project, and everybody is in one. The service account is `mdb_sa_id_` and 24 times `b`, its
    secret `mdb_sa_sk_big`.
    """
    step = members // each if each else 1
    count = projects * step if each else people or max(members, projects + members // 2)
    pool = [f"person{number:05}@corp.example" for number in range(count)]
    users = {email: {"last_auth": f"-{1 + index % 200}d"} for index, email in enumerate(pool)}
    for email in pool[len(pool) - pending :]:
        users[email] = {"status": "PENDING"}
    roles = ("GROUP_READ_ONLY", "GROUP_DATA_ACCESS_READ_ONLY", "GROUP_DATA_ACCESS_READ_WRITE", "GROUP_CLUSTER_MANAGER")

    def of_project(number: int) -> dict[str, Any]:
        chosen = [pool[(number * step + index) % len(pool)] for index in range(members)]
        assigned = range(number, teams, projects)
        return {
            "members": {
                email: ["GROUP_OWNER"] if index < owners else [roles[(number + index) % len(roles)]]
                for index, email in enumerate(chosen)
            },
            "tags": {"env": "prod" if number % 2 else "dev"},
            "teams": {f"team-{team:03}": "GROUP_READ_ONLY" for team in assigned},
        }

    return {
        "organizations": {
            organization: {
                "service_accounts": {
                    "mdb_sa_id_" + "b" * 24: {"secret": "mdb_sa_sk_big", "access_tokens": ["big-token"]}
                },
                "api_keys": {"bigbigbi": {"private_key": "big-private-key"}},
                "users": users,
                "teams": {f"team-{team:03}": {"members": pool[team::teams]} for team in range(teams)},
                "projects": {f"project-{number:03}": of_project(number) for number in range(projects)},
            }
        }
    }
