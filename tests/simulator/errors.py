# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors in the two shapes that Atlas uses: of the Administration API, and of the token endpoint."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """An error answer of the Administration API."""

    def __init__(
        self,
        status: int,
        code: str | None,
        detail: str,
        parameters: list[Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.parameters = parameters
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"detail": self.detail, "error": self.status, "reason": reason(self.status)}
        if self.code:
            body["errorCode"] = self.code
        if self.parameters is not None:
            body["parameters"] = self.parameters
        return body


class Challenge(ApiError):
    """The 401 that asks for a digest; unlike other errors it never has an X-Error-Code."""


class OAuthError(Exception):
    """An error answer of the token endpoint: `error` is a word there, not a number."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(f"{status} {error}: {description}")
        self.status = status
        self.error = error
        self.description = description

    def body(self) -> dict[str, Any]:
        return {"error": self.error, "error_description": self.description}


def reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def bad_request(code: str, detail: str, *parameters: Any) -> ApiError:
    return ApiError(400, code, detail, list(parameters))


def unauthorized() -> ApiError:
    """A bearer token that is not, or no longer, accepted: recorded without an errorCode."""
    return ApiError(401, None, "You are not authorized for this resource.")


def no_such_project(status: int, project_id: str) -> ApiError:
    if status == 401:
        return ApiError(
            401, "NOT_IN_GROUP", "The current user is not in the group, or the group does not exist.", [project_id]
        )
    return ApiError(404, "GROUP_NOT_FOUND", f"No group with ID {project_id} exists.", [project_id])


def not_a_member(user_id: str, project_id: str) -> ApiError:
    return ApiError(404, "USER_NOT_IN_GROUP", f"User {user_id} is not in group {project_id}.", [user_id, project_id])
