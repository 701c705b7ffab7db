# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks, run as AWX runs its job templates."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml
from awx_kit import ACCOUNT, ROOT, SECRETS, environment, inject_here, messages, named, rendered, warm_modules
from warm_ansible import warm

from ansible_collections.atlasops.access.plugins.module_utils import _approval as approving

LONGEST_EVENT = 700_000


class Unsafe(yaml.SafeDumper):
    """Writes every text as `!unsafe`, as AWX does with all that people type in."""

    def represent_data(self, data: Any) -> yaml.Node:
        if isinstance(data, str):
            return self.represent_scalar("!unsafe", data)
        return super().represent_data(data)


def variables(template: dict[str, Any], answers: dict[str, Any], artifacts: dict[str, Any], **more: Any) -> str:
    """The file of extra variables of a job: the template's, the survey's defaults, the artifacts of the jobs before it
    in the workflow, the answers, and what AWX says of the job; in this order, later ones win.

    Only what the template itself sets may be a template.
    """
    own = template["extra_vars"]
    asked = template["survey_spec"].get("spec", [])
    defaults = {one["variable"]: one["default"] for one in asked if "default" in one}
    of_awx = {f"{prefix}_{name}": value for prefix in ("awx", "tower") for name, value in {**META, **more}.items()}
    given = {**own, **defaults, **artifacts, **answers, **of_awx}
    return "".join(
        yaml.dump({name: value}, Dumper=yaml.SafeDumper if own.get(name) == value else Unsafe)
        for name, value in given.items()
    )


META = {"job_id": 77, "job_launch_type": "workflow", "user_name": "kim", "workflow_job_id": 76}


class Job:
    def __init__(self, place: Path) -> None:
        self.rc = int((place / "rc").read_text())
        self.output = (place / "stdout").read_text()
        self.events = [json.loads(path.read_text()) for path in (place / "job_events").glob("*.json")]
        stats = next((event for event in self.events if event["event"] == "playbook_on_stats"), {})
        self.artifacts = stats.get("event_data", {}).get("artifact_data", {})

    @property
    def told(self) -> dict[str, Any]:
        return self.artifacts["access_cleanup"]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], None]:
    """ansible-runner, but for its start of a process: Ansible is warm. Its events are written and read as ever."""
    of_ansible = pytest.importorskip("ansible_runner.runner")
    from ansible_runner.config.runner import RunnerConfig

    def spawn(command: list[str], env: dict[str, str], cwd: str, **unused: Any) -> subprocess.CompletedProcess[str]:
        added = {name: value for name, value in env.items() if os.environ.get(name) != value}
        given = {**environment(tmp_path), **added}
        out = tmp_path / f"out-{os.urandom(4).hex()}"
        code = warm(given).run(command, given, Path(cwd), out)
        if code:
            raise subprocess.CalledProcessError(code, command, out.read_text())
        return subprocess.CompletedProcess(command, code, out.read_text())

    def run(place: Path, playbook: str) -> None:
        config = RunnerConfig(str(place), playbook=playbook, ident="77", quiet=True)
        config.prepare()
        config.runner_mode = "subprocess"
        monkeypatch.setattr(of_ansible, "run_subprocess", spawn)
        (place / "artifacts/77/rc").write_text(str(of_ansible.Runner(config).run()[1]))

    return run


@pytest.fixture
def awx(kit, small, tmp_path, runner):
    """Runs a job template as AWX does, with the credential injected and nothing but localhost to be had."""

    def run(
        name: str,
        answers: dict[str, str],
        artifacts: dict[str, Any] | None = None,
        job_type: str = "",
        by_name: bool = False,
        **more: Any,
    ) -> Job:
        template = named(kit.templates, name)
        place = tmp_path / f"job{len(list(tmp_path.glob('job*')))}"
        for folder in ("env", "inventory"):
            (place / folder).mkdir(parents=True)
        (place / "project").symlink_to(ROOT)
        (place / "inventory/hosts").write_text("all: {hosts: {}}\n")
        injected = inject_here(kit.credential_types[0], {**ACCOUNT, "base_url": small.url})
        of_awx = {"AWX_HOST": "https://awx.example", "PROJECT_REVISION": "0123abc", "JOB_ID": "77"}
        (place / "env/envvars").write_text(json.dumps({**environment(tmp_path), **of_awx, **injected}))
        (place / "env/extravars").write_text(
            variables(template, {**answers, **warm_modules()}, artifacts or {}, **more)
        )
        flags = ["--check"] * ((job_type or template["job_type"]) == "check") + ["--diff"] * template["diff_mode"]
        (place / "env/cmdline").write_text(" ".join(flags))
        playbook = template["playbook"]
        if by_name:
            line = [sys.executable, "-m", "ansible_runner", "run", "-q", str(place), "-p", playbook, "-i", "77"]
            subprocess.run(line, capture_output=True, env=environment(tmp_path), cwd=tmp_path, check=False)
        else:
            runner(place, playbook)
        return Job(place / "artifacts/77")

    return run


