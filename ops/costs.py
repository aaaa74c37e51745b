"""What an environment costs a month when nobody uses it, line by line, from its synthesized templates.

The count of each billed thing is read from the templates; the price is AWS's list price for us-east-1, in USD, as of the
date below. Traffic, storage of logs and images, and what scales with use are not idle cost and are left out, by name.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from ops.pipe import end_with_the_reader

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "costs.md"

HOURS = 730  # a month, as AWS's own calculator counts
PRICES_OF = "us-east-1, as published in 2025"


@dataclass(frozen=True)
class Price:
    """A list price.

    Attributes:
        usd: price of one unit, in USD.
        unit: what is counted.
        source: the page that the price stands on.
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
# AWS says "up to 70 %"; the price moves, so the saving is counted as what it has long been at least.
# https://aws.amazon.com/fargate/pricing/
SPOT_FACTOR = Decimal("0.3")
# The first ten metrics of alarms are free in every account. https://aws.amazon.com/cloudwatch/pricing/
FREE_ALARM_METRICS = 10


@dataclass(frozen=True)
class Line:
    """One line of the bill: what, how many, at what price a month, and where the price stands."""

    what: str
    count: Decimal
    monthly: Decimal
    source: str

    @property
    def total(self) -> Decimal:
        return (self.count * self.monthly).quantize(Decimal("0.01"), ROUND_HALF_UP)


