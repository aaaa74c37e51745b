"""Addresses of AWS in the variables of containers, as they are on the emulator."""

from __future__ import annotations

import re
from typing import Final

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
_QUEUE: Final = re.compile(r"https://sqs\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?(/[0-9]{12}/[A-Za-z0-9_-]+(?:\.fifo)?)")


def reachable(value: str, *, here: str, from_container: str) -> str:
    """A variable's value as a container needs it: an address on the emulator, and that of a queue on AWS, is one that it reaches.

    Args:
        value: the value; other text stays as it is.
        here: the emulator's address on this machine.
        from_container: the emulator's address as the container reaches it.
    """
    if value.startswith(f"{here}/"):
        return f"{from_container}{value.removeprefix(here)}"
    queue = _QUEUE.fullmatch(value)
    return f"{from_container}{queue[1]}" if queue else value
