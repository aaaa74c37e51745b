"""Security groups: their rules, whether they are inline or resources of their own, and who is in which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any, Final

from ops.review.reach_graph import Graph, Resource, Resources, key_of
from ops.review.reach_rules import (
    ANYWHERE,
    EVERYTHING,
    Block,
    Elsewhere,
    Endpoint,
    Group,
    Peer,
    Rule,
    network,
    objects,
    ports,
)

_GROUP: Final = "AWS::EC2::SecurityGroup"
_INGRESS: Final = "AWS::EC2::SecurityGroupIngress"
_EGRESS: Final = "AWS::EC2::SecurityGroupEgress"
_NOBODY: Final = ip_network("255.255.255.255/32")
"""What CDK lets a group out to that is to reach nothing: any rule keeps AWS's own, for everything, away."""


class SecurityGroups:
    """The rules of every group by its key."""

    def __init__(self, resources: Resources) -> None:
        self.ingress: dict[str, list[Rule]] = {}
        self.egress: dict[str, list[Rule]] = {}
        self.declared = {group.key: group for group in resources.of_type(_GROUP)}
        for key, group in self.declared.items():
            self.ingress[key] = list(_inline(group, "SecurityGroupIngress", inwards=True))
            self.egress[key] = list(_inline(group, "SecurityGroupEgress", inwards=False))
        for kind, rules in ((_INGRESS, self.ingress), (_EGRESS, self.egress)):
            for one in resources.of_type(kind):
                named = one.properties.get("GroupId") or one.properties.get("GroupName")
                rules.setdefault(key_of(named), []).append(_rule(one.properties, one, inwards=kind == _INGRESS))
        for key, group in self.declared.items():
            # AWS lets a new group out everywhere until it has a rule of its own:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupegress.html
            if not self.egress[key]:
                self.egress[key] = [
                    Rule((EVERYTHING,), Block(ANYWHERE[0]), group.place, {"SecurityGroupEgress": "all"})
                ]
            self.egress[key] = [rule for rule in self.egress[key] if rule.peer != Block(_NOBODY)]

    def guard(self, endpoint: Endpoint, groups: Iterable[Any]) -> Endpoint:
        """Puts an endpoint into groups; a connection needs a rule of any of them. What a group outside lets out is unknown, so
        nothing is lost: it lets out all.
        """
        keys = sorted({key_of(group) for group in groups})
        endpoint.groups = frozenset(keys)
        endpoint.ingress = [rule for key in keys for rule in self.ingress.get(key, ())]
        endpoint.egress = [rule for key in keys for rule in self.egress.get(key, ())]
        if any(key not in self.declared for key in keys):
            endpoint.egress = None
        return endpoint

    def of_stack(self, stack: str) -> list[str]:
        """The keys of the groups that a stack makes."""
        return [key for key, group in self.declared.items() if group.stack == stack]

    def unused(self, graph: Graph, used: set[str]) -> None:
        """Adds the ways into groups whose members are neither a service nor a load balancer: a NAT instance, an endpoint."""
        for key in self.declared.keys() - used:
            for rule in self.ingress[key]:
                if isinstance(rule.peer, Block):
                    place, suffix = graph.place_of(rule.peer.network)
                    for one in rule.ports:
                        graph.edge(place, graph.group(key), f"{one}{suffix}", [rule])


def _inline(group: Resource, field: str, *, inwards: bool) -> Iterator[Rule]:
    for rule in objects(group.properties.get(field)):
        yield _rule(rule, group, inwards=inwards)


def _rule(rule: Mapping[str, Any], resource: Resource, *, inwards: bool) -> Rule:
    said = rule.get("Description")
    return Rule(
        ports=(ports(rule.get("IpProtocol"), rule.get("FromPort"), rule.get("ToPort")),),
        peer=_peer(rule, inwards=inwards),
        evidence=resource.place,
        raw={"to" if not inwards else "from": {key: value for key, value in rule.items() if key != "GroupId"}},
        says=said if isinstance(said, str) else "",
    )


def _peer(rule: Mapping[str, Any], *, inwards: bool) -> Peer:
    side = "Source" if inwards else "Destination"
    for field in ("CidrIp", "CidrIpv6"):
        if field in rule:
            found = network(rule[field])
            return Block(found) if found else Elsewhere(f"address/{rule[field]}", f"the addresses {rule[field]}")
    prefix = rule.get(f"{side}PrefixListId")
    if prefix is not None:
        return Elsewhere(f"prefix-list/{key_of(prefix)}", f"the prefix list {key_of(prefix)}")
    group = rule.get(f"{side}SecurityGroupId") or rule.get(f"{side}SecurityGroupName")
    return Group(key_of(group)) if group is not None else Elsewhere("address/unknown", "unknown addresses")


def configurations(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every awsvpc configuration below a value: a service's, a schedule's, a task's."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if str(key).lower() == "awsvpcconfiguration" and isinstance(inner, Mapping):
                yield inner
            else:
                yield from configurations(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from configurations(inner)