class Bill:
    """Counts what is billed in an assembly's templates."""

    def __init__(self, assembly: Path) -> None:
        artifacts = _read(assembly / "manifest.json")["artifacts"]
        self._stacks = {
            name: _read(assembly / artifact["properties"]["templateFile"])["Resources"]
            for name, artifact in sorted(artifacts.items())
            if artifact["type"] == "aws:cloudformation:stack"
        }

    def lines(self, *, platform: str) -> list[Line]:
        """The bill of one platform with what both share.

        Args:
            platform: `Ecs` or `Eks`, whose stacks are counted beside the shared ones.
        """
        other = "Eks" if platform == "Ecs" else "Ecs"
        stacks = [
            list(resources.values())
            for name, resources in self._stacks.items()
            if name != other and not name.startswith(f"{other}-")
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
        addresses = sum(len(balancer["Properties"]["Subnets"]) for balancer in balancers)
        yield _line("public IPv4 address of the load balancer, one a zone", addresses, "public_ipv4")

    def _egress(self, resources: list[Json]) -> Iterator[Line]:
        gateways = len(_of_type(resources, "AWS::EC2::NatGateway"))
        yield _line("NAT gateway", gateways, "nat_gateway")
        yield _line("public IPv4 address of a NAT gateway", gateways, "public_ipv4")
        instances = len(_of_type(resources, "AWS::EC2::Instance"))
        yield _line("NAT instance, t4g.nano", instances, "t4g.nano")
        yield _line("public IPv4 address of the NAT instance", instances, "public_ipv4")
        yield _line("disk of the NAT instance, GB of gp3", 8 * instances, "gp3")
        zones = sum(
            len(endpoint["Properties"]["SubnetIds"])
            for endpoint in _of_type(resources, "AWS::EC2::VPCEndpoint")
            if endpoint["Properties"].get("VpcEndpointType") == "Interface"
        )
        yield _line("interface endpoint, one a service and zone", zones, "interface_endpoint")

    def _tasks(self, stack: list[Json]) -> Iterator[Line]:
        for service in _of_type(stack, "AWS::ECS::Service"):
            yield from self._task_lines(service, stack)

    def _task_lines(self, service: Json, owned: list[Json]) -> Iterator[Line]:
        definition = _of_type(owned, "AWS::ECS::TaskDefinition")[0]["Properties"]
        targets = _of_type(owned, "AWS::ApplicationAutoScaling::ScalableTarget")
        count = targets[0]["Properties"]["MinCapacity"] if targets else service["Properties"]["DesiredCount"]
        name = definition["ContainerDefinitions"][0]["Name"]
        architecture = {"X86_64": "amd64", "ARM64": "arm64"}[definition["RuntimePlatform"]["CpuArchitecture"]]
        spot = _spot_share(service)
        factor = spot * SPOT_FACTOR + (1 - spot)
        where = f"{spot:.0%} on Spot" if spot else "on demand"
        vcpu, memory = Decimal(definition["Cpu"]) / 1024, Decimal(definition["Memory"]) / 1024
        yield _line(f"{name}: vCPU of {count} task(s), {where}", vcpu * count, f"vcpu_{architecture}", factor)
        yield _line(
            f"{name}: GB of memory of {count} task(s), {where}", memory * count, f"memory_{architecture}", factor
        )

    def _control_plane(self, resources: list[Json]) -> Iterator[Line]:
        yield _line("EKS cluster (nodes come on top)", len(_of_type(resources, "AWS::EKS::Cluster")), "eks_cluster")

    def _alarms_and_keys(self, resources: list[Json]) -> Iterator[Line]:
        metrics = sum(
            len([metric for metric in alarm["Properties"].get("Metrics", [1]) if metric == 1 or "MetricStat" in metric])
            for alarm in _of_type(resources, "AWS::CloudWatch::Alarm")
        )
        yield _line(
            "metric of an alarm, beyond the ten free ones", max(0, metrics - FREE_ALARM_METRICS), "alarm_metric"
        )
        yield _line("KMS key", len(_of_type(resources, "AWS::KMS::Key")), "kms_key")


def total(lines: list[Line]) -> Decimal:
    """The sum of a bill, in USD a month."""
    return sum((line.total for line in lines), Decimal(0))


def _read(path: Path) -> Json:
    content: Json = json.loads(path.read_text(encoding="utf-8"))
    return content


def _of_type(resources: list[Json], kind: str) -> list[Json]:
    return [resource for resource in resources if resource["Type"] == kind]


def _line(what: str, count: Decimal | int, price: str, factor: Decimal = Decimal(1)) -> Line:
    return Line(what, Decimal(count), _PRICES[price].monthly * factor, _PRICES[price].source)


def _spot_share(service: Json) -> Decimal:
    strategy = service["Properties"]["CapacityProviderStrategy"]
    weights = {item["CapacityProvider"]: Decimal(item["Weight"]) for item in strategy}
    return weights.get("FARGATE_SPOT", Decimal(0)) / sum(weights.values(), Decimal(0))


def render(bill: Bill, environment: str) -> str:
    """The document: a table for ECS, one for EKS, and what is left out."""
    parts = [
        f"# What `{environment}` costs a month when idle",
        "",
        f"Written by `make docs` from the synthesized templates. List prices in USD, {PRICES_OF}; a month has {HOURS} hours.",
    ]
    for platform, title in (("Ecs", "On ECS alone"), ("Eks", "On EKS alone")):
        lines = bill.lines(platform=platform)
        parts += [
            "",
            f"## {title}: {total(lines)} USD",
            "",
            "| what | count | each a month | USD |",
            "|---|---:|---:|---:|",
        ]
        parts += [
            f"| [{line.what}]({line.source}) | {line.count.normalize():f} | {line.monthly:.4f} | {line.total} |"
            for line in lines
        ]
        parts.append(f"| **together** | | | **{total(lines)}** |")
    parts += ["", *_LEFT_OUT, ""]
    return "\n".join(parts)


_LEFT_OUT = (
    "## Not in these sums",
    "",
    "- What grows with use: load balancer capacity units, data processed and transferred, log and image storage, table requests.",
    "- The hello job: a few seconds of a quarter vCPU a day.",
    "- Spot's price moves; it is counted at 30 % of on demand. All tasks on demand is `-c spot_weight=0`.",
    "- EKS nodes: Auto Mode starts what the pods ask for, at EC2's price and about 12 % for the management. Its load balancer is",
    "  made by Kubernetes, so it is in no template: one load balancer with an address a zone, as on ECS.",
    "- Container Insights, where an environment switches it on: by the metric.",
    "",
    "## How it compares",
    "",
    "The common sample (two NAT gateways, a load balancer, two tasks on demand, four public addresses) comes to about 115 USD at",
    "the same prices. Its two NAT gateways alone are 65.70 USD, more than all that the services on ECS need here.",
)


def main(arguments: list[str] | None = None) -> int:
    """Prints the bill of an assembly, or writes the document."""
    parser = argparse.ArgumentParser(prog="python -m ops.costs", description="Idle cost of an environment a month.")
    parser.add_argument("assembly", type=Path, nargs="?", default=ROOT / "cdk.out")
    parser.add_argument("--env", default="sandbox", help="the environment's name, for the title")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)} instead of printing")
    options = parser.parse_args(arguments)
    try:
        text = render(Bill(options.assembly), options.env)
    except FileNotFoundError:
        print(f"{options.assembly}: there is no cloud assembly; write one with: make synth", file=sys.stderr)
        return 2
    if options.write:
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"wrote {DOCUMENT.relative_to(ROOT)}")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    end_with_the_reader()
    sys.exit(main())
