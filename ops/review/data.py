"""Data and downtime: what the change engine finds, as items of a review."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from ops.changes.differences import MISSING
from ops.changes.model import BLOCKING, LOSES_DATA, Change, Finding, Interruption, Kind
from ops.changes.plan import plan
from ops.changes.sentences import counted, described, happens, readable, remedy
from ops.review.model import Evidence, Gate, Item, Weight
from ops.review.naming import label, service
from ops.review.pair import Pair
from ops.review.text import as_yaml, listed

_NOTES: Final = frozenset({Kind.NOT_DELETED, Kind.KEPT_NAME})


def data_items(pair: Pair, environment: str) -> tuple[Item, ...]:
    """What is lost, refused, left behind or interrupted, the most dangerous first; then the order in which to deploy."""
    result = pair.result
    changes = {(change.stack, change.name): change for change in result.changes}
    single = [finding for finding in result.findings if finding.kind is not Kind.OUTPUT_GONE]
    found = [_of_finding(finding, changes.get((finding.stack, finding.name)), pair) for finding in single]
    found += _outputs_gone([finding for finding in result.findings if finding.kind is Kind.OUTPUT_GONE])
    noticed = (change for change in result.untold if change.interruption is not Interruption.NONE)
    found += [_of_change(change, pair) for change in noticed]
    found += _order(pair, environment)
    return tuple(sorted(found, key=lambda item: -item.weight))


def routine(pair: Pair) -> tuple[tuple[str, str], ...]:
    """For each stack, how many resources change without anybody noticing."""
    unnoticed = (change for change in pair.result.untold if change.interruption is Interruption.NONE)
    return tuple((stack, counted(changes)) for stack, changes in groupby(unnoticed, key=lambda change: change.stack))


def _of_finding(finding: Finding, change: Change | None, pair: Pair) -> Item:
    return Item(
        id=f"data:{finding.id}",
        text=_named(happens(finding), finding.stack, finding.name, pair),
        weight=_weight(finding),
        gate=_gate(finding),
        evidence=(_evidence(change, pair),) if change else (Evidence(stack=finding.stack),),
        remedy=_named(remedy(finding), finding.stack, finding.name, pair),
        service=service(pair, finding.stack, finding.name),
    )


def _named(text: str, stack: str, name: str, pair: Pair) -> str:
    """The sentence with the resource's name as people write it, instead of its logical id."""
    return text.replace(f" {readable(name)}", f" {label(pair, stack, name)}", 1)


def _outputs_gone(findings: list[Finding]) -> Iterator[Item]:
    """One item for each stack whose outputs go away while stacks that are no longer in the app read them."""
    for stack, together in groupby(sorted(findings, key=lambda f: f.stack), key=lambda f: f.stack):
        gone = list(together)
        readers = sorted({finding.facts.get("other", "") for finding in gone})
        outputs = sorted({finding.name for finding in gone})
        count = "an output goes" if len(outputs) == 1 else f"{len(outputs)} outputs go"
        still = "is no longer in the app, still reads" if len(readers) == 1 else "are no longer in the app, still read"
        yield Item(
            id=f"data:output-gone:{stack}+{'+'.join(readers)}".replace(" ", "."),
            text=f"{stack}: {count} away that {listed(readers)}, which {still}",
            weight=Weight.NOTE,
            evidence=tuple(Evidence(stack=stack, before=name) for name in outputs),
            remedy=f"destroy {listed(readers)}",
        )


def _weight(finding: Finding) -> Weight:
    if finding.kind in BLOCKING:
        return Weight.DANGER
    return Weight.NOTE if finding.kind in _NOTES else Weight.CAUTION


def _gate(finding: Finding) -> Gate | None:
    if finding.kind in LOSES_DATA:
        return Gate.DATA_LOSS
    return Gate.REFUSED if finding.kind in BLOCKING else None


def _of_change(change: Change, pair: Pair) -> Item:
    few = change.interruption is Interruption.CONNECTIONS
    return Item(
        id=f"data:interrupts:{change.path}:{change.interruption.word}",
        text=_named(f"{described(change)}: {change.why}", change.stack, change.name, pair),
        weight=Weight.NOTE if few else Weight.CAUTION,
        evidence=(_evidence(change, pair),),
        service=service(pair, change.stack, change.name),
    )


def _evidence(change: Change, pair: Pair) -> Evidence:
    was, will_be = pair.was(change.stack, change.name), pair.will_be(change.stack, change.name)
    if was is None or will_be is None:
        return Evidence(stack=change.stack, name=change.name, before=as_yaml(was), after=as_yaml(will_be))
    return Evidence(
        stack=change.stack,
        name=change.name,
        before=_parts(was, change.paths),
        after=_parts(will_be, change.paths),
    )


def _parts(properties: Any, paths: Iterable[str]) -> str:
    found = {path: value for path in paths if (value := _at(properties, path.split("/"))) is not MISSING}
    return as_yaml(found) if found else ""


def _at(value: Any, path: list[str]) -> Any:
    """What is at a path; MISSING if there is nothing."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part, MISSING)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def _order(pair: Pair, environment: str) -> list[Item]:
    """What needs more than one deployment, with the commands in their order."""
    steps = plan(pair.before.stacks, pair.after.stacks, pair.result, quotas=pair.quotas)
    commands = steps.commands(environment) if steps else ()
    if len(commands) < 2:
        return []
    return [
        Item(
            id=f"data:order:{len(commands)}-steps",
            text=f"this takes {len(commands)} steps, in this order: {'; then '.join(commands)}",
            weight=Weight.CAUTION,
            evidence=(Evidence(stack="", after="\n".join(commands)),),
        )
    ]
