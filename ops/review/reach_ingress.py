"""The ways into Kubernetes: Ingresses, Services of type LoadBalancer, and the cluster's own API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ops.review.model import NodeKind
from ops.review.reach_graph import INTERNET, PEOPLE, PRIVATE, VPC, Graph, Resource
from ops.review.reach_kubernetes import CLUSTER, Applied, Cluster
from ops.review.reach_paths import Paths
from ops.review.reach_routes import Route, Seen
from ops.review.reach_rules import (
    ANYWHERE,
    Block,
    Endpoint,
    Network,
    Ports,
    Rule,
    listed,
    mapping,
    network,
    number,
    objects,
)

_ANNOTATION: Final = "alb.ingress.kubernetes.io"
_CLASS: Final = "kubernetes.io/ingress.class"
_SCHEME: Final = "service.beta.kubernetes.io/aws-load-balancer-scheme"
_FACING: Final = "internet-facing"
_SHORT: Final = {"shared": "load balancer", "internal": "internal load balancer"}
_LARGEST_SUBNET: Final = 16
_API: Final = "https 443"


class Ingresses:
    """The load balancers that Ingresses share."""

    def __init__(self, graph: Graph, cluster: Cluster) -> None:
        self._graph = graph
        self._cluster = cluster
        self._parameters = {one.key.name: one for one in cluster.of_kind("IngressClassParams")}
        self._classes = {one.key.name: one for one in cluster.of_kind("IngressClass")}
        tagged = [one for one in graph.resources.of_type("AWS::EC2::Subnet") if _takes_load_balancers(one)]
        self._networks = graph.resources.networks(one.key for one in tagged)
        self.told: set[Rule] = set()
        """The rules that admit load balancers whose subnets are unknown, as in a VPC that is not ours."""

    @property
    def networks(self) -> tuple[Network, ...]:
        """Where load balancers are."""
        return self._networks

    def connect(self, paths: Paths) -> None:
        """Adds what reaches each load balancer, and what it reaches."""
        seen: dict[str, Seen] = {}
        for one in sorted(self._cluster.of_kind("Ingress"), key=_order):
            name, parameters = self._class(one)
            node = self._node(one, name)
            admitted = False
            for scheme, port in _listeners(one, parameters):
                speaks = scheme if port == {"http": 80, "https": 443}[scheme] else f"{scheme} {port}"
                taken = seen.setdefault(f"{node} {speaks}", Seen())
                if self._forward(one, node, speaks, taken, paths):
                    self._admit(one, node, parameters, f"{scheme} {port}")
                    admitted = True
            if not admitted and name:
                # It holds the load balancer, whatever it answers.
                for scheme, port in _listeners(one, parameters):
                    self._admit(one, node, parameters, f"{scheme} {port}")

    def _class(self, one: Applied) -> tuple[str, Applied | None]:
        """The name of an Ingress's class, and the parameters of the class."""
        name = str(one.spec.get("ingressClassName") or one.annotations.get(_CLASS) or "")
        found = self._classes.get(name)
        refers = mapping(found.spec.get("parameters")) if found else {}
        return name, self._parameters.get(str(refers.get("name")))

    def _node(self, one: Applied, name: str) -> str:
        group = str(one.annotations.get(f"{_ANNOTATION}/group.name") or "")
        if name in _SHORT and not group:
            label = _SHORT[name]
            return self._graph.node(f"eks/{label.replace(' ', '-')}", NodeKind.LOAD_BALANCER, label, "eks")
        own = group or name or one.key.name
        return self._graph.node(f"eks/load-balancer/{own}", NodeKind.LOAD_BALANCER, f"load balancer {own}", "eks")

    def _admit(self, one: Applied, node: str, parameters: Applied | None, what: str) -> None:
        """Who may connect. What the class says comes before an annotation:
        https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/ingress_class/
        """
        spec = parameters.spec if parameters else {}
        scheme = str(spec.get("scheme") or one.annotations.get(f"{_ANNOTATION}/scheme") or "internal")
        given = spec.get("inboundCIDRs") or str(one.annotations.get(f"{_ANNOTATION}/inbound-cidrs") or "").split(",")
        cidrs = [found for text in listed(given) if (found := network(str(text).strip()))]
        place = (parameters or one).resource.place
        raw = {"IngressClassParams": {"scheme": scheme, "inboundCIDRs": given}}
        for cidr in cidrs or [ANYWHERE[0]]:
            source, suffix = self._graph.place_of(cidr)
            if source == INTERNET and scheme != _FACING:
                source, suffix = PRIVATE, f" {cidr}"
            self._graph.edge(source, node, f"{what}{suffix}", [Rule((), None, place, raw)])

    def _forward(self, one: Applied, node: str, speaks: str, taken: Seen, paths: Paths) -> bool:
        source = Endpoint(node, networks=self._networks, egress=None)
        rules = list(_routes(one))
        for route, backend in rules:
            if taken.left([route]):
                self._to(one, source, " ".join(filter(None, (speaks, str(route)))), backend, paths)
        taken.add(route for route, _ in rules)
        return bool(rules)

    def _to(self, one: Applied, source: Endpoint, what: str, backend: Mapping[str, Any], paths: Paths) -> None:
        port = mapping(backend.get("port"))
        for name in _backends(one, backend):
            service, pods = self._cluster.behind(name, one.key.namespace)
            for pod in pods:
                found = _port_of(service, port, pod) if service else None
                opened = paths.opens(source, pod, found or Ports("tcp"))
                if opened is not None:
                    if not self._networks:
                        self.told.update(rule for rule in opened if _is_subnet(rule.peer))
                    raw = {f"Ingress {one.key.name}": one.spec.get("rules") or one.spec.get("defaultBackend")}
                    self._graph.edge(source.node, pod.node, what, [Rule((), None, one.resource.place, raw), *opened])


