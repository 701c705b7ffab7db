# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of an AWX server as the modules of awx.awx need to set the kit up, on loopback.

It keeps objects and their links, and has the ways of AWX 24.6 that made trouble: secrets are not given back, a
notification template gets fields that nobody gave, a name may be there in two organizations, playbooks are files of a
project by their plain path, and the inputs of a credential type that is used stay as they are.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HIDDEN = "$encrypted$"
TOKEN = "stand-in-token"
UNIFIED = ("job_templates", "workflow_job_templates", "projects", "inventory_sources", "workflow_approval_templates")
LINKS = re.compile(
    "credentials|galaxy_credentials|(notification_templates|instance)_\\w+|(success|failure|always)_nodes|teams|labels"
)
# What an object has that nobody gave.
GIVEN_BY_SERVER: dict[str, dict[str, Any]] = {
    "projects": {"scm_revision": "0123abc"},
    "inventories": {"kind": "", "host_filter": None},
    "job_templates": {"execution_environment": None},
    "inventory_sources": {"execution_environment": None},
    "execution_environments": {"pull": "", "credential": None},
    "workflow_job_template_nodes": {"unified_job_template": None, "job_type": None},
}
ROLES = {"job_templates": ["admin_role", "execute_role", "read_role"], "workflow_job_templates": ["approval_role"]}


