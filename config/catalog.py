"""All services of one environment, checked against each other and against what the environment can hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.discovery import SERVICES, manifest_file, service_folders
from config.egress import check_egress
from config.errors import ConfigError
from config.image import ImageSource
from config.leftovers import notice
from config.manifest import load_service
from config.names import stack_id
from config.placement_checks import check_entrance, check_name, check_platforms, check_streams
from config.quota_checks import check_quotas, per_load_balancer
from config.recipe import sidecar_sources, source_of
from config.route_checks import check_routes
from config.sends import check_receivers_run, check_sends, fault_of_name
from config.service import HttpService, ServiceSpec, queue_variable
from config.settings import Platform, Settings, environments, settings_file


@dataclass(frozen=True)
class Catalog:
    """The services that this environment runs, sorted by name, the sources of their images and, by each service's name, of its
    sidecars' images; and notices for the user.
    """

    services: tuple[ServiceSpec, ...]
    images: Mapping[str, ImageSource] = field(default_factory=dict, compare=False)
    sidecar_images: Mapping[str, Mapping[str, ImageSource]] = field(default_factory=dict, compare=False)
    notices: tuple[str, ...] = field(default=(), compare=False)
    _orders: dict[Platform, tuple[ServiceSpec, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def service(self, name: str) -> ServiceSpec:
        """The service of that name. Raises KeyError when this environment does not run it."""
        for spec in self.services:
            if spec.name == name:
                return spec
        raise KeyError(name)

    def http_service(self, name: str) -> HttpService:
        """The http service of that name. Raises KeyError when this environment does not run one."""
        spec = self.service(name)
        if not isinstance(spec, HttpService):
            raise KeyError(name)
        return spec

    def callees(self, spec: ServiceSpec) -> tuple[HttpService, ...]:
        """The services that a service calls, as its manifest lists them."""
        return tuple(self.http_service(name) for name in spec.calls)

    def on(self, platform: Platform) -> tuple[ServiceSpec, ...]:
        """The platform's services in deployment order: callees before callers, ties by name.

        A cycle is broken at the service that waits for the fewest others, ties by name.
        """
        if platform not in self._orders:
            self._orders[platform] = tuple(_in_order([s for s in self.services if platform in s.platforms]))
        return self._orders[platform]

    def callers(self, name: str, platform: Platform) -> tuple[ServiceSpec, ...]:
        """The services on a platform that call the one named, sorted by name."""
        return tuple(s for s in self.services if platform in s.platforms and name in s.calls)

    def deployed_before(self, name: str, platform: Platform) -> tuple[ServiceSpec, ...]:
        """The callees that a service's stack waits for: all that it calls, except those that a cycle puts after it."""
        calls = self.service(name).calls
        order = self.on(platform)
        position = next(i for i, spec in enumerate(order) if spec.name == name)
        return tuple(spec for spec in order[:position] if spec.name in calls)


def load_catalog(root: Path, settings: Settings) -> Catalog:
    """Every service under services/ as this environment runs it. Raises ConfigError for the first fault."""
    known = environments(root)
    declared = tuple(load_service(folder, settings.environment, known) for folder in service_folders(root))
    _check_calls(declared)
    check_sends(declared)
    placed = tuple(_place(spec, settings) for spec in declared)
    services = tuple(spec for spec in placed if spec.platforms)
    for spec in services:
        check_name(spec)
        check_platforms(spec)
        check_entrance(spec, settings)
        check_egress(spec, settings)
        check_streams(spec, settings)
    _check_call_platforms(services)
    _check_addresses(Catalog(services))
    check_receivers_run(services)
    for routed in per_load_balancer(services).values():
        check_routes(routed)
    check_quotas(services, settings)
    _check_kept_repositories(declared, settings)
    # Of all services, not only those that run here: a mistake should show in every environment.
    images = {spec.name: source_of(root, spec, settings) for spec in declared}
    sidecar_images = {spec.name: sidecar_sources(spec, settings) for spec in declared}
    whole = Catalog(services)
    notices = (*_absences(placed, settings), *_unreachable(whole), *_cycles(whole), *_leftovers(images.values()))
    return Catalog(services, images, sidecar_images, notices)


# --- order -----------------------------------------------------------------------------------------------------------


def _in_order(specs: Iterable[ServiceSpec]) -> Iterator[ServiceSpec]:
    by_name = {spec.name: spec for spec in specs}
    waiting = {name: {c for c in spec.calls if c in by_name} for name, spec in by_name.items()}
    while waiting:
        ready = [name for name, callees in waiting.items() if not callees]
        name = min(ready or _innermost_cycles(waiting), key=lambda n: (len(waiting[n]), n))
        del waiting[name]
        for callees in waiting.values():
            callees.discard(name)
        yield by_name[name]


