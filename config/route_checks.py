"""Which service answers a request: every host and path has one, and none takes what is another's."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.discovery import manifest_file
from config.errors import ConfigError
from config.limits import LOWEST_PRIORITY
from config.routing import Route, priority_band
from config.service import HttpService


@dataclass(frozen=True)
class _Owned:
    spec: HttpService
    route: Route

    @property
    def file(self) -> str:
        return manifest_file(self.spec.name)

    @property
    def field(self) -> str:
        """The key of the manifest that the route comes from."""
        if self.route.path == self.spec.path:
            return "path"
        if self.route.path in self.spec.paths:
            return f"paths[{self.spec.paths.index(self.route.path)}]"
        return "hosts"


def check_routes(services: Iterable[HttpService]) -> None:
    """Checks the services of one load balancer against each other. Raises ConfigError for the first fault."""
    owned = [_Owned(spec, route) for spec in services for route in spec.routes]
    by_place: dict[tuple[str | None, str], _Owned] = {}
    by_priority: dict[int, _Owned] = {}
    for one in owned:
        same_place = by_place.setdefault((one.route.host, one.route.path), one)
        if same_place is not one:
            raise _twins(same_place, one)
        same_priority = by_priority.setdefault(one.route.priority, one)
        if same_priority is not one:
            raise _priority_collision(same_priority, one, owned)
    for one, other in itertools.permutations(owned, 2):
        if one.spec is not other.spec and one.route.takes_from(other.route):
            raise _hidden(one, other, owned)


def _twins(first: _Owned, second: _Owned) -> ConfigError:
    host = second.route.host
    problem = f"is {second.route.path}{f' on {host}' if host else ''}, as in {first.file}"
    remedy = "give each service its own path" + (" or host" if host else "")
    return ConfigError(second.file, second.field, problem, remedy)


def _priority_collision(one: _Owned, other: _Owned, owned: Sequence[_Owned]) -> ConfigError:
    only_one_sets_it = one.spec.priority is not None and other.spec.priority is None
    changed, kept = (one, other) if only_one_sets_it else (other, one)
    low, high = priority_band(changed.route.path, changed.route.host)
    held = {each.route.priority for each in owned}
    candidates = (*range(changed.route.priority + 1, high + 1), *range(low, high + 1))
    free = next(p for p in candidates if _fits(p, changed.spec, held))
    problem = f"is {changed.route.priority}, the same as for {kept.spec.name}"
    return ConfigError(changed.file, "priority", problem, f"set priority: {free} in {changed.file}")


def _fits(priority: int, spec: HttpService, held: set[int]) -> bool:
    """Whether all routes of a service find a place from this priority on."""
    return held.isdisjoint(range(priority, priority + len(spec.routes)))


def _hidden(outer: _Owned, inner: _Owned, owned: Iterable[_Owned]) -> ConfigError:
    """The rule of a path also matches everything below it, so the closer match must be tried first."""
    says = f"so {outer.route} ({outer.spec.name}) hides {inner.route} ({inner.spec.name})"
    changed = outer if outer.spec.priority is not None else inner
    if changed.spec.priority is not None:
        problem = f"is {changed.spec.priority}, {says}"
        return ConfigError(changed.file, "priority", problem, "remove it: the deeper path then comes first")
    held = {each.route.priority for each in owned}
    free = next(p for p in range(inner.route.priority + 1, LOWEST_PRIORITY) if _fits(p, outer.spec, held))
    problem = f"is {outer.route.priority} unless set, {says}"
    return ConfigError(outer.file, "priority", problem, f"set priority: {free} in {outer.file}")