class StandIn:
    """Objects by kind and id; `writes` are the requests that were no reads."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.objects: dict[str, dict[int, dict[str, Any]]] = {}
        self.links: dict[str, list[int]] = {}
        self.surveys: dict[str, Any] = {}
        self.secrets: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.add("organizations", {"name": "Default"})

    # --- objects

    def add(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        number = next(self.numbers)
        url = f"/api/v2/{kind}/{number}/"
        roles = {name: {"id": next(self.numbers)} for name in ROLES.get(kind, [])}
        one = {
            **GIVEN_BY_SERVER.get(kind, {}),
            "id": number,
            "url": url,
            "type": kind[:-1].replace("inventorie", "inventory"),
            "description": "",
            "related": {"survey_spec": f"{url}survey_spec/", "update": f"{url}update/"},
            "summary_fields": {"object_roles": roles},
        }
        self.objects.setdefault(kind, {})[number] = one
        return self.change(one, data)

    def change(self, one: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        data = json.loads(json.dumps(data))
        for field in ("inputs", "notification_configuration"):
            if field in data and one["type"] in ("credential", "notification_template"):
                kept = self.secrets.setdefault(one["url"], {})
                for name, value in data[field].items():
                    if name in ("token", "password") or name.endswith(("_secret", "private_key")):
                        kept[name] = kept.get(name) if value == HIDDEN else value
                        data[field][name] = HIDDEN
        if one["type"] == "notification_template" and "notification_configuration" in data:
            data["notification_configuration"].setdefault("hex_color", "")
        if "messages" in one and "messages" in data:
            data["messages"].setdefault("started", None)
        one.update({name: value for name, value in data.items() if name != "type"})
        if one.get("unified_job_template"):
            kind = next(kind for kind in UNIFIED if one["unified_job_template"] in self.objects.get(kind, {}))
            one["related"]["unified_job_template"] = f"/api/v2/{kind}/{one['unified_job_template']}/"
        return one

    def found(self, kind: str, query: dict[str, str]) -> list[dict[str, Any]]:
        kinds = UNIFIED if kind == "unified_job_templates" else (kind,)
        return [
            one
            for kind in kinds
            for one in self.objects.get(kind, {}).values()
            if all(self.fits(one, name, value) for name, value in query.items() if not name.startswith("or__"))
            and (
                not any(name.startswith("or__") for name in query)
                or any(str(one.get(name[4:])) == value for name, value in query.items() if name.startswith("or__"))
            )
        ]

    def fits(self, one: dict[str, Any], name: str, value: str) -> bool:
        field, dummy, sub = name.partition("__")
        if not sub:
            return str(one.get(field)) == value
        related = self.objects.get({"organization": "organizations"}.get(field, f"{field}s"), {})
        return str(related.get(one.get(field) or 0, {}).get(sub)) == value

    def names(self, kind: str) -> list[str]:
        return sorted(one.get("name") or one["identifier"] for one in self.objects.get(kind, {}).values())

    def one(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = self.found(kind, {"identifier" if kind.endswith("_nodes") else "name": name})
        return found

    def linked(self, kind: str, name: str, link: str) -> list[str]:
        numbers = self.links.get(f"{self.one(kind, name)['url']}{link}/", [])
        every = {number: one for ones in self.objects.values() for number, one in ones.items()}
        return sorted(every[number].get("name") or every[number]["identifier"] for number in numbers)

    # --- requests

    def answer(self, method: str, path: str, query: dict[str, str], data: Any) -> tuple[int, Any]:
        if method != "GET":
            self.writes.append(f"{method} {path}")
        parts = path.removeprefix("/api/v2/").strip("/").split("/")
        if len(parts) == 1:
            if method == "POST":
                refused = self.refused(parts[0], data)
                return refused or (201, self.add(parts[0], data))
            return 200, page(self.found(parts[0], {key: value for key, value in query.items() if value != "None"}))
        if len(parts) == 2:
            return self.object(method, parts[0], int(parts[1]), data)
        return self.below(method, path, parts, data)

    def refused(self, kind: str, data: dict[str, Any], one: dict[str, Any] | None = None) -> tuple[int, Any] | None:
        """What AWX answers to what it does not take."""
        if kind == "job_templates" and data.get("playbook", "").startswith((".", "/")):
            return 400, {"playbook": ["Playbook not found for project."]}
        used = one and self.found("credentials", {"credential_type": str(one["id"])})
        if kind == "credential_types" and used and data.get("inputs", one["inputs"]) != one["inputs"]:
            return 403, {"detail": "Modifications to inputs are not allowed for credential types that are in use"}
        return None

    def object(self, method: str, kind: str, number: int, data: Any) -> tuple[int, Any]:
        if kind == "project_updates":
            return 200, {"finished": "now", "failed": False, "status": "successful", "scm_revision": "0123abc"}
        one = self.objects.get(kind, {}).get(number)
        if one is None:
            return 404, {"detail": "Not found."}
        if method == "PATCH":
            return self.refused(kind, data, one) or (200, self.change(one, data))
        if method == "DELETE":
            del self.objects[kind][number]
            for other in (other for ones in self.objects.values() for other in ones.values()):
                other.update({name: None for name, value in other.items() if name == kind[:-1] and value == number})
            self.links = {name: [id for id in ids if id != number] for name, ids in self.links.items()}
            return 204, None
        return 200, one

    def below(self, method: str, path: str, parts: list[str], data: Any) -> tuple[int, Any]:
        what = parts[2]
        if what == "survey_spec":
            if method == "POST":
                self.surveys[path] = data
            return 200, self.surveys.get(path, {})
        if what == "update":
            return 202, {"url": "/api/v2/project_updates/1/"}
        if what == "create_approval_template":
            template = self.add("workflow_approval_templates", data)
            self.change(self.objects[parts[0]][int(parts[1])], {"unified_job_template": template["id"]})
            return 201, template
        assert LINKS.fullmatch(what), path
        ids = self.links.setdefault(path, [])
        if method == "GET":
            every = {number: one for ones in self.objects.values() for number, one in ones.items()}
            return 200, page([every[number] for number in ids])
        if data.get("disassociate"):
            ids.remove(data["id"])
        else:
            ids.append(data["id"])
        return 204, None


def page(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"count": len(results), "next": None, "previous": None, "results": results}


class Served(StandIn):
    """The same on a port of loopback: `with Served() as awx: awx.url`."""

    def __enter__(self) -> Served:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                data = json.loads(self.rfile.read(length) or b"null")
                split = urlsplit(self.path)
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, answer = 401, {"detail": "Authentication credentials were not provided."}
                else:
                    status, answer = stand_in.answer(self.command, split.path, dict(parse_qsl(split.query)), data)
                body = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = serve

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args: Any) -> None:
        self.server.shutdown()
        self.server.server_close()
