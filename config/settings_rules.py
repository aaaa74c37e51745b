"""Rules for settings beyond their types. Each check raises a fault that says what to write instead."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from config.errors import did_you_mean, shown
from config.limits import EKS_SERVICE_CIDR, KUBECTL_LAYERS, LOG_RETENTION_DAYS
from config.model import fault
from config.quotas import ADJUSTABLE

PRIVATE_RANGES = tuple(ipaddress.IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""RFC 1918."""

_OWN_NETWORK = ("is not a setting: each environment has its own VPC", "write vpc_cidr: 10.20.0.0/16")
ELSEWHERE: Final = {
    **dict.fromkeys(("vpc", "vpc_id", "vpc_name", "subnets", "subnet_ids"), _OWN_NETWORK),
    **dict.fromkeys(
        ("nat", "nat_gateways"), ("is not a setting", "write egress: single-nat, or another value of egress")
    ),
    **dict.fromkeys(("azs", "max_azs", "availability_zones"), ("is not a setting", "write zones: 2")),
    **dict.fromkeys(("boundary", "permission_boundary"), ("is not a setting", "write permissions_boundary: NAME")),
    **dict.fromkeys(("waf", "waf_arn", "web_acl"), ("is not a setting", "write web_acl_arn: ARN")),
    "profile": ("is not a setting", "use cdk --profile NAME, or set AWS_PROFILE"),
    **dict.fromkeys(("environment", "stage"), ("is not a setting", "pick the environment with -c env=NAME")),
}
"""Other tools' names for parts of an environment: the problem, and what to write instead."""

_MOST_ZONES: Final = 6  # us-east-1: https://aws.amazon.com/about-aws/global-infrastructure/regions_az/
_SMALLEST_SUBNET: Final = 27
_MOST_TAGS = 40  # AWS allows 50 on a resource, and CloudFormation, CDK and the stacks add theirs


def check_app(app: str) -> None:
    """The name is also a Kubernetes namespace."""
    if app in ("default", "aws") or app.startswith("kube-"):
        raise fault(f"is {app}, which Kubernetes or AWS reserves", "choose another word, e.g. harbour")


def check_region(region: str) -> None:
    """The stacks name service principals and endpoints of the partitions aws and aws-us-gov."""
    if region.startswith(("cn-", "us-iso", "eu-iso", "eusc-")):
        problem = f"is {region}, of a partition in which services have other names"
        raise fault(problem, "write a region of the partitions aws or aws-us-gov, e.g. eu-central-1")


def check_range(text: str) -> None:
    _network(text)


def check_vpc(text: str) -> None:
    network = _network(text)
    if not 16 <= network.prefixlen <= 24:
        raise fault(f"is a /{network.prefixlen}", "write a range between /16 and /24, e.g. 10.20.0.0/16")
    if not any(network.subnet_of(private) for private in PRIVATE_RANGES):
        remedy = f"use one inside {', '.join(map(str, PRIVATE_RANGES))}, e.g. 10.20.0.0/16"
        raise fault(f"is {text}, not a private range", remedy)
    if network.overlaps(ipaddress.IPv4Network(EKS_SERVICE_CIDR)):
        problem = f"overlaps {EKS_SERVICE_CIDR}, the range of Kubernetes Services"
        raise fault(problem, "use another range, e.g. 10.20.0.0/16")


def zones_with_room(vpc_cidr: str) -> int:
    """The number of zones that a VPC's range is divided for: all six that a region has at most, or four in a /24.

    It depends on the range only, so that another number of zones moves no subnet. A zone has two subnets of at least /27, which
    a load balancer needs: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
    """
    subnets = 1 << (_SMALLEST_SUBNET - _network(vpc_cidr).prefixlen)
    return min(_MOST_ZONES, subnets // 2)


def check_eks_endpoint_range(text: str) -> None:
    network = _network(text)
    if network.prefixlen == 0:
        problem = "is 0.0.0.0/0, which opens the Kubernetes API to the whole internet"
        raise fault(problem, "write your own address, e.g. 203.0.113.7/32")
    if any(network.overlaps(private) for private in PRIVATE_RANGES):
        problem = f"is {text}, a private range, which EKS refuses"
        raise fault(problem, "write your public address, e.g. 203.0.113.7/32")


def check_zones(zones: int | tuple[str, ...]) -> None:
    count = zones if isinstance(zones, int) else len(zones)
    if not 2 <= count <= 6:
        raise fault(f"is {count}", "write 2 to 6: load balancers and EKS need at least two zones")
    if isinstance(zones, int):
        return
    for zone in zones:
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9][a-z]", zone):
            raise fault(f"names {shown(zone)}, which is not an availability zone", "write names such as eu-central-1a")
    if len(set(zones)) < len(zones):
        raise fault("lists a zone twice", "list each once")
    regions = sorted({zone[:-1] for zone in zones})
    if len(regions) > 1:
        raise fault(f"names zones of several regions ({', '.join(regions)})", "use zones of one region")


