# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and tokens appear nowhere: not in results, errors, warnings, the most verbose output, or process lists."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote

import pytest
import warm_python
from by_hand import Asked, Said, by_hand
from module_run import run_module
from test_faults import WRITE_FAULTS
from test_laws import CREDENTIALS, DAN, ORGANIZATION, ROLE, TEAM, USER

USER_INFO, INFO = "atlas_project_user_info", "atlas_project_info"
IDENTITY_INFO = "atlas_project_identity_info"
REMOVE = {"projects": "*", "user": DAN, "state": "absent"}
OPTIONS: dict[str, dict[str, Any]] = {
    USER: REMOVE,
    ROLE: {"project": "beta", "user": DAN, "role": "GROUP_CLUSTER_MANAGER", "state": "absent"},
    TEAM: {"teams": "*", "user": "ann@corp.example", "state": "absent"},
    ORGANIZATION: {"user": "rita@corp.example", "state": "absent"},
    USER_INFO: {},
    INFO: {},
    IDENTITY_INFO: {},
}
SECRET_OPTIONS = ("client_secret", "private_key", "access_token")


def secrets_of(credential: dict[str, str], sim: Any) -> list[str]:
    """What must not be seen, also as it goes over the wire; with every token that was minted."""
    secrets = [credential[name] for name in SECRET_OPTIONS if name in credential]
    pairs = [
        ":".join(credential[name] for name in names)
        for names in (("client_id", "client_secret"), ("public_key", "private_key"))
        if names[0] in credential
    ]
    return secrets + [base64.b64encode(pair.encode()).decode() for pair in pairs] + sim.seen_tokens


@pytest.fixture
def watched(small, monkeypatch):
    """The simulator, which writes down each token that it gives out."""
    small.seen_tokens = []
    mint = type(small._service.tokens).mint

    def noted(self: Any, *arguments: Any) -> Any:
        answer = mint(self, *arguments)
        small.seen_tokens.append(answer["access_token"])
        return answer

    monkeypatch.setattr(type(small._service.tokens), "mint", noted)
    return small


def assert_clean(text: str, secrets: list[str]) -> None:
    for secret in secrets:
        assert secret not in text, f"{secret} in {text}"


# What fails is told by the one client of all modules; make test takes a module that writes, the stage `faults` all.
PAIRS = [
    *((USER, kind) for kind in CREDENTIALS),
    *(pytest.param(name, "service-account", marks=pytest.mark.thorough) for name in OPTIONS if name != USER),
]


@pytest.mark.parametrize("name, kind", PAIRS)
def test_no_secret_in_the_output_of_any_kind_of_fault(watched, hasty, capfd, name, kind):
    credential = CREDENTIALS[kind]
    for label, fault in WRITE_FAULTS.items():
        watched.reset()
        if "hang" in label:
            continue
        watched.fault(fault.what, path="/api/", times=None, after_effect=fault.after_effect)
        result = run_module(name, watched, max_wait=0.05, **OPTIONS[name], **credential)
        printed = capfd.readouterr()
        assert_clean(result.output + printed.out + printed.err, secrets_of(credential, watched))
        assert "Traceback" not in result.output + printed.err


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=list(CREDENTIALS))
def test_an_answer_that_repeats_the_secrets_is_masked(watched, monkeypatch, credential):
    """Such as a proxy's page that shows the headers of the request."""
    watched.fault("expire_token", path="/nowhere")  # A script, so that the gate is asked.
    gate = sys.modules["simulator.gate"]

    def echo(fault: Any) -> Any:
        said = " ".join(secrets_of(credential, watched))
        return {"content-type": "application/json"}, json.dumps(
            {"detail": said, "errorCode": "ECHO", "error": 400}
        ).encode()

    monkeypatch.setattr(gate, "_status_answer", echo)
    watched.fault(400, method="GET", path="/users$", times=None)
    result = run_module(USER_INFO, watched, **credential)
    assert result["failed"] and "400 ECHO: " in result["msg"]
    secrets = [secret for secret in secrets_of(credential, watched) if ":" not in base64_text(secret)]
    assert_clean(result.output, secrets)


