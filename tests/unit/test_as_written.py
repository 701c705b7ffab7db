# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and policies as people write and export them: what they mean, or one sentence that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.atlasops.access.plugins.module_utils._access import Refusal
from ansible_collections.atlasops.access.plugins.module_utils._leavers import read_leavers
from ansible_collections.atlasops.access.plugins.module_utils._policy import read_guards, read_policy
from ansible_collections.atlasops.access.plugins.module_utils._sources import read_sources

DAN, ANN = "dan@corp.example", "ann@corp.example"
LEFT = [{"user": DAN, "last_day": "2020-01-31"}]
ROW = f"- {{user: {DAN}, roles: [GROUP_OWNER]}}\n"

LEAVERS: list[tuple[str, str | bytes, Any]] = [
    ("l.csv", "email\ndan@corp.example\n".encode("utf-16-le"), "is not a text file"),
    ("l.csv", f"name;email\nJos\xe9;{DAN}\n".encode("latin-1"), "line 2: is not text in UTF-8"),
    (
        "l.xlsx",
        b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(256)),
        "is not text but a spreadsheet or an archive; save what is in it",
    ),
    (
        "l.csv",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 200,
        "is not text but a spreadsheet or an archive; save what is in it",
    ),
    ("l.csv", f"email,reason\n{DAN},{'x' * 300_000}\n", "row 2: is not CSV: field larger than field limit"),
    ("l.csv", f"Reason;Last Day;E-Mail\n;2020-01-31;{DAN}\n", LEFT),
    ("l.csv", f"Dept;Personnel no;Email;Manager\nIT;42;{DAN};{ANN}\n", [DAN]),
    ("l.csv", f'email,reason\n"{DAN}","for\ngood"\n', [{"user": DAN, "reason": "for\ngood"}]),
    ("l.csv", f'email,reason\n"{DAN},left\n{ANN},x\n', "row 2: is not CSV: .* look at its quotes"),
    ("l.csv", f"email,last_day\n{DAN},01/31/2020\n", "row 2: the last day: '01/31/2020' is not a date"),
    ("l.csv", f"email,last_day\n{DAN},43861\n", "row 2: the last day: '43861' is not a date"),
    ("l.csv", f"email,last_day\n{DAN},never\n", "row 2: the last day: 'never' is not a date"),
    ("l.csv", f"email,last_day\n{DAN},2020-01-31 00:00:00\n", LEFT),
    ("l.csv", f"email,last_day\n{DAN},2020-01-31T00:00:00\n", LEFT),
    ("l.csv", f"email\n{DAN}\u00a0\n", [DAN]),
    ("l.csv", f"email\n{DAN}\u200b\n", r"row 2: '.*\\u200b' is neither an email address"),
    ("l.csv", f"email|last_day\n{DAN}|2020-01-31\n", r"neither a header that is known .* 'email\|last_day'"),
    ("l.csv", f"email,last_day,,,\n{DAN},2020-01-31,,,\n,,,,\n", LEFT),
    ("l.csv", f"email,last_day\n{DAN},2020-01-31\nTotal: 1\n", "row 3: 'Total: 1' is neither an email address"),
    ("l.csv", f"# leavers 2020\nemail\n{DAN}\n", "which holds '# leavers 2020'"),
    ("l.csv", f"<table><tr><td>{DAN}</td></tr></table>", "row 1: '<table>.* is neither an email address"),
    ("l.yml", f"- &a {DAN}\n- *a\n", [DAN]),
    ("l.yml", f"- user: {DAN}\n  last_day: 2020-01-31 00:00:00\n", LEFT),
    ("l.yml", f"- {DAN}\n---\n- {ANN}\n", "line 2: is not YAML: but found another document"),
    ("l.yml", f"- no\n- {DAN}\n", "row 1: 'no' is neither an email address"),
    ("l.yml", f"email,last_day\n{DAN},2020-01-31\n", "is not a list of people"),
    ("l.yml", "$ANSIBLE_VAULT;1.1;AES256\n3631\n", "is not a list of people"),
]


@pytest.mark.parametrize(("name", "text", "means"), LEAVERS, ids=range(len(LEAVERS)))
def test_leavers(tmp_path: Path, name: str, text: str | bytes, means: Any) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if isinstance(means, list):
        assert read_leavers(str(path)) == (means, [])
        return
    with pytest.raises(Refusal, match=f"^leavers_file: '{path}'.*{means}"):
        read_leavers(str(path))


