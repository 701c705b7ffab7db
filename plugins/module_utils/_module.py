# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one runner of the modules that write, and what all modules share. The only file that knows AnsibleModule.

Private to this collection.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from . import _atlas as atlas
from ._access import (
    ACTIVE,
    OWNER,
    PENDING,
    Access,
    Entry,
    Member,
    Person,
    Project,
    Refusal,
    LAPSED,
    Roles,
    Step,
    Team,
    Way,
    access_of,
    active_owners,
    by_key,
    check_roles,
    check_user,
    difference,
    indirect_ways,
    is_id,
    keys_of,
    owned_by_team,
    plan,
    replay,
    select_projects,
    ways_by_roles,
)
from ._client import DEFAULT_URL, REQUESTS_ERROR, AtlasError, Client, Work, check_base_url, choose_credential

Params = Mapping[str, Any]
Row = Dict[str, Any]

ENVIRONMENT = {
    "access_token": ("MONGODB_ATLAS_ACCESS_TOKEN",),
    "client_id": ("MONGODB_ATLAS_CLIENT_ID",),
    "client_secret": ("MONGODB_ATLAS_CLIENT_SECRET",),
    "public_key": ("MONGODB_ATLAS_PUBLIC_API_KEY", "MONGODB_ATLAS_PUBLIC_KEY"),
    "private_key": ("MONGODB_ATLAS_PRIVATE_API_KEY", "MONGODB_ATLAS_PRIVATE_KEY"),
    "base_url": ("MONGODB_ATLAS_BASE_URL",),
}
SECRETS = ("access_token", "client_secret", "private_key")
CREDENTIALS = ("access_token", "client_id", "client_secret", "public_key", "private_key")

AUTH_SPEC: Dict[str, Any] = {
    "access_token": {"type": "str", "no_log": True},
    "client_id": {"type": "str"},
    "client_secret": {"type": "str", "no_log": True},
    "public_key": {"type": "str", "no_log": False},
    "private_key": {"type": "str", "no_log": True},
    "base_url": {"type": "str"},
    "timeout": {"type": "float", "default": 30},
    "max_connections": {"type": "int", "default": 8},
    "max_wait": {"type": "float", "default": 300},
}

# Whom and what the two modules that write are about. Rows are checked by `_row_asked`: any row of ours may come in.
TARGET_SPEC: Dict[str, Any] = {
    "projects": {"type": "list", "elements": "str", "aliases": ["project", "project_id", "project_name"]},
    "users": {"type": "list", "elements": "str", "aliases": ["user", "username", "user_id"]},
    "roles": {"type": "list", "elements": "str", "aliases": ["role"]},
    "memberships": {"type": "list", "elements": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "exclusive": {"type": "bool", "default": False},
    "allow_no_owner": {"type": "bool", "default": False},
}

# What rows of the other modules hold beside project, user and roles.
_ROW_KEYS = frozenset(
    "project project_id user user_id roles status via last_auth created_at invitation_created_at invitation_expires_at "
    "inviter rules reasons action residual_access expires reason".split()
)


# --- shared by all modules -------------------------------------------------------------------------------------------


def texts(values: Optional[Sequence[str]]) -> Optional[List[str]]:
    """A list option without blanks, its lines taken apart (as AWX surveys give them).

    None when it was not given, or given as an empty string only.
    """
    if values is None:
        return None
    kept = [line.strip() for value in values for line in str(value).splitlines() if line.strip()]
    return None if values and not kept else kept


def connect(module: AnsibleModule) -> Client:
    """The client for a module's options. Fails the module, before any request, when they don't make sense."""
    if REQUESTS_ERROR:
        module.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_ERROR)
    options = {name: _option(module, name) for name in ENVIRONMENT}
    try:
        credential, warnings = choose_credential({name: options[name] for name in CREDENTIALS})
        for name, low in (("timeout", 0), ("max_connections", 0), ("max_wait", -1)):
            if module.params[name] <= low:
                raise ValueError(f"{name}: {module.params[name]} is too small; write {low + 1} or more")
        client = Client(
            credential,
            check_base_url(options["base_url"] or DEFAULT_URL),
            module.params["timeout"],
            module.params["max_connections"],
            module.params["max_wait"],
            f"Ansible/{module.ansible_version} Python/{platform.python_version()}",
        )
    except ValueError as error:
        module.fail_json(msg=str(error))
    for warning in warnings:
        module.warn(warning)
    return client


