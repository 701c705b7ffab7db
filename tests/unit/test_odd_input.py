# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Input mangled on its way, rows that contradict themselves, answers out of shape: nobody else is meant by any."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from module_run import run_module
from test_laws import ABSENT, DAN, USER

from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils import _credentials, _names, _policy
from ansible_collections.atlasops.access.plugins.module_utils._access import Refusal
from ansible_collections.atlasops.access.plugins.module_utils._client import AtlasError, Client
from ansible_collections.atlasops.access.plugins.module_utils._credentials import Credential

ANN, BOB, EVE, OUTSIDER = "ann@corp.example", "bob@corp.example", "eve@partner.example", "outsider@corp.example"
INFO, PROJECTS, REVIEW = "atlas_project_user_info", "atlas_project_info", "atlas_access_review"
OTHER = "f" * 24
READ, MANAGE = "GROUP_READ_ONLY", "GROUP_CLUSTER_MANAGER"
ANY = {"max_removal_percent": 100, "min_owners": 0}


@contextmanager
def server(answer: Callable[[str, str], tuple[int, Any]]) -> Iterator[str]:
    """A server on loopback; ``answer`` gets method and path with query, and gives status and JSON (or text)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, data = answer(self.command, self.path)
            raw = b"" if data is None else json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _do

        def log_message(self, *_: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()


def read(value: Any) -> Any:
    return _names.people(value, "users")


# --- people: somebody is dropped from a list -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [f"{ANN}, Bob Stone <{BOB}>", f"{ANN},{BOB} <{DAN}>", f"{ANN}, {'a' * 24}, Bob <{BOB}>"],
)
def test_an_address_in_front_of_a_named_one_is_not_dropped(text):
    """'ann, Bob <bob>' is bob alone: ann is neither found nor told."""
    try:
        found = read(text)
    except Refusal:
        return
    assert ANN in found, f"{ANN} is silently nobody: {found}"


def test_a_protected_person_in_front_of_a_named_one_stays_protected(small):
    result = run_module(
        REVIEW, small, projects="alpha", policy={"leavers": [DAN]},
        guards={**ANY, "protected_users": f"{DAN}, Ann Lane <{ANN}>"},
    )  # fmt: skip
    assert result.get("failed") or result["findings"][0]["action"] != "remove", result["findings"]


def test_a_removal_of_two_people_in_one_line_takes_both_or_neither(small):
    run_module(USER, small, project="alpha", users=f"{DAN}, Bob Stone <{BOB}>", **ABSENT)
    left = {DAN, BOB} & set(small.state()["alpha"])
    assert len(left) in (0, 2), left


@pytest.mark.parametrize(
    "sign", ["\ufe0f", "\u034f", "\u3164", "\u115f", "\uffa0", "\u2800", "\U000e0101", "\u180b"], ids=ascii
)
def test_signs_that_nobody_sees_are_refused_whatever_their_category(sign):
    """Variation selectors and joiners are of category M, fillers are letters, the blank Braille cell is a symbol."""
    for text in (f"ann{sign}@corp.example", f"{sign}ann@corp.example"):
        with pytest.raises(Refusal):
            read(text)


@pytest.mark.parametrize("text", [f"`{DAN}", f"\u201c{DAN}", f"\u00ab{DAN}"], ids=ascii)
def test_a_quote_at_one_end_is_refused_as_one_at_both(text):
    with pytest.raises(Refusal):
        read(text)


BLANKS = {
    "json": f'["{ANN}", ""]',
    "json-null": f'["{ANN}", null]',
    "commas": f"{ANN},,",
    "template": f"{ANN}, ",
    "semicolons": f"{ANN}; ;",
    "in-a-list": [ANN, ";"],
    "comma-in-a-list": [ANN, ", "],
}


@pytest.mark.parametrize("users", BLANKS.values(), ids=list(BLANKS))
def test_a_blank_among_the_users_of_exclusive_is_refused_however_it_is_written(small, users):
    result = run_module(
        USER, small, True, project="alpha", users=users, roles="GROUP_OWNER", exclusive=True, allow_no_owner=True
    )
    assert result.get("failed"), [(one["action"], one["user"]) for one in result["actions"]]


# --- rows ------------------------------------------------------------------------------------------------------------


def test_one_newcomer_by_an_old_name_with_id_and_by_the_new_name_is_one_person(small):
    """Two rows of one account that is in the organization only: one `add` with both roles."""
    rows = [
        {"project": "beta", "user": "old.name@corp.example", "user_id": small.user_id(OUTSIDER), "roles": [READ]},
        {"project": "beta", "user": OUTSIDER, "roles": [MANAGE]},
    ]
    result = run_module(USER, small, memberships=rows)
    assert small.state()["beta"][OUTSIDER]["roles"] == [MANAGE, READ], result.get("msg")
    assert not result.get("failed") and [one["action"] for one in result["actions"]] == ["add"], result.get("msg")


def test_rows_by_id_of_somebody_invited_anew_reach_a_fixpoint(small):
    """The id of the row is nowhere any more; the first run invites by email, the second refuses the person."""
    rows = [{"project": "beta", "user": "gone@corp.example", "user_id": OTHER, "roles": [READ]}]
    first = run_module(USER, small, memberships=rows)
    again = run_module(USER, small, memberships=rows)
    assert first.get("failed") or (not again.get("failed") and not again["changed"]), again.get("msg")


def test_a_row_by_id_adds_no_other_account_where_the_organization_is_unreadable(small):
    rows = [{"project": "beta", "user": OUTSIDER, "user_id": OTHER, "roles": [READ]}]
    result = run_module(USER, small, memberships=rows, access_token="projects-token")
    assert OUTSIDER not in small.state()["beta"] or result["warnings"] or result.get("failed"), result["actions"]


def test_what_is_no_address_is_refused_before_it_is_to_be_invited(small):
    rows = [
        {"project": "alpha", "user": OUTSIDER, "roles": [READ]},
        {"project": "beta", "user": "j.smith", "user_id": OTHER, "roles": [READ]},
    ]
    result = run_module(USER, small, memberships=rows)
    assert result.get("failed") and not small.writes, [(one.method, one.path) for one in small.writes]


def test_what_is_no_address_is_no_planned_invitation(small):
    rows = [{"project": "beta", "user": "j.smith", "user_id": OTHER, "roles": [READ]}]
    check, real = (run_module(USER, small, check, memberships=rows) for check in (True, False))
    assert bool(check.get("failed")) == bool(real.get("failed")), "check mode plans what the real run can't do"


def test_a_name_with_a_comma_is_not_taken_apart_in_what_is_excluded_either(small):
    """exclude_projects: "alpha,beta" means one project; alpha and beta are excluded, and that one is reviewed."""

    def rename(world):
        world.project("gamma").name = "alpha,beta"
        for project in world.projects.values():
            world.changed(project)

    small.change(rename)
    result = run_module(REVIEW, small, policy={"leavers": [DAN]}, exclude_projects="alpha,beta", guards=ANY)
    assert result.get("failed"), [one["project"] for one in result["findings"]]


@pytest.mark.parametrize("beside", ["beta", "*", "gamm?"])
def test_a_row_that_names_another_project_beside_the_id_is_refused(small, beside):
    """Another project's id, or a glob: 'is called alpha now' is not so."""
    row = {"project": small.project_id("beta") if beside == "beta" else beside, "user": DAN}
    result = run_module(USER, small, True, memberships=[{**row, "project_id": small.project_id("alpha")}], **ABSENT)
    assert result.get("failed"), (result["actions"], result["warnings"])


