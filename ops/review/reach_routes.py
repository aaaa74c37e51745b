"""Which requests a load balancer's rule takes, and which a rule before it has taken already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.review.reach_rules import listed, mapping, objects

_PATHS: Final = "path-pattern"
_HOSTS: Final = "host-header"
_SIGNS_IN: Final = ("authenticate-oidc", "authenticate-cognito", "jwt-validation")


@dataclass(frozen=True)
class Route:
    """Requests by their path, and all below it.

    Attributes:
        path: e.g. /tracking; / is every path.
        host: empty for every host.
        by: what else a request needs.
        exact: True if nothing below the path is included.
    """

    path: str
    host: str = ""
    by: str = ""
    exact: bool = False

    def __str__(self) -> str:
        path = f"{self.path} only" if self.exact and self.path else self.path
        return f"{self.host}{path}" + (f" with {self.by}" if self.by else "")


def routed(rule: Mapping[str, Any]) -> list[Route]:
    """The routes of a listener's rule.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
    """
    paths: list[str] = []
    hosts: list[str] = []
    others: set[str] = set()
    for condition in objects(rule.get("Conditions")):
        field = str(condition.get("Field"))
        config = {_PATHS: "PathPatternConfig", _HOSTS: "HostHeaderConfig"}.get(field)
        if config is None:
            others.add(field)
            continue
        found = mapping(condition.get(config))
        values = [str(one) for holder in (condition, found) for one in listed(holder.get("Values"))]
        values += [f"~{one}" for one in listed(found.get("RegexValues"))]
        (paths if field == _PATHS else hosts).extend(values)
    others |= {str(one.get("Type")) for one in objects(rule.get("Actions")) if one.get("Type") in _SIGNS_IN}
    by = ", ".join(sorted(others))
    return [
        Route(path, host, by, exact)
        for host in sorted(set(hosts)) or [""]
        for path, exact in _prefixes(paths or ["/*"])
    ]


def _prefixes(patterns: list[str]) -> list[tuple[str, bool]]:
    """The paths that patterns stand for: /a and /a/* are /a; only /a is /a alone."""
    wanted = set(patterns)
    found: set[tuple[str, bool]] = set()
    for pattern in wanted:
        if pattern in {"*", "/*"}:
            found.add(("/", False))
        elif pattern.endswith("/*"):
            found.add((pattern[:-2] if pattern[:-2] in wanted else pattern, False))
        elif f"{pattern}/*" not in wanted:
            found.add((pattern, "*" not in pattern))
    return sorted(found)


class Seen:
    """The requests that the rules so far have taken. A rule after one that takes all of its requests never gets any."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, str]] = set()
        self._exact: set[tuple[str, str]] = set()

    def add(self, routes: Iterable[Route]) -> None:
        """Notes what a rule takes."""
        for route in routes:
            if not route.by and "*" not in route.path:
                (self._exact if route.exact else self._taken).add((route.host, route.path))

    def left(self, routes: Iterable[Route]) -> list[Route]:
        """The routes that get requests."""
        return [route for route in routes if not self._is_taken(route)]

    def _is_taken(self, route: Route) -> bool:
        hosts = {route.host, ""}
        if route.exact and any((host, route.path) in self._exact for host in hosts):
            return True
        parts = route.path.split("/")
        above = {"/".join(parts[:length]) or "/" for length in range(1, len(parts) + 1)} | {"/"}
        return bool(route.path) and any((host, path) in self._taken for host in hosts for path in above)