def check_output(job: Job) -> None:
    everything = job.output + json.dumps(job.events)
    assert not [secret for secret in SECRETS if secret in everything]
    assert max(len(json.dumps(event)) for event in job.events) < LONGEST_EVENT


@pytest.mark.playbook
def test_a_job_is_what_the_command_makes_of_it(awx, small):
    """The command as it is installed, at a terminal."""
    given = {**BLANK, "access_cleanup_leavers": "\r\n ;,", "access_cleanup_ticket": "HR-7"}
    job, command = awx("Offboard people", given), awx("Offboard people", given, by_name=True)
    assert job.told["msg"].startswith("Say who leaves") and job.told == command.told
    assert job.rc == command.rc != 0 and not small.requests
    assert [kinds(one) for one in (job, command)] == [kinds(job)] * 2 != [[]] * 2
    check_output(command)


def kinds(job: Job) -> list[str]:
    """What was told by events, and not by lines between them."""
    return sorted(event["event"] for event in job.events if event["event"] != "verbose")


# A review without a step.
NOTHING = {
    "steps": [],
    "blocked": [],
    "outcome": {"still": []},
    "completeness": {"unreadable": [], "team_access": "read"},
}
BLANK = {"access_cleanup_projects": "", "access_cleanup_ticket": "", "access_cleanup_reason": ""}


@pytest.mark.playbook
def test_review_approve_clean_up(kit, awx, small):
    """The workflow: only the plan that was approved passes the guards, and it does."""
    before = small.state()
    # The workflow's answers reach both jobs; what is left blank is blank.
    answers = {**BLANK, "access_cleanup_ticket": "1234"}
    review = awx("Atlas access review", answers)
    assert review.rc == 0, review.output
    check_output(review)
    assert small.state() == before
    assert review.told["mode"] == "review"
    assert review.told["blocked"], "the plan should need an approval"
    assert re.fullmatch("[0-9a-f]{64}", review.told["plan_digest"])

    # Who approves reads what it does.
    plan, end = show_plan(awx, review.artifacts)
    assert (plan.rc == 0, end.rc == 0) == (True, False)
    words = " ".join(plan.output.split())
    assert "The plan has" in words and "Approving overrides" in words and "There is nothing to approve" not in words

    # Who launches the clean-up again, on its own, has no approval.
    again = awx("Atlas access clean-up", answers, review.artifacts, job_launch_type="relaunch")
    assert again.rc != 0 and small.state() == before
    assert "started by 'relaunch'" in " ".join(again.output.split())
    assert again.told["outcome"] == "blocked" and again.told["colour"] == "red"

    clean_up = awx("Atlas access clean-up", answers, review.artifacts)
    assert clean_up.rc == 0, clean_up.output
    check_output(clean_up)
    assert clean_up.told["plan_digest"] == review.told["plan_digest"]
    assert clean_up.told["blocked"] == []
    # ansible-core before 2.19 makes a text of a single number.
    assert clean_up.told["counts"]["done"] == int(clean_up.told["verified"]) == review.told["summary"]["steps"] > 0
    assert small.state() != before
    assert small.live_tokens() == 0

    # What is told of it in a chat.
    said = rendered(messages(kit)[0], **clean_up.told)
    assert re.match(r"Stub JobTemplate #42: (\d+) of \1 steps took effect\.", said) and "still gets into" in said

    # The container is thrown away.
    for job in (review, clean_up):
        assert "it goes with the container of this job" in job.output and job.told["evidence_dir"] == ""
        assert "/access-cleanup." not in "".join(job.output.split("TASK")[-6:])


def show_plan(awx: Any, artifacts: dict[str, Any]) -> tuple[Job, Job]:
    """The two jobs that show a plan: before the approval, and where nobody was asked."""
    jobs = awx("Atlas access plan", {}, artifacts), awx("Atlas access plan", {}, artifacts, job_type="check")
    assert not jobs[0].artifacts, "what the review left is passed on as it is"
    return jobs


