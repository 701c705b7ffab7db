#!/usr/bin/python
# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_access_evidence
short_description: Verify what a clean-up of MongoDB Atlas projects did, and write it down
version_added: "1.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Reads the projects of a clean-up again, holds every planned step against them, whether it was done, failed or was
    never tried, and looks up the events that Atlas itself recorded. It never writes to Atlas.
  - Reads C(review.json), C(population.csv) and the journal C(actions.jsonl) in O(evidence_dir). Writes C(actions.csv),
    C(population-after.csv), who gets in after a clean-up, and C(restore.yml), which undoes it, adds what happened to
    C(review.json), and seals the directory with C(SHA256SUMS). From then on nothing in it changes.
  - Run it on the directory of an old run to see whether the people who were removed then are still out. That adds
    C(verified-<UTC>.csv), and changes no file.
  - A dry run, a review and a clean-up that wrote nothing need no request, and so no credential.
  - The role P(atlasops.access.access_cleanup#role) uses it.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.attributes.files
options:
  evidence_dir:
    description:
      - The directory of one run, as M(atlasops.access.atlas_access_review) returned it. Not the directory of all runs.
    type: path
    required: true
  run:
    description:
      - What to note of the run, such as ticket, reason, job and who started it. Plain data; empty values are left out.
      - What was noted before stays if this is left out.
    type: dict
  seal:
    description:
      - Whether to write C(SHA256SUMS), after which nothing in the directory changes any more.
      - With V(false) more files may be added, such as a report. The same task again, with V(true), only seals.
    type: bool
    default: true
  report:
    description:
      - A command that adds a report to the directory before it is sealed. The directory becomes its last argument.
      - Where it fails everything else goes on, and RV(report_problem) says why.
    type: list
    elements: str
    version_added: "1.1.0"
seealso:
  - module: atlasops.access.atlas_access_review
"""

EXAMPLES = r"""
- name: Look whether the people removed last quarter are still out
  atlasops.access.atlas_access_evidence:
    evidence_dir: ./evidence/20260401T060000Z-clean-up-5f1c22ab
  register: since

- name: Tell who is back
  ansible.builtin.debug:
    msg: "{{ since.came_back + since.unverified }}"
"""

RETURN = r"""
counts:
  description: How many steps were planned, and how many ended in which way.
  returned: success, and when steps are not in effect
  type: dict
  sample: {planned: 8, done: 7, failed: 1, skipped: 0, not_tried: 0, unknown: 0}
verified:
  description: How many steps that were reported as done are in effect.
  returned: success, and when steps are not in effect
  type: int
  sample: 7
unverified:
  description:
    - The steps that were reported as done and are not in effect, or could not be read. Bounded; the files hold all.
  returned: success, and when steps are not in effect
  type: list
  elements: dict
  sample: []
came_back:
  description:
    - The steps that were reported as done, of people who are in again under another account of the same email. Bounded.
  returned: success, and when steps are not in effect
  type: list
  elements: dict
  sample: []
outcome:
  description: How the run ended.
  returned: success, and when steps are not in effect
  type: dict
  contains:
    state:
      description: One word.
      type: str
      returned: always
      choices:
        - reviewed
        - planned
        - blocked
        - unchanged
        - done
        - open
        - partial
        - failed
        - interrupted
        - unverified
        - disputed
    colour:
      description: How good that is.
      type: str
      returned: always
      choices: [green, amber, red]
    sentence:
      description: The same for people.
      type: str
      returned: always
    still:
      description: Who still gets in, or came back, and which last owners stay; sentences. Bounded.
      type: list
      elements: str
      returned: always
  sample: {state: done, colour: green, sentence: "7 of 7 steps took effect.", still: []}
lines:
  description: How the run ended, in four lines for people - its outcome, what was found, done, and left open.
  returned: success, and when steps are not in effect
  type: list
  elements: str
  sample:
    - "clean-up, done: 7 of 7 steps took effect. Recorded: 7 done."
    - "found: 7 findings about 1 person (remove 7)"
    - "done: 7 of 7 steps, 7 verified"
    - "left open: nothing"
evidence:
  description: The files that were written.
  returned: success, and when steps are not in effect
  type: list
  elements: str
  sample:
    - evidence/20260401T060000Z-clean-up-5f1c22ab/actions.csv
    - evidence/20260401T060000Z-clean-up-5f1c22ab/restore.yml
    - evidence/20260401T060000Z-clean-up-5f1c22ab/review.json
    - evidence/20260401T060000Z-clean-up-5f1c22ab/SHA256SUMS
report_problem:
  description: Why there is no report.
  returned: if the command of O(report) failed
  type: str
  sample: "the report could not be written: ModuleNotFoundError: No module named 'jinja2'"
seal:
  description: The SHA-256 checksum of C(SHA256SUMS), none as long as there is no such file.
  returned: success, and when steps are not in effect
  type: str
  sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
"""

import os
import subprocess
from datetime import datetime, timezone

from ansible_collections.atlasops.access.plugins.module_utils import _after as afterwards
from ansible_collections.atlasops.access.plugins.module_utils import _console as console
from ansible_collections.atlasops.access.plugins.module_utils import _evidence as evidence
from ansible_collections.atlasops.access.plugins.module_utils import _tables as tables
from ansible_collections.atlasops.access.plugins.module_utils import _verify as verify
from ansible_collections.atlasops.access.plugins.module_utils._access import Refusal
from ansible_collections.atlasops.access.plugins.module_utils._errors import AtlasError
from ansible_collections.atlasops.access.plugins.module_utils._groups import groups
from ansible_collections.atlasops.access.plugins.module_utils._module import run_reader
from ansible_collections.atlasops.access.plugins.module_utils._outcome import outcome
from ansible_collections.atlasops.access.plugins.module_utils._report import bounded

SPEC = {
    "evidence_dir": {"type": "path", "required": True},
    "run": {"type": "dict"},
    "seal": {"type": "bool", "default": True},
    "report": {"type": "list", "elements": "str"},
}
RETURNED = 100_000


def check(params, warnings):
    """The document of the run, a row for every step, and whether those are to be judged."""
    directory = params["evidence_dir"]
    document = evidence.review_of(directory)
    if document.get("ended"):
        return document, document.get("actions") or [], evidence.is_sealed(directory)
    rows, document["interrupted"] = evidence.actions(directory, document)
    if rows and not evidence.holds_plan(directory, document.get("plan_digest")):
        warnings.append(f"'{directory}': {evidence.PLAN} is not the plan of the review any more")
    return document, rows, True


def asks(checked):
    """Whether there is anything to read again: a run that tried nothing changed nothing."""
    _document, rows, judging = checked
    return judging and any(row["status"] in ("done", "failed", "unknown") for row in rows)


def answer(params, client, warnings, checked):
    """Verify the steps and write them down, or only seal; a run that is sealed already gets one table more."""
    document, rows, judging = checked
    directory, paths = params["evidence_dir"], []
    sealed = evidence.is_sealed(directory)
    if judging:
        was = members_at_review(directory, warnings) if client else {}
        seen = verify.look(client, rows) if client else {}
        fresh = judged(client, document, rows, seen, was)
        if client and client.stopped_by:
            # What was not read is not unreadable: nothing is written, so that the same task again finds out.
            return {}, None
        restoring = tables.restoring(fresh, was, verify.members_of(seen)) if client else None
    if sealed:
        paths += later(directory, rows, fresh) if client and not params["check_mode"] else []
        document = {**document, "actions": fresh}
    elif judging:
        finish(document, fresh, params["run"])
        document["after"], table = who_gets_in(directory, document, seen)
        paths += evidence.write_end(directory, document, restoring, table)
    unwritten = report(params["report"], directory) if params["report"] and not sealed else ""
    if params["seal"] and not sealed:
        evidence.seal(directory)
        paths.append(os.path.join(directory, evidence.SUMS))
    return told(directory, document, paths, unwritten)


def report(command, directory):
    """Run the command that adds a report; what went wrong with it."""
    try:
        ended = subprocess.run([*command, directory], capture_output=True, check=False)
    except OSError as error:
        return f"the report could not be written: {error}"
    if ended.returncode == 0:
        return ""
    said = ended.stderr.decode("utf-8", "replace").split("\n")
    last = next((line for line in reversed(said) if line.strip()), f"exit code {ended.returncode}")
    return f"the report could not be written: {last.strip()}"


def members_at_review(directory, warnings):
    """Who was a member at the review; nobody where that can't be believed any more."""
    try:
        return evidence.was_member(directory)
    except Refusal as error:
        warnings.append(str(error))
        return {}


def judged(client, document, rows, seen, was):
    """The steps, with whether they are in effect and what Atlas recorded of them."""
    if client is None:
        return [{"verified": None, "events": [], "event_ids": [], **row} for row in rows]
    verdicts = verify.verified(rows, seen, was)
    rows = [{**row, "verified": verdict} for row, verdict in zip(rows, verdicts)]
    found = verify.events(client, rows)
    return [{**row, **one} for row, one in zip(rows, verify.recorded(rows, found, document.get("credential")))]


def finish(document, rows, run):
    """What the document says once its run has ended."""
    document.update(
        actions=rows,
        verification={
            "counts": tables.counts(rows),
            "verified": len(reported(rows, verify.YES)),
            "unverified": len(reported(rows, verify.NO, verify.UNREADABLE)),
            "came_back": len(reported(rows, verify.CAME_BACK)),
        },
        ended=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    if run is not None:
        document["run"] = {name: value for name, value in run.items() if value not in (None, "")}
    document["outcome"] = outcome(document)
    document["groups"] = groups(document)


def who_gets_in(directory, document, seen):
    """Who gets in after the run, or would by its plan; and the rows of the table. None where nothing would change."""
    every, dry = document.get("steps") or [], document["mode"] != "clean-up"
    if document.get("blocked") or not every or not (seen or dry):
        return None, None
    steps = [one for one in every if not one.get("place")]
    elsewhere = {one["project_id"] for one in every if one.get("place")}
    seen = {name: one for name, one in seen.items() if name not in elsewhere}
    took = every if dry else [one for one in document["actions"] if one.get("verified") == verify.YES]
    took = [one for one in took if one.get("place")]

    def before():
        return afterwards.without(evidence.population_of(directory), took)

    names = {one["project_id"]: one["project"] for one in steps}
    read = {name: one.found for name, one in seen.items() if not isinstance(one.members, AtlasError)}
    unread = sorted({names[name] for name in seen if name not in read})
    unseen = legacy_unread(document, seen) if not dry else {}

    def rows():
        times = (document["started"], document["ended"])
        return afterwards.population(before(), read, names, times, unseen)

    try:
        read = afterwards.planned(before(), steps) if dry else read
        picture = afterwards.picture(rows(), document)
    except Refusal:
        # Told as a warning where it is read first.
        return None, None
    kind = afterwards.PLANNED if dry else afterwards.READ
    picture.update(kind=kind, as_of=document["ended"], projects=len(read), unread=unread)
    return picture, None if dry else (afterwards.COLUMNS, rows())


def legacy_unread(document, seen):
    """The projects whose legacy invitations the review knew and nobody read again, with the ids of their steps."""
    if document["completeness"].get("legacy_invitations") != "read":
        return {}
    mine = {}
    for one in document["steps"]:
        if one.get("place"):
            continue
        mine.setdefault(one["project_id"], []).append(one)
    return {
        name: {one["user_id"] for one in rows}
        for name, rows in mine.items()
        if name in seen and (not any(one["legacy"] for one in rows) or seen[name].unread(True))
    }


def later(directory, rows, fresh):
    """The table of another verification; what was recorded of a step before stays."""
    both = [
        {
            **new,
            "event_ids": old["event_ids"] if old.get("events") else new["event_ids"],
            "verified": old.get("verified"),
            "verified_now": new["verified"],
        }
        for old, new in zip(rows, fresh)
    ]
    now = datetime.now(timezone.utc)
    return [evidence.write_later(directory, evidence.VERIFIED, now, tables.VERIFIED_COLUMNS, both)]


def told(directory, document, paths, unwritten):
    """The result, and what is not as it was reported."""
    rows = document.get("actions") or []
    wrong, back = reported(rows, verify.NO, verify.UNREADABLE), reported(rows, verify.CAME_BACK)
    ended = outcome(document)
    result = {
        "counts": tables.counts(rows),
        "verified": len(reported(rows, verify.YES)),
        "unverified": bounded(wrong, RETURNED),
        "came_back": bounded(back, RETURNED),
        "outcome": {**ended, "still": bounded(ended["still"], RETURNED)},
        "lines": console.ended({**document, "outcome": ended}),
        "evidence": paths,
        "seal": evidence.seal_of(directory),
    }
    problems = [f"{said(row)}." for row in (back + wrong)[:10]]
    if unwritten:
        result["report_problem"] = unwritten
        problems.append(unwritten)
    return result, " ".join(problems)


def reported(rows, *verdicts):
    """The steps that were reported as done, and turned out like that."""
    return [row for row in rows if row["status"] == "done" and row.get("verified") in verdicts]


def said(row):
    """A step that is not as it was reported, in a sentence."""
    what = f"{row['action']} {row['user']} in {row['project']} was reported as done, but "
    if row["verified"] == verify.CAME_BACK:
        return what + f"{row['user']} came back under another account"
    return what + ("is not in effect" if row["verified"] == verify.NO else "could not be verified")


def main():
    run_reader(SPEC, answer, check, asks)


if __name__ == "__main__":
    main()
