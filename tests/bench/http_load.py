"""A load generator for the loopback: as many connections as asked for, each with one request in flight at a time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools


@dataclass
class Result:
    """The result of a run; `seconds` holds one duration per request that was answered with 200."""

    elapsed: float
    seconds: list[float] = field(repr=False)
    failed: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.seconds) / self.elapsed

    @property
    def p99_ms(self) -> float:
        ordered = sorted(self.seconds)
        return ordered[int(len(ordered) * 0.99)] * 1000 if ordered else float("inf")


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, until: float, result: Result, done: asyncio.Future[None]) -> None:
        self._request = request
        self._until = until
        self._result = result
        self._done = done
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        if self._parser.get_status_code() == 200:
            self._result.seconds.append(now - self._sent)
        else:
            self._result.failed += 1
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def _send(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._sent = time.perf_counter()
        self._transport.write(self._request)


async def _run(url: str, connections: int, duration: float) -> Result:
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    result = Result(0, [], 0)
    started = time.perf_counter()
    ends = []
    for _ in range(connections):
        end: asyncio.Future[None] = loop.create_future()
        ends.append(end)
        await loop.create_connection(
            lambda end=end: _Connection(request, started + duration, result, end), parts.hostname, parts.port
        )
    await asyncio.wait_for(asyncio.gather(*ends), duration + 30)
    result.elapsed = time.perf_counter() - started
    return result


def run(url: str, connections: int, duration: float) -> Result:
    """GET `url` for `duration` seconds over `connections` connections."""
    return asyncio.run(_run(url, connections, duration))


def best(url: str, *, limit_ms: float = 50, duration: float = 3) -> tuple[int, Result]:
    """The number of connections with the most requests per second at a p99 below `limit_ms`, and its result."""
    run(url, 4, duration / 3)  # warm
    runs = [(connections, run(url, connections, duration)) for connections in (1, 4, 16, 32)]
    good = [pair for pair in runs if pair[1].p99_ms < limit_ms and not pair[1].failed] or runs[:1]
    return max(good, key=lambda pair: pair[1].rate)
