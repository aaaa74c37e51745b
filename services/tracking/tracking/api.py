"""The HTTP interface: what is taken, what is answered, and which status says what.

| status | when |
|---|---|
| 400 | not JSON, or a parameter or header has a wrong form |
| 401 | a write without the write token, where one is configured |
| 404 | no such shipment or path |
| 409 | the id or the Idempotency-Key belongs to another request; the port is not the next of the route |
| 412 | the shipment changed since the version in If-Match |
| 413, 415 | body too large; not application/json |
| 422 | a field of the body is wrong |
| 428 | a move without If-Match |
| 503 | the store does not answer; try again |
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import platform
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tracking import __version__, openapi, problem
from tracking.model import Model, Move, NewShipment, OffRouteError, Shipment, field_errors, is_id
from tracking.notices import Notices
from tracking.observe import Lifecycle, Metrics, Observe
from tracking.problem import Problem
from tracking.settings import Settings
from tracking.store import (
    IdTakenError,
    KeyReusedError,
    Position,
    StaleVersionError,
    Store,
    StoreUnavailableError,
)
from tracking.store import Request as CreateRequest

Handler = Callable[[Request], Awaitable[Response]]
Body = TypeVar("Body", bound=Model)

MAX_BODY = 64 * 1024  # bytes; the largest valid body is some 3 KB
MAX_LIMIT, DEFAULT_LIMIT = 100, 20
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
NOT_BEHIND_PREFIX = frozenset({"/metrics"})  # for the scraper inside the network, not for the load balancer's clients

log = logging.getLogger(__name__)


class Api:
    """The handlers, and what they share."""

    def __init__(self, settings: Settings, store: Store, lifecycle: Lifecycle, notices: Notices | None) -> None:
        self._settings = settings
        self._notices = notices
        self._store = store
        self._lifecycle = lifecycle
        self.metrics = Metrics(store.kind)

    def routes(self) -> list[Route]:
        return [
            _route("/", GET=self.index),
            _route("/shipments", GET=self.list_shipments, POST=self.create_shipment),
            _route("/shipments/{id}", GET=self.read_shipment),
            _route("/shipments/{id}/moves", POST=self.move_shipment),
            _route("/shipments/{id}/history", GET=self.read_history),
            _route("/healthz", GET=self.live),
            _route("/readyz", GET=self.ready),
            _route("/info", GET=self.info),
            _route("/metrics", GET=self.read_metrics),
            _route("/openapi.json", GET=self.describe),
        ]

    async def index(self, request: Request) -> Response:
        base = self._settings.base_path
        links = {name: f"{base}/{name}" for name in ("shipments", "info", "openapi.json")}
        return _json({"service": "tracking", "version": __version__, "links": links})

    async def create_shipment(self, request: Request) -> Response:
        self._authorize(request)
        key = request.headers.get("idempotency-key")
        if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
            raise _bad_header("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
        new = await _body(request, NewShipment)
        shipment = Shipment.book(new)
        try:
            kept = await self._store.create(shipment, CreateRequest(new.fingerprint, key))
        except IdTakenError:
            raise Problem(409, f"another shipment has the id {new.id}", kind="id-taken") from None
        except KeyReusedError:
            detail = "this Idempotency-Key was used for another request; take a new one"
            raise Problem(409, detail, kind="key-reused") from None
        if kept is shipment:
            await self._tell(shipment)
        replayed = {} if kept is shipment else {"Idempotent-Replayed": "true"}
        location = f"{self._settings.base_path}/shipments/{kept.id}"
        return _shipment(kept, 201, {"Location": location} | replayed)

    async def list_shipments(self, request: Request) -> Response:
        limit, after = _limit(request), _cursor(request, _position)
        page = await self._store.page(limit, after)
        last = page.items[-1] if page.more and page.items else None
        following = encode_cursor([last.created_at, last.id]) if last else None
        return _page(page.items, following)

    async def read_shipment(self, request: Request) -> Response:
        return _shipment(await self._find(request))

    async def move_shipment(self, request: Request) -> Response:
        self._authorize(request)
        move = await _body(request, Move)
        wanted = _if_match(request)
        shipment = await self._find(request)
        if wanted is not None and wanted != shipment.version:
            raise _stale(shipment.version)
        try:
            moved = shipment.moved(move.to)
            await self._store.save_move(moved, move.note)
        except OffRouteError as error:
            raise Problem(409, str(error), kind="off-route") from None
        except StaleVersionError:
            raise _stale(None) from None
        await self._tell(moved, move.note)
        return _shipment(moved)

    async def read_history(self, request: Request) -> Response:
        limit, after = _limit(request), _cursor(request, _version) or 0
        shipment = await self._find(request)
        page = await self._store.history(shipment.id, limit, after)
        following = encode_cursor([page.items[-1].version]) if page.more and page.items else None
        return _page(page.items, following)

    async def live(self, request: Request) -> Response:
        """The process answers; says nothing of the store, whose absence a restart would not mend."""
        return _json({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        if self._lifecycle.draining:
            raise Problem(503, "stopping", kind="draining")
        await self._store.ping()
        return _json({"status": "ready", "store": self._store.kind})

    async def info(self, request: Request) -> Response:
        return _json(
            {
                "name": "tracking",
                "version": __version__,
                "architecture": platform.machine(),
                "python": platform.python_version(),
                "implementation": sys.implementation.name,
                "store": self._store.kind,
                "durable": self._store.kind != "sqlite",
                "environment": self._settings.environment,
                "instance": self._settings.instance,
            }
        )

    async def read_metrics(self, request: Request) -> Response:
        content = generate_latest(self.metrics.registry)
        return Response(content, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def describe(self, request: Request) -> Response:
        return _json(openapi.document(self._settings.base_path, locked=bool(self._settings.write_token)))

    async def _find(self, request: Request) -> Shipment:
        shipment_id = request.path_params["id"]
        shipment = await self._store.get(shipment_id) if is_id(shipment_id) else None
        if shipment is None:
            raise Problem(404, "no shipment has this id", kind="no-such-shipment")
        return shipment

    async def _tell(self, shipment: Shipment, note: str | None = None) -> None:
        if self._notices:
            sent = await self._notices.tell(shipment.id, shipment.event(note))
            self.metrics.notices.labels("sent" if sent else "lost").inc()

    def _authorize(self, request: Request) -> None:
        token = self._settings.write_token
        if token is None:
            return
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise Problem(401, "writes need the write token", headers={"WWW-Authenticate": 'Bearer realm="tracking"'})


def create_app(
    settings: Settings, store: Store, lifecycle: Lifecycle | None = None, notices: Notices | None = None
) -> ASGIApp:
    """The whole application, as the server runs it and as tests call it."""
    lifecycle = lifecycle or Lifecycle()
    api = Api(settings, store, lifecycle, notices)
    handlers: dict[Any, Any] = {
        Problem: lambda request, error: problem.response(error, request),
        HTTPException: _http_exception,
        StoreUnavailableError: _store_unavailable,
        ClientDisconnect: lambda request, error: Response(status_code=400),  # to nobody
        Exception: lambda request, error: problem.response(
            Problem(500, "a fault of ours; the log knows more"), request
        ),
    }
    app = Starlette(routes=api.routes(), exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Observe(_both_with_and_without(settings.base_path, app), api.metrics, lifecycle)


def _both_with_and_without(base_path: str, app: ASGIApp) -> ASGIApp:
    """Serve under the prefix too: neither load balancer strips it."""

    async def prefixed(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if base_path and (path == base_path or path.startswith(base_path + "/")):
            if path[len(base_path) :] not in NOT_BEHIND_PREFIX:
                scope["root_path"] = base_path
            if path == base_path:
                scope["path"] = base_path + "/"
        await app(scope, receive, send)

    return prefixed


def _route(path: str, **handlers: Handler) -> Route:
    """One route for all methods of a path, so that a refused method learns of the others."""
    allowed = sorted(handlers) + (["HEAD"] if "GET" in handlers else [])

    async def endpoint(request: Request) -> Response:
        request.scope["route_template"] = path
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise Problem(405, f"{path} knows {', '.join(allowed)}", headers={"Allow": ", ".join(allowed)})
        return await handler(request)

    route = Route(path, endpoint)
    route.methods = None  # every method comes here
    return route


async def _body(request: Request, model: type[Body]) -> Body:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "send application/json", headers={"Accept": "application/json"})
    content = await _read(request)
    try:
        return model.model_validate_json(content)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        raise Problem(400, errors[0]["msg"], kind="not-json")
    raise Problem(422, "the body is not as it should be", kind="validation", errors=field_errors(errors))


async def _read(request: Request) -> bytes:
    """The body, if it is not too large; what is too large is not read."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise _too_large()
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY:
            raise _too_large()
    return bytes(content)


