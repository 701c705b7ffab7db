# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of a run: it only grows, and what others may have written in it is not believed."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.atlasops.access.plugins.module_utils import _evidence as evidence
from ansible_collections.atlasops.access.plugins.module_utils import _files as files
from ansible_collections.atlasops.access.plugins.module_utils._access import (
    Entry,
    Member,
    Person,
    Project,
    Refusal,
    Step,
    Way,
)
from ansible_collections.atlasops.access.plugins.module_utils._journal import Journal
from ansible_collections.atlasops.access.plugins.module_utils._people import Roster
from ansible_collections.atlasops.access.plugins.module_utils._steps import digest, step_row

NOW = datetime(2026, 4, 1, 6, 0, 0, tzinfo=timezone.utc)
ALPHA = Project("a" * 24, "alpha", "0" * 24)
DAN = Member("dan@corp.example", "d" * 24, "ACTIVE", frozenset(["GROUP_READ_ONLY"]))
EVE = Member("eve@corp.example", "e" * 24, "INVITATION_EXPIRED", frozenset(["GROUP_READ_ONLY"]))
OWNS = frozenset(["GROUP_OWNER"])
TEAM = Member("tess@corp.example", "1" * 24, "ACTIVE", frozenset())
ROSTER = Roster(
    ALPHA,
    {
        "d" * 24: Entry(
            DAN, (Way("direct", None, DAN.roles), Way("organization", "ORG_OWNER", frozenset(["GROUP_OWNER"])))
        ),
        "e" * 24: Entry(EVE, (Way("direct", None, EVE.roles),)),
        "1" * 24: Entry(TEAM, (Way("team", "platform", OWNS),)),
    },
)
REMOVE = step_row(ALPHA, Step("remove", "d" * 24, ("GROUP_READ_ONLY",)), DAN)
ADD = step_row(ALPHA, Step("add", "new@corp.example", ("GROUP_READ_ONLY",)), None)


def document(*steps, blocked=(), **more):
    return {
        "version": 1,
        "mode": "clean-up",
        "steps": list(steps),
        "plan_digest": digest(steps),
        "blocked": list(blocked),
        "findings": [],
        "leavers": [{"user": "=gone@corp.example", "found": 2, "direct": ["alpha", "beta"], "indirect": []}],
        **more,
    }


def a_run(base, *steps, sealed=False, blocked=(), mode="clean-up", **named):
    """The directory of a run whose review was written."""
    directory = evidence.begin(str(base), NOW, mode, digest(steps) if steps else None)
    paths = evidence.write_review(directory, document(*steps, blocked=blocked), [ROSTER], NOW, sealed, **named)
    return directory, paths


def contents(directory):
    return {name: (directory / name).read_bytes() for name in sorted(os.listdir(directory))}


def names(paths):
    return [os.path.basename(path) for path in paths]


# --- the directory ---------------------------------------------------------------------------------------------------


def test_a_run_gets_a_directory_of_its_own_for_its_owner_alone(tmp_path):
    base = tmp_path / "deep" / "evidence"
    first = evidence.begin(str(base), NOW, "clean-up", "0123456789abcdef")
    assert os.path.basename(first) == "20260401T060000Z-clean-up-01234567"
    assert os.stat(first).st_mode & 0o777 == os.stat(base).st_mode & 0o777 == 0o700
    assert names([evidence.begin(str(base), NOW, "review", None)]) == ["20260401T060000Z-review-noplan"]


def test_a_clash_makes_another_directory_and_never_uses_what_is_there(tmp_path):
    made = [evidence.begin(str(tmp_path), NOW, "review", None)]
    os.symlink(tmp_path, f"{made[0]}-2")
    (tmp_path / f"{os.path.basename(made[0])}-3").write_text("a file")
    made.append(evidence.begin(str(tmp_path), NOW, "review", None))
    assert made[1] == f"{made[0]}-4" and os.listdir(made[1]) == []


def test_a_base_that_is_a_file_or_can_not_be_written_to_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for base in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Refusal, match="evidence_dir: .*can't be written to"):
            evidence.begin(str(base), NOW, "review", None)

    def full(path, mode=0o777):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(Refusal, match="evidence_dir: .* can't be written to: No space left on device"):
        evidence.begin(str(tmp_path), NOW, "review", None)


def test_latest_is_a_relative_link_to_the_newest_run(tmp_path):
    first, _paths = a_run(tmp_path)
    assert os.readlink(tmp_path / "latest") == os.path.basename(first)
    second, _paths = a_run(tmp_path)
    assert os.readlink(tmp_path / "latest") == os.path.basename(second)
    assert sorted(os.listdir(tmp_path)) == sorted(names([first, second, "latest"]))


