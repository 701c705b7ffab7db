# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official descriptions of the API. Their licence keeps them out of this repository; they are used where they lie
beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import fastjsonschema

from .answers import Answer, Paths, Wrong

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "reference"
FILES = ("atlas-openapi.json", "atlas-openapi-2.json")
# Statuses that any operation may answer though they are listed nowhere: methods, versions, media types.
UNLISTED = {400, 405, 406, 410, 415, 503}


class Official:
    def __init__(self, path: Path) -> None:
        self.spec = _without_patterns(json.loads(path.read_text(encoding="utf-8")))
        self._paths = Paths(self.spec["paths"])
        self._matches = lru_cache(maxsize=None)(self._compile)

    def operation(self, method: str, template: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.spec["paths"].get(template, {}).get(method.lower())
        return found

    def check(self, answer: Answer) -> None:
        """Raise `Wrong` where an answer is not as described; operations that are not described are passed over."""
        operations = (self.operation(answer.method, template) for template in self._paths.find(answer.path))
        operation = next(filter(None, operations), None)
        if operation is None:
            return
        described = operation["responses"].get(str(answer.status))
        if described is None and answer.status not in UNLISTED:
            raise Wrong("the official description has no such status")
        if answer.status >= 400:
            self._check_refusal(answer)
            return
        ((media_type, content),) = described["content"].items()
        if answer.status == 204:
            return
        if answer.content_type != f"{media_type};charset=utf-8":
            raise Wrong(f"{answer.content_type} is not {media_type}")
        self._hold(json.dumps(content["schema"]), answer.document())

    def _check_refusal(self, answer: Answer) -> None:
        """Recorded refusals may lack the body, or the code that the official description says is always there."""
        if answer.body and (document := answer.document()).get("errorCode"):
            self._hold('{"$ref": "#/components/schemas/ApiError"}', document)

    def _hold(self, schema: str, document: Any) -> None:
        try:
            self._matches(schema)(_without_nulls(document))
        except fastjsonschema.JsonSchemaException as error:
            raise Wrong(f"against the official description: {error}") from None

    def _compile(self, schema: str) -> Callable[[Any], Any]:
        whole = {"$schema": "http://json-schema.org/draft-04/schema#", "components": self.spec["components"]}
        check: Callable[[Any], Any] = fastjsonschema.compile({**whole, **json.loads(schema)}, use_formats=False)
        return check

    # -- what is described ---------------------------------------------------------------------------------------------

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            found: Any = self.spec
            for part in schema["$ref"].lstrip("#/").split("/"):
                found = found[part]
            schema = found
        return schema

    def parts(self, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A schema and all that it is put together from."""
        schema = self.resolve(schema)
        yield schema
        for name in ("allOf", "oneOf", "anyOf"):
            for part in schema.get(name, ()):
                yield from self.parts(part)

    def queries(self, operation: dict[str, Any]) -> set[str]:
        parameters = [self.resolve(parameter) for parameter in operation.get("parameters", ())]
        names = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
        return names - {"envelope", "pretty"}


def _without_patterns(node: Any) -> Any:
    r"""Python knows no \p{L}, and the manual allows spaces in names, which those patterns forget."""
    if isinstance(node, dict):
        return {
            key: _without_patterns(value)
            for key, value in node.items()
            if not (key == "pattern" and isinstance(value, str) and r"\p{" in value)
        }
    return [_without_patterns(entry) for entry in node] if isinstance(node, list) else node


def _without_nulls(document: Any) -> Any:
    """The texts call some fields nullable, and recorded answers have nulls; the types do not say so."""
    if isinstance(document, dict):
        return {key: _without_nulls(value) for key, value in document.items() if value is not None}
    return [_without_nulls(entry) for entry in document] if isinstance(document, list) else document


def load() -> list[Official]:
    return [Official(FOLDER / name) for name in FILES if (FOLDER / name).exists()]