def _too_large() -> Problem:
    return Problem(413, f"at most {MAX_BODY} bytes", headers={"Connection": "close"})


def _if_match(request: Request) -> int | None:
    """The version that the client has seen; None for `*`, any version."""
    value = request.headers.get("if-match")
    if value is None:
        raise Problem(428, "say which version you have seen: If-Match with the shipment's ETag", kind="if-match-needed")
    match = re.fullmatch(r'\*|"([1-9][0-9]{0,9})"', value)
    if match is None:
        raise _bad_header("If-Match", 'must be an ETag of the shipment like "3", or *')
    return int(match[1]) if match[1] else None


def _stale(version: int | None) -> Problem:
    now = f" and is at version {version}" if version else ""
    return Problem(412, f"the shipment has changed{now}; read it again", kind="stale-version")


def _bad_header(name: str, message: str) -> Problem:
    return Problem(400, f"header {name} {message}", kind="header", errors=[{"field": name, "message": message}])


def _bad_query(name: str, message: str) -> Problem:
    return Problem(400, f"parameter {name} {message}", kind="query", errors=[{"field": name, "message": message}])


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or not 1 <= int(text) <= MAX_LIMIT:
        raise _bad_query("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    return int(text)


T = TypeVar("T")


def encode_cursor(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def _cursor(request: Request, read: Callable[[Any], T]) -> T | None:
    """What `read` makes of the cursor; None where there is none."""
    text = request.query_params.get("cursor")
    if text is None:
        return None
    try:
        return read(json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)))
    except (ValueError, binascii.Error, RecursionError):
        raise _bad_query("cursor", "must be what `next` of a page before said") from None


