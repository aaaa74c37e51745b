"""What may connect to what: the words that security groups and NetworkPolicies are both read into."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ANYWHERE: Final = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
ALL: Final = "all"
"""Every protocol and port."""
LAST_PORT: Final = 65535
_WIDE: Final = 7
"""Bits of a prefix that hold so much of the internet that it is the internet: 0.0.0.0/1 and 128.0.0.0/1 are all of it."""
_WIDE_IPV6: Final = 16
_NAMED: Final = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "-1": ALL}
_WITHOUT_PORTS: Final = frozenset({ALL, "icmp", "icmpv6"})


@dataclass(frozen=True, order=True)
class Ports:
    """A range of ports of a protocol; `name` stands for a pod's port of that name."""

    protocol: str
    low: int = 0
    high: int = LAST_PORT
    name: str = ""

    def __str__(self) -> str:
        if self.protocol in _WITHOUT_PORTS:
            return self.protocol
        return f"{self.protocol} {self.low}" if self.low == self.high else f"{self.protocol} {self.low}-{self.high}"

    def common(self, other: Ports) -> Ports | None:
        """The ports of both; None if there are none."""
        if ALL in {self.protocol, other.protocol}:
            return other if self.protocol == ALL else self
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Ports(self.protocol, low, high) if self.protocol == other.protocol and low <= high else None


EVERYTHING: Final = Ports(ALL)


@dataclass(frozen=True)
class Block:
    """Addresses, without those of `but`."""

    network: Network
    but: tuple[Network, ...] = ()

    def meets(self, network: Network) -> bool:
        """Whether any of the addresses is in the network."""
        return overlap(self.network, network) and not any(within(network, one) for one in self.but)


@dataclass(frozen=True)
class Group:
    """The members of a security group."""

    key: str


@dataclass(frozen=True)
class Elsewhere:
    """Addresses that the template does not have: a prefix list's, or a parameter's."""

    id: str
    label: str


@dataclass(frozen=True)
class Pods:
    """Pods by the labels of themselves and their namespace. A selector that is None takes its default: pods all, namespaces
    the policy's own.
    """

    pods: Any
    namespaces: Any
    home: str


Peer = Block | Group | Elsewhere | Pods | None
"""Whom a rule admits; None is everybody."""


@dataclass(frozen=True, eq=False)
class Rule:
    """An opening.

    Attributes:
        ports: what is open.
        peer: to whom, or from whom.
        evidence: the resource that has it, as (stack, logical id).
        raw: the rule as the template has it, for people.
        says: what it is for, in its author's words.
    """

    ports: tuple[Ports, ...]
    peer: Peer
    evidence: tuple[str, str]
    raw: Any = None
    says: str = ""


@dataclass(eq=False)
class Endpoint:
    """Something with an address that rules guard.

    Attributes:
        node: id of its node.
        networks: where its addresses are; empty if unknown, which is anywhere in the VPC.
        groups: keys of its security groups.
        ingress: who may connect to it; None if anybody may.
        egress: what it may connect to; None if anything.
        labels: of its pods.
        namespace: of its pods.
        named: its ports by name.
        public: whether it has an address that the internet knows.
    """

    node: str
    networks: tuple[Network, ...] = ()
    groups: frozenset[str] = frozenset()
    ingress: list[Rule] | None = field(default_factory=list)
    egress: list[Rule] | None = field(default_factory=list)
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    named: Mapping[str, int] = field(default_factory=dict)
    public: bool = False


# --- reading any JSON ------------------------------------------------------------------------------------------------


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, if it is an object; an empty one if it is anything else."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """The value as a list: itself, or as the only one in it."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects in a list."""
    return (one for one in listed(value) if isinstance(one, dict))


def network(value: Any) -> Network | None:
    """The value as a range of addresses; None if it is none, or known only to AWS."""
    try:
        return ipaddress.ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        return None


def number(value: Any) -> int | None:
    """The value as a whole number; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def ports(protocol: Any, low: Any, high: Any) -> Ports:
    """A rule's ports as AWS reads them: without ports, or with -1, all of them.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupingress.html
    """
    name = str(protocol).lower() if protocol is not None else ALL
    name = _NAMED.get(name, name)
    if name in _WITHOUT_PORTS:
        return Ports(name)
    first, last = number(low), number(high)
    if first is None or first < 0:
        return Ports(name)
    return Ports(name, first, first if last is None else last)


# --- addresses -------------------------------------------------------------------------------------------------------


def overlap(one: Network, other: Network) -> bool:
    """Whether two ranges have an address in common."""
    return one.version == other.version and one.overlaps(other)


def within(inner: Network, outer: Network) -> bool:
    """Whether one range is inside another."""
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)


def is_wide(one: Network) -> bool:
    """Whether the range is the internet, or so much of it that it makes no difference."""
    return one.prefixlen <= (_WIDE if one.version == 4 else _WIDE_IPV6)


def suffix(one: Network) -> str:
    """What follows the ports where the range is not told by its node: 'tcp 443 10.0.0.0/8'."""
    if one == ANYWHERE[0]:
        return ""
    return " IPv6" if one == ANYWHERE[1] else f" {one}"
