"""What to type: one deployment, or the stacks that have to go first. A plan is returned only if AWS accepts its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.assembly import Stack
from ops.changes.compare import compare
from ops.changes.model import REFUSED, Kind, Result


@dataclass(frozen=True)
class Plan:
    """Stacks to deploy first, exclusively, and those to deploy again at the end with --force."""

    first: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()

    def commands(self, environment: str) -> tuple[str, ...]:
        """The lines to type."""
        lines = []
        if self.first:
            lines.append(f"cdk deploy --exclusively {' '.join(self.first)} -c env={environment}")
        lines.append(f"make deploy ENV={environment}")
        if self.forced:
            lines.append(f"cdk deploy --exclusively --force {' '.join(self.forced)} -c env={environment}")
        return tuple(lines)


def plan(
    before: Sequence[Stack], after: Sequence[Stack], result: Result, quotas: Mapping[str, int] | None = None
) -> Plan | None:
    """How to deploy; None if no order of deployments is accepted. `result` compares the two."""
    stale = [f.facts["other"] for f in result.findings if f.kind is Kind.STALE]
    ids = [stack.id for stack in after]
    forced = tuple(name for name in ids if name in stale)
    refused = [finding for finding in result.findings if finding.kind in REFUSED]
    if not refused:
        return Plan(forced=forced)
    candidates = {f.facts["other_stack" if f.kind is Kind.CLASH else "other"] for f in refused if f.facts.get("first")}
    first = tuple(name for name in ids if name in candidates)
    if not first:
        return None
    new = {stack.id: stack for stack in after}
    names = {new[name].name for name in first}
    between = [stack for stack in before if stack.name not in names] + [new[name] for name in first]
    steps = (compare(before, between, quotas=quotas), compare(between, after, quotas=quotas))
    if any(finding.kind in REFUSED for step in steps for finding in step.findings):
        return None
    return Plan(first=first, forced=forced)
