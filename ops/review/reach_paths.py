"""Follows rules from end to end: a way exists where the source's rules let it out and the target's let it in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from ops.review.model import NodeKind
from ops.review.reach_graph import AWS, INTERNET, PRIVATE, Graph
from ops.review.reach_rules import (
    ANYWHERE,
    EVERYTHING,
    Block,
    Elsewhere,
    Endpoint,
    Group,
    Network,
    Peer,
    Pods,
    Ports,
    Rule,
    listed,
    mapping,
    network,
    within,
)

_HTTPS: Final = 443
_LINK_LOCAL: Final = network("169.254.0.0/16")
_METADATA: Final = network("169.254.169.254/32")
_OPEN: Final = [Rule((EVERYTHING,), None, ("", ""))]


class Namespaces:
    """The labels of namespaces: Kubernetes gives each one its name.

    https://kubernetes.io/docs/concepts/services-networking/network-policies/#targeting-a-namespace-by-its-name
    """

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, str]] = {}

    def add(self, name: str, labels: Any) -> None:
        self._labels[name] = {str(key): str(value) for key, value in mapping(labels).items()}

    def labels(self, name: str) -> dict[str, str]:
        return {**self._labels.get(name, {}), "kubernetes.io/metadata.name": name}


class Paths:
    """All endpoints, indexed by what rules name them with."""

    def __init__(
        self, graph: Graph, endpoints: Iterable[Endpoint], namespaces: Namespaces, known: Collection[str] = ()
    ) -> None:
        """`known` are the groups of load balancers, whose ways are found otherwise."""
        self._graph = graph
        self._known = known
        self._namespaces = namespaces
        self._all = list(endpoints)
        self._by_group: dict[str, list[Endpoint]] = {}
        self._by_label: dict[tuple[str, str], list[Endpoint]] = {}
        self._by_networks: dict[tuple[Network, ...], list[Endpoint]] = {}
        self._pods = [endpoint for endpoint in self._all if endpoint.namespace]
        for endpoint in self._all:
            for group in endpoint.groups:
                self._by_group.setdefault(group, []).append(endpoint)
            for label in endpoint.labels.items():
                self._by_label.setdefault(label, []).append(endpoint)
            self._by_networks.setdefault(self._where(endpoint), []).append(endpoint)

    def _where(self, endpoint: Endpoint) -> tuple[Network, ...]:
        return endpoint.networks or self._graph.resources.anywhere_in_vpc

    # --- between endpoints ---

    def between(self) -> None:
        """Adds the edge of each way between two services."""
        for target in self._all:
            for rule in _OPEN if target.ingress is None else target.ingress:
                for source in self._members(rule.peer, target):
                    for ports, rules in self._let_out(source, target, rule):
                        self._graph.edge(source.node, target.node, str(ports), rules)

    def opens(self, source: Endpoint, target: Endpoint, ports: Ports) -> list[Rule] | None:
        """The rules that let the source connect to the ports of the target; None if none do."""
        found: list[list[Rule]] = []
        for rule in _OPEN if target.ingress is None else target.ingress:
            if self._fits(rule.peer, source, target.namespace):
                found += [rules for common, rules in self._let_out(source, target, rule) if common.common(ports)]
        return [rule for rules in found for rule in rules] if found else None

    def members(self, rule: Rule, target: Endpoint) -> Iterator[tuple[Endpoint, list[Rule]]]:
        """The services that a rule of the target's admits and that their own rules let out."""
        for source in self._members(rule.peer, target):
            for _, rules in self._let_out(source, target, rule):
                yield source, rules

    def _let_out(self, source: Endpoint, target: Endpoint, way_in: Rule) -> Iterator[tuple[Ports, list[Rule]]]:
        for way_out in _OPEN if source.egress is None else source.egress:
            if not self._fits(way_out.peer, target, source.namespace):
                continue
            for one in way_in.ports:
                for other in way_out.ports:
                    inner, outer = _numbered(one, target), _numbered(other, target)
                    common = inner.common(outer) if inner and outer else None
                    if common:
                        yield common, [rule for rule in (way_in, way_out) if rule.evidence[0]]

    def _members(self, peer: Peer, target: Endpoint) -> list[Endpoint]:
        """The endpoints that a peer of the target's stands for."""
        if isinstance(peer, Group):
            return self._by_group.get(peer.key, [])
        if isinstance(peer, Pods):
            return [pod for pod in self._labelled(peer) if self._selects(peer, pod)]
        if isinstance(peer, Block):
            found = [ends for where, ends in self._by_networks.items() if any(peer.meets(one) for one in where)]
            return [one for ends in found for one in ends if one.namespace or not target.namespace]
        return self._pods if target.namespace and peer is None else []

    def _labelled(self, peer: Pods) -> list[Endpoint]:
        wanted = mapping(mapping(peer.pods).get("matchLabels"))
        candidates = [self._by_label.get((str(key), str(value)), []) for key, value in wanted.items()]
        return min(candidates, key=len, default=self._pods)

    def _fits(self, peer: Peer, endpoint: Endpoint, home: str) -> bool:
        if peer is None:
            return True
        if isinstance(peer, Group):
            return peer.key in endpoint.groups
        if isinstance(peer, Block):
            return any(peer.meets(one) for one in self._where(endpoint))
        return isinstance(peer, Pods) and bool(endpoint.namespace) and self._selects(peer, endpoint)

    def _selects(self, peer: Pods, pod: Endpoint) -> bool:
        if peer.namespaces is None:
            if pod.namespace != peer.home:
                return False
        elif not selects(peer.namespaces, self._namespaces.labels(pod.namespace)):
            return False
        return selects(peer.pods if peer.pods is not None else {}, pod.labels)

    # --- to and from outside ---

    def outside(self, endpoint: Endpoint, ours: tuple[Network, ...] = (), told: Collection[Rule] = ()) -> None:
        """Adds the edges between an endpoint and what is none.

        Args:
            endpoint: a service.
            ours: ranges that only a load balancer has, whose way in is known otherwise.
            told: rules that are only for a load balancer.
        """
        for rule in endpoint.ingress or ():
            if rule in told:
                continue
            block = Block(ANYWHERE[0]) if rule.peer is None else rule.peer
            if isinstance(block, Block) and not any(within(block.network, one) for one in ours):
                self._way_in(endpoint, rule, block)
            elif not endpoint.namespace and isinstance(rule.peer, Group | Elsewhere):
                self._aside(rule, endpoint, rule.peer, inwards=True)
        for rule in _OPEN if endpoint.egress is None else endpoint.egress:
            if rule.peer is None or isinstance(rule.peer, Block):
                self._way_out(endpoint, rule, rule.peer or Block(ANYWHERE[0]))
            elif isinstance(rule.peer, Group | Elsewhere):
                self._aside(rule, endpoint, rule.peer, inwards=False)

    def _way_in(self, endpoint: Endpoint, rule: Rule, block: Block) -> None:
        place, suffix = self._graph.place_of(block.network)
        if place == INTERNET and not endpoint.public:
            # No address of its own: only the VPC and the networks that are connected to it get there.
            place, suffix = PRIVATE, f" {block.network}"
        for ports in rule.ports:
            if (one := _numbered(ports, endpoint)) is not None:
                self._graph.edge(place, endpoint.node, f"{one}{suffix}", [rule])

    def _way_out(self, endpoint: Endpoint, rule: Rule, block: Block) -> None:
        for ports in rule.ports:
            if ports.name:
                continue
            if endpoint.namespace and self._metadata(endpoint, rule, block, ports):
                continue
            place, suffix = self._graph.place_of(block.network)
            if place == INTERNET and ports.common(Ports("tcp", _HTTPS, _HTTPS)):
                self._graph.edge(endpoint.node, AWS, f"tcp {_HTTPS}", [rule])
            if place != INTERNET or endpoint.public or self._graph.resources.leads_out:
                self._graph.edge(endpoint.node, place, f"{ports}{suffix}", [rule])

    def _metadata(self, endpoint: Endpoint, rule: Rule, block: Block, ports: Ports) -> bool:
        """Adds the edge to the credentials of a pod's node; returns whether the block is of such addresses only.

        https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html#_restrict_access_to_the_instance_profile_assigned_to_the_worker_node
        """
        if _METADATA and block.meets(_METADATA) and ports.common(Ports("tcp", 80, 80)):
            node = self._graph.node("metadata", NodeKind.OTHER, "the metadata and credentials of its node")
            self._graph.edge(endpoint.node, node, "tcp 80", [rule])
        return bool(_LINK_LOCAL and within(block.network, _LINK_LOCAL))

    def _aside(self, rule: Rule, endpoint: Endpoint, peer: Group | Elsewhere, *, inwards: bool) -> None:
        if isinstance(peer, Elsewhere):
            other = self._graph.node(peer.id, NodeKind.OTHER, peer.label)
        elif peer.key in self._by_group or peer.key in self._known:
            return
        else:
            other = self._graph.group(peer.key)
        for ports in rule.ports:
            ends = (other, endpoint.node) if inwards else (endpoint.node, other)
            self._graph.edge(*ends, str(ports), [rule])


def _numbered(ports: Ports, target: Endpoint) -> Ports | None:
    """The ports by number, where the target has a port of that name."""
    if not ports.name:
        return ports
    port = target.named.get(ports.name)
    return Ports(ports.protocol, port, port) if port is not None else None


def selects(selector: Any, labels: Any) -> bool:
    """Whether a label selector takes what has the labels.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements
    """
    chosen, has = mapping(selector), mapping(labels)
    if any(has.get(key) != str(value) for key, value in mapping(chosen.get("matchLabels")).items()):
        return False
    return all(_expressed(mapping(one), has) for one in listed(chosen.get("matchExpressions")))


def _expressed(expression: Any, labels: Any) -> bool:
    value, values = labels.get(str(expression.get("key"))), [str(one) for one in listed(expression.get("values"))]
    meaning = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return meaning.get(str(expression.get("operator")), True)
