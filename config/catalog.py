"""All services of one environment: found, loaded, and checked against each other and against what the environment can hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from config import limits
from config.errors import ConfigError, did_you_mean, shown
from config.service import Kind, ServiceSpec, priority_band
from config.settings import Platform, Settings, environments, without_nulls
from config.strict_yaml import read_mapping
from config.validation import Location, Where, dotted, validate, visible_fields

SERVICES: Final = "services"
MANIFEST: Final = "service.yaml"
REQUIRED_FILES: Final = (MANIFEST, "Dockerfile", ".dockerignore")

_MERGED_BY_KEY: Final = ("environment", "secrets", "scaling", "table")  # an override says only what differs
_RESERVED_NAMES: Final = frozenset({"localhost", "kubernetes", "aws"})
_LONGEST_ROLE_SUFFIX: Final = "-execution"


@dataclass(frozen=True)
class Catalog:
    """The services that this environment runs, sorted by name, and what is worth saying about them."""

    services: tuple[ServiceSpec, ...]
    notices: tuple[str, ...] = field(default=(), compare=False)

    def service(self, name: str) -> ServiceSpec:
        """The service of that name. Raises KeyError when this environment does not run it."""
        for spec in self.services:
            if spec.name == name:
                return spec
        raise KeyError(name)

    def on(self, platform: Platform) -> tuple[ServiceSpec, ...]:
        """The platform's services in deployment order: callees before callers, ties by name.

        A cycle is broken at the service that waits for the fewest others, ties by name.
        """
        waiting = {s.name: s for s in self.services if platform in s.platforms}
        order: list[ServiceSpec] = []
        while waiting:
            name = min(waiting, key=lambda n: (sum(c in waiting for c in waiting[n].calls), n))
            order.append(waiting.pop(name))
        return tuple(order)

    def callers(self, name: str, platform: Platform) -> tuple[ServiceSpec, ...]:
        """The services on a platform that call the one named, sorted by name."""
        return tuple(s for s in self.services if platform in s.platforms and name in s.calls)

    def deployed_before(self, name: str, platform: Platform) -> tuple[ServiceSpec, ...]:
        """The callees that a service's stack waits for: all that it calls, but for those that a cycle puts after it."""
        order = self.on(platform)
        names = [s.name for s in order]
        calls = self.service(name).calls
        return tuple(s for s in order[: names.index(name)] if s.name in calls)


def load_catalog(root: Path, settings: Settings) -> Catalog:
    """Every service under services/ as this environment runs it. Raises ConfigError for the first fault."""
    declared = tuple(_load(root, folder, settings) for folder in _folders(root))
    _check_calls(declared)
    placed = tuple(_place(spec, settings) for spec in declared)
    services = tuple(spec for spec in placed if spec.platforms)
    for spec in services:
        _check_names(spec, settings)
        _check_platforms(spec)
    _check_call_platforms(services, declared)
    _check_paths(services)
    _check_kept_repositories(declared, settings)
    return Catalog(services, (*_absences(placed, settings), *_cycles(Catalog(services))))


def manifest_file(name: str) -> str:
    """How messages call a service's manifest."""
    return f"{SERVICES}/{name}/{MANIFEST}"


# --- finding -----------------------------------------------------------------------------------------------------------------


def _folders(root: Path) -> list[Path]:
    base = root / SERVICES
    if not base.is_dir():
        raise ConfigError(SERVICES, "folder", "is missing", "make it, with one folder a service")
    _refuse_leaving(root, base, SERVICES)
    folders = [entry for entry in sorted(base.iterdir()) if _is_service(entry)]
    if not folders:
        raise ConfigError(
            SERVICES,
            "folder",
            "holds no service",
            "add services/<name>/ with service.yaml, Dockerfile and .dockerignore",
        )
    by_lower: dict[str, str] = {}
    for folder in folders:
        other = by_lower.setdefault(folder.name.lower(), folder.name)
        if other != folder.name:
            raise ConfigError(
                f"{SERVICES}/{folder.name}", "folder", f"differs from {other} by case alone", "rename one of the two"
            )
    for folder in folders:
        _check_folder(root, folder)
    return folders


