# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of a review: read, judge, guard, and leave the evidence.

Knows nothing of Ansible. Private to this collection.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime, timezone
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import _approval as approving
from . import _atlas as atlas
from . import _compare as comparing
from . import _console as console
from . import _document as document
from . import _evidence as evidence
from . import _guards as guarding
from . import _identity_review as programmatic
from . import _leavers as leaving
from . import _levels as leveling
from . import _nobody as nobody
from . import _people as people
from . import _policy as policy
from . import _review as reviewing
from . import _sources as sourcing
from . import _survey as surveying
from . import _today as today
from . import _totals as totals
from ._access import Person, Project, Refusal, Roles
from ._client import VERSION, Client
from ._groups import groups
from ._outcome import outcome
from ._result import bounded, cut
from ._rules import Say, saying
from ._steps import Row, digest, step_hash
from ._words import counted

# Characters of the lists that are returned; AWX drops results of more than 700,000 characters.
OF_FINDINGS = 150_000
OF_LINES = 60_000
OF_STOPS = 20_000
OF_DETAIL = 5_000
HASHES = 2000

Params = Dict[str, Any]
# The desired state of a project, by user.
Grants = Mapping[str, List[policy.Grant]]


class Approved(NamedTuple):
    """The approval that counts, its term, and why one that was given does not count."""

    approval: Optional[guarding.Approval]
    term: approving.Term
    used_up: str


class Checked(NamedTuple):
    """What is asked of a review: the rules, the files of a desired state, the guards, the approval."""

    rules: policy.Policy
    sources: Optional[Sequence[sourcing.Source]]
    guards: policy.Guards
    approved: Approved


def check(params: Dict[str, Any], warnings: List[str]) -> Checked:
    """The policy, the guards and the approval, checked."""
    params["mode"] = "dry-run" if params["check_mode"] and params["mode"] == "clean-up" else params["mode"]
    rules, doubts = policy.read_policy(_asked(params, warnings))
    warnings += doubts
    sources = None
    if params["memberships_dir"]:
        if rules.memberships is not None:
            raise Refusal("policy.memberships and memberships_dir are two desired states; leave one out")
        sources = sourcing.read_sources(params["memberships_dir"], warnings)
        rules = rules._replace(memberships=tuple(grant for source in sources for grant in source.grants))
    programmatic.check(params, rules)
    leveling.check(params, rules)
    approval = guarding.read_approval(params["approved_plan"], params["approved_steps"], params["approved_guards"])
    term = approving.read_term(params["approved_at"], params["approval_hours"])
    used_up = approving.used_up(params["run"]) if approval else ""
    if used_up:
        warnings.append(used_up)
    guards = policy.read_guards(params["guards"])
    policy.check_together(rules, guards)
    return Checked(rules, sources, guards, Approved(None if used_up else approval, term, used_up))


def _asked(params: Params, warnings: List[str]) -> Dict[str, Any]:
    """The policy as it was given, with what stands in files."""
    given = dict(params["policy"])
    if params["leavers_file"]:
        more, told = leaving.read_leavers(params["leavers_file"])
        given["leavers"] = leaving.joined(given["leavers"], more)
        warnings += told
    return given


