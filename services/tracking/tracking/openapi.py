"""The interface as OpenAPI 3.1, made of the same models that requests are checked against."""

from __future__ import annotations

import functools
from typing import Any

from pydantic.json_schema import models_json_schema

from tracking import __version__
from tracking.model import ID_PATTERN, Event, Move, NewShipment, Shipment

REFERENCE = "#/components/schemas/{model}"
JSON, PROBLEM = "application/json", "application/problem+json"

WHY = {
    "400": "Not JSON, or a parameter or header has a wrong form",
    "401": "The write token is missing or wrong",
    "404": "No shipment has this id",
    "409": "The id or the Idempotency-Key belongs to another request, or the port is not the next of the route",
    "412": "The shipment has changed since that version",
    "413": "The body is too large",
    "415": "The body is not application/json",
    "422": "A field of the body is wrong",
    "428": "If-Match is missing",
    "500": "A fault of the service",
    "503": "The store does not answer, or the service is stopping",
}


@functools.cache
def document(base_path: str, *, locked: bool) -> dict[str, Any]:
    """The description for a service behind `base_path`; `locked` where writes need a token."""
    components: dict[str, Any] = {"schemas": _schemas()}
    if locked:
        components["securitySchemes"] = {"writeToken": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tracking",
            "version": __version__,
            "summary": "Shipments of the harbour.",
            "description": "Where each container is, where it goes next and where it has been.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_path or "/"}],
        "paths": _paths(locked),
        "components": components,
    }


def _schemas() -> dict[str, Any]:
    models: list[Any] = [(NewShipment, "validation"), (Move, "validation")]
    models += [(Shipment, "serialization"), (Event, "serialization")]
    schemas: dict[str, Any] = models_json_schema(models, ref_template=REFERENCE)[1]["$defs"]
    schemas["ShipmentPage"] = _page_schema("Shipment")
    schemas["EventPage"] = _page_schema("Event")
    field_error = _object({"field": {"type": "string"}, "message": {"type": "string"}}, "field", "message")
    schemas["Problem"] = _object(
        {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "request_id": {"type": "string"},
            "errors": {"type": "array", "items": field_error, "minItems": 1},
        },
        *("type", "title", "status", "detail", "instance", "request_id"),
    )
    return schemas


def _paths(locked: bool) -> dict[str, Any]:
    write: dict[str, Any] = {"security": [{"writeToken": []}]} if locked else {}
    refusals = ["401"] if locked else []
    one = _parameter("path", "id", {"type": "string", "pattern": ID_PATTERN})
    key = _parameter(
        "header",
        "Idempotency-Key",
        {"type": "string", "pattern": "^[!-~]{1,255}$"},
        description="New for each new request; the same for its repetition, which then answers as the first did.",
    )
    match = _parameter(
        "header",
        "If-Match",
        {"type": "string", "pattern": r'^(\*|"[1-9][0-9]{0,9}")$', "examples": ['"1"']},
        required=True,
        description="The ETag of the shipment as you have seen it, or * for any.",
    )
    return {
        "/shipments": {
            "get": _operation(
                "listShipments", "Newest first", {"200": _ok("ShipmentPage")}, "400", parameters=_paging("list")
            ),
            "post": _operation(
                "createShipment",
                "Create a shipment at the first port of its route",
                {"201": _created()},
                *("400", "409", "413", "415", "422", *refusals),
                parameters=[key],
                requestBody=_body("NewShipment"),
                **write,
            ),
        },
        "/shipments/{id}": {
            "parameters": [one],
            "get": _operation("readShipment", "One shipment", {"200": _ok("Shipment", etag=True)}, "404"),
        },
        "/shipments/{id}/moves": {
            "parameters": [one],
            "post": _operation(
                "moveShipment",
                "Move a shipment to the next port of its route",
                {"200": _ok("Shipment", etag=True)},
                *("400", "404", "409", "412", "413", "415", "422", "428", *refusals),
                parameters=[match],
                requestBody=_body("Move"),
                **write,
            ),
        },
        "/shipments/{id}/history": {
            "parameters": [one],
            "get": _operation(
                "readHistory",
                "Where it has been, oldest first",
                {"200": _ok("EventPage")},
                "400",
                "404",
                parameters=_paging("history"),
            ),
        },
        "/info": {"get": _operation("info", "What this instance is", {"200": _ok(None)})},
        "/healthz": {"get": _operation("live", "Whether the process answers", {"200": _ok(None)})},
        "/readyz": {"get": _operation("ready", "Whether it can do its work", {"200": _ok(None)})},
    }


def _operation(name: str, summary: str, answers: dict[str, Any], *errors: str, **more: Any) -> dict[str, Any]:
    problems: dict[str, Any] = {
        status: {"description": WHY[status], "headers": _headers(), "content": _content("Problem", PROBLEM)}
        for status in sorted({*errors, "500", "503"})
    }
    problems["503"]["headers"] |= {"Retry-After": {"schema": {"type": "integer"}}}
    return {"operationId": name, "summary": summary, "responses": answers | problems, **more}


def _ok(model: str | None, *, etag: bool = False) -> dict[str, Any]:
    headers = _headers() | ({"ETag": _required_header()} if etag else {})
    return {"description": "Done", "headers": headers, "content": _content(model, JSON)}


def _created() -> dict[str, Any]:
    links: dict[str, Any] = {
        name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
        for name in ("readShipment", "readHistory")
    }
    links["moveShipment"] = {
        "operationId": "moveShipment",
        "parameters": {"id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        "requestBody": {"to": "$response.body#/route/1"},
    }
    more: dict[str, Any] = {
        "ETag": _required_header(),
        "Location": _required_header(),
        "Idempotent-Replayed": {
            "schema": {"type": "string", "enum": ["true"]},
            "description": "The same request was made before; this is its answer.",
        },
    }
    content = _content("Shipment", JSON)
    return {"description": "Created, now or before", "headers": _headers() | more, "content": content, "links": links}


def _headers() -> dict[str, Any]:
    return {"X-Request-Id": _required_header()}


def _required_header() -> dict[str, Any]:
    return {"required": True, "schema": {"type": "string"}}


def _body(model: str) -> dict[str, Any]:
    return {"required": True, "content": _content(model, JSON)}


def _content(model: str | None, media_type: str) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": REFERENCE.format(model=model)} if model else {"type": "object"}}}


def _parameter(place: str, name: str, schema: dict[str, Any], *, required: bool = False, **more: Any) -> dict[str, Any]:
    return {"in": place, "name": name, "schema": schema, "required": required or place == "path", **more}


def _paging(of: str) -> list[dict[str, Any]]:
    limit = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    # The format is ours; it says that not every text will do.
    cursor = {"type": "string", "format": f"{of}-cursor"}
    return [
        _parameter("query", "limit", limit),
        _parameter("query", "cursor", cursor, description="What `next` of the page before said."),
    ]


def _page_schema(model: str) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": REFERENCE.format(model=model)}, "maxItems": 100}
    following = {"type": ["string", "null"], "description": "The cursor of the next page; null on the last."}
    return _object({"items": items, "next": following}, "items", "next")


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