def _option(module: AnsibleModule, name: str) -> Optional[str]:
    """An option, else the first of its environment variables that is not empty."""
    value = module.params[name] or next((os.environ[env] for env in ENVIRONMENT[name] if os.environ.get(env)), None)
    if value and name in SECRETS:
        module.no_log_values.add(value)
    return value


def waiting_warnings(client: Client) -> List[str]:
    """Tell of long waits, which otherwise look like a hanging task."""
    if client.longest_wait < 10:
        return []
    return [f"Atlas limits the rate of requests: one call waited {client.longest_wait:.0f} s"]


def row(project: Project, member: Member, roles: Optional[Roles] = None) -> Row:
    """A membership as the modules return it; other roles than the member's may be given."""
    return {
        "project": project.name,
        "project_id": project.id,
        "user": member.user,
        "user_id": member.user_id,
        "status": member.status,
        "roles": sorted(member.roles if roles is None else roles),
    }


def run_reader(
    spec: Dict[str, Any],
    answer: Callable[..., Tuple[Row, Optional[str]]],
    check: Callable[[Params, List[str]], Any] = lambda params, warnings: None,
) -> None:
    """Run a module that only reads Atlas.

    ``check`` gets the options and a list for warnings, before any request. ``answer`` gets the options, the client,
    the list and what ``check`` returned; it returns the result, and what to fail with if that is incomplete. Both may
    raise `Refusal`.
    """
    module = AnsibleModule({**AUTH_SPEC, **spec}, supports_check_mode=True)
    warnings: List[str] = []
    result: Row = {}
    try:
        checked = check(module.params, warnings)
        with connect(module) as client:
            result, problem = answer(module.params, client, warnings, checked)
            warnings += waiting_warnings(client)
    except (Refusal, AtlasError, OSError) as error:
        problem = str(error)
    for warning in warnings:
        module.warn(warning)
    if problem:
        module.fail_json(msg=problem, **result)
    module.exit_json(changed=False, **result)


def projects_in_scope(
    visible: Sequence[Project],
    projects: Optional[Sequence[str]],
    exclude: Optional[Sequence[str]] = None,
    tags: Optional[Mapping[str, Any]] = None,
) -> List[Project]:
    """The projects that a reading module is about: all visible ones unless some are named, less those excluded.

    Raises `Refusal` for unknown names, and when nothing is visible at all: a credential that sees no project can't
    tell who is in which.
    """
    named = texts(projects)
    chosen = select_projects(["*"] if named is None else named, visible)
    excluded = {project.id for pattern in texts(exclude) or [] for project in select_projects([pattern], visible)}
    return [
        project
        for project in chosen
        if project.id not in excluded
        and all(project.tags.get(key) == str(value) for key, value in (tags or {}).items())
    ]


def entry_row(project: Project, entry: Entry) -> Row:
    """A membership as the modules that read return it."""
    member = entry.member
    return {
        **row(project, member),
        "via": [{"kind": way.kind, "name": way.name, "roles": sorted(way.roles)} for way in entry.ways],
        "last_auth": member.last_auth,
        "created_at": member.created_at,
        "invitation_created_at": member.invitation_created_at,
        "invitation_expires_at": member.invitation_expires_at,
        "inviter": member.inviter,
    }


# --- what a task asks for --------------------------------------------------------------------------------------------


def _asked(params: Params, warnings: List[str]) -> List[Tuple[str, str, Roles]]:
    """The options as (project, user, roles), all checked. Raises `Refusal`."""
    projects, users = texts(params["projects"]), texts(params["users"])
    if params["memberships"] is not None:
        if projects is not None or users is not None:
            raise Refusal("memberships names projects and users itself; leave out projects and users, or memberships")
        asked = [_row_asked(given, params) for given in params["memberships"]]
    else:
        if projects is None or users is None:
            missing = "projects and users" if projects is users else "projects" if projects is None else "users"
            raise Refusal(f"{missing} missing: say which users in which projects, or give memberships")
        roles = frozenset(texts(params["roles"]) or ())
        asked = [(project, user, roles) for project in projects for user in users]
    if params["exclusive"] and params["state"] == "absent":
        raise Refusal("exclusive goes with state=present; leave it out to take access away from the users named")
    if params["exclusive"] and not asked:
        raise Refusal("exclusive with an empty list would take everybody out; name at least one user and project")
    for user in {user for _project, user, _roles in asked}:
        check_user(user)
    warnings += check_roles(role for _project, _user, roles in asked for role in roles)
    if params.get("fallback_role"):
        warnings += check_roles([params["fallback_role"]], "fallback_role")
    return asked