def _innermost_cycles(waiting: Mapping[str, set[str]]) -> list[str]:
    """The services in cycles that wait only for each other."""
    reached = {name: _reached(waiting, name) for name in waiting}
    return [name for name in waiting if all(name in reached[other] for other in reached[name])]


def _reached(waiting: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    ahead = set(waiting[start])
    while ahead:
        name = ahead.pop()
        seen.add(name)
        ahead |= waiting[name] - seen
    return seen


# --- one service in its environment ----------------------------------------------------------------------------------


def _place(spec: ServiceSpec, settings: Settings) -> ServiceSpec:
    both = tuple(p for p in Platform if p in spec.platforms and p in settings.platforms)
    return spec.model_copy(update={"platforms": both})


# --- between services ------------------------------------------------------------------------------------------------


def _check_calls(declared: tuple[ServiceSpec, ...]) -> None:
    by_name = {spec.name: spec for spec in declared}
    for spec in declared:
        for index, name in enumerate(spec.calls):
            fault = _fault_of_call(spec, name, by_name)
            if fault:
                raise ConfigError(manifest_file(spec.name), f"calls[{index}]", *fault)


def _fault_of_call(spec: ServiceSpec, name: str, by_name: Mapping[str, ServiceSpec]) -> tuple[str, str] | None:
    if fault := fault_of_name(spec, name, by_name):
        return fault
    if not isinstance(by_name[name], HttpService):
        return (
            f"is {name}, a {by_name[name].kind.value}, which does not listen",
            f"remove it, or make {name} kind: http",
        )
    return None


def _check_call_platforms(services: tuple[ServiceSpec, ...]) -> None:
    placed = {spec.name: spec.platforms for spec in services}
    for spec in services:
        for index, name in enumerate(spec.calls):
            missing = " and ".join(p.value for p in spec.platforms if p not in placed.get(name, ()))
            if missing:
                shared = [p.value for p in spec.platforms if p in placed.get(name, ())]
                own = f"set platforms: [{', '.join(shared)}] here, or " if shared else ""
                problem = f"is {name}, which does not run on {missing}, where this service does"
                remedy = f"{own}add {missing} to the platforms of {name}"
                raise ConfigError(manifest_file(spec.name), f"calls[{index}]", problem, remedy)


def _check_kept_repositories(declared: tuple[ServiceSpec, ...], settings: Settings) -> None:
    names = {spec.name for spec in declared}
    for index, name in enumerate(settings.keep_repositories):
        if name in names:
            remedy = "remove it: a service that has a folder keeps its repository anyway"
            file = settings_file(settings.environment)
            raise ConfigError(file, f"keep_repositories[{index}]", f"is {name}, whose folder still exists", remedy)


def _check_addresses(catalog: Catalog) -> None:
    """The variables with the addresses of what a service calls are nobody else's."""
    for spec in catalog.services:
        owners = {queue_variable(name): f"the queue of {name}" for name in spec.queues}
        for index, callee in enumerate(catalog.callees(spec)):
            for variable in callee.addresses:
                other = owners.setdefault(variable, callee.name)
                if other != callee.name:
                    problem = f"is {callee.name}, whose {variable} is also that of {other}"
                    raise ConfigError(manifest_file(spec.name), f"calls[{index}]", problem, "rename one of the two")
        for field_name, names in (("environment", spec.environment), ("secrets", spec.secrets)):
            for name in names:
                if name in owners:
                    problem = f"is set by calls: [{owners[name]}]"
                    raise ConfigError(manifest_file(spec.name), f"{field_name}.{name}", problem, "remove it")


# --- notices ---------------------------------------------------------------------------------------------------------


def _absences(placed: Iterable[ServiceSpec], settings: Settings) -> Iterator[str]:
    for spec in placed:
        if not spec.platforms:
            yield f"{SERVICES}/{spec.name} does not run in {settings.environment}, which has none of its platforms"


def _unreachable(catalog: Catalog) -> Iterator[str]:
    for spec in catalog.services:
        if isinstance(spec, HttpService) and not spec.routed:
            lonely = " and ".join(p.value for p in spec.platforms if not catalog.callers(spec.name, p))
            if lonely:
                yield f"{SERVICES}/{spec.name} has no path, and on {lonely} no service calls it: nothing reaches it"


def _cycles(catalog: Catalog) -> Iterator[str]:
    """Only Service Connect has this problem: Kubernetes resolves a name each time it is used."""
    for spec in catalog.on(Platform.ECS):
        before = {s.name for s in catalog.deployed_before(spec.name, Platform.ECS)}
        late = " and ".join(sorted(set(spec.calls) - before))
        if late:
            yield (
                f"{SERVICES}/{spec.name} is in a cycle of calls: on ecs it starts before {late} and cannot find it "
                f"until its tasks restart, so redeploy {stack_id(Platform.ECS, spec.name)} once after the first deployment"
            )


def _leftovers(images: Iterable[ImageSource]) -> Iterator[str]:
    yield from filter(None, (notice(image.context) for image in images))
