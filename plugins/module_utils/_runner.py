# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one runner of the modules that write: what is asked for, read, planned, guarded, done and reported.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

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
    keys_of,
    owned_by_team,
    plan,
    replay,
    select_projects,
    ways_by_roles,
)
from ._client import AtlasError, Client, Work

Params = Mapping[str, Any]
Row = Dict[str, Any]
Desired = Callable[[Params, Access], Access]
# Project (name, id or glob), user (email or id), roles.
Asked = Tuple[str, str, Roles]

# What rows of the other modules hold beside project, user and roles.
_ROW_KEYS = frozenset(
    "project project_id user user_id roles status via last_auth created_at invitation_created_at invitation_expires_at "
    "inviter rules reasons action residual_access expires reason".split()
)


# --- rows and scopes, for all modules --------------------------------------------------------------------------------


def texts(values: Optional[Sequence[str]]) -> Optional[List[str]]:
    """A list option without blanks, its lines taken apart (as AWX surveys give them).

    None when it was not given, or given as an empty string only.
    """
    if values is None:
        return None
    kept = [line.strip() for value in values for line in str(value).splitlines() if line.strip()]
    return None if values and not kept else kept


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


# --- what a task asks for --------------------------------------------------------------------------------------------


def asked_of(params: Params, warnings: List[str]) -> List[Asked]:
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
    fallback = params.get("fallback_role")
    if fallback:
        warnings += check_roles([fallback], "fallback_role")
        if params["state"] == "absent" and any(fallback in roles for _project, _user, roles in asked):
            raise Refusal(f"fallback_role: {fallback} is itself to be taken; name another role")
    return asked


def _row_asked(given: Mapping[str, Any], params: Params) -> Asked:
    unknown = sorted(set(given) - _ROW_KEYS)
    if unknown:
        raise Refusal(f"memberships: '{unknown[0]}' is not a key of a membership; write project, user and roles")
    project = given.get("project_id") or given.get("project")
    user = given.get("user") or given.get("user_id")
    roles = given.get("roles") or []
    if not isinstance(project, str) or not isinstance(user, str):
        raise Refusal(
            f"memberships: {dict(given)} lacks a project or a user; write {{project: ..., user: ..., roles: [...]}}"
        )
    if isinstance(roles, str):
        roles = [roles]
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise Refusal(f"memberships: the roles of {user} in {project} are not a list of role names")
    return project.strip(), user.strip(), frozenset(texts(roles) or ())


# --- one run ---------------------------------------------------------------------------------------------------------


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


@dataclass
class Run:
    """All projects of a run, and what to tell of it. It fills while the run goes on, so that a failed one tells too."""

    cases: List[Case] = field(default_factory=list)
    residual: List[Row] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)


def change(
    run: Run,
    client: Client,
    asked: Sequence[Tuple[str, str, Roles]],
    params: Params,
    desired: Desired,
    check_mode: bool,
) -> None:
    """Read, ask what should be, plan, guard, and apply unless in check mode. Raises `Refusal` and `AtlasError`."""
    run.cases += _cases(client, asked)
    _read(client, run.cases, params, run.warnings)
    refusals = _plan(run.cases, params, desired)
    known = _organization(client, run.cases)
    if not params["allow_no_owner"]:
        refusals += _owner_refusals(client, run.cases, known)
    if refusals:
        raise Refusal("nothing was written. " + "; ".join(sorted(refusals)))
    _apply(client, run.cases, check_mode)
    run.residual += _residual(client, run.cases, known, run.warnings)


def _cases(client: Client, asked: Iterable[Asked]) -> List[Case]:
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
            return (
                members,
                "Atlas no longer has the endpoint for legacy invitations (410); leave out legacy_invitations",
            )
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
    return f"{row['user']} still gets into {row['project']} through {through}{roles}, which no removal here ends"


def _unchecked(case: Case, error: AtlasError) -> str:
    return f"{case.project.name}: whether removed people still get in could not be checked: {error}"


# --- the report ------------------------------------------------------------------------------------------------------


def report(run: Run) -> Tuple[Row, Optional[str]]:
    """The result of a run, and what to fail with, if anything failed."""
    actions = [action for case in run.cases for action in _actions(case)]
    before, after = _diff(run.cases)
    result = {
        "changed": any(action["status"] in ("planned", "done") for action in actions),
        "actions": actions,
        "memberships": [membership for case in run.cases for membership in _memberships(case)],
        "diff": {"before": before, "after": after},
    }
    return result, _failures(run.cases)


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
    return {
        case.members[key].user if case.members[key].user.lower() == key else key: roles for key, roles in access.items()
    }


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
