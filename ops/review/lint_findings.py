"""What cfn-lint says of the templates that differ, then and now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.errors import one_line
from ops.assembly import Stack
from ops.changes.sentences import readable
from ops.review.linting import Fault, lint, stored
from ops.review.model import Evidence, Item, Weight
from ops.review.naming import service_of_stack
from ops.review.pair import Pair, Side


def lint_differing(pair: Pair) -> None:
    """Runs cfn-lint over the templates that differ, and keeps what it says for `findings`, in the pair's store. Takes seconds."""
    if pair.store is None:
        return
    by_region: dict[str, dict[str, Path]] = {}
    for number, (side, templates) in enumerate(_differing(pair)):
        by_region.setdefault(_region(side), {}).update({f"{number} {name}": path for name, path in templates.items()})
    for region, all_templates in sorted(by_region.items()):
        lint(all_templates, region=region, store=pair.store)


def _differing(pair: Pair) -> Iterator[tuple[Side, Mapping[str, Path]]]:
    """The templates of each side that the other side does not have, by stack."""
    sides = (pair.before, pair.after)
    known: list[dict[str, Stack]] = [{stack.id: stack for stack in side.stacks} for side in sides]
    for side, own, other in zip(sides, known, reversed(known), strict=True):
        folder = side.assembly.folder if side.assembly else None
        differing = [
            stack for name, stack in own.items() if name not in other or other[name].template != stack.template
        ]
        yield side, {stack.id: folder / stack.template_file for stack in differing} if folder else {}


def _region(side: Side) -> str:
    regions = {stack.place.rpartition("/")[2] for stack in side.stacks}
    return next((region for region in sorted(regions) if region and "unknown" not in region), "eu-west-1")


def lint_findings(pair: Pair) -> Iterator[Item]:
    """What cfn-lint, as far as it ran, reports of one side only."""
    if pair.store is None:
        return
    (before, was), (after, will_be) = _differing(pair)
    old, new = (
        stored(templates, region=_region(side), store=pair.store)
        for side, templates in ((before, was), (after, will_be))
    )
    for stack in sorted({*old, *new}):
        then, now = set(old.get(stack, ())), set(new.get(stack, ()))
        if (stack in will_be and stack not in new) or (stack in was and stack not in old):
            continue  # one side was not checked: everything would look new, or gone
        for fault in sorted(now - then):
            yield _fault(stack, fault, "lint", Weight.CAUTION if fault.rule.startswith("E") else Weight.NOTE)
        for fault in sorted(then - now):
            yield _fault(stack, fault, "lint-gone", Weight.NOTE)


def _fault(stack: str, fault: Fault, kind: str, weight: Weight) -> Item:
    gone = kind == "lint-gone"
    what = f"{fault.rule}: {clause(one_line(fault.message))}"
    name = fault.path.split("/")[1] if fault.path.startswith("Resources/") else ""
    text = f"{stack}: cfn-lint no longer reports {what}" if gone else f"{stack}: cfn-lint reports {what}"
    place = one_line(f"{fault.path}: {fault.rule} {fault.message}")
    digest = hashlib.sha256(fault.message.encode("utf-8", "replace")).hexdigest()[:8]
    return Item(
        id=".".join(f"{kind}:{fault.rule}:{stack}/{fault.path}:{digest}".split()),
        text=readable(text),
        weight=weight,
        evidence=(Evidence(stack=stack, name=name, before=place if gone else "", after="" if gone else place),),
        service=service_of_stack(stack),
    )


def clause(text: str) -> str:
    """A text as the end of a sentence without its full stop."""
    return " ".join(text.split()).removesuffix(".")
