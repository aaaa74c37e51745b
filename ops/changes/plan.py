"""What to type: one deployment, or the stacks that have to go first. A plan is returned only if AWS accepts its steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ops.assembly import Stack
from ops.changes.compare import compare
from ops.changes.model import REFUSED, Kind, Result

_UNPROTECT: Final = "aws cloudformation update-termination-protection --no-enable-termination-protection"


@dataclass(frozen=True)
class Plan:
    """Stacks to destroy first, with the app as it was; to deploy first, exclusively; to deploy again at the end with --force."""

    destroy: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    """Names of those to destroy that CloudFormation refuses to delete."""
    first: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()

    def commands(self, environment: str) -> tuple[str, ...]:
        """The lines to type."""
        lines = [f"{_UNPROTECT} --stack-name {name}" for name in self.protected]
        if self.destroy:
            lines.append(f"cdk destroy {' '.join(self.destroy)} -c env={environment}")
        if self.first:
            lines.append(f"cdk deploy --exclusively {' '.join(self.first)} -c env={environment}")
        lines.append(f"make deploy ENV={environment}")
        if self.forced:
            lines.append(f"cdk deploy --exclusively --force {' '.join(self.forced)} -c env={environment}")
        return tuple(lines)


def plan(
    before: Sequence[Stack],
    after: Sequence[Stack],
    result: Result,
    *,
    destroyed: Collection[str] = (),
    quotas: Mapping[str, int] | None = None,
) -> Plan | None:
    """How to deploy; None if no order of deployments is accepted. `result` compares the two, with `destroyed` destroyed first.

    Where stacks that are no longer in the app are in the way, the plan destroys them, which the user does while they still are.
    """
    found = _plan([stack for stack in before if stack.id not in destroyed], after, result, quotas)
    if found is None and result.left and not destroyed:
        return plan(before, after, compare(before, after, destroyed=result.left, quotas=quotas), destroyed=result.left)
    gone = [stack for stack in before if stack.id in destroyed]
    if found is None or not gone:
        return found
    protected = tuple(stack.name for stack in gone if stack.protected)
    return replace(found, destroy=tuple(stack.id for stack in gone), protected=protected)


def _plan(
    before: Sequence[Stack], after: Sequence[Stack], result: Result, quotas: Mapping[str, int] | None
) -> Plan | None:
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