def _row_asked(given: Mapping[str, Any], params: Params) -> Tuple[str, str, Roles]:
    unknown = sorted(set(given) - _ROW_KEYS)
    if unknown:
        raise Refusal(f"memberships: '{unknown[0]}' is not a key of a membership; write project, user and roles")
    project = given.get("project_id") or given.get("project")
    user = given.get("user") or given.get("user_id")
    roles = given.get("roles") or []
    if not isinstance(project, str) or not isinstance(user, str):
        raise Refusal(f"memberships: {dict(given)} lacks a project or a user; write {{project: ..., user: ..., roles: [...]}}")
    if isinstance(roles, str):
        roles = [roles]
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise Refusal(f"memberships: the roles of {user} in {project} are not a list of role names")
    return project.strip(), user.strip(), frozenset(texts(roles) or ())


# --- the runner ------------------------------------------------------------------------------------------------------


@dataclass
class Case:
    """One project of a run: what is asked of it, what was read, planned and done."""

    project: Project
    asked: Dict[str, Roles] = field(default_factory=dict)
    spelled: Dict[str, str] = field(default_factory=dict)
    error: Optional[AtlasError] = None
    members: Dict[str, Member] = field(default_factory=dict)
    wanted: Dict[str, Roles] = field(default_factory=dict)
    before: Access = field(default_factory=dict)
    steps: List[Step] = field(default_factory=list)
    outcomes: List[Tuple[str, Optional[AtlasError]]] = field(default_factory=list)

    def taken(self) -> List[Step]:
        """The steps that were done, or in check mode would be."""
        return [step for step, (status, _error) in zip(self.steps, self.outcomes) if status in ("planned", "done")]

    def ask(self, user: str, roles: Roles) -> None:
        key = user.lower()
        self.asked[key] = self.asked.get(key, frozenset()) | roles
        self.spelled.setdefault(key, user)


Desired = Callable[[Params, Access], Access]


def run(spec: Dict[str, Any], check: Callable[[Params], None], desired: Desired, removes: bool = False) -> None:
    """Run a module that writes: read, ask what should be, plan, guard, apply unless in check mode, report.

    ``check`` gets the options before any request. ``desired`` gets the options, with ``users`` as a map from user to
    roles for one project, and the access that the project has; it returns the access that it should have. Both
    raise `Refusal`. A module that ``removes`` reports residual access.
    """
    module = AnsibleModule({**AUTH_SPEC, **TARGET_SPEC, **spec}, supports_check_mode=True)
    warnings: List[str] = []
    cases: List[Case] = []
    residual: List[Row] = []
    problem = None
    try:
        check(module.params)
        asked = _asked(module.params, warnings)
        if asked:
            with connect(module) as client:
                cases += _cases(client, asked)
                _read(client, cases, module.params, warnings)
                refusals = _plan(cases, module.params, desired)
                known = _organization(client, cases)
                if not module.params["allow_no_owner"]:
                    refusals += _owner_refusals(client, cases, known)
                if refusals:
                    raise Refusal("nothing was written. " + "; ".join(sorted(refusals)))
                _apply(client, cases, module.check_mode)
                residual += _residual(client, cases, known, warnings)
                warnings += waiting_warnings(client)
    except (Refusal, AtlasError) as error:
        problem = str(error)
    _report(module, cases, residual if removes else None, warnings, problem)


def _cases(client: Client, asked: Iterable[Tuple[str, str, Roles]]) -> List[Case]:
    """The projects that the task is about, ordered by name. Raises `Refusal` for unknown ones."""
    visible = client.run(atlas.projects(client))
    chosen: Dict[str, List[Project]] = {}
    cases: Dict[str, Case] = {}
    for pattern, user, roles in asked:
        if pattern not in chosen:
            chosen[pattern] = select_projects([pattern], visible)
        for project in chosen[pattern]:
            cases.setdefault(project.id, Case(project)).ask(user, roles)
    return sorted(cases.values(), key=lambda case: (case.project.name, case.project.id))