def answer(params: Params, client: Client, warnings: List[str], checked: Checked) -> Tuple[Row, Optional[str]]:
    """Read, review, judge, and write the evidence."""
    rules, sources, guards, approved = checked
    now = datetime.now(timezone.utc)
    visible = atlas.projects(client)
    scope = surveying.in_scope(params, visible, warnings)
    rules, unknown = today.located(rules, visible)
    grants = _desired(rules, sources, visible, scope, warnings)
    held, say = {}, saying(rules, now)

    def hold(one: people.Roster, known: people.Organizations) -> None:
        held[one.project.id] = _held(rules, guards, grants, known[one.project.org_id], one, now, say)

    seen = surveying.survey(client, params, visible, scope, hold)
    reviewed = [held[one.project.id] for one in seen.rosters if not one.error]
    leavers = leveling.leave(client, params["leavers_lose"], rules, guards, seen, reviewed, now)
    reviewed, everywhere = leavers.projects, [*leavers.projects, *leavers.places]
    names = {org_id: one.name for org_id, one in seen.identities.items()}
    machines = programmatic.review(client, params, rules, scope, names, now)
    rows = totals.plan_rows(everywhere)
    everybody = nobody.everybody(rules, guards, reviewed, seen.known)
    missing = nobody.missing_protected(guards, everybody)
    lost = guarding.unknown_protected(missing, seen.known) if surveying.is_whole(seen) else []
    approval = _of_plan(params, approved, now)
    judged = guarding.judge(guards, everywhere, rows, approval, params["require_approval"], lost, approved.used_up)
    counts = leavers.in_summary(machines.in_summary(totals.summary(rules, guards, reviewed, rows)))
    counts.update(missing_protected=missing, lapsed_exceptions=len(today.lapsed_exceptions(rules, now)))
    whole = machines.in_completeness(surveying.completeness(params, seen))
    unfinished, told = _settle(params, seen, now)
    about = {
        **_origin(params, now, client),
        "organizations": surveying.organizations(seen),
        "completeness": whole,
        "summary": counts,
        "blocked": judged.blocked,
        "approval": judged.approval,
        "leavers_lose": params["leavers_lose"],
        "plan_digest": digest(rows),
        "unfinished": unfinished,
        "identities": machines.document,
    }
    findings = [document.finding_row(finding) for one in everywhere for finding in one.findings]
    findings += machines.findings
    written = document.document(about, rules, guards, reviewed, findings, rows, now, machines.applied)
    written["unmatched"] = nobody.unmatched(rules, everybody)
    written["leavers"] = document.leaver_rows(rules, everywhere)
    written["comparison"] = comparing.compared(params["evidence_dir"], written, everywhere)
    over = params["mode"] == "review" or judged.blocked or not rows
    written["ended"] = _at(datetime.now(timezone.utc)) if params["seal"] and over else None
    written["outcome"] = outcome(written)
    written["groups"] = groups(written)
    warnings += [*unknown, *seen.doubts, *machines.warnings, *leavers.warnings, *judged.warnings, *told]
    warnings += surveying.doubts(written, [] if rows and lost else missing)
    warnings += nobody.doubts(written["unmatched"], surveying.is_whole(seen))
    result = {
        **_wrote(params, written, reviewed, now, *surveying.without_project(seen), machines.table),
        **_returned(written),
    }
    result["report"] = bounded(console.report(findings, _place(result, evidence.FINDINGS)), OF_LINES)
    result["plan"] = bounded(console.plan_lines(rows, _place(result, evidence.PLAN)), OF_LINES)
    result["lines"] = console.ended(written)
    result["approval_text"] = approving.text(written)
    result["compared"] = console.compared(written["comparison"])
    result["mode"] = params["mode"]
    unreadable = whole["unreadable"]
    problem = f"{len(unreadable):,} of {counted(len(scope), 'project')} could not be read. " if unreadable else ""
    return result, problem + " ".join(f"{one['project']}: {one['error']}" for one in unreadable[:5])


def _desired(
    rules: policy.Policy,
    sources: Optional[Sequence[sourcing.Source]],
    visible: Sequence[Project],
    scope: Sequence[Project],
    warnings: List[str],
) -> Mapping[str, Grants]:
    """The desired state by project id and user; a project whose file names nobody has an empty one."""
    if sources is None:
        return today.grants_by_project(rules, visible)
    found = sourcing.located(sources, visible, warnings)
    warnings += sourcing.without_file(scope, found)
    placed = tuple(grant._replace(project=where) for where, source in found.items() for grant in source.grants)
    empty: Dict[str, Grants] = {where: {} for where in found}
    return {**empty, **today.grants_by_project(rules._replace(memberships=placed), visible)}


def _held(
    rules: policy.Policy,
    guards: policy.Guards,
    grants: Mapping[str, Grants],
    org: people.Organization,
    roster: people.Roster,
    now: datetime,
    say: Say,
) -> reviewing.Reviewed:
    """One project held against the policy."""
    project, by_roles = roster.project, roster.team_access == people.BY_ROLES
    mine, unsure, known = grants.get(project.id), people.unsure(roster, org), surveying.known(org)
    return reviewing.review(rules, guards, project, roster.entries, mine, now, org.active, by_roles, unsure, known, say)


