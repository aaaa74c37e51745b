"""One environment under another's name, so that the two can be compared resource by resource."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from ops.assembly import Stack


def prefix_of(stacks: Sequence[Stack]) -> str:
    """App and environment as the names of stacks begin with them, e.g. harbour-sandbox; empty if they do not."""
    return next((s.name.removesuffix(f"-{s.id}") for s in stacks if s.id and s.name.endswith(f"-{s.id}")), "")


def under_the_name_of(stacks: Sequence[Stack], others: Sequence[Stack]) -> list[Stack]:
    """The stacks, named as if they were of the environment that the others are of, and in its account and region."""
    old, new = prefix_of(stacks), prefix_of(others)
    place = others[0].place if others else ""
    if not old or not new or old == new:
        return list(stacks)
    tags = next((dict(stack.tags) for stack in others if stack.tags), {})
    return [
        replace(
            stack,
            name=stack.name.replace(old, new, 1),
            template=json.loads(json.dumps(stack.template).replace(old, new)),
            tags=tags if stack.tags else {},
            place=place or stack.place,
        )
        for stack in stacks
    ]
