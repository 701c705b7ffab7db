# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of a module that writes: read, plan, guard, apply.

What is asked for, what each project shows, what should be, which steps lead there, what speaks against them, what
Atlas showed after each. Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

from typing import Callable, Collection, Dict, Iterator, List, Mapping, Sequence, Set, Tuple, Union

from . import _atlas as atlas
from . import _people as people
from ._access import (
    ORGANIZATION,
    OWNERS,
    TEAM,
    UNKNOWN_WAY,
    Access,
    Member,
    Person,
    Project,
    Refusal,
    Residual,
    Step,
    access_of,
    active_owners,
    by_id,
    folded,
    keys_by_email,
    plan,
    replay,
)
from ._apply import apply
from ._asked import Asked, Params, Who, Wish, by_project, check_names, is_here, wanted
from ._cases import Case, Run
from ._client import Client
from ._ends import Placed, bereft, ends, leaving_of, with_teams
from ._errors import AtlasError, Interrupted
from ._journal import Journal
from ._leave import elsewhere, held, keep_last, leavable, look_again
from ._places import must_stay, newcomer, visible
from ._residual import Leaving, residual
from ._words import listed

# From the options, what is asked of a project by key, and the access that it has, to the access that it should have.
Desired = Callable[[Params, Mapping[str, Wish], Access], Access]


def change(
    run: Run,
    client: Client,
    asked: Sequence[Asked],
    params: Params,
    desired: Desired,
    journal: Journal,
    check_mode: bool,
) -> None:
    """Fill the run. Raises `Refusal` and `AtlasError`; then nothing was written."""
    places = visible(client, run.kind, params)
    run.cases += [Case(place, wishes) for place, wishes in by_project(asked, places, run.warnings, run.kind)]
    if run.kind == ORGANIZATION and run.deed == "remove":
        run.cases = elsewhere(client, run.cases) + run.cases
    legacy = {case.project.id for case in run.cases if params.get("legacy_invitations")}
    known = read_members(client, run, legacy)
    run.cases = leavable(run.cases)
    check_names(_whos(run.cases), _accounts(run.cases, known), run.warnings)
    refusals = _plan(run, params, desired, known)
    planned = [(case, case.steps) for case in run.cases]
    if not params.get("allow_no_owner"):
        then = people.without(known, leaving_of(planned))
        refusals += _owner_refusals(client, run.cases, then, "allow_no_owner" in params)
    if run.kind == ORGANIZATION:
        run.warnings += keep_last(run.cases)
    placed = around_teams(client, run)
    refusals += {f"{one.case.project.name}: {one.why}" for one in bereft(client, planned, known, placed)}
    refusals += must_stay(run.cases, client.names)
    if client.stopped_by:
        raise Interrupted()
    if refusals:
        raise Refusal("nothing was written. " + listed(sorted(refusals), "; "))
    if run.kind == ORGANIZATION:
        run.held = held(run.cases) if run.deed == "remove" else []
    elif run.deed == "remove" or run.kind == TEAM:
        leaving = [_leaving(case, known[case.project.org_id], run.deed) for case in run.cases if not case.unread]
        look_for_residual(client, run, known, leaving, placed)
    elif run.deed == "revoke":
        run.warnings += _still_held(client, run.cases, known)
    if params["state"] == "absent":
        run.warnings += _nobody([case for case in run.cases if case.project.kind == run.kind], run.kind)
    apply(client, run.cases, None if params.get("allow_no_owner") else known, journal, check_mode)
    if run.kind == ORGANIZATION:
        look_again(client, run)


# --- reading ---------------------------------------------------------------------------------------------------------


def read_members(client: Client, run: Run, legacy: Collection[str]) -> people.Organizations:
    """Read the members of all projects, and the people of their organizations.

    ``legacy`` are the ids of the projects whose legacy invitations are read as well.
    """
    cases = [case for case in run.cases if not case.unread]
    answers = client.together(lambda case: _read_one(client, case.project, case.project.id in legacy), cases)
    for case, answer in zip(cases, answers):
        if isinstance(answer, AtlasError):
            case.unread = ("its members could not be read", answer)
            continue
        members, unread = answer
        case.there = by_id(members)
        case.members = dict(case.there)
        case.keys = keys_by_email(case.members)
        case.before = access_of(case.members)
        if unread:
            case.partial = True
            run.warnings.append(f"{case.project.name}: {unread}")
    # After the members: what a team gives is known by the people alone, and must not be older than they are.
    return people.read_organizations(client, {case.project.org_id for case in run.cases if not case.unread})