@pytest.mark.parametrize("is_file", [True, False])
def test_what_is_called_latest_and_is_no_link_is_left_alone(tmp_path, is_file):
    latest = tmp_path / "latest"
    latest.write_text("mine") if is_file else latest.mkdir()
    a_run(tmp_path)
    assert not latest.is_symlink() and (latest.read_text() == "mine" if is_file else os.listdir(latest) == [])


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_review_writes_its_files_for_the_owner_alone(tmp_path):
    directory, paths = a_run(tmp_path, REMOVE)
    written = ["population.csv", "findings.csv", "leavers.csv", "plan.json", "review.json", "actions.jsonl"]
    assert names(paths) == written and sorted(os.listdir(directory)) == sorted(written)
    assert {os.stat(path).st_mode & 0o777 for path in paths} == {0o600}
    assert os.stat(f"{directory}/actions.jsonl").st_size == 0 and not evidence.is_sealed(directory)
    plan = json.loads(Path(directory, "plan.json").read_text())
    assert plan == {
        "version": 1,
        "digest": digest([REMOVE]),
        "made_at": "2026-04-01T06:00:00+00:00",
        "steps": [REMOVE],
        "blocked": [],
    }
    assert "actions.jsonl" not in names(a_run(tmp_path)[1])


def test_the_population_tells_organization_roles_and_who_is_in_no_project(tmp_path):
    lost = Person("+lost@corp.example", "2" * 24, "ACTIVE", frozenset(["ORG_GROUP_CREATOR", "ORG_MEMBER"]), frozenset())
    roles = {"1" * 24: frozenset(["ORG_MEMBER"])}
    directory, _paths = a_run(tmp_path, REMOVE, people_elsewhere=[lost], organization_roles=roles)
    with open(f"{directory}/population.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["project"], row["user"], row["status"], row["via"], row["organization_roles"]) for row in rows] == [
        ("alpha", DAN.user, "ACTIVE", "direct;organization ORG_OWNER (GROUP_OWNER)", "ORG_OWNER"),
        ("alpha", EVE.user, "INVITATION_EXPIRED", "direct", ""),
        ("alpha", TEAM.user, "ACTIVE", "team platform (GROUP_OWNER)", "ORG_MEMBER"),
        ("", "'+lost@corp.example", "ACTIVE", "", "ORG_GROUP_CREATOR;ORG_MEMBER"),
    ]
    assert list(rows[0])[-1] == "organization_roles"
    assert evidence.was_member(directory) == {(ALPHA.id, DAN.user_id): DAN.roles}
    with open(f"{directory}/leavers.csv", newline="") as file:
        assert list(csv.reader(file))[1] == ["'=gone@corp.example", "2", "alpha;beta", "", "", ""]


def test_the_seal_is_as_sha256sum_checks_it_and_is_written_once(tmp_path):
    directory, _paths = a_run(tmp_path, REMOVE)
    for odd in ("review.html", "back\\slash", "new\nline"):
        with open(f"{directory}/{odd}", "w") as file:
            file.write(odd)
    own = evidence.seal(directory)
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    listed = [line.partition("  ")[2] for line in Path(directory, "SHA256SUMS").read_text().splitlines()]
    assert len(listed) == 9 and "SHA256SUMS" not in listed
    assert own == evidence.seal_of(directory) and own in subprocess.check_output(
        ["sha256sum", f"{directory}/SHA256SUMS"], text=True
    )
    with pytest.raises(Refusal, match="File exists"):
        evidence.seal(directory)
    assert own == evidence.seal_of(directory)


def test_a_sealed_directory_is_not_written_to_but_for_later_tables(tmp_path):
    directory, paths = a_run(tmp_path, REMOVE, sealed=True)
    assert names(paths)[-1] == "SHA256SUMS"
    before = contents(tmp_path / directory)
    with pytest.raises(Refusal, match="is sealed"):
        evidence.rewrite_review(directory, document())
    for number in range(3):
        evidence.write_later(directory, "verified", NOW, ["user"], [{"user": number}])
    after = contents(tmp_path / directory)
    added = [f"verified-20260401T060000Z{end}.csv" for end in ("", "-2", "-3")]
    assert sorted(set(after) - set(before)) == sorted(added)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("name", ["actions.csv", "restore.yml"])
@pytest.mark.parametrize("kind", ["directory", "link", "dangling"])
def test_what_is_there_already_is_never_written_through(tmp_path, name, kind):
    directory, _paths = a_run(tmp_path, REMOVE)
    elsewhere, place = tmp_path / "elsewhere", os.path.join(directory, name)
    if kind == "link":
        elsewhere.write_text("precious")
    os.mkdir(place) if kind == "directory" else os.symlink(elsewhere, place)
    with pytest.raises(Refusal, match="File exists"):
        evidence.write_end(directory, {**document(), "actions": []}, "---\n")
    assert kind != "link" or Path(place).read_text() == "precious"
    assert not (kind == "dangling" and elsewhere.exists())


