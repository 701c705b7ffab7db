# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task that writes asks for: rows or lists of projects, users and roles, and who that is in a project.

Pure: no I/O, no Ansible. Private to this collection. What is wrong raises `Refusal` with a sentence for the user.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Union

from ._access import (
    LAPSED,
    ORGANIZATION,
    PROJECT,
    TEAM,
    TEAM_MEMBER,
    Access,
    Member,
    Person,
    Project,
    Refusal,
    Roles,
    folded,
)
from ._names import blank, is_email, is_glob, is_id, lines, people, person, plain, select_projects, texts
from ._roles import check_roles, role_set

Params = Mapping[str, Any]


class Where(NamedTuple):
    """A project, or another place, as a task names it: a name, id or glob; ``name`` is what a row has beside an id."""

    project: str
    name: Optional[str] = None


class Who(NamedTuple):
    """Somebody as a task names them, by email, by id or both; then the id decides."""

    email: Optional[str]
    id: Optional[str]

    @property
    def text(self) -> str:
        return self.email or str(self.id)


class Wish(NamedTuple):
    """What is asked for somebody: the roles to have, give or take, and the one to give instead of an only one."""

    who: Who
    roles: Roles = frozenset()
    fallback: Optional[str] = None


class Asked(NamedTuple):
    """What is asked for in the projects that all of ``where`` names."""

    where: Sequence[Where]
    wishes: Sequence[Wish]


# What rows of the other modules hold beside the place and the roles.
_ROW_KEYS = frozenset(
    "place user user_id roles status via last_auth created_at invitation_created_at invitation_expires_at "
    "inviter rules reasons action residual_access expires reason legacy fallback_role".split()
)


def asked_of(params: Params, deed: str, warnings: List[str], kind: str = PROJECT) -> List[Asked]:
    """What the options ask for, all checked.

    ``deed`` is the action of rows that fit the module and its state: add, remove, grant or revoke. ``kind`` is of the
    places that it is about.
    """
    exclusive = params.get("exclusive")
    if exclusive and params["state"] == "absent":
        raise Refusal("exclusive goes with state=present; leave it out to take access away from the users named")
    if not blank(params["memberships"]):
        asked = _asked_by_rows(params, deed, kind)
    else:
        asked = _asked_by_lists(params, deed, kind)
    wishes = [wish for one in asked for wish in one.wishes]
    if exclusive and not wishes:
        raise Refusal(f"exclusive with an empty list would take everybody out; name at least one user and {kind}")
    if kind == TEAM:
        return asked
    warnings += check_roles((role for wish in wishes for role in wish.roles), kind=kind)
    exclusively = frozenset(role for wish in wishes for role in wish.roles if exclusive)
    for wish in wishes:
        taken = wish.roles if params["state"] == "absent" else exclusively
        if wish.fallback in taken:
            raise Refusal(f"fallback_role: {wish.fallback} is itself to be taken; name another role")
    warnings += check_roles({wish.fallback for wish in wishes if wish.fallback}, "fallback_role", kind)
    return asked


def _asked_by_lists(params: Params, deed: str, kind: str) -> List[Asked]:
    users = people(params["users"], "users", complete=bool(params.get("exclusive")))
    places = ["*"] if kind == ORGANIZATION else params[f"{kind}s"]
    missing = [name for name, value in ((f"{kind}s", texts(places)), ("users", users)) if value is None]
    if missing:
        raise Refusal(f"{' and '.join(missing)} missing: say which users in which {kind}s, or give memberships")
    fallback = _fallback(params.get("fallback_role"))
    roles = _roles(params.get("roles"), fallback, "roles", deed, kind)
    wishes = [Wish(_who(user), roles, fallback) for user in users or ()]
    return [Asked([Where(place) for place in lines(places)], wishes)]


def _roles(given: Any, fallback: Optional[str], option: str, deed: str, kind: str) -> Roles:
    """The roles to have, give or take."""
    if deed == "remove":
        return frozenset()
    if kind == TEAM:
        return frozenset([TEAM_MEMBER])
    if kind == ORGANIZATION and fallback and (blank(given) or given == []):
        return frozenset([fallback])
    return role_set(given, option, kind)