def balanced(graph: Graph, cluster: Cluster, paths: Paths) -> None:
    """Adds the ways through Services that have a load balancer of their own, internal unless they say otherwise.

    https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-nlb.html
    """
    for one in cluster.of_kind("Service"):
        if one.spec.get("type") != "LoadBalancer":
            continue
        facing = one.annotations.get(_SCHEME) == _FACING
        cidrs = [found for text in listed(one.spec.get("loadBalancerSourceRanges")) if (found := network(text))]
        _, pods = cluster.behind(one.key.name, one.key.namespace)
        raw = {f"Service {one.key.name}": {name: one.spec.get(name) for name in ("type", "ports")}}
        for port in objects(one.spec.get("ports")):
            for pod in pods:
                opened = paths.opens(Endpoint("", egress=None), pod, _port_of(one, port, pod) or Ports("tcp"))
                if opened is None:
                    continue
                for cidr in cidrs or [ANYWHERE[0]]:
                    source, suffix = graph.place_of(cidr)
                    if source == INTERNET and not facing:
                        source, suffix = PRIVATE, f" {cidr}"
                    what = f"{str(port.get('protocol') or 'TCP').lower()} {port.get('port')}{suffix}"
                    graph.edge(source, pod.node, what, [Rule((), None, one.resource.place, raw), *opened])


def api(graph: Graph) -> None:
    """Adds who reaches the Kubernetes API of each cluster.

    https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html
    """
    clusters = graph.resources.of_type(CLUSTER)
    for one in clusters:
        own = "eks/cluster" if one.stack == "Eks" or len(clusters) == 1 else f"eks/cluster/{one.stack}"
        node = graph.node(own, NodeKind.CLUSTER, "the Kubernetes API", "eks")
        access = mapping(one.properties.get("ResourcesVpcConfig"))
        names = ("EndpointPrivateAccess", "EndpointPublicAccess", "PublicAccessCidrs")
        because = [Rule((), None, one.place, {name: access[name] for name in names if name in access})]
        if _is(access.get("EndpointPrivateAccess"), default=False):
            graph.edge(VPC, node, _API, because)
            graph.edge(PEOPLE, node, "from the VPC", because)
        if _is(access.get("EndpointPublicAccess"), default=True):
            for text in listed(access.get("PublicAccessCidrs")) or ["0.0.0.0/0"]:
                cidr = network(text)
                if cidr is None:
                    source, suffix = graph.node(f"address/{text}", NodeKind.OTHER, f"the addresses {text}"), ""
                else:
                    source, suffix = graph.place_of(cidr)
                graph.edge(source, node, f"{_API}{suffix}", because)
                graph.edge(PEOPLE, node, f"from {text}", because)


