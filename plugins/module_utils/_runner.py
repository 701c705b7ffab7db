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
    STATUSES,
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
    by_id,
    difference,
    folded,
    indirect_ways,
    keys_by_email,
    labels,
    owned_by_team,
    plan,
    replay,
    ways_by_roles,
)
from ._asked import Asked, Params, Who, Wish, by_project, is_here, wanted
from ._client import AtlasError, Client, Work
from ._names import listed

Row = Dict[str, Any]
# From the options, what is asked of a project by key, and the access that it has, to the access that it should have.
Desired = Callable[[Params, Mapping[str, Wish], Access], Access]


# --- rows, for all modules -------------------------------------------------------------------------------------------


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


# --- one run ---------------------------------------------------------------------------------------------------------


@dataclass
class Case:
    """One project of a run: what is asked of it, what was read, planned and done."""

    project: Project
    wishes: Sequence[Wish] = ()
    error: Optional[AtlasError] = None
    members: Dict[str, Member] = field(default_factory=dict)
    keys: Dict[str, List[str]] = field(default_factory=dict)
    wanted: Dict[str, Wish] = field(default_factory=dict)
    before: Access = field(default_factory=dict)
    steps: List[Step] = field(default_factory=list)
    outcomes: List[Tuple[str, Optional[AtlasError]]] = field(default_factory=list)

    def taken(self) -> List[Step]:
        """The steps that were done, or in check mode would be."""
        return [step for step, (status, _error) in zip(self.steps, self.outcomes) if status in ("planned", "done")]

    def labels(self) -> Dict[str, str]:
        """What people see for each key."""
        return labels(self.members)


@dataclass
class Run:
    """All projects of a run, and what to tell of it. It fills while the run goes on, so that a failed one tells too."""

    cases: List[Case] = field(default_factory=list)
    residual: List[Row] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)


def change(
    run: Run, client: Client, asked: Sequence[Asked], params: Params, desired: Desired, check_mode: bool
) -> None:
    """Read, ask what should be, plan, guard, and apply unless in check mode. Raises `Refusal` and `AtlasError`."""
    visible = client.run(atlas.projects(client))
    run.cases += [Case(project, wishes) for project, wishes in by_project(asked, visible, run.warnings)]
    _read(client, run.cases, params, run.warnings)
    refusals = _plan(run.cases, params, desired, run.warnings)
    known = _organization(client, run.cases, refusals, run.warnings)
    if not params["allow_no_owner"]:
        refusals += _owner_refusals(client, run.cases, known)
    if refusals:
        raise Refusal("nothing was written. " + "; ".join(sorted(refusals)))
    if params["state"] == "absent":
        run.warnings += _nobody(run.cases)
    _apply(client, run.cases, check_mode)
    run.residual += _residual(client, run.cases, known, run.warnings)


def _nobody(cases: Sequence[Case]) -> List[str]:
    """Who is named, and found in no project. Nothing is said while a project could not be read."""
    if any(case.error for case in cases):
        return []
    named = dict.fromkeys(wish.who for case in cases for wish in case.wishes)
    lost = [who.text for who in named if not any(is_here(who, case.members, case.keys) for case in cases)]
    return [f"no member of the projects named, so there is nothing to take: {listed(lost)}"] if lost else []


def _read(client: Client, cases: Sequence[Case], params: Params, warnings: List[str]) -> None:
    legacy = bool(params.get("legacy_invitations")) and params["state"] == "absent"
    works = [_read_one(client, case.project, legacy) for case in cases]
    for case, answer in zip(cases, client.together(works)):
        if isinstance(answer, AtlasError):
            case.error = answer
            continue
        members, unread = answer
        case.members = by_id(members)
        case.keys = keys_by_email(case.members)
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


