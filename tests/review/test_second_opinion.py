"""`cdk diff` agrees on what is replaced: its library, @aws-cdk/cloudformation-diff, compares the same pairs of templates.

It looks at one template at a time, so it is not asked about a pair whose network is another one: it takes every reference across
stacks for the same value.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ops.assembly import Assembly
from ops.changes.compare import compare
from ops.changes.model import Action
from ops.review.pair import Pair, Side
from ops.review.sources import comparable
from tests.conftest import ROOT

NODE = ROOT / ".venv" / "bin" / "node"
LIBRARY = ROOT / "node_modules" / "@aws-cdk" / "cloudformation-diff"
PAIRS = [
    ("sandbox", "changed"), ("sandbox", "edited"), ("sandbox", "added"),
    ("production", "production-domain"), ("production", "production-data"), ("production", "production-bare"),
]  # fmt: skip
WORDS = {
    "WILL_REPLACE": Action.REPLACED, "MAY_REPLACE": Action.MAY_BE_REPLACED, "WILL_UPDATE": Action.UPDATED,
    "WILL_CREATE": Action.ADDED, "WILL_DESTROY": Action.REMOVED, "WILL_ORPHAN": Action.REMOVED,
}  # fmt: skip

pytestmark = pytest.mark.xdist_group("reviews")


@pytest.fixture(scope="module")
def both_say(synthesis):
    """For each pair of variants, what we say and what the library says of each resource: (stack, resource type) to actions."""
    asked, ours = [], []
    for before, after in PAIRS:
        sides = [
            Side(n, found.stacks, found)
            for n in (before, after)
            if (found := Assembly(synthesis.assembly(n).directory))
        ]
        both = comparable(sides[0], (), sides[1])
        pair = Pair(both.before, both.after)
        changes = {(c.stack, c.name): c for c in compare(both.before.stacks, both.after.stacks).changes}
        for name, stack in pair.sides.after.items():
            if name in pair.sides.before:
                asked.append([pair.sides.before[name].template, stack.template])
                ours.append((f"{before} to {after}", name, stack, changes))
    done = subprocess.run(
        [NODE, Path(__file__).with_name("replaced.cjs"), LIBRARY],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return list(zip(ours, json.loads(done.stdout), strict=True))


def test_it_agrees_on_what_is_replaced(both_say):
    agreed, wrong = 0, []
    for (pair, stack, after, changes), impacts in both_say:
        names = {name for (where, name), change in changes.items() if where == stack} | set(impacts)
        for name in sorted(names):
            change = changes.get((stack, name))
            ours = change.action if change else None
            theirs = WORDS.get(impacts.get(name, ""))
            if Action.REPLACED in {ours, theirs}:
                kind = change.type if change else after.resources[name]["Type"]
                if ours is theirs:
                    agreed += 1
                else:
                    wrong.append((pair, stack, name, kind, str(ours), str(theirs), change.paths if change else ()))
    assert agreed > 5
    assert wrong == []