def _who(user: str) -> Who:
    return Who(None, user) if is_id(user) else Who(user, None)


def _fallback(given: Any) -> Optional[str]:
    return None if blank(given) else str(given).strip()


def _asked_by_rows(params: Params, deed: str, kind: str) -> List[Asked]:
    itself = {PROJECT: "projects, users and roles", TEAM: "teams and users", ORGANIZATION: "users and roles"}[kind]
    for name in (f"{kind}s", "users", "roles"):
        if not blank(params.get(name)):
            raise Refusal(f"memberships names {itself} itself; leave out {name}, or memberships")
    rows = params["memberships"]
    return [_asked_by_row(row, number, params, deed, kind) for number, row in enumerate(rows, 1)]


# A row that is as it should be.
_EXAMPLES = {
    PROJECT: "{project: ..., user: ..., roles: [...]}",
    TEAM: "{team: ..., user: ...}",
    ORGANIZATION: "{user: ..., roles: [...]}",
}


def _asked_by_row(given: Any, number: int, params: Params, deed: str, kind: str) -> Asked:
    option = f"memberships: row {number}"
    example = _EXAMPLES[kind]
    if not isinstance(given, dict):
        raise Refusal(f"{option}: {given!a} is not a row; write {example}")
    row = {key: value for key, value in given.items() if not blank(value)}
    unknown = sorted(map(str, set(given) - _ROW_KEYS - {kind, f"{kind}_id"}))
    if unknown:
        raise Refusal(f"{option}: '{unknown[0]}' is not a key of a membership; write {_KEYS[kind]}")
    if row.get("action", deed) != deed:
        raise Refusal(
            f"{option} has the action {row['action']!a}, and this task would {deed}; pass on rows of that action only"
        )
    if row.get("place", kind) != kind:
        raise Refusal(f"{option} is about {row['place']!a}, and this task about a {kind}; pass on rows of those only")
    where, who = _where(row, option, kind), _row_who(row, option)
    if where is None or who is None:
        raise Refusal(f"{option}: {dict(given)!a} lacks {_LACKS[kind]}; write {example}")
    fallback = _fallback(row.get("fallback_role")) or _fallback(params.get("fallback_role"))
    at = f" in {where.name or where.project}" if kind == PROJECT else ""
    roles = _roles(given.get("roles"), fallback, f"{option}: the roles of {who.text}{at}", deed, kind)
    return Asked([where], [Wish(who, roles, fallback)])


_KEYS = {PROJECT: "project, user and roles", TEAM: "team and user", ORGANIZATION: "user and roles"}
_LACKS = {PROJECT: "a project or a user", TEAM: "a team or a user", ORGANIZATION: "a user"}


def _where(row: Mapping[str, Any], option: str, kind: str) -> Optional[Where]:
    name, place_id = (plain(row, key, option) for key in (kind, f"{kind}_id"))
    if place_id is None:
        return Where(name or "*") if name or kind == ORGANIZATION else None
    if not is_id(place_id):
        raise Refusal(f"{option}: {kind}_id {place_id!a} is no id (24 hexadecimal digits); write a name as {kind}")
    if name is None or name.lower() == place_id.lower():
        return Where(place_id.lower())
    if is_id(name) or is_glob(name):
        raise Refusal(f"{option}: {kind} {name!a} and {kind}_id {place_id} are not one {kind}; write one of them")
    return Where(place_id.lower(), name)


def _row_who(row: Mapping[str, Any], option: str) -> Optional[Who]:
    user, user_id = (plain(row, key, option) for key in ("user", "user_id"))
    if user_id is not None and not is_id(user_id):
        raise Refusal(f"{option}: user_id {user_id!a} is no id (24 hexadecimal digits); write an email as user")
    if user and is_id(user):
        if user_id and user_id.lower() != user.lower():
            raise Refusal(f"{option}: user {user} and user_id {user_id} are two accounts; write one of them")
        return Who(None, user.lower())
    if user_id:
        # What was read from Atlas goes by its id, whatever it is called there.
        return Who(user, user_id.lower())
    return Who(person(user, f"{option}: user"), None) if user else None