def test_a_row_with_the_email_of_somebody_else_whom_the_organization_knows_takes_nobody(small):
    """bob is ACTIVE, and no member of beta; a row of his email and dan's id (columns that slipped) removes dan."""
    rows = [{"project": "beta", "user": BOB, "user_id": small.user_id(DAN)}]
    result = run_module(USER, small, True, memberships=rows, **ABSENT)
    assert result.get("failed"), (result["actions"], result["warnings"])


def test_a_row_with_the_email_of_somebody_else_whom_the_organization_knows_adds_nobody(small):
    rows = [{"project": "beta", "user": BOB, "user_id": small.user_id(OUTSIDER), "roles": ["GROUP_OWNER"]}]
    result = run_module(USER, small, True, memberships=rows)
    assert result.get("failed"), (result["actions"], result["warnings"])


def twin_of_eve(status: str, member_of_alpha: bool) -> Callable[[Any], None]:
    """eve's invitation to alpha expired under her old id; another account or invitation of the same email."""

    def change(world: Any) -> None:
        alpha = world.project("alpha")
        twin = replace(world.user(EVE), id="e" * 24, status=status)
        alpha.org.users[twin.id] = twin
        if member_of_alpha:
            alpha.members[twin.id] = (READ,)
        else:
            alpha.org.by_email[EVE] = twin.id
        world.changed_people(alpha.org)

    return change


