"""What the checkers object to, then and now, and what is acknowledged with which reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from config.errors import one_line
from ops.review.lint_findings import clause, lint_findings
from ops.review.model import Evidence, Item, Weight
from ops.review.naming import service_of_stack
from ops.review.pair import Pair, Side
from ops.review.text import listed

_ENDS: Final = ("", "/Resource", "/Resource/Default", "/Default")
_MOST_EVIDENCE: Final = 50

Place = tuple[str, str]
"""A rule and a construct."""


def findings(pair: Pair) -> tuple[Item, ...]:
    """What is found or acknowledged on one side only, and reasons that changed; those to look at most closely first.

    Of cfn-lint it says what `lint_findings.lint_differing` has found before. Empty if a side has no assembly: `findings_note`
    says so.
    """
    before, after = _Known.of(pair.before), _Known.of(pair.after)
    if before is None or after is None:
        return ()
    items = [*_found(before, after), *_acknowledged(before, after), *lint_findings(pair)]
    return tuple(sorted(items, key=lambda item: (-item.weight, item.id)))


def findings_note(pair: Pair) -> str:
    """Why findings are not compared; empty if they are."""
    unknown = [side.label for side in (pair.before, pair.after) if side.assembly is None]
    if not unknown:
        return ""
    return f"findings and acknowledgements are not compared: they are not known of {listed(unknown)}"


# --- what the assemblies know ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Known:
    """What is known of one side, under the names of the comparison.

    Attributes:
        found: descriptions of what is found.
        reasons: reasons of what is acknowledged.
        logical: logical ids by construct.
    """

    found: Mapping[Place, str]
    reasons: Mapping[Place, str]
    logical: Mapping[str, str]

    @classmethod
    def of(cls, side: Side) -> _Known | None:
        if side.assembly is None:
            return None
        named = _renaming(side)
        acknowledged = {
            (named(rule), named(construct)): named(reason)
            for construct, rules in side.assembly.acknowledgements().items()
            for rule, reason in rules.items()
        }
        found = {(named(v.rule), named(v.construct)): named(v.description) for v in side.assembly.findings()}
        return cls(found, acknowledged, side.assembly.logical_ids())


class _Renaming:
    """An environment's name in texts, replaced by the one that the comparison reads it as."""

    def __init__(self, old: str, new: str) -> None:
        self._names = (old, new)

    def __call__(self, text: str) -> str:
        old, new = self._names
        return one_line(text.replace(old, new) if old and new else text)


def _renaming(side: Side) -> _Renaming:
    names = {stack.id: stack.name for stack in side.stacks}
    for stack in side.assembly.stacks if side.assembly else ():
        end = f"-{stack.id}"
        name = names.get(stack.id, stack.name)
        if name != stack.name and name.endswith(end) and stack.name.endswith(end):
            return _Renaming(stack.name.removesuffix(end), name.removesuffix(end))
    return _Renaming("", "")


# --- sentences -------------------------------------------------------------------------------------------------------


def _found(before: _Known, after: _Known) -> Iterator[Item]:
    for (rule, description), constructs in _grouped(after.found, before.found):
        yield Item(
            id=_id("finding", rule, constructs),
            text=f"{rule} objects to {_where(constructs)}: {clause(description)}",
            weight=Weight.CAUTION,
            evidence=_evidence(constructs, after, after_text=f"{rule}: {description}"),
            service=_service(constructs),
        )
    new_reasons = _without(after.reasons, before.reasons)
    left = _without(before.found, _answers(before.found, new_reasons))
    for (rule, description), constructs in _grouped(left, after.found):
        yield Item(
            id=_id("finding-gone", rule, constructs),
            text=f"{rule} no longer objects to {_where(constructs)}",
            weight=Weight.NOTE,
            evidence=_evidence(constructs, before, before_text=f"{rule}: {description}"),
            service=_service(constructs),
        )


def _acknowledged(before: _Known, after: _Known) -> Iterator[Item]:
    usual = {(rule, reason, _below_stack(construct)) for (rule, construct), reason in before.reasons.items()}
    for (rule, reason), constructs in _grouped(after.reasons, before.reasons):
        known = [construct for construct in constructs if (rule, reason, _below_stack(construct)) in usual]
        for some, as_before in ((known, True), ([c for c in constructs if c not in known], False)):
            if some:
                yield _new_acknowledgement(rule, reason, some, after, as_before=as_before)
    new_findings = _without(after.found, before.found)
    left = _without(before.reasons, _answers(new_findings, _without(before.reasons, after.reasons)).values())
    for (rule, reason), constructs in _grouped(left, after.reasons):
        yield Item(
            id=_id("acknowledged-gone", rule, constructs),
            text=f"{rule} is no longer acknowledged on {_where(constructs)}",
            weight=Weight.NOTE,
            evidence=_evidence(constructs, before, before_text=f"{rule}: {reason}"),
            service=_service(constructs),
        )
    yield from _reasons(before, after)


