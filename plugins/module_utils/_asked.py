# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task that writes asks for: rows or lists of projects, users and roles, and who that is in a project.

Pure: no I/O, no Ansible. Private to this collection. What is wrong raises `Refusal` with a sentence for the user.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._access import LAPSED, Member, Project, Refusal, Roles, folded
from ._names import as_list, blank, check_roles, is_id, lines, people, person, select_projects, texts

Params = Mapping[str, Any]


class Where(NamedTuple):
    """A project as a task names it: a name, id or glob; ``name`` is what a row has beside an id."""

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


# What rows of the other modules hold beside project, user and roles.
_ROW_KEYS = frozenset(
    "project project_id user user_id roles status via last_auth created_at invitation_created_at invitation_expires_at "
    "inviter rules reasons action residual_access expires reason legacy fallback_role".split()
)


def asked_of(params: Params, deed: str, warnings: List[str]) -> List[Asked]:
    """What the options ask for, all checked.

    ``deed`` is the action of rows that fit the module and its state: add, remove, grant or revoke.
    """
    needs_roles = deed != "remove"
    if params["exclusive"] and params["state"] == "absent":
        raise Refusal("exclusive goes with state=present; leave it out to take access away from the users named")
    if not blank(params["memberships"]):
        asked = _asked_by_rows(params, deed, needs_roles)
    else:
        asked = _asked_by_lists(params, needs_roles)
    wishes = [wish for one in asked for wish in one.wishes]
    if params["exclusive"] and not wishes:
        raise Refusal("exclusive with an empty list would take everybody out; name at least one user and project")
    warnings += check_roles(role for wish in wishes for role in wish.roles)
    exclusive = frozenset(role for wish in wishes for role in wish.roles if params["exclusive"])
    for wish in wishes:
        taken = wish.roles if params["state"] == "absent" else exclusive
        if wish.fallback in taken:
            raise Refusal(f"fallback_role: {wish.fallback} is itself to be taken; name another role")
    warnings += check_roles({wish.fallback for wish in wishes if wish.fallback}, "fallback_role")
    return asked


def _asked_by_lists(params: Params, needs_roles: bool) -> List[Asked]:
    users = people(params["users"], "users")
    missing = [name for name, value in (("projects", texts(params["projects"])), ("users", users)) if value is None]
    if missing:
        raise Refusal(f"{' and '.join(missing)} missing: say which users in which projects, or give memberships")
    if params["exclusive"] and any(map(blank, as_list(params["users"], "users"))):
        raise Refusal(
            "users holds a blank, which with exclusive may be somebody left out; name the person, or delete it"
        )
    roles = _roles(params["roles"], "roles") if needs_roles else frozenset()
    fallback = _fallback(params.get("fallback_role"))
    wishes = [Wish(_who(user), roles, fallback) for user in users or ()]
    return [Asked([Where(project) for project in lines(params["projects"])], wishes)]


def _who(user: str) -> Who:
    return Who(None, user) if is_id(user) else Who(user, None)


def _roles(given: Any, option: str) -> Roles:
    """A set of roles, none of them blank."""
    if blank(given) or given == []:
        raise Refusal(f"{option} missing: name at least one, such as [GROUP_READ_ONLY]")
    values = [given] if isinstance(given, str) else given
    if not isinstance(values, list) or not all(isinstance(role, str) for role in values):
        raise Refusal(f"{option}: {given!a} is not a list of role names; write such as [GROUP_READ_ONLY]")
    if any(map(blank, values)):
        raise Refusal(f"{option} holds a blank, {given!a}; name the role, or delete the blank")
    return frozenset(texts(values) or ())


def _fallback(given: Any) -> Optional[str]:
    return None if blank(given) else str(given).strip()


def _asked_by_rows(params: Params, deed: str, needs_roles: bool) -> List[Asked]:
    for name in ("projects", "users", "roles"):
        if not blank(params[name]):
            raise Refusal(f"memberships names projects, users and roles itself; leave out {name}, or memberships")
    rows = params["memberships"]
    return [_asked_by_row(row, number, params, deed, needs_roles) for number, row in enumerate(rows, 1)]


def _asked_by_row(given: Any, number: int, params: Params, deed: str, needs_roles: bool) -> Asked:
    option = f"memberships: row {number}"
    if not isinstance(given, dict):
        raise Refusal(f"{option}: {given!a} is not a row; write {{project: ..., user: ..., roles: [...]}}")
    row = {key: value for key, value in given.items() if not blank(value)}
    unknown = sorted(map(str, set(given) - _ROW_KEYS))
    if unknown:
        raise Refusal(f"{option}: '{unknown[0]}' is not a key of a membership; write project, user and roles")
    if row.get("action", deed) != deed:
        raise Refusal(
            f"{option} has the action {row['action']!a}, and this task would {deed}; pass on rows of that action only"
        )
    where, who = _where(row, option), _row_who(row, option)
    if where is None or who is None:
        raise Refusal(
            f"{option}: {dict(given)!a} lacks a project or a user; write {{project: ..., user: ..., roles: [...]}}"
        )
    roles: Roles = frozenset()
    if needs_roles:
        roles = _roles(given.get("roles"), f"{option}: the roles of {who.text} in {where.name or where.project}")
    fallback = _fallback(row.get("fallback_role")) or _fallback(params.get("fallback_role"))
    return Asked([where], [Wish(who, roles, fallback)])


