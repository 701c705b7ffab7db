# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopting: a file for each project, and, once more, nothing but what differs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from module_run import run_module

from ansible_collections.atlasops.access.plugins.module_utils import _adopt as adopting
from ansible_collections.atlasops.access.plugins.module_utils._access import Member, Project
from ansible_collections.atlasops.access.plugins.module_utils._sources import parsed

ADOPT, REVIEW = "atlas_access_adopt", "atlas_access_review"
HERE = Project("a" * 24, "alpha", "f" * 24)
READ, OWN = "GROUP_READ_ONLY", "GROUP_OWNER"


def member(user, *roles, number=1):
    return Member(user, f"{number:024x}", "ACTIVE", frozenset(roles))


def adopt(members, text=None, project=HERE, name="old.yml"):
    """The file as it is to be; ``text`` is that of today."""
    source = None if text is None else parsed(f"dir/{name}", text, [])
    return adopting.adopted("dir", project, members, source, text or "")


ANN, BOB = member("ann@corp.example", OWN), member("Bob@corp.example", READ, number=2)


def test_a_new_file():
    new = adopt([BOB, ANN])
    assert new.path == f"dir/alpha-{'a' * 24}.yml" and new.state == "created"
    assert new.after == (
        f'---\nproject: "alpha"\nproject_id: "{"a" * 24}"\nmemberships:\n'
        '  - user: "ann@corp.example"\n    roles: ["GROUP_OWNER"]\n'
        '  - user: "Bob@corp.example"\n    roles: ["GROUP_READ_ONLY"]\n'
    )
    assert adopt([]).after.endswith("memberships: []\n")
    assert adopt([ANN, BOB]).after == new.after, "the order is that of the names"


def test_who_shares_an_email_or_has_none_is_named_by_id():
    twins = [
        member("ann@corp.example", OWN),
        member("Ann@corp.example", READ, number=2),
        member("old\nname", READ, number=3),
    ]
    text = adopt(twins).after
    rows = yaml.safe_load(text)["memberships"]
    assert [row["user"] for row in rows] == [one.user_id for one in twins]
    assert "# ann@corp.example" in text and "# old\\nname" in text
    assert adopt(twins, text).after == text


BY_HAND = f"""# Ours.
project_id: {"a" * 24}   # payments
project: alpha
memberships:
  # The owner.
  - user: Ann <ANN@corp.example>
    roles:
      - GROUP_OWNER   # for ever
    reason: "Founder"
  # A contractor.
  - {{user: bob@corp.example, roles: [GROUP_READ_ONLY], expires: 2020-01-31}}
# The end.
"""


def test_what_is_so_today_stays_as_it_is_byte_for_byte():
    for text in (BY_HAND, BY_HAND.replace("\n", "\r\n"), BY_HAND.replace("project: alpha\n", "")):
        again = adopt([ANN, BOB], text, name=f"alpha-{'a' * 24}.yml")
        assert again.after == text and again.state == "unchanged"


def test_only_rows_that_differ_are_touched():
    eve, ann = member("eve@corp.example", READ, number=3), ANN._replace(roles=frozenset([OWN, READ]))
    assert adopt([ann, BOB], BY_HAND).after == BY_HAND.replace(
        "\n      - GROUP_OWNER ", '\n      ["GROUP_OWNER", "GROUP_READ_ONLY"] '
    )
    assert adopt([ANN], BY_HAND).after == BY_HAND[: BY_HAND.index("  # A contr")] + "# The end.\n"
    assert adopt([BOB], BY_HAND).after == BY_HAND.replace(
        BY_HAND[BY_HAND.index("  # The owner") : BY_HAND.index("  # A contr")], ""
    )
    assert adopt([ANN, BOB, eve], BY_HAND).after == BY_HAND.replace(
        "# The end", f'  - user: "eve@corp.example"\n    roles: ["{READ}"]\n# The end'
    )


@pytest.mark.parametrize(
    "rows", ["[]", f"[{{user: ann@corp.example, roles: [{OWN}], expires: 2030-01-31, reason: x}}]"]
)
def test_rows_without_lines_of_their_own_are_written_anew_with_their_last_days(rows):
    text = adopt([ANN, BOB], f"project: alpha\nmemberships: {rows}\n").after
    assert [row["user"] for row in yaml.safe_load(text)["memberships"]] == [ANN.user, BOB.user]
    assert ('    expires: 2030-01-31\n    reason: "x"\n' in text) == (rows != "[]")
    nobody = adopt([], BY_HAND).after
    assert yaml.safe_load(nobody)["memberships"] == []


