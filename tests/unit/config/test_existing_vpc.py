"""A VPC that exists, named by ids: what is refused, and what it decides."""

from __future__ import annotations

from typing import Any

import pytest

from config.errors import ConfigError
from tests.unit.config.project import WORKER, Project
from tests.unit.config.test_settings import FILE, change, fault

VPC: dict[str, Any] = {
    "id": "vpc-0123456789abcdef0",
    "cidr": "10.50.0.0/16",
    "zones": ["eu-central-1a", "eu-central-1b"],
    "public_subnets": ["subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2"],
    "public_cidrs": ["10.50.0.0/24", "10.50.1.0/24"],
    "private_subnets": ["subnet-0bbbbbbbbbbbbbbb1", "subnet-0bbbbbbbbbbbbbbb2"],
}
OURS = {"vpc_cidr": ..., "zones": ..., "egress": ..., "region": "eu-central-1"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "main"}, "vpc.id: is 'main', which is not valid; write the id of a VPC, e.g. vpc-0123456789abcdef0"),
        ({"cidr": "10.50.0.0/28"}, "vpc.cidr: is a /28; write a range between /16 and /24"),
        ({"cidr": "172.20.0.0/16"}, "vpc.cidr: overlaps 172.20.0.0/16, the range of Kubernetes Services; "),
        ({"zones": ["eu-central-1a"]}, "vpc.zones: is 1; write 2 to 6: load balancers and EKS need at least two zones"),
        (
            {"zones": ["eu-central-1a", "eu-west-1b"]},
            "vpc.zones: names zones of several regions (eu-central-1, eu-west-1); ",
        ),
        (
            {"zones": ["eu-west-1a", "eu-west-1b"]},
            "vpc.zones: names zones of eu-west-1, but region is eu-central-1; write region: eu-west-1",
        ),
        (
            {"private_subnets": ["subnet-0bbbbbbbbbbbbbbb1"]},
            "vpc.private_subnets: has 1, and zones has 2; name one for each zone, in order",
        ),
        (
            {"private_subnets": ["subnet-0bbbbbbbbbbbbbbb1", "subnet-0aaaaaaaaaaaaaaa2"]},
            "vpc.private_subnets: has subnet-0aaaaaaaaaaaaaaa2, which is in public_subnets too; keep one of the two",
        ),
        (
            {"public_cidrs": ["10.50.0.0/24", "10.51.1.0/24"]},
            "vpc.public_cidrs: has 10.51.1.0/24, outside 10.50.0.0/16; ",
        ),
        ({"public_subnets": ["a", "b"]}, "vpc.public_subnets[0]: is 'a', which is not valid; write the id of a subnet"),
    ],
)
def test_a_wrong_vpc_is_one_line(project, changes, message):
    change(project, **OURS, vpc={**VPC, **changes})
    assert fault(project).startswith(f"{FILE}: {message}")


@pytest.mark.parametrize(
    ("key", "value"),
    [("vpc_cidr", "10.20.0.0/16"), ("zones", 2), ("egress", "single-nat"), ("nat_image", "ami-0123456789abcdef0")],
)
def test_what_the_owner_of_the_vpc_decides_cannot_be_set(project, key, value):
    change(project, **{**OURS, key: value}, vpc=VPC)
    assert fault(project) == (f"{FILE}: {key}: is decided by the owner of the VPC that vpc names; remove it, or vpc")


def test_its_range_and_zones_are_the_environments(project):
    change(project, **OURS, vpc=VPC)
    settings = project.settings()
    assert (settings.vpc_cidr, settings.zones, settings.egress) == ("10.50.0.0/16", tuple(VPC["zones"]), None)


def test_its_keys_can_be_given_for_one_run(project):
    change(project, **OURS, vpc=VPC)
    assert project.settings(**{"vpc.id": "vpc-0aaaaaaaaaaaaaaa1"}).vpc.id == "vpc-0aaaaaaaaaaaaaaa1"
    with pytest.raises(ConfigError, match=r"did you mean vpc\.zones"):
        project.settings(**{"vpc.zone": "x"})


def test_public_addresses_are_not_refused_where_the_routes_are_unknown(project: Project):
    change(project, **OURS, vpc=VPC)
    project.service("tracking", {**WORKER, "egress": [{"name": "x", "port": 25, "cidrs": ["0.0.0.0/0"]}]})
    assert project.fault() == ""
