"""Starts and stops: settings, log, store, and a server that leaves without losing a request.

After SIGTERM readiness turns red, while requests are still taken: load balancers and kube-proxy go on sending for some
seconds. Then no new connection is accepted, what is in flight is finished, and the process ends with 0. A second signal
ends the waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import time
from types import FrameType

import uvicorn

from tracking import __version__
from tracking.api import create_app
from tracking.notices import Notices, QueueNotices
from tracking.observe import JsonFormatter, Lifecycle
from tracking.settings import Settings, SettingsError, level_number
from tracking.store import Store, StoreUnavailableError

KEEP_ALIVE = 75  # seconds; longer than the load balancer's 60, or it would send into a connection that is being closed
SECONDS_FOR_REQUESTS_IN_FLIGHT = 20  # with the drain time below the stop timeout of 30
log = logging.getLogger("tracking")


class DrainingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, drain_seconds: float) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_seconds = drain_seconds
        self._leave_at = float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Uvicorn's would leave at once, and end by the signal instead of with 0."""
        if self._lifecycle.draining:
            self.should_exit = True
            return
        self._lifecycle.draining = True
        self._leave_at = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        if time.monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)


def main() -> int:
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        print(f"tracking: {error}", file=sys.stderr)
        return 2
    _log_json(settings.log_level)
    lifecycle, store = Lifecycle(), make_store(settings)
    notices = QueueNotices(settings.notices_queue) if settings.notices_queue else None
    server = DrainingServer(
        uvicorn.Config(
            create_app(settings, store, lifecycle, notices),
            host="0.0.0.0",  # noqa: S104  (a container is reached from outside)
            port=settings.port,
            http="httptools",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=SECONDS_FOR_REQUESTS_IN_FLIGHT,
        ),
        lifecycle,
        settings.drain_seconds,
    )
    gc.freeze()  # what is loaded now stays; the collector need not look at it again
    gc.enable()
    asyncio.run(_serve(server, store, notices, settings))
    log.info("stopped")
    return 0


def make_store(settings: Settings) -> Store:
    """DynamoDB where a table is named, else the embedded store."""
    if settings.table:
        from tracking.dynamo_store import DynamoStore  # noqa: PLC0415  (not loaded where it is not used)

        return DynamoStore(settings.table)
    from tracking.sqlite_store import SqliteStore  # noqa: PLC0415

    return SqliteStore(settings.data_file)


async def _serve(server: DrainingServer, store: Store, notices: Notices | None, settings: Settings) -> None:
    opening = asyncio.create_task(_open(store, settings))  # beside the server, which listens meanwhile
    try:
        await server.serve()
    finally:
        opening.cancel()
        await store.close()
        if notices:
            await notices.close()


async def _open(store: Store, settings: Settings) -> None:
    """The first call, so that no request pays for it; what fails is tried again by the next request."""
    fields = {"version": __version__, "store": store.kind, "port": settings.port, "base_path": settings.base_path}
    log.info("starting", extra={"fields": fields})
    if store.kind == "sqlite":
        log.warning("TRACKING_TABLE is not set: shipments are kept in %s and are lost with it", settings.data_file)
    with contextlib.suppress(StoreUnavailableError):
        await store.ping()
        log.info("store answers", extra={"fields": {"store": store.kind}})


def _log_json(level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level_number(level), handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(max(level_number(level), logging.WARNING))
