"""A VPC that exists already, by its ids: nothing is looked up."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from config import settings_rules as rules
from config.model import UNIQUE, Model, Pattern, Rule, fault

_HEX = "([0-9a-f]{8}|[0-9a-f]{17})"
_SubnetId = Annotated[str, Pattern(f"subnet-{_HEX}", "the id of a subnet", "subnet-0123456789abcdef0")]


class ExistingVpc(Model):
    """Its lists are in the order of `zones`: one public and one private subnet in each zone."""

    id: Annotated[str, Pattern(f"vpc-{_HEX}", "the id of a VPC", "vpc-0123456789abcdef0")] = Field(
        description="Id of the VPC.", examples=["vpc-0123456789abcdef0"]
    )
    cidr: Annotated[str, Rule(rules.check_vpc)] = Field(
        description="Its range, /16 to /24; that of the subnets, if it has several.", examples=["10.50.0.0/16"]
    )
    zones: Annotated[tuple[str, ...], Rule(rules.check_zones)] = Field(
        description="Names of the availability zones of the subnets, two or more.",
        examples=[["eu-central-1a", "eu-central-1b"]],
    )
    public_subnets: Annotated[tuple[_SubnetId, ...], UNIQUE] = Field(
        description="Subnets with a route to an internet gateway, for load balancers.",
        examples=[["subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2"]],
    )
    public_cidrs: Annotated[tuple[Annotated[str, Rule(rules.check_range)], ...], UNIQUE] = Field(
        description="Ranges of the public subnets, from which network policies admit the load balancers.",
        examples=[["10.50.0.0/24", "10.50.1.0/24"]],
    )
    private_subnets: Annotated[tuple[_SubnetId, ...], UNIQUE] = Field(
        description="Subnets for tasks and nodes.",
        examples=[["subnet-0bbbbbbbbbbbbbbb1", "subnet-0bbbbbbbbbbbbbbb2"]],
    )

    @model_validator(mode="after")
    def _check_lists(self) -> Self:
        for name in ("public_subnets", "public_cidrs", "private_subnets"):
            count = len(getattr(self, name))
            if count != len(self.zones):
                raise fault(
                    f"has {count}, and zones has {len(self.zones)}", "name one for each zone, in order", field=name
                )
        both = set(self.public_subnets) & set(self.private_subnets)
        if both:
            raise fault(
                f"has {min(both)}, which is in public_subnets too", "keep one of the two", field="private_subnets"
            )
        outside = [cidr for cidr in self.public_cidrs if not rules.is_inside(cidr, self.cidr)]
        if outside:
            raise fault(
                f"has {outside[0]}, outside {self.cidr}", "write the ranges of the subnets", field="public_cidrs"
            )
        return self
