"""The shipment: its fields and limits, and the rule by which it moves along its route.

These models are what requests are checked against and what /openapi.json publishes, so that the two cannot differ.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, WithJsonSchema

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


class Model(BaseModel):
    """Frozen, unknown fields refused, no silent coercion: "12" is not a number."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def _no_port_twice(route: list[str]) -> list[str]:
    if len(set(route)) != len(route):
        raise ValueError("must not name a port twice")
    return route


def _whole(number: Any) -> Any:
    """JSON knows one kind of number: 3.0 is 3."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


ShipmentId = Annotated[str, Field(pattern=ID_PATTERN, examples=["coffee-2026-11"])]
Port = Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z2-9]{3}$", examples=["DEHAM"], description="UN/LOCODE")]
Route = Annotated[
    list[Port],
    AfterValidator(_no_port_twice),
    Field(min_length=2, max_length=20, json_schema_extra={"uniqueItems": True}, examples=[["DEHAM", "NLRTM", "USNYC"]]),
]
ContainerNumber = Annotated[
    str, Field(pattern=r"^[A-Z]{3}[JUZ][0-9]{7}$", examples=["MSKU1234565"], description="ISO 6346 container number")
]
Note = Annotated[str, Field(min_length=1, max_length=500)]
Timestamp = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


class Status(StrEnum):
    BOOKED = "booked"
    IN_TRANSIT = "in_transit"
    ARRIVED = "arrived"


class NewShipment(Model):
    """What a client sends to create a shipment."""

    id: ShipmentId | None = Field(None, description="The client's own name for it; made by the service when absent.")
    route: Route = Field(description="Ports in the order of the voyage; it starts at the first.")
    container: ContainerNumber | None = None
    cargo: str = Field(min_length=1, max_length=200)
    weight_kg: Annotated[int, BeforeValidator(_whole)] = Field(ge=1, le=100_000_000)

    @property
    def fingerprint(self) -> str:
        """Equal for equal requests, however they were spelled as JSON."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Move(Model):
    """What a client sends to move a shipment on."""

    to: Port = Field(description="The next port of the shipment's route.")
    note: Note | None = None


class Event(Model):
    """One line of a shipment's history; `version` is the shipment's own after it."""

    version: int = Field(ge=1)
    status: Annotated[Status, Field(strict=False)]
    location: Port
    at: Timestamp
    note: Note | None = None


class OffRouteError(ValueError):
    """The port is not the next one of the route; the message says which is."""


class Shipment(Model):
    id: ShipmentId
    route: Route
    container: ContainerNumber | None = None
    cargo: str
    weight_kg: int
    status: Annotated[Status, Field(strict=False)]
    location: Port
    version: int = Field(ge=1, description="Goes up by one with every change; also the ETag.")
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def book(cls, new: NewShipment) -> Shipment:
        at = now()
        fields: dict[str, Any] = new.model_dump(exclude={"id"})
        identity: dict[str, Any] = {"id": new.id or uuid.uuid4().hex, "created_at": at, "updated_at": at}
        return cls(**fields, **identity, status=Status.BOOKED, location=new.route[0], version=1)

    def as_booked(self) -> Shipment:
        """As it was when it was created: what a repeated create request answers, whatever has happened since."""
        first = {"status": Status.BOOKED, "location": self.route[0], "version": 1, "updated_at": self.created_at}
        return self.model_copy(update=first)

    def moved(self, to: str) -> Shipment:
        """The same shipment one port further; raises OffRouteError when `to` is not that port."""
        position = self.route.index(self.location)
        ahead = self.route[position + 1 :]
        if not ahead:
            raise OffRouteError(f"the shipment has arrived in {self.location}, the end of its route")
        if to != ahead[0]:
            raise OffRouteError(f"from {self.location} the route goes to {ahead[0]}, not to {to}")
        status = Status.ARRIVED if len(ahead) == 1 else Status.IN_TRANSIT
        change = {"location": to, "status": status, "version": self.version + 1, "updated_at": now()}
        return self.model_copy(update=change)

    def event(self, note: str | None = None) -> Event:
        """The history line that belongs to this version."""
        return Event(version=self.version, status=self.status, location=self.location, at=self.updated_at, note=note)


_ID: TypeAdapter[str] = TypeAdapter(ShipmentId)


def is_id(text: str) -> bool:
    """Whether a shipment could have this id at all."""
    try:
        _ID.validate_python(text)
    except ValueError:
        return False
    return True


def now() -> str:
    """UTC in ISO 8601 with milliseconds: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def field_errors(errors: list[Any]) -> list[dict[str, str]]:
    """Pydantic's errors as field and message; a field inside a list is written route.0, the body itself is ''."""
    return [{"field": ".".join(str(part) for part in e["loc"]), "message": e["msg"]} for e in errors]
