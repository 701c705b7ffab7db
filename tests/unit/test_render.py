# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of the report: new, its owner's alone, and whole from the moment that it has its name."""

from __future__ import annotations

import importlib.util
import os
import stat
from pathlib import Path

import pytest

RENDER = Path(__file__).resolve().parents[2] / "roles/access_cleanup/files/render.py"


@pytest.fixture
def render(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("render", RENDER)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "rendered", lambda document: "<p>whole</p>")
    (tmp_path / "review.json").write_text("{}")
    return module


def raising(error):
    def call(*unused, **unused_too):
        raise error

    return call


@pytest.mark.parametrize("links", [True, False])
def test_a_report_is_new_and_its_owners_alone(render, tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", raising(PermissionError()))
    render.main(str(tmp_path))
    report = tmp_path / "review.html"
    assert report.read_text() == "<p>whole</p>" and stat.S_IMODE(report.stat().st_mode) == 0o600
    report.write_text("of another run")
    with pytest.raises(FileExistsError):
        render.main(str(tmp_path))
    assert report.read_text() == "of another run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["review.html", "review.json"]


def test_a_report_that_is_cut_off_does_not_have_its_name(render, tmp_path, monkeypatch):
    """Whoever finishes the directory seals no half of a report as the report."""
    monkeypatch.setattr(render, "named", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        render.main(str(tmp_path))
    assert not (tmp_path / "review.html").exists()
