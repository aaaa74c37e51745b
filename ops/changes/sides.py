"""The two sides of a comparison: what is deployed and what is about to be, with the order in which the CLI gets there."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from ops.assembly import Stack
from ops.references import Values

# A parameter with this in its description does not keep the CLI from skipping a stack:
# https://github.com/aws/aws-cdk-cli, SSMPARAM_NO_INVALIDATE
_NO_INVALIDATE: Final = "[cdk:skip]"
_SSM: Final = "AWS::SSM::Parameter::"
# The same in both partitions that the settings accept.
_URL_SUFFIX: Final = "amazonaws.com"


class Sides:
    """Pairs stacks by their name in CloudFormation.

    Attributes:
        before: the deployed stacks by id.
        after: the stacks of the new assembly by id, in its order.
        left: ids of the stacks that are deployed but not in the new assembly. `cdk deploy` does not touch them.
        created: ids of the stacks that are not deployed yet.
        skipped: ids of the stacks that the CLI skips.
        elsewhere: names of the deployed stacks if they are in another account or region.
    """

    def __init__(self, before: Sequence[Stack], after: Sequence[Stack], destroyed: Collection[str] = ()) -> None:
        """`destroyed` are ids of deployed stacks that are deleted before anything is deployed."""
        ids = {stack.name: stack.id for stack in after}
        self.after = {stack.id: stack for stack in after}
        # What runs in another account or region is out of this deployment's reach.
        self.elsewhere = () if _is_same_place(before, after) else tuple(stack.name for stack in before)
        before = [] if self.elsewhere else before
        # A deployed stack of another name is another stack, even if the id is the same.
        named = [replace(s, id=ids.get(s.name, s.name if s.id in self.after else s.id)) for s in before]
        self.before = {stack.id: stack for stack in named}
        self.destroyed = tuple(stack.id for stack, given in zip(named, before, strict=True) if given.id in destroyed)
        self.left = tuple(name for name in self.before if name not in self.after and name not in self.destroyed)
        self.created = tuple(name for name in self.after if name not in self.before or name in self.destroyed)
        self.skipped = tuple(name for name in self.after if name not in self.created and self._is_skipped(name))
        known = _known([*before, *after])
        self.was = Values(self.before.values(), known)
        self.will_be = Values([*self.after.values(), *(self.before[name] for name in self.left)], known)

    @property
    def updated(self) -> tuple[str, ...]:
        """Ids of the stacks that CloudFormation updates."""
        return tuple(name for name in self.after if name not in self.created and name not in self.skipped)

    @cached_property
    def remaining(self) -> dict[str, Stack]:
        """Every stack that exists after the deployment, by id."""
        return {**self.after, **{name: self.before[name] for name in self.left}}

    def precedes(self, first: str, second: str) -> bool:
        """Whether the CLI is done with the first stack before it begins with the second, in every run."""
        if first in self.destroyed:
            return second not in self.destroyed
        return second in self.after and first in self.after[second].needs

    def _is_skipped(self, name: str) -> bool:
        """As canSkipDeploy in the CLI decides, which compares texts: the order of keys counts."""
        before, after = self.before[name], self.after[name]
        if json.dumps(before.template) != json.dumps(after.template) or before.protected != after.protected:
            return False
        return dict(before.tags) == dict(after.tags) and not ssm_parameters(after)


def _is_same_place(before: Sequence[Stack], after: Sequence[Stack]) -> bool:
    """Whether both sides are in one account and region, as far as they name them."""
    places = {part for stack in (*before, *after) for part in enumerate(stack.place.removeprefix("aws://").split("/"))}
    return all(len({text for at, text in places if at == index and "unknown" not in text}) < 2 for index in (0, 1))


def ssm_parameters(stack: Stack) -> tuple[str, ...]:
    """Parameters whose value is read again from SSM at each deployment, so that the CLI never skips the stack."""
    return tuple(
        name
        for name, parameter in stack.template.get("Parameters", {}).items()
        if str(parameter.get("Type", "")).startswith(_SSM) and _NO_INVALIDATE not in parameter.get("Description", "")
    )


def _known(stacks: Sequence[Stack]) -> Mapping[str, str]:
    """Pseudo parameters whose value is known: naming the account or the region that is in use changes nothing."""
    known: dict[str, str] = {}
    for stack in stacks:
        account, _, region = stack.place.removeprefix("aws://").partition("/")
        if "unknown" not in account and account:
            known["AWS::AccountId"] = account
        if "unknown" not in region and region:
            partition = "aws-us-gov" if region.startswith("us-gov-") else "aws"
            known |= {"AWS::Region": region, "AWS::Partition": partition, "AWS::URLSuffix": _URL_SUFFIX}
    return known


def properties(stack: Stack, name: str, values: Values) -> Any:
    """A resource's properties with references followed; not to be changed, as each resource is followed once."""
    key = stack.id, name
    if key not in values.followed:
        values.followed[key] = values.of(stack.id, stack.resources[name].get("Properties", {}))
    return values.followed[key]