def check_retention(days: int) -> None:
    if days not in LOG_RETENTION_DAYS:
        close = min(LOG_RETENTION_DAYS, key=lambda d: (abs(d - days), d))
        others = ", ".join(map(str, LOG_RETENTION_DAYS))
        raise fault(f"is {days}, which CloudWatch Logs does not offer", f"write {close} (one of {others})")


def check_version(version: str) -> None:
    if version not in KUBECTL_LAYERS:
        remedy = f'write "{max(KUBECTL_LAYERS)}", or add the layer to requirements.in and to KUBECTL_LAYERS'
        raise fault(f"is {shown(version)}, for which no kubectl layer is installed", remedy)


def check_admin(arn: str) -> None:
    if re.fullmatch(r"arn:[a-z-]+:sts::[0-9]{12}:assumed-role/.+", arn):
        raise fault("is a session of a role", "write the role itself: arn:aws:iam::<account>:role/<name>")
    if not re.fullmatch(r"arn:aws(-us-gov)?:iam::[0-9]{12}:(role|user)/[\w+=,.@/-]{1,576}", arn, re.ASCII):
        problem = f"is {shown(arn)}, not an IAM role or user"
        raise fault(problem, "write an ARN, e.g. arn:aws:iam::123456789012:role/admin")


def check_boundary(policy: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: a name has 128 characters, a path 512."""
    name = policy.partition(":policy/")[2] if policy.startswith("arn:") else policy
    in_form = re.fullmatch(
        r"(arn:aws(-us-gov)?:iam::([0-9]{12}|aws):policy/)?([\w+=,.@/-]*/)?[\w+=,.@-]{1,128}", policy, re.ASCII
    )
    if not in_form or name.startswith("/") or len(name) > 512:
        remedy = (
            "write its name or its ARN, e.g. developer-boundary or arn:aws:iam::123456789012:policy/developer-boundary"
        )
        raise fault(f"is {shown(policy)}, not a policy", remedy)


def check_web_acl(arn: str) -> None:
    form = r"arn:aws(-us-gov)?:wafv2:[a-z0-9-]+:[0-9]{12}:(regional|global)/webacl/[\w-]{1,128}/[0-9a-f-]{36}"
    found = re.fullmatch(form, arn, re.ASCII)
    if not found:
        example = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/NAME/ID"
        raise fault(f"is {shown(arn)}, not a web ACL of WAF", f"write its ARN, {example}")
    if found[2] == "global":
        raise fault("is of scope CLOUDFRONT, which no load balancer takes", "write one of scope REGIONAL")


def check_tags(tags: dict[str, str]) -> None:
    """https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices"""
    if len(tags) > _MOST_TAGS:
        raise fault(
            f"contains {len(tags)} tags", f"keep {_MOST_TAGS} or fewer: AWS allows 50 and the platform adds its own"
        )
    lower: set[str] = set()
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            raise fault("begins with aws:, which AWS reserves", "choose another key", field=key)
        if not re.fullmatch(r"[\w .:/=+@-]{1,128}", key):
            raise fault("is not a tag key", "use 1 to 128 letters, digits, spaces and _.:/=+-@", field=key)
        if not re.fullmatch(r"[\w .:/=+@-]{0,256}", value):
            problem = f"has the value {shown(value)}"
            raise fault(problem, "use up to 256 letters, digits, spaces and _.:/=+-@", field=key)
        if key.lower() in lower:
            raise fault("differs from another tag only by case, which IAM refuses", "keep one of the two", field=key)
        lower.add(key.lower())


def check_quotas(values: dict[str, int]) -> None:
    for name, value in values.items():
        if name not in ADJUSTABLE:
            known = sorted(ADJUSTABLE)
            remedy = did_you_mean(name, known, else_say=f"write one of {', '.join(known)}")
            raise fault("is not a quota that AWS raises", remedy, field=name)
        if value < 1:
            raise fault(f"is {value}", "write what Service Quotas shows for this account", field=name)


def _network(text: str) -> ipaddress.IPv4Network:
    not_a_range = fault(f"is {shown(text)}, not an IPv4 range", "write an address and a length, e.g. 203.0.113.0/24")
    if not re.fullmatch(r"[0-9.]+/[0-9]{1,2}", text):
        raise not_a_range
    try:
        whole = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise not_a_range from None
    if str(whole) != text:
        raise fault(f"is {text}, an address inside a range", f"write the range itself: {whole}")
    return whole
