"""What is drawn: the nodes and edges of both sides in one graph, the whole environment or one service's surroundings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ops.review.model import Exposure, Node, NodeKind, Reach, Status, status

SOURCES: Final = frozenset({NodeKind.INTERNET, NodeKind.PRIVATE, NodeKind.PEOPLE})
_FOLDABLE: Final = (
    NodeKind.SERVICE,
    NodeKind.TABLE,
    NodeKind.BUCKET,
    NodeKind.QUEUE,
    NodeKind.SECRET,
    NodeKind.OTHER,
)
_MOST_UNCHANGED: Final = 8
"""Nodes of one kind on one platform without a change that are still drawn one by one."""
_MOST_CHANGED: Final = 24
"""The same of those with a change of one sort, as in a new environment."""
_SORTS: Final = {Status.SAME: "unchanged", Status.ADDED: "new", Status.REMOVED: "removed", Status.CHANGED: "changed"}
_MOST_AROUND: Final = 28
"""Nodes in the picture of one service."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A node as it is drawn: one node, or many that do not change.

    Attributes:
        node: what it stands for.
        status: what becomes of it; CHANGED for a service that changes itself.
        count: how many nodes it stands for.
    """

    node: Node
    status: Status
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Link:
    """An edge as it is drawn.

    Attributes:
        source: id of a spot.
        target: id of a spot.
        kept: what it could and can still reach it with.
        added: what is new.
        removed: what is gone.
        status: what becomes of it.
    """

    source: str
    target: str
    kept: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    status: Status


@dataclass(frozen=True)
class Graph:
    """Both sides in one."""

    spots: tuple[Spot, ...]
    links: tuple[Link, ...]

    @property
    def names(self) -> Mapping[str, str]:
        """What people call each spot, with its platform where it has one."""
        return {spot.node.id: called(spot.node) for spot in self.spots}


def called(node: Node) -> str:
    """A node's label with its kind and platform, where a label alone would not say which one it is."""
    kind = f"{node.kind} " if node.kind in _FOLDABLE[1:5] else ""
    return f"{kind}{node.label}{f' ({node.platform.upper()})' if node.platform else ''}"


def merged(exposure: Exposure, services: Mapping[str, Status]) -> Graph:
    """Every node and edge of both sides.

    Args:
        exposure: both sides; an edge from or to a node that is not listed gets one.
        services: what becomes of each service, by name.
    """
    was, now = _nodes(exposure.before), _nodes(exposure.after)
    spots = [
        Spot(node=now.get(key) or was[key], status=_becomes(key, was, now, services)) for key in sorted({*was, *now})
    ]
    before, after = _edges(exposure.before), _edges(exposure.after)
    links = [_link(key, before.get(key, set()), after.get(key, set())) for key in sorted({*before, *after})]
    return Graph(tuple(spots), tuple(links))


def _nodes(reach: Reach) -> dict[str, Node]:
    found = {node.id: node for node in reach.nodes}
    for edge in reach.edges:
        for end in (edge.source, edge.target):
            found.setdefault(end, Node(id=end, kind=NodeKind.OTHER, label=end))
    return found


def _becomes(key: str, was: Mapping[str, Node], now: Mapping[str, Node], services: Mapping[str, Status]) -> Status:
    if key not in was or key not in now:
        return Status.ADDED if key in now else Status.REMOVED
    if now[key].kind is NodeKind.SERVICE and services.get(now[key].label, Status.SAME) is not Status.SAME:
        return Status.CHANGED
    return Status.SAME


def _edges(reach: Reach) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for edge in reach.edges:
        found[edge.source, edge.target] |= set(edge.what) or {"anything"}
    return found


def _link(key: tuple[str, str], before: set[str], after: set[str]) -> Link:
    return Link(
        source=key[0],
        target=key[1],
        kept=tuple(sorted(before & after)),
        added=tuple(sorted(after - before)),
        removed=tuple(sorted(before - after)),
        status=status(tuple(sorted(before)), tuple(sorted(after))),
    )


# --- the environment -------------------------------------------------------------------------------------------------


def folded(graph: Graph) -> Graph:
    """The graph with many unchanged nodes of a kind as one, so that a hundred services stay readable.

    Connections to AWS and out to the internet that do not change are left out: every service has them.
    """
    graph = _without_ways_out(graph)
    busy = {end for link in graph.links if link.status is not Status.SAME for end in (link.source, link.target)}
    folds = {spot.node.id: _fold(spot, busy) for spot in graph.spots if spot.node.kind in _FOLDABLE}
    sizes = Counter(fold.node.id for fold in folds.values())
    into = {
        key: _sized(fold, sizes[fold.node.id]) for key, fold in folds.items() if _is_many(fold, sizes[fold.node.id])
    }
    kept = [spot for spot in graph.spots if spot.node.id not in into]
    found = {fold.node.id: fold for fold in into.values()}
    return Graph((*kept, *(found[key] for key in sorted(found))), _relinked(graph.links, into))