def _plan(cases: Sequence[Case], params: Params, desired: Desired, warnings: List[str]) -> List[str]:
    """Plan all projects; what speaks against it, everywhere."""
    refusals = []
    for case in cases:
        if case.error:
            continue
        try:
            case.wanted = wanted(case.wishes, case.members, case.keys, params["state"] == "present", warnings)
            after = desired(params, case.wanted, case.before)
        except Refusal as refusal:
            refusals.append(f"{case.project.name}: {_told(case, refusal)}")
        else:
            case.steps = plan(case.before, after)
    return refusals


def _told(case: Case, refusal: Refusal) -> str:
    """A refusal with the name of whom it is about in front."""
    if refusal.about is None:
        return str(refusal)
    name = case.labels().get(refusal.about) or case.wanted[refusal.about].who.text
    return f"{name} {refusal}"


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
    keys: Dict[str, Dict[str, List[str]]] = field(default_factory=dict)
    teams: Dict[str, Union[List[Team], AtlasError]] = field(default_factory=dict)
    names: Dict[str, Dict[str, str]] = field(default_factory=dict)

    def person(self, project: Project, key: str) -> Optional[Person]:
        return (self.people.get(project.org_id) or {}).get(key)

    def named(self, project: Project, who: Who) -> Optional[Person]:
        """Somebody who is to be added: by id, else by email, the living account first."""
        people = self.people.get(project.org_id) or {}
        if who.id in people:
            return people[str(who.id)]
        mine = [people[key] for key in self.keys.get(project.org_id, {}).get(folded(str(who.email)), ())]
        return min(mine, key=lambda person: STATUSES.index(person.status), default=None)


def _organization(client: Client, cases: Sequence[Case], refusals: List[str], warnings: List[str]) -> Organization:
    """Read who is in the organization and in which teams, where people come, go, or leave a project without an owner.

    People to be added become members as the organization knows them: somebody ACTIVE gets in at once, everybody else
    is invited.
    """
    moving = [case for case in cases if _moves(case) or _loses_owners(case)]
    orgs = sorted({case.project.org_id for case in moving})
    listings = client.together([atlas.people(client, org) for org in orgs])
    known = Organization({org: None if isinstance(found, AtlasError) else found for org, found in zip(orgs, listings)})
    known.keys = {org: keys_by_email(found) for org, found in known.people.items() if found}
    for case in moving:
        for step in case.steps:
            if step.action == "add":
                try:
                    case.members[step.user] = _newcomer(known, case, step, warnings)
                except Refusal as refusal:
                    refusals.append(f"{case.project.name}: {refusal}")
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
            names = case.labels()
            owners = ", ".join(names[key] for key in active_owners(case.before, case.members))
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


def _newcomer(known: Organization, case: Case, step: Step, warnings: List[str]) -> Member:
    """Somebody who is to be added, as the organization knows them; raises `Refusal` for another account."""
    who, lapsed = case.wanted[step.user].who, case.members.get(step.user)
    email = lapsed.user if lapsed else str(who.email)
    if known.people[case.project.org_id] is None:
        return Member(email, None, None, frozenset(step.roles))
    person = known.person(case.project, step.user) if lapsed else known.named(case.project, who)
    if person is None:
        return Member(email, None, PENDING, frozenset(step.roles))
    if who.id and not lapsed and person.user_id != who.id:
        raise Refusal(f"{email} is {person.user_id} now, not the user_id {who.id} of the row; write one of them")
    if folded(person.user) != folded(email):
        warnings.append(f"memberships: {email} ({person.user_id}) is called {person.user} now")
    status = ACTIVE if person.status == ACTIVE else PENDING
    return Member(person.user, person.user_id, status, frozenset(step.roles))


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
    everybody = by_id((yield from atlas.flattened(client, case.project)))
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
    named = [key for key in case.wanted if key in after]
    named.sort(key=lambda key: (folded(case.members[key].user), key))
    return [row(case.project, case.members[key], after[key] or case.members[key].roles) for key in named]


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
    names = case.labels()
    return {name: access[key] for name, key in sorted((names[key], key) for key in access)}


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
