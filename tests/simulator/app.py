# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web application: every endpoint of the table behind the same checks, in the order in which Atlas makes them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from . import control, versions
from .call import ID, Call
from .endpoints import ENDPOINTS, ORG_OWNER, PREFIX, READ, Endpoint
from .errors import ApiError, Challenge, OAuthError, bad_request, no_such_project, unauthorized
from .gate import Gate
from .reads import encode
from .service import Service
from .world import Credential, Organization, Project

DEPRECATION = {"Deprecation": "Wed, 4 Oct 2023 00:00:00 GMT", "Sunset": "Thu, 1 Jul 2027 00:00:00 GMT"}
Endpointer = Callable[[Request], Awaitable[Response]]


class Resource(Route):
    """Found with a slash at the end too, without a redirect."""

    def __init__(self, path: str, endpoint: Endpointer, methods: list[str]) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + "/?$")


def application(service: Service, around: Callable[[ASGIApp], ASGIApp]) -> Gate:
    routes: list[Route] = [
        Resource(PREFIX + endpoint.path, _answering(service, endpoint), methods=[endpoint.method])
        for endpoint in ENDPOINTS
    ]
    routes += [
        Route("/api/oauth/token", _token(service), methods=["POST"]),
        Route("/api/oauth/revoke", _revoke(service), methods=["POST"]),
    ]

    routes += control.routes(service)

    async def no_route(request: Request, error: Exception) -> Response:
        return _error(service, ApiError(404, "RESOURCE_NOT_FOUND", f"Cannot find resource {request.url.path}."))

    async def no_method(request: Request, error: Exception) -> Response:
        served = [
            method
            for route in routes
            if route.path_regex.match(request.scope["path"])
            for method in sorted((route.methods or set()) - {"HEAD"})
        ]
        return Response(status_code=405, headers={"Allow": ",".join(dict.fromkeys([*served, "OPTIONS"]))})

    handlers: dict[Any, Any] = {404: no_route, 405: no_method}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Gate(around(app), service)


# -- the Administration API ------------------------------------------------------------------------------------------


def _answering(service: Service, endpoint: Endpoint) -> Endpointer:
    media_type = versions.media_type(endpoint.version)
    fixed = DEPRECATION if endpoint.deprecated else {}

    async def answer(request: Request) -> Response:
        headers: dict[str, str] = dict(fixed)
        try:
            result = await _handle(service, endpoint, request, headers)
        except ApiError as error:
            return _error(service, error, headers)
        if result is None:
            return Response(None, endpoint.success, headers, media_type)
        content = result if isinstance(result, bytes) else encode(result)
        return Response(content, endpoint.success, headers, media_type)

    return answer


def _enveloped(result: Any, status: int) -> dict[str, Any]:
    """A list of results is its own envelope; everything else is put into one."""
    document = json.loads(result) if isinstance(result, bytes) else result
    if isinstance(document, dict) and "results" in document:
        return {**document, "status": status}
    return {"status": status, "content": document}


async def _handle(service: Service, endpoint: Endpoint, request: Request, headers: dict[str, str]) -> Any:
    now = time.time()
    credential = _authenticate(service, endpoint, request, now)
    request.scope["atlas.credential"] = credential.id
    _check_version(service, endpoint, request)
    query_string: bytes = request.scope["query_string"]
    call = Call(
        service=service,
        credential=credential,
        path=request.scope["path"],
        params=request.path_params,
        query_string=query_string,
        now=now,
        client=request.scope["client"][0],
        query=parse_qs(query_string.decode("latin-1"), keep_blank_values=True) if query_string else {},
        paging=request.scope.get("atlas.page"),
    )
    _find_target(call)
    _take_token(call, endpoint, headers)
    _check_power(call, endpoint)
    _check_query(call, endpoint)
    if endpoint.has_body:
        call.body = await _body(endpoint, request)
    result = endpoint.handler(call)
    return _enveloped(result, endpoint.success) if call.flag("envelope") and result is not None else result


def _authenticate(service: Service, endpoint: Endpoint, request: Request, now: float) -> Credential:
    authorization = request.headers.get("authorization", "")
    scheme, unused, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return service.tokens.holder(rest.strip(), now)
    if scheme.lower() == "digest":
        return service.digest.holder(rest, request.method, _target(request), now)
    if scheme:
        raise unauthorized()
    if service.knobs.digest_challenge_costs:
        _charge_challenge(service, endpoint, request, now)
    raise service.digest.challenge(now)


def _charge_challenge(service: Service, endpoint: Endpoint, request: Request, now: float) -> None:
    limit = service.buckets.limits[endpoint.limit]
    scope_id = request.path_params.get({"GROUP": "groupId", "ORGANIZATION": "orgId"}.get(limit.scope, ""))
    if scope_id:
        told: dict[str, str] | None = {} if service.knobs.rate_headers else None
        service.buckets.take(endpoint.limit, scope_id, request.url.path, now, told)


def _target(request: Request) -> str:
    """Path and query as they came in: that is what a digest signs."""
    query: bytes = request.scope["query_string"]
    path: bytes = request.scope["raw_path"].partition(b"?")[0]
    return (path + b"?" + query if query else path).decode("latin-1")


