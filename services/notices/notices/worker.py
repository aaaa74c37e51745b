"""Takes messages until it is told to stop: a message is deleted only after its notice is written.

A message may therefore come twice, if the worker ends in between, and movements of one shipment may overtake each other:
each notice has the version, by which a reader tells.

Stopping waits for the poll that is in flight. To cut it off would hide whatever it is about to bring until the visibility
timeout is over, and count as a try.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from notices.notice import MalformedError, Movement
from notices.queue import Message, QueueUnavailableError

LONGEST_PAUSE = 30.0  # seconds between two tries while the queue does not answer
log = logging.getLogger("notices")


class Source(Protocol):
    def receive(self) -> list[Message]: ...

    def delete(self, messages: list[Message]) -> list[str]: ...


class Worker:
    def __init__(self, source: Source, write: Callable[[Movement], None], stop: threading.Event) -> None:
        self._source = source
        self._write = write
        self._stop = stop

    def run(self) -> None:
        """Returns once `stop` is set and what was received is done."""
        pause = 1.0
        while not self._stop.is_set():
            try:
                self._turn()
            except QueueUnavailableError as error:
                log.warning("queue unavailable: %s", error)
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = 1.0

    def _turn(self) -> None:
        done = [message for message in self._source.receive() if self._handled(message)]
        for message_id in self._source.delete(done):
            log.warning("not deleted: it will come again", extra={"fields": {"message_id": message_id}})

    def _handled(self, message: Message) -> bool:
        """False for one that must come again: SQS moves it to the dead letters after the last try."""
        fields = {"message_id": message.id, "tries": message.tries}
        try:
            self._write(Movement.read(message.body))
        except MalformedError as error:
            log.warning("malformed message: %s", error, extra={"fields": fields})
            return False
        except Exception:  # whatever one message does, the others must not wait for it
            log.exception("unexpected error", extra={"fields": fields})
            return False
        return True
