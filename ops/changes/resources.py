"""What CloudFormation does to each resource: added, removed, updated in place, replaced.

A replaced resource gets another id, so whatever refers to it changes too, and may be replaced in turn, also in other stacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.assembly import Json, Stack
from ops.changes.differences import Path, differences, leaves
from ops.changes.model import REPLACING, Action, Change, Interruption
from ops.changes.objects import APPLIED, object_changes
from ops.changes.rules import OCCASIONS, Protection, Rules, rules_of
from ops.changes.schemas import Schema, matches, schema_of
from ops.changes.sides import Sides, properties, ssm_parameters
from ops.references import Pointer, Values, pointers

_KEPT: Final = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})
_POLICIES: Final = ("DeletionPolicy", "UpdateReplacePolicy")
STACK_TAGS: Final = "tags of the stack"
_RANK: Final = (Action.UPDATED, Action.MAY_BE_REPLACED, Action.REPLACED)

Resource = tuple[str, str]


@dataclass(frozen=True)
class _Pair:
    """A resource that is in both templates of a stack that is updated."""

    stack: Stack
    name: str
    type: str
    was: Any
    will_be: Any
    differing: tuple[tuple[Path, bool], ...]
    """Path of each property that differs, and whether it certainly does."""
    references: tuple[tuple[Path, Pointer], ...]


def all_changes(sides: Sides) -> list[Change]:
    """Everything that happens to any resource, in the order of stacks and of the resources in their templates."""
    pairs = [pair for name in sides.updated for pair in _pairs(sides, name)]
    fates = _fates(sides, pairs)
    by_resource = {(pair.stack.id, pair.name): pair for pair in pairs}
    found: list[Change] = []
    for name in sides.destroyed:
        found += [_removed(sides.before[name], one, sides.was) for one in sides.before[name].resources]
    for name, stack in sides.after.items():
        if name in sides.created:
            found += [_added(stack, one, sides.will_be) for one in stack.resources]
        elif name in sides.updated:
            found += _of_stack(sides, stack, by_resource, fates)
    return found


def _of_stack(
    sides: Sides, stack: Stack, pairs: Mapping[Resource, _Pair], fates: Mapping[Resource, Action]
) -> Iterator[Change]:
    before = sides.before[stack.id]
    for name, body in stack.resources.items():
        pair = pairs.get((stack.id, name))
        if pair is None:
            yield _added(stack, name, sides.will_be)
        elif (stack.id, name) in fates:
            yield _changed(sides, pair, fates)
        elif before.tags != stack.tags and schema_of(pair.type).tags:
            yield _plain(stack, name, pair.type, Action.UPDATED, paths=(STACK_TAGS,))
        elif any(before.resources[name].get(policy) != body.get(policy) for policy in _POLICIES):
            yield _plain(stack, name, pair.type, Action.POLICY, paths=_POLICIES)
    for name in before.resources:
        if name not in stack.resources:
            yield _removed(before, name, sides.was)


# --- which resources are replaced ------------------------------------------------------------------------------------


def _pairs(sides: Sides, name: str) -> Iterator[_Pair]:
    before, after = sides.before[name], sides.after[name]
    for one, body in after.resources.items():
        if one not in before.resources:
            continue
        was, will_be = properties(before, one, sides.was), properties(after, one, sides.will_be)
        yield _Pair(
            stack=after,
            name=one,
            type=str(body.get("Type", "")),
            was=was,
            will_be=will_be,
            differing=tuple((d.path, d.certain) for d in differences(was, will_be)),
            references=tuple((path, pointer) for path, leaf in leaves(will_be) for pointer in pointers(leaf)),
        )


def _fates(sides: Sides, pairs: list[_Pair]) -> dict[Resource, Action]:
    """What happens to each resource that changes, until no further resource changes because of another one."""
    fates: dict[Resource, Action] = {}
    for name in sides.updated:
        fates |= {(name, parameter): Action.MAY_BE_REPLACED for parameter in ssm_parameters(sides.after[name])}
    settled = False
    while not settled:
        settled = True
        for pair in pairs:
            fate = _fate(sides, pair, fates)
            if fate is not None and fate is not fates.get((pair.stack.id, pair.name)):
                fates[pair.stack.id, pair.name] = fate
                settled = False
    return fates


def _fate(sides: Sides, pair: _Pair, fates: Mapping[Resource, Action]) -> Action | None:
    if sides.before[pair.stack.id].resources[pair.name].get("Type") != pair.type:
        return Action.REPLACED
    schema, rules = schema_of(pair.type), rules_of(pair.type)
    known = fates.get((pair.stack.id, pair.name))
    found = [known] if known else []
    found += [_for_path(path, schema, rules, certain=certain) for path, certain in pair.differing]
    found += [
        _for_path(path, schema, rules, certain=fate is Action.REPLACED)
        for path, pointer in pair.references
        if (fate := fates.get((pointer.stack, pointer.name))) in REPLACING and pointer.name != pair.name
    ]
    return max(found, key=_RANK.index, default=None)


def _for_path(path: Path, schema: Schema, rules: Rules, *, certain: bool) -> Action:
    if any(matches(path, pattern) for pattern in (*schema.create_only, *_split(rules.replaced_for))):
        return Action.REPLACED if certain else Action.MAY_BE_REPLACED
    if any(matches(path, pattern) for pattern in _split(rules.updated_for)):
        return Action.UPDATED
    if any(matches(path, pattern) for pattern in schema.conditional):
        return Action.MAY_BE_REPLACED
    return Action.UPDATED


def _split(paths: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(tuple(path.split("/")) for path in paths)


# --- one change ------------------------------------------------------------------------------------------------------


def _changed(sides: Sides, pair: _Pair, fates: Mapping[Resource, Action]) -> Change:
    action = fates[pair.stack.id, pair.name]
    moved = tuple((path, p) for path, p in pair.references if fates.get((p.stack, p.name)) in REPLACING)
    paths = [*(path for path, _ in pair.differing), *(path for path, _ in moved)]
    because = tuple(dict.fromkeys(pointer for _, pointer in moved))
    texts = tuple(dict.fromkeys("/".join(path) for path in paths))
    interruption, why = _noticed(pair.stack.resources[pair.name], action, texts)
    if pair.type == APPLIED:
        for change in object_changes(pair.was, pair.will_be, because):
            if change.interruption > interruption:
                interruption, why = change.interruption, f"{change.key}: {change.why}"
    rules, body = rules_of(pair.type), pair.stack.resources[pair.name]
    kept = body.get("UpdateReplacePolicy") in _KEPT
    if rules.holds and action in REPLACING:
        interruption = Interruption.DATA
        why = f"the new one is empty; the old {rules.holds} stay behind" if kept else f"its {rules.holds} are lost"
    return Change(
        stack=pair.stack.id,
        name=pair.name,
        type=pair.type,
        action=action,
        paths=texts,
        because=because,
        stateful=bool(rules.holds),
        physical=_physical(pair.type, pair.will_be),
        kept=kept,
        protected=action in REPLACING
        and _is_protected(rules.protection, pair.was, sides.before[pair.stack.id], pair.name),
        routine=rules.routine and action in REPLACING,
        interruption=interruption,
        why=why,
    )


def _added(stack: Stack, name: str, values: Values) -> Change:
    kind = str(stack.resources[name].get("Type", ""))
    physical = _physical(kind, properties(stack, name, values))
    interruption, why = _noticed(stack.resources[name], Action.ADDED, ())
    return _plain(stack, name, kind, Action.ADDED, physical=physical, interruption=interruption, why=why)


def _removed(stack: Stack, name: str, values: Values) -> Change:
    body = stack.resources[name]
    kind = str(body.get("Type", ""))
    rules, deployed = rules_of(kind), properties(stack, name, values)
    kept = body.get("DeletionPolicy") in _KEPT
    protected = not kept and _is_protected(rules.protection, deployed, stack, name)
    interruption, why = (Interruption.NONE, "") if kept else _noticed(body, Action.REMOVED, ())
    if rules.holds and not kept and not protected:
        interruption, why = Interruption.DATA, f"its {rules.holds} are lost"
    return _plain(
        stack,
        name,
        kind,
        Action.REMOVED,
        physical=_physical(kind, deployed),
        kept=kept,
        protected=protected,
        interruption=interruption,
        why=why,
    )


def _plain(stack: Stack, name: str, kind: str, action: Action, **more: Any) -> Change:
    return Change(stack=stack.id, name=name, type=kind, action=action, stateful=bool(rules_of(kind).holds), **more)


def _noticed(body: Json, action: Action, paths: tuple[str, ...]) -> tuple[Interruption, str]:
    rules = rules_of(str(body.get("Type", "")))
    noticed = [rule for rule in rules.interrupts if rule.applies(OCCASIONS[action], paths, body)]
    worst = max(noticed, key=lambda rule: rule.interruption, default=None)
    return (worst.interruption, worst.why) if worst else (Interruption.NONE, "")


def _physical(kind: str, values: Any) -> str | None:
    """The name that the template gives a resource, if it does."""
    rules, schema = rules_of(kind), schema_of(kind)
    path = tuple(rules.name.split("/")) if rules.name else (schema.identifier[0] if len(schema.identifier) == 1 else ())
    if len(path) != 1 or not isinstance(values, dict) or path[0] not in values:
        return None
    value = values[path[0]]
    return None if isinstance(value, Pointer) and value.stack else str(value)


def _is_protected(protection: Protection | None, values: Any, stack: Stack, name: str) -> bool:
    if protection is None or not isinstance(values, dict):
        return False
    if protection.emptied_by:
        emptying = [other for other in stack.resources.values() if other.get("Type") == protection.emptied_by]
        return not any(_refers_to(other, name) for other in emptying)
    value = values.get(protection.path)
    if protection.key:
        entries = value if isinstance(value, list) else []
        value = next((e.get("Value") for e in entries if isinstance(e, dict) and e.get("Key") == protection.key), None)
    return value != protection.unless if protection.unless is not None else value == protection.value


def _refers_to(body: Json, name: str) -> bool:
    return any(pointer.name == name for pointer in pointers(Values((), {}).of("", body.get("Properties", {}))))
