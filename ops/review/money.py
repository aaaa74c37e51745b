"""The idle bill of both sides."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ops.assembly import Stack
from ops.costs import Bill, Line, total
from ops.review.model import Cost, CostLine
from ops.review.pair import Pair


def cost(pair: Pair) -> Cost:
    """What an idle month costs then and now, in USD, both platforms together."""
    before, after = _bill(pair.sides.before.values()), _bill(pair.sides.after.values())
    lines = [_line(before.get(key), after.get(key)) for key in {**before, **after}]
    lines.sort(key=lambda line: (-abs(Decimal(line.difference)), line.what))
    was, will_be = total(list(before.values())), total(list(after.values()))
    return Cost(before=str(was), after=str(will_be), difference=_signed(will_be - was), lines=tuple(lines))


def _bill(stacks: Iterable[Stack]) -> dict[str, Line]:
    return {line.key: line for line in Bill(stacks).lines()}


def _line(before: Line | None, after: Line | None) -> CostLine:
    was = before.total if before else Decimal(0)
    will_be = after.total if after else Decimal(0)
    known = after or before
    return CostLine(
        what=known.what if known else "",
        before=_counted(before),
        after=_counted(after),
        difference=_signed(will_be - was),
    )


def _counted(line: Line | None) -> str:
    return f"{line.count.normalize():f} for {line.total}" if line else ""


def _signed(amount: Decimal) -> str:
    return f"{amount:+.2f}" if amount else "0.00"