def test_whoever_is_active_in_the_organization_is_not_reported_as_invited(small):
    small.change(twin_of_eve("ACTIVE", member_of_alpha=False))
    result = run_module(USER, small, project="alpha", user=EVE, roles=READ)
    now = [
        one for one in run_module(INFO, small, projects="alpha", user=EVE)["memberships"] if one["status"] == "ACTIVE"
    ]
    assert now and "ACTIVE" in [one["status"] for one in result["memberships"]], result["memberships"]


def test_a_row_with_the_id_of_a_lapsed_invitation_gives_no_role_to_another_account(small):
    old = small.user_id(EVE)
    small.change(twin_of_eve("ACTIVE", member_of_alpha=False))
    rows = [{"project": "alpha", "user": EVE, "user_id": old, "roles": ["GROUP_OWNER"]}]
    result = run_module(USER, small, memberships=rows)
    assert result.get("failed") or result["warnings"], result["actions"]


def test_two_lapsed_invitations_of_one_email_are_renewed_once(small):
    rows = [
        {"project": "alpha", "user": EVE, "user_id": one, "roles": [READ]} for one in ("e" * 24, small.user_id(EVE))
    ]
    small.change(twin_of_eve("INVITATION_REJECTED", member_of_alpha=True))
    result = run_module(USER, small, True, memberships=rows)
    assert result.get("failed") or len(result["actions"]) == 1, result["actions"]


def test_a_review_renews_two_lapsed_invitations_of_one_email_once(small):
    small.change(twin_of_eve("INVITATION_REJECTED", member_of_alpha=True))
    policy = {"memberships": [{"project": "alpha", "user": EVE, "roles": [READ]}], "add_missing": True}
    result = run_module(REVIEW, small, projects="alpha", policy=policy, guards=ANY)
    assert actions(result).count(("add", EVE)) == 1


def test_somebody_whom_the_organization_knows_is_added_by_id(small):
    result = run_module(USER, small, True, project="beta", user=small.user_id(OUTSIDER), roles=READ)
    assert not result.get("failed"), result.get("msg")


# --- review ----------------------------------------------------------------------------------------------------------


def actions(result: Any) -> list[tuple[str, str]]:
    return [(one["action"], one["user"]) for one in result["findings"]]


def named(world: Any, name: str) -> None:
    world.project("alpha").name = name
    for project in world.projects.values():
        world.changed(project)


@pytest.mark.parametrize("name", ["a[b]", "Payments [EU]"])
def test_an_exception_for_a_project_by_its_exact_name_holds(small, name):
    small.change(lambda world: named(world, name))
    policy = {"leavers": [DAN], "exceptions": [{"user": DAN, "project": name, "reason": "hands over"}]}
    result = run_module(REVIEW, small, projects=[name], policy=policy, guards=ANY)
    assert actions(result) == [], "the exception is passed over and the person is to be removed"


