"""All services of one environment, checked against each other and against what the environment can hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from config import limits
from config.discovery import SERVICES, manifest_file, service_folders
from config.errors import ConfigError, did_you_mean, shown
from config.image import ImageSource
from config.leftovers import notice
from config.manifest import load_service
from config.names import stack_id
from config.quota_checks import check_quotas
from config.routing import priority_band
from config.service import HttpService, Job, ServiceSpec
from config.settings import Egress, Platform, Settings, environments, settings_file


@dataclass(frozen=True)
class Catalog:
    """The services that this environment runs, sorted by name, the sources of their images, and notices for the user."""

    services: tuple[ServiceSpec, ...]
    images: Mapping[str, ImageSource] = field(default_factory=dict, compare=False)
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
    placed = tuple(_place(spec, settings) for spec in declared)
    services = tuple(spec for spec in placed if spec.platforms)
    for spec in services:
        _check_name(spec)
        _check_platforms(spec)
        _check_streams(spec, settings)
    _check_call_platforms(services)
    for platform in Platform:
        _check_routes([s for s in services if isinstance(s, HttpService) and platform in s.platforms])
    check_quotas(services, settings)
    _check_kept_repositories(declared, settings)
    # Of all services, not only those that run here: a mistake should show in every environment.
    images = {spec.name: ImageSource.of(root, spec.folder, settings) for spec in declared}
    notices = (*_absences(placed, settings), *_cycles(Catalog(services)), *_leftovers(images.values()))
    return Catalog(services, images, notices)


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


def _check_name(spec: ServiceSpec) -> None:
    """A folder's name is already a DNS label (63 characters); ECR, log groups and alarms allow that with any prefix."""
    if isinstance(spec, Job) and Platform.EKS in spec.platforms and len(spec.name) > limits.CRON_JOB_NAME:
        problem = f"gives a CronJob a name of {len(spec.name)} characters, and Kubernetes allows {limits.CRON_JOB_NAME}"
        remedy = f"rename the folder to {limits.CRON_JOB_NAME} characters or fewer, or set platforms: [ecs]"
        raise ConfigError(f"{SERVICES}/{spec.name}", "folder", problem, remedy)


def _check_platforms(spec: ServiceSpec) -> None:
    file = manifest_file(spec.name)
    if Platform.ECS in spec.platforms and not limits.is_fargate_pair(spec.cpu, spec.memory):
        cpu, memory = limits.nearest_fargate_pair(spec.cpu, spec.memory)
        wrong = "memory" if spec.cpu in limits.FARGATE_MEMORY else "cpu"
        problem = f"is {getattr(spec, wrong)}; Fargate has no task of cpu {spec.cpu} and memory {spec.memory}"
        raise ConfigError(file, wrong, problem, f"write cpu: {cpu} and memory: {memory}")
    by_requests = isinstance(spec, HttpService) and spec.scaling.requests_target is not None
    if Platform.EKS in spec.platforms and by_requests:
        problem = "cannot be measured on eks, where this service also runs"
        raise ConfigError(file, "scaling.requests_target", problem, "set platforms: [ecs], or use cpu_target")
    if Platform.ECS in spec.platforms and isinstance(spec, Job) and spec.calls:
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect.html: only services resolve names
        problem = "cannot be resolved on ecs, where a scheduled task has no Service Connect"
        raise ConfigError(file, "calls", problem, "set platforms: [eks], or remove it")


def _check_streams(spec: ServiceSpec, settings: Settings) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-streams.html: no gateway endpoint has them."""
    fields = {"table": spec.table, **{f"tables.{name}": table for name, table in spec.tables.items()}}
    for name, table in fields.items():
        if table and table.stream and settings.egress is Egress.ENDPOINTS:
            problem = f"cannot be read in {settings.environment}, where egress is endpoints: they do not reach streams"
            raise ConfigError(
                manifest_file(spec.name), f"{name}.stream", problem, "remove it, or change the setting egress"
            )


# --- between services ------------------------------------------------------------------------------------------------


def _check_calls(declared: tuple[ServiceSpec, ...]) -> None:
    by_name = {spec.name: spec for spec in declared}
    for spec in declared:
        for index, name in enumerate(spec.calls):
            fault = _fault_of_call(spec, name, by_name)
            if fault:
                raise ConfigError(manifest_file(spec.name), f"calls[{index}]", *fault)


def _fault_of_call(spec: ServiceSpec, name: str, by_name: Mapping[str, ServiceSpec]) -> tuple[str, str] | None:
    if name == spec.name:
        return "is the service itself", "remove it"
    if name not in by_name:
        others = [n for n in by_name if n != spec.name]
        remedy = did_you_mean(name, others, else_say=f"remove it, or add {SERVICES}/{name}/")
        return f"is {shown(name)}, which is not a service", remedy
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


def _check_routes(routed: list[HttpService]) -> None:
    by_path: dict[str, HttpService] = {}
    by_priority: dict[int, HttpService] = {}
    for spec in routed:
        same_path = by_path.setdefault(spec.path, spec)
        if same_path is not spec:
            problem = f"is {spec.path}, as in {manifest_file(same_path.name)}"
            raise ConfigError(manifest_file(spec.name), "path", problem, "give each service its own path")
        same_priority = by_priority.setdefault(spec.listener_priority, spec)
        if same_priority is not spec:
            raise _priority_collision(same_priority, spec, {s.listener_priority for s in routed})
    for spec in routed:
        for parent in PurePosixPath(spec.path).parents:
            _refuse_hidden(by_path.get(str(parent)), spec)


def _priority_collision(one: HttpService, other: HttpService, taken: set[int]) -> ConfigError:
    only_one_sets_it = one.priority is not None and other.priority is None
    changed, kept = (one, other) if only_one_sets_it else (other, one)
    low, high = priority_band(changed.path)
    candidates = (*range(changed.listener_priority + 1, high + 1), *range(low, high + 1))
    free = next(p for p in candidates if p not in taken)
    problem = f"is {changed.listener_priority}, the same as for {kept.name}"
    remedy = f"set priority: {free} in {manifest_file(changed.name)}"
    return ConfigError(manifest_file(changed.name), "priority", problem, remedy)


def _refuse_hidden(outer: HttpService | None, inner: HttpService) -> None:
    """The rule of a path also matches everything below it, so a deeper path must be tried first."""
    if outer is None or outer.path == inner.path or outer.listener_priority > inner.listener_priority:
        return
    changed = outer if outer.priority is not None else inner
    problem = f"is {changed.priority}, so {outer.path} ({outer.name}) hides {inner.path} ({inner.name})"
    raise ConfigError(manifest_file(changed.name), "priority", problem, "remove it: the deeper path then comes first")


def _check_kept_repositories(declared: tuple[ServiceSpec, ...], settings: Settings) -> None:
    names = {spec.name for spec in declared}
    for index, name in enumerate(settings.keep_repositories):
        if name in names:
            remedy = "remove it: a service that has a folder keeps its repository anyway"
            file = settings_file(settings.environment)
            raise ConfigError(file, f"keep_repositories[{index}]", f"is {name}, whose folder still exists", remedy)


# --- notices ---------------------------------------------------------------------------------------------------------


def _absences(placed: Iterable[ServiceSpec], settings: Settings) -> Iterator[str]:
    for spec in placed:
        if not spec.platforms:
            yield f"{SERVICES}/{spec.name} does not run in {settings.environment}, which has none of its platforms"


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
