"""Where a service may connect to besides the services that it calls and AWS's port 443."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from config import settings_rules
from config.limits import HIGHEST_PORT
from config.model import UNIQUE, Model, Pattern, Rule, fault

LINK_LOCAL: Final = ipaddress.IPv4Network("169.254.0.0/16")
"""RFC 3927: the metadata and credentials of tasks, nodes and pods are here, and nothing that a service should name."""
HTTPS: Final = 443

_PUBLIC_EXCEPTIONS: Final = (
    *settings_rules.PRIVATE_RANGES,
    ipaddress.IPv4Network("100.64.0.0/10"),
)  # the latter: RFC 6598


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"


def _check_destination_range(text: str) -> None:
    settings_rules.check_range(text)
    if ipaddress.IPv4Network(text).subnet_of(LINK_LOCAL):
        raise fault(f"is {text}, in the range of metadata and credentials", "write the range of the other system")


class Destination(Model):
    """One outside system: its port, and either its `cidrs` or its `security_group`."""

    name: Annotated[
        str,
        # What EC2 takes as the description of a rule, less what a person would not write:
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupEgress.html
        Pattern(r"[A-Za-z0-9][A-Za-z0-9 ._:/()#,@+=&;-]*", "a few words", "orders database", 100),
    ] = Field(description="What it is, for whoever reads the rules.", examples=["orders database"])
    port: int = Field(
        ge=1, le=HIGHEST_PORT, description="Port that it listens on; 443 over TCP is open anyway.", examples=[5432]
    )
    protocol: Protocol = Field(Protocol.TCP, description="Transport protocol.", examples=["udp"])
    cidrs: Annotated[
        tuple[Annotated[str, Rule(_check_destination_range)], ...],
        UNIQUE,
    ] = Field((), description="IPv4 ranges of its addresses.", examples=[["10.9.0.0/16"]])
    security_group: (
        Annotated[
            str,
            Pattern(r"sg-([0-9a-f]{8}|[0-9a-f]{17})", "the id of a security group", "sg-0123456789abcdef0"),
        ]
        | None
    ) = Field(
        None,
        description="Id of its security group, in the VPC or a peered one; only on ECS. Its owner admits the service.",
        examples=["sg-0123456789abcdef0"],
    )

    @property
    def open_to_the_internet(self) -> tuple[str, ...]:
        """Its ranges that hold public addresses."""
        return tuple(cidr for cidr in self.cidrs if not _is_private(cidr))

    @property
    def rules(self) -> int:
        """The number of rules that it takes in a security group."""
        return len(self.cidrs) or 1

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.cidrs and self.security_group:
            raise fault("names two places", "keep cidrs or security_group")
        if not self.cidrs and not self.security_group:
            raise fault("names no place", "write cidrs: [10.9.0.0/16] or security_group: sg-0123456789abcdef0")
        if self.port == HTTPS and self.protocol is Protocol.TCP:
            raise fault("is 443, which every service reaches anyway", "remove this entry", field="port")
        return self


def _is_private(cidr: str) -> bool:
    network = ipaddress.IPv4Network(cidr)
    return any(network.subnet_of(private) for private in _PUBLIC_EXCEPTIONS)


def check_destinations(destinations: Sequence[Destination]) -> None:
    """EC2 refuses a rule that a security group has already."""
    seen: set[tuple[Protocol, int, str]] = set()
    for destination in destinations:
        for place in destination.cidrs or (str(destination.security_group),):
            rule = (destination.protocol, destination.port, place)
            if rule in seen:
                problem = f"lists {place} on {destination.protocol.value} port {destination.port} twice"
                raise fault(problem, "list each once")
            seen.add(rule)