def test_a_review_that_was_made_a_link_is_replaced_and_not_written_through(tmp_path):
    directory, _paths = a_run(tmp_path, REMOVE)
    (tmp_path / "elsewhere").write_text("precious")
    os.unlink(f"{directory}/review.json")
    os.symlink(tmp_path / "elsewhere", f"{directory}/review.json")
    with pytest.raises(Refusal, match="can't be read"):
        evidence.review_of(directory)
    evidence.rewrite_review(directory, document())
    assert (tmp_path / "elsewhere").read_text() == "precious" and not os.path.islink(f"{directory}/review.json")


def test_a_file_that_does_not_become_whole_is_gone_again(tmp_path):
    def rows():
        yield ["one"]
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError):
        files.write_table(str(tmp_path / "table.csv"), ["name"], rows())
    assert os.listdir(tmp_path) == []


def test_nothing_is_sealed_beside_a_link(tmp_path):
    directory, _paths = a_run(tmp_path, REMOVE)
    os.symlink("/etc/hostname", f"{directory}/review.html")
    with pytest.raises(Refusal, match=r"review.html' is a link, which no run makes; nothing was sealed"):
        evidence.seal(directory)
    assert not evidence.is_sealed(directory)


# --- approval --------------------------------------------------------------------------------------------------------

TRIP = {"guard": "max_removals", "project": None, "detail": "1 > 0"}
OTHER = {"guard": "min_owners", "project": "alpha", "detail": "none"}


def test_the_approved_plan_is_found_by_its_digest_with_all_that_blocked_it(tmp_path):
    a_run(tmp_path, REMOVE, blocked=[TRIP], sealed=True)
    a_run(tmp_path, REMOVE, blocked=[TRIP, OTHER])
    a_run(tmp_path, REMOVE)
    a_run(tmp_path, ADD, sealed=True)
    found = evidence.approved(str(tmp_path), digest([REMOVE]))
    assert found["steps"] == [REMOVE] and found["blocked"] == [TRIP, OTHER]
    assert [one["made_at"] for one in found["reviews"]] == [NOW.isoformat(timespec="seconds")] * 3
    assert found["reviews"][0]["run"].startswith("20260401T060000Z-clean-up-")
    assert evidence.approved(str(tmp_path), digest([ADD]))["steps"] == [ADD]
    assert evidence.approved(str(tmp_path), digest([ADD, REMOVE])) is None
    assert evidence.approved(str(tmp_path / "none"), digest([ADD])) is None


def _edited(plan, directory):
    told = json.loads(plan.read_text())
    told["steps"][0]["user_id"] = "f" * 24
    plan.write_text(json.dumps(told))


def _linked(plan, directory):
    os.rename(plan, directory.parent.parent / "plan.json")
    os.symlink(directory.parent.parent / "plan.json", plan)


def _moved(plan, directory):
    os.rename(directory, directory.parent.parent / "elsewhere")
    os.symlink(directory.parent.parent / "elsewhere", directory)


def _no_json(plan, directory):
    plan.write_text("{")


def _odd(plan, directory):
    plan.write_text(json.dumps({"digest": digest([REMOVE]), "steps": [1], "blocked": []}))


TAMPERED = {
    "edited": _edited,
    "a-link": _linked,
    "its-directory-a-link": _moved,
    "others-may-write": lambda plan, directory: os.chmod(plan, 0o602),
    "its-group-may-write": lambda plan, directory: os.chmod(plan, 0o620),
    "anybody-may-add": lambda plan, directory: os.chmod(directory, 0o777),
    "somebody-elses": lambda plan, directory: os.chown(plan, 12345, -1),
    "no-json": _no_json,
    "odd": _odd,
    "a-pipe": lambda plan, directory: (plan.unlink(), os.mkfifo(plan, 0o600)),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=list(TAMPERED))
def test_a_plan_that_others_may_have_written_is_not_believed(tmp_path, tamper):
    base = tmp_path / "base"
    directory, _paths = a_run(base, REMOVE)
    if tamper is TAMPERED["somebody-elses"] and os.geteuid():
        pytest.skip("only root gives files away")
    tamper(base / directory / "plan.json", base / directory)
    assert evidence.approved(str(base), digest([REMOVE])) is None
    assert not evidence.holds_plan(directory, digest([REMOVE])) or tamper in (
        TAMPERED["its-directory-a-link"],
        TAMPERED["anybody-may-add"],
    )


# --- runs that did not end -------------------------------------------------------------------------------------------


def killed(base, *steps):
    """A run that was killed after it had begun these steps."""
    directory, _paths = a_run(base, *steps)
    journal = Journal(f"{directory}/actions.jsonl")
    for step in steps:
        journal.start(step)
    journal.close()
    return directory


