"""What is dangerous about what happens to each resource: data, names, updates that AWS refuses, outages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.changes.model import REPLACING, Action, Change, Finding, Interruption, Kind
from ops.changes.objects import APPLIED, ObjectChange, object_changes
from ops.changes.overlaps import subnets_have
from ops.changes.resources import Resource
from ops.changes.rules import Unsupported, rules_of
from ops.changes.sides import Sides, properties


def danger_findings(sides: Sides, changes: list[Change]) -> Iterator[Finding]:
    """The dangers of each change by itself."""
    fates = {(change.stack, change.name): change.action for change in changes}
    for change in changes:
        yield from _of_data(change)
        if change.action in {Action.ADDED, Action.REMOVED}:
            continue
        if sides.before[change.stack].resources[change.name].get("Type") != change.type:
            was = str(sides.before[change.stack].resources[change.name].get("Type"))
            yield _finding(change, Kind.TYPE_CHANGED, was=was)
        yield from _unsupported(sides, change, fates)
        if change.type == APPLIED:
            yield from _of_objects(sides, change)
    for change in changes:
        if change.interruption is Interruption.SECONDS and not change.routine and change.action is not Action.REMOVED:
            yield _finding(change, Kind.OUTAGE, why=change.why)
    yield from _of_stacks(sides)


def _of_stacks(sides: Sides) -> Iterator[Finding]:
    for name in (*sides.left, *sides.elsewhere):
        full = sides.before[name].name if name in sides.before else name
        yield Finding(kind=Kind.LEFT_RUNNING, stack=name, name=full)
    for name in sides.destroyed:
        if sides.before[name].protected:
            yield Finding(kind=Kind.NOT_DELETED, stack=name, name=sides.before[name].name, facts={"what": "the stack"})


def _of_data(change: Change) -> Iterator[Finding]:
    if change.protected:
        yield _finding(change, Kind.NOT_DELETED, what="it")
    if change.kept and change.physical is not None and change.action in {Action.REMOVED, *REPLACING}:
        yield _finding(change, Kind.KEPT_NAME, physical=change.physical)
    if not change.stateful:
        return
    holds = rules_of(change.type).holds
    if change.action is Action.REMOVED and not change.kept and not change.protected:
        yield _finding(change, Kind.DATA_LOST, holds=holds)
    elif change.action in REPLACING:
        stays = change.kept or change.protected
        yield _finding(change, Kind.DATA_LEFT if stays else Kind.DATA_LOST, holds=holds)


def _unsupported(sides: Sides, change: Change, fates: Mapping[Resource, Action]) -> Iterator[Finding]:
    for rule in rules_of(change.type).unsupported:
        touched = [path for path in change.paths if f"{path}/".startswith(f"{rule.path}/")]
        if touched and _stays(sides, change, rule) and (rule.keeps is None or _moves(sides, change, rule, fates)):
            yield _finding(change, Kind.UNSUPPORTED, why=rule.why, field=rule.path)


def _stays(sides: Sides, change: Change, rule: Unsupported) -> bool:
    """Whether what the property belongs to is there before and after."""
    if not rule.beside:
        return True
    was = _at(properties(sides.before[change.stack], change.name, sides.was), rule.beside)
    return None not in (was, _at(properties(sides.after[change.stack], change.name, sides.will_be), rule.beside))


def _moves(sides: Sides, change: Change, rule: Unsupported, fates: Mapping[Resource, Action]) -> bool:
    """Whether the subnets in a property change what the rule says they keep."""
    was = _at(properties(sides.before[change.stack], change.name, sides.was), rule.path)
    will_be = _at(properties(sides.after[change.stack], change.name, sides.will_be), rule.path)
    what = "VpcId" if rule.keeps == "vpc" else "AvailabilityZone"
    before = subnets_have(sides, what, was, fates, before=True)
    return before != subnets_have(sides, what, will_be, fates, before=False)


def _at(values: Any, path: str) -> Any:
    for part in path.split("/"):
        if isinstance(values, list):
            values = dict(enumerate(values)).get(int(part)) if part.isdigit() else None
        else:
            values = values.get(part) if isinstance(values, dict) else None
    return values


def _of_objects(sides: Sides, change: Change) -> Iterator[Finding]:
    """Of the Kubernetes objects that a resource applies."""
    was = properties(sides.before[change.stack], change.name, sides.was)
    will_be = properties(sides.after[change.stack], change.name, sides.will_be)
    for one in object_changes(was, will_be, change.because):
        yield from _of_object(change, one)


def _of_object(change: Change, one: ObjectChange) -> Iterator[Finding]:
    key = str(one.key)
    if one.refused:
        why, field = "Kubernetes does not change this field", f"{key}, {one.refused}"
        yield _finding(change, Kind.UNSUPPORTED, why=why, field=field, other_id=key, object=key)
    if one.holds and not one.stays:
        yield _finding(change, Kind.DATA_LOST, holds=one.holds, other_id=key, object=key)
    if one.stays:
        what = "kubectl does not prune its kind, so it"
        yield _finding(change, Kind.NOT_DELETED, what=what, other_id=key, object=key)


def _finding(change: Change, kind: Kind, *, certain: bool = True, **facts: str) -> Finding:
    sure = certain and change.action is not Action.MAY_BE_REPLACED
    facts = {"type": change.type, "action": change.action.value, "physical": change.physical or "", **facts}
    return Finding(kind=kind, stack=change.stack, name=change.name, certain=sure, facts=facts)
