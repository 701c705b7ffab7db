# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people, projects, roles and tags may be written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.atlasops.access.plugins.module_utils import _names as names
from ansible_collections.atlasops.access.plugins.module_utils import _roles as roles
from ansible_collections.atlasops.access.plugins.module_utils._access import Project, Refusal

DAN, EVA = "dan@x.example", "eva@x.example"
ID = "0123456789abcdef01234567"

# --- people ----------------------------------------------------------------------------------------------------------

WRITTEN = {
    "one": (DAN, [DAN]),
    "list": ([DAN, EVA], [DAN, EVA]),
    "commas": (f"{DAN}, {EVA}", [DAN, EVA]),
    "semicolons": (f"{DAN}; {EVA};", [DAN, EVA]),
    "lines": (f"{DAN}\r\n\n {EVA}\n", [DAN, EVA]),
    "list-of-lines": ([f"{DAN}\n{EVA}", " "], [DAN, EVA]),
    "json": (f'["{DAN}", "{EVA}"]', [DAN, EVA]),
    "empty-json": (" [] ", []),
    "empty-list": ([], []),
    "named": (f"Dan <{DAN}>", [DAN]),
    "named-with-comma": (f"Field, Dan <{DAN}>", [DAN]),
    "named-list": (f"Dan <{DAN}>, Eva <{EVA}>", [DAN, EVA]),
    "bare-brackets": (f"<{DAN}>", [DAN]),
    "byte-order-mark": (f"\ufeff{DAN}\n{EVA}", [DAN, EVA]),
    "id": (ID, [ID]),
    "id-in-capitals": ([ID.upper(), DAN], [ID, DAN]),
    "apostrophe-and-plus": ("o'neil+atlas@x.example", ["o'neil+atlas@x.example"]),
    "accents": ("josé@x.example", ["josé@x.example"]),
    "spelling-is-kept": ("Dan@X.Example", ["Dan@X.Example"]),
    **{
        f"blank-{n}": (value, None)
        for n, value in enumerate(["", " ", "\n", None, [""], ["", None], ";", "\ufeff", [","]])
    },
}


@pytest.mark.parametrize("value, found", WRITTEN.values(), ids=list(WRITTEN))
def test_people_are_read_as_they_are_written(value, found):
    assert names.people(value, "users") == found


NOBODY = [
    "dan", "dan@", "@x.example", "d an@x.example", "12345", f"mailto:{DAN}", f"'{DAN}'", f'"{DAN}"', "*@x.example", "*",
    f"{DAN}.", f"{DAN}\u200b", "d\u00ada@x.example", "a@b@x.example", f"Dan <{DAN}> (left)", f"<{DAN}", f"{DAN}>",
    "a@x..example", "a@.example", f"Dan {DAN}", "['a@x.example']", f"{DAN}\\",
    5, True, {"user": DAN}, [[DAN]],
]  # fmt: skip


@pytest.mark.parametrize("value", NOBODY, ids=ascii)
def test_what_is_nobody_is_refused_with_the_value(value):
    for given_ in (value, [DAN, value]):
        with pytest.raises(Refusal, match="^users: ") as refused:
            names.people(given_, "users")
        assert str(refused.value).isascii() and "\n" not in str(refused.value)


def test_of_several_bad_ones_the_first_is_named():
    with pytest.raises(Refusal, match="'b'"):
        names.people("a@x, b, c", "users")


local = st.text(alphabet="abcxyzé019.+-_'", min_size=1).filter(lambda text: text.strip("."))
emails = st.builds("{}@{}.example".format, local, st.sampled_from(["x", "y-z", "m.n"]))


@given(st.lists(emails, min_size=1), st.sampled_from([",", ";", "\n", " , ", "\r\n", "; "]))
def test_every_separator_gives_the_same_people(people, separator):
    assert names.people(separator.join(people), "users") == people == names.people(people, "users")


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC"])
def test_either_form_of_an_accent_passes(form):
    assert names.people(unicodedata.normalize(form, "josé@x.example"), "users")


# --- projects and tags -----------------------------------------------------------------------------------------------

PROJECTS = [Project(digit * 24, name, "f" * 24) for digit, name in zip("1234", ["alpha", "alpha-2", "beta", "beta"])]


def test_projects_are_chosen_by_name_id_and_glob():
    chosen = names.select_projects(["alpha*", "4" * 24, "alpha"], PROJECTS)
    assert [project.id[0] for project in chosen] == ["1", "2", "4"]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("alhpa", "near names: alpha"),
        ("gamma-*", "it sees 4 projects"),
        ("5" * 24, "unknown"),
        ("beta", "the name of 2 projects, write the id of one: " + "3" * 24 + ", " + "4" * 24),
    ],
)
def test_a_project_that_is_not_one_is_refused(pattern, says):
    with pytest.raises(Refusal, match=says.replace("*", ".")) as refused:
        names.select_projects(["alpha", pattern], PROJECTS)
    assert pattern in str(refused.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ORG_OWNER", "organization roles"),
        ("group_owner", "did you mean GROUP_OWNER"),
        ("Project Owner", "did you mean GROUP_OWNER"),
        ("PROJECT_OWNER", "did you mean GROUP_OWNER"),
        ("Project Read Only", "did you mean GROUP_READ_ONLY"),
        ("READ_ONLY", "did you mean GROUP_READ_ONLY"),
        ("Zz", "look like GROUP_READ_ONLY"),
    ],
)
def test_what_can_not_be_a_project_role_is_refused(name, says):
    with pytest.raises(Refusal, match=says):
        roles.check_roles([name])


def test_an_unknown_role_is_warned_of_with_the_nearest_name():
    assert roles.check_roles(["GROUP_OWNER"]) == []
    assert roles.check_roles(["GROUP_OWNR"]) == [
        "roles: the project role 'GROUP_OWNR' is not a known one; did you mean GROUP_OWNER?"
    ]
