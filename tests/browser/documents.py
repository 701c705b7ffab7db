# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of all kinds, as the modules write them, and their reports as render.py makes them."""

from __future__ import annotations

import copy
import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from module_run import run_module

from simulator import Simulator, generated

ROLE = Path(__file__).resolve().parents[2] / "roles/access_cleanup"
TEMPLATE, RENDER = ROLE / "templates/review.html.j2", runpy.run_path(str(ROLE / "files/render.py"))

Document = dict[str, Any]
DEMO = {"client_id": "mdb_sa_id_" + "d0" * 12, "client_secret": "mdb_sa_sk_demo-only"}
POLICY: Document = {
    "leavers": ["dana.field@corp.example", "omar.reyes@corp.example"],
    "allowed_domains": ["corp.example"],
    "stale_invitation_days": "14",
    "inactive_days": 90,
    "identity_unused_days": 90,
    "identity_holders": {"ORG_OWNER": ["access-cleanup"]},
    "exceptions": [
        {"user": "tomas.vega@partner.example", "rule": "allowed_domains", "until": "2030-12-31", "reason": "Audit"},
        {"user": "lou.stone@partner.example", "until": "2025-01-31", "reason": "Contract 4242"},
    ],
}
GUARDS: Document = {"max_removal_percent": 50, "max_project_removal_percent": 100, "min_owners": 0}
RUN = {"ticket": "SEC-123", "reason": "Quarterly review", "user": "ada.lane@corp.example", "job_id": "42"}

# Text as it may come from outside. What comes first must not get lost, nor do anything.
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "\"'><svg onload=alert(3)>",
    "</table></style></script><!--",
    "{{ 7*7 }}",
    "{% raw %}",
    "{# gone? #}",
    "&lt;b&gt; &amp;amp; \\u0041 \\n",
    "a,b;c\td\ne",
    "=cmd()|' /C calc'!A0",
    "\U0001f9d1\u200d\U0001f680 \u00e9\u0301 \u4e2d\u6587",
    "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "line\u2028separator\u2029",
    "w" * 240,
]
LONG = "l" * 60 + "@" + ".".join(["d" * 61] * 3) + ".example"
PEOPLE = [text.replace("@", "") + "@x.example" for text in HOSTILE] + [LONG.ljust(254, "x")]


class Report(NamedTuple):
    document: Document
    path: Path

    @property
    def url(self) -> str:
        return self.path.as_uri()


# --- documents -------------------------------------------------------------------------------------------------------


def review(folder: Path, sim: Simulator, policy: Document | None = None, **options: Any) -> Document:
    """A review of everything, and the directory that it wrote to."""
    options = {"guards": GUARDS, "policy": POLICY if policy is None else policy, "run": RUN, **options}
    result = run_module("atlas_access_review", sim, evidence_dir=str(folder), programmatic_access=True, **options)
    assert result.rc == 0, result
    return load(Path(result["evidence_dir"]))


def load(place: Path) -> Document:
    document: Document = json.loads((place / "review.json").read_text(encoding="utf-8"))
    return {**document, "place": str(place)}


def ran(folder: Path, sim: Simulator, mode: str, **options: Any) -> Document:
    """A run over the demo's world, written down as the role does."""
    document = review(folder, sim, mode=mode, seal=False, **DEMO, **options)
    place = Path(document["place"])
    if not document["blocked"]:
        plan = {"file": str(place / "plan.json"), "digest": document["plan_digest"], "actions": ["remove"]}
        journal = str(place / "actions.jsonl")
        result = run_module("atlas_project_user", sim, mode == "dry-run", plan=plan, journal=journal, **DEMO)
        assert result.rc == 0, result
    result = run_module("atlas_access_evidence", sim, evidence_dir=str(place), run=RUN, seal=False, **DEMO)
    assert result["outcome"], result
    return load(place)


def failed(done: Document) -> Document:
    """The same clean-up, as it looks when the service failed half-way."""
    # Not before pytest has set the paths up, which is after this file is read.
    from ansible_collections.atlasops.access.plugins.module_utils._groups import groups
    from ansible_collections.atlasops.access.plugins.module_utils._outcome import outcome

    document = copy.deepcopy(done)
    actions = document["actions"]
    error = {"status": 500, "code": "UNEXPECTED_ERROR", "detail": "The service said <no>"}
    for one in actions[20:25]:
        one.update(status="failed", verified=None, event_ids=[], error=error)
    for one in actions[25:]:
        one.update(status="skipped", verified=None, event_ids=[])
    actions[0].update(verified="no")
    actions[1].update(verified="unreadable", event_ids=["could not be read"])
    document["verification"] = {
        "counts": counts(document, done=20, failed=5, skipped=len(actions) - 25),
        "verified": 18,
        "unverified": 2,
        "came_back": 0,
    }
    document["completeness"].update(
        complete=False, team_access="unreadable", unreadable=[{"project": "lost-prod", "error": "HTTP 403 <FORBIDDEN>"}]
    )
    document["outcome"] = outcome(document)
    document["groups"], document["after"] = groups(document), None
    return document


def counts(document: Document, **some: int) -> Document:
    """How many steps ended in which way."""
    none = dict.fromkeys(("done", "failed", "skipped", "not_tried", "unknown"), 0)
    return {"planned": len(document["steps"]), **none, **some}


