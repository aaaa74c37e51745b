"""Which words of which edges are new and which are gone, with everything that makes no difference left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ops.review.exposure_words import Word, parsed
from ops.review.model import Node, NodeKind
from ops.review.reach_graph import AWS, INTERNET, PEOPLE, Graph
from ops.review.reach_rules import network, within

_DATA = frozenset({NodeKind.TABLE, NodeKind.BUCKET, NodeKind.QUEUE, NodeKind.SECRET})
Ends = tuple[str, str]


@dataclass(frozen=True)
class Opening:
    """Words of an edge that one side has and the other has not.

    Attributes:
        source: where it begins.
        target: what it reaches.
        words: what is new, or gone.
        texts: the same as the edges have them.
        left: the words that the edge has on both sides, or that are a part of what is gone.
        moved: whether only http became https.
        side: the side that has it.
        other: the side that has not.
    """

    source: Node
    target: Node
    words: tuple[Word, ...]
    texts: tuple[str, ...]
    left: tuple[Word, ...]
    moved: bool
    side: Side
    other: Side


@dataclass(eq=False)
class Side:
    """One side's edges, with their words taken apart."""

    graph: Graph
    words: dict[Ends, dict[str, Word]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known: dict[str, Word] = {}
        for ends, found in self.graph.because.items():
            for text in found:
                if text not in known:
                    known[text] = parsed(text)
            self.words[ends] = {text: known[text] for text in found}

    @cached_property
    def sources(self) -> dict[str, list[str]]:
        """What reaches each node."""
        return _grouped((target, source) for source, target in self.words)

    @cached_property
    def targets(self) -> dict[str, list[str]]:
        """What each node reaches."""
        return _grouped(self.words)

    def allows(self, ends: Ends, word: Word) -> bool:
        """Whether the side has a word that includes this one, perhaps for more addresses than it."""
        if any(one.covers(word) for one in self.words.get(ends, {}).values()):
            return True
        source, target = ends
        wider = [(one, target) for one in self._around(source)] + [(source, one) for one in self._around(target)]
        return any(one.covers(word, anywhere=True) for end in wider for one in self.words.get(end, {}).values())

    def _around(self, node: str) -> Iterator[str]:
        """The nodes whose addresses include those of the node. The private network is not around a part of it: its words say
        which part they are about.
        """
        kind, _, text = node.partition("/")
        cidr = network(text) if kind == "address" else None
        if cidr:
            yield INTERNET
            for other in self.addresses:
                outer = network(other.partition("/")[2])
                if other != node and outer and within(cidr, outer):
                    yield other

    @cached_property
    def addresses(self) -> list[str]:
        return [one for one in self.graph.nodes if one.startswith("address/")]


def _grouped(pairs: Iterable[Ends]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one, other in sorted(pairs):
        found.setdefault(one, []).append(other)
    return found


def openings(side: Side, other: Side) -> Iterator[Opening]:
    """What one side allows and the other does not. What services may do to data is told by their rights."""
    for ends in sorted(side.words):
        source, target = (side.graph.nodes[end] for end in ends)
        if source.id == PEOPLE or (target.kind in _DATA and source.id != INTERNET):
            continue
        new = {text: word for text, word in side.words[ends].items() if not other.allows(ends, word)}
        if not new or (target.id == AWS and _goes_further(side, other, source.id, new)):
            continue
        if (
            source.kind is not NodeKind.LOAD_BALANCER
            and target.kind is NodeKind.LOAD_BALANCER
            and _is_told(side, other, ends)
        ):
            continue
        yield from _opened(source, target, new, side, other)


def _opened(source: Node, target: Node, new: dict[str, Word], side: Side, other: Side) -> Iterator[Opening]:
    """One for each range of addresses, and one for what only moves to https."""
    theirs = list(other.words.get((source.id, target.id), {}).values())
    mine = list(side.words[source.id, target.id].values())
    groups: dict[tuple[str, bool], dict[str, Word]] = {}
    for text, word in new.items():
        is_secured = any(_secures(word, one) and not any(w == one for w in mine) for one in theirs)
        if word.route and any(_secures(one, word) and one not in theirs for one in mine if one.protocol == "https"):
            continue  # told by the https route that takes its place
        groups.setdefault((word.cidr, is_secured), {})[text] = word
    for other_word in theirs:
        if any(_secures(other_word, word) for word in new.values()) and other_word not in mine:
            groups = {
                key: {t: w for t, w in found.items() if not _secures(other_word, w)} for key, found in groups.items()
            }
    for (_, moved), found in sorted(groups.items()):
        if found:
            words = tuple(found.values())
            left = tuple(one for one in theirs if any(word.covers(one) for word in words) or one in mine)
            yield Opening(source, target, words, tuple(found), left, moved, side, other)


def _secures(word: Word, other: Word) -> bool:
    """Whether a route is another one's, over https."""
    if (word.protocol, other.protocol) != ("https", "http") or not other.route:
        return False
    return word.route.endswith(other.route) and other.route.startswith("/")


def _goes_further(side: Side, other: Side, source: str, new: dict[str, Word]) -> bool:
    """Whether the same is told of the internet, of which AWS is a part."""
    told = [
        word for word in side.words.get((source, INTERNET), {}).values() if not other.allows((source, INTERNET), word)
    ]
    return all(any(one.covers(word) for one in told) for word in new.values())


def _is_told(side: Side, other: Side, ends: Ends) -> bool:
    """Whether a load balancer is new as a whole, so that the ways through it say everything."""
    _, balancer = ends
    return bool(side.targets.get(balancer)) and balancer not in other.sources and balancer not in other.targets
