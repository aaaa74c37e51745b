"""What makes a review fail: `--fail-on`, and the findings that `.review.yaml` accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from config.errors import did_you_mean
from ops.errors import OpsError
from ops.review.accepted import FILE, AcceptedFinding
from ops.review.model import Gate, Item, Review, Verdict

_COST: Final = re.compile(r"cost\s*>\s*(\d{1,7}(?:\.\d{1,2})?)")


@dataclass(frozen=True)
class Rules:
    """What a review fails on.

    Attributes:
        gates: kinds of items.
        cost: how much more the idle bill may be, in USD a month; None for no bound.
    """

    gates: frozenset[Gate] = frozenset()
    cost: Decimal | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """As `--fail-on` names them."""
        return (
            *(gate.value for gate in Gate if gate in self.gates),
            *([f"cost>{self.cost}"] if self.cost is not None else []),
        )


def rules_from(text: str) -> Rules:
    """The rules that `--fail-on` names, separated by commas. Raises OpsError, with exit code 2, for a word that is none."""
    gates: set[Gate] = set()
    cost: Decimal | None = None
    for word in filter(None, (part.strip() for part in text.split(","))):
        if match := _COST.fullmatch(word):
            cost = Decimal(match[1])
        elif word in set(Gate):
            gates.add(Gate(word))
        else:
            known = [*(gate.value for gate in Gate), "cost>10"]
            remedy = did_you_mean(word, known, else_say=f"write {', '.join(known)}")
            raise OpsError(f"--fail-on {word}: is nothing a review can fail on; {remedy}", exit_code=2)
    return Rules(frozenset(gates), cost)


def judged(review: Review, rules: Rules, accepted: Iterable[AcceptedFinding], today: date) -> Review:
    """The review with its accepted findings marked, and a verdict."""
    here = [one for one in accepted if one.environment in {None, review.environment}]
    valid = {one.id: one.reason for one in here if one.last_day >= today}
    marked = replace(
        review,
        data=_marked(review.data, valid),
        rights=_marked(review.rights, valid),
        exposure=replace(review.exposure, items=_marked(review.exposure.items, valid)),
        findings=_marked(review.findings, valid),
    )
    notes = tuple(_leftovers(here, {item.id for item in review.items}, today))
    verdict = Verdict(fail_on=rules.words, reasons=tuple(_reasons(marked, rules)))
    return replace(marked, notes=(*review.notes, *notes), verdict=verdict)


def _marked(items: tuple[Item, ...], accepted: Mapping[str, str]) -> tuple[Item, ...]:
    return tuple(replace(item, accepted=accepted[item.id]) if item.id in accepted else item for item in items)


def _leftovers(accepted: Iterable[AcceptedFinding], ids: set[str], today: date) -> Iterator[str]:
    """What `.review.yaml` says in vain."""
    for one in accepted:
        if one.id not in ids:
            yield f"{FILE} accepts {one.id}, which is no finding of this review; it can be removed once it is merged everywhere"
        elif one.last_day < today:
            yield f"{FILE} accepted {one.id} until {one.expires}; that day has passed"


def _reasons(review: Review, rules: Rules) -> Iterator[str]:
    for gate in Gate:
        count = sum(item.gate is gate and not item.accepted for item in review.items)
        if gate in rules.gates and count:
            yield f"{gate.value}: {count} finding{'s' if count > 1 else ''} that {FILE} does not accept"
    if rules.cost is not None and Decimal(review.cost.difference) > rules.cost:
        yield f"cost: {review.cost.difference} USD a month more, and {rules.cost} is the bound"
