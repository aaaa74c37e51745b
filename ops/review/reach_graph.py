"""What reach.py gathers: nodes, edges, and the rules that each word of an edge rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from config.names import service_of
from config.settings import Platform
from ops.assembly import Stack
from ops.changes.sentences import readable
from ops.changes.sides import properties
from ops.references import Pointer, Values
from ops.review.model import Edge, Node, NodeKind, Reach
from ops.review.reach_rules import Network, Rule, is_wide, mapping, network, suffix, within

INTERNET: Final = "internet"
PRIVATE: Final = "private"
PEOPLE: Final = "people"
AWS: Final = "aws"
VPC: Final = "vpc"
_FIXED: Final = {
    INTERNET: Node(id=INTERNET, kind=NodeKind.INTERNET, label="the internet"),
    PRIVATE: Node(id=PRIVATE, kind=NodeKind.PRIVATE, label="private network"),
    PEOPLE: Node(id=PEOPLE, kind=NodeKind.PEOPLE, label="people with kubectl"),
    AWS: Node(id=AWS, kind=NodeKind.AWS, label="AWS"),
    VPC: Node(id=VPC, kind=NodeKind.OTHER, label="the VPC"),
}
_PRIVATE_RANGES: Final = tuple(
    found
    for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
    if (found := network(cidr))
)


@dataclass(frozen=True)
class Resource:
    """A resource with its references followed.

    Attributes:
        stack: id of its stack.
        name: its logical id.
        properties: its properties.
    """

    stack: str
    name: str
    properties: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What references to it have."""
        return f"{self.stack}/{self.name}"

    @property
    def place(self) -> tuple[str, str]:
        return self.stack, self.name


class Resources:
    """The resources of one side by their type. References are followed when a type is first asked for."""

    def __init__(self, stacks: Mapping[str, Stack], values: Values) -> None:
        self.stacks = stacks
        self._values = values
        self._found: dict[str, list[tuple[str, str]]] = {}
        self._read: dict[str, list[Resource]] = {}
        for identifier, stack in sorted(stacks.items()):
            for name, body in sorted(stack.resources.items()):
                self._found.setdefault(body["Type"], []).append((identifier, name))

    def of_type(self, *kinds: str) -> list[Resource]:
        """The resources of these types."""
        return [resource for kind in kinds for resource in self._of(kind)]

    def _of(self, kind: str) -> list[Resource]:
        if kind not in self._read:
            self._read[kind] = [
                Resource(stack, name, mapping(properties(self.stacks[stack], name, self._values)))
                for stack, name in self._found.get(kind, ())
            ]
        return self._read[kind]

    @cached_property
    def vpc(self) -> tuple[Network, ...]:
        """The ranges of the VPC; none if it is not in the templates."""
        ranges = [vpc.properties.get("CidrBlock") for vpc in self.of_type("AWS::EC2::VPC")]
        ranges += [block.properties.get("CidrBlock") for block in self.of_type("AWS::EC2::VPCCidrBlock")]
        return tuple(found for cidr in ranges if (found := network(cidr)))

    @property
    def anywhere_in_vpc(self) -> tuple[Network, ...]:
        """Where something in the VPC may be whose subnets are unknown."""
        return self.vpc or _PRIVATE_RANGES

    @cached_property
    def subnets(self) -> dict[str, Network]:
        """The range of each subnet by its key."""
        of = {subnet.key: network(subnet.properties.get("CidrBlock")) for subnet in self.of_type("AWS::EC2::Subnet")}
        return {key: cidr for key, cidr in of.items() if cidr}

    def networks(self, subnets: Iterable[Any]) -> tuple[Network, ...]:
        """The ranges of the subnets; none if any is unknown."""
        found = [self.subnets.get(key_of(subnet)) for subnet in subnets]
        known = [one for one in found if one]
        return tuple(sorted(known, key=str)) if len(known) == len(found) else ()

    @cached_property
    def leads_out(self) -> bool:
        """Whether what has no public address has a way to the internet: a route through a NAT, or a VPC that we do not know."""
        routes = [route.properties for route in self.of_type("AWS::EC2::Route")]
        ways = [mapping(route) for route in routes if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
        return not self.vpc or any("GatewayId" not in way for way in ways)


def key_of(value: Any) -> str:
    """What a reference points at, without its attribute; the text itself if it is text."""
    if isinstance(value, Pointer):
        return f"{value.stack}/{value.name}"
    text = str(value)
    # Inside a Kubernetes manifest references are text already: <Network/Vpc.GroupId>.
    return text[1:-1].rpartition(".")[0] or text[1:-1] if text.startswith("<") and text.endswith(">") else text


def owner(stack: str, platform: Platform | None = None) -> tuple[str, str] | None:
    """Platform and name of the service whose stack has that id."""
    for one in [platform] if platform else Platform:
        if name := service_of(stack, one):
            return one.value, name
    return None


@dataclass
class Graph:
    """Collects nodes and edges."""

    resources: Resources
    nodes: dict[str, Node] = field(default_factory=dict)
    because: dict[tuple[str, str], dict[str, list[Rule]]] = field(default_factory=dict)
    """The rules behind each word of each edge."""

    def node(self, identifier: str, kind: NodeKind, label: str, platform: str = "") -> str:
        """Adds a node, once; returns its id."""
        self.nodes.setdefault(identifier, Node(id=identifier, kind=kind, label=label, platform=platform))
        return identifier

    def service(self, stack: str, platform: Platform, fallback: str = "") -> str:
        """The node of the service whose stack has that id; of `fallback` if it is another stack."""
        name = service_of(stack, platform) or fallback or stack
        return self.node(f"{platform.value}/{name}", NodeKind.SERVICE, name, platform.value)

    def edge(self, source: str, target: str, what: str, rules: Iterable[Rule] = ()) -> None:
        """Adds a word to an edge, which begins with it if it is new."""
        for end in (source, target):
            if end in _FIXED:
                self.nodes.setdefault(end, _FIXED[end])
        if source != target:
            self.because.setdefault((source, target), {}).setdefault(what, []).extend(
                rule for rule in rules if rule.evidence[0]
            )

    def place_of(self, cidr: Network) -> tuple[str, str]:
        """The node of a range of addresses outside, and what its edges' words end with."""
        if is_wide(cidr):
            return INTERNET, suffix(cidr)
        if any(within(cidr, vpc) for vpc in self.resources.vpc):
            return VPC, "" if cidr in self.resources.vpc else suffix(cidr)
        if any(within(cidr, one) for one in _PRIVATE_RANGES):
            return PRIVATE, suffix(cidr)
        return self.node(f"address/{cidr}", NodeKind.OTHER, str(cidr)), ""

    def group(self, key: str) -> str:
        """The node of a security group that nothing we know of is a member of."""
        stack, slash, name = key.partition("/")
        label = f"the security group {readable(name) if slash else key}"
        return self.node(f"group/{stack}/{readable(name)}" if slash else f"group/{key}", NodeKind.OTHER, label)

    def reach(self) -> Reach:
        """Everything, sorted; nodes that no edge touches are services and data."""
        edges = [
            Edge(
                source=source,
                target=target,
                what=tuple(sorted(words)),
                evidence=tuple(sorted({rule.evidence for rules in words.values() for rule in rules})),
            )
            for (source, target), words in sorted(self.because.items())
        ]
        return Reach(tuple(self.nodes[identifier] for identifier in sorted(self.nodes)), tuple(edges))
