"""What differs between two lists of lines, in time that grows with their length and not with its square."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

Lines = Sequence[str]
Line = tuple[str, str]

CONTEXT: Final = 3
_LONGEST: Final = 2000
_MOST: Final = 3000  # lines a side that difflib compares as a whole
_KEPT: Final = 200  # characters before the difference that a cut line keeps
_SHOWN: Final = 4000  # lines of one resource

# From where to where in both: [a, b) became [c, d).
_Block = tuple[int, int, int, int]


def unified(before: Lines, after: Lines) -> tuple[Line, ...]:
    """The lines that differ, with three lines around them, as ("+", "-", " " or "…", text); empty if none does.

    Lines of more than 2,000 characters, and more than 4,000 lines, are cut, which the text says.
    """
    shown = list(_hunks(before, after, list(changed_blocks(before, after))))
    if len(shown) > _SHOWN:
        shown = [*shown[:_SHOWN], ("…", f"{len(shown) - _SHOWN:,} more lines")]
    return tuple(shown)


def all_of(lines: Lines, sign: str) -> tuple[Line, ...]:
    """Every line, of something that is new or gone."""
    return unified((), lines) if sign == "+" else unified(lines, ())


def changed_blocks(before: Lines, after: Lines) -> Iterator[_Block]:
    """The parts that differ, in order."""
    start = same_from_start(before, after)
    end = 0
    shorter = min(len(before), len(after)) - start
    while end < shorter and before[-1 - end] == after[-1 - end]:
        end += 1
    last = len(before) - end, len(after) - end
    if (start, start) == last:
        return
    yield from _between(before, after, (start, last[0], start, last[1]))


def same_from_start(before: Sequence[str], after: Sequence[str]) -> int:
    """How many lines, or characters, both begin with."""
    same, low, high = 0, 0, min(len(before), len(after))
    while low < high:  # halves what is compared: slices compare much faster than a loop
        middle = (low + high + 1) // 2
        if before[same:middle] == after[same:middle]:
            same = low = middle
        else:
            high = middle - 1
    return low


def _between(before: Lines, after: Lines, block: _Block) -> Iterator[_Block]:
    low, high, new_low, new_high = block
    if low == high or new_low == new_high:
        if low != high or new_low != new_high:
            yield block
        return
    if high - low > _MOST or new_high - new_low > _MOST:
        yield from _between_anchors(before, after, block)
        return
    matcher = SequenceMatcher(None, before[low:high], after[new_low:new_high])
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            yield low + a, low + b, new_low + c, new_low + d


def _between_anchors(before: Lines, after: Lines, block: _Block) -> Iterator[_Block]:
    """Divides where lines that are in both exactly once are in the same order; without any, all of it differs."""
    low, high, new_low, new_high = block
    at = (low, new_low)
    anchors = _anchors(before[low:high], after[new_low:new_high])
    if not anchors:
        yield block
        return
    for a, b in anchors:
        yield from _between(before, after, (at[0], low + a, at[1], new_low + b))
        at = (low + a + 1, new_low + b + 1)
    yield from _between(before, after, (at[0], high, at[1], new_high))


def _anchors(before: Lines, after: Lines) -> list[tuple[int, int]]:
    """Places of the lines that both have once: the longest selection that is in order on both sides."""
    once_before, once_after = Counter(before), Counter(after)
    where = {line: number for number, line in enumerate(after) if once_after[line] == 1}
    pairs = [(a, where[line]) for a, line in enumerate(before) if once_before[line] == 1 and line in where]
    ends: list[int] = []  # the smallest last place of a selection of each length
    indexes: list[int] = []
    previous: list[int] = []
    for index, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        ends[length : length + 1] = [place]
        indexes[length : length + 1] = [index]
        previous.append(indexes[length - 1] if length else -1)
    chosen: list[tuple[int, int]] = []
    index = indexes[-1] if indexes else -1
    while index >= 0:
        chosen.append(pairs[index])
        index = previous[index]
    return chosen[::-1]


def _hunks(before: Lines, after: Lines, blocks: list[_Block]) -> Iterator[Line]:
    shown = 0  # lines of the old side that were shown or passed over
    for number, (low, high, new_low, new_high) in enumerate(blocks):
        start = max(shown, low - CONTEXT)
        if start > shown:
            yield "…", ""
        yield from ((" ", _cut(line)) for line in before[start:low])
        yield from _replaced(before[low:high], after[new_low:new_high])
        following = blocks[number + 1][0] if number + 1 < len(blocks) else len(before)
        shown = min(high + CONTEXT, following)
        yield from ((" ", _cut(line)) for line in before[high:shown])
    if blocks and shown < len(before):
        yield "…", ""


def _replaced(old: Lines, new: Lines) -> Iterator[Line]:
    """The old lines, then the new ones. A long line that becomes another one begins shortly before the difference."""
    same = [0] * max(len(old), len(new))
    if len(old) == len(new):
        for index, (a, b) in enumerate(zip(old, new, strict=True)):
            if max(len(a), len(b)) > _LONGEST:
                same[index] = same_from_start(a, b)
    yield from (("-", _cut(line, from_=same[index])) for index, line in enumerate(old))
    yield from (("+", _cut(line, from_=same[index])) for index, line in enumerate(new))


def _cut(line: str, from_: int = 0) -> str:
    if len(line) <= _LONGEST:
        return line
    skipped = max(0, from_ - _KEPT)
    head = f"({skipped:,} characters before) …" if skipped else ""
    rest = len(line) - skipped - _LONGEST
    tail = f"… ({rest:,} more characters)" if rest > 0 else ""
    return f"{head}{line[skipped : skipped + _LONGEST]}{tail}"
