"""The pictures of a review: the environment, and each changed service's way from the internet to its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ops.review.drawing import order, svg
from ops.review.graph import Graph, Link, around, folded, merged
from ops.review.layout import LayoutError, Order, Placed, placed
from ops.review.model import Card, Exposure, NodeKind, Picture, Status
from ops.review.shown import shortened, slug

MOST_SERVICES: Final = 12
"""Services with a picture of their own; the others that change are named."""
_MOST_SENTENCES: Final = 40


def pictures(exposure: Exposure, cards: Sequence[Card] = (), *, node: str | Path | None = None) -> tuple[Picture, ...]:
    """Draws what can reach what, both sides in one, with what changes marked.

    Where Node is missing or the layout fails, a picture has no drawing and its description says why, and what it would
    have shown.

    Args:
        exposure: both sides.
        cards: the services; those that change get a picture, as do those whose edges change.
        node: the command of Node; by default that of the virtual environment.
    """
    graph = merged(exposure, {card.service: card.status for card in cards})
    if not graph.spots:
        return ()
    changing = _changing(graph, cards)
    drafts = [
        (
            "picture-environment",
            "The environment, without unchanged connections out to the internet and AWS",
            folded(graph),
            False,
        ),
        *(
            (slug("picture-of", service), f"{service}: from the internet to its data", around(graph, service), True)
            for service in changing[:MOST_SERVICES]
        ),
    ]
    places, reason = _places([order(drawn, wordy=wordy) for _, _, drawn, wordy in drafts], node)
    found = []
    for (key, title, drawn, wordy), place in zip(drafts, places, strict=True):
        words = described(drawn)
        if not wordy:
            words += " Unchanged connections out, to the internet and to AWS, are left out."
        if place is None:
            found.append(Picture(id=key, title=title, description=f"Not drawn: {reason}. {words}", svg=""))
            continue
        art = svg(drawn, place, key=key, title=title, description=words, wordy=wordy)
        found.append(Picture(id=key, title=title, description=words, svg=art))
    return (*found, *_rest(changing[MOST_SERVICES:]))


def _places(orders: Sequence[Order], node: str | Path | None) -> tuple[list[Placed | None], str]:
    try:
        return placed(orders, node), "the layout engine refused it"
    except LayoutError as error:
        return [None] * len(orders), f"the layout engine cannot be run ({shortened(str(error), 200)})"


def _changing(graph: Graph, cards: Sequence[Card]) -> list[str]:
    """Services that change, those whose reach changes first."""
    labels = {spot.node.id: spot.node.label for spot in graph.spots if spot.node.kind is NodeKind.SERVICE}
    edges = {
        labels[end]
        for link in graph.links
        if link.status is not Status.SAME
        for end in (link.source, link.target)
        if end in labels
    }
    drawn = set(labels.values())
    others = {card.service for card in cards if card.status is not Status.SAME} & drawn
    return [*sorted(edges), *sorted(others - edges)]


def _rest(services: Sequence[str]) -> tuple[Picture, ...]:
    if not services:
        return ()
    names = ", ".join(shortened(service, 60) for service in services)
    return (Picture(id="picture-more", title=f"{len(services)} more services change", description=names, svg=""),)


def described(graph: Graph) -> str:
    """The picture in words: what changes, and how much does not."""
    names = graph.names
    changes = [link for link in graph.links if link.status is not Status.SAME]
    sentences = [_sentence(link, names[link.source], names[link.target]) for link in changes[:_MOST_SENTENCES]]
    if len(changes) > _MOST_SENTENCES:
        sentences.append(f"{len(changes) - _MOST_SENTENCES} more connections change.")
    same = len(graph.links) - len(changes)
    if same:
        sentences.append(f"{same} connection{'s stay' if same > 1 else ' stays'} as before.")
    return " ".join(sentences) or "Nothing is connected."


def _sentence(link: Link, source: str, target: str) -> str:
    ends = f"{shortened(source, 80)} to {shortened(target, 80)}"
    parts = [
        f"{word} {', '.join(shortened(what, 80) for what in found)}"
        for word, found in (("new:", link.added), ("gone:", link.removed))
        if found
    ]
    return f"From {ends}, {'; '.join(parts)}."
