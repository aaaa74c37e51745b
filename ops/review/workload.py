"""What describes a service on one platform, by the names that its manifest has for it, and how to read that from any JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.errors import one_line

Facts = dict[str, str]
Resources = Mapping[str, list[Mapping[str, Any]]]
"""Properties of a stack's resources by type."""


@dataclass(frozen=True)
class Workload:
    """A service on one platform.

    Attributes:
        kind: http, worker or job.
        images: image by container, the service's own first.
        facts: values by name, in the order in which a card has them.
    """

    kind: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def at(node: Any, *path: str | int) -> Any:
    """The value at a path; None where there is none."""
    for key in path:
        if isinstance(node, Mapping):
            node = node.get(key)
        elif isinstance(node, list) and isinstance(key, int) and -len(node) <= key < len(node):
            node = node[key]
        else:
            return None
    return node


def each(node: Any, *path: str | int) -> Iterator[Mapping[str, Any]]:
    """The objects of the list at a path."""
    found = at(node, *path)
    yield from (item for item in found if isinstance(item, Mapping)) if isinstance(found, list) else ()


def first(node: Any, key: str, value: str) -> Mapping[str, Any]:
    """The first object of a list that has a value; an empty one if none has."""
    return next((item for item in each(node) if item.get(key) == value), {})


def one(resources: Resources, kind: str) -> Mapping[str, Any] | None:
    """The first resource of a type."""
    return next(iter(resources.get(kind, ())), None)


def text(value: Any, unit: str = "") -> str:
    """A value as a fact has it; empty for a missing one."""
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return one_line(f"{word} {unit}" if unit else word)


def seconds(value: Any) -> str:
    """A time, which may be none."""
    return "" if value is None else text(value, "s")


def words(value: Any) -> str:
    """A command as a shell would read it."""
    if not isinstance(value, list):
        return text(value)
    return one_line(" ".join(shlex.quote(word if isinstance(word, str) else json.dumps(word)) for word in value))


def listed(values: Any) -> str:
    """Texts with commas, sorted."""
    return ", ".join(sorted({text(value) for value in values} - {""}))


def number(value: Any) -> float | None:
    """A number, also if it is written as text."""
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def whole(value: float | None, unit: str = "") -> str:
    """A number without a fraction that is zero."""
    if value is None or value != value or abs(value) > 1e15:  # noqa: PLR0124 - not a number, or no number of anything
        return ""
    return text(round(value, 3), unit)


def parsed(value: Any) -> Any:
    """What a text of JSON holds; None if it holds none."""
    try:
        return json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None


def secret(name: Any, key: Any = "", stage: Any = "", version: Any = "", *, parameter: bool = False) -> str:
    """Where a variable's value comes from."""
    source = f"{'parameter' if parameter else 'secret'} {text(name)}"
    parts = [f"{label} {text(part)}" for label, part in (("key", key), ("version", stage or version)) if part]
    return ", ".join([source, *parts])


def check_command(container: Mapping[str, Any]) -> Any:
    """The command that checks a container of a task, without the word that says how it is run: CMD."""
    command = at(container, "HealthCheck", "Command")
    return command[1:] if isinstance(command, list) else command
