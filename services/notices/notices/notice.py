"""A movement as it arrives, and the sentence that it becomes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

SENTENCES = {
    "booked": "is booked from {location}",
    "in_transit": "has reached {location}",
    "arrived": "has arrived in {location}",
}


class MalformedError(ValueError):
    """The message is none of ours; trying again will not help, so it ends among the dead letters."""


@dataclass(frozen=True)
class Movement:
    """One step of a shipment, as tracking sends it; `version` is the shipment's own after it."""

    shipment: str
    version: int
    status: str
    location: str

    @classmethod
    def read(cls, body: str) -> Movement:
        """The movement in a message. Unknown fields are ignored, so that the sender may add some before the reader knows them."""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise MalformedError("is not JSON") from None
        if not isinstance(found, dict):
            raise MalformedError("is not an object")
        movement = cls(**{name: _field(found, name, kind) for name, kind in _FIELDS.items()})
        if movement.status not in SENTENCES:
            raise MalformedError("status is none of " + ", ".join(SENTENCES))
        return movement

    @property
    def text(self) -> str:
        return f"Shipment {self.shipment} {SENTENCES[self.status].format(location=self.location)}"


_FIELDS: dict[str, type] = {"shipment": str, "version": int, "status": str, "location": str}


def _field(found: dict[str, Any], name: str, kind: type) -> Any:
    value = found.get(name)
    if type(value) is not kind or value == "":
        raise MalformedError(f"{name} is missing or not {'text' if kind is str else 'a number'}")
    return value
