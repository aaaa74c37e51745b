"""A graph as SVG. Colours come from the page's CSS, so that it is readable in light, in dark and on paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import escape

from ops.review.graph import SOURCES, Graph, Link, Spot
from ops.review.layout import Curve, Order, Placed, Point
from ops.review.model import NodeKind, Status
from ops.review.shown import shortened, visible

MARKS: Final = {Status.ADDED: "+", Status.REMOVED: "−", Status.CHANGED: "~", Status.SAME: ""}  # noqa: RUF001 - a minus
DATA: Final = frozenset({NodeKind.TABLE, NodeKind.BUCKET, NodeKind.QUEUE, NodeKind.SECRET})
_LETTER: Final = 7.0
"""Width of a letter of the page's font at 13 px, on average and a bit more."""
_SMALL: Final = 6.1
"""The same at 11 px."""
_LINE: Final = 14.0
_LABEL: Final = 22
_WORDS: Final = 26
_MOST_LINES: Final = 4
_EDGE: Final = 6.0
_STEP: Final = 100


def order(graph: Graph, *, wordy: bool) -> Order:
    """The sizes of a graph's parts. `wordy`: every edge has its words, not only those that change."""
    numbers = {spot.node.id: number for number, spot in enumerate(graph.spots)}
    platforms = sorted({spot.node.platform for spot in graph.spots} - {""})
    kinds = [spot.node.kind for spot in graph.spots]
    return Order(
        sizes=tuple(_size(spot) for spot in graph.spots),
        groups=tuple(
            tuple(numbers[spot.node.id] for spot in graph.spots if spot.node.platform == platform)
            for platform in platforms
        ),
        first=tuple(number for number, kind in enumerate(kinds) if kind in SOURCES),
        edges=tuple(
            (numbers[link.source], numbers[link.target], *_label_size(link, wordy=wordy)) for link in graph.links
        ),
    )


def svg(graph: Graph, place: Placed, *, key: str, title: str, description: str, wordy: bool) -> str:
    """The drawing.

    Args:
        graph: what is drawn.
        place: where its parts go.
        key: prefix of the ids in it.
        title: what it shows.
        description: the same in words.
        wordy: as in `order`.
    """
    width, height = place.size[0] + 2 * _EDGE, place.size[1] + 2 * _EDGE
    platforms = sorted({spot.node.platform for spot in graph.spots} - {""})
    names = graph.names
    parts = [
        f'<svg class="drawing w{min(14, int(width // _STEP))}" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-labelledby="{key}.title {key}.text" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-_EDGE:.0f} {-_EDGE:.0f} {width:.0f} {height:.0f}">',
        f'<title id="{key}.title">{_text(title)}</title><desc id="{key}.text">{_text(description)}</desc>',
        *(_frame(platform, box) for platform, box in zip(platforms, place.groups, strict=True)),
        *(_edge(link, curve, names) for link, curve in _changes_last(graph, place)),
        *(_spot(spot, middle) for spot, middle in zip(graph.spots, place.nodes, strict=True)),
        *(_words(link, curve, wordy=wordy) for link, curve in _changes_last(graph, place)),
        "</svg>",
    ]
    return "".join(parts)


def _changes_last(graph: Graph, place: Placed) -> list[tuple[Link, Curve]]:
    """So that what changes lies on top."""
    pairs = list(zip(graph.links, place.edges, strict=True))
    return sorted(pairs, key=lambda pair: pair[0].status is not Status.SAME)


def _text(text: str) -> str:
    return str(escape(visible(text)))


def _width(text: str, letter: float) -> float:
    return sum(letter if ord(character) < 0x2E80 else 2 * letter for character in text)


# --- nodes -----------------------------------------------------------------------------------------------------------


def _label(spot: Spot) -> str:
    return visible(shortened(spot.node.label, _LABEL))[: 2 * _LABEL]


def _caption(spot: Spot) -> str:
    """The kind, where the label does not say it."""
    kind = spot.node.kind
    said = kind in {*SOURCES, NodeKind.OTHER, NodeKind.AWS} or spot.count > 1 or spot.node.label == kind
    return "" if said else kind.value


def _size(spot: Spot) -> Point:
    width = max(_width(_label(spot), _LETTER), _width(_caption(spot), _SMALL)) + 24
    return max(90.0, width), 46.0 if _caption(spot) else 36.0


