"""What the API asks of a store, so that SQLite on a laptop and DynamoDB in the cloud behave alike.

tests/test_tracking_store.py holds every implementation to this contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tracking.model import Event, Shipment

T = TypeVar("T")
REQUEST_LIFETIME = 24 * 3600  # seconds for which a create request with an Idempotency-Key is remembered


class StoreUnavailableError(Exception):
    """The store did not answer; the request may be tried again."""


class StaleVersionError(Exception):
    """Somebody else changed the shipment first."""


class IdTakenError(Exception):
    """Another shipment has this id."""


class KeyReusedError(Exception):
    """The Idempotency-Key came before, with another request."""


@dataclass(frozen=True)
class Request:
    """A create request, as far as recognising its repetition needs it."""

    fingerprint: str
    key: str | None = None


@dataclass(frozen=True)
class Position:
    """Where a listing goes on: behind this shipment, newest first."""

    created_at: str
    id: str


@dataclass(frozen=True)
class Page(Generic[T]):
    items: list[T]
    more: bool


class Store(Protocol):
    kind: str  # as /info and the log name it

    async def create(self, shipment: Shipment, request: Request) -> Shipment:
        """Keep a new shipment with the first line of its history, all or nothing.

        Answers the shipment that the same request created before, if it did: what comes back `is shipment` only when
        it is new. Raises IdTakenError or KeyReusedError when another request did.
        """

    async def get(self, shipment_id: str) -> Shipment | None:
        """The shipment as the last finished write left it."""

    async def page(self, limit: int, after: Position | None) -> Page[Shipment]:
        """Newest first; what is created meanwhile neither repeats nor hides one that comes later."""

    async def save_move(self, shipment: Shipment, note: str | None) -> None:
        """Keep the moved shipment and its history line, if the store still has the version before it.

        Raises StaleVersionError when it has another.
        """

    async def history(self, shipment_id: str, limit: int, after: int) -> Page[Event]:
        """Lines behind version `after`, oldest first."""

    async def ping(self) -> None:
        """Return if the store answers; raises StoreUnavailableError if not."""

    async def close(self) -> None:
        """Give back what it holds."""
