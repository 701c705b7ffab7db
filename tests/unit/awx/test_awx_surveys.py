# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys, by the rules of AWX; what they ask for is a variable of the role."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
from awx_kit import named

QUESTION_TYPES: dict[str, Any] = {
    **dict.fromkeys(["text", "textarea", "password", "multiplechoice", "multiselect"], str),
    "integer": int,
    "float": (int, float),
}


def check_survey(survey: dict[str, Any]) -> None:
    """Raises what is wrong with a survey."""
    assert isinstance(survey["name"], str) and isinstance(survey["description"], str)
    assert isinstance(survey["spec"], list) and survey["spec"]
    variables = [question["variable"] for question in survey["spec"]]
    assert len(variables) == len(set(variables)), "variables are not unique"
    for question in survey["spec"]:
        for name in ("type", "question_name", "variable"):
            assert isinstance(question[name], str), name
        assert isinstance(question["required"], bool)
        kind = QUESTION_TYPES[question["type"]]
        default = question.get("default", "")
        assert default == "" or isinstance(default, kind), "default"
        assert all(isinstance(question.get(name), (int, type(None))) for name in ("min", "max")), "limits"
        if question["type"].startswith("multi"):
            assert default == "" or default in question["choices"], "choices"
        assert not str(default).startswith("$encrypted$")


def with_surveys(kit: SimpleNamespace) -> list[dict[str, Any]]:
    return [entry for entry in kit.templates + kit.workflows if entry["survey_enabled"]]


def test_surveys_follow_the_rules(kit):
    assert len(with_surveys(kit)) == 4
    for entry in with_surveys(kit):
        check_survey(entry["survey_spec"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda survey: survey.pop("description"),
        lambda survey: survey.update(spec=[]),
        lambda survey: survey["spec"][0].update(required="true"),
        lambda survey: survey["spec"][0].update(type="boolean"),
        lambda survey: survey["spec"][0].pop("question_name"),
        lambda survey: survey["spec"][0].update(default=["x"]),
        lambda survey: survey["spec"][-1].update(default="maybe"),
        lambda survey: survey["spec"].append(survey["spec"][0]),
    ],
)
def test_the_rules_of_surveys_are_asked(kit, spoil):
    survey = copy.deepcopy(named(kit.templates, "Offboard")["survey_spec"])
    spoil(survey)
    with pytest.raises((AssertionError, KeyError)):
        check_survey(survey)


def test_surveys_and_settings_speak_of_variables_of_the_role(kit, role_options):
    for entry in kit.templates + kit.workflows:
        asked = {question["variable"] for question in entry["survey_spec"].get("spec", [])}
        given = set(entry.get("extra_vars", {}))
        assert asked | given <= role_options
        # The answer, even an empty one, would win.
        assert not asked & given


def test_what_the_workflow_asks_for_reaches_every_job(kit):
    (workflow,) = kit.workflows
    asked = {question["variable"] for question in workflow["survey_spec"]["spec"]}
    for node in workflow["workflow_nodes"]:
        if node["unified_job_template"]["type"] == "job_template":
            template = named(kit.templates, node["unified_job_template"]["name"])
            if not template["survey_enabled"]:
                continue
            assert asked == {question["variable"] for question in template["survey_spec"]["spec"]}
    # It is started by a schedule, which answers nothing.
    assert not any(question["required"] for question in workflow["survey_spec"]["spec"])
