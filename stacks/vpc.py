"""What the other stacks need of a network: of the stack Network, or of a VPC that exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_ec2
from constructs import Construct

from config.existing_vpc import ExistingVpc
from stacks.acknowledgements import acknowledge


@dataclass(frozen=True, kw_only=True)
class Network:
    """A VPC and the subnets for each purpose.

    Attributes:
        vpc: the VPC.
        private_subnets: of tasks and nodes.
        existing: whether another owner made it, so that its subnets may lack tags.
    """

    vpc: aws_ec2.IVpc
    private_subnets: Sequence[aws_ec2.ISubnet]
    existing: bool

    @property
    def public_subnet_ids(self) -> list[str]:
        """The subnets of load balancers."""
        return [subnet.subnet_id for subnet in self.vpc.public_subnets]


def existing_network(scope: Construct, vpc: ExistingVpc) -> Network:
    """A VPC by its ids. It makes no resource, so any stack can hold it.

    Args:
        scope: a construct in a stack.
        vpc: the setting.
    """
    found = aws_ec2.Vpc.from_vpc_attributes(
        scope,
        "ExistingVpc",
        vpc_id=vpc.id,
        vpc_cidr_block=vpc.cidr,
        availability_zones=list(vpc.zones),
        public_subnet_ids=list(vpc.public_subnets),
        public_subnet_ipv4_cidr_blocks=list(vpc.public_cidrs),
        private_subnet_ids=list(vpc.private_subnets),
    )
    acknowledge(
        found,
        {
            "Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId": "The routes of this VPC are its owner's: none is added, so no "
            "route table has to be known."
        },
    )
    return Network(vpc=found, private_subnets=found.private_subnets, existing=True)