def hostile(folder: Path) -> Document:
    """Projects, people, teams, tags, reasons, the run and errors with text that means harm."""
    projects = {
        name: {
            "tags": {"note": name},
            "members": {email: ["GROUP_OWNER", f"GROUP_{name[:20]}"] for email in PEOPLE[number : number + 2]},
            "teams": {name: ["GROUP_DATA_ACCESS_ADMIN"]},
        }
        for number, name in enumerate(HOSTILE)
    }
    account = {"secret": "mdb_sa_sk_hostile", "access_tokens": ["hostile-token"]}
    teams = {name: {"members": PEOPLE[number : number + 1]} for number, name in enumerate(HOSTILE)}
    accounts = {"mdb_sa_id_" + "e" * 24: account}
    accounts.update((f"mdb_sa_id_{number:024}", {"name": name}) for number, name in enumerate(HOSTILE))
    organization = {"service_accounts": accounts, "teams": teams, "projects": projects}
    lapsed = [{"user": "lou@x.example", "until": "2025-01-31", "reason": text} for text in HOSTILE]
    with Simulator({"organizations": {"Hostile Org": organization}}) as sim:
        # Such an address can't be written in a policy; the id of whoever has it can.
        here = {"user": sim.user_id(PEOPLE[0]), "project": HOSTILE[0], "reason": HOSTILE[0]}
        policy = {"allowed_domains": ["corp.example"], "exceptions": [here, *lapsed]}
        document = review(folder, sim, policy, access_token="hostile-token", guards={"max_removals": 3})
    steps, moment = document["steps"], "2026-10-05T06:00:00Z"
    errors = [{"status": 500, "code": text, "detail": text} for text in HOSTILE]
    events = [{"id": text, "type": text, "at": moment, "by": text} for text in HOSTILE[:2]]
    ended = {"status": "failed", "verified": "no", "at": moment, "started": moment, "events": events}
    document["actions"] = [
        {**one, **ended, "why": HOSTILE[number % len(HOSTILE)], "error": errors[number % len(errors)], "event_ids": []}
        for number, one in enumerate(steps)
    ]
    failed_all = counts(document, failed=len(steps))
    document["verification"] = {"counts": failed_all, "verified": 0, "unverified": 0, "came_back": 0}
    document["mode"], document["ended"], document["blocked"] = "clean-up", moment, []
    document["run"] = dict(zip(HOSTILE, HOSTILE))
    document["organizations"] = [{"id": text, "name": text, "projects": None, "seen": 1} for text in HOSTILE]
    document["completeness"]["unreadable"] = [{"project": text, "error": text} for text in HOSTILE]
    document["scope"] = {
        "projects": HOSTILE,
        "exclude_projects": HOSTILE,
        "project_tags": dict(zip(HOSTILE, HOSTILE)),
    }
    step = {"action": "grant", "roles": HOSTILE[:1]}
    people = [{**step, "project": text, "user": text, "run": text, "took_effect": text} for text in HOSTILE]
    document["unfinished"] = people
    plans = [{"run": text, "made_at": text} for text in HOSTILE]
    document["approval"] = {"digest": HOSTILE[0], "reviews": plans, "lifted": HOSTILE, "no_longer_due": people}
    since = [{**one, "rules": HOSTILE, "removed": True, "was": one["user"], "until": None} for one in people]
    told = dict.fromkeys(("new", "gone", "came_back", "extended"), since)
    document["comparison"] = {
        **dict.fromkeys(("run", "mode", "started", "clean_up"), HOSTILE[0]),
        **told,
        "counts": {name: len(rows) for name, rows in told.items()},
        "policy_changed": HOSTILE,
        "notes": HOSTILE,
    }
    document["conflicts"] = [{"project": text, "user": text, "rules": [text]} for text in HOSTILE]
    document["leavers"] = [{"user": text, "found": 0, "direct": 0, "indirect": 0} for text in HOSTILE]
    document["identities"]["unread"] = HOSTILE
    document["error"] = HOSTILE[0]
    document["outcome"] = {"state": "failed", "colour": "red", "sentence": HOSTILE[0], "still": HOSTILE}
    return document


BIG: dict[str, tuple[int, int, Document]] = {
    "many": (5, 100, {"allowed_domains": ["other.example"]}),
    "long": (20, 100, {"allowed_domains": ["other.example"]}),
    "wide": (250, 10, {"inactive_days": 199}),
}
MODES: dict[str, tuple[str, Document]] = {
    "blocked": ("clean-up", {"guards": {**GUARDS, "max_removals": 5}}),
    "dry": ("dry-run", {}),
    "done": ("clean-up", {}),
}


def made(name: str, folder: Path, reports: Callable[[str], Report]) -> Document:
    """A review of each kind."""
    if name == "failed":
        return failed(reports("done").document)
    if name == "hostile":
        return hostile(folder)
    if name == "empty":
        account = {"secret": "mdb_sa_sk_f", "access_tokens": ["empty-token"]}
        alone = {"service_accounts": {"mdb_sa_id_" + "f" * 24: account}, "projects": {"alone": {}}}
        with Simulator({"organizations": {"Empty Org": alone}}) as sim:
            return review(folder, sim, {}, access_token="empty-token")
    if name in BIG:
        projects, members, policy = BIG[name]
        with Simulator(generated(projects=projects, members=members)) as sim:
            return review(folder, sim, policy, access_token="big-token")
    with Simulator("demo") as sim:
        if name == "review":
            return review(folder, sim, **DEMO)
        mode, options = MODES[name]
        return ran(folder, sim, mode, **options)


# --- rendering -------------------------------------------------------------------------------------------------------


def render(folder: Path, name: str) -> None:
    """Render a report as the role does, which starts a Python for it."""
    place = folder / name
    place.mkdir(exist_ok=True)
    shutil.copy(folder / f"{name}.json", place / "review.json")
    RENDER["main"](str(place))
    (place / "review.html").rename(folder / f"{name}.html")
