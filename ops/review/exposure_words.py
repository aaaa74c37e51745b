"""The words of edges, taken apart: which one covers which, and how a person says them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ops.review.reach_rules import ALL, ANYWHERE, LAST_PORT, Network, network, number, within
from ops.review.text import listed

_WEB: Final = frozenset({"http", "https"})
_USUAL: Final = {"http": 80, "https": 443}
_PORTS: Final = re.compile(r"(\d+)(?:-(\d+))?")
_DOES: Final = {
    "reads": "read from",
    "writes": "write to",
    "sends": "send messages to",
    "receives": "take messages from",
}


@dataclass(frozen=True, order=True)
class Word:
    """A word of an edge.

    Attributes:
        protocol: tcp, http, all, or a verb.
        low: the first port.
        high: the last port.
        cidr: of whom, where the node does not say it.
        route: host and path, of what a load balancer forwards.
    """

    protocol: str
    low: int = 0
    high: int = LAST_PORT
    cidr: str = ""
    route: str = ""

    @property
    def network(self) -> Network | None:
        return ANYWHERE[1] if self.cidr == "IPv6" else network(self.cidr or "0.0.0.0/0")

    def covers(self, other: Word, *, anywhere: bool = False) -> bool:
        """Whether whoever has this one has the other too; `anywhere` if this one is from, or to, more addresses."""
        if self.route != other.route or (self.protocol not in {ALL, other.protocol}):
            return False
        if self.protocol != ALL and not self.low <= other.low <= other.high <= self.high:
            return False
        mine, theirs = self.network, other.network
        return anywhere or self.cidr == other.cidr or bool(mine and theirs and within(theirs, mine))


def parsed(text: str) -> Word:
    """The word of an edge, taken apart."""
    protocol, _, rest = text.partition(" ")
    first, _, after = rest.partition(" ")
    found = _PORTS.fullmatch(first)
    low = number(found.group(1)) if found else None
    if protocol in _WEB:
        port = _USUAL[protocol] if low is None else low
        more = rest if low is None else after
        is_cidr = network(more) is not None or more == "IPv6"
        return Word(protocol, port, port, cidr=more if is_cidr else "", route="" if is_cidr else more)
    if low is None:
        return Word(protocol, cidr=rest)
    last = number(found.group(2)) if found and found.group(2) else low
    is_cidr = network(after) is not None or after == "IPv6"
    return Word(protocol, low, low if last is None else last, after if is_cidr else "", "" if is_cidr else after)


def ports(words: Iterable[Word]) -> str:
    """On which ports: 'on port 443 (tcp)', 'on ports 80 and 1024 to 2048 (tcp) and on every udp port'."""
    by_protocol: dict[str, list[Word]] = {}
    for word in sorted(words):
        by_protocol.setdefault(word.protocol, []).append(word)
    return listed(_of_protocol(protocol, found) for protocol, found in by_protocol.items())


def _of_protocol(protocol: str, words: list[Word]) -> str:
    if protocol == ALL:
        return "on every port"
    if protocol in _WEB:
        return f"over {protocol} (port {listed(sorted({str(word.low) for word in words}))})"
    if any((word.low, word.high) == (0, LAST_PORT) for word in words):
        return f"by {protocol}" if protocol.startswith("icmp") else f"on every {protocol} port"
    ranges = list(dict.fromkeys(str(w.low) if w.low == w.high else f"{w.low} to {w.high}" for w in words))
    many = "s" if len(ranges) > 1 or " to " in ranges[0] else ""
    return f"on port{many} {listed(ranges)} ({protocol})"


def routes(words: Iterable[Word]) -> str:
    """Where: 'at /admin and /shop over http (port 80)'."""
    by_listener: dict[tuple[str, int], list[str]] = {}
    for word in sorted(words):
        by_listener.setdefault((word.protocol, word.low), []).append(word.route)
    parts = []
    for (protocol, port), places in by_listener.items():
        at = f"at {listed(places, most=5)} " if any(places) else ""
        name = f"over {protocol} (port {port})" if protocol in _WEB else f"on port {port} ({protocol})"
        parts.append(at + name)
    return listed(parts)


def does(words: Iterable[Word]) -> str:
    """What is done to data: 'read from and write to'."""
    return listed(_DOES.get(word.protocol, word.protocol) for word in sorted(words))
