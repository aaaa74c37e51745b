"""Tells notices about each movement, through its queue.

The message is sent after the write, and a queue that does not answer fails no request: the movement is kept, its notice is
lost. So is that of a task which ends between the two. Whoever needs every notice must keep the message together with the
movement, in the same transaction, and send it from there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Protocol

from tracking.model import Event

THREADS = 4  # messages in flight at once, each waits on the network
log = logging.getLogger(__name__)


class Notices(Protocol):
    async def tell(self, shipment_id: str, event: Event) -> bool:
        """Whether the message is in the queue; never raises."""

    async def close(self) -> None:
        """Give back what it holds."""


class QueueNotices:
    def __init__(self, queue_url: str, make_client: Callable[[], Any] | None = None) -> None:
        self._queue_url = queue_url
        self._make_client = make_client or _client
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="notices")

    async def tell(self, shipment_id: str, event: Event) -> bool:
        body = json.dumps({"shipment": shipment_id, **event.model_dump(mode="json", exclude_none=True)})
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._send, body)
        except Exception as error:  # whatever it is, the request has done its work
            log.warning("no notice: %s", error, extra={"fields": {"shipment": shipment_id}})
            return False
        return True

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send(self, body: str) -> None:
        self._queue.send_message(QueueUrl=self._queue_url, MessageBody=body)

    @cached_property
    def _queue(self) -> Any:
        return self._make_client()


def _client() -> Any:
    """A client of the region and endpoint that AWS_REGION and AWS_ENDPOINT_URL name; a request waits 4 s for it at most."""
    import botocore.config  # noqa: PLC0415  (not loaded where it is not used)
    import botocore.session  # noqa: PLC0415

    config = botocore.config.Config(
        connect_timeout=1,
        read_timeout=1,
        max_pool_connections=THREADS,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return botocore.session.Session().create_client(
        "sqs", region_name=os.environ.get("AWS_REGION") or None, config=config
    )
