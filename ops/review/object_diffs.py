"""Kubernetes objects, object by object and field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from config.errors import one_line
from ops.changes.objects import APPLIED, Key, objects_of
from ops.review.line_diff import same_from_start
from ops.review.model import Fact, ObjectDiff, Status
from ops.review.normalise import Normaliser, lines, masked, structured
from ops.review.workload import text

MIGRATION: Final = "Custom::BeforeDeployOnKubernetes"
# What tells the items of a list apart: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
_NAMES: Final = ("name", "mountPath", "containerPort", "topologyKey")
_MISSING: Final = object()
_LONGEST: Final = 2000
_KEPT: Final = 100

Objects = Mapping[Key, Any]


def objects_in(normaliser: Normaliser, stack: str) -> dict[Key, Any]:
    """Every object that a stack applies."""
    found: dict[Key, Any] = {}
    for _, _, properties in normaliser.properties(stack, (APPLIED, MIGRATION)):
        found |= objects_of(properties)
    return found


def object_diffs(before: Objects, after: Objects) -> tuple[ObjectDiff, ...]:
    """The objects that differ, by kind and name. Hashes of prune labels do not count."""
    return tuple(_diffs(before, after))


def _diffs(before: Objects, after: Objects) -> Iterator[ObjectDiff]:
    keys = sorted({*before, *after})
    names: dict[str, set[tuple[str, str]]] = {}
    for key in keys:
        names.setdefault(str(key), set()).add((key.namespace, key.group))
    for key in keys:
        name = str(key) if len(names[str(key)]) == 1 else f"{key} in {key.namespace or key.group or 'no namespace'}"
        if key not in before or key not in after:
            gone = Status.REMOVED if key in before else Status.ADDED
            yield ObjectDiff(object=text(name), status=gone)
            continue
        if before[key] == after[key]:
            continue
        old, new = (structured(side[key], _without_prune_label) for side in (before, after))
        fields = tuple(sorted(_fields(old, new, ""), key=lambda fact: fact.name))
        if fields:
            yield ObjectDiff(object=text(name), status=Status.CHANGED, fields=fields)


def _without_prune_label(value: str) -> str:
    return masked(value) if "prune-" in value else value


def _fields(before: Any, after: Any, path: str) -> Iterator[Fact]:
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = {key: (before.get(key, _MISSING), after.get(key, _MISSING)) for key in {**before, **after}}
        yield from _each(pairs, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _each(_paired(before, after), path)
    elif before != after or type(before) is not type(after):
        old, new = _shown(before), _shown(after)
        if old == new:  # the number 1 and the text "1"
            old, new = json.dumps(before, default=str), json.dumps(after, default=str)
        old, new = _cut(old, new)
        yield Fact(name=text(path), before=old, after=new)


def _each(pairs: Mapping[str, tuple[Any, Any]], path: str) -> Iterator[Fact]:
    for key, (was, will_be) in pairs.items():
        yield from _fields(was, will_be, f"{path}/{key}" if path else str(key))


def _paired(before: list[Any], after: list[Any]) -> Mapping[str, tuple[Any, Any]]:
    """The items of two lists: by name where each item has its own, else those that are in only one of them."""
    for name in _NAMES:
        old, new = _named(before, name), _named(after, name)
        if old is not None and new is not None:
            found = {key: (old.get(key, _MISSING), new.get(key, _MISSING)) for key in {**old, **new}}
            if found and list(old) != list(new) and [k for k in old if k in new] != [k for k in new if k in old]:
                found["(order)"] = ", ".join(old), ", ".join(new)
            return found
    if len(before) == len(after) and not _moved(before, after):
        return {str(index): pair for index, pair in enumerate(zip(before, after, strict=True))}
    return _one_sided(before, after)


def _named(items: list[Any], name: str) -> dict[str, Any] | None:
    """The items by name; None if two have the same or one has none."""
    found = {item[name]: item for item in items if isinstance(item, dict) and isinstance(item.get(name), str | int)}
    return {str(key): item for key, item in found.items()} if len(found) == len(items) else None


def _one_sided(before: list[Any], after: list[Any]) -> Mapping[str, tuple[Any, Any]]:
    """A longer or shorter list without names: what is the same on both sides says nothing, wherever it is."""
    old, new = [lines(item) for item in before], [lines(item) for item in after]
    kept_old, kept_new = set(map(tuple, old)), set(map(tuple, new))
    found: dict[str, tuple[Any, Any]] = {}
    for index, item in enumerate(before):
        if tuple(old[index]) not in kept_new:
            found[str(index)] = item, _MISSING
    for index, item in enumerate(after):
        if tuple(new[index]) not in kept_old:
            was, _ = found.get(str(index), (_MISSING, _MISSING))
            found[str(index)] = was, item
    if not found:  # the same items, more or less often
        found["(items)"] = "\n".join(lines(before)), "\n".join(lines(after))
    return found


def _moved(before: list[Any], after: list[Any]) -> bool:
    """Whether an item is on both sides, but elsewhere."""
    old = [tuple(lines(was)) for was, will_be in zip(before, after, strict=True) if was != will_be]
    new = [tuple(lines(will_be)) for was, will_be in zip(before, after, strict=True) if was != will_be]
    return bool(set(old) & set(new))


def _shown(value: Any) -> str:
    """A value as text: of more than one line where it has parts."""
    if value is _MISSING:
        return ""
    if isinstance(value, dict | list) and value:
        return "\n".join(lines(value))
    if isinstance(value, str) and value:
        return "\n".join(one_line(line) for line in value.split("\n"))
    return text(value) or ("null" if value is None else '""' if value == "" else str(value))


def _cut(before: str, after: str) -> tuple[str, str]:
    """Both texts, shortened to where they begin to differ."""
    if max(len(before), len(after)) <= _LONGEST:
        return before, after
    same = max(0, same_from_start(before, after) - _KEPT)
    return _part(before, same), _part(after, same)


def _part(value: str, start: int) -> str:
    head = f"({start:,} characters before) …" if start and value else ""
    rest = len(value) - start - _LONGEST
    return f"{head}{value[start : start + _LONGEST]}" + (f"… ({rest:,} more characters)" if rest > 0 else "")