def _read(client: Client, cases: Sequence[Case], params: Params, warnings: List[str]) -> None:
    legacy = bool(params.get("legacy_invitations")) and params["state"] == "absent"
    works = [_read_one(client, case.project, legacy) for case in cases]
    for case, answer in zip(cases, client.together(works)):
        if isinstance(answer, AtlasError):
            case.error = answer
            continue
        members, unread = answer
        case.members = by_key(members)
        case.before = access_of(case.members)
        if unread:
            warnings.append(f"{case.project.name}: {unread}")


def _read_one(client: Client, project: Project, legacy: bool) -> Work[Tuple[List[Member], str]]:
    """The members, with the legacy invitations if wanted, and what to say when those can't be read."""
    members = yield from atlas.members(client, project)
    if not legacy:
        return members, ""
    try:
        return members + (yield from atlas.legacy_invitations(client, project)), ""
    except AtlasError as error:
        if error.status == 410:
            return members, "Atlas no longer has the endpoint for legacy invitations (410); leave out legacy_invitations"
        if error.status not in (401, 403):
            raise
        return members, f"legacy invitations could not be read, so some may remain; that needs Project Owner ({error})"


def _plan(cases: Sequence[Case], params: Params, desired: Desired) -> List[str]:
    """Plan all projects; what speaks against it, everywhere."""
    refusals = []
    for case in cases:
        if case.error:
            continue
        try:
            case.wanted = _wanted(case, params)
            after = desired({**params, "users": case.wanted}, case.before)
        except Refusal as refusal:
            refusals.append(f"{case.project.name}: {refusal}")
        else:
            case.steps = plan(case.before, after)
    return refusals


def _wanted(case: Case, params: Params) -> Dict[str, Roles]:
    """What is asked for, by the keys that the users have in this project."""
    wanted: Dict[str, Roles] = {}
    for name, roles in case.asked.items():
        keys = keys_of(name, case.members)
        if not keys and params["state"] == "present":
            raise Refusal(f"nobody here has the user id {name}; name the person by email")
        wanted.update((key, roles) for key in keys)
    return wanted


def _apply(client: Client, cases: Sequence[Case], check_mode: bool) -> None:
    if check_mode:
        for case in cases:
            case.outcomes = [("planned", None) for _step in case.steps]
        return
    client.together([_apply_one(client, case) for case in cases if case.steps])


def _apply_one(client: Client, case: Case) -> Work[None]:
    """Take a project's steps one after the other; after one that failed the others are skipped."""
    for step in case.steps:
        try:
            yield from atlas.apply(client, case.project, step, case.members[step.user])
        except AtlasError as error:
            case.outcomes.append(("failed", error))
            break
        case.outcomes.append(("done", None))
    case.outcomes += [("skipped", None)] * (len(case.steps) - len(case.outcomes))


# --- people in the organization: who owns, who is invited, and who still gets in -------------------------------------


@dataclass
class Organization:
    """What the credential may know of the organizations; ``people`` is None for one that it may not read."""

    people: Dict[str, Optional[Dict[str, Person]]]
    teams: Dict[str, Union[List[Team], AtlasError]] = field(default_factory=dict)
    names: Dict[str, Dict[str, str]] = field(default_factory=dict)

    def person(self, project: Project, key: str) -> Optional[Person]:
        return (self.people.get(project.org_id) or {}).get(key)


def _organization(client: Client, cases: Sequence[Case]) -> Organization:
    """Read who is in the organization and in which teams, where people come, go, or leave a project without an owner.

    People to be added become members as the organization knows them: somebody ACTIVE gets in at once, everybody else
    is invited.
    """
    moving = [case for case in cases if _moves(case) or _loses_owners(case)]
    orgs = sorted({case.project.org_id for case in moving})
    listings = client.together([atlas.people(client, org) for org in orgs])
    known = Organization({org: None if isinstance(found, AtlasError) else found for org, found in zip(orgs, listings)})
    for case in moving:
        for step in case.steps:
            if step.action == "add":
                case.members[step.user] = _newcomer(known, case, step)
    _read_teams(client, known, moving)
    return known


def _moves(case: Case) -> bool:
    return any(step.action in ("add", "remove") for step in case.steps)


def _loses_owners(case: Case) -> bool:
    """Whether the plan takes the last direct ACTIVE owner."""
    after = replay(case.before, case.steps)
    return bool(active_owners(case.before, case.members)) and not active_owners(after, case.members)


