"""The two sides of a review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ops.assembly import Assembly, Stack
from ops.changes.compare import compare
from ops.changes.model import Result
from ops.changes.sides import Sides, properties
from ops.review.soundness import sound


@dataclass(frozen=True)
class Side:
    """One side.

    Attributes:
        label: what it is, e.g. main at 2fba35c.
        stacks: its stacks.
        assembly: the assembly that they are from; None if they are deployed.
    """

    label: str
    stacks: Sequence[Stack]
    assembly: Assembly | None = None


class Pair:
    """Both sides, and what compares them. `sides.before` and `sides.after` are the stacks by id, `sides.was` and
    `sides.will_be` follow their references. `notes` says what was left out, as CloudFormation would refuse its shape.
    """

    def __init__(
        self, before: Side, after: Side, quotas: Mapping[str, int] | None = None, *, store: Path | None = None
    ) -> None:
        """`quotas` are those that AWS raised, by their name in config/quotas.py; `store` is the file that keeps what cfn-lint
        said; without one it is not asked.
        """
        self.store = store
        was, left_out_then = sound(before.stacks)
        will_be, left_out_now = sound(after.stacks)
        self.before = replace(before, stacks=was)
        self.after = replace(after, stacks=will_be)
        self.notes = tuple(dict.fromkeys((*left_out_then, *left_out_now)))
        self.quotas = dict(quotas or {})
        self.sides = Sides(was, will_be)

    @cached_property
    def result(self) -> Result:
        """What a deployment does."""
        return compare(self.before.stacks, self.after.stacks, quotas=self.quotas)

    def was(self, stack: str, name: str) -> Any:
        """The properties of a resource of the old side, with references followed; None if it has none of that id."""
        found = self.sides.before.get(stack)
        if found is None or name not in found.resources:
            return None
        return properties(found, name, self.sides.was)

    def will_be(self, stack: str, name: str) -> Any:
        """The same of the new side."""
        found = self.sides.after.get(stack)
        if found is None or name not in found.resources:
            return None
        return properties(found, name, self.sides.will_be)
