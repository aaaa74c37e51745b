"""The raw difference of the templates, resource by resource and line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ops.assembly import Stack
from ops.review.line_diff import all_of, unified
from ops.review.model import ResourceDiff, Status, TemplateDiff
from ops.review.normalise import Normaliser, lines, masked, without_metadata
from ops.review.pair import Pair

_RESOURCES: Final = "Resources"
_OUTPUTS: Final = "Outputs"
_VERSION: Final = "AWS::Lambda::Version"
_MOST_LINES: Final = 20_000  # of one template
_MISSING: Final = object()


def templates(pair: Pair) -> tuple[TemplateDiff, ...]:
    """What differs in each template, in the order of the stacks; those that are gone come last. Never fails: what cannot be
    understood is shown as it is written.
    """
    before, after = pair.sides.before, pair.sides.after
    comparison = _Comparison(Normaliser(before, pair.sides.was), Normaliser(after, pair.sides.will_be))
    names = [*after, *sorted(name for name in before if name not in after)]
    found = (comparison.template(name, before.get(name), after.get(name)) for name in names)
    return tuple(diff for diff in found if diff is not None)


class _Comparison:
    def __init__(self, before: Normaliser, after: Normaliser) -> None:
        self._before = before
        self._after = after

    def template(self, name: str, before: Stack | None, after: Stack | None) -> TemplateDiff | None:
        if before is not None and after is not None and _same(before.template, after.template):
            return None
        resources: list[ResourceDiff] = []
        moved = 0
        for diff in self._differing(name, before, after):
            if diff is None:
                moved += 1
            else:
                resources.append(diff)
        if before is not None and after is not None and not resources and not moved:
            return None
        return TemplateDiff(stack=name, status=_status(before, after), resources=tuple(_cut(resources)), moved=moved)

    def _differing(self, name: str, before: Stack | None, after: Stack | None) -> Iterator[ResourceDiff | None]:
        """The differences; None for each resource whose difference is only in hashes or order."""
        old, new = _part(before, _RESOURCES), _part(after, _RESOURCES)
        renamed = _renamed(old, new)
        for key in sorted({*old, *new} - set(renamed.values())):
            was, will_be = old.get(renamed.get(key, key), _MISSING), new.get(key, _MISSING)
            if key in renamed or not _same(was, will_be):
                yield self._resource(name, key, was, will_be)
        yield from self._sections(name, before, after)

    def _resource(self, stack: str, name: str, was: Any, will_be: Any) -> ResourceDiff | None:
        before = [] if was is _MISSING else lines(self._before.resource(stack, was))
        after = [] if will_be is _MISSING else lines(self._after.resource(stack, will_be))
        return _diff(name, _type(was if will_be is _MISSING else will_be), was, will_be, before, after)

    def _sections(self, stack: str, before: Stack | None, after: Stack | None) -> Iterator[ResourceDiff]:
        old = _sections(before)
        new = _sections(after)
        for key in sorted({*old, *new}):
            was, will_be = old.get(key, _MISSING), new.get(key, _MISSING)
            diff = None if _same(was, will_be) else self._section(stack, key, was, will_be)
            if diff is not None:
                yield diff

    def _section(self, stack: str, name: str, was: Any, will_be: Any) -> ResourceDiff | None:
        # Only outputs refer to resources; conditions and rules are functions, and read as they are written.
        follow = name == _OUTPUTS
        before = [] if was is _MISSING else lines(self._before.value(stack, was) if follow else was)
        after = [] if will_be is _MISSING else lines(self._after.value(stack, will_be) if follow else will_be)
        return _diff(name, "", was, will_be, before, after)


def _diff(name: str, kind: str, was: Any, will_be: Any, before: list[str], after: list[str]) -> ResourceDiff | None:
    if will_be is _MISSING:
        return ResourceDiff(name=name, type=kind, status=Status.REMOVED, lines=all_of(before, "-"))
    if was is _MISSING:
        return ResourceDiff(name=name, type=kind, status=Status.ADDED, lines=all_of(after, "+"))
    if before == after:
        return None
    return ResourceDiff(name=name, type=kind, status=Status.CHANGED, lines=unified(before, after))


def _cut(resources: list[ResourceDiff]) -> Iterator[ResourceDiff]:
    """The resources; those beyond what a page can hold without their lines, whose number is said instead."""
    shown = 0
    for diff in resources:
        shown += len(diff.lines)
        left_out = (("…", f"{len(diff.lines):,} lines, left out: the template has too many"),)
        yield diff if shown <= _MOST_LINES else replace(diff, lines=left_out)


def _renamed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Old ids, by new ones, of Lambda versions: CDK puts a hash of the function into the id, to publish a version for each."""
    gone = {masked(name): name for name in sorted(old.keys() - new.keys()) if _type(old[name]) == _VERSION}
    come = {masked(name): name for name in sorted(new.keys() - old.keys()) if _type(new[name]) == _VERSION}
    return {come[key]: gone[key] for key in come.keys() & gone.keys()}


def _status(before: Stack | None, after: Stack | None) -> Status:
    if before is None:
        return Status.ADDED
    return Status.REMOVED if after is None else Status.CHANGED


def _part(stack: Stack | None, name: str) -> Mapping[str, Any]:
    found = stack.template.get(name) if stack is not None else None
    return found if isinstance(found, dict) else {}


def _sections(stack: Stack | None) -> Mapping[str, Any]:
    if stack is None:
        return {}
    whole = without_metadata(stack.template)
    # An empty section is none: CDK and CloudFormation leave it out.
    return {str(key): value for key, value in whole.items() if key != _RESOURCES and value not in ({}, [], None)}


def _type(body: Any) -> str:
    kind = body.get("Type") if isinstance(body, dict) else None
    return kind if isinstance(kind, str) else ""


def _same(was: Any, will_be: Any) -> bool:
    """Whether both are written the same, the order of keys included, as the CLI compares templates."""
    if was is _MISSING or will_be is _MISSING:
        return False
    return json.dumps(was) == json.dumps(will_be)