def _owner_refusals(client: Client, cases: Sequence[Case], known: Organization) -> List[str]:
    """Projects that would lose their last ACTIVE owner, teams with the owner role counted."""
    refusals = []
    for case in cases:
        if not _loses_owners(case):
            continue
        owned = _owned_by_others(client, case, known)
        if isinstance(owned, AtlasError):
            case.error, case.steps = owned, []
        elif not owned:
            owners = ", ".join(case.members[key].user for key in active_owners(case.before, case.members))
            refusals.append(
                f"{case.project.name}: this would leave the project without an ACTIVE owner, which {owners} is now; "
                f"make somebody else {OWNER} first, or set allow_no_owner"
            )
    return refusals


def _owned_by_others(client: Client, case: Case, known: Organization) -> Union[bool, AtlasError]:
    people = known.people[case.project.org_id]
    if people is None:
        return client.together([atlas.owned_indirectly(client, case.project, case.members.values())])[0]
    teams = known.teams[case.project.id]
    return teams if isinstance(teams, AtlasError) else owned_by_team(teams, people.values())


def _newcomer(known: Organization, case: Case, step: Step) -> Member:
    person = known.person(case.project, step.user)
    email = case.members[step.user].user if step.user in case.members else case.spelled[step.user]
    if known.people[case.project.org_id] is None:
        return Member(email, None, None, frozenset(step.roles))
    if person is None:
        return Member(email, None, PENDING, frozenset(step.roles))
    return Member(email, person.user_id, ACTIVE if person.status == ACTIVE else PENDING, frozenset(step.roles))


def _read_teams(client: Client, known: Organization, cases: Sequence[Case]) -> None:
    """Read the teams of the projects from which the last owner goes, or somebody who is in a team."""
    readable = [case for case in cases if known.people[case.project.org_id] is not None]
    in_teams = [case for case in readable if any(_in_team(known, case, key) for key in _removed(case.steps, case))]
    touched = in_teams + [case for case in readable if _loses_owners(case) and case not in in_teams]
    for case, found in zip(touched, client.together([atlas.teams(client, case.project) for case in touched])):
        known.teams[case.project.id] = found
    orgs = sorted({case.project.org_id for case in in_teams if known.teams[case.project.id]})
    for org, names in zip(orgs, client.together([atlas.team_names(client, org) for org in orgs])):
        known.names[org] = {} if isinstance(names, AtlasError) else names


def _in_team(known: Organization, case: Case, key: str) -> bool:
    person = known.person(case.project, key)
    return bool(person and person.team_ids)


def _removed(steps: Iterable[Step], case: Case) -> List[str]:
    return [step.user for step in steps if step.action == "remove" and not case.members[step.user].legacy]


def _residual(client: Client, cases: Sequence[Case], known: Organization, warnings: List[str]) -> List[Row]:
    """How people who were removed still get in, with a warning for each."""
    rows: List[Row] = []
    unlisted = []
    for case in cases:
        gone = _removed(case.taken(), case)
        teams = known.teams.get(case.project.id, [])
        if gone and known.people[case.project.org_id] is None:
            unlisted.append(case)
        elif isinstance(teams, AtlasError):
            warnings.append(_unchecked(case, teams))
        else:
            names = known.names.get(case.project.org_id, {})
            for key in gone:
                ways = indirect_ways(known.person(case.project, key), teams, names)
                rows += _residual_rows(case, key, ways)
    for case, found in zip(unlisted, client.together([_still_in(client, case) for case in unlisted])):
        if isinstance(found, AtlasError):
            warnings.append(_unchecked(case, found))
        else:
            rows += found
    rows.sort(key=lambda row: (row["project"], row["project_id"], row["user"]))
    warnings += [_residual_warning(row) for row in rows]
    return rows


def _still_in(client: Client, case: Case) -> Work[List[Row]]:
    """The same for a credential that may not read the organization: one flattened listing of the project.

    In check mode the direct membership still stands, so that only roles beyond it prove another way in.
    """
    everybody = by_key((yield from atlas.flattened(client, case.project)))
    done = {step.user: status == "done" for step, (status, _error) in zip(case.steps, case.outcomes)}
    found = {key: everybody[key] for key in _removed(case.taken(), case) if key in everybody}
    teams = (yield from atlas.teams(client, case.project)) if found else []
    rows: List[Row] = []
    for key, member in found.items():
        ways = ways_by_roles(member.roles, frozenset() if done[key] else case.members[key].roles, teams)
        rows += _residual_rows(case, key, ways)
    return rows


