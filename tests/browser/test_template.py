# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report's template promises, read from its source and from what Ansible renders."""

from __future__ import annotations

import ast
import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from documents import TEMPLATE, Report
from jinja2 import Environment, nodes

from ansible_collections.atlasops.access.plugins.module_utils import (
    _access,
    _document,
    _identity_rules,
    _outcome,
    _policy,
)

SOURCE = TEMPLATE.read_text(encoding="utf-8")
TREE = Environment().parse(SOURCE)
INCLUDED = Environment().parse((TEMPLATE.parent / "identities.html.j2").read_text(encoding="utf-8"))
MACROS = {macro.name for tree in (TREE, INCLUDED) for macro in tree.find_all(nodes.Macro)}
VOID = {"meta", "input", "br", "rect", "wbr"}
NAMES = ["blocked", "dry", "done", "failed", "hostile", "many", "wide", "empty"]
SELDOM = [pytest.param(name, marks=pytest.mark.thorough) for name in ("review", "long")]


def escaped(expression: nodes.Node) -> bool:
    """Whether nothing of the document comes out of an expression unescaped."""
    if isinstance(expression, (nodes.TemplateData, nodes.Const)):
        return True
    if isinstance(expression, nodes.CondExpr):
        return escaped(expression.expr1) and (expression.expr2 is None or escaped(expression.expr2))
    if isinstance(expression, nodes.Call):
        return isinstance(expression.node, nodes.Name) and expression.node.name in {*MACROS, "caller"}
    if isinstance(expression, nodes.Filter) and expression.name == "replace":
        return escaped(expression.node) and all(isinstance(one, nodes.Const) for one in expression.args)
    return isinstance(expression, nodes.Filter) and expression.name == "e"


def literal(name: str) -> Any:
    """A table that the template sets."""
    found = re.search(r"{% set " + name + r" = (\{.*?\}) %}", SOURCE, re.DOTALL)
    assert found, name
    return ast.literal_eval(found[1])


@pytest.mark.parametrize("tree", [TREE, INCLUDED], ids=["review", "identities"])
def test_everything_that_is_put_out_is_escaped(tree: nodes.Template) -> None:
    bare = {node.lineno for output in tree.find_all(nodes.Output) for node in output.nodes if not escaped(node)}
    assert not bare, f"put `| e` at the end of the expressions in these lines: {sorted(bare)}"


def test_macros_are_no_names_of_the_document() -> None:
    assert (
        not {
            one.target.name
            for tree in (TREE, INCLUDED)
            for one in tree.find_all(nodes.Assign)
            if isinstance(one.target, nodes.Name)
        }
        & MACROS
    )


def test_the_policy_for_scripts_lets_only_this_script_run() -> None:
    script = (TEMPLATE.parent / "review.js").read_bytes().strip()
    wanted = "sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert re.findall(r"script-src '([^']*)'", SOURCE) == [wanted], "review.js was changed; this is its new checksum"


def test_the_tables_are_those_of_the_code() -> None:
    assert set(literal("strong")) == set(_document.PRIVILEGED)
    assert set(literal("rules")) == {*_policy.RULES, *_policy.IDENTITY_RULES}
    assert set(literal("kinds")) == set(_identity_rules.KINDS)
    assert set(literal("statuses")) == set(_access.STATUSES)
    assert set(literal("states")) == set(_outcome.COLOURS)
    assert set(literal("colours")) == set(_outcome.COLOURS.values())


def test_the_template_claims_nothing_by_itself() -> None:
    assert not re.search(r"nothing (was|had to be) changed", SOURCE, re.IGNORECASE)


def test_scripts_and_styles_hold_no_data() -> None:
    for name in ("review.js", "review.css"):
        text = (TEMPLATE.parent / name).read_text(encoding="utf-8")
        assert not re.search(r"\{\{|\{%|\{#|https?:|url\(|@import", text.replace("https://www.gnu.org", ""))


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.scripts += tag == "script"
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name == "href" and value]
        assert not [name for name in given if name in ("src", "srcset", "action") or name.startswith("on")], attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag, (tag, self.getpos())


@pytest.mark.playbook
@pytest.mark.parametrize("name", [*NAMES, *SELDOM])
def test_reports_are_sound_and_self_contained(name: str, reports: Callable[[str], Report]) -> None:
    reader = Reader()
    reader.feed(reports(name).path.read_text(encoding="utf-8"))
    assert reader.open == [] and reader.scripts == 1
    assert len(reader.ids) == len(set(reader.ids))
    assert {link[0] for link in reader.links} == {"#"} and {link[1:] for link in reader.links} <= set(reader.ids)