def _of_plan(params: Params, approved: Approved, now: datetime) -> Optional[guarding.Approval]:
    """The approval, with the plan that it was given for where that is at hand, and whether it still counts."""
    approval = approved.approval
    if approval is None:
        return None
    if params["evidence_dir"]:
        approval = guarding.with_plan(approval, evidence.approved(params["evidence_dir"], approval.digest))
    return approval._replace(stale=approving.stale(approved.term, approval.made_at, now))


def _settle(params: Params, seen: surveying.Survey, now: datetime) -> Tuple[List[Row], List[str]]:
    """What earlier runs left unfinished, by what was read now; and warnings."""
    found = evidence.unfinished(params["evidence_dir"]) if params["evidence_dir"] else []
    steps = [one for one in found if one.row is not None]
    took = surveying.effects([one.row for one in found if one.row is not None], seen, params["legacy_invitations"])
    warnings = [f"the run {one.run} has no end on record: {one.told}" for one in found if one.row is None]
    warnings += surveying.unsettled([one.run for one in steps], took)
    rows, unwritten = evidence.settled(found, took, now)
    return rows, warnings + unwritten


# --- what is left behind ---------------------------------------------------------------------------------------------


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _origin(params: Params, now: datetime, client: Optional[Client] = None) -> Row:
    """Where a document comes from."""
    return {
        "version": 1,
        "collection": f"atlasops.access {VERSION}",
        "base_url": client.base_url if client else None,
        "credential": client.credential_id if client else None,
        "started": _at(now),
        "ended": None,
        "mode": params["mode"],
        "run": {name: value for name, value in (params["run"] or {}).items() if value not in (None, "")},
        "scope": {name: params[name] for name in ("projects", "exclude_projects", "project_tags")} if client else {},
    }


def _wrote(
    params: Params,
    written: Row,
    reviewed: Sequence[reviewing.Reviewed],
    now: datetime,
    elsewhere: Iterable[Person] = (),
    roles: Optional[Mapping[str, Roles]] = None,
    identities: Optional[Iterable[Row]] = None,
) -> Row:
    """Write the evidence, if it is asked for; where it is."""
    if not params["evidence_dir"]:
        return {"evidence": [], "evidence_dir": None}
    plan = written["plan_digest"] if written["steps"] else None
    directory = evidence.begin(params["evidence_dir"], now, params["mode"], plan)
    paths = evidence.write_review(directory, written, reviewed, now, params["seal"], elsewhere, roles, identities)
    return {"evidence": paths, "evidence_dir": directory}


def _place(result: Row, name: str) -> Optional[str]:
    """Where a file of this run is, None if it has none."""
    return os.path.join(result["evidence_dir"], name) if result["evidence_dir"] else None


def _returned(written: Row) -> Row:
    """The result, in bounds."""
    ended, steps = written["outcome"], written["steps"]
    kinds = Counter(row["action"] for row in steps if not row.get("place"))
    places = Counter(row.get("place", "project") for row in steps)
    whole = written["completeness"]
    return {
        **{name: written[name] for name in ("summary", "plan_digest")},
        "conflicts": bounded(written["conflicts"], OF_STOPS),
        "made_at": written["started"],
        "approved_guards": bounded(approving.overridden(written["blocked"]), OF_LINES),
        "nowhere": bounded(approving.nowhere(written), OF_STOPS),
        "completeness": {**whole, "unreadable": bounded(whole["unreadable"], OF_LINES)},
        "findings": bounded(written["findings"], OF_FINDINGS),
        "blocked": bounded([{**one, "detail": cut(one["detail"], OF_DETAIL)} for one in written["blocked"]], OF_STOPS),
        "outcome": {**ended, "still": bounded(ended["still"], OF_STOPS)},
        "plan_places": {place: places[place] for place in ("project", "team", "organization")},
        "plan_counts": {action: kinds[action] for action in ("add", "grant", "revoke", "remove")},
        "step_hashes": [step_hash(row) for row in steps] if len(steps) <= HASHES else [],
    }


def failed(params: Params, problem: str) -> Row:
    """What a review leaves that came to nothing."""
    told: Row = {"mode": params["mode"]}
    if not params["evidence_dir"]:
        return told
    now = datetime.now(timezone.utc)
    written = document.failure(_origin(params, now), problem, _at(now))
    written["outcome"] = outcome(written)
    try:
        return {**told, **_wrote({**params, "seal": True}, written, [], now), "outcome": written["outcome"]}
    except Refusal:
        # The directory can't be written; most likely that is the very problem.
        return told