def _position(place: Any) -> Position:
    match place:
        case [str(created_at), str(shipment_id)] if re.fullmatch(r"[0-9TZ:.-]{24}", created_at) and is_id(shipment_id):
            return Position(created_at, shipment_id)
    raise ValueError


def _version(place: Any) -> int:
    match place:
        case [int(version)] if 1 <= version < 10**9 and version is not True:
            return version
    raise ValueError


def _json(content: Any) -> Response:
    return Response(json.dumps(content), headers={"Cache-Control": "no-store"}, media_type="application/json")


def _page(items: list[Any], following: str | None) -> Response:
    content = f'{{"items":[{",".join(item.model_dump_json() for item in items)}],"next":{json.dumps(following)}}}'
    return Response(content, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _shipment(shipment: Shipment, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    more = {"ETag": f'"{shipment.version}"', "Cache-Control": "no-store"} | (headers or {})
    return Response(shipment.model_dump_json(), status, more, media_type="application/json")


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (what Starlette promises for this handler)
    detail = "nothing is here" if error.status_code == 404 else error.detail
    return problem.response(Problem(error.status_code, detail, headers=dict(error.headers or {})), request)


def _store_unavailable(request: Request, error: Exception) -> Response:
    log.error("store unavailable: %s", error)
    answer = Problem(503, "the store does not answer", kind="store-unavailable", headers={"Retry-After": "1"})
    return problem.response(answer, request)
