"""Names, priorities and rules that may exist only once: taken by a new resource before the old one lets go.

Within a stack CloudFormation creates and updates before it deletes. Between stacks the CLI's order counts, where it has one:
stacks that do not depend on each other are deployed at the same time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ops.assembly import Stack
from ops.changes.differences import Difference
from ops.changes.model import REPLACING, Action, Change, Finding, Kind
from ops.changes.objects import APPLIED, objects_of
from ops.changes.resources import Resource
from ops.changes.rules import rules_of
from ops.changes.schemas import schema_of
from ops.changes.sides import Sides, properties
from ops.references import Pointer, Text, Values, frozen, names

Key = tuple[str, Any]
"""What may exist only once: a type (or kind of object) and its values."""


@dataclass(frozen=True)
class _Claim:
    """A resource that takes a key in the deployment, or keeps it."""

    stack: str
    name: str
    type: str


def clash_findings(sides: Sides, changes: list[Change]) -> Iterator[Finding]:
    """A finding for each key that two resources want while both exist."""
    fates = {(change.stack, change.name): change.action for change in changes}
    kept = {(c.stack, c.name) for c in changes if c.action is Action.REMOVED and (c.kept or c.protected)}
    held = _claims(sides.before.values(), sides.was, {})
    wanted = _claims(sides.after.values(), sides.will_be, fates)
    for key, claims in wanted.items():
        for claim in claims:
            holders = held.get(key, [])
            own = claim in holders
            if own and fates.get((claim.stack, claim.name)) in REPLACING:
                yield from _same_name(claim, key, fates)
            if own:
                continue
            new = [other for other in claims[: claims.index(claim)] if other not in holders]
            for holder in [*holders, *new]:
                if (
                    holder in new
                    or (holder.stack, holder.name) in kept
                    or not _lets_go(sides, holder, claims, claim, fates)
                ):
                    yield _finding(sides, claim, holder, key, certain=_is_known(key))


def _same_name(claim: _Claim, key: Key, fates: Mapping[Resource, Action]) -> Iterator[Finding]:
    """Replaced under the same name: the new one would have to exist beside the old one."""
    if schema_of(claim.type).deletes_first or rules_of(claim.type).clash == "undone":
        return
    certain = fates[claim.stack, claim.name] is Action.REPLACED and _is_known(key)
    facts = {"key": _shown(key), "type": claim.type}
    yield Finding(kind=Kind.NAMED_REPLACED, stack=claim.stack, name=claim.name, certain=certain, facts=facts)


def _lets_go(
    sides: Sides, holder: _Claim, claims: list[_Claim], claim: _Claim, fates: Mapping[Resource, Action]
) -> bool:
    """Whether the holder has let go of the key, in every run, when the other one takes it."""
    if holder.stack in sides.destroyed:
        return True
    if holder in claims or holder.stack in sides.left:
        return False
    if holder.stack != claim.stack:
        return sides.precedes(holder.stack, claim.stack)
    stack = sides.after[claim.stack]
    if holder.name not in stack.resources or fates.get((holder.stack, holder.name)) in REPLACING:
        return False  # deleted at the end
    return holder.name in _waits_for(stack, claim.name)


def _waits_for(stack: Stack, name: str) -> set[str]:
    """The resources that CloudFormation is done with before it begins with this one."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        body = stack.resources.get(ahead.pop(), {})
        depends = body.get("DependsOn", [])
        needed = {*names(body.get("Properties", {})), *([depends] if isinstance(depends, str) else depends)}
        ahead += sorted((needed & stack.resources.keys()) - found)
        found |= needed
    return found


def _finding(sides: Sides, claim: _Claim, holder: _Claim, key: Key, *, certain: bool) -> Finding:
    other = f"{holder.stack}/{holder.name}"
    undone = key[0] == APPLIED or rules_of(claim.type).clash == "undone"
    facts = {
        "key": _shown(key),
        "type": claim.type,
        "other": other,
        "other_id": other,
        "other_stack": holder.stack,
        "left": "yes" if holder.stack in sides.left else "",
        # If the holder's stack can be deployed first, the clash is gone.
        "first": "yes" if holder.stack in sides.after and holder.stack != claim.stack else "",
    }
    kind = Kind.UNDONE if undone else Kind.CLASH
    return Finding(kind=kind, stack=claim.stack, name=claim.name, certain=certain, facts=facts)


# --- keys ------------------------------------------------------------------------------------------------------------


def _claims(stacks: Iterable[Stack], values: Values, fates: Mapping[Resource, Action]) -> dict[Key, list[_Claim]]:
    """Who claims each key. What is replaced is another thing afterwards, and so is a key with it."""
    found: dict[Key, list[_Claim]] = defaultdict(list)
    for stack in stacks:
        for name, body in stack.resources.items():
            kind = str(body.get("Type", ""))
            for key in dict.fromkeys(_keys(kind, renewed(properties(stack, name, values), fates))):
                found[key].append(_Claim(stack.id, name, kind))
    return found


def renewed(value: Any, fates: Mapping[Resource, Action]) -> Any:
    """The value with another pointer in place of each to a resource that is replaced."""
    if isinstance(value, Pointer):
        is_new = fates.get((value.stack, value.name)) is Action.REPLACED
        return replace(value, attribute=f"{value.attribute} of the new one") if is_new else value
    if isinstance(value, Text):
        return Text(tuple(renewed(part, fates) for part in value.parts))
    if isinstance(value, dict):
        return {key: renewed(inner, fates) for key, inner in value.items()}
    return [renewed(inner, fates) for inner in value] if isinstance(value, list) else value


def _keys(kind: str, values: Any) -> Iterator[Key]:
    if not isinstance(values, dict):
        return
    if kind == APPLIED:
        for item in objects_of(values):
            yield APPLIED, (frozen(values.get("ClusterName")), item)
        return
    combinations = rules_of(kind).once or (tuple("/".join(path) for path in schema_of(kind).identifier),)
    for combination in combinations:
        if combination and all(name in values for name in combination):
            yield kind, tuple((name, frozen(values[name])) for name in combination)


def _is_known(key: Key) -> bool:
    return Difference((), key[1], "").certain


def _shown(key: Key) -> str:
    """The key as a sentence names it; what only AWS knows is left out."""
    if key[0] == APPLIED:
        return str(key[1][1])
    plain = [(name, value) for name, value in key[1] if not (isinstance(value, Pointer) and value.stack)]
    return ", ".join(f"{name} {_text(value)}" for name, value in plain or key[1])


def _text(value: Any) -> str:
    if isinstance(value, Pointer) and value.stack:
        return f"of {value.stack}/{value.name}"
    return " ".join(map(_text, value)) if isinstance(value, tuple) else str(value)
