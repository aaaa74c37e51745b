"""The EKS side: pods, the policies that select them, and the ways from load balancers to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from config.settings import Platform
from ops.changes.objects import APPLIED, Key, objects_of
from ops.review.reach_graph import Graph, Resource, Resources
from ops.review.reach_paths import Namespaces, selects
from ops.review.reach_rules import (
    LAST_PORT,
    Block,
    Elsewhere,
    Endpoint,
    Peer,
    Pods,
    Ports,
    Rule,
    listed,
    mapping,
    network,
    number,
    objects,
)

CLUSTER: Final = "AWS::EKS::Cluster"
# Where each kind keeps the template of its pods.
_TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
_DNS: Final = 53
_NAME_SERVERS: Final = "kube-system"


@dataclass(frozen=True)
class Applied:
    """An object, and the resource that applies it."""

    key: Key
    body: Mapping[str, Any]
    resource: Resource

    @property
    def spec(self) -> Mapping[str, Any]:
        return mapping(self.body.get("spec"))

    @property
    def annotations(self) -> Mapping[str, Any]:
        return mapping(mapping(self.body.get("metadata")).get("annotations"))


@dataclass(eq=False)
class _Policies:
    """Policies by a label that what they select must have; those without one are of all pods of the namespace."""

    by_label: dict[tuple[str, str, str], list[Applied]] = field(default_factory=dict)
    of_namespace: dict[str, list[Applied]] = field(default_factory=dict)

    def add(self, policy: Applied) -> None:
        wanted = sorted(mapping(mapping(policy.spec.get("podSelector")).get("matchLabels")).items())
        if wanted:
            label = (policy.key.namespace, str(wanted[0][0]), str(wanted[0][1]))
            self.by_label.setdefault(label, []).append(policy)
        else:
            self.of_namespace.setdefault(policy.key.namespace, []).append(policy)

    def of(self, pod: Endpoint) -> list[Applied]:
        found = list(self.of_namespace.get(pod.namespace, ()))
        for name, value in pod.labels.items():
            found += self.by_label.get((pod.namespace, name, value), ())
        return [policy for policy in found if selects(policy.spec.get("podSelector"), pod.labels)]


class Cluster:
    """What is applied to the cluster."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.namespaces = Namespaces()
        self._by_kind: dict[str, list[Applied]] = {}
        for resource in graph.resources.of_type(APPLIED):
            for key, body in objects_of(resource.properties).items():
                self._by_kind.setdefault(key.kind, []).append(Applied(key, body, resource))
        for one in self.of_kind("Namespace"):
            self.namespaces.add(one.key.name, mapping(one.body.get("metadata")).get("labels"))
        self.networks = _of_nodes(graph.resources, self.of_kind("NodeClass"))
        self.policies = _Policies()
        for policy in self.of_kind("NetworkPolicy"):
            self.policies.add(policy)
        self.pods = list(self._pods())

    def of_kind(self, kind: str) -> list[Applied]:
        """The objects of a kind."""
        return self._by_kind.get(kind, [])

    @cached_property
    def enforced(self) -> bool:
        """Whether policies count: Auto Mode ignores them unless a ConfigMap switches them on.

        https://docs.aws.amazon.com/eks/latest/userguide/auto-net-pol.html
        """
        for one in self.of_kind("ConfigMap"):
            if one.key.name == "amazon-vpc-cni" and one.key.namespace == _NAME_SERVERS:
                switch = mapping(one.body.get("data")).get("enable-network-policy-controller")
                return str(switch).lower() == "true"
        clusters = self._graph.resources.of_type(CLUSTER)
        return not any(mapping(one.properties.get("ComputeConfig")).get("Enabled") is True for one in clusters)

    def _pods(self) -> Iterator[Endpoint]:
        groups = frozenset(f"{one.key}#nodes" for one in self._graph.resources.of_type(CLUSTER))
        for kind, path in _TEMPLATES.items():
            for one in self.of_kind(kind):
                template: Mapping[str, Any] = one.body
                for step in path:
                    template = mapping(template.get(step))
                yield self._guarded(one, template, groups)

    def _guarded(self, one: Applied, template: Mapping[str, Any], groups: frozenset[str]) -> Endpoint:
        spec = mapping(template.get("spec"))
        labels = mapping(mapping(template.get("metadata")).get("labels"))
        pod = Endpoint(
            node=self._graph.service(one.resource.stack, Platform.EKS, one.key.name),
            networks=self.networks,
            groups=groups,
            ingress=None,
            egress=None,
            labels={str(name): str(value) for name, value in labels.items()},
            namespace=one.key.namespace or "default",
            named=_named(spec),
        )
        # A policy does not see a pod that uses its node's network.
        if self.enforced and spec.get("hostNetwork") is not True:
            for policy in self.policies.of(pod):
                self._guard(pod, policy)
        return pod

    def _guard(self, pod: Endpoint, policy: Applied) -> None:
        """Adds a policy: from the first one on, only what is allowed gets through.

        https://kubernetes.io/docs/concepts/services-networking/network-policies/#the-two-sorts-of-pod-isolation
        """
        spec = policy.spec
        types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
        if "Ingress" in listed(types):
            pod.ingress = [*(pod.ingress or ()), *_rules(policy, "ingress", "from")]
        if "Egress" in listed(types):
            pod.egress = [*(pod.egress or ()), *_rules(policy, "egress", "to")]

    def behind(self, service: str, namespace: str) -> tuple[Applied | None, list[Endpoint]]:
        """A Service and its pods."""
        for one in self._services.get((namespace, service), ()):
            selector = one.spec.get("selector")
            if selector:
                chosen = {"matchLabels": selector}
                return one, [pod for pod in self.labelled(namespace, selector) if selects(chosen, pod.labels)]
        return None, []

    @cached_property
    def _services(self) -> dict[tuple[str, str], list[Applied]]:
        found: dict[tuple[str, str], list[Applied]] = {}
        for one in self.of_kind("Service"):
            found.setdefault((one.key.namespace, one.key.name), []).append(one)
        return found

    @cached_property
    def _by_label(self) -> dict[tuple[str, str, str], list[Endpoint]]:
        found: dict[tuple[str, str, str], list[Endpoint]] = {}
        for pod in self.pods:
            for name, value in pod.labels.items():
                found.setdefault((pod.namespace, name, value), []).append(pod)
        return found

    def labelled(self, namespace: str, labels: Any) -> list[Endpoint]:
        """The pods that have the first of the labels."""
        for name, value in sorted(mapping(labels).items()):
            return self._by_label.get((namespace or "default", str(name), str(value)), [])
        return []


