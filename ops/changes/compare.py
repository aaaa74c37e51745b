"""Compares what is deployed with what is about to be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ops.assembly import Stack
from ops.changes.clashes import clash_findings
from ops.changes.dangers import danger_findings
from ops.changes.limits import quota_findings
from ops.changes.model import LOSES_DATA, Finding, Kind, Result, most_dangerous_first
from ops.changes.outputs import output_findings
from ops.changes.overlaps import overlap_findings
from ops.changes.resources import all_changes
from ops.changes.sides import Sides

_NOT_REPLACED: Final = frozenset({Kind.NAMED_REPLACED, Kind.TYPE_CHANGED})
# What CloudFormation refuses to replace loses nothing, and leaves nothing behind.
_CONSEQUENCES: Final = LOSES_DATA | {Kind.OUTAGE, Kind.NOT_DELETED, Kind.KEPT_NAME}


def compare(
    before: Sequence[Stack],
    after: Sequence[Stack],
    *,
    destroyed: Collection[str] = (),
    quotas: Mapping[str, int] | None = None,
) -> Result:
    """What a deployment of all stacks does.

    Args:
        before: the stacks that are deployed.
        after: the stacks of the new assembly.
        destroyed: ids of deployed stacks that `cdk destroy` deletes first.
        quotas: quotas that AWS raised, by their name in config/quotas.py.
    """
    sides = Sides(before, after, destroyed)
    changes = all_changes(sides)
    found: dict[str, Finding] = {}
    for finding in (
        *danger_findings(sides, changes),
        *output_findings(sides, changes),
        *clash_findings(sides, changes),
        *overlap_findings(sides, changes),
        *quota_findings(sides, changes, quotas or {}),
    ):
        found.setdefault(finding.id, finding)
    refused = {(f.stack, f.name) for f in found.values() if f.kind in _NOT_REPLACED and f.certain}
    dangers = [f for f in found.values() if not (f.kind in _CONSEQUENCES and (f.stack, f.name) in refused)]
    return Result(
        changes=tuple(changes),
        findings=tuple(sorted(dangers, key=most_dangerous_first)),
        skipped=sides.skipped,
        created=sides.created,
        updated=sides.updated,
        left=sides.left or sides.elsewhere,
    )
