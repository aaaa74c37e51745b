"""The order in which the load balancers try paths: a host's first, then deeper ones, and no service changes another's place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from config.limits import LOWEST_PRIORITY

_BANDS: Final = {1: (15001, 49999), 2: (5001, 15000), 3: (1, 5000)}
"""Listener rule priorities by number of path segments (three means three or more): deeper paths are tried first."""

# Within the first band above. Their edges are also edges between two orders of Ingresses, of which there are fewer
# (stacks/kubernetes/objects.py): a load balancer of Kubernetes tries those of one order by name.
_BANDS_OF_HOSTS: Final = {3: (1, 629), 2: (630, 1257), 1: (1258, 1885), 0: (1886, 2513)}
_BANDS_OF_WILDCARDS: Final = {3: (2514, 3141), 2: (3142, 3769), 1: (3770, 4397), 0: (4398, 5000)}

_ANY_LABEL: Final = "*."


@dataclass(frozen=True)
class Route:
    """A path that the load balancers send to a service, on every host or on one.

    Attributes:
        path: the prefix.
        host: a host name, which may begin with `*.`; None for every host.
        priority: of the listener rule; the lowest is tried first.
    """

    path: str
    host: str | None
    priority: int

    def __str__(self) -> str:
        return f"{self.host or ''}{self.path}"

    @property
    def key(self) -> str:
        """A short name for what belongs to this route, which does not depend on the service's other routes."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:8]

    @property
    def patterns(self) -> tuple[str, ...]:
        """What a listener rule matches: the path itself and everything below it."""
        return path_patterns(self.path)

    @property
    def one_host(self) -> bool:
        """Whether the route has an address that can be called: not one with a `*`."""
        return self.host is None or not self.host.startswith(_ANY_LABEL)

    def takes_from(self, other: Route) -> bool:
        """Whether this route answers requests of the other, which is the closer match, as it is tried before it."""
        if self.priority > other.priority or not (covers(self.path, other.path) or covers(other.path, self.path)):
            return False
        if self.host != other.host:
            return host_covers(self.host, other.host)
        return covers(self.path, other.path)


def covers(outer: str, inner: str) -> bool:
    """Whether a path is another, or above it."""
    return f"{inner}/".startswith(f"{outer.rstrip('/')}/")


def host_covers(outer: str | None, inner: str | None) -> bool:
    """Whether a host's rule takes every request of the other's. A `*` stands for any characters, dots included.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
    """
    if outer is None or outer == inner:
        return True
    return inner is not None and outer.startswith(_ANY_LABEL) and inner.endswith(outer[1:])


def priority_band(path: str, host: str | None = None) -> tuple[int, int]:
    """First and last priority that can be derived for paths of this depth, on such a host."""
    if host is None:
        return _BANDS[min(3, path.count("/"))]
    depth = 0 if path == "/" else min(3, path.count("/"))
    return (_BANDS_OF_WILDCARDS if host.startswith(_ANY_LABEL) else _BANDS_OF_HOSTS)[depth]


def derived_priority(path: str, host: str | None = None) -> int:
    """A priority that depends only on host and path, so a new service never changes another's."""
    if path == "/" and host is None:
        return LOWEST_PRIORITY
    low, high = priority_band(path, host)
    digest = int.from_bytes(hashlib.sha256(f"{host or ''}{path}".encode()).digest()[:8], "big")
    return low + digest % (high - low + 1)


def routes(paths: Iterable[str], hosts: Iterable[str], priority: int | None) -> tuple[Route, ...]:
    """Every path on every host, or on all if none is named, in the order in which they are written.

    A priority in the manifest is that of the route which is tried first; the others follow it.
    """
    wanted = [Route(path, host, derived_priority(path, host)) for host in tuple(hosts) or (None,) for path in paths]
    if priority is None:
        return tuple(wanted)
    numbers = {route: priority + place for place, route in enumerate(sorted(wanted, key=_by_priority))}
    return tuple(Route(route.path, route.host, numbers[route]) for route in wanted)


def _by_priority(route: Route) -> tuple[int, str]:
    return route.priority, str(route)


def path_patterns(path: str) -> tuple[str, ...]:
    """What a listener rule matches for a path: the path itself and everything below it."""
    return ("/*",) if path == "/" else (path, f"{path}/*")