def base64_text(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""


@pytest.mark.parametrize(
    "variables",
    [
        {
            "MONGODB_ATLAS_CLIENT_ID": "mdb_sa_id_0123456789abcdef01234567",
            "MONGODB_ATLAS_CLIENT_SECRET": "mdb_sa_sk_small",
        },
        {"MONGODB_ATLAS_PUBLIC_KEY": "smallkey", "MONGODB_ATLAS_PRIVATE_KEY": "small-private-key"},
        {"MONGODB_ATLAS_ACCESS_TOKEN": "small-token"},
    ],
    ids=["service-account", "api-key", "token"],
)
def test_secrets_from_the_environment_are_masked_too(watched, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    secret = list(variables.values())[-1]
    watched.fault({"status": 400, "detail": f"Who sent {secret}?"}, method="GET", path="/groups$", times=None)
    result = run_module(INFO, watched, access_token="")
    assert result["failed"] and "Who sent " in result["msg"]
    assert_clean(result.output, [secret])


# --- a server that repeats what it got -------------------------------------------------------------------------------

MINTED = "eyJhbGciOi.minted-token.value"

WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "percent": lambda text: quote(text, safe=""),
    "every-sign-percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "in-words": lambda text: f"the header 'Authorization: {text}' was refused",
    "in-a-form": lambda text: f"token={quote(text)}&hint=x",
}
FIELDS: dict[str, Callable[[str], Said]] = {
    "detail": lambda text: Said({"error": 400, "errorCode": "ECHO", "detail": text}, 400),
    "error-code": lambda text: Said({"error": 400, "errorCode": text, "detail": "no"}, 400),
    "reason": lambda text: Said({"error": 400, "reason": text}, 400),
    "oauth": lambda text: Said({"error": text, "error_description": text}, 400),
    "bad-request": lambda text: Said(
        {"errorCode": "ECHO", "badRequestDetail": {"fields": [{"field": text, "description": text}]}}, 400
    ),
    "header": lambda text: Said({"detail": "no"}, 400, {"X-Error-Code": text}),
    "redirect": lambda text: Said({}, 302, {"Location": f"https://{text}.example/{text}"}),
    "row": lambda text: Said({"results": [{"id": "a" * 24, "name": text, "orgId": 5}], "totalCount": 1}),
    "key-of-a-row": lambda text: Said({"results": [{text: text}], "totalCount": 1}),
}


def echoing(kind: str, at: str, say: Callable[[str], Said], seen: list[str]) -> Callable[[Asked], Said]:
    """Answers that repeat the Authorization header, noted in `seen`, of the request for a token or of the others."""

    def answer(asked: Asked) -> Said:
        if asked.path.endswith("/revoke"):
            return Said({})
        if asked.path.endswith("/token") and at == "call":
            return Said({"access_token": MINTED, "expires_in": 3600, "token_type": "Bearer"})
        header = asked.headers.get("Authorization", "")
        if kind == "api-key" and not header:
            return Said({}, 401, {"WWW-Authenticate": 'Digest realm="x", nonce="n", algorithm=MD5, qop="auth"'})
        seen.append(header)
        return say(header)

    return answer


@pytest.mark.parametrize("kind, at", [("service-account", "token"), *((kind, "call") for kind in CREDENTIALS)])
@pytest.mark.parametrize("field", FIELDS.values(), ids=list(FIELDS))
def test_a_server_that_repeats_the_authorization_is_masked(quick, kind, at, field):
    credential = CREDENTIALS[kind]
    secrets = [MINTED, *(credential[name] for name in SECRET_OPTIONS if name in credential)]
    for written in WRITTEN.values():
        seen: list[str] = []
        with by_hand(echoing(kind, at, lambda header: field(written(header)), seen)) as server:  # noqa: B023
            result = run_module(INFO, None, base_url=server.url, timeout=5, **credential)
        assert result["failed"]
        header = seen[0]
        sent = [header, header.split(" ", 1)[1], *re.findall(r'response="(\w+)"', header)]
        assert_clean(result.output, [form(text) for text in secrets + sent for form in WRITTEN.values()])


# --- secrets in the wrong option -------------------------------------------------------------------------------------

WRONG_SECRET = "mdb_sa_sk_Very-secret_value"
PASSWORD = "pa55-of:somebody"
WRONG: dict[str, dict[str, Any]] = {
    "secret-as-client-id": {"client_id": WRONG_SECRET, "client_secret": "mdb_sa_sk_other"},
    "swapped": {"client_id": WRONG_SECRET, "client_secret": "mdb_sa_id_0123456789abcdef01234567"},
    "secret-as-public-key": {"public_key": WRONG_SECRET, "private_key": "x1234567"},
    "alone-as-public-key": {"public_key": WRONG_SECRET},
    "keys-swapped": {"public_key": "12345678-90ab-cdef-1234-567890abcdef", "private_key": "smallkey"},
    "secret-in-url": {"base_url": f"https://{WRONG_SECRET}@cloud.mongodb.com", "access_token": "small-token"},
    "password-in-url": {"base_url": f"https://me:{PASSWORD}@cloud.mongodb.com", "access_token": "small-token"},
    "encoded-password-in-url": {"base_url": f"https://me:{quote(PASSWORD)}@cloud.mongodb.com", "access_token": "x" * 9},
    "with-white-space": {"client_id": f" {WRONG_SECRET}\n", "client_secret": "mdb_sa_sk_other"},
    "beside-a-bad-choice": {"client_id": WRONG_SECRET, "client_secret": "mdb_sa_sk_other", "max_wait": "nonsense"},
    "beside-an-unknown-option": {"public_key": WRONG_SECRET, "private_key": "x1234567", "nonsense": 1},
    "secret-as-project": {"access_token": "small-token", "projects": [WRONG_SECRET]},
}
NOT_TO_BE_SEEN = [WRONG_SECRET, PASSWORD, quote(PASSWORD), "12345678-90ab-cdef"]


def with_wrong(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a task, with a secret in one where none belongs."""
    given = {key: value for key, value in OPTIONS[name].items() if key != "project" or "projects" not in options}
    return {**given, **options}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("options", WRONG.values(), ids=list(WRONG))
def test_a_secret_in_the_wrong_option_is_not_returned(small, name, options):
    result = run_module(name, small, **{"access_token": "", **with_wrong(name, options)})
    assert result["failed"]
    assert_clean(result.output, NOT_TO_BE_SEEN)


@pytest.mark.parametrize("variable", ["CLIENT_ID", "PUBLIC_KEY", "BASE_URL"])
def test_a_secret_in_the_wrong_variable_is_not_returned(small, monkeypatch, variable):
    wrong = f"https://me:{PASSWORD}@cloud.mongodb.com" if variable == "BASE_URL" else WRONG_SECRET
    monkeypatch.setenv(f"MONGODB_ATLAS_{variable}", wrong)
    options = {"access_token": "small-token"} if variable == "BASE_URL" else {"access_token": ""}
    result = run_module(INFO, None, **options)
    assert result["failed"]
    assert_clean(result.output, NOT_TO_BE_SEEN)


# --- through Ansible itself ------------------------------------------------------------------------------------------


def ansible(
    sim: Any, folder: Path, tasks: list[dict[str, Any]], variables: dict[str, str], python: str = sys.executable
) -> tuple[str, str]:
    """Tasks in their most verbose form, in a play or (with variables, the first of them) ad hoc: all that is printed
    and logged, and the command lines of all processes. A task that fails does not stop those after it."""
    tasks = [{**task, "options": {"base_url": sim.url, **task["options"]}} for task in tasks]
    if variables:
        (task,) = tasks
        command = ["adhoc", "localhost", "-m", task["module"], "-a", json.dumps(task["options"])]
    else:
        play = folder / "play.json"
        listed = [{task["module"]: task["options"], "ignore_errors": True} for task in tasks]
        play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": listed}]), encoding="utf-8")
        command = ["playbook", str(play), "-i", "localhost,", "-c", "local"]
    log = folder / "ansible.log"
    collections = [entry for entry in sys.path if os.path.isdir(os.path.join(entry, "ansible_collections", "atlasops"))]
    environment = {
        **os.environ,
        **variables,
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(collections),
        "ANSIBLE_LOG_PATH": str(log),
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
    }
    command = [
        sys.executable,
        "-m",
        "ansible",
        *command,
        "-vvvv",
        "--diff",
        "-e",
        f"ansible_python_interpreter={python}",
    ]
    lines: set[str] = set()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watcher = threading.Thread(target=watch_command_lines, args=(process, str(folder).encode(), lines))
        watcher.start()
        output, _nothing = process.communicate(timeout=240)
        watcher.join()
    return output + log.read_text(encoding="utf-8"), "\n".join(lines)


def watch_command_lines(process: Any, mark: bytes, lines: set[str]) -> None:
    """Of the processes whose environment has the mark."""
    while process.poll() is None:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes():
                    lines.add((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            except OSError:
                continue
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc to read command lines from")
@pytest.mark.parametrize("origin", ["options", pytest.param("environment", marks=pytest.mark.thorough)])
def test_the_most_verbose_ansible_shows_no_secret(watched, tmp_path, origin):
    credential = CREDENTIALS["service-account"]
    watched.knobs.latency_s = 0.05
    watched.fault(
        {"status": 403, "errorCode": "ACCESS_FORBIDDEN"}, method="DELETE", path=watched.project_id("beta"), times=None
    )
    name = f"atlasops.access.{USER}"
    if origin == "options":
        task = {"module": name, "options": {**REMOVE, **credential}}
        output, command_lines = ansible(watched, tmp_path, [task], {})
    else:
        variables = {f"MONGODB_ATLAS_{name.upper()}": value for name, value in credential.items()}
        output, command_lines = ansible(watched, tmp_path, [{"module": name, "options": REMOVE}], variables)
    assert "403 ACCESS_FORBIDDEN" in output and '"action": "remove"' in output, output
    assert watched.seen_tokens and "ansible" in command_lines
    assert_clean(output, secrets_of(credential, watched))
    assert_clean(command_lines, secrets_of(credential, watched))


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc to read command lines from")
@pytest.mark.thorough
@pytest.mark.parametrize("name", [USER, USER_INFO])
def test_the_most_verbose_ansible_shows_no_secret_in_the_wrong_option(small, tmp_path, name):
    tasks = [{"module": f"atlasops.access.{name}", "options": with_wrong(name, options)} for options in WRONG.values()]
    output, command_lines = ansible(small, tmp_path, tasks, {}, warm_python.interpreter())
    assert f"ignored={len(WRONG)}" in output, output
    assert_clean(output, NOT_TO_BE_SEEN)
    assert_clean(command_lines, NOT_TO_BE_SEEN)