@pytest.mark.parametrize("spelling", [str.upper, " {} ".format], ids=["capitals", "blanks"])
def test_an_exception_for_a_project_by_id_holds_in_any_case(small, spelling):
    where = spelling(small.project_id("alpha"))
    policy = {"leavers": [DAN], "exceptions": [{"user": DAN, "project": where}]}
    result = run_module(REVIEW, small, projects=[where], policy=policy, guards=ANY)
    assert actions(result) == []


def test_an_exception_with_a_blank_project_is_one_for_all(small):
    policy = {"leavers": [DAN], "exceptions": [{"user": DAN, "project": " "}]}
    assert actions(run_module(REVIEW, small, projects="alpha", policy=policy, guards=ANY)) == []


ODD_POLICIES: dict[str, dict[str, Any]] = {
    "exception-project-number": {"leavers": [DAN], "exceptions": [{"user": DAN, "project": 2024}]},
    "exception-project-list": {"leavers": [DAN], "exceptions": [{"user": DAN, "project": ["alpha"]}]},
    "exception-rule-list": {"exceptions": [{"user": DAN, "rule": ["leavers"]}]},
    "exception-rule-map": {"exceptions": [{"user": DAN, "rule": {"leavers": 1}}]},
    "membership-roles-number": {"memberships": [{"project": "alpha", "user": DAN, "roles": 5}]},
    "membership-roles-true": {"memberships": [{"project": "alpha", "user": DAN, "roles": True}]},
}


@pytest.mark.parametrize("policy", ODD_POLICIES.values(), ids=list(ODD_POLICIES))
def test_an_odd_policy_is_a_sentence_or_works(small, policy):
    try:
        result = run_module(REVIEW, small, projects="alpha", policy=policy)
    except Exception as error:
        pytest.fail(f"traceback: {error!r}")
    assert "Traceback" not in result.output


def test_a_person_by_email_and_by_id_in_the_desired_state_is_one_person(small):
    """dan holds both roles in beta, as the two rows say; the review takes the one that the email's row gives."""
    rows = [
        {"project": "beta", "user": DAN, "roles": [READ]},
        {"project": "beta", "user": small.user_id(DAN), "roles": [MANAGE]},
        {"project": "beta", "user": ANN, "roles": ["GROUP_OWNER"]},
        {"project": "beta", "user": "pia@partner.example", "roles": ["GROUP_OWNER"]},
    ]
    result = run_module(REVIEW, small, projects="beta", policy={"memberships": rows}, guards=ANY)
    assert actions(result) == [], result["findings"]


def test_the_review_plans_no_step_that_the_module_refuses(small, tmp_path):
    rows = [{"project": "alpha", "user": small.user_id(OUTSIDER), "roles": [READ]}]
    review = run_module(
        REVIEW, small, projects="alpha", policy={"memberships": rows, "add_missing": True},
        guards=ANY, evidence_dir=str(tmp_path),
    )  # fmt: skip
    if review.get("failed"):
        return
    run = Path(review["evidence_dir"])
    plan = {"file": str(run / "plan.json"), "digest": review["plan_digest"], "actions": ["add"]}
    result = run_module(USER, small, True, plan=plan, journal=str(tmp_path / "journal.jsonl"))
    assert not result.get("failed"), result.get("msg")


@pytest.mark.parametrize(
    "domains",
    [
        "corp.example\npartner.example",
        "corp.example; partner.example",
        ["corp.example."],
        "corp.example partner.example",
    ],
    ids=ascii,
)
def test_allowed_domains_that_are_none_do_not_find_everybody(small, domains):
    result = run_module(REVIEW, small, policy={"allowed_domains": domains}, guards=ANY)
    assert result.get("failed") or (("remove", DAN) not in actions(result)), len(result["findings"])


@pytest.mark.parametrize("value", ["y", "t", "ture", "enabled"], ids=str)
def test_a_truth_value_is_understood_or_refused(value):
    from ansible.module_utils.parsing.convert_bool import boolean

    try:
        meant = boolean(value, strict=True)
    except TypeError:
        meant = None
    try:
        policy, _warnings = _policy.read_policy({"add_missing": value})
    except Refusal:
        return
    assert policy.add_missing is meant


