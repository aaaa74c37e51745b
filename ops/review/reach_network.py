"""The ECS side: who is in which security group, and what the load balancers forward where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.names import service_of, stack_id
from config.settings import Platform
from ops.changes.sentences import readable
from ops.review.model import NodeKind
from ops.review.reach_graph import INTERNET, PRIVATE, Graph, Resource, Resources, key_of
from ops.review.reach_groups import SecurityGroups, configurations
from ops.review.reach_paths import Paths
from ops.review.reach_routes import Route, Seen, routed
from ops.review.reach_rules import Block, Elsewhere, Endpoint, Group, Ports, Rule, listed, mapping, number, objects

_SERVICE: Final = "AWS::ECS::Service"
# What has tasks of its own, besides a service.
_STARTERS: Final = (_SERVICE, "AWS::Scheduler::Schedule", "AWS::Events::Rule", "AWS::ECS::TaskSet")
_LOAD_BALANCER: Final = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_LISTENER: Final = "AWS::ElasticLoadBalancingV2::Listener"
_RULE: Final = "AWS::ElasticLoadBalancingV2::ListenerRule"
_GENERIC: Final = frozenset({"TCP", "UDP", "TLS", "TCP_UDP"})


@dataclass
class Entrance:
    """A load balancer.

    Attributes:
        endpoint: where it stands in the network.
        facing: whether the internet reaches it.
        grouped: whether security groups guard it; a network load balancer may have none.
        resource: what makes it.
    """

    endpoint: Endpoint
    facing: bool
    grouped: bool
    resource: Resource


def tasks(graph: Graph, groups: SecurityGroups) -> dict[str, Endpoint]:
    """The tasks of each service, by the id of its stack."""
    found: dict[str, Endpoint] = {}
    resources = graph.resources
    placed: dict[str, list[Mapping[str, Any]]] = {}
    for starter in resources.of_type(*_STARTERS):
        if service_of(starter.stack, Platform.ECS):
            placed.setdefault(starter.stack, []).extend(configurations(starter.properties))
    for stack in sorted(resources.stacks):
        if service_of(stack, Platform.ECS):
            endpoint = Endpoint(graph.service(stack, Platform.ECS))
            found[stack] = _placed(endpoint, stack, placed.get(stack, []), resources, groups)
    return found


def _placed(
    endpoint: Endpoint, stack: str, configured: list[Mapping[str, Any]], resources: Resources, groups: SecurityGroups
) -> Endpoint:
    # A job that is started by hand names its group only in the command that starts it.
    joined = [group for one in configured for group in listed(one.get("SecurityGroups"))]
    endpoint.networks = resources.networks(subnet for one in configured for subnet in listed(one.get("Subnets")))
    endpoint.public = any(str(one.get("AssignPublicIp")).upper() == "ENABLED" for one in configured)
    return groups.guard(endpoint, joined or groups.of_stack(stack))


class LoadBalancers:
    """The load balancers in the templates, their listeners and what these forward."""

    def __init__(self, graph: Graph, groups: SecurityGroups, services: Mapping[str, Endpoint]) -> None:
        self._graph = graph
        self._services = services
        self.entrances = {one.key: self._entrance(one, groups) for one in graph.resources.of_type(_LOAD_BALANCER)}
        self._targets = self._read_targets()

    def _entrance(self, resource: Resource, groups: SecurityGroups) -> Entrance:
        props = resource.properties
        node = self._node(resource)
        subnets = [
            *listed(props.get("Subnets")),
            *(one.get("SubnetId") for one in objects(props.get("SubnetMappings"))),
        ]
        # Internet-facing unless it says otherwise:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-loadbalancer.html
        facing = props.get("Scheme") != "internal"
        endpoint = Endpoint(node, networks=self._graph.resources.networks(subnets), public=facing)
        joined = listed(props.get("SecurityGroups"))
        groups.guard(endpoint, joined)
        if not joined:
            endpoint.egress = None
        return Entrance(
            endpoint, facing, bool(joined) or str(props.get("Type")) not in {"network", "gateway"}, resource
        )

    def _node(self, resource: Resource) -> str:
        """The platform's own two have short ids."""
        name = readable(resource.name)
        if resource.stack == stack_id(Platform.ECS) and name in {"LoadBalancer", "InternalLoadBalancer"}:
            kind = "internal load balancer" if name.startswith("Internal") else "load balancer"
            return self._graph.node(f"ecs/{kind.replace(' ', '-')}", NodeKind.LOAD_BALANCER, kind, "ecs")
        label = f"load balancer {resource.stack} {name}"
        return self._graph.node(f"ecs/load-balancer/{resource.stack}/{name}", NodeKind.LOAD_BALANCER, label, "ecs")

    def _read_targets(self) -> dict[str, list[tuple[Endpoint, int | None]]]:
        """The services behind each target group, with their port."""
        found: dict[str, list[tuple[Endpoint, int | None]]] = {}
        for service in self._graph.resources.of_type(_SERVICE):
            endpoint = self._services.get(service.stack)
            for one in objects(service.properties.get("LoadBalancers")):
                if endpoint:
                    target = key_of(one.get("TargetGroupArn"))
                    found.setdefault(target, []).append((endpoint, number(one.get("ContainerPort"))))
        return found

    def connect(self, paths: Paths) -> None:
        """Adds what reaches each load balancer, and what it reaches."""
        rules: dict[str, list[Resource]] = {}
        for rule in self._graph.resources.of_type(_RULE):
            rules.setdefault(key_of(rule.properties.get("ListenerArn")), []).append(rule)
        listeners = self._graph.resources.of_type(_LISTENER)
        for listener in listeners:
            entrance = self.entrances.get(key_of(listener.properties.get("LoadBalancerArn")))
            if entrance:
                self._admit(entrance, listener, paths)
                self._forward(entrance.endpoint, listener, rules.pop(listener.key, []), paths)
        for key in sorted(rules.keys() - {listener.key for listener in listeners}):
            self._forward_unknown(key, rules[key], paths)

    def _admit(self, entrance: Entrance, listener: Resource, paths: Paths) -> None:
        """Who may connect to a listener."""
        scheme, port = _spoken(listener), number(listener.properties.get("Port"))
        if port is None:
            return
        here = Rule((), None, listener.place, _of_listener(listener))
        own = Ports("udp" if scheme == "udp" else "tcp", port, port)
        for rule in entrance.endpoint.ingress or ():
            if any(own.common(one) for one in rule.ports):
                self._admitted(entrance, rule, f"{scheme} {port}", [rule, here])
                for source, rules in paths.members(rule, entrance.endpoint) if isinstance(rule.peer, Group) else ():
                    self._graph.edge(source.node, entrance.endpoint.node, f"{scheme} {port}", [here, *rules])
        if not entrance.grouped:
            place, suffix = (INTERNET, "") if entrance.facing else (PRIVATE, " 0.0.0.0/0")
            self._graph.edge(place, entrance.endpoint.node, f"{scheme} {port}{suffix}", [here])

    def _admitted(self, entrance: Entrance, rule: Rule, what: str, because: list[Rule]) -> None:
        node, peer = entrance.endpoint.node, rule.peer
        if isinstance(peer, Block):
            place, suffix = self._graph.place_of(peer.network)
            if place == INTERNET and not entrance.facing:
                place, suffix = PRIVATE, f" {peer.network}"
            self._graph.edge(place, node, f"{what}{suffix}", because)
        elif isinstance(peer, Elsewhere):
            self._graph.edge(self._graph.node(peer.id, NodeKind.OTHER, peer.label), node, what, because)

    def _forward(self, source: Endpoint, listener: Resource, rules: Iterable[Resource], paths: Paths) -> None:
        scheme, port = _spoken(listener), number(listener.properties.get("Port"))
        usual = port == {"http": 80, "https": 443}.get(scheme)
        speaks = scheme if usual or port is None else f"{scheme} {port}"
        seen = Seen()
        for rule in sorted(rules, key=_priority):
            for route in seen.left(routed(rule.properties)):
                self._to(
                    source, speaks, route, mapping(rule.properties), Rule((), None, rule.place, _words(rule)), paths
                )
            seen.add(routed(rule.properties))
        generic = str(listener.properties.get("Protocol")).upper() in _GENERIC
        last = Route(path="" if generic else "/")
        if seen.left([last]):
            here = Rule((), None, listener.place, _of_listener(listener))
            self._to(source, speaks, last, {"Actions": listener.properties.get("DefaultActions")}, here, paths)

    def _forward_unknown(self, listener: str, rules: list[Resource], paths: Paths) -> None:
        """Of a listener that is in no template."""
        node = self._graph.node(f"load-balancer/{listener}", NodeKind.LOAD_BALANCER, f"load balancer of {listener}")
        source = Endpoint(node, egress=None)
        for rule in sorted(rules, key=_priority):
            because = Rule((), None, rule.place, _words(rule))
            for route in routed(rule.properties):
                self._to(source, "http", route, rule.properties, because, None)

    def _to(
        self, source: Endpoint, speaks: str, route: Route, holder: Mapping[str, Any], because: Rule, paths: Paths | None
    ) -> None:  # fmt: skip
        """Adds the edge to each service that a rule's actions forward to; redirects and fixed answers are no way in."""
        what = " ".join(filter(None, (speaks, str(route))))
        for group in _forwards(holder.get("Actions")):
            for target, port in self._targets.get(group, ()):
                opened = (
                    paths.opens(source, target, Ports("tcp", port or 0, port or Ports("tcp").high)) if paths else []
                )
                if opened is not None:
                    self._graph.edge(source.node, target.node, what, [because, *opened])


def _spoken(listener: Resource) -> str:
    protocol = str(listener.properties.get("Protocol") or "HTTP").lower()
    return "tcp" if protocol in {"tcp_udp", "tls"} else protocol


def _priority(rule: Resource) -> tuple[int, str]:
    found = number(rule.properties.get("Priority"))
    return (found if found is not None else Ports("tcp").high * 2, rule.key)


def _forwards(actions: Any) -> Iterator[str]:
    """The keys of the target groups that actions forward to."""
    for action in objects(actions):
        if action.get("Type") != "forward":
            continue
        if action.get("TargetGroupArn") is not None:
            yield key_of(action["TargetGroupArn"])
        for one in objects(mapping(action.get("ForwardConfig")).get("TargetGroups")):
            if number(one.get("Weight")) != 0:
                yield key_of(one.get("TargetGroupArn"))


def _words(rule: Resource) -> dict[str, Any]:
    return {name: rule.properties.get(name) for name in ("Conditions", "Actions", "Priority")}


def _of_listener(listener: Resource) -> dict[str, Any]:
    return {name: listener.properties.get(name) for name in ("Protocol", "Port", "DefaultActions")}
