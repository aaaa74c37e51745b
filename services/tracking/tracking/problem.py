"""Errors as RFC 9457 says: one media type, one shape, a type that a program can tell apart."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

TYPE_PREFIX = "urn:harbour:problem:"


class Problem(Exception):  # noqa: N818  (the RFC's own word)
    """Raised anywhere below the API; becomes the answer.

    `kind` is the last part of the problem's type, for what the status alone does not say. `errors` name the fields.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.errors = errors
        self.headers = headers or {}


def response(problem: Problem, request: Request) -> Response:
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.kind if problem.kind else "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.url.path,
        "request_id": request.scope.get("request_id", ""),
    }
    if problem.errors:
        body["errors"] = problem.errors
    content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(content, problem.status, headers, media_type="application/problem+json")