def _is_service(entry: Path) -> bool:
    if entry.name.startswith(".") or entry.name in ("__pycache__", "README.md"):
        return False
    if entry.is_dir() or entry.is_symlink():
        return True
    raise ConfigError(
        f"{SERVICES}/{entry.name}",
        "file",
        "is not a folder",
        "move it into the service it belongs to, or out of services/",
    )


def _check_folder(root: Path, folder: Path) -> None:
    relative = f"{SERVICES}/{folder.name}"
    _refuse_leaving(root, folder, relative)
    _check_folder_name(folder.name, relative)
    for name in REQUIRED_FILES:
        file = folder / name
        _refuse_leaving(root, file, f"{relative}/{name}")
        if not file.exists():
            raise ConfigError(f"{relative}/{name}", "file", "is missing", _WHY_REQUIRED[name])
        if not file.is_file():
            raise ConfigError(f"{relative}/{name}", "file", "is not a regular file", "put a file there")


_WHY_REQUIRED: Final = {
    MANIFEST: "write it (docs/manifest.md lists the keys), or take the folder away",
    "Dockerfile": "write it, or take the folder away",
    ".dockerignore": "write it, so that tests and caches stay out of the image and its tag",
}


def _check_folder_name(name: str, relative: str) -> None:
    annotation = next(m for m in ServiceSpec.model_fields["name"].metadata if hasattr(m, "check"))
    try:
        annotation.check(name)
    except Exception as error:
        context = getattr(error, "context", None)
        if not context:
            raise
        suggestion = "-".join(
            part for part in "".join(c if c.isalnum() and c.isascii() else "-" for c in name.lower()).split("-") if part
        )
        remedy = f"rename the folder, e.g. {suggestion}" if suggestion[:1].isalpha() else context["remedy"]
        raise ConfigError(
            relative,
            "folder",
            "is no name for a service (lower-case letters, digits and single hyphens, a letter first)",
            remedy,
        ) from None
    if name in _RESERVED_NAMES or name.startswith("aws-"):
        raise ConfigError(relative, "folder", f"has the name {name}, which is taken", "rename the folder")


def _refuse_leaving(root: Path, path: Path, relative: str) -> None:
    """A symbolic link must not bring files from outside the project into an image."""
    try:
        target = path.resolve()
    except (OSError, RuntimeError):
        raise ConfigError(relative, "link", "leads in a circle", "put the file itself there") from None
    if not target.is_relative_to(root.resolve()):
        raise ConfigError(relative, "link", "leads outside the project", "put the file itself there")
    if path.is_symlink() and not target.exists():
        raise ConfigError(relative, "link", "leads nowhere", "put the file itself there")


# --- loading one -------------------------------------------------------------------------------------------------------------


def _load(root: Path, folder: Path, settings: Settings) -> ServiceSpec:
    file = manifest_file(folder.name)
    data = read_mapping(folder / MANIFEST, file)
    overrides = data.pop("overrides", None) or {}
    _refuse_loaders_keys(data, file, "")
    own = validate(ServiceSpec, _with_folder(without_nulls(data), folder), _in_manifest(file, "", frozenset()))
    if not isinstance(overrides, dict):
        raise ConfigError(file, "overrides", f"is {shown(overrides)}, not a mapping", "write {sandbox: {memory: 1024}}")
    known = environments(root)
    chosen = own
    for name, changes in overrides.items():
        spec = _override(data, name, changes, folder, known)
        chosen = spec if name == settings.environment else chosen
    return chosen


def _override(data: dict[str, Any], name: str, changes: Any, folder: Path, known: tuple[str, ...]) -> ServiceSpec:
    """The service as one environment has it; every environment is checked, so that no mistake waits for another day."""
    file, field_name = manifest_file(folder.name), f"overrides.{name}"
    if name not in known:
        raise ConfigError(
            file,
            field_name,
            "is no environment",
            did_you_mean(name, known, else_say=f"write one of {', '.join(known)}"),
        )
    if not isinstance(changes, dict):
        raise ConfigError(
            file, field_name, f"is {shown(changes)}, not a mapping", "write the fields that differ, e.g. {memory: 1024}"
        )
    _refuse_loaders_keys(changes, file, f"{field_name}.")
    if "overrides" in changes:
        raise ConfigError(file, f"{field_name}.overrides", "is nested", "write the fields themselves")
    merged = dict(data)
    for key, value in changes.items():
        base = merged.get(key)
        merged[key] = (
            {**base, **value} if key in _MERGED_BY_KEY and isinstance(base, dict) and isinstance(value, dict) else value
        )
    return validate(
        ServiceSpec,
        _with_folder(without_nulls(merged), folder),
        _in_manifest(file, f"{field_name}.", frozenset(changes)),
    )