# --- where that is, and who there ------------------------------------------------------------------------------------


def by_project(
    asked: Iterable[Asked], visible: Sequence[Project], warnings: List[str], kind: str = PROJECT
) -> List[Tuple[Project, List[Wish]]]:
    """What is asked for in each project, or other place of that kind, ordered by name."""
    found: Dict[str, Tuple[Project, List[Wish]]] = {}
    chosen: Dict[Tuple[Where, ...], List[Project]] = {}
    for one in asked:
        where = tuple(one.where)
        if where not in chosen:
            chosen[where] = _selected(where, visible, warnings, kind)
        for project in chosen[where]:
            found.setdefault(project.id, (project, []))[1].extend(one.wishes)
    return sorted(found.values(), key=lambda pair: (pair[0].name, pair[0].id))


def _selected(where: Sequence[Where], visible: Sequence[Project], warnings: List[str], kind: str) -> List[Project]:
    """An id decides; another name beside it is an old one, or somebody else's."""
    found = select_projects([one.project for one in where], visible, f"{kind}s", kind)
    for name in (one.name for one in where if one.name and one.name != found[0].name):
        if any(project.name == name for project in visible):
            raise Refusal(
                f"memberships: {kind}_id {found[0].id} is {found[0].name}, and {name} is another {kind}; "
                "write one of them"
            )
        warnings.append(f"memberships: the {kind} {name} ({found[0].id}) is called {found[0].name} now")
    return found


class Newcomer(NamedTuple):
    """Somebody who is to be added by email; ``person`` as the organization knows them, None if it does not."""

    email: str
    person: Optional[Person]


Find = Callable[[Optional[str], Optional[str]], Optional[Person]]


def check_names(whos: Iterable[Who], accounts: Iterable[Union[Member, Person]], warnings: List[str]) -> None:
    """An id decides. Another email beside it is an old one, or that of somebody else among the ``accounts`` we see."""
    both = [who for who in dict.fromkeys(whos) if who.id and who.email]
    if not both:
        return
    emails: Dict[str, str] = {}
    ids: Dict[str, Set[str]] = {}
    for account in accounts:
        emails[str(account.user_id)] = account.user
        ids.setdefault(folded(account.user), set()).add(str(account.user_id))
    for who in both:
        others = ids.get(folded(str(who.email)), set())
        if who.id not in emails or who.id in others:
            continue
        if others:
            name = emails[who.id]
            raise Refusal(f"memberships: user_id {who.id} is {name}, and {who.email} is another; write one of them")
        warnings.append(f"memberships: {who.email} ({who.id}) is called {emails[who.id]} now")


def wanted(
    wishes: Iterable[Wish],
    members: Mapping[str, Member],
    keys: Mapping[str, Sequence[str]],
    find: Find,
    present: bool,
    warnings: List[str],
) -> Tuple[Dict[str, Wish], Dict[str, Newcomer]]:
    """What is asked for, by the keys that the people have in a project, and who would have to be added for it.

    ``keys`` are those of the members by email, folded; ``find`` finds somebody in the organization by id, email. To be
    ``present``, somebody with a living membership is not invited again because an old invitation lapsed: that one is
    asked for nothing.
    """
    found: Dict[str, Wish] = {}
    newcomers: Dict[str, Newcomer] = {}
    for wish in wishes:
        mine = _keys_of(wish.who, members, keys, find, present, warnings)
        takes = [key for key in mine if not present or members[key].status not in LAPSED]
        if present and not takes:
            newcomer = _newcomer(wish.who, mine, members, keys, find, warnings)
            takes = [_key_of(newcomer, mine, newcomers)]
            newcomers[takes[0]] = newcomer
        for key in dict.fromkeys([*mine, *takes]):
            _add(found, key, wish if key in takes else Wish(wish.who))
    return found, newcomers


