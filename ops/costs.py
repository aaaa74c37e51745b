"""An itemized monthly bill for an idle environment, computed from its synthesized templates.

Quantities are counted in the templates; prices are AWS's list prices for us-east-1, in USD, as of the date below. Traffic,
storage of logs and images, and anything else that grows with use are not idle costs; the document lists them as left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from string import Template
from typing import Any

from config.endpoints import endpoints_of
from config.names import platform_of
from config.settings import Egress, Platform
from ops.assembly import Json, Stack

DOCUMENT = Path("docs/costs.md")  # below the project
TEMPLATE = Path(__file__).parent / "templates" / "costs.md"

HOURS = 730  # per month, as in AWS's own calculator
PRICES_OF = "us-east-1, as published in 2025"


@dataclass(frozen=True)
class Price:
    """A list price.

    Attributes:
        usd: price of one unit, in USD.
        unit: what is counted.
        source: the page that states the price.
    """

    usd: Decimal
    unit: str
    source: str

    @property
    def monthly(self) -> Decimal:
        """The price of one unit for a month."""
        return self.usd * HOURS if self.unit.endswith("hour") else self.usd


_FARGATE = "https://aws.amazon.com/fargate/pricing/"
_ELB = "https://aws.amazon.com/elasticloadbalancing/pricing/"
_VPC = "https://aws.amazon.com/vpc/pricing/"
_EC2 = "https://aws.amazon.com/ec2/pricing/on-demand/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_PRICES = {
    "alb": Price(Decimal("0.0225"), "hour", _ELB),
    "public_ipv4": Price(Decimal("0.005"), "hour", _VPC),
    "nat_gateway": Price(Decimal("0.045"), "hour", _VPC),
    "interface_endpoint": Price(Decimal("0.01"), "zone hour", _VPC),
    "t4g.nano": Price(Decimal("0.0042"), "hour", _EC2),
    "gp3": Price(Decimal("0.08"), "GB", "https://aws.amazon.com/ebs/pricing/"),
    "vcpu_amd64": Price(Decimal("0.04048"), "vCPU hour", _FARGATE),
    "vcpu_arm64": Price(Decimal("0.03238"), "vCPU hour", _FARGATE),
    "memory_amd64": Price(Decimal("0.004445"), "GB hour", _FARGATE),
    "memory_arm64": Price(Decimal("0.00356"), "GB hour", _FARGATE),
    "alarm_metric": Price(Decimal("0.10"), "metric", _CLOUDWATCH),
    "kms_key": Price(Decimal("1.00"), "key", "https://aws.amazon.com/kms/pricing/"),
    "eks_cluster": Price(Decimal("0.10"), "hour", "https://aws.amazon.com/eks/pricing/"),
}
NAT_INSTANCE_DISK = 8  # GB
# AWS advertises "up to 70 %" off and the price moves, so this is an estimate.
# https://aws.amazon.com/fargate/pricing/
SPOT_FACTOR = Decimal("0.3")
# The first ten alarm metrics are free in every account. https://aws.amazon.com/cloudwatch/pricing/
FREE_ALARM_METRICS = 10

# Application Auto Scaling makes them itself, so they are in no template.
# https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
ALARMS_OF_TARGET_TRACKING = 2


@dataclass(frozen=True)
class Line:
    """One line of the bill: the item, its quantity, the price of one per month, and the source of the price.

    `key` stays the same when only quantities change.
    """

    what: str
    count: Decimal
    monthly: Decimal
    source: str
    key: str = ""

    @property
    def total(self) -> Decimal:
        return (self.count * self.monthly).quantize(Decimal("0.01"), ROUND_HALF_UP)


class Bill:
    """Counts the billed resources in templates. A resource without the properties that decide its price is not counted."""

    def __init__(self, stacks: Iterable[Stack]) -> None:
        self._stacks = sorted(stacks, key=lambda stack: stack.id)

    def lines(self, *, platform: Platform | None = None) -> list[Line]:
        """The bill of one platform, shared resources included; of both without a platform."""
        stacks = [
            list(stack.resources.values())
            for stack in self._stacks
            if platform is None or platform_of(stack.id) in {None, platform}
        ]
        together = [resource for resources in stacks for resource in resources]
        lines = [*self._entrance(together), *self._egress(together)]
        for resources in stacks:
            lines += self._tasks(resources)
        lines += [*self._control_plane(together), *self._alarms_and_keys(together)]
        return [line for line in lines if line.count]

    def _entrance(self, resources: list[Json]) -> Iterator[Line]:
        balancers = _of_type(resources, "AWS::ElasticLoadBalancingV2::LoadBalancer")
        yield _line("Application Load Balancer (without capacity units)", len(balancers), "alb")
        public = [own for found in balancers if (own := _properties(found)).get("Scheme") != "internal"]
        addresses = sum(len(_list(own.get("Subnets"))) for own in public)
        yield _line("public IPv4 address of the load balancer, one per zone", addresses, "public_ipv4")

    def _egress(self, resources: list[Json]) -> Iterator[Line]:
        gateways = len(_of_type(resources, "AWS::EC2::NatGateway"))
        yield _line("NAT gateway", gateways, "nat_gateway")
        yield _line("public IPv4 address of a NAT gateway", gateways, "public_ipv4")
        instances = len(_of_type(resources, "AWS::EC2::Instance"))
        yield _line("NAT instance, t4g.nano", instances, "t4g.nano")
        yield _line("public IPv4 address of the NAT instance", instances, "public_ipv4")
        yield _line("disk of the NAT instance, GB of gp3", NAT_INSTANCE_DISK * instances, "gp3")
        zones = sum(
            len(_list(own.get("SubnetIds")))
            for endpoint in _of_type(resources, "AWS::EC2::VPCEndpoint")
            if (own := _properties(endpoint)).get("VpcEndpointType") == "Interface"
        )
        yield _line("interface endpoint, one per service and zone", zones, "interface_endpoint")

    def _tasks(self, stack: list[Json]) -> Iterator[Line]:
        for service in _of_type(stack, "AWS::ECS::Service"):
            yield from self._task_lines(service, stack)

    def _task_lines(self, service: Json, owned: list[Json]) -> Iterator[Line]:
        definition = next(map(_properties, _of_type(owned, "AWS::ECS::TaskDefinition")), {})
        targets = map(_properties, _of_type(owned, "AWS::ApplicationAutoScaling::ScalableTarget"))
        count = next((own.get("MinCapacity") for own in targets), _properties(service).get("DesiredCount"))
        try:
            name = str(definition["ContainerDefinitions"][0]["Name"])
            architecture = {"X86_64": "amd64", "ARM64": "arm64"}[definition["RuntimePlatform"]["CpuArchitecture"]]
            spot = _spot_share(service)
            vcpu, memory = Decimal(definition["Cpu"]) / 1024, Decimal(definition["Memory"]) / 1024
            tasks = Decimal(str(count))
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return
        factor = spot * SPOT_FACTOR + (1 - spot)
        where = f"{spot:.0%} on Spot" if spot else "on demand"
        parts = (("vCPU", vcpu), ("GB of memory", memory))
        for (part, size), price in zip(parts, (f"vcpu_{architecture}", f"memory_{architecture}"), strict=True):
            what = f"{name}: {part} of {count} task(s), {where}"
            yield _line(what, size * tasks, price, factor, key=f"{name}: {part}")

    def _control_plane(self, resources: list[Json]) -> Iterator[Line]:
        yield _line("EKS cluster (without nodes)", len(_of_type(resources, "AWS::EKS::Cluster")), "eks_cluster")

    def _alarms_and_keys(self, resources: list[Json]) -> Iterator[Line]:
        metrics = sum(
            sum(metric == 1 or "MetricStat" in metric for metric in _list(_properties(alarm).get("Metrics", [1])))
            for alarm in _of_type(resources, "AWS::CloudWatch::Alarm")
        )
        policies = _of_type(resources, "AWS::ApplicationAutoScaling::ScalingPolicy")
        metrics += ALARMS_OF_TARGET_TRACKING * sum(map(_tracked_metrics, policies))
        yield _line(
            "alarm metric (a scaling policy has two), beyond the ten free ones",
            max(0, metrics - FREE_ALARM_METRICS),
            "alarm_metric",
        )
        yield _line("KMS key", len(_of_type(resources, "AWS::KMS::Key")), "kms_key")


def egress_costs(
    *, zones: int, platforms: tuple[Platform, ...], exec_on_ecs: bool = False, queues: bool = False
) -> dict[Egress, Decimal]:
    """What each value of `egress` costs per month, in USD, without traffic; ECS Exec and queues each add an endpoint."""
    address = _PRICES["public_ipv4"].monthly
    gateway = _PRICES["nat_gateway"].monthly + address
    instance = _PRICES["t4g.nano"].monthly + NAT_INSTANCE_DISK * _PRICES["gp3"].monthly + address
    names = endpoints_of(platforms, exec_on_ecs=exec_on_ecs, queues=queues)
    endpoints = len(names) * zones * _PRICES["interface_endpoint"].monthly
    costs = {
        Egress.NAT_INSTANCE: instance,
        Egress.SINGLE_NAT: gateway,
        Egress.NAT_PER_ZONE: zones * gateway,
        Egress.ENDPOINTS: endpoints,
    }
    return {egress: cost.quantize(Decimal("0.01"), ROUND_HALF_UP) for egress, cost in costs.items()}


def total(lines: list[Line]) -> Decimal:
    """The sum of a bill, in USD per month."""
    return sum((line.total for line in lines), Decimal(0))


def _tracked_metrics(policy: Json) -> int:
    """The metrics that each alarm of a scaling policy watches: those of its metric math, or the one that it names."""
    tracking = _properties(policy).get("TargetTrackingScalingPolicyConfiguration")
    if not isinstance(tracking, dict):
        return 0
    own = tracking.get("CustomizedMetricSpecification", {})
    queries = own.get("Metrics", []) if isinstance(own, dict) else []
    return sum("MetricStat" in query for query in _list(queries)) or 1


def _of_type(resources: list[Json], kind: str) -> list[Json]:
    return [resource for resource in resources if resource.get("Type") == kind]


def _properties(resource: Json) -> Json:
    own = resource.get("Properties")
    return own if isinstance(own, dict) else {}


def _list(value: object) -> list[Any]:
    """A list; empty for anything else, such as a reference."""
    return [one for one in value if isinstance(one, dict | int | str)] if isinstance(value, list) else []


def _line(what: str, count: Decimal | int, price: str, factor: Decimal = Decimal(1), *, key: str = "") -> Line:
    return Line(what, Decimal(count), _PRICES[price].monthly * factor, _PRICES[price].source, key or what)


def _spot_share(service: Json) -> Decimal:
    strategy = _properties(service)["CapacityProviderStrategy"]
    weights = {item["CapacityProvider"]: Decimal(item["Weight"]) for item in strategy}
    return weights.get("FARGATE_SPOT", Decimal(0)) / sum(weights.values(), Decimal(0))


def render(bill: Bill, environment: str) -> str:
    """The document templates/costs.md, filled in: a table for ECS, one for EKS, and the costs left out."""
    bills = {platform: bill.lines(platform=platform) for platform in Platform}
    totals = {f"{platform.value}_total": str(total(lines)) for platform, lines in bills.items()}
    tables = {f"{platform.value}_table": "\n".join(_table(lines)) for platform, lines in bills.items()}
    tables["egress_table"] = "\n".join(_egress_table())
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(environment=environment, prices_of=PRICES_OF, hours=HOURS, **totals, **tables)


def _egress_table() -> Iterator[str]:
    columns = [
        (zones, platforms) for zones in (2, 3) for platforms in ((Platform.ECS,), (Platform.EKS,), tuple(Platform))
    ]
    names = [f"{zones} zones, {' and '.join(p.value for p in platforms)}" for zones, platforms in columns]
    yield f"| egress | {' | '.join(names)} |"
    yield f"|---|{'---:|' * len(columns)}"
    costs = [egress_costs(zones=zones, platforms=platforms) for zones, platforms in columns]
    for egress in costs[0]:
        yield f"| `{egress.value}` | {' | '.join(str(cost[egress]) for cost in costs)} |"


def write_costs(root: Path, bill: Bill, environment: str) -> list[str]:
    """Brings docs/costs.md up to date; returns its name if it changed."""
    path, text = root / DOCUMENT, render(bill, environment)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return []
    path.write_text(text, encoding="utf-8")
    return [str(DOCUMENT)]


def _table(lines: list[Line]) -> Iterator[str]:
    yield "| item | count | USD per month each | USD per month |"
    yield "|---|---:|---:|---:|"
    for line in lines:
        yield f"| [{line.what}]({line.source}) | {line.count.normalize():f} | {line.monthly:.4f} | {line.total} |"
    yield f"| **total** | | | **{total(lines)}** |"