def _refuse_loaders_keys(data: dict[str, Any], file: str, prefix: str) -> None:
    for key in ServiceSpec.given_by_loader & data.keys():
        raise ConfigError(
            file, f"{prefix}{key}", "is no key: the folder's name is the service's name", "take this line out"
        )


def _with_folder(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {**data, "name": folder.name, "folder": str(folder)}


def _in_manifest(file: str, prefix: str, overridden: frozenset[str]) -> Where:
    def where(location: Location) -> tuple[str, str]:
        return file, (prefix if location and location[0] in overridden else "") + dotted(location)

    return where


def _place(spec: ServiceSpec, settings: Settings) -> ServiceSpec:
    return spec.model_copy(
        update={"platforms": tuple(p for p in Platform if p in spec.platforms and p in settings.platforms)}
    )


# --- one service in its environment ------------------------------------------------------------------------------------------


def _check_names(spec: ServiceSpec, settings: Settings) -> None:
    full = f"{settings.prefix}-{spec.name}"
    bounds = [(f"{full}{_LONGEST_ROLE_SUFFIX}", limits.ROLE_NAME, "an IAM role's")]
    if spec.kind is Kind.HTTP:
        bounds.append((full, limits.TARGET_GROUP_NAME, "a target group's"))
    if spec.kind is Kind.JOB:
        bounds.append((spec.name, limits.CRON_JOB_NAME, "a CronJob's"))
    for name, longest, whose in bounds:
        if len(name) > longest:
            over = len(name) - longest
            raise ConfigError(
                f"{SERVICES}/{spec.name}",
                "folder",
                f"makes {whose} name {name}, {len(name)} characters where {longest} are allowed",
                f"rename the folder to {len(spec.name) - over} characters or fewer",
            )


def _check_platforms(spec: ServiceSpec) -> None:
    file = manifest_file(spec.name)
    if Platform.ECS in spec.platforms and not limits.is_fargate_pair(spec.cpu, spec.memory):
        cpu, memory = limits.nearest_fargate_pair(spec.cpu, spec.memory)
        at_fault = "memory" if spec.cpu in limits.FARGATE_MEMORY else "cpu"
        raise ConfigError(
            file,
            at_fault,
            f"is {getattr(spec, at_fault)}; Fargate has no task of cpu {spec.cpu} and memory {spec.memory}",
            f"write cpu: {cpu} and memory: {memory}",
        )
    if Platform.EKS in spec.platforms and spec.scaling.requests_target is not None:
        raise ConfigError(
            file,
            "scaling.requests_target",
            "cannot be measured on eks, where this service runs too",
            "set platforms: [ecs], or use cpu_target",
        )


# --- between services --------------------------------------------------------------------------------------------------------


def _check_calls(declared: tuple[ServiceSpec, ...]) -> None:
    by_name = {spec.name: spec for spec in declared}
    for spec in declared:
        for index, name in enumerate(spec.calls):
            place = f"calls[{index}]"
            if name == spec.name:
                raise ConfigError(manifest_file(spec.name), place, "is the service itself", "take it out")
            if name not in by_name:
                remedy = did_you_mean(name, by_name, else_say=f"take it out, or add {SERVICES}/{name}/")
                raise ConfigError(manifest_file(spec.name), place, f"is {shown(name)}, which is no service", remedy)
            if by_name[name].kind is not Kind.HTTP:
                raise ConfigError(
                    manifest_file(spec.name),
                    place,
                    f"is {name}, a {by_name[name].kind.value}, which does not listen",
                    f"take it out, or make {name} kind: http",
                )


def _check_call_platforms(services: tuple[ServiceSpec, ...], declared: tuple[ServiceSpec, ...]) -> None:
    platforms = {spec.name: spec.platforms for spec in services}
    for spec in services:
        for index, name in enumerate(spec.calls):
            missing = [p.value for p in spec.platforms if p not in platforms.get(name, ())]
            if missing:
                shared = [p.value for p in spec.platforms if p.value not in missing]
                own = f"set platforms: [{', '.join(shared)}] here, or " if shared else ""
                raise ConfigError(
                    manifest_file(spec.name),
                    f"calls[{index}]",
                    f"is {name}, which is not on {' and '.join(missing)} as its caller is",
                    f"{own}add {' and '.join(missing)} to the platforms of {name}",
                )


def _check_paths(services: tuple[ServiceSpec, ...]) -> None:
    for platform in Platform:
        routed = [s for s in services if s.kind is Kind.HTTP and platform in s.platforms]
        if len(routed) > limits.LISTENER_RULES:
            raise ConfigError(
                SERVICES,
                "folder",
                f"holds {len(routed)} http services on {platform.value}, and one load balancer routes {limits.LISTENER_RULES}",
                "make some of them workers, or put them on the other platform",
            )
        for one, other in combinations(routed, 2):
            _check_pair(one, other, routed)


def _check_pair(one: ServiceSpec, other: ServiceSpec, routed: list[ServiceSpec]) -> None:
    if one.path == other.path:
        raise ConfigError(
            manifest_file(other.name),
            "path",
            f"is {other.path}, as in {manifest_file(one.name)}",
            "give each service a path of its own",
        )
    if one.listener_priority == other.listener_priority:
        culprit, rival = (one, other) if one.priority is not None and other.priority is None else (other, one)
        free = _free_priority(culprit, {s.listener_priority for s in routed})
        raise ConfigError(
            manifest_file(culprit.name),
            "priority",
            f"is {culprit.listener_priority}, as for {rival.name}",
            f"set priority: {free} in {manifest_file(culprit.name)}",
        )
    outer, inner = (one, other) if len(one.path or "") < len(other.path or "") else (other, one)
    if (inner.path or "").startswith(f"{outer.path}/") and outer.listener_priority < inner.listener_priority:
        changed = outer if outer.priority is not None else inner
        say = (
            f"is {outer.priority}, so that {outer.path} hides {inner.path} of {inner.name}"
            if changed is outer
            else f"is {inner.priority}, so that {outer.path} of {outer.name} hides {inner.path}"
        )
        raise ConfigError(manifest_file(changed.name), "priority", say, "take it out: the deeper path then comes first")


def _free_priority(spec: ServiceSpec, taken: set[int]) -> int:
    low, high = priority_band(spec.path or "/")
    start = spec.listener_priority
    return next(p for p in (*range(start + 1, high + 1), *range(low, start)) if p not in taken)


def _check_kept_repositories(declared: tuple[ServiceSpec, ...], settings: Settings) -> None:
    names = {spec.name for spec in declared}
    for index, name in enumerate(settings.keep_repositories):
        if name in names:
            raise ConfigError(
                f"config/environments/{settings.environment}.yaml",
                f"keep_repositories[{index}]",
                f"is {name}, whose folder is there",
                "take it out: the repository of a service stays anyway",
            )


# --- what is worth saying ----------------------------------------------------------------------------------------------------


def _absences(placed: Iterable[ServiceSpec], settings: Settings) -> Iterator[str]:
    for spec in placed:
        if not spec.platforms:
            yield f"{SERVICES}/{spec.name} is not in {settings.environment}, which has none of its platforms"


def _cycles(catalog: Catalog) -> Iterator[str]:
    """Service Connect alone knows the problem: Kubernetes resolves names when they are used."""
    order = [s.name for s in catalog.on(Platform.ECS)]
    for spec in catalog.on(Platform.ECS):
        late = sorted(n for n in spec.calls if order.index(n) > order.index(spec.name))
        if late:
            yield (
                f"{SERVICES}/{spec.name} and {' and '.join(late)} call each other in a cycle: on ecs {spec.name} starts first and cannot "
                f"find {' and '.join(late)} until its tasks start anew; after the first deployment redeploy Ecs-{spec.name} once"
            )