def _spot(spot: Spot, middle: Point) -> str:
    width, height = _size(spot)
    left, top = middle[0] - width / 2, middle[1] - height / 2
    radius = height / 2 if spot.node.kind in SOURCES else 3 if spot.node.kind in DATA else 9
    shape = "source" if spot.node.kind in SOURCES else "data" if spot.node.kind in DATA else "place"
    state = "" if spot.status is Status.SAME else f" ({spot.status})"
    caption = _caption(spot)
    name = middle[1] + (11 if caption else 4.5)
    return "".join(
        (
            f'<g class="node {shape} {spot.status}"><title>{_text(spot.node.label)}{state}</title>',
            _rect(left - 3, top - 3, width + 6, height + 6, radius + 3) if spot.count > 1 else "",
            _rect(left, top, width, height, radius),
            f'<path d="M{left:.1f} {top + 5:.1f}h{width:.1f}"/>' if shape == "data" else "",
            f'<text class="kind" x="{middle[0]:.1f}" y="{middle[1] - 6:.1f}">{caption}</text>' if caption else "",
            f'<text class="name" x="{middle[0]:.1f}" y="{name:.1f}">{escape(_label(spot))}</text>',
            _badge(spot.status, left + width, top),
            "</g>",
        )
    )


def _rect(left: float, top: float, width: float, height: float, radius: float) -> str:
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}"/>'


def _badge(status: Status, x: float, y: float) -> str:
    if status is Status.SAME:
        return ""
    circle = f'<circle class="badge" cx="{x - 2:.1f}" cy="{y + 2:.1f}" r="8"/>'
    return f'{circle}<text class="mark" x="{x - 2:.1f}" y="{y + 6.5:.1f}">{MARKS[status]}</text>'


def _frame(platform: str, box: tuple[float, float, float, float]) -> str:
    left, top, width, height = box
    return (
        f'<g class="frame">{_rect(left, top, width, height, 12)}'
        f'<text x="{left + 14:.1f}" y="{top + 20:.1f}">{_text(shortened(platform, 20).upper())}</text></g>'
    )


# --- edges -----------------------------------------------------------------------------------------------------------


def _lines(link: Link, *, wordy: bool) -> list[tuple[Status, str]]:
    """What stands at an edge, each line with its mark."""
    found = [(Status.ADDED, word) for word in link.added] + [(Status.REMOVED, word) for word in link.removed]
    if wordy:
        found += [(Status.SAME, word) for word in link.kept]
    lines = [(status, f"{MARKS[status]} {shortened(word, _WORDS)}".strip()) for status, word in found[:_MOST_LINES]]
    if len(found) > _MOST_LINES:
        lines[-1:] = [(Status.SAME, f"and {len(found) - _MOST_LINES + 1} more")]
    return [(status, visible(line)[: 2 * _WORDS]) for status, line in lines]


def _label_size(link: Link, *, wordy: bool) -> Point:
    lines = _lines(link, wordy=wordy)
    if not lines:
        return 0.0, 0.0
    return max(_width(line, _SMALL) for _, line in lines) + 8, len(lines) * _LINE + 4


def _edge(link: Link, curve: Curve, names: Mapping[str, str]) -> str:
    words = "; ".join(
        f"{label}: {', '.join(found)}"
        for label, found in (("as before", link.kept), ("new", link.added), ("gone", link.removed))
        if found
    )
    start, *rest = curve.points
    path = f"M{start[0]:.1f} {start[1]:.1f}C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in rest)
    return (
        f'<g class="edge {link.status}"><title>{_text(names.get(link.source, link.source))} → '
        f"{_text(names.get(link.target, link.target))}{': ' if words else ''}{_text(words)}</title>"
        f'<path d="{path}"/>{_arrow(curve)}</g>'
    )


def _arrow(curve: Curve) -> str:
    """A triangle from the end of the curve to the tip."""
    (x, y), (tip_x, tip_y) = curve.points[-1], curve.tip
    across_x, across_y = (tip_y - y) * 0.5, (x - tip_x) * 0.5
    return (
        f'<path class="tip" d="M{tip_x:.1f} {tip_y:.1f}L{x + across_x:.1f} {y + across_y:.1f}'
        f'L{x - across_x:.1f} {y - across_y:.1f}z"/>'
    )


def _words(link: Link, curve: Curve, *, wordy: bool) -> str:
    lines = _lines(link, wordy=wordy)
    if not lines:
        return ""
    x, top = curve.label[0], curve.label[1] - len(lines) * _LINE / 2 + 11
    return "".join(
        f'<text class="words {status}" x="{x:.1f}" y="{top + number * _LINE:.1f}">{escape(line)}</text>'
        for number, (status, line) in enumerate(lines)
    )
