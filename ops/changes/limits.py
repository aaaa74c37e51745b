"""AWS quotas that a deployment passes, also for the moment when old and new resources exist side by side."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config import quotas
from config.quotas import Quota
from ops.assembly import Stack
from ops.changes.model import REPLACING, Action, Change, Finding, Kind
from ops.changes.sides import Sides, properties
from ops.references import Pointer, Values, frozen, pointers

_ANYWHERE: Final = "the account"
_INDENTED: Final = 4  # times longer, far more than indentation makes a template (1.3 for the sample's Eks)
# Resources of an account that count, by type.
_BY_TYPE: Final = {
    "AWS::IAM::Role": quotas.ROLES,
    "AWS::CloudWatch::Alarm": quotas.ALARMS,
    "AWS::DynamoDB::Table": quotas.TABLES,
    "AWS::ECR::Repository": quotas.REPOSITORIES,
    "AWS::EC2::SecurityGroup": quotas.SECURITY_GROUPS,
    "AWS::Events::Rule": quotas.BUS_RULES,
    "AWS::Scheduler::Schedule": quotas.SCHEDULES,
}
# Resources that count within another one, by type: the property that names it.
_WITHIN: Final = {
    "AWS::EC2::Subnet": ("VpcId", quotas.SUBNETS),
    "AWS::ECS::Service": ("Cluster", quotas.ECS_SERVICES),
    "AWS::EKS::PodIdentityAssociation": ("ClusterName", quotas.POD_IDENTITIES),
    "AWS::EC2::SecurityGroupIngress": ("GroupId", quotas.GROUP_RULES),
    "AWS::EC2::SecurityGroupEgress": ("GroupId", quotas.GROUP_RULES),
}
_DIRECTIONS: Final = {"SecurityGroupIngress": "inbound", "SecurityGroupEgress": "outbound"}


@dataclass(frozen=True)
class _Holder:
    """What a quota is counted in."""

    quota: Quota
    where: Any
    part: str = ""


_Counts = dict[_Holder, set[tuple[str, ...]]]


def quota_findings(sides: Sides, changes: list[Change], raised: Mapping[str, int]) -> Iterator[Finding]:
    """A finding for each quota that is passed and was not before. `raised` are quotas that AWS raised, by name."""
    replaced = {(change.stack, change.name) for change in changes if change.action in REPLACING}
    removed = {(change.stack, change.name) for change in changes if change.action is Action.REMOVED}
    before = _counts(sides.before.values(), sides.was)
    after = _counts(sides.remaining.values(), sides.will_be)
    for holder, counted in after.items():
        limit = raised.get(holder.quota.name, holder.quota.value)
        had = before.get(holder, set())
        # An old resource exists until the end of its stack's update.
        meanwhile = counted | {one for one in had if one[:2] in removed and one[0] not in sides.destroyed}
        peak = len(meanwhile) + sum(one[:2] in replaced and len(one) == 2 for one in counted & had)
        if peak > limit and peak > len(had):
            yield _finding(holder, peak, limit, only_meanwhile=len(counted) <= limit)
    yield from _template_findings(sides)


def usages(stacks: Iterable[Stack], values: Values) -> dict[tuple[Quota, str], int]:
    """How many of each quota the stacks use, by the quota and what it is counted in."""
    found: dict[tuple[Quota, str], int] = {}
    for holder, counted in _counts(stacks, values).items():
        where = holder.where
        place = f"{where.stack}/{where.name}" if isinstance(where, Pointer) else str(where)
        found[holder.quota, f"{place} {holder.part}".strip()] = len(counted)
    return found


def template_sizes(stack: Stack) -> dict[Quota, int]:
    """How much of the quotas on a template a stack uses."""
    return {
        quotas.STACK_RESOURCES: len(stack.resources),
        quotas.STACK_OUTPUTS: len(stack.outputs),
        quotas.STACK_PARAMETERS: len(stack.template.get("Parameters", {})),
        quotas.TEMPLATE_SIZE: _size(stack.template),
    }


def _size(template: Any) -> int:
    """Its bytes as CDK writes it, with one space of indentation; without that, which takes six times as long, if it is far from
    the quota.
    """
    short = len(json.dumps(template))
    return short if short < quotas.TEMPLATE_SIZE.value / _INDENTED else len(json.dumps(template, indent=1))


def _finding(holder: _Holder, count: int, limit: int, *, only_meanwhile: bool) -> Finding:
    where = holder.where
    stack, name = (where.stack, where.name) if isinstance(where, Pointer) else ("", str(where))
    facts = {
        "count": str(count),
        "limit": str(limit),
        "counts": f"{holder.part} {holder.quota.counts}".strip(),
        "meanwhile": "yes" if only_meanwhile else "",
        "other_id": holder.quota.name,
    }
    return Finding(kind=Kind.QUOTA, stack=stack or _ANYWHERE, name=name, facts=facts)


def _template_findings(sides: Sides) -> Iterator[Finding]:
    for name, stack in sides.after.items():
        for quota, size in template_sizes(stack).items():
            if size > quota.value:
                facts = {"count": str(size), "limit": str(quota.value), "counts": quota.counts, "other_id": quota.name}
                yield Finding(kind=Kind.QUOTA, stack=name, name="template", facts=facts)


def _counts(stacks: Iterable[Stack], values: Values) -> _Counts:
    """What counts toward each quota: a resource, or a part of one."""
    found: _Counts = defaultdict(set)
    balancers: dict[Any, Any] = {}
    rules: list[tuple[tuple[str, str], Any]] = []
    for stack in stacks:
        for name, body in stack.resources.items():
            kind, own, one = str(body.get("Type", "")), properties(stack, name, values), (stack.id, name)
            own = own if isinstance(own, dict) else {}
            for holder, counted in _of_resource(kind, own, one):
                found[holder].add(counted)
            if kind == "AWS::ElasticLoadBalancingV2::Listener":
                balancers[Pointer(*one)] = _resource(own.get("LoadBalancerArn"))
            elif kind == "AWS::ElasticLoadBalancingV2::ListenerRule":
                rules.append((one, own))
    for one, own in rules:
        balancer = balancers.get(_resource(own.get("ListenerArn")))
        found[_Holder(quotas.LISTENER_RULES, balancer)].add(one)
        found[_Holder(quotas.TARGET_GROUPS, balancer)] |= {
            (pointer.stack, pointer.name) for pointer in pointers(own.get("Actions")) if pointer.stack
        }
    return found


def _of_resource(kind: str, own: dict[str, Any], one: tuple[str, str]) -> Iterator[tuple[_Holder, tuple[str, ...]]]:
    if kind in _BY_TYPE:
        yield _Holder(_BY_TYPE[kind], _ANYWHERE), one
    if kind in _WITHIN:
        where, quota = _WITHIN[kind]
        yield _Holder(quota, _resource(own.get(where)), _DIRECTIONS.get(kind.rpartition("::")[2], "")), one
    if kind == "AWS::EC2::VPCEndpoint" and own.get("VpcEndpointType") == "Interface":
        yield _Holder(quotas.INTERFACE_ENDPOINTS, _resource(own.get("VpcId"))), one
    if kind == "AWS::EC2::SecurityGroup":
        for field, part in _DIRECTIONS.items():
            inline = own.get(field)
            for rule in inline if isinstance(inline, list) else []:
                yield _Holder(quotas.GROUP_RULES, Pointer(*one), part), (*one, str(frozen(rule)))


def _resource(value: Any) -> Any:
    """The resource that a value points to, whichever attribute of it; a value that is none stays."""
    return Pointer(value.stack, value.name) if isinstance(value, Pointer) else frozen(value)