def _of_nodes(resources: Resources, classes: list[Applied]) -> tuple[Any, ...]:
    """The ranges of the subnets that nodes, and so pods, are in; none if any is unknown."""
    terms = [term for one in classes for term in objects(one.spec.get("subnetSelectorTerms"))]
    return resources.networks(term.get("id") for term in terms)


def _named(spec: Mapping[str, Any]) -> dict[str, int]:
    """The ports of a pod's containers by name."""
    found: dict[str, int] = {}
    containers = [*objects(spec.get("containers")), *objects(spec.get("initContainers"))]
    for one in containers:
        for port in objects(one.get("ports")):
            value = number(port.get("containerPort"))
            if value is not None and port.get("name"):
                found.setdefault(str(port["name"]), value)
    return found


def _rules(policy: Applied, direction: str, side: str) -> Iterator[Rule]:
    for raw in objects(policy.spec.get(direction)):
        opened = tuple(_ports(one) for one in objects(raw.get("ports"))) or (Ports("all"),)
        for peer, shown in _peers(raw, side, policy.key.namespace or "default"):
            if side == "to" and not policy.spec.get("podSelector") and _resolves_names(peer, opened):
                continue
            said = {f"NetworkPolicy {policy.key.name}": {direction: {**raw, **({side: [shown]} if shown else {})}}}
            yield Rule(opened, peer, policy.resource.place, said)


def _peers(raw: Mapping[str, Any], side: str, home: str) -> Iterator[tuple[Peer, Any]]:
    """Whom a rule names, one by one; an empty list is everybody."""
    named = list(objects(raw.get(side)))
    if not named:
        yield None, None
    for one in named:
        if "ipBlock" in one:
            block = mapping(one["ipBlock"])
            found = network(block.get("cidr"))
            but = tuple(cut for text in listed(block.get("except")) if (cut := network(text)))
            text = block.get("cidr")
            yield Block(found, but) if found else Elsewhere(f"address/{text}", f"the addresses {text}"), one
        else:
            yield Pods(one.get("podSelector"), one.get("namespaceSelector"), home), one


def _ports(raw: Mapping[str, Any]) -> Ports:
    protocol = str(raw.get("protocol") or "TCP").lower()
    port = raw.get("port")
    first = number(port)
    if first is None:
        return Ports(protocol, name=str(port)) if port is not None else Ports(protocol)
    last = number(raw.get("endPort"))
    return Ports(protocol, first, min(first if last is None else last, LAST_PORT))


def _resolves_names(peer: Peer, opened: tuple[Ports, ...]) -> bool:
    """Whether a rule only lets pods ask for the addresses of names, inside. ECS needs no rule for that:
    https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
    """
    if any((ports.low, ports.high) != (_DNS, _DNS) for ports in opened):
        return False
    if isinstance(peer, Block):
        return peer.network.is_private and peer.network.prefixlen > 0
    chosen = mapping(mapping(peer.namespaces).get("matchLabels")) if isinstance(peer, Pods) else {}
    return chosen.get("kubernetes.io/metadata.name") == _NAME_SERVERS