# --- results ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"projects": []}, {"users": []}, {"roles": []}, {"statuses": []}, {"via": []}],
    ids=lambda one: [*one][0],
)
def test_an_empty_scope_or_filter_is_not_silently_nobody(small, options):
    result = run_module(INFO, small, **options)
    assert result.get("failed") or result["warnings"] or result["memberships"]


def test_tags_of_which_no_project_has_all_are_told(small):
    result = run_module(PROJECTS, small, tags={"env": "prod", "team": "platform"})
    assert result.get("failed") or result["warnings"] or result["projects"]


# --- answers of a server ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [1, True, 2.5], ids=str)
def test_misshapen_fields_of_an_error_are_no_traceback(quick, fields):
    body = {"error": 400, "errorCode": "X", "detail": "no", "badRequestDetail": {"fields": fields}}
    with server(lambda *_: (400, body)) as url, Client(Credential("token", "", "t"), url, timeout=2) as client:
        with pytest.raises(AtlasError):
            atlas.projects(client)


PROJECT = {"id": "1" * 24, "name": "alpha", "orgId": "2" * 24}


def listing(rows: list[Any]) -> Any:
    return {"results": rows, "totalCount": len(rows), "links": []}


def test_a_status_that_is_new_is_no_traceback(quick):
    """Atlas adds values to enumerations; somebody to be added who has such a one in the organization."""
    person = {"id": "3" * 24, "username": ANN, "orgMembershipStatus": "SUSPENDED", "roles": {"orgRoles": []}}

    def answer(method: str, path: str) -> tuple[int, Any]:
        if "/orgs/" in path:
            return 200, listing([person])
        return 200, listing([]) if "/users" in path else listing([PROJECT])

    with server(answer) as url:
        try:
            result = run_module(USER, None, True, base_url=url, access_token="t", project="alpha", user=ANN, roles=READ)
        except Exception as error:
            pytest.fail(f"traceback: {error!r}")
    assert "Traceback" not in result.output


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_an_authorization_header_in_json_within_json_is_masked_whole():
    """Some servers write '/' as '\\/' in JSON; what is behind it is the end of the secret in Base64."""
    secrets = _credentials.secrets_of(Credential("service_account", "mdb_sa_id_1", "mdb_sa_sk_>>>???>>>???secretend"))
    (header,) = (text for text in secrets if not text.startswith("mdb_sa"))
    assert "/" in header
    said = json.dumps({"Authorization": f"Basic {header}"}).replace("/", "\\/")
    shown = _credentials.masked(said, secrets)
    assert header.rsplit("/", 1)[1] not in shown, shown


def test_a_password_with_two_slashes_in_the_address_is_masked_whole():
    """What older Ansible prints of the options at -vvv is masked by these texts."""
    address = "https://me:pass//word1234@cloud.mongodb.com"
    shown = _credentials.masked(address, sorted(_credentials.misplaced({"base_url": address}), key=len, reverse=True))
    assert "pass" not in shown, shown


def test_a_short_id_does_not_mask_the_result(small):
    """A text in place of an id is taken for a secret however short it is; every 'a' of the result is then masked."""
    result = run_module(
        PROJECTS, small, access_token="small-token", client_id="a", client_secret="mdb_sa_sk_x", projects="alpha"
    )
    assert result["projects"][0]["name"] == "alpha"


@pytest.mark.parametrize("name", ["ACCESS_TOKEN", "CLIENT_ID"])
def test_a_blank_variable_counts_as_unset(small, monkeypatch, name):
    monkeypatch.setenv(f"MONGODB_ATLAS_{name}", " ")
    options = {"public_key": "smallkey", "private_key": "small-private-key", "base_url": small.url, "access_token": ""}
    result = run_module(PROJECTS, None, **options)
    assert not result.get("failed"), result.get("msg")
