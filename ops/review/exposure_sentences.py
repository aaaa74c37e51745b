"""Sentences about what can reach what, for one platform or for both where they say the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from config.errors import one_line
from ops.review.exposure_changes import Opening, Side
from ops.review.exposure_words import Word, does, ports, routes
from ops.review.model import Node, NodeKind
from ops.review.reach_graph import AWS, INTERNET, PRIVATE, VPC
from ops.review.text import listed

_NAMES = {"ecs": "ECS", "eks": "EKS"}
_DATA = frozenset({NodeKind.TABLE, NodeKind.BUCKET, NodeKind.QUEUE, NodeKind.SECRET})


def sentence(same: Sequence[Opening], *, gone: bool) -> str:
    """What happens, of openings that differ in nothing but their platform or, on the way out, the service."""
    first = same[0]
    source, target = first.source, first.target
    if target.kind is NodeKind.CLUSTER:
        return one_line(f"the Kubernetes API is {'no longer' if gone else 'now'} open to {_who(source, first.words)}")
    if target.kind is NodeKind.LOAD_BALANCER:
        text = _to_load_balancer(same, gone=gone)
    elif source.kind is NodeKind.LOAD_BALANCER:
        text = _through(same, gone=gone)
    elif target.kind in _DATA:
        text = f"everybody on the internet {_can(first, gone=gone)} {does(first.words)} the {target.kind.value} {target.label}"
    elif source.kind is NodeKind.SERVICE:
        text = _out(same, gone=gone)
    else:
        text = _in(same, gone=gone)
    return one_line(text)


def _few(names: Iterable[str]) -> str:
    return listed(names, most=5)


def _can(opening: Opening, *, gone: bool) -> str:
    """`also` where the edge is not new as a whole."""
    if gone:
        return "can no longer"
    return "can now also" if opening.left and opening.source.kind is not NodeKind.LOAD_BALANCER else "can now"


def _on(nodes: Iterable[Node]) -> str:
    names = sorted({_NAMES[node.platform] for node in nodes if node.platform in _NAMES})
    return f" on {listed(names)}" if names else ""


def _who(source: Node, words: Sequence[Word]) -> str:
    cidr = words[0].cidr
    if source.id == INTERNET:
        some = {"": "", "IPv6": " that has IPv6"}.get(cidr, f" in {cidr}")
        return f"everybody on the internet{some}" + (" (0.0.0.0/0)" if _is_api(words) and not cidr else "")
    if source.id == PRIVATE:
        return "everything in the VPC and the networks connected to it" if cidr in {"0.0.0.0/0", "::/0"} else cidr
    if source.id == VPC:
        return f"everything in the VPC ({cidr})" if cidr else "everything in the VPC"
    return f"{source.label}{_on([source])}" if source.kind is NodeKind.SERVICE else source.label


def _is_api(words: Sequence[Word]) -> bool:
    return all(word.protocol == "https" and not word.route for word in words)


def _listed(same: Sequence[Opening], end: str) -> str:
    return _few(sorted({getattr(one, end).label for one in same}))


def _only(opening: Opening, *, gone: bool, said: str) -> str:
    """What is left of something wider that is gone."""
    parts = [word for word in opening.left if any(gone_word.covers(word) for gone_word in opening.words)]
    return f" {said}, only {ports(parts)}" if gone and parts else f" {said}"


def _through(same: Sequence[Opening], *, gone: bool) -> str:
    first = same[0]
    audience = sorted({who for one in same for who in audience_of(one.side, one)})
    who = _few(audience) if audience else f"what reaches the {first.source.label}"
    name = f"{_listed(same, 'target')}{_on(one.target for one in same)}"
    if first.moved:
        verb = "reaches" if audience == ["everybody on the internet"] or not audience else "reach"
        return f"{who} now {verb} {name} {routes(first.words)} instead of http"
    return f"{who} {_can(first, gone=gone)} reach {name} {routes(first.words)}"


def audience_of(side: Side, opening: Opening) -> list[str]:
    """Who reaches the load balancer on the listeners of an opening."""
    listeners = {(word.protocol, word.low) for word in opening.words}
    found: list[str] = []
    for source in side.sources.get(opening.source.id, ()):
        words = side.words[source, opening.source.id].values()
        found += [_plain(side.graph.nodes[source], word) for word in words if (word.protocol, word.low) in listeners]
    return sorted(set(found))


def _plain(node: Node, word: Word) -> str:
    return _who(node, [Word("tcp", cidr=word.cidr)])


def _to_load_balancer(same: Sequence[Opening], *, gone: bool) -> str:
    first = same[0]
    who = _who(first.source, [Word("tcp", cidr=first.words[0].cidr)])
    listeners = {(word.protocol, word.low) for word in first.words}
    behind = {
        one.side.graph.nodes[target].label
        for one in same
        for target in one.side.targets.get(one.target.id, ())
        if any((word.protocol, word.low) in listeners for word in one.side.words[one.target.id, target].values())
    }
    through = f", and through it {_few(sorted(behind))}," if behind else ""
    name = f"the {_listed(same, 'target')}{_on(one.target for one in same)}"
    others = sorted({one for opening in same for one in _still(opening)}) if gone else []
    only = f", only {_few(others)}" if others else ""
    return f"{who} {_can(first, gone=gone)} reach {name}{through} {ports(first.words)}{only}"


def _still(opening: Opening) -> list[str]:
    """Who reaches a load balancer on the other side, on the listeners that somebody no longer reaches."""
    balancer = opening.target.id
    return [
        _plain(opening.other.graph.nodes[source], word)
        for source in opening.other.sources.get(balancer, ())
        for word in opening.other.words[source, balancer].values()
        if any((word.protocol, word.low) == (one.protocol, one.low) for one in opening.words)
    ]


def _in(same: Sequence[Opening], *, gone: bool) -> str:
    first = same[0]
    name = f"{_listed(same, 'target')}{_on(one.target for one in same)}"
    said = _only(first, gone=gone, said=ports(first.words))
    past = ""
    if first.source.id == INTERNET and not gone:
        past = ", past the load balancer" if first.target.kind is NodeKind.SERVICE else ", if it has a public address"
    who = _who(first.source, [Word("tcp", cidr=first.words[0].cidr)])
    if first.target.kind is not NodeKind.SERVICE:
        name = f"what is in {name}"
    return f"{who} {_can(first, gone=gone)} reach {name}{said}{past}"


def _out(same: Sequence[Opening], *, gone: bool) -> str:
    first = same[0]
    who = f"{_listed(same, 'source')}{_on(one.source for one in same)}"
    can = _can(first, gone=gone)
    said = ports(first.words)
    if first.target.kind is NodeKind.SERVICE:
        elsewhere = "" if first.target.platform == first.source.platform else _on([first.target])
        if gone and not first.left:
            return f"{who} {can} call {first.target.label}{elsewhere}"
        return f"{who} {can} call {first.target.label}{elsewhere}{_only(first, gone=gone, said=said)}"
    if first.target.id == "metadata":
        return f"{who} {can} read the metadata and credentials of {'its node' if len(same) == 1 else 'their nodes'}"
    purpose = listed(sorted({name for one in same for name in purposes(one)}))
    name = f" ({purpose})" if purpose else ""
    return f"{who} {can} connect to {_where(first)}{name}{_only(first, gone=gone, said=said)}"


def _where(opening: Opening) -> str:
    target, cidr = opening.target, opening.words[0].cidr
    if target.id == INTERNET:
        return {"": "any address on the internet", "IPv6": "any IPv6 address on the internet"}.get(cidr, cidr)
    if target.id in {PRIVATE, VPC}:
        return cidr or target.label
    return "AWS" if target.id == AWS else target.label


def purposes(opening: Opening) -> set[str]:
    """What a rule's description says that a way out is for: 'quotes to orders database' is for the orders database."""
    found: set[str] = set()
    for text in opening.texts:
        for rule in opening.side.graph.because[opening.source.id, opening.target.id][text]:
            begin = f"{opening.source.label} to "
            if rule.says.startswith(begin):
                found.add(rule.says.removeprefix(begin))
    return found