def test_a_renamed_project_renames_only_a_file_that_holds_its_id():
    new = HERE._replace(name='Älpha: "2" # é')
    again = adopt([ANN, BOB], BY_HAND, new, "prod/alpha.yml")
    assert again.path == f"dir/prod/alpha-2-e-{'a' * 24}.yml" and again.state == "renamed"
    assert again.after == BY_HAND.replace("project: alpha", 'project: "Älpha: \\"2\\" # é"')
    by_name = adopt([ANN], "project: alpha\nmemberships: []\n")
    assert by_name.path == by_name.old and by_name.state == "changed"


@given(st.text(min_size=1, max_size=80))
def test_whatever_a_project_is_called_its_file_says_so(name):
    new = adopt([ANN], project=HERE._replace(name=name))
    assert yaml.safe_load(new.after)["project"] == name
    stem = new.path.removeprefix("dir/")
    assert stem.endswith(f"-{HERE.id}.yml") and stem.isascii() and not stem.startswith((".", "-")) and len(stem) < 100
    if name.strip():
        assert adopt([ANN], new.after, HERE._replace(name=name), stem).state in ("unchanged", "changed")


# --- the module ------------------------------------------------------------------------------------------------------


def files(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_adopted_once_more_nothing_changes_and_a_review_finds_nothing(small, tmp_path):
    home = tmp_path / "new/memberships"
    check = run_module(ADOPT, small, True, memberships_dir=str(home))
    assert check["changed"] and not home.exists()
    real = run_module(ADOPT, small, memberships_dir=str(home))
    assert check == real and not real.get("failed"), real
    written = files(home)
    projects = small.state()
    assert len(written) == len(projects) == real["counts"]["created"] == len(real["diff"])
    again = run_module(ADOPT, small, memberships_dir=str(home))
    assert not again["changed"] and files(home) == written and again["diff"] == []
    found = run_module(REVIEW, small, memberships_dir=str(home))
    assert not found.get("failed") and found["findings"] == [], found["report"]
    assert not small.writes


def test_what_people_wrote_stays_and_nothing_is_deleted(small, tmp_path):
    home = tmp_path / "memberships"
    run_module(ADOPT, small, memberships_dir=str(home))
    (alpha,) = home.glob("alpha-*.yml")
    (beta,) = home.glob("beta-*.yml")
    alpha.write_text(f"# ours\n{alpha.read_text()}")
    beta.rename(home / "hand-made.yml")
    (home / "gone.yml").write_text(f"project: gone\nproject_id: {'9' * 24}\nmemberships: []\n")
    before = files(home)
    again = run_module(ADOPT, small, memberships_dir=str(home))
    assert again["changed"] and [one["state"] for one in again["files"] if one["state"] != "unchanged"] == ["renamed"]
    assert files(home) == {
        **{name: text for name, text in before.items() if name != "hand-made.yml"},
        beta.name: before["hand-made.yml"],
    }
    assert again["stale"] == [str(home / "gone.yml")] and any(
        "stale" in one and "gone.yml" in one for one in again["warnings"]
    )
    assert not run_module(ADOPT, small, memberships_dir=str(home))["changed"]


def test_a_project_that_can_not_be_read_keeps_its_file(small, tmp_path):
    home = tmp_path / "memberships"
    alpha = small.project_id("alpha")
    small.fault(403, method="GET", path=f"{alpha}/users", times=None)
    result = run_module(ADOPT, small, memberships_dir=str(home))
    assert result["failed"] and "could not be read" in result["msg"]
    assert files(home) and not [name for name in files(home) if alpha in name]


@pytest.mark.parametrize("text", ["project: [", "project: alpha\nmemberships: []\nmemberships: []\n"])
def test_a_file_that_is_wrong_stops_everything_before_any_request(small, tmp_path, text):
    (tmp_path / "odd.yml").write_text(text)
    result = run_module(ADOPT, small, memberships_dir=str(tmp_path))
    assert result["failed"] and "odd.yml'" in result["msg"] and not small.requests and len(files(tmp_path)) == 1