def _where(row: Mapping[str, Any], option: str) -> Optional[Where]:
    name, project_id = (_plain(row, key, option) for key in ("project", "project_id"))
    if project_id is None:
        return Where(name) if name else None
    if not is_id(project_id):
        raise Refusal(f"{option}: project_id {project_id!a} is no id (24 hexadecimal digits); write a name as project")
    same = name is None or name.lower() == project_id.lower()
    return Where(project_id.lower(), None if same else name)


def _plain(row: Mapping[str, Any], key: str, option: str) -> Optional[str]:
    """A name of a row. YAML makes a number of 2024, which is the same text; of 1.10 it makes another."""
    value = row.get(key)
    if value is None or isinstance(value, str):
        return value and value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Refusal(f"{option}: {key} {value!a} is not a name; write it in quotes")


def _row_who(row: Mapping[str, Any], option: str) -> Optional[Who]:
    user, user_id = (_plain(row, key, option) for key in ("user", "user_id"))
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
    asked: Iterable[Asked], visible: Sequence[Project], warnings: List[str]
) -> List[Tuple[Project, List[Wish]]]:
    """What is asked for in each project, ordered by name."""
    found: Dict[str, Tuple[Project, List[Wish]]] = {}
    chosen: Dict[Tuple[Where, ...], List[Project]] = {}
    for one in asked:
        where = tuple(one.where)
        if where not in chosen:
            chosen[where] = _selected(where, visible, warnings)
        for project in chosen[where]:
            found.setdefault(project.id, (project, []))[1].extend(one.wishes)
    return sorted(found.values(), key=lambda pair: (pair[0].name, pair[0].id))


def _selected(where: Sequence[Where], visible: Sequence[Project], warnings: List[str]) -> List[Project]:
    """An id decides; another name beside it is an old one, or somebody else's."""
    found = select_projects([one.project for one in where], visible)
    for name in (one.name for one in where if one.name and one.name != found[0].name):
        if any(project.name == name for project in visible):
            raise Refusal(
                f"memberships: project_id {found[0].id} is {found[0].name}, and {name} is another project; "
                "write one of them"
            )
        warnings.append(f"memberships: the project {name} ({found[0].id}) is called {found[0].name} now")
    return found


def wanted(
    wishes: Iterable[Wish],
    members: Mapping[str, Member],
    keys: Mapping[str, Sequence[str]],
    present: bool,
    warnings: List[str],
) -> Dict[str, Wish]:
    """What is asked for, by the keys that the people have in a project (``keys`` by email, folded).

    To be ``present``, somebody with a living membership is not invited again because an old invitation lapsed: that
    one is asked for nothing. Somebody new has the email for a key; an id that is not here has none.
    """
    found: Dict[str, Wish] = {}
    for wish in wishes:
        mine = _keys_of(wish.who, members, keys, present, warnings)
        if not mine:
            if not present:
                continue
            if wish.who.email is None:
                raise Refusal(f"nobody here has the user id {wish.who.id}; name the person by email")
            mine = [folded(wish.who.email)]
        takes = _settled(wish, mine, members, keys) if present else mine
        for key in mine:
            _add(found, key, wish if key in takes else Wish(wish.who))
    return found


def _add(found: Dict[str, Wish], key: str, wish: Wish) -> None:
    before = found.get(key, wish)
    found[key] = Wish(before.who, before.roles | wish.roles, before.fallback or wish.fallback)


def is_here(who: Who, members: Mapping[str, Member], keys: Mapping[str, Sequence[str]]) -> bool:
    """Whether somebody, or another account of the email, has a membership here; of that one `wanted` tells."""
    return who.id in members or (who.email is not None and folded(who.email) in keys)


def _keys_of(
    who: Who,
    members: Mapping[str, Member],
    keys: Mapping[str, Sequence[str]],
    present: bool,
    warnings: List[str],
) -> Sequence[str]:
    by_email = keys.get(folded(who.email), ()) if who.email else ()
    if who.id is None or who.id in by_email:
        return by_email if who.id is None else (who.id,)
    if who.id in members:
        if by_email:
            raise Refusal(f"user_id {who.id} is {members[who.id].user}, and {who.email} is another; write one of them")
        if who.email:
            warnings.append(f"memberships: {who.email} ({who.id}) is called {members[who.id].user} now")
        return (who.id,)
    if by_email and present:
        raise Refusal(f"{who.email} is {by_email[0]} here, not the user_id {who.id} of the row; write one of them")
    if by_email:
        warnings.append(f"memberships: {who.email} is not the account {who.id} of the row, so it was left alone")
    return ()


def _settled(
    wish: Wish, mine: Sequence[str], members: Mapping[str, Member], keys: Mapping[str, Sequence[str]]
) -> Sequence[str]:
    """Which of somebody's memberships get the roles: the living ones, else one invitation that lapsed."""
    living = [key for key in mine if key not in members or members[key].status not in LAPSED]
    if living:
        return living
    others = [key for key in keys.get(folded(members[mine[0]].user), ()) if members[key].status not in LAPSED]
    if others:
        raise Refusal(f"the invitation {mine[0]} of {wish.who.text} lapsed, and {others[0]} is a member; name that id")
    return mine[:1]
