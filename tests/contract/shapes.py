# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads shapes.yml, which explains itself, and holds answers against it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import fastjsonschema
import yaml

from .answers import Answer, Paths, Wrong

FILE = Path(__file__).with_name("shapes.yml")
PREFIX = "/api/atlas/v2"
TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "id": {"type": "string", "pattern": "^[a-f0-9]{24}$"},
    "client": {"type": "string", "pattern": "^mdb_sa_id_[a-fA-F0-9]{24}$"},
    "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
    "count": {"type": "integer", "minimum": 0},
    "whole": {"type": "integer"},
    "flag": {"type": "boolean"},
    "anything": {},
}


class Field(NamedTuple):
    type: str
    nullable: bool
    always: bool
    recorded: bool


class Call(NamedTuple):
    method: str
    path: str
    version: str | None
    asks: frozenset[str]
    sends: str | None
    status: int
    answer: str
    refused: str
    refusals: frozenset[int]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def field(text: str) -> Field:
    kind, presence, seen = text.rsplit(", ", 2)
    if presence not in ("always", "maybe") or seen not in ("documents", "recorded", "both"):
        raise ValueError(f"Not TYPE, PRESENCE, SEEN: {text}")
    plain = kind.removesuffix(" or null")
    return Field(plain, plain != kind, presence == "always", seen != "documents")


class Shapes:
    def __init__(self, path: Path = FILE) -> None:
        self._data = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.calls = [self._call(*item) for item in self._data["calls"].items()]
        self._paths = Paths({call.path for call in self.calls})
        self._by_name = {call.name: call for call in self.calls}
        self.matches: Callable[[str], Callable[[Any], Any]] = lru_cache(maxsize=None)(self._compile)

    def _call(self, name: str, given: dict[str, Any]) -> Call:
        method, path = name.split(" ")
        status, answer = given["answers"].split(" ", 1)
        return Call(
            method,
            path if path.startswith("/api/") else PREFIX + path,
            given.get("version"),
            frozenset(given.get("asks", ())),
            given.get("sends"),
            int(status),
            answer,
            given.get("refused", "refusal"),
            frozenset(self._data["refusals"] + given.get("also", [])),
        )

    # -- shapes --------------------------------------------------------------------------------------------------------

    def fields(self, shape: str) -> dict[str, Field]:
        """All fields of a shape, with those that it has from others; what only some of its kinds have is no must."""
        own = self._own_fields(shape)
        for kind in self._kinds(shape):
            for name, entry in self.fields(kind).items():
                own.setdefault(name, entry._replace(always=False))
        return own

    def _own_fields(self, shape: str) -> dict[str, Field]:
        given = self._data["shapes"][shape]
        inherited = self._own_fields(given["like"]) if "like" in given else {}
        return {**inherited, **{name: field(text) for name, text in given.items() if name not in ("like", "by")}}

    def _kinds(self, shape: str) -> set[str]:
        return {kind for kinds in self._data["shapes"][shape].get("by", {}).values() for kind in kinds.values()}

    def schema(self, kind: str) -> dict[str, Any]:
        """The JSON schema of a type."""
        if kind in TYPES:
            return TYPES[kind]
        what, unused, of = kind.partition(" of ")
        if what in ("list", "set"):
            return {"type": "array", "items": self.schema(of), **({"uniqueItems": True} if what == "set" else {})}
        if what == "page":
            page = self._object("page")
            page["properties"]["results"] = self.schema(f"list of {of}")
            return page
        if what == "one":
            return {"type": "string", "enum": of.split(" ")}
        if kind not in self._data["shapes"]:
            raise ValueError(f"No shape is named {kind}")
        return {"$ref": f"#/definitions/{kind}"}

    def _object(self, shape: str) -> dict[str, Any]:
        fields = self.fields(shape)
        return {
            "type": "object",
            "properties": {name: self._nullable(entry) for name, entry in fields.items()},
            "required": [name for name, entry in fields.items() if entry.always],
            "additionalProperties": False,
            "allOf": [
                self._when(name, value, kind, self._kinds(shape))
                for name, kinds in self._data["shapes"][shape].get("by", {}).items()
                for value, kind in kinds.items()
            ],
        }

    def _when(self, name: str, value: str, kind: str, kinds: set[str]) -> dict[str, Any]:
        """Where that field has that value, there are the fields of its kind, and none of another kind's."""
        fields = self.fields(kind)
        foreign = {other for entry in kinds for other in self.fields(entry)} - set(fields)
        return {
            "if": {"properties": {name: {"const": value}}},
            "then": {
                "properties": dict.fromkeys(foreign, False),
                "required": [own for own, entry in fields.items() if entry.always],
            },
        }

    def _nullable(self, entry: Field) -> dict[str, Any]:
        schema = self.schema(entry.type)
        if not entry.nullable:
            return schema
        if "type" in schema:
            return {**schema, "type": [schema["type"], "null"]}
        return {"anyOf": [schema, {"type": "null"}]}

    @cached_property
    def _definitions(self) -> dict[str, Any]:
        return {shape: self._object(shape) for shape in self._data["shapes"]}

    def _compile(self, kind: str) -> Callable[[Any], Any]:
        """Generated code, since some tests read worlds of 125,000 rows."""
        draft = {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": self._definitions}
        check: Callable[[Any], Any] = fastjsonschema.compile({**self.schema(kind), **draft})
        return check

    # -- answers -------------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str) -> Call | None:
        names = (f"{method} {template}" for template in self._paths.find(path))
        return next((self._by_name[name] for name in names if name in self._by_name), None)

    def check(self, answer: Answer) -> None:
        """Raise `Wrong` where an answer is not as described."""
        call = self.call(answer.method, answer.path)
        if answer.status >= 400:
            self._check_refusal(call, answer)
            return
        if call is None or answer.status != call.status:
            raise Wrong("no such answer is described")
        media_type = f"application/vnd.atlas.{call.version}+json;charset=utf-8" if call.version else "application/json"
        if call.answer == "nothing":
            if answer.body or answer.content_type not in (None, media_type):
                raise Wrong(f"nothing should come, but {answer.content_type} {answer.body[:100]!r} does")
            return
        if answer.content_type != media_type:
            raise Wrong(f"{answer.content_type} is not {media_type}")
        self._hold(call.answer, answer.document())

    def _check_refusal(self, call: Call | None, answer: Answer) -> None:
        if answer.status not in (call.refusals if call else self._data["refusals"]):
            raise Wrong("no such refusal is described")
        if not answer.body and answer.status in self._data["empty_refusals"]:
            return
        if answer.content_type != "application/json":
            raise Wrong(f"a refusal is plain JSON, not {answer.content_type}")
        document = answer.document()
        if call and call.refused != "refusal" and isinstance(document.get("error"), str):
            self._hold(call.refused, document)
            return
        self._hold("refusal", document)
        if document["error"] != answer.status:
            raise Wrong(f"the body says {document['error']}")
        header = answer.headers.get("x-error-code")
        # Challenges come without the header.
        if header != document.get("errorCode") and (header or answer.status != 401):
            raise Wrong(f"X-Error-Code says {header}")

    def _hold(self, kind: str, document: Any) -> None:
        try:
            self.matches(kind)(document)
        except fastjsonschema.JsonSchemaException as error:
            raise Wrong(str(error)) from None
