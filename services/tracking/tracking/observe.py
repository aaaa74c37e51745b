"""What an operator sees of a request: its id, one line of log, and metrics.

Pure ASGI around the whole application, so that it also sees what the routing refuses and what crashes.
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracking import __version__

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # others would be labels without end
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})  # asked all the time: logged at debug level while they succeed
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
log = logging.getLogger("tracking.request")
current_request: ContextVar[str | None] = ContextVar("current_request", default=None)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what is given as extra={"fields": {...}} becomes members."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := current_request.get():
            line["request_id"] = request_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Metrics:
    def __init__(self, store_kind: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ("method", "route", "status")
        self.requests = Counter("http_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "From the request's headers to the end of the answer.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge("http_requests_in_flight", "Requests being answered.", registry=self.registry)
        self.notices = Counter("notices", "Messages to notices.", ("result",), registry=self.registry)
        info = Gauge("tracking_info", "What this instance is.", ("version", "store"), registry=self.registry)
        info.labels(__version__, store_kind).set(1)


@dataclass
class Lifecycle:
    """What SIGTERM changes: readiness turns red and connections are no longer kept open."""

    draining: bool = False


@dataclass
class _Answer:
    status: int = 0
    bytes: int = 0


class Observe:
    def __init__(self, app: ASGIApp, metrics: Metrics, lifecycle: Lifecycle) -> None:
        self._app = app
        self._metrics = metrics
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        scope["request_id"] = request_id = _request_id(scope)
        token = current_request.set(request_id)
        answer = _Answer()
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, self._noting(answer, request_id, send))
        except Exception:  # the client has got a problem that tells nothing; the log tells the reason
            log.exception("unexpected error")
        finally:
            self._metrics.in_flight.dec()
            self._record(scope, answer, time.perf_counter() - started)
            current_request.reset(token)

    def _noting(self, answer: _Answer, request_id: str, send: Send) -> Send:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                headers = message.setdefault("headers", [])
                headers += [(b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]
                if self._lifecycle.draining:
                    headers.append((b"connection", b"close"))
            else:
                answer.bytes += len(message.get("body", b""))
            await send(message)

        return noting

    def _record(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        route = scope.get("route_template", "unmatched")
        status = answer.status or 499  # the client went away before it was answered
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        level = logging.DEBUG if route in PROBES and status < 400 else logging.INFO
        if log.isEnabledFor(level):
            fields = {
                "method": scope["method"],
                "path": scope["path"],
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 3),
                "bytes": answer.bytes,
                "client": (scope.get("client") or ("",))[0],
            }
            log.log(level, "request", extra={"fields": fields})


def _request_id(scope: Scope) -> str:
    """The caller's, so that one id follows a request through all services; a new one when it has none or a bad one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return uuid.uuid4().hex
