"""Puts the service's folder on the path, and gives tests a queue that behaves as SQS does."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from notices.notice import Movement
from notices.queue import Message, QueueUnavailableError
from notices.worker import Worker

MOVEMENT = {"shipment": "S-1", "version": 2, "status": "in_transit", "location": "NLRTM"}


class FakeQueue:
    """Gives what was put in, batch by batch, again until it is deleted; when nothing is left, the worker is told to stop."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.waiting: list[Message] = []
        self.deleted: list[str] = []
        self.batches: list[list[str]] = []
        self.fails = 0

    def put(self, *bodies: str) -> None:
        for body in bodies:
            number = len(self.waiting) + 1
            self.waiting.append(Message(f"m{number}", body, f"r{number}", 1))

    def receive(self) -> list[Message]:
        if self.fails:
            self.fails -= 1
            raise QueueUnavailableError("no answer")
        batch, self.waiting = self.waiting[:10], self.waiting[10:]
        self.batches.append([message.id for message in batch])
        if not self.waiting:
            self.stop.set()
        return batch

    def delete(self, messages: list[Message]) -> list[str]:
        self.deleted += [message.id for message in messages]
        return []


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def queue(stop):
    return FakeQueue(stop)


@pytest.fixture
def written():
    """The notices that a worker has written."""
    return []


@pytest.fixture
def work(queue, stop, written):
    """Runs a worker until the queue is empty."""

    def run(write=None) -> list[Movement]:
        Worker(queue, write or written.append, stop).run()
        return written

    return run


@pytest.fixture
def body():
    """A message as tracking sends it, with changes."""
    return lambda **changes: json.dumps(MOVEMENT | changes)