def _is_subnet(peer: Any) -> bool:
    """Whether a rule admits no more than one subnet, at most a /16."""
    return isinstance(peer, Block) and peer.network.is_private and peer.network.prefixlen >= _LARGEST_SUBNET


def _is(value: Any, *, default: bool) -> bool:
    return default if value is None else str(value).lower() == "true"


def _takes_load_balancers(subnet: Resource) -> bool:
    return any(tag.get("Key") == "kubernetes.io/role/elb" for tag in objects(subnet.properties.get("Tags")))


def _order(one: Applied) -> tuple[int, str, str]:
    """The order in which a load balancer tries the Ingresses of a group."""
    return (number(one.annotations.get(f"{_ANNOTATION}/group.order")) or 0, one.key.namespace, one.key.name)


def _listeners(one: Applied, parameters: Applied | None) -> list[tuple[str, int]]:
    """Protocol and port of each listener."""
    try:
        given = json.loads(one.annotations.get(f"{_ANNOTATION}/listen-ports") or "[]")
    except (ValueError, TypeError):
        given = []
    found = [(str(name).lower(), number(port)) for entry in objects(given) for name, port in entry.items()]
    known = [(name, port) for name, port in found if name in {"http", "https"} and port is not None]
    secured = parameters is not None and parameters.spec.get("certificateARNs")
    secured = secured or one.annotations.get(f"{_ANNOTATION}/certificate-arn")
    return known or [("https", 443) if secured else ("http", 80)]


def _routes(one: Applied) -> Iterator[tuple[Route, Mapping[str, Any]]]:
    for rule in objects(one.spec.get("rules")):
        host = rule.get("host") if isinstance(rule.get("host"), str) else ""
        for path in objects(mapping(rule.get("http")).get("paths")):
            text = str(path.get("path") or "/")
            exact = path.get("pathType") == "Exact"
            yield Route(text.rstrip("/") or "/", str(host), exact=exact), mapping(path.get("backend"))
    if one.spec.get("defaultBackend"):
        yield Route("/"), mapping(one.spec.get("defaultBackend"))


def _backends(one: Applied, backend: Mapping[str, Any]) -> list[str]:
    """The Services behind a backend; none if an annotation says that it redirects or answers by itself."""
    service = mapping(backend.get("service"))
    name = str(service.get("name") or "")
    if mapping(service.get("port")).get("name") != "use-annotation":
        return [name]
    try:
        action = mapping(json.loads(one.annotations.get(f"{_ANNOTATION}/actions.{name}") or "{}"))
    except (ValueError, TypeError):
        action = {}
    groups = mapping(action.get("forwardConfig")).get("targetGroups")
    return [str(group.get("serviceName")) for group in objects(groups) if group.get("serviceName")]


def _port_of(service: Applied, port: Mapping[str, Any], pod: Endpoint) -> Ports | None:
    """The pod's port behind a Service's port, which is named or numbered; None if it has none."""
    wanted = {str(port[name]) for name in ("name", "number", "port") if port.get(name) is not None}
    listing = list(objects(service.spec.get("ports")))
    for one in listing:
        if len(listing) == 1 or wanted & {str(one.get("name")), str(one.get("port"))}:
            target = one.get("targetPort", one.get("port"))
            found = number(target) if number(target) is not None else pod.named.get(str(target))
            return Ports(str(one.get("protocol") or "TCP").lower(), found, found) if found is not None else None
    return None