def _new_acknowledgement(rule: str, reason: str, constructs: list[str], after: _Known, *, as_before: bool) -> Item:
    """A service that is added has the acknowledgements of all others: nobody has to judge these again."""
    usual = ", as on others before" if as_before else ""
    return Item(
        id=_id("acknowledged", rule, constructs),
        text=f"{rule} is acknowledged on {_where(constructs)}{usual}: {clause(reason)}",
        weight=Weight.NOTE if as_before else Weight.CAUTION,
        evidence=_evidence(constructs, after, after_text=f"{rule}: {reason}"),
        service=_service(constructs),
    )


def _reasons(before: _Known, after: _Known) -> Iterator[Item]:
    changed: dict[tuple[str, str, str], list[str]] = {}
    for (rule, construct), reason in after.reasons.items():
        was = before.reasons.get((rule, construct), reason)
        if was != reason:
            changed.setdefault((rule, was, reason), []).append(construct)
    for (rule, was, reason), found in sorted(changed.items()):
        constructs = sorted(found)
        yield Item(
            id=_id("reason", rule, constructs),
            text=f"{rule} is acknowledged on {_where(constructs)} with another reason: {clause(reason)}",
            weight=Weight.NOTE,
            evidence=_evidence(constructs, after, before_text=f"{rule}: {was}", after_text=f"{rule}: {reason}"),
            service=_service(constructs),
        )


def _answers(found: Mapping[Place, str], reasons: Mapping[Place, str]) -> dict[Place, Place]:
    """What the other side acknowledges of what is found, on the construct or above it: one of the two is enough to say."""
    answers = {}
    for rule, construct in found:
        parts = construct.split("/")
        places = ((rule, "/".join(parts[:count])) for count in range(1, len(parts) + 1))
        place = next((place for place in places if place in reasons), None)
        if place is not None:
            answers[rule, construct] = place
    return answers


def _without(these: Mapping[Place, str], those: Iterable[Place]) -> dict[Place, str]:
    left_out = set(those)
    return {place: text for place, text in these.items() if place not in left_out}


def _grouped(these: Mapping[Place, str], those: Mapping[Place, str]) -> list[tuple[tuple[str, str], list[str]]]:
    """Constructs of what only the first has, by rule and text."""
    found: dict[tuple[str, str], list[str]] = {}
    for (rule, construct), text in these.items():
        if (rule, construct) not in those:
            found.setdefault((rule, text), []).append(construct)
    return [(key, sorted(constructs)) for key, constructs in sorted(found.items())]


def _where(constructs: list[str]) -> str:
    return _short(constructs[0]) if len(constructs) == 1 else f"{len(constructs)} constructs"


def _short(construct: str) -> str:
    return construct.removesuffix("/Resource")


def _id(kind: str, rule: str, constructs: list[str]) -> str:
    """Names the construct, or the first with a hash of all: one more construct is another item."""
    where = _short(constructs[0])
    if len(constructs) > 1:
        digest = hashlib.sha256("\n".join(constructs).encode("utf-8", "replace")).hexdigest()[:8]
        where = f"{where}+{len(constructs) - 1}-{digest}"
    return ".".join(f"{kind}:{rule}:{where}".split())


def _evidence(
    constructs: list[str], known: _Known, *, before_text: str = "", after_text: str = ""
) -> tuple[Evidence, ...]:
    found = []
    for construct in constructs[:_MOST_EVIDENCE]:
        name = next((known.logical[construct + end] for end in _ENDS if construct + end in known.logical), "")
        lead = "" if name else f"{_below_stack(construct)}: "
        found.append(
            Evidence(
                stack=_stack(construct),
                name=name,
                before=f"{lead}{before_text}" if before_text else "",
                after=f"{lead}{after_text}" if after_text else "",
            )
        )
    return tuple(found)


def _stack(construct: str) -> str:
    return construct.partition("/")[0]


def _below_stack(construct: str) -> str:
    return construct.partition("/")[2]


def _service(constructs: Iterable[str]) -> str:
    """The service that all constructs are of, if there is one."""
    found = {service_of_stack(_stack(construct)) for construct in constructs}
    return found.pop() if len(found) == 1 else ""
