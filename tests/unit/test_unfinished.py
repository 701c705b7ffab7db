# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that died in the middle: what it left can be finished, loses nothing, and is in nobody's way."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from meanwhile import before
from module_run import run_module
from test_evidence import NOW, REMOVE, a_run, contents, document, killed

from ansible_collections.atlasops.access.plugins.module_utils import _evidence as evidence
from ansible_collections.atlasops.access.plugins.module_utils import _files as files
from ansible_collections.atlasops.access.plugins.module_utils._access import Refusal

REVIEW, EVIDENCE, USER = "atlas_access_review", "atlas_access_evidence", "atlas_project_user"
DAN = "dan@corp.example"


def reviewed(sim, base, **more):
    return run_module(
        REVIEW, sim, policy={"leavers": [DAN]}, evidence_dir=str(base), mode="clean-up", seal=False,
        guards={"max_removal_percent": 100, "max_project_removal_percent": 100, "min_owners": 0}, **more,
    )  # fmt: skip


def carried_out(sim, review):
    directory = review["evidence_dir"]
    return run_module(
        USER, sim, plan={"file": f"{directory}/plan.json", "digest": review["plan_digest"], "actions": ["remove"]},
        journal=f"{directory}/actions.jsonl",
    )  # fmt: skip


class Killed(BaseException):
    """In place of SIGKILL: nothing is tidied up."""


def kill_at(monkeypatch, name, nth=1):
    """Die at the nth call of a function of `os`; what is tidied up after it, SIGKILL would leave."""
    real, seen = getattr(os, name), []

    def dying(*args, **named):
        seen.append(args)
        if len(seen) == nth:
            raise Killed()
        return real(*args, **named)

    monkeypatch.setattr(os, name, dying)
    monkeypatch.setattr(files, "forget", lambda path: None)


# --- finished later --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_run_that_died_while_it_wrote_down_what_it_did_is_finished_later(small, tmp_path, monkeypatch, nth):
    review = reviewed(small, tmp_path)
    assert not carried_out(small, review).get("failed")
    with monkeypatch.context() as context, pytest.raises(Killed):
        kill_at(context, "link", nth)
        run_module(EVIDENCE, small, evidence_dir=review["evidence_dir"])
    left = contents(Path(review["evidence_dir"]))
    assert not evidence.is_sealed(review["evidence_dir"])
    result = run_module(EVIDENCE, small, evidence_dir=review["evidence_dir"])
    assert not result.get("failed"), result["msg"]
    assert result["verified"] == result["counts"]["done"] == 3 and result["seal"]
    now = contents(Path(review["evidence_dir"]))
    assert not {*left.values()} - {*now.values()} - {left["review.json"]}, "something that was left is gone"
    for name in [one for one in left if one.endswith(".csv") or one == "restore.yml"]:
        stem, suffix = os.path.splitext(name)
        assert left[name] in (now[name], now.get(f"{stem}-unfinished{suffix}"))


def test_what_was_set_aside_twice_is_there_twice(tmp_path):
    directory, _paths = a_run(tmp_path, REMOVE)
    for text in ("one", "two"):
        Path(directory, "actions.csv").write_text(text)
        evidence.write_end(directory, {**document(), "actions": []}, None)
    assert Path(directory, "actions-unfinished.csv").read_text() == "one"
    assert Path(directory, "actions-unfinished-2.csv").read_text() == "two"


def test_what_somebody_else_put_there_is_not_set_aside(tmp_path, monkeypatch):
    directory, _paths = a_run(tmp_path, REMOVE)
    Path(directory, "actions.csv").write_text("precious")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(Refusal, match="File exists"):
        evidence.write_end(directory, {**document(), "actions": []}, None)
    assert contents(Path(directory))["actions.csv"] == b"precious"


def test_a_verification_that_was_told_to_stop_leaves_the_rest_to_the_next(small, tmp_path, monkeypatch):
    review = reviewed(small, tmp_path)
    carried_out(small, review)
    with monkeypatch.context() as context:
        before(context, lambda: os.kill(os.getpid(), signal.SIGTERM), "GET", f"{small.project_id('beta')}/users")
        stopped = run_module(EVIDENCE, small, evidence_dir=review["evidence_dir"])
    assert stopped["failed"] and "interrupted by SIGTERM" in stopped["msg"]
    assert not evidence.is_sealed(review["evidence_dir"])
    result = run_module(EVIDENCE, small, evidence_dir=review["evidence_dir"])
    assert not result.get("failed") and result["verified"] == 3 and result["seal"], result.get("msg")


# --- whole or not there ----------------------------------------------------------------------------------------------


def test_a_seal_is_whole_or_not_there(tmp_path, monkeypatch):
    """A directory whose checksums were cut would pass for sealed for ever."""
    directory = killed(tmp_path, REMOVE)
    with monkeypatch.context() as context, pytest.raises(Killed):
        kill_at(context, "link")
        evidence.seal(directory)
    assert not evidence.is_sealed(directory)
    evidence.seal(directory)
    assert evidence.is_sealed(directory)


def test_what_was_settled_is_told_until_it_is_written_down_whole(tmp_path, monkeypatch):
    killed(tmp_path, REMOVE)
    found = evidence.unfinished(str(tmp_path))
    with monkeypatch.context() as context, pytest.raises(Killed):
        kill_at(context, "link")
        evidence.settled(found, ["yes"], NOW)
    assert len(evidence.unfinished(str(tmp_path))) == 1


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_is_never_taken_over(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *args, **named: (it for it in ()).throw(OSError(1, "not permitted")))
    mine, taken = tmp_path / "mine", tmp_path / "taken"
    mine.write_text("mine"), taken.write_text("precious")
    with pytest.raises(FileExistsError):
        files.renamed(str(mine), str(taken))
    assert (mine.read_text(), taken.read_text()) == ("mine", "precious")
    files.renamed(str(mine), str(tmp_path / "free"))
    assert sorted(os.listdir(tmp_path)) == ["free", "taken"]


# --- in nobody's way -------------------------------------------------------------------------------------------------


def test_an_unfinished_run_that_can_not_be_written_to_stops_no_review(small, tmp_path, monkeypatch):
    directory = killed(tmp_path, REMOVE)
    real = evidence.write_table

    def read_only(path, *args):
        if path.startswith(directory):
            raise OSError(30, "Read-only file system", path)
        return real(path, *args)

    monkeypatch.setattr(evidence, "write_table", read_only)
    for _again in range(2):
        result = reviewed(small, tmp_path)
        assert not result.get("failed"), result["msg"]
        said = f"what the run {os.path.basename(directory)} left open is told again by the next one"
        assert [one for one in result["warnings"] if said in one and "Read-only file system" in one]


@pytest.mark.parametrize("name", ["actions.jsonl", "plan.json", "review.json"])
def test_a_directory_where_a_file_should_be_stops_no_review(small, tmp_path, name):
    directory = killed(tmp_path, REMOVE)
    os.unlink(f"{directory}/{name}")
    os.mkdir(f"{directory}/{name}", 0o700)
    result = reviewed(small, tmp_path, approved_plan="0" * 64)
    assert not result.get("failed"), result["msg"]


def test_a_run_whose_directory_can_not_be_read_is_told(tmp_path, monkeypatch):
    directory = killed(tmp_path, REMOVE)

    def refused(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refused)
    (one,) = evidence.unfinished(str(tmp_path))
    assert (one.directory, one.row) == (directory, None) and "Permission denied" in one.told
