"""What can reach what, then and now: from the internet to each service to its data, and what changes about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from ops.changes.sentences import readable
from ops.review.exposure_changes import Opening, Side, openings
from ops.review.exposure_sentences import audience_of, sentence
from ops.review.model import Crossing, Evidence, Exposure, Gate, Item, Node, NodeKind, Reach, Status, Weight, status
from ops.review.pair import Pair
from ops.review.reach import survey
from ops.review.reach_graph import INTERNET, Graph

_MOST_EVIDENCE: Final = 8
_LONGEST: Final = 1500
_MOST_NAMES: Final = 6


def exposure(pair: Pair) -> Exposure:
    """What can reach what on both sides, and sentences about what changes.

    Rights of services to data are part of the reach, but have no sentences here: the section about rights has them.
    """
    before = survey(pair.sides.before, pair.sides.was)
    after = survey(pair.sides.after, pair.sides.will_be)
    was, will_be = before.reach(), after.reach()
    return Exposure(was, will_be, _crossings(was, will_be), _items(before, after))


def _crossings(before: Reach, after: Reach) -> tuple[Crossing, ...]:
    was = {(edge.source, edge.target): edge.what for edge in before.edges}
    will_be = {(edge.source, edge.target): edge.what for edge in after.edges}
    found = [
        Crossing(source=ends[0], target=ends[1], before=old, after=new, status=status(old, new))
        for ends in sorted({*was, *will_be})
        for old, new in [(was.get(ends, ()), will_be.get(ends, ()))]
    ]
    return tuple(sorted(found, key=lambda one: (one.status is Status.SAME, one.source, one.target)))


def _items(before: Graph, after: Graph) -> tuple[Item, ...]:
    was, will_be = Side(before), Side(after)
    opened = [_item(same, gone=False) for same in _alike(openings(will_be, was))]
    closed = [_item(same, gone=True) for same in _alike(openings(was, will_be))]
    return tuple(sorted([*opened, *closed], key=lambda item: (-item.weight, item.gate is None, item.id)))


def _alike(found: Iterable[Opening]) -> Iterator[list[Opening]]:
    """Openings of which one sentence tells: on both platforms, and of several services that get the same way out."""
    groups: dict[Any, list[Opening]] = {}
    for one in found:
        who = tuple(audience_of(one.side, one)) if one.source.kind is NodeKind.LOAD_BALANCER else ()
        key = (_plain(one.source), _plain(one.target), one.words, one.moved, who)
        groups.setdefault(key, []).append(one)
    wider: dict[Any, list[Opening]] = {}
    for key, same in groups.items():
        first = same[0]
        outwards = first.source.kind is NodeKind.SERVICE and first.target.kind is not NodeKind.SERVICE
        platforms = tuple(sorted({one.source.platform for one in same}))
        shared = (first.target.id, first.words, platforms, bool(first.left)) if outwards else key
        wider.setdefault((outwards, shared), []).extend(same)
    yield from wider.values()


def _plain(node: Node) -> str:
    """The node without its platform."""
    return node.id.partition("/")[2] if node.platform and "/" in node.id else node.id


def _item(same: Sequence[Opening], *, gone: bool) -> Item:
    first = same[0]
    past = first.source.id == INTERNET and first.target.kind is not NodeKind.LOAD_BALANCER
    harmless = gone or first.moved
    return Item(
        id=_id(same, gone=gone),
        text=sentence(same, gone=gone),
        weight=Weight.NOTE if harmless else Weight.DANGER if past else Weight.CAUTION,
        gate=None if harmless else Gate.NEW_EXPOSURE,
        evidence=_evidence(same, gone=gone),
        service=_service(same),
    )


def _service(same: Sequence[Opening]) -> str:
    first = same[0]
    end = "target" if first.target.kind is NodeKind.SERVICE and first.source.kind is not NodeKind.SERVICE else "source"
    names = {getattr(one, end).label for one in same if getattr(one, end).kind is NodeKind.SERVICE}
    return names.pop() if len(names) == 1 else ""


def _id(same: Sequence[Opening], *, gone: bool) -> str:
    what = "+".join(sorted({text for one in same for text in one.texts}))
    ends = (_ids(one.source for one in same), _ids(one.target for one in same))
    return ".".join(":".join(("exposure", *ends, f"not {what}" if gone else what)).split())


def _ids(nodes: Iterable[Node]) -> str:
    found = list(nodes)
    platforms = "+".join(sorted({node.platform for node in found if node.platform and "/" in node.id}))
    names = sorted({_plain(node) for node in found})
    if len(names) > _MOST_NAMES:
        digest = hashlib.sha256(" ".join(names).encode()).hexdigest()[:8]
        names = [f"{len(names)}-services-{digest}"]
    return f"{platforms}/{'+'.join(names)}" if platforms else "+".join(names)


# --- evidence --------------------------------------------------------------------------------------------------------


def _evidence(same: Sequence[Opening], *, gone: bool) -> tuple[Evidence, ...]:
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for one in same:
        ends = (one.source.id, one.target.id)
        mine = _raws(one.side.graph, ends, one.texts)
        theirs = _raws(one.other.graph, ends, None)
        for place, raws in mine.items():
            here, there = _text(raws), _text(theirs.get(place, []))
            if here != there and len(found) < _MOST_EVIDENCE:
                found.setdefault(place, (here, there) if gone else (there, here))
    return tuple(
        Evidence(stack=stack, name=name, before=before, after=after)
        for (stack, name), (before, after) in sorted(found.items())
    )


def _raws(graph: Graph, ends: tuple[str, str], texts: Iterable[str] | None) -> dict[tuple[str, str], list[Any]]:
    """The rules behind words of an edge, by their resource; behind all of its words if none are named."""
    words = graph.because.get(ends, {})
    found: dict[tuple[str, str], list[Any]] = {}
    for text in sorted(words if texts is None else texts):
        for rule in words[text]:
            kept = found.setdefault(rule.evidence, [])
            if not any(rule.raw is one for one in kept):
                kept.append(rule.raw)
    return found


def _text(raws: list[Any]) -> str:
    parts = dict.fromkeys(
        yaml.safe_dump(_shown(raw), sort_keys=False, allow_unicode=True, width=100).strip() for raw in raws
    )
    text = "\n".join(parts)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _shown(value: Any) -> Any:
    """The value with its references as text, without hashes."""
    if isinstance(value, Mapping):
        return {str(key): _shown(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_shown(inner) for inner in value]
    return value if isinstance(value, int | float) else readable(str(value))
