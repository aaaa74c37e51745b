"""Reads one service.yaml and applies an environment's overrides."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from config.discovery import MANIFEST, manifest_file
from config.errors import ConfigError, did_you_mean, shown
from config.service import KINDS, Kinded, ServiceSpec
from config.strict_yaml import read_mapping, without_nulls
from config.validation import Location, Where, dotted, validate

MERGED_BY_KEY: Final = frozenset(
    {
        "before_deploy",
        "bucket",
        "build",
        "environment",
        "health",
        "queue",
        "scaling",
        "secrets",
        "sidecars",
        "table",
        "tables",
    }
)
"""Fields that an override merges key by key; it replaces all others."""


def load_service(folder: Path, environment: str, environments: tuple[str, ...]) -> ServiceSpec:
    """The service in `folder` as `environment` has it, on the platforms that the manifest lists.

    The overrides of every environment are checked, so a mistake shows at once. Raises ConfigError.
    """
    file = manifest_file(folder.name)
    data = read_mapping(folder / MANIFEST, file)
    overrides = data.pop("overrides", None) or {}
    if not isinstance(overrides, dict):
        problem = f"is {shown(overrides)}, not a mapping"
        raise ConfigError(file, "overrides", problem, "write what differs, e.g. overrides: {sandbox: {memory: 1024}}")
    chosen = _validated(data, folder, prefix="", overridden=frozenset())
    for name, changes in overrides.items():
        spec = _override(data, name, changes, folder, environments)
        chosen = spec if name == environment else chosen
    return chosen


def _override(
    data: dict[str, Any], name: str, changes: object, folder: Path, environments: tuple[str, ...]
) -> ServiceSpec:
    file, field = manifest_file(folder.name), f"overrides.{name}"
    if name not in environments:
        remedy = did_you_mean(name, environments, else_say=f"write one of {', '.join(environments)}")
        raise ConfigError(file, field, "is not an environment", remedy)
    if not isinstance(changes, dict):
        problem = f"is {shown(changes)}, not a mapping"
        raise ConfigError(file, field, problem, "write the fields that differ, e.g. {memory: 1024}")
    if "overrides" in changes:
        raise ConfigError(file, f"{field}.overrides", "is nested", "write the fields themselves")
    if "kind" in changes:
        raise ConfigError(file, f"{field}.kind", "cannot differ between environments", "remove it, or add a service")
    return _validated(_merged(data, changes), folder, prefix=f"{field}.", overridden=frozenset(changes))


def _merged(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(data)
    for key, value in changes.items():
        base = _expanded(key, data.get(key))
        if key in MERGED_BY_KEY and isinstance(base, dict) and isinstance(value, dict):
            result[key] = {**base, **value}
        else:
            result[key] = value
    return result


def _expanded(key: str, value: object) -> object:
    """A value in its long form, with whose keys others can be merged: that of health is a mapping."""
    return {"path": value} if key == "health" and isinstance(value, str) else value


def _validated(data: dict[str, Any], folder: Path, *, prefix: str, overridden: frozenset[str]) -> ServiceSpec:
    where = _in_manifest(manifest_file(folder.name), prefix, overridden)
    for key in sorted(ServiceSpec.given_by_loader & data.keys()):
        file, field = where((key,))
        problem = "is not a key: the folder's name is the service's name"
        raise ConfigError(file, field, problem, "remove this line")
    given = {**without_nulls(data), "name": folder.name, "folder": str(folder)}
    return validate(_type_of(given, where), given, where)


def _type_of(given: dict[str, Any], where: Where) -> type[ServiceSpec]:
    """The type that the manifest's `kind` names. Checked first, since it determines which other keys are allowed."""
    return KINDS[validate(Kinded, {"kind": given["kind"]} if "kind" in given else {}, where).kind]


def _in_manifest(file: str, prefix: str, overridden: frozenset[str]) -> Where:
    def where(location: Location) -> tuple[str, str]:
        return file, (prefix if location and location[0] in overridden else "") + dotted(location)

    return where