MEMBERSHIPS: list[tuple[str | bytes, str]] = [
    (f"project: alpha\nmemberships:\n{ROW}".encode("utf-16"), ""),
    (f"project: alpha\r\nmemberships:\r\n{ROW}", ""),
    (f"project: 1.10\nmemberships:\n{ROW}", ""),
    (f"project: alpha\nmemberships:\n- {{user: {DAN}, roles: &r [GROUP_OWNER]}}\n- {{user: {ANN}, roles: *r}}\n", ""),
    ("# nobody yet\n", "is not a map with the keys"),
    ("project: alpha\nmemberships: yes\n", "has no list of memberships"),
    ("project: alpha\nmemberships: {{ rows }}\n", "line 2: a list or map can't be a key"),
    ("project: alpha\nmemberships:\n\t- x\n", "line 3: is not YAML"),
    (f"x-roles: &r [GROUP_OWNER]\nproject: alpha\nmemberships:\n{ROW}", "'x-roles' is not a key of such a file"),
    (f"project: alpha\nmemberships:\n- {{users: [{DAN}], roles: [GROUP_OWNER]}}\n", "row 1: 'users' is not a key"),
    (f"project: alpha\nmemberships:\n- {{user: {DAN}, roles: [owner]}}\n", "row 1: 'owner' .* mean GROUP_OWNER?"),
    ("project: alpha\nmemberships: " + "[" * 5000 + "]" * 5000, "line 2: is not YAML: exceeded maximum nesting"),
    (b"PK\x03\x04" + bytes(range(256)), "is not text but a spreadsheet or an archive"),
]


@pytest.mark.parametrize(("text", "wrong"), MEMBERSHIPS, ids=range(len(MEMBERSHIPS)))
def test_memberships(tmp_path: Path, text: str | bytes, wrong: str) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    warnings: list[str] = []
    if not wrong:
        (source,) = read_sources(str(tmp_path), warnings)
        assert source.project in ("alpha", "1.10") and {one.user for one in source.grants} <= {DAN, ANN}
        assert source.grants and not warnings
        return
    with pytest.raises(Refusal, match=f"^memberships_dir: '{path}'.*{wrong}"):
        read_sources(str(tmp_path), warnings)


POLICIES: list[tuple[dict[str, Any], str]] = [
    ({"inactive_days": "90d"}, "inactive_days: '90d' is not a number"),
    ({"inactive_days": "1e400"}, "inactive_days: '1e400' is not a number"),
    ({"inactive_days": 10**30}, "inactive_days: 10+ is not a number"),
    ({"inactive_days": "\u0669\u0660"}, "inactive_days: .* is not a number"),
    ({"allowed_domains": "https://corp.example"}, "'https://corp.example' is not a domain"),
    ({"allowed_domains": {"corp.example": None}}, "allowed_domains: .* is not a domain"),
    ({"role_holders": [{"GROUP_OWNER": [DAN]}]}, "role_holders is not a map"),
    ({"role_holders": {"GROUP_OWNER": {"a": 1}}}, "role_holders: GROUP_OWNER: .* neither an email address"),
    ({"exceptions": f"{DAN} until 2030"}, "exceptions: .* is not a list of rows"),
    ({"exceptions": [{"user": DAN, "until": True}]}, "row 1: until: True is not a date"),
    ({"exceptions": [{"user": DAN, "rules": ["leavers"]}]}, "row 1: 'rules' is not a key of a row"),
    ({"leavers": f"- {DAN}\n- {ANN}"}, "leavers: '- dan@corp.example' is neither"),
    ({"leavers": f"{DAN}\t{ANN}"}, "leavers: .* is neither an email address"),
    ({"leavers": 0}, "leavers: 0 is neither an email address"),
]


@pytest.mark.parametrize(("policy", "wrong"), POLICIES, ids=range(len(POLICIES)))
def test_policies(policy: dict[str, Any], wrong: str) -> None:
    with pytest.raises(
        Refusal, match=f"^policy\\.{wrong}" if not wrong.startswith(("row", "'")) else f"^policy.*{wrong}"
    ):
        read_policy(policy)


@pytest.mark.parametrize("value", ["25%", 0.25, "unlimited", "one", [3]], ids=str)
def test_guards(value: Any) -> None:
    with pytest.raises(
        Refusal, match="^guards.max_removal_percent: .* is not a number; write a whole number such as 30"
    ):
        read_guards({"max_removal_percent": value})