def _fold(spot: Spot, busy: Collection[str]) -> Spot:
    """What a node is folded into: one for each kind, platform and sort of change."""
    sort = "reconnected" if spot.status is Status.SAME and spot.node.id in busy else _SORTS[spot.status]
    key = f"folded/{spot.node.platform}/{spot.node.kind}/{sort}"
    return replace(spot, node=replace(spot.node, id=key, label=f"{sort} {spot.node.kind}s"))


def _is_many(fold: Spot, count: int) -> bool:
    unchanged = fold.node.label.startswith(_SORTS[Status.SAME])
    return count > (_MOST_UNCHANGED if unchanged else _MOST_CHANGED)


def _sized(fold: Spot, count: int) -> Spot:
    return replace(fold, node=replace(fold.node, label=f"{count} {fold.node.label}"), count=count)


def _without_ways_out(graph: Graph) -> Graph:
    """Without unchanged connections out, and without what nothing is connected to then, save services."""
    outside = {spot.node.id for spot in graph.spots if spot.node.kind in {*SOURCES, NodeKind.AWS}}
    links = tuple(link for link in graph.links if link.target not in outside or link.status is not Status.SAME)
    ends = {end for link in links for end in (link.source, link.target)}
    spots = (spot for spot in graph.spots if spot.node.id in ends or spot.node.kind is NodeKind.SERVICE)
    return Graph(tuple(spots), links)


def _relinked(links: Iterable[Link], into: Mapping[str, Spot]) -> tuple[Link, ...]:
    """The links of folded nodes; those between two of one fold are left out."""
    found: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in links:
        source, target = (into[end].node.id if end in into else end for end in (link.source, link.target))
        if source != target or link.source == link.target:
            found[source, target].append(link)
    return tuple(_joined(key, found[key]) for key in sorted(found))


def _joined(ends: tuple[str, str], links: Sequence[Link]) -> Link:
    if len(links) == 1:
        return replace(links[0], source=ends[0], target=ends[1])
    sorts = {link.status for link in links}
    return Link(
        source=ends[0],
        target=ends[1],
        kept=_union(link.kept for link in links),
        added=_union(link.added for link in links),
        removed=_union(link.removed for link in links),
        status=sorts.pop() if len(sorts) == 1 else Status.CHANGED,
    )


def _union(words: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({word for some in words for word in some}))


# --- one service -----------------------------------------------------------------------------------------------------


def around(graph: Graph, service: str) -> Graph:
    """A service's way from the internet to its data: who reaches it, directly or through others, and what it reaches."""
    own = {spot.node.id for spot in graph.spots if spot.node.kind is NodeKind.SERVICE and spot.node.label == service}
    kinds = {spot.node.id: spot.node.kind for spot in graph.spots}
    upstream = _upstream(graph, own, kinds)
    ahead = {link.target for link in graph.links if link.source in own}
    shown = set(sorted(upstream, key=lambda key: (key not in own, kinds[key] not in SOURCES, key))[:_MOST_AROUND])
    shown |= set(sorted(ahead - shown)[: max(0, _MOST_AROUND - len(shown))])
    links = tuple(
        link
        for link in graph.links
        if link.source in shown
        and link.target in shown
        and (link.source in own or (link.target in upstream and kinds[link.target] not in SOURCES))
    )
    ends = own | {end for link in links for end in (link.source, link.target)}
    return Graph(tuple(spot for spot in graph.spots if spot.node.id in ends), links)


def _upstream(graph: Graph, own: Collection[str], kinds: Mapping[str, NodeKind]) -> set[str]:
    """Whoever can reach the service, directly or through load balancers and other services; not through data or AWS."""
    callers: dict[str, list[str]] = defaultdict(list)
    for link in graph.links:
        if kinds[link.source] in {*SOURCES, NodeKind.LOAD_BALANCER, NodeKind.CLUSTER, NodeKind.SERVICE, NodeKind.OTHER}:
            callers[link.target].append(link.source)
    found, ahead = set(own), sorted(own)
    while ahead:
        key = ahead.pop()
        if kinds[key] in SOURCES:
            continue
        new = [caller for caller in callers[key] if caller not in found]
        found |= set(new)
        ahead += new
    return found
