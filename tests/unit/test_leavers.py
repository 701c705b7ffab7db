# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of leavers, as exports have them and as people write them."""

from __future__ import annotations

import os
import re
from datetime import date, timedelta

import pytest
from module_run import run_module

from ansible_collections.atlasops.access.plugins.module_utils import _read as reading
from ansible_collections.atlasops.access.plugins.module_utils._access import Refusal
from ansible_collections.atlasops.access.plugins.module_utils._leavers import read_leavers

REVIEW = "atlas_access_review"
DANA, OMAR = "dana.field@corp.example", "omar.reyes@corp.example"
FULL = [{"user": DANA, "last_day": "2026-11-30", "reason": "moved; on"}, OMAR]


def read(tmp_path, text, name="leavers.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_leavers(str(path))[0]


FILES = {
    "comma": f"email,last_day,reason\n{DANA},2026-11-30,moved; on\n{OMAR},,\n",
    "semicolon": f'Email;Last Day;Reason\r\n{DANA};2026-11-30;"moved; on"\r\n{OMAR};;\r\n',
    "tab": f"MAIL\tEnd Date\tREASON\n{DANA}\t2026-11-30\tmoved; on\n{OMAR}\n",
    "mark": f"\ufeffusername,termination date,reason\n{DANA},2026-11-30,moved; on\n{OMAR},,\n",
    "old-line-ends": f"user,last day,reason\r{DANA},2026-11-30,moved; on\r{OMAR},,\r",
    "wide": f"User_ID\tTermination_Date\treason\r\n{DANA}\t2026-11-30\tmoved; on\r\n{OMAR}\t\t".encode("utf-16"),
    "more-columns": f'No,Name,E-Mail,Last-Day,Reason\n1,"Field, Dana",{DANA},2026-11-30,moved; on\n\n2,,{OMAR},,\n',
    "a-hint": f"sep=;\nemail;last_day;reason\n{DANA};2026-11-30;'moved'\n".replace("'moved'", '"moved; on"') + OMAR,
    "named": f'"reason",email,last_day\nmoved; on,"Field, Dana <{DANA}>",2026-11-30\n"", <{OMAR}> ,""\n',
    "two-lines-above": f"\n\nemail,last_day,reason\n{DANA},2026-11-30,moved; on\n{OMAR},,",
    "twice-the-same": f"email,end date,reason\n{DANA},2026-11-30,moved; on\n"
    f"{DANA.upper()},2026-11-30,moved; on\n{OMAR}\n",
    "first-of-several": f"user_id,email,reason,end date\nE17,{DANA},moved; on,2026-11-30\nE18,{OMAR},,\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=list(FILES))
def test_exports_are_read(tmp_path, text):
    assert read(tmp_path, text) == FULL


BARE = {
    "one-a-line": f"{DANA}\n{OMAR}\n",
    "names": f"Field, Dana <{DANA}>\nReyes, Omar <{OMAR}>",
    "columns": f"{DANA};Dana Field;2020-01-01\n{OMAR};;",
    "a-header-alone": f"Email\n{DANA}\n\n{OMAR}\n",
    "commas": f"{DANA},gone\n{OMAR},gone",
}


@pytest.mark.parametrize("text", BARE.values(), ids=list(BARE))
def test_without_a_header_the_first_column_counts(tmp_path, text):
    assert read(tmp_path, text) == [DANA, OMAR]


YAMLS = {
    "emails.yml": (f"- {DANA}\n- Reyes <{OMAR}>\n", [DANA, OMAR]),
    "rows.yaml": (
        f"- user: {DANA}\n  last_day: 2026-11-30\n  reason: moved; on\n- Email: {OMAR}\n  end date:\n",
        FULL,
    ),
    "rows.json": (f'[{{"email": "{DANA}", "last_day": "2026-11-30", "reason": "moved; on"}}, "{OMAR}"]', FULL),
    "LIST.YML": ("- 64B0C0FFEE64B0C0FFEE64B0\n- 111111111111111111111111\n", ["64b0c0ffee64b0c0ffee64b0", "1" * 24]),
}


@pytest.mark.parametrize("name", YAMLS)
def test_yaml_is_read(tmp_path, name):
    text, expected = YAMLS[name]
    assert read(tmp_path, text, name) == expected


ODD = {
    "empty": ("", "is empty"),
    "blank": ("\ufeff \n\n", "is empty"),
    "no-header-no-email": ("Dana,Field\n", "first row has neither a header"),
    "no-person": (f"email,reason\n{OMAR},\n,moved\n", "row 3 names nobody"),
    "a-name": ("email\nDana\n", "row 2: 'Dana' is neither an email address"),
    "two": (f'email,reason\n"{DANA};{OMAR}",\n', "row 2: .* is not one person"),
    "german-date": (f"email,last day\n{OMAR},\n{DANA},31.12.2026\n", "row 3: the last day: '31.12.2026' is not a date"),
    "no-such-day": (f"email,last day\n{DANA},2026-02-30\n", "row 2: the last day: '2026-02-30'"),
    "date-and-more": (f"email,last day\n{DANA},2026-12-31garbage\n", "row 2: the last day"),
    "week-date": (f"email,last day\n{DANA},20261231\n", "row 2: the last day"),
    "two-dates": (f"email,last day,end date\n{DANA},,\n", "'last day' and 'end date' mean the same"),
    "two-emails": (f"email,Email\n{DANA},\n", "two columns have the header 'email'"),
    "open-quote": (f'email,reason\n{OMAR},"moved\n{DANA},\n', "is not CSV"),
    "stray-cell": (f"email,reason\n{DANA},moved,on\n", "row 2: has 3 cells, and the header 2"),
    "two-minds": (f"email,last day\n{DANA},2026-11-30\n{DANA},2026-12-31\n", "row 3: .* stands in row 2 as well"),
    "old-letters": (
        "email,reason\ndana.field@corp.example,fr\u00fch\n".encode("latin-1"),
        "line 2: is not text in UTF-8",
    ),
    "binary": (b"PK\x03\x04\x00\x00", "is not"),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_file_gets_one_sentence_with_file_and_row(tmp_path, case):
    text, says = ODD[case]
    with pytest.raises(Refusal, match=f"^leavers_file: '.*leavers.csv'.*{says}") as refused:
        read(tmp_path, text)
    assert "\n" not in str(refused.value)


ODD_YAML = {
    "null": ("# nobody\n", "is not a list of people"),
    "a-map": ("email: dana@corp.example\n", "is not a list of people"),
    "unknown-key": (f"- {{user: {DANA}, lastday: 2026-11-30}}\n", "row 1: 'lastday' is not a key of a leaver"),
    "a-key-twice": (f"- user: {DANA}\n  user: {OMAR}\n", "line 2: the key 'user' is given twice"),
    "two-keys": (f"- {{user: {DANA}, email: {OMAR}}}\n", "row 1: 'user' and 'email' mean the same"),
    "a-date": (f"- {OMAR}\n- {{user: {DANA}, last_day: soon}}\n", "row 2: the last day: 'soon'"),
    "a-list": (f"- [{DANA}]\n- [[]]\n", "row 2"),
    "no-yaml": ("- {a", "line .: is not YAML"),
    "two-documents": ("- a@b.example\n---\n- c@d.example\n", "is not YAML: but found another document"),
    "a-tag": ("- !!python/object:os.system x\n", "line 1: is not YAML"),
    "a-loop": ("- &a [*a]\n", "holds more than"),
}


@pytest.mark.parametrize("case", ODD_YAML)
def test_odd_yaml_gets_one_sentence_too(tmp_path, case):
    text, says = ODD_YAML[case]
    with pytest.raises(Refusal, match=f"^leavers_file: '.*leavers.yml'.*{says}"):
        read(tmp_path, text, "leavers.yml")


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_a_date_to_come_that_has_no_header_is_not_ignored(tmp_path, days):
    text = f"{DANA},{date.today() + timedelta(days)}\n"
    if days < 0:
        assert read(tmp_path, text) == [DANA]
        return
    with pytest.raises(Refusal, match="row 1: the date .* has no header"):
        read(tmp_path, text)


def test_what_is_no_file_is_said_and_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.csv")
    monkeypatch.setattr(reading, "LARGEST", 30)
    (tmp_path / "large.csv").write_text("x" * 31)
    for name, says in {
        "none.csv": "No such file",
        ".": "is not a file|directory",
        "pipe.csv": "is not a file",
        "large.csv": "larger than",
    }.items():
        with pytest.raises(Refusal, match=f"leavers_file: '{re.escape(str(tmp_path / name))}'.*({says})"):
            read_leavers(str(tmp_path / name))


def test_a_header_alone_is_nobody_and_said(tmp_path):
    (tmp_path / "a.csv").write_text("email,last_day\n")
    found, told = read_leavers(str(tmp_path / "a.csv"))
    assert found == [] and told == [f"leavers_file: '{tmp_path / 'a.csv'}' names nobody"]


@pytest.mark.parametrize("leavers", ["", "cara@corp.example", ["cara@corp.example"], '["cara@corp.example"]'])
def test_the_file_is_joined_with_the_list(small, tmp_path, leavers):
    (tmp_path / "gone.csv").write_text("email\nbob@corp.example\n")
    result = run_module(REVIEW, small, policy={"leavers": leavers}, leavers_file=str(tmp_path / "gone.csv"))
    assert not result.get("failed"), result["msg"]
    found = {row["user"].lower() for row in result["findings"]}
    assert "bob@corp.example" in found
    named = {"bob@corp.example", *(["cara@corp.example"] if leavers else [])}
    assert result["summary"]["by_rule"]["leavers"] == len(result["findings"])
    assert found <= named
    assert bool(leavers) == any("cara@corp.example" in warning for warning in result["warnings"])


def test_an_odd_file_stops_everything_before_any_request(small, tmp_path):
    (tmp_path / "gone.csv").write_text("email\nbob\n")
    result = run_module(
        REVIEW, small, policy={"leavers": ["bob@corp.example"]}, leavers_file=str(tmp_path / "gone.csv")
    )
    assert result["failed"] and "gone.csv', row 2" in result["msg"] and not small.requests


def test_a_last_day_to_come_is_reported_and_one_that_is_over_is_taken(small, tmp_path):
    (tmp_path / "gone.csv").write_text("email;last day\nbob@corp.example;2020-01-31\ndan@corp.example;2999-12-31\n")
    result = run_module(REVIEW, small, leavers_file=str(tmp_path / "gone.csv"), guards={"max_removal_percent": 100})
    assert not result.get("failed"), result["msg"]
    actions = {(row["user"], row["action"]) for row in result["findings"]}
    assert ("bob@corp.example", "remove") in actions and ("dan@corp.example", "report") in actions
    assert ("dan@corp.example", "remove") not in actions