def _check_version(service: Service, endpoint: Endpoint, request: Request) -> None:
    versions.check_accept(request.headers.get("accept", ""), endpoint.version, service.knobs.gone_versions)
    if endpoint.deprecated and service.knobs.legacy_gone:
        raise ApiError(
            410,
            "VERSION_GONE",
            f"Version {endpoint.version} of this resource is no longer available.",
            [endpoint.version],
        )


def _find_target(call: Call) -> None:
    if "groupId" in call.params:
        call.target_project = _project(call, call.params["groupId"])
    elif "orgId" in call.params:
        call.target_org = _org(call, call.params["orgId"])


def _project(call: Call, project_id: str) -> Project:
    """A project that the caller does not see is as good as none."""
    if not ID.match(project_id):
        raise ApiError(404, "INVALID_GROUP_ID", f"An invalid group ID was specified: {project_id}.", [project_id])
    project = call.service.world.projects.get(project_id)
    if project is None or not call.credential.roles_in(project):
        raise no_such_project(call.service.knobs.unknown_project, project_id)
    return project


def _org(call: Call, org_id: str) -> Organization:
    if not ID.match(org_id):
        raise ApiError(404, "INVALID_ORG_ID", f"An invalid organization ID was specified: {org_id}.", [org_id])
    org = call.service.world.orgs.get(org_id)
    if org is None:
        raise ApiError(404, "ORG_NOT_FOUND", f"No organization with ID {org_id} exists.", [org_id])
    if call.credential.org is not org or not _reads_org(call):
        raise ApiError(
            call.service.knobs.org_denied_status,
            "USER_CANNOT_ACCESS_ORG",
            "The current user does not have access to the organization.",
            [org_id],
        )
    return org


def _reads_org(call: Call) -> bool:
    return call.service.knobs.org_member_reads or not call.credential.of_single_projects


def _take_token(call: Call, endpoint: Endpoint, headers: dict[str, str]) -> None:
    scope_id = call.credential.id
    if call.target_project:
        scope_id = call.target_project.id
    elif call.target_org:
        scope_id = call.target_org.id
    told = headers if call.service.knobs.rate_headers else None
    call.service.buckets.take(endpoint.limit, scope_id, call.path, call.now, told)


def _check_power(call: Call, endpoint: Endpoint) -> None:
    if endpoint.needs is READ:
        return
    if call.target_org is not None and call.credential.role not in endpoint.needs:
        status = call.service.knobs.org_denied_status
        code = "NOT_ORG_OWNER" if endpoint.needs is ORG_OWNER else "USER_UNAUTHORIZED"
        raise ApiError(status, code, f"The caller lacks a role in organization {call.org.id}.")
    if call.target_project is None:
        return
    if endpoint.needs.isdisjoint(call.credential.roles_in(call.target_project)):
        code = "USER_UNAUTHORIZED" if endpoint.deprecated else "NOT_GROUP_USER_ADMIN"
        raise ApiError(401, code, f"The caller lacks a role in group {call.target_project.id} that allows this.")


def _check_query(call: Call, endpoint: Endpoint) -> None:
    for name in call.query:
        if name in ("envelope", "pretty"):
            call.flag(name)
        elif name not in endpoint.query:
            raise bad_request("INVALID_QUERY_PARAMETER", f"Query parameter {name} is not known here.", name)


async def _body(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    versions.check_content_type(request.headers.get("content-type", ""), endpoint.version)
    try:
        body = json.loads(await request.body())
    except (ValueError, ClientDisconnect):
        raise bad_request("MALFORMED_JSON", "The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise bad_request("INVALID_JSON", "The body must be a JSON object.")
    return body


def _error(service: Service, error: ApiError, headers: dict[str, str] | None = None) -> Response:
    knobs, told = service.knobs, {**(headers or {}), **error.headers}
    challenge = isinstance(error, Challenge)
    if challenge and knobs.challenge_body == "none":
        return Response(None, error.status, told)
    if not knobs.error_codes or (challenge and knobs.challenge_body == "no_code"):
        error.code = None
    body = error.body()
    body.update((name, None) for name in knobs.error_nulls if name in body)
    if body.get("errorCode") and not challenge:
        told["X-Error-Code"] = body["errorCode"]
    return Response(encode(body), error.status, told, "application/json")


# -- tokens ----------------------------------------------------------------------------------------------------------


def _token(service: Service) -> Endpointer:
    async def token(request: Request) -> Response:
        try:
            form = await _form(request)
            return JSONResponse(service.tokens.mint(request.headers.get("authorization", ""), form, time.time()))
        except OAuthError as error:
            return JSONResponse(error.body(), error.status)
        except ApiError as error:
            return _error(service, error)

    return token


def _revoke(service: Service) -> Endpointer:
    async def revoke(request: Request) -> Response:
        try:
            service.tokens.revoke(request.headers.get("authorization", ""), await _form(request))
        except OAuthError as error:
            return JSONResponse(error.body(), error.status)
        return Response(status_code=200)

    return revoke


async def _form(request: Request) -> dict[str, str]:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type != "application/x-www-form-urlencoded":
        raise OAuthError(400, "invalid_request", "The body must be a form.")
    try:
        body = await request.body()
    except ClientDisconnect:
        raise OAuthError(400, "invalid_request", "The body did not come whole.") from None
    fields = parse_qs(body.decode("latin-1"))
    return {name: values[-1] for name, values in fields.items()}
