# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates are verified, proxies are used, and what a run leaves anywhere holds no secret."""

from __future__ import annotations

import base64
import os
from urllib.parse import quote

import pytest
import role_calls
from module_run import run_module
from test_laws import CREDENTIALS, DAN, USER
from wires import certificate, proxy, tls

REMOVE = {"project": "alpha", "user": DAN, "state": "absent", "max_wait": 0, "timeout": 10}
PASSWORD = "pa55:of/somebody"
SECRET_OPTIONS = ("client_secret", "private_key", "access_token")


@pytest.fixture(autouse=True)
def no_proxy_from_outside(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def forms(secret):
    """A secret as it is, and as it goes over the wire."""
    return {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_certificate_that_signed_itself_is_refused_before_any_secret_is_sent(small, tmp_path, kind):
    with tls(small.url, certificate(tmp_path)) as url:
        result = run_module(USER, None, base_url=url, **REMOVE, **CREDENTIALS[kind])
    assert result["failed"] and f"the certificate of {url} could not be verified" in result["msg"]
    assert "REQUESTS_CA_BUNDLE" in result["msg"] and not small.requests


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_an_authority_of_ones_own_is_named_by_the_environment(small, tmp_path, monkeypatch, kind):
    path = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with tls(small.url, path) as url:
        result = run_module(USER, None, base_url=url, **REMOVE, **CREDENTIALS[kind])
    assert not result.get("failed"), result["msg"]
    assert DAN not in small.state()["alpha"]


@pytest.mark.parametrize("lets_through", [True, False])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_of_the_environment_is_used_and_its_password_shows_nowhere(
    small, tmp_path, monkeypatch, capfd, variable, lets_through
):
    path, heads = certificate(tmp_path), []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with tls(small.url, path) as url, proxy(heads, lets_through) as address:
        monkeypatch.setenv(variable, f"http://me:{quote(PASSWORD, safe='')}@{address}")
        result = run_module(USER, None, base_url=url, **REMOVE, **CREDENTIALS["service-account"])
    assert heads and all(head.startswith("CONNECT 127.0.0.1:") for head in heads)
    assert base64.b64encode(f"me:{PASSWORD}".encode()).decode() in heads[0]
    assert bool(result.get("failed")) == (not lets_through), result.get("msg")
    assert lets_through or "the proxy did not let the connection through" in result["msg"]
    printed = capfd.readouterr()
    shown = result.output + printed.out + printed.err
    for form in forms(PASSWORD) | forms(f"me:{PASSWORD}") | forms(CREDENTIALS["service-account"]["client_secret"]):
        assert form not in shown


def test_who_needs_no_proxy_gets_none(small, tmp_path, monkeypatch):
    path, heads = certificate(tmp_path), []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with tls(small.url, path) as url, proxy(heads) as address:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        assert not run_module(USER, None, base_url=url, **REMOVE, **CREDENTIALS["token"]).get("failed")
    assert not heads


# --- what a run leaves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CREDENTIALS)
@pytest.mark.parametrize("fault", [None, {"status": 400, "detail": "who are you?"}], ids=["undisturbed", "refused"])
def test_nothing_that_a_run_leaves_anywhere_holds_a_secret(small, tmp_path, monkeypatch, kind, fault):
    """Evidence, results, and whatever else lies in the directory for temporary files."""
    minted, mint = [], type(small._service.tokens).mint

    def noted(self, *arguments):
        answer = mint(self, *arguments)
        minted.append(answer["access_token"])
        return answer

    monkeypatch.setattr(type(small._service.tokens), "mint", noted)
    credential = CREDENTIALS[kind]
    secrets = [credential[name] for name in SECRET_OPTIONS if name in credential]
    if fault:
        small.fault({**fault, "detail": f"{fault['detail']} {secrets[0]}"}, method="DELETE", times=None)
    review = {
        "policy": {"leavers": [DAN]},
        "guards": {"max_removal_percent": 100, "max_project_removal_percent": 100, "min_owners": 0},
        "evidence_dir": str(tmp_path / "evidence"),
    }
    before = {*os.listdir("/tmp")}
    common = {**credential, "base_url": small.url, "max_wait": 1}
    run = role_calls.Run(tmp_path, common, review).wait()
    assert run.result(role_calls.EVIDENCE)["outcome"]["state"] == ("failed" if fault else "done")
    assert bool(minted) == (kind == "service-account")
    fresh = [os.path.join("/tmp", name) for name in {*os.listdir("/tmp")} - before if "ansible" in name]
    files = [os.path.join(folder, name) for top in [tmp_path, *fresh] for folder, _dirs, names in os.walk(top)
             for name in names]  # fmt: skip
    assert len(files) > 8
    for secret in secrets + minted:
        for path in files:
            with open(path, "rb") as file:
                content = file.read()
            assert not [form for form in forms(secret) if form.encode() in content], path
