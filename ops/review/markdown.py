"""A review as the Markdown of a comment: the most dangerous first, under sixty lines; the page has the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from config.errors import one_line
from ops.review.model import Card, CostLine, Fact, Item, Review, Status, Usage, Weight
from ops.review.shown import cut

LONGEST: Final = 60
"""Lines."""

_MARKS: Final = {Weight.DANGER: "🔴", Weight.CAUTION: "🟠", Weight.NOTE: "🔵", Weight.ROUTINE: "⚪"}
_SIGNS: Final = {Status.ADDED: "added", Status.REMOVED: "removed", Status.CHANGED: "changed", Status.SAME: ""}
_FULL: Final = 0.8  # of a quota: worth a line
# What GitHub reads as markup, a mention or a reference to an issue.
_SPECIAL: Final = re.compile(r"([\\`*_\[\]~])|([#<>@&$]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_TEXT: Final = 300  # characters of a sentence
_NOTES: Final = 3
_HEADING: Final = 2  # lines


def markdown(review: Review) -> str:
    """The Markdown; every text from a template is escaped. Ends with a line break."""
    title = f"### Review of {escaped(review.environment)}: {escaped(review.before)} → {escaped(review.after)}"
    lines = [title, "", _summary(review)]
    lines += [f"- ❌ {escaped(reason)}" for reason in review.verdict.reasons]
    lines += _few([f"- {escaped(note)}" for note in review.notes], _NOTES)
    sections = [(heading, found) for heading, found in _sections(review) if found]
    room = LONGEST - 1 - len(lines) - _HEADING * len(sections)
    for (heading, found), most in zip(sections, _shares([len(found) for _, found in sections], room), strict=True):
        lines += ["", f"#### {heading}", *_few(found, most)]
    return "\n".join(lines) + "\n"


def _shares(wanted: list[int], room: int) -> list[int]:
    """How many lines each section gets: one each in turn, from the first, until all have what they want or the room is used."""
    given = [0] * len(wanted)
    while room > 0 and given != wanted:
        for index, most in enumerate(wanted):
            if given[index] < most and room > 0:
                given[index] += 1
                room -= 1
    return given


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: nothing in it is markup, a link, a mention or an issue."""
    line = one_line(cut(" ".join(text.split()), _TEXT))
    return _SPECIAL.sub(lambda match: f"\\{match[1]}" if match[1] else f"&#{ord(match[2])};", line)


def _summary(review: Review) -> str:
    if review.is_empty:
        return "Nothing changes."
    open_items = [item for item in review.items if not item.accepted]
    counts = [
        f"{_MARKS[weight]} {count} {_plural(word, count)}"
        for weight, word in ((Weight.DANGER, "danger"), (Weight.CAUTION, "caution"), (Weight.NOTE, "note"))
        if (count := sum(item.weight is weight for item in open_items))
    ]
    changed = sum(card.status is not Status.SAME for card in review.services)
    counts.append(f"{changed} of {len(review.services)} services change{'s' * (changed == 1)}")
    if Decimal(review.cost.difference):
        counts.append(f"idle cost {review.cost.before} → {review.cost.after} USD a month ({review.cost.difference})")
    accepted = sum(bool(item.accepted) for item in review.items)
    if accepted:
        counts.append(f"{accepted} accepted")
    return escaped(" · ".join(counts)) + "."


def _sections(review: Review) -> Iterator[tuple[str, list[str]]]:
    yield "Data and downtime", [*_items(review.data), *_routine(review)]
    yield "Rights", _items(review.rights)
    yield "Exposure", _items(review.exposure.items)
    yield "Services", [*(_card(card) for card in review.services if card.status is not Status.SAME), *_shared(review)]
    yield "Cost", _costs(review)
    yield "Limits", [_usage(usage) for usage in review.limits if _counts(usage)]
    yield "Findings", _items(review.findings)


def _items(items: Iterable[Item]) -> list[str]:
    """Those that nobody accepts first."""
    found = sorted(items, key=lambda item: (bool(item.accepted), -item.weight))
    return [_item(item) for item in found]


def _item(item: Item) -> str:
    if item.accepted:
        return f"- ✅ {escaped(item.text)} (accepted: {escaped(item.accepted)})"
    remedy = f" ({escaped(item.remedy)})" if item.remedy else ""
    return f"- {_MARKS[item.weight]} {escaped(item.text)}{remedy}"


def _routine(review: Review) -> list[str]:
    if not review.routine:
        return []
    text = "; ".join(f"{stack}: {counts}" for stack, counts in review.routine)
    return [f"- {_MARKS[Weight.ROUTINE]} routine: {escaped(text)}"]


def _card(card: Card) -> str:
    parts = [_image(name, change.tag_before, change.tag_after, len(change.files)) for name, change in card.images]
    parts += [_fact(fact) for fact in card.facts if fact.status is not Status.SAME]
    objects = [f"{diff.object} {_SIGNS[diff.status]}" for diff in card.objects if diff.status is not Status.SAME]
    if card.status is not Status.CHANGED:
        parts, objects = [], []
    text = "; ".join(filter(None, [*parts, f"objects: {', '.join(objects)}" if objects else ""]))
    where = " and ".join(platform.upper() for platform in card.platforms)
    return f"- **{escaped(card.service)}** ({escaped(card.kind)} on {where}) {_SIGNS[card.status]}" + (
        f": {escaped(text)}" if text else ""
    )


def _shared(review: Review) -> list[str]:
    objects = [f"{diff.object} {_SIGNS[diff.status]}" for diff in review.objects]
    return [f"- objects that all services share: {escaped(', '.join(objects))}"] if objects else []


def _image(name: str, before: str, after: str, files: int) -> str:
    if before == after:
        return ""
    changed = f", {files} {_plural('file', files)} changed" if files else ""
    return f"image of {name} {_tag(before)} → {_tag(after)}{changed}"


def _tag(text: str) -> str:
    """A tag, its hash shortened."""
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{24,}", r"\1", text) or "none"


def _fact(fact: Fact) -> str:
    where = f" on {fact.platform.upper()}" if fact.platform else ""
    return f"{fact.name}{where} {_brief(fact.before)} → {_brief(fact.after)}"


def _brief(text: str) -> str:
    return cut(text, 60) or "none"


def _costs(review: Review) -> list[str]:
    return [f"- {escaped(_cost(line))}" for line in review.cost.lines if Decimal(line.difference)]


def _cost(line: CostLine) -> str:
    return f"{line.what}: {line.before or 'none'} → {line.after or 'none'} ({line.difference} USD)"


def _counts(usage: Usage) -> bool:
    return usage.share >= _FULL and usage.before != usage.after


def _usage(usage: Usage) -> str:
    text = f"{usage.where}: {usage.before} → {usage.after} of {usage.limit} {usage.quota}"
    return f"- {escaped(text)}"


def _few(lines: Sequence[str], most: int) -> list[str]:
    if len(lines) <= most:
        return list(lines)
    return [*lines[: most - 1], f"- … and {len(lines) - most + 1} more, in the page"]


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