def _add(found: Dict[str, Wish], key: str, wish: Wish) -> None:
    before = found.get(key, wish)
    found[key] = Wish(before.who, before.roles | wish.roles, before.fallback or wish.fallback)


def exactly(params: Params, users: Mapping[str, Wish], access: Access) -> Access:
    """These users have exactly these roles, or (absent) no membership."""
    if params["state"] == "absent":
        return {user: roles for user, roles in access.items() if user not in users}
    named = {user: wish.roles for user, wish in users.items()}
    return named if params.get("exclusive") else {**access, **named}


def fulfilled(deed: str, wish: Wish, member: Optional[Member]) -> bool:
    """Whether a membership (None: nobody's) is as asked; ``deed`` is as in `asked_of`."""
    held = member.roles if member and member.status not in LAPSED else frozenset()
    if deed == "remove":
        return member is None
    if deed == "revoke":
        return not held & wish.roles
    return held == wish.roles if deed == "add" else held >= wish.roles


def is_here(who: Who, members: Mapping[str, Member], keys: Mapping[str, Sequence[str]]) -> bool:
    """Whether somebody, or another account of the email, has a membership here; of that one `wanted` tells."""
    return who.id in members or (who.email is not None and folded(who.email) in keys)


def _keys_of(
    who: Who,
    members: Mapping[str, Member],
    keys: Mapping[str, Sequence[str]],
    find: Find,
    present: bool,
    warnings: List[str],
) -> Sequence[str]:
    """The keys of somebody's memberships here: of the id, if there is one, else of all accounts of the email."""
    by_email = keys.get(folded(who.email), ()) if who.email else ()
    if who.id in members:
        return (str(who.id),)
    if who.id is None:
        person = None if by_email else find(None, who.email)
        return (person.user_id,) if person and person.user_id in members else by_email
    if not by_email:
        return ()
    if not present:
        warnings.append(f"memberships: {who.email} is not the account {who.id} of the row, so it was left alone")
        return ()
    if find(who.id, None):
        raise Refusal(f"{who.email} is {by_email[0]} here, not the user_id {who.id} of the row; write one of them")
    warnings.append(_taken_for(who))
    return by_email


def _taken_for(who: Who) -> str:
    return f"memberships: the user_id {who.id} is not known any more; whoever has the email {who.email} is taken for it"


def _newcomer(
    who: Who,
    lapsed: Sequence[str],
    members: Mapping[str, Member],
    keys: Mapping[str, Sequence[str]],
    find: Find,
    warnings: List[str],
) -> Newcomer:
    """Whom adding somebody adds: Atlas goes by the email, so that must not lead to another account than was named."""
    by_id = find(who.id, None)
    email = by_id.user if by_id else members[lapsed[0]].user if lapsed else who.email
    if email is None:
        raise Refusal(f"nobody here has the user id {who.id}; name the person by email")
    person = find(None, email)
    if who.id and (by_id or lapsed):
        accounts: List[Union[Member, Person]] = [members[key] for key in keys.get(folded(email), ())]
        accounts += [person] if person else []
        other = next((one.user_id for one in accounts if one.user_id != who.id and one.status not in LAPSED), None)
        if other:
            raise Refusal(f"{email} is the account {other} now, not the user_id {who.id}; name that id")
    elif who.id:
        warnings.append(_taken_for(who))
    if not is_email(email):
        raise Refusal(f"{email!a} is no email address, so nobody can be added by it; name the person by email")
    return Newcomer(email, person)


def _key_of(newcomer: Newcomer, lapsed: Sequence[str], newcomers: Mapping[str, Newcomer]) -> str:
    """The key of somebody to be added: the id, the invitation's that lapsed, or the email; for one email only one."""
    for key, other in newcomers.items():
        if folded(other.email) == folded(newcomer.email):
            return key
    person = newcomer.person
    if person and (not lapsed or person.status not in LAPSED or person.user_id in lapsed):
        return person.user_id
    return lapsed[0] if lapsed else folded(newcomer.email)