def _whos(cases: Sequence[Case]) -> Dict[Who, None]:
    return dict.fromkeys(wish.who for case in cases for wish in case.wishes)


def _accounts(cases: Sequence[Case], known: people.Organizations) -> Iterator[Union[Member, Person]]:
    for case in cases:
        yield from case.members.values()
    for org in known.values():
        yield from (org.people or {}).values()


def _read_one(client: Client, project: Project, legacy: bool) -> Tuple[List[Member], str]:
    """The members, with the legacy invitations if wanted, and what to say when those can't be read."""
    members = atlas.members(client, project)
    if not legacy:
        return members, ""
    try:
        return members + atlas.legacy_invitations(client, project), ""
    except AtlasError as error:
        if error.status == 410:
            gone = "Atlas no longer has the endpoint for legacy invitations (410); leave out legacy_invitations"
            return members, gone
        if error.status not in (401, 403):
            raise
        return members, f"legacy invitations could not be read, so some may remain; that needs Project Owner ({error})"


# --- planning and guarding -------------------------------------------------------------------------------------------


def _plan(run: Run, params: Params, desired: Desired, known: people.Organizations) -> List[str]:
    """Plan all projects; what speaks against it, everywhere."""
    refusals = []
    for case in run.cases:
        if case.unread:
            continue
        org = known[case.project.org_id]
        try:
            case.wanted, newcomers = wanted(
                case.wishes, case.members, case.keys, org.find, params["state"] == "present", run.warnings
            )
            after = desired(params, case.wanted, case.before)
            case.members.update((key, newcomer(one, org, case.project.kind)) for key, one in newcomers.items())
        except Refusal as refusal:
            refusals.append(f"{case.project.name}: {_told(case, refusal)}")
            continue
        case.steps = plan(case.before, after)
        for one in newcomers.values():
            if org.odd and one.person is None:
                run.warnings.append(f"whether {one.email} is ACTIVE in the organization already could not be read")
    return refusals


def _told(case: Case, refusal: Refusal) -> str:
    """A refusal with the name of whom it is about in front."""
    if refusal.about is None:
        return str(refusal)
    name = case.labels().get(refusal.about) or case.wanted[refusal.about].who.text
    return f"{name} {refusal}"


def losing_owners(
    client: Client, planned: Sequence[Tuple[Case, Sequence[Step]]], known: people.Organizations
) -> List[Tuple[Case, Union[bool, AtlasError]]]:
    """The projects that would lose their last direct ACTIVE owner by these steps.

    Beside each, whether somebody owns it otherwise, teams counted, or why that could not be read.
    """
    losing = [case for case, steps in planned if _loses_owners(case, steps)]
    owned = client.together(lambda case: _owned_otherwise(client, case, known), losing)
    for case, answer in zip(losing, owned):
        case.owned_by_others = answer is True
    return list(zip(losing, owned))


def _loses_owners(case: Case, steps: Sequence[Step]) -> bool:
    after = replay(case.before, steps)
    return bool(active_owners(case.before, case.members)) and not active_owners(after, case.members)


def _owner_refusals(
    client: Client, cases: Sequence[Case], known: people.Organizations, may_be_allowed: bool
) -> List[str]:
    """What to say of places that would be left without an ACTIVE owner."""
    refusals = []
    for case, answer in losing_owners(client, [(case, case.steps) for case in cases], known):
        if isinstance(answer, AtlasError):
            case.unread, case.steps = ("whether an owner would be left could not be read", answer), []
        elif not answer:
            refusals.append(
                f"{case.project.name}: {no_owner(case)}{', or set allow_no_owner' if may_be_allowed else ''}"
            )
    return refusals


def no_owner(case: Case) -> str:
    """What to say of steps that would leave no ACTIVE owner."""
    names = case.labels()
    owners = listed([names[key] for key in active_owners(case.before, case.members)])
    kind = case.project.kind
    return (
        f"this would leave the {kind} without an ACTIVE owner, which {owners} is now; make somebody else "
        f"{OWNERS[kind]} first"
    )


def _owned_otherwise(client: Client, case: Case, known: people.Organizations) -> bool:
    return people.owned_by_others(client, case.project, known[case.project.org_id], case.members.values())


# --- what removal leaves ---------------------------------------------------------------------------------------------