@pytest.mark.playbook
def test_nobody_is_asked_about_nothing(awx):
    left = {"plan_digest": hashlib.sha256().hexdigest(), "text": approving.text(NOTHING), "summary": {"steps": 0}}
    plan, end = show_plan(awx, {"access_cleanup": left})
    assert (plan.rc == 0, end.rc == 0) == (False, True)
    words = " ".join(plan.output.split())
    assert "There is nothing to approve" in words and "Approving overrides" not in words


@pytest.mark.thorough
@pytest.mark.playbook
def test_an_approved_clean_up_that_is_launched_again_writes_nothing(awx, small):
    review = awx("Atlas access review", BLANK)
    assert awx("Atlas access clean-up", BLANK, review.artifacts).rc == 0
    after = small.state()
    again = awx("Atlas access clean-up", BLANK, review.artifacts, job_launch_type="relaunch")
    assert small.state() == after and again.told["outcome"] in ("blocked", "unchanged")


@pytest.mark.thorough
@pytest.mark.playbook
def test_without_an_approved_plan_the_guards_hold(awx, small):
    before = small.state()
    job = awx("Atlas access clean-up", BLANK)
    assert job.rc != 0
    assert "Nothing was written" in job.output
    assert small.state() == before
    check_output(job)


@pytest.mark.thorough
@pytest.mark.playbook
@pytest.mark.parametrize("take", ["false", "true"])
def test_offboarding_with_a_survey(awx, small, take):
    before = small.state()
    answers = {
        "access_cleanup_leavers": "dan@corp.example\r\nCARA.diaz+atlas@corp.example\nnobody@corp.example\n",
        "access_cleanup_ticket": "HR-7",
        "access_cleanup_reason": "",
        "access_cleanup_apply": take,
    }
    job = awx("Offboard people", answers)
    assert job.rc == 0, job.output
    check_output(job)
    assert "nobody@corp.example was found nowhere in scope" in job.told["text"]
    assert '"nobody@corp.example was found nowhere in scope"' in job.output, "in the last lines"
    gone = {"dan@corp.example", "Cara.Diaz+atlas@Corp.Example"}
    after = {project: {user for user in users if user not in gone} for project, users in before.items()}
    if take == "true":
        assert {project: set(users) for project, users in small.state().items()} == after
        assert job.told["counts"]["done"] == int(job.told["verified"]) == 4
    else:
        assert small.state() == before
        assert job.told["summary"]["findings"] == 4


@pytest.mark.playbook
@pytest.mark.parametrize(
    "answers, said",
    [
        ({"access_cleanup_leavers": "   "}, "Say who leaves"),
        ({"access_cleanup_ticket": "   "}, "The ticket holds nothing but blanks"),
        pytest.param(
            {"access_cleanup_reason": " \t"}, "The reason holds nothing but blanks", marks=pytest.mark.thorough
        ),
    ],
)
def test_answers_of_blanks_are_refused(awx, small, answers, said):
    given = {"access_cleanup_leavers": "dan@corp.example", "access_cleanup_ticket": "HR-7", **answers}
    small.forget()
    job = awx("Offboard people", given)
    assert job.rc != 0 and said in " ".join(job.output.split()) and not small.requests
    assert job.told["msg"].startswith(said) and job.told["outcome"] == "failed" and job.told["colour"] == "red"


@pytest.mark.playbook
def test_only_the_required_answers_report_and_name_who_is_nowhere(awx, small, tmp_path):
    """What a launch by the API leaves out is what is safe; what looks like a template is a text."""
    before = small.state()
    ticket = f"{{{{ lookup('ansible.builtin.pipe', 'touch {tmp_path}/hit') }}}} \"quoted\""
    job = awx(
        "Offboard people",
        {"access_cleanup_leavers": "bob@corp.example\no'neil@corp.example", "access_cleanup_ticket": ticket},
    )
    assert job.rc == 0 and small.state() == before and not (tmp_path / "hit").exists()
    assert job.told["nowhere"] == ["o'neil@corp.example"] and job.told["mode"] == "review"
    (still,) = job.told["still"]
    assert still.startswith("bob@corp.example still gets into alpha through the team readers")
    assert {still, "o'neil@corp.example was found nowhere in scope"} <= set(job.told["text"])
    assert still in job.output and "o'neil@corp.example was found nowhere in scope" in job.output
    assert "[WARNING]" in job.output


def test_offboarding_asks_for_no_more_than_it_needs(kit):
    spec = named(kit.templates, "Offboard")["survey_spec"]["spec"]
    assert [(one["variable"], one["required"]) for one in spec] == [
        ("access_cleanup_leavers", True),
        ("access_cleanup_leavers_lose", False),
        ("access_cleanup_ticket", True),
        ("access_cleanup_reason", False),
        ("access_cleanup_apply", False),
    ]
