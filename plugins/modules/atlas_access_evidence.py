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
    version_added: "2.0.0"
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

from ansible_collections.atlasops.access.plugins.module_utils._module import run_reader
from ansible_collections.atlasops.access.plugins.module_utils._verifier import answer, asks, check

SPEC = {
    "evidence_dir": {"type": "path", "required": True},
    "run": {"type": "dict"},
    "seal": {"type": "bool", "default": True},
    "report": {"type": "list", "elements": "str"},
}


def main():
    run_reader(SPEC, answer, check, asks)


if __name__ == "__main__":
    main()
