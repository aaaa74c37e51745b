"""The services of each side, read once: what is the same on both sides is not read again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from config.names import service_of, stack_id
from config.settings import Platform
from ops.assembly import Stack
from ops.changes.objects import Key
from ops.references import Values, outputs_used
from ops.review.ecs_traffic import group_owner
from ops.review.ecs_workload import TYPES, ecs_workload
from ops.review.eks_workload import eks_workload
from ops.review.normalise import Normaliser
from ops.review.object_diffs import objects_in
from ops.review.pair import Pair
from ops.review.workload import Resources, Workload


def readings(pair: Pair) -> tuple[Readings, Readings]:
    """Both sides."""
    before = Readings(pair.sides.before, pair.sides.was)
    return before, Readings(pair.sides.after, pair.sides.will_be, before)


class Readings:
    """One side."""

    def __init__(self, stacks: Mapping[str, Stack], values: Values, other: Readings | None = None) -> None:
        """`other` is the other side, whose readings hold for every stack that is the same."""
        self._stacks = stacks
        self._values = values
        self._other = other
        self._normaliser = Normaliser(stacks, values)
        self._objects: dict[str, Mapping[Key, Any]] = {}
        self._callees: dict[str, list[tuple[str, str]]] = {}
        self._workloads: dict[str, Workload] = {}

    @cached_property
    def services(self) -> dict[str, list[Platform]]:
        """Platforms by service."""
        found: dict[str, list[Platform]] = {}
        for platform in Platform:
            for identifier in self._stacks:
                name = service_of(identifier, platform)
                if name:
                    found.setdefault(name, []).append(platform)
        return found

    def workloads(self, service: str) -> dict[Platform, Workload]:
        """The service on each platform that it has a stack on."""
        return {platform: self._workload(service, platform) for platform in self.services.get(service, ())}

    def objects(self, stack: str) -> Mapping[Key, Any]:
        """The Kubernetes objects that a stack applies."""
        if stack not in self._objects:
            same = self._same_as(stack)
            self._objects[stack] = same.objects(stack) if same else objects_in(self._normaliser, stack)
        return self._objects[stack]

    def _workload(self, service: str, platform: Platform) -> Workload:
        stack = stack_id(platform, service)
        if stack not in self._workloads:
            same = self._same_as(stack)
            callees = self._calls.get(service, frozenset())
            if same and same._calls.get(service, frozenset()) == callees:
                found = same._workload(service, platform)
            elif platform is Platform.ECS:
                found = ecs_workload(service, self._resources(stack), callees) or Workload()
            else:
                found = eks_workload(service, list(self.objects(stack).values())) or Workload()
            self._workloads[stack] = found
        return self._workloads[stack]

    @cached_property
    def _calls(self) -> Mapping[str, frozenset[str]]:
        """Callees by caller on ECS. Either's stack may hold the rule."""
        found: dict[str, set[str]] = {}
        for stack in self._stacks:
            for caller, callee in self._rules(stack):
                found.setdefault(caller, set()).add(callee)
        return {caller: frozenset(callees) for caller, callees in found.items()}

    def _rules(self, stack: str) -> list[tuple[str, str]]:
        if stack not in self._callees:
            same = self._same_as(stack)
            self._callees[stack] = same._rules(stack) if same else self._read_rules(stack)
        return self._callees[stack]

    def _read_rules(self, stack: str) -> list[tuple[str, str]]:
        rules = self._normaliser.properties(stack, ("AWS::EC2::SecurityGroupEgress",))
        owners = [
            (group_owner(rule.get("GroupId")), group_owner(rule.get("DestinationSecurityGroupId")))
            for _, _, rule in rules
        ]
        return [(caller, callee) for caller, callee in owners if caller and callee]

    def _resources(self, stack: str) -> Resources:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for _, kind, properties in self._normaliser.properties(stack, TYPES):
            found.setdefault(kind, []).append(properties)
        return found

    def _same_as(self, stack: str) -> Readings | None:
        """The other side, if the stack and everything that it reads of other stacks is the same there."""
        return self._other if stack in self._shared else None

    @cached_property
    def _shared(self) -> frozenset[str]:
        other = self._other
        if other is None:
            return frozenset()
        was, will_be = other._values.outputs(), self._values.outputs()
        changed = {key for key in {*was, *will_be} if was.get(key) != will_be.get(key)}
        return frozenset(
            name
            for name, stack in self._stacks.items()
            if name in other._stacks
            and other._stacks[name].template == stack.template
            and not (changed and changed & set(outputs_used(stack.template)))
        )
