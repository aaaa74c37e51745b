"""Requests from several clients at once while something happens to the service: the view of a load balancer."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Self

import requests

Send = Callable[[requests.Session], requests.Response]


class Load:
    """Clients that send over kept-alive connections until `stop`, or until the address `ready` no longer answers 200.

    Load balancers treat a draining service in the second way: they see readiness fail and send no more. Requests sent
    before that must be answered.
    """

    def __init__(self, send: Send, *, clients: int = 6, ready: str | None = None) -> None:
        self._send, self._ready = send, ready
        self._over = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.answers: list[requests.Response] = []
        self.lost: list[str] = []
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]
        if ready:
            self._threads.append(threading.Thread(target=self._watch, daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def end(self) -> None:
        """Send no more; requests in flight continue."""
        self._over.set()

    def stop(self) -> None:
        """Send no more, and wait for the requests in flight."""
        self.end()
        self.join()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)

    def _watch(self) -> None:
        assert self._ready
        with contextlib.suppress(requests.RequestException):
            while not self._over.is_set() and requests.get(self._ready, timeout=5).status_code == 200:
                time.sleep(0.05)
        self._over.set()

    def _client(self) -> None:
        with requests.Session() as session:
            while not self._over.is_set():
                try:
                    answer = self._send(session)
                except requests.RequestException as error:
                    self.lost.append(repr(error))
                else:
                    self.statuses[answer.status_code] += 1
                    self.answers.append(answer)

    @property
    def count(self) -> int:
        return len(self.answers)
