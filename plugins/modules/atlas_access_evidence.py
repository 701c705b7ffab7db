#!/usr/bin/python
# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: atlas_access_evidence
short_description: Verify what a clean-up of MongoDB Atlas projects did, and write it down
version_added: "1.0.0"
author: "atlasops.access contributors (@atlasops)"
description:
  - Reads the projects that were written to again, compares them with what was reported as done, and looks up the
    events that Atlas itself recorded. It never writes to Atlas.
  - Reads C(review.json) and C(actions.json) in O(evidence_dir), the second of which holds the RV(ignore:actions) that
    the writing modules returned. Writes C(actions.csv), adds what happened to C(review.json), and renews
    C(SHA256SUMS).
  - Run it on an old directory to see whether the people who were removed then are still out.
  - The role P(atlasops.access.access_cleanup#role) uses it.
extends_documentation_fragment:
  - atlasops.access.auth
  - atlasops.access.attributes.files
options:
  evidence_dir:
    description: The directory that M(atlasops.access.atlas_access_review) wrote to.
    type: path
    required: true
  run:
    description:
      - What to note of the run, such as ticket, reason, job and who started it. Plain data; empty values are left out.
      - What was noted before stays if this is left out.
    type: dict
seealso:
  - module: atlasops.access.atlas_access_review
"""

EXAMPLES = r"""
- name: Look whether the people removed last quarter are still out
  atlasops.access.atlas_access_evidence:
    evidence_dir: ./evidence/2026-q3
  register: since

- name: Tell who is back
  ansible.builtin.debug:
    var: since.unverified
"""

RETURN = r"""
verified:
  description: How many steps that were reported as done are in effect.
  returned: success, and when steps are not in effect
  type: int
  sample: 7
unverified:
  description: The steps that were reported as done and are not in effect, or could not be read.
  returned: success, and when steps are not in effect
  type: list
  elements: dict
  sample: []
counts:
  description: How many steps ended in which way.
  returned: success, and when steps are not in effect
  type: dict
  sample: {done: 7, failed: 0, planned: 0, skipped: 0}
evidence:
  description: The files that were written.
  returned: success, and when steps are not in effect
  type: list
  elements: str
  sample: [evidence/actions.csv, evidence/review.json, evidence/SHA256SUMS]
"""

from datetime import datetime, timedelta, timezone

from ansible_collections.atlasops.access.plugins.module_utils import _atlas as atlas
from ansible_collections.atlasops.access.plugins.module_utils import _evidence as evidence
from ansible_collections.atlasops.access.plugins.module_utils._access import Project, Refusal, folded
from ansible_collections.atlasops.access.plugins.module_utils._client import AtlasError
from ansible_collections.atlasops.access.plugins.module_utils._module import run_reader
from ansible_collections.atlasops.access.plugins.module_utils._report import bounded

SPEC = {
    "evidence_dir": {"type": "path", "required": True},
    "run": {"type": "dict"},
}
STATUSES = ("done", "planned", "failed", "skipped")


def check(params, warnings):
    """The review and the actions that the directory holds."""
    review = evidence.read_document(params["evidence_dir"], evidence.REVIEW)
    if not isinstance(review, dict):
        raise Refusal(
            f"evidence_dir: there is no {evidence.REVIEW} in '{params['evidence_dir']}'; run a review into it first"
        )
    done = evidence.read_document(params["evidence_dir"], evidence.DONE)
    return review, done if isinstance(done, list) else []


def answer(params, client, warnings, checked):
    """Verify the actions, and write them down."""
    review, actions = checked
    legacy = any(row["legacy"] for row in review["steps"])
    ids = sorted({one["project_id"] for one in actions if one["status"] == "done"})
    projects = [Project(project_id, project_id, "") for project_id in ids]
    seen = dict(zip(ids, client.together(lambda one: atlas.settled(client, one, actions, legacy), projects)))
    since = datetime.fromisoformat(review["started"]) - timedelta(minutes=1)
    text = since.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    events = dict(zip(ids, client.together(lambda one: atlas.events(client, one, text), ids)))
    rows = [
        {**one, **verdict(one, seen.get(one["project_id"])), **recorded(one, events.get(one["project_id"]))}
        for one in actions
    ]
    wrong = [row for row in rows if row["verified"] in ("no", "unreadable")]
    counts = {status: sum(row["status"] == status for row in rows) for status in STATUSES}
    review.update(
        actions=rows,
        verification={
            "counts": counts,
            "verified": sum(row["verified"] == "yes" for row in rows),
            "unverified": len(wrong),
        },
        ended=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    if params["run"] is not None:
        review["run"] = {name: value for name, value in params["run"].items() if value not in (None, "")}
    result = {
        "verified": review["verification"]["verified"],
        "unverified": bounded(wrong, 100_000),
        "counts": counts,
        "evidence": evidence.write_actions(params["evidence_dir"], review),
    }
    problem = "".join(
        f"{row['action']} {row['user']} in {row['project']} was reported as done, but "
        f"{'is not in effect' if row['verified'] == 'no' else 'could not be verified'}. "
        for row in wrong[:10]
    )
    return result, problem.strip()


def verdict(action, members):
    """Whether an action that was reported as done is in effect: yes, no, unreadable; none for the others."""
    if action["status"] != "done":
        return {"verified": None}
    if isinstance(members, AtlasError):
        return {"verified": "unreadable"}
    return {"verified": "yes" if atlas.in_effect(action, members) else "no"}


def recorded(action, events):
    """The ids of the events that Atlas recorded for an action."""
    if action["status"] != "done":
        return {"event_ids": []}
    if isinstance(events, AtlasError):
        return {"event_ids": ["could not be read"]}
    kinds = atlas.EVENTS[action["action"]]
    found = [one for one, kind, user in events if kind in kinds and user == folded(action["user"])]
    return {"event_ids": found or ["not yet listed"]}


def main():
    run_reader(SPEC, answer, check)


if __name__ == "__main__":
    main()
