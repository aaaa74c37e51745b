"""Checks settings and manifests in a fraction of a second, without the CDK, an AWS account or a container engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from config.catalog import Catalog, load_catalog
from config.service import HttpService, Job, ServiceSpec
from config.settings import Settings, environments, load_settings, overrides_from_context


def check(root: Path, chosen: str | None, context: Mapping[str, str]) -> Iterator[str]:
    """Loads one environment, or all, and yields one line per environment and per service.

    Args:
        root: the project's folder.
        chosen: the environment; None for the one that the context names, or all.
        context: settings that override the environment's file, as with `cdk -c`.

    Raises:
        ConfigError: the first fault.
    """
    overrides = overrides_from_context(context)
    name = chosen if chosen is not None else context.get("env")
    names: Iterable[str] = environments(root) if name is None else [name]
    for environment in names:
        settings = load_settings(root, environment, overrides)
        yield from _lines(settings, load_catalog(root, settings))


def _lines(settings: Settings, catalog: Catalog) -> Iterator[str]:
    platforms = " and ".join(platform.value for platform in settings.platforms)
    yield f"{settings.environment}: {len(catalog.services)} services on {platforms}"
    width = max((len(spec.name) for spec in catalog.services), default=0)
    for spec in catalog.services:
        yield f"  {spec.name:{width}}  {', '.join(_facts(spec))}"
    yield from (f"  note: {notice}" for notice in catalog.notices)


def _facts(spec: ServiceSpec) -> Iterator[str]:
    yield spec.kind.value
    yield "+".join(platform.value for platform in spec.platforms)
    if isinstance(spec, HttpService):
        yield ", ".join(f"{route} at priority {route.priority}" for route in spec.routes) or "only for its callers"
    if isinstance(spec, Job):
        yield f"{spec.schedule} {spec.timezone}"
    yield f"cpu {spec.cpu}, memory {spec.memory}"
    if spec.calls:
        yield f"calls {' '.join(spec.calls)}"
    if spec.sends:
        yield f"sends to {' '.join(spec.sends)}"