def test_a_run_that_was_killed_is_told_once(tmp_path):
    directory = killed(tmp_path, REMOVE, ADD)
    before = contents(tmp_path / directory)
    found = evidence.unfinished(str(tmp_path))
    assert [(one.directory, one.row["action"], one.told) for one in found] == [
        (directory, "remove", None),
        (directory, "add", None),
    ]
    rows, unwritten = evidence.settled(found, ["yes", "unreadable"], NOW)
    assert not unwritten and rows[0] == {
        "run": os.path.basename(directory),
        "project": "alpha",
        "user": DAN.user,
        "action": "remove",
        "roles": ["GROUP_READ_ONLY"],
        "took_effect": "yes",
    }
    after = contents(tmp_path / directory)
    assert set(after) - set(before) == {"settled-20260401T060000Z.csv"}
    assert {name: after[name] for name in before} == before
    assert os.stat(f"{directory}/settled-20260401T060000Z.csv").st_mode & 0o777 == 0o600
    assert b",unreadable\r\n" in after["settled-20260401T060000Z.csv"]
    assert evidence.unfinished(str(tmp_path)) == []


def test_a_sealed_run_one_that_began_nothing_and_one_without_a_journal_are_not_unfinished(tmp_path):
    evidence.seal(killed(tmp_path, REMOVE))
    checked, _paths = a_run(tmp_path, REMOVE, ADD)
    journal = Journal(f"{checked}/actions.jsonl")
    journal.end(REMOVE, "planned")
    journal.end(ADD, "failed", {"detail": "refused"})
    journal.close()
    a_run(tmp_path)
    assert evidence.unfinished(str(tmp_path)) == [] and evidence.settled([], [], NOW) == ([], [])


def test_a_run_that_was_killed_after_its_last_step_is_told(tmp_path):
    directory, _paths = a_run(tmp_path, REMOVE, ADD)
    journal = Journal(f"{directory}/actions.jsonl")
    journal.start(REMOVE)
    journal.end(REMOVE, "done")
    journal.end(ADD, "skipped")
    journal.close()
    found = evidence.unfinished(str(tmp_path))
    assert [(one.directory, one.row, one.told) for one in found] == [(directory, None, evidence.UNSEALED)]
    assert evidence.settled(found, [], NOW) == ([], [])
    evidence.seal(directory)
    assert evidence.unfinished(str(tmp_path)) == []


def test_a_run_under_way_is_told_and_left_alone(tmp_path):
    directory, _paths = a_run(tmp_path, REMOVE)
    journal = Journal(f"{directory}/actions.jsonl")
    journal.start(REMOVE)
    found = evidence.unfinished(str(tmp_path))
    assert [(one.row, one.told) for one in found] == [(None, evidence.UNDER_WAY)]
    assert evidence.settled(found, [], NOW) == ([], []) and "settled" not in " ".join(os.listdir(directory))
    with pytest.raises(Refusal, match="belongs to a run under way"):
        evidence.actions(directory, document(REMOVE))
    journal.close()
    assert len(evidence.unfinished(str(tmp_path))) == 1


def test_a_journal_that_is_not_to_be_believed_is_told(tmp_path):
    directory = killed(tmp_path, REMOVE)
    os.chmod(f"{directory}/actions.jsonl", 0o666)
    other = killed(tmp_path, REMOVE)
    with open(f"{other}/actions.jsonl", "a") as file:
        file.write('{"odd": 1}\n')
    first, second = evidence.unfinished(str(tmp_path))
    assert first.row is None and "not a file of ours" in first.told
    assert second.row is None and "holds something else" in second.told


# --- somebody tidies up meanwhile ------------------------------------------------------------------------------------


def test_a_directory_that_goes_while_they_are_listed_hides_no_other(tmp_path, monkeypatch):
    both = [killed(tmp_path, REMOVE), killed(tmp_path, REMOVE)]

    def looked_at(found):
        ids = {os.stat(path).st_ino: path for path in both if os.path.isdir(path)}
        if ids.pop(found.st_ino, None):
            for other in ids.values():
                shutil.rmtree(other)
        return is_ours(found)

    is_ours = evidence.is_ours
    monkeypatch.setattr(evidence, "is_ours", looked_at)
    assert evidence.runs(str(tmp_path)) == [path for path in both if os.path.isdir(path)] != []


def test_a_directory_that_goes_while_it_is_read_is_no_failure(tmp_path, monkeypatch):
    gone, stays = killed(tmp_path, REMOVE), killed(tmp_path, REMOVE)

    def read(path):
        told = read_journal(path)
        shutil.rmtree(gone, ignore_errors=True)
        return told

    read_journal = evidence.read_journal
    monkeypatch.setattr(evidence, "read_journal", read)
    assert [one.directory for one in evidence.unfinished(str(tmp_path)) if one.row] == [stays]
