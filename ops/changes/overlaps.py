"""Subnets that move: a VPC has no room for a new range that overlaps one that still exists."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.changes.clashes import renewed
from ops.changes.model import REPLACING, Action, Change, Finding, Kind
from ops.changes.resources import Resource
from ops.changes.sides import Sides, properties
from ops.references import Pointer, Values, frozen, pointers

_SUBNET: Final = "AWS::EC2::Subnet"


@dataclass(frozen=True)
class _Subnet:
    stack: str
    name: str
    vpc: Any
    range: ipaddress.IPv4Network


def overlap_findings(sides: Sides, changes: list[Change]) -> Iterator[Finding]:
    """New ranges that overlap old ones of the same VPC: CloudFormation creates before it deletes, even between these two."""
    fates = {(change.stack, change.name): change.action for change in changes}
    old = list(_subnets(sides.before.values(), sides.was))
    for new in _subnets(sides.after.values(), sides.will_be):
        fate = fates.get((new.stack, new.name))
        if fate is not Action.ADDED and fate not in REPLACING:
            continue
        for other in old:
            moves = isinstance(new.vpc, Pointer) and fates.get((new.vpc.stack, new.vpc.name)) is Action.REPLACED
            if moves or other.vpc != new.vpc or not new.range.overlaps(other.range):
                continue
            if other.stack in sides.destroyed or (other.stack != new.stack and sides.precedes(other.stack, new.stack)):
                continue
            facts = {
                "range": str(new.range),
                "other": f"{other.stack}/{other.name}",
                "other_id": f"{other.stack}/{other.name}",
                "other_range": str(other.range),
            }
            certain = fate is not Action.MAY_BE_REPLACED
            yield Finding(kind=Kind.OVERLAP, stack=new.stack, name=new.name, certain=certain, facts=facts)
            break  # one is enough


def _subnets(stacks: Any, values: Values) -> Iterator[_Subnet]:
    for stack in stacks:
        for name, body in stack.resources.items():
            if body.get("Type") != _SUBNET:
                continue
            found = properties(stack, name, values)
            try:
                yield _Subnet(
                    stack.id, name, frozen(found.get("VpcId")), ipaddress.IPv4Network(str(found.get("CidrBlock")))
                )
            except (AttributeError, ValueError):
                continue  # a range that only AWS knows


def subnets_have(
    sides: Sides, what: str, value: Any, fates: Mapping[Resource, Action], *, before: bool
) -> frozenset[Any]:
    """A property of the subnets that a value refers to, on one side."""
    stacks, values = (sides.before, sides.was) if before else (sides.remaining, sides.will_be)
    found = []
    for pointer in pointers(value):
        stack = stacks.get(pointer.stack)
        if stack is not None and stack.resources.get(pointer.name, {}).get("Type") == _SUBNET:
            subnet = properties(stack, pointer.name, values)
            found.append(
                frozen(renewed(subnet.get(what), {} if before else fates)) if isinstance(subnet, dict) else None
            )
    return frozenset(found)
