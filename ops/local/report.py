"""The closing table of `make up`, what `make status` prints, and the fidelity table of the documentation."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from ops.local.filter import Dropped
from ops.local.services import Outcome

# What a user of the local deployment does not see, by what was left out. Types are matched by prefix, the longest first.
CONSEQUENCES = {
    "AWS::ApplicationAutoScaling::": "services keep their minimum number of tasks; nothing scales",
    "AWS::CloudWatch::Alarm": "alarms over metric math do not exist; no deployment is rolled back by them",
    "AWS::EC2::FlowLog": "the VPC writes no flow logs",
    "AWS::EC2::Instance": "no NAT instance; containers reach the internet through the machine",
    "AWS::EC2::EIP": "no elastic addresses",
    "AWS::EC2::NatGateway": "no NAT gateway; containers reach the internet through the machine",
    "AWS::EC2::Route": "the route through it is missing; routing is the container engine's",
    "AWS::EC2::SecurityGroup": "ports are not filtered; names resolve only where `calls:` says so",
    "AWS::ECS::ClusterCapacityProviderAssociations": "no Spot; every task simply runs",
    "AWS::ECS::Service": "the rest of the service is deployed as it is",
    "AWS::EKS::": "the EKS cluster is a record: no nodes, add-ons, access entries or Pod Identity",
    "AWS::Lambda::": "helper functions of what was left out are left out too",
    "AWS::IAM::": "rights are not enforced",
    "AWS::KMS::": "nothing is encrypted at rest",
    "AWS::Route53::": "no DNS names; use the address that the table shows",
    "AWS::CertificateManager::": "no certificates; plain HTTP",
    "Custom::AWSCDK-EKS-": "manifests are validated, or applied to the cluster of KUBECONFIG; see the table of `make up`",
    "Custom::S3AutoDeleteObjects": "the bucket goes with the emulator",
    "Custom::VpcRestrictDefaultSG": "the VPC's default security group keeps its rules",
    "Custom::": "the custom resource does not run",
}
UNKNOWN_CONSEQUENCE = "not deployed"

# Behaviour that a template cannot show: where the emulator's services differ from AWS's.
BEHAVIOUR = (
    ("Fargate", "CPU share, ulimits and ephemeral storage size are not enforced; memory, user, read-only root, capabilities, "
     "init process, stop timeout and container health checks are"),
    ("Fargate", "a task counts as running once its target group's health check has passed; one that hangs later is not "
     "replaced"),
    ("Service Connect", "names resolve by the container engine's DNS, for callers that declare them; no proxy, so no retries, "
     "outlier detection or metrics"),
    ("Load balancer", "every path is served at `/_alb/<name>/` or `<name>.alb.localhost` on the emulator's port; no access "
     "logs, no TLS"),
    ("EventBridge Scheduler", "schedules are stored and never fire; `make up` runs each job once"),
    ("IAM", "roles and policies are stored and not enforced"),
    ("Secrets Manager, SSM", "each secret that a manifest names is created with a placeholder value"),
    ("CloudWatch", "log groups receive the containers' output; metrics and alarms stay empty"),
    ("ECR", "no scan, no lifecycle, no immutability; images live as long as the emulator"),
)  # fmt: skip


def consequence(kind: str) -> str:
    """What leaving out a resource type means for a user."""
    matches = [prefix for prefix in CONSEQUENCES if kind.startswith(prefix)]
    return CONSEQUENCES[max(matches, key=len)] if matches else UNKNOWN_CONSEQUENCE


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a plain text table; columns as wide as their widest cell."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def outcome_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """The services with their state and address, then their images and containers."""
    lines = table(("SERVICE", "ON", "STATE", "ADDRESS"), ((o.name, o.platform, o.state, o.url) for o in outcomes))
    running = [o for o in outcomes if o.image]
    if running:
        lines.append("")
        lines += table(
            ("SERVICE", "CONTAINER", "IMAGE"),
            ((o.name, ", ".join(o.containers) or "-", _short_image(o.image)) for o in running),
        )
    return lines


def _short_image(image: str) -> str:
    """A tag is a hash of 64 digits; twelve tell images apart."""
    return re.sub(r"([0-9a-f]{12})[0-9a-f]{52}$", r"\1", image)


def dropped_lines(dropped: Sequence[Dropped]) -> list[str]:
    """What the emulator left out, by type."""
    counts: Counter[str] = Counter(entry.type for entry in dropped)
    stacks: dict[str, set[str]] = defaultdict(set)
    for entry in dropped:
        stacks[entry.type].add(entry.stack)
    rows = ((kind, str(counts[kind]), ", ".join(sorted(stacks[kind])), consequence(kind)) for kind in sorted(counts))
    return table(("LEFT OUT BY THE EMULATOR", "HOW MANY", "STACKS", "SO LOCALLY"), rows)


def stack_group(stack: str) -> str:
    """Stacks of one kind are one line in the documentation, so that a new service does not change it."""
    platform, _, service = stack.partition("-")
    return f"{platform}-<name>" if service else platform


def fidelity_markdown(dropped: Sequence[Dropped]) -> str:
    """The documentation's two tables: resources that are left out, and behaviour that differs."""
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in dropped:
        why = "refers to what is left out" if entry.because else "unknown to the emulator"
        if entry.because == "metric math":
            why = "metric math is unknown to the emulator"
        groups[entry.type, why].add(stack_group(entry.stack))
    lines = ["| Left out | Stacks | Why | So locally |", "|---|---|---|---|"]
    for (kind, why), stacks in sorted(groups.items()):
        lines.append(
            f"| `{kind}` | {', '.join(f'`{name}`' for name in sorted(stacks))} | {why} | {consequence(kind)} |"
        )
    lines += ["", "| Part | Differs from AWS in that |", "|---|---|"]
    lines += [f"| {part} | {text} |" for part, text in BEHAVIOUR]
    return "\n".join(lines) + "\n"