def around_teams(client: Client, run: Run) -> Placed:
    """The projects and their teams, if the run takes anybody out of a team. Raises `AtlasError`."""
    teams = [case for case in run.cases if case.project.kind == TEAM and not case.unread]
    return with_teams(client, {case.project.org_id for case in teams}) if teams else []


def look_for_residual(
    client: Client,
    run: Run,
    known: people.Organizations,
    leaving: Sequence[Leaving],
    placed: Placed,
) -> None:
    """Fill in how everybody named still gets in, whether they are taken out now or were long ago, and what ends."""
    if run.kind == TEAM:
        named = people.with_names(client, known, known)
        run.ends, run.residual, said = ends(client, named, leaving, placed)
    else:
        run.residual, said = residual(client, known, leaving)
    run.warnings += people.doubts(known, run.kind) + said + _residual_warnings(run.residual)


def _still_held(client: Client, cases: Sequence[Case], known: people.Organizations) -> List[str]:
    """Who holds a role that is to be taken otherwise than as a member, as far as their organization can be read."""
    read = [case for case in cases if not case.unread and known[case.project.org_id].people is not None]
    rows, said = residual(client, known, [_leaving(case, known[case.project.org_id], "revoke") for case in read])
    taken: Dict[Tuple[str, str], Set[str]] = {}
    for case in read:
        for wish in case.wishes:
            person = known[case.project.org_id].find(wish.who.id, wish.who.email)
            if person:
                taken.setdefault((case.project.id, folded(person.user)), set()).update(wish.roles)
    held: Dict[str, List[Residual]] = {}
    for row in rows:
        roles = row.way.roles.intersection(taken.get((row.project.id, folded(row.user)), ()))
        if roles:
            held.setdefault(row.user, []).append(row._replace(way=row.way._replace(roles=roles)))
    return said + [
        f"{user} still holds what is to be taken in {listed([f'{row.project.name}{_through(row)}' for row in mine])}; "
        f"{_enders(mine, user)}"
        for user, mine in held.items()
    ]


def _leaving(case: Case, org: people.Organization, deed: str) -> Leaving:
    if deed not in ("remove", "revoke"):
        going = {step.user for step in case.steps if step.action == "remove"}
        return Leaving(case.project, going, set(), [case.members[key] for key in sorted(going)])
    ids = {key for key in case.wanted if not case.members[key].legacy}
    emails = set()
    for wish in case.wishes:
        if wish.who.id:
            ids.add(wish.who.id)
        else:
            emails.add(folded(str(wish.who.email)))
            ids.update(org.keys.get(folded(str(wish.who.email)), ()))
    return Leaving(case.project, ids, emails, [case.members[key] for key in case.wanted])


def _residual_warnings(rows: Sequence[Residual]) -> List[str]:
    """One for each person, and for each of whom it is not known."""
    by_user: Dict[Tuple[str, bool], List[str]] = {}
    for row in rows:
        known = row.way.kind != UNKNOWN_WAY.kind
        by_user.setdefault((row.user, known), []).append(f"{row.project.name}{_through(row) if known else ''}")
    return [
        f"{user} still gets into {listed(where)}; {_enders(rows, user)}"
        if known
        else f"with this credential it can't be known whether {user} gets in through a team as well: {listed(where)}"
        for (user, known), where in by_user.items()
    ]


# Which module ends a way.
_ENDS = {"direct": "atlas_project_user", "team": "atlas_team_user", "organization": "atlas_organization_user"}


def _enders(rows: Sequence[Residual], user: str) -> str:
    names = sorted({_ENDS[row.way.kind] for row in rows if row.user == user and row.way.kind in _ENDS})
    return f"{' and '.join(names)} {'end' if len(names) > 1 else 'ends'} that"


def _through(row: Residual) -> str:
    roles = f" ({', '.join(sorted(row.way.roles))})" if row.way.roles else ""
    if row.way.kind == "direct":
        return f" as a member{roles}"
    return f" through the {row.way.kind}{' ' + row.way.name if row.way.name else ''}{roles}"


def _nobody(cases: Sequence[Case], kind: str) -> List[str]:
    """Who is named, and found in no place. Nothing is said while one could not be read."""
    if any(case.unread or case.partial for case in cases):
        return []
    lost = [who.text for who in _whos(cases) if not any(is_here(who, case.members, case.keys) for case in cases)]
    return [f"no member of the {kind}s named, so there is nothing to take: {listed(lost)}"] if lost else []
