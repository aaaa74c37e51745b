"""A review as one HTML file, which loads nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ops.review.drawing import MARKS
from ops.review.matrix import matrix
from ops.review.model import Card, Item, Picture, Review, Status, TemplateDiff, Usage, Weight
from ops.review.shown import cut, slug, visible

TEMPLATES: Final = Path(__file__).resolve().parent.parent / "templates" / "review"
_LONGEST_TEXT: Final = 4_000
_LONGEST_SENTENCE: Final = 1_000
_LONGEST_SNIPPET: Final = 20_000
_OPENERS: Final = frozenset({
    "a", "all", "an", "any", "anyone", "each", "every", "everybody", "everyone", "everything", "no", "nobody", "nothing", "the"
})  # fmt: skip
SIGNS: Final = {"+": "+", "-": "−", "…": "…"}  # noqa: RUF001 - a minus
_MOST_LINES: Final = 2_000
"""Lines of one resource's raw difference."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section as the summary counts it.

    Attributes:
        id: its anchor.
        title: its heading.
        count: what it has to say, in a few words.
        number: the same as a number.
        weight: how closely to look; None if it has nothing to say.
    """

    id: str
    title: str
    count: str
    number: int
    weight: Weight | None = None


def page(review: Review) -> str:
    """The review as HTML. Its text is valid UTF-8, whatever the templates hold."""
    style, script = Markup(_own("page.css")), Markup(_own("page.js"))  # noqa: S704 - our own files
    anchors = Anchors(review.templates)
    drawn = matrix(review.exposure)
    front = review.pictures[0] if review.pictures and drawn.changes else None
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            review=review,
            sections=sections(review),
            matrix=drawn,
            front=front,
            pictures=review.pictures[1:] if front else review.pictures,
            anchors=anchors,
            cards={card.service: anchors.unique("service", card.service) for card in review.services},
            gated=bool(review.verdict.fail_on),
            style=style,
            script=script,
            csp=_policy(style, script),
        )
    )


@cache
def _own(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8").strip()


@cache
def _environment() -> Environment:
    """Every text passes `_final` and is escaped; only what this module marks as markup is not."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(MARKS=MARKS, Status=Status, Weight=Weight, diff=diff)
    environment.filters.update(
        drawing=drawing,
        open_items=lambda items: [item for item in items if not item.accepted],
        accepted_items=lambda items: [item for item in items if item.accepted],
        changed=lambda entries: [entry for entry in entries if entry.status is not Status.SAME],
        same=lambda entries: [entry for entry in entries if entry.status is Status.SAME],
        percent=lambda share: f"{100 * share:.0f}",
        width=lambda share: f"{min(100.0, 100 * share):.1f}%",
        close=lambda usages: [usage for usage in usages if _counts(usage)],
        far=lambda usages: [usage for usage in usages if not _counts(usage)],
        grouped=lambda number: f"{number:,}",
        slug=slug,
        sentence=lambda text: text[:1].upper() + text[1:],
        said=said,
        snippet=lambda text: Markup(escape(visible(cut(text, _LONGEST_SNIPPET)))),  # noqa: S704 - it is escaped
    )
    return environment


def _counts(usage: Usage) -> bool:
    """Whether a quota is worth a line of its own."""
    return usage.share >= 0.5 or usage.before != usage.after


def _final(value: Any) -> Any:
    return value if isinstance(value, Markup) else visible(cut(str(value), _LONGEST_TEXT))


def said(text: str) -> str:
    """A sentence with a capital letter and a full stop; a name at its start stays as it is."""
    start, _, _ = text.partition(" ")
    text = f"{text[:1].upper()}{text[1:]}" if start in _OPENERS else text
    return f"{cut(text, _LONGEST_SENTENCE)}."


def drawing(picture: Picture) -> Markup:
    """The one text that is not escaped: the review's own SVG, in which every text is."""
    return Markup(picture.svg)  # noqa: S704


