"""What stacks read from each other: exports that are in use, outputs that go away, and stacks that go on with an old value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ops.assembly import Stack
from ops.changes.model import REPLACING, Action, Change, Finding, Kind
from ops.changes.sides import Sides
from ops.references import Output, frozen, outputs_used, pointers

_GONE: Final = object()


def output_findings(sides: Sides, changes: list[Change]) -> Iterator[Finding]:
    """Dangers of every output that another deployed stack reads."""
    moved = {(c.stack, c.name): c.action for c in changes if c.action in REPLACING}
    was, will_be = sides.was.outputs(), sides.will_be.outputs()
    readers = _readers(sides.before.values())
    for key, names in readers.items():
        owner = _owner(sides, key)
        if owner is None or owner in sides.skipped or owner in sides.left:
            continue
        value = will_be.get(key, _GONE)
        if key not in was:
            continue
        if value is _GONE:
            yield from _gone(sides, key, owner, names)
        else:
            fates = [moved[p.stack, p.name] for p in pointers(value) if (p.stack, p.name) in moved]
            if frozen(was[key]) != frozen(value):
                fates.append(Action.REPLACED)
            if fates:
                yield from _different(sides, key, owner, names, certain=Action.REPLACED in fates)
    yield from _missing(sides, will_be)


def _gone(sides: Sides, key: Output, owner: str, names: list[str]) -> Iterator[Finding]:
    """An output is removed. A weak reader keeps the value that it has until it is deployed again."""
    for reader in names:
        if not key[0]:  # an export
            if not _has_stopped(sides, reader, key, owner):
                yield _finding(sides, Kind.EXPORT_GONE, owner, key, reader)
        elif reader in sides.left:
            yield _finding(sides, Kind.OUTPUT_GONE, owner, key, reader)


def _different(sides: Sides, key: Output, owner: str, names: list[str], *, certain: bool) -> Iterator[Finding]:
    """An output's value changes. CloudFormation refuses that for an export in use; a weak reader sees it when it is deployed."""
    for reader in names:
        if not key[0]:
            if not _has_stopped(sides, reader, key, owner):
                yield _finding(sides, Kind.EXPORT_CHANGED, owner, key, reader, certain=certain)
        elif reader in sides.skipped or reader in sides.left:
            yield _finding(sides, Kind.STALE, owner, key, reader, certain=certain)


def _missing(sides: Sides, will_be: Mapping[Output, object]) -> Iterator[Finding]:
    """A new template reads what no stack will publish."""
    published = {name for stack, name in will_be if not stack}
    own = {stack.name for stack in sides.after.values()} | {sides.before[name].name for name in sides.left}
    for key, names in _readers(sides.after.values()).items():
        absent = key not in will_be and (
            key[0] in own or (not key[0] and _was_ours(sides, key) and key[1] not in published)
        )
        for reader in names if absent else ():
            before = sides.before.get(reader)
            if before is not None and key in _used(before) and not _was_ours(sides, key):
                continue  # it was missing all along
            yield Finding(kind=Kind.OUTPUT_MISSING, stack=reader, name=key[1], facts={"other": key[0] or "an export"})


def _was_ours(sides: Sides, key: Output) -> bool:
    return key in sides.was.outputs()


def _has_stopped(sides: Sides, reader: str, key: Output, owner: str) -> bool:
    """Whether the reader no longer imports the export, in every run, when the CLI comes to its owner."""
    if reader in sides.destroyed:
        return True
    stack = sides.after.get(reader)
    return stack is not None and key not in _used(stack) and sides.precedes(reader, owner)


def _finding(sides: Sides, kind: Kind, owner: str, key: Output, reader: str, *, certain: bool = True) -> Finding:
    stack = sides.after.get(reader)
    still = stack is not None and key in _used(stack)
    facts = {
        "other": reader,
        "other_id": reader,
        "reads": "still" if still else "left" if stack is None else "no longer",
        # The reader can go first if nothing that it newly reads comes from the owner.
        "first": "yes" if stack is not None and not still and not _needs_new(sides, stack) else "",
    }
    return Finding(kind=kind, stack=owner, name=key[1], certain=certain, facts=facts)


def _needs_new(sides: Sides, stack: Stack) -> bool:
    """Whether the stack's new template reads an output that is not deployed yet."""
    return not _used(stack) <= sides.was.outputs().keys()


def _owner(sides: Sides, key: Output) -> str | None:
    """Id of the deployed stack that publishes an output."""
    for stack in sides.before.values():
        if key[0]:
            if stack.name == key[0]:
                return stack.id
        elif any(
            str(sides.was.of(stack.id, output.get("Export", {}).get("Name"))) == key[1]
            for output in stack.outputs.values()
            if "Export" in output
        ):
            return stack.id
    return None


def _readers(stacks: Iterable[Stack]) -> dict[Output, list[str]]:
    """The stacks that read each output, in order."""
    found: dict[Output, list[str]] = defaultdict(list)
    for stack in stacks:
        for key in sorted(_used(stack)):
            found[key].append(stack.id)
    return found


def _used(stack: Stack) -> set[Output]:
    """The outputs of other stacks that a template reads."""
    read = [stack.resources, stack.outputs]
    return {key for key in outputs_used(read) if key[0] != stack.name}