def _residual_rows(case: Case, key: str, ways: Iterable[Way]) -> List[Row]:
    return [
        {
            "project": case.project.name,
            "project_id": case.project.id,
            "user": case.members[key].user,
            "via": way.kind,
            "name": way.name,
            "roles": sorted(way.roles),
        }
        for way in ways
    ]


def _residual_warning(row: Row) -> str:
    through = f"the {row['via']}{' ' + row['name'] if row['name'] else ''}"
    roles = f" ({', '.join(row['roles'])})" if row["roles"] else ""
    return f"{row['user']} still gets into {row['project']} through {through}{roles}; removing the membership does not end that"


def _unchecked(case: Case, error: AtlasError) -> str:
    return f"{case.project.name}: whether removed people still get in could not be checked: {error}"


# --- the report ------------------------------------------------------------------------------------------------------


def _report(
    module: AnsibleModule,
    cases: Sequence[Case],
    residual: Optional[List[Row]],
    warnings: Iterable[str],
    problem: Optional[str],
) -> None:
    """End the module with everything that was seen, planned and done."""
    for warning in warnings:
        module.warn(warning)
    actions = [action for case in cases for action in _actions(case)]
    before, after = _diff(cases)
    result: Row = {
        "changed": any(action["status"] in ("planned", "done") for action in actions),
        "actions": actions,
        "memberships": [membership for case in cases for membership in _memberships(case)],
        "diff": {"before": before, "after": after},
    }
    if residual is not None:
        result["residual_access"] = residual
    problem = problem or _failures(cases)
    if problem:
        module.fail_json(msg=problem, **result)
    module.exit_json(**result)


def _actions(case: Case) -> List[Row]:
    if case.error:
        return [_action(case, "read", "failed", error=case.error)]
    return [
        _action(case, step.action, status, case.members[step.user], step.roles, error)
        for step, (status, error) in zip(case.steps, case.outcomes)
    ]


def _action(
    case: Case,
    action: str,
    status: str,
    member: Optional[Member] = None,
    roles: Iterable[str] = (),
    error: Optional[AtlasError] = None,
) -> Row:
    return {
        "project": case.project.name,
        "project_id": case.project.id,
        "user": member.user if member else None,
        "user_id": member.user_id if member else None,
        "action": action,
        "roles": sorted(roles or (member.roles if member else ())),
        "status": status,
        "error": error.as_dict() if error else None,
    }


def _memberships(case: Case) -> List[Row]:
    """The memberships, after the run, of the users named."""
    after = replay(case.before, case.taken())
    return [
        row(case.project, case.members[key], after[key] or case.members[key].roles)
        for key in sorted(case.wanted)
        if key in after
    ]


def _diff(cases: Sequence[Case]) -> Tuple[Row, Row]:
    names = [case.project.name for case in cases]
    before: Row = {}
    after: Row = {}
    for case in cases:
        had, has = difference(case.before, replay(case.before, case.taken()))
        if had or has:
            same_name = names.count(case.project.name) > 1
            name = f"{case.project.name} ({case.project.id})" if same_name else case.project.name
            before[name], after[name] = _spelled(case, had), _spelled(case, has)
    return before, after


def _spelled(case: Case, access: Mapping[str, List[str]]) -> Dict[str, List[str]]:
    """The users as Atlas spells them."""
    return {case.members[key].user if case.members[key].user.lower() == key else key: roles for key, roles in access.items()}


def _failures(cases: Sequence[Case]) -> Optional[str]:
    """What failed in which project; the first few in full."""
    sentences = []
    for case in cases:
        if case.error:
            sentences.append(f"{case.project.name}: its members could not be read: {case.error}")
        for step, (_status, error) in zip(case.steps, case.outcomes):
            if error:
                user = case.members[step.user].user
                what = f"{step.action} {', '.join(step.roles)}" if step.action in ("grant", "revoke") else step.action
                sentences.append(f"{case.project.name}: {what} {user} failed: {error}")
    if not sentences:
        return None
    more = f" (and {len(sentences) - 5} more, see actions)" if len(sentences) > 5 else ""
    return f"{len(sentences)} of {len(cases)} projects failed. " + " ".join(sentences[:5]) + more