def _policy(style: str, script: str) -> str:
    """Nothing is loaded, and only our style and script are used. https://www.w3.org/TR/CSP3/#framework-directive-source-list"""

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; base-uri 'none'; form-action 'none'"


class Anchors:
    """Ids of what a review links to, each unique in the page."""

    def __init__(self, templates: Sequence[TemplateDiff]) -> None:
        self._known = {
            (template.stack, name): slug("raw", template.stack, name)
            for template in templates
            for name in ("", *(resource.name for resource in template.resources))
        }
        self._used: Counter[str] = Counter()

    def raw(self, stack: str, name: str) -> str:
        """The anchor of a raw difference; empty if the page does not have it."""
        return self._known.get((stack, name), "")

    def unique(self, *parts: str) -> str:
        """An id that nothing else has, for the element that is being written."""
        key = slug(*parts)
        self._used[key] += 1
        return key if self._used[key] == 1 else f"{key}.{self._used[key]}"


def diff(lines: Sequence[tuple[str, str]]) -> Markup:
    """Lines with their signs as one text: the page's script colours them when they are unfolded, as a hundred thousand
    elements would take a second to open. A line break within a line is shown as a sign, or it could pose as a line.
    """
    shown = [
        f"{SIGNS.get(mark, ' ')} {cut(text, _LONGEST_TEXT)}".replace("\n", "⏎") for mark, text in lines[:_MOST_LINES]
    ]
    if len(lines) > _MOST_LINES:
        shown.append(f"… {len(lines) - _MOST_LINES:,} more lines")
    return Markup(escape(visible("\n".join(shown))))  # noqa: S704 - it is escaped


# --- what the summary counts -----------------------------------------------------------------------------------------


def sections(review: Review) -> tuple[Section, ...]:
    """The sections in their order, the most dangerous first."""
    changes = [card for card in review.services if card.status is not Status.SAME]
    resources = sum(len(template.resources) for template in review.templates)
    lines = [line for line in review.cost.lines if line.difference != "0.00"]
    full = [usage for usage in review.limits if usage.share >= 0.8]
    return (
        _of_items("data", "Data and downtime", review.data, "to look at"),
        _of_items("rights", "Rights", review.rights, "changed"),
        _of_items("exposure", "Exposure", review.exposure.items, "changed"),
        _counted("services", "Services", len(changes), f"of {len(review.services)} changed", _heaviest_card(changes)),
        _counted("cost", "Cost", len(lines), f"changed, {review.cost.difference} USD a month", _cost_weight(review)),
        _counted("limits", "Limits", len(full), "at 80 % or more", Weight.CAUTION),
        _of_items("findings", "Findings", review.findings, "new or gone"),
        _counted(
            "pictures", "Pictures", sum(bool(picture.svg) for picture in review.pictures), "drawn", Weight.ROUTINE
        ),
        _counted("raw", "Raw differences", resources, "resources", Weight.ROUTINE),
    )


def _counted(key: str, title: str, number: int, what: str, weight: Weight) -> Section:
    return Section(
        id=key,
        title=title,
        number=number,
        count=f"{number} {what}" if number else "none",
        weight=weight if number else None,
    )


def _of_items(key: str, title: str, items: Iterable[Item], what: str) -> Section:
    found = list(items)
    still = [item for item in found if not item.accepted]
    count = f"{len(still)} {what}" if still else "none"
    if len(found) > len(still):
        count += f", {len(found) - len(still)} accepted"
    return Section(
        id=key,
        title=title,
        count=count,
        number=len(still),
        weight=max((item.weight for item in still), default=None),
    )


def _heaviest_card(cards: Sequence[Card]) -> Weight:
    return Weight.NOTE if any(card.status is not Status.CHANGED for card in cards) else Weight.ROUTINE


def _cost_weight(review: Review) -> Weight:
    return Weight.NOTE if review.cost.difference.startswith("-") else Weight.CAUTION
