"""The words of a comparison: what happens to a resource, what it interrupts, and what is dangerous about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

from ops.references import Pointer


class Action(StrEnum):
    """What CloudFormation does to a resource."""

    ADDED = "added"
    REMOVED = "removed"
    UPDATED = "updated"
    MAY_BE_REPLACED = "may be replaced"
    REPLACED = "replaced"
    POLICY = "policy"
    """Only what happens to it when it is deleted or replaced changes."""


REPLACING: Final = frozenset({Action.REPLACED, Action.MAY_BE_REPLACED})


class Interruption(IntEnum):
    """What users notice, from the least to the most."""

    NONE = 0
    CONNECTIONS = 1
    """Open connections end; a retry succeeds."""
    SECONDS = 2
    """Requests fail for seconds to minutes."""
    DATA = 3
    """Data is lost, or out of reach of what uses it."""

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one resource.

    Attributes:
        stack: id of its stack.
        name: its logical id.
        type: its type, after the change where it changes.
        action: what CloudFormation does.
        paths: the properties that change, e.g. KeySchema/0/AttributeName.
        because: the replaced resources that it refers to, where that is why it changes.
        stateful: whether it holds data.
        physical: the name that it has in AWS, if the template sets it; part of it may be a reference.
        kept: whether the old resource is kept, with its data, when it is removed or replaced.
        protected: whether its own deletion protection makes CloudFormation fail to delete it.
        routine: whether every deployment of a new version does this.
        interruption: what users notice.
        why: why they do, as a clause of a sentence; empty if they do not.
    """

    stack: str
    name: str
    type: str
    action: Action
    paths: tuple[str, ...] = ()
    because: tuple[Pointer, ...] = ()
    stateful: bool = False
    physical: str | None = None
    kept: bool = False
    protected: bool = False
    routine: bool = False
    interruption: Interruption = Interruption.NONE
    why: str = ""

    @property
    def path(self) -> str:
        return f"{self.stack}/{self.name}"


class Kind(StrEnum):
    """A danger, in order from the greatest to the least."""

    DATA_LOST = "data-lost"
    DATA_LEFT = "data-left"
    NAMED_REPLACED = "named-replaced"
    TYPE_CHANGED = "type-changed"
    UNSUPPORTED = "unsupported"
    EXPORT_GONE = "export-gone"
    EXPORT_CHANGED = "export-changed"
    OUTPUT_MISSING = "output-missing"
    CLASH = "clash"
    UNDONE = "undone"
    OVERLAP = "overlap"
    QUOTA = "quota"
    STALE = "stale"
    OUTAGE = "outage"
    LEFT_RUNNING = "left-running"
    NOT_DELETED = "not-deleted"
    KEPT_NAME = "kept-name"
    OUTPUT_GONE = "output-gone"


LOSES_DATA: Final = frozenset({Kind.DATA_LOST, Kind.DATA_LEFT})
REFUSED: Final = frozenset(
    {
        Kind.NAMED_REPLACED,
        Kind.TYPE_CHANGED,
        Kind.UNSUPPORTED,
        Kind.EXPORT_GONE,
        Kind.EXPORT_CHANGED,
        Kind.OUTPUT_MISSING,
        Kind.CLASH,
        Kind.OVERLAP,
        Kind.QUOTA,
    }
)
BLOCKING: Final = LOSES_DATA | REFUSED | {Kind.UNDONE}
"""What `python -m ops changes` refuses unless it is accepted."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One danger.

    Attributes:
        kind: what is dangerous.
        stack: id of the stack where it happens.
        name: the resource, output or quota.
        certain: False if it may not happen: the value that decides is known only to AWS.
        facts: what the sentence about it names.
    """

    kind: Kind
    stack: str
    name: str
    certain: bool = True
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """A word that stays the same as long as the change does: for `--accept`."""
        other = self.facts.get("other_id", "")
        text = f"{self.kind.value}:{self.stack}/{self.name}" + (f"+{other}" if other else "")
        return text.replace(" ", ".")

    @property
    def blocks(self) -> bool:
        return self.kind in BLOCKING


def most_dangerous_first(finding: Finding) -> tuple[int, bool, str, str, str]:
    """The key to sort findings by."""
    return list(Kind).index(finding.kind), not finding.certain, finding.stack, finding.name, finding.id


@dataclass(frozen=True, kw_only=True)
class Result:
    """A comparison's result.

    Attributes:
        changes: what happens to each resource that something happens to, in the order of stacks and resources.
        findings: the dangers, the greatest first.
        skipped: ids of the stacks that the CLI skips, their templates being the same.
        created: ids of new stacks.
        updated: ids of the stacks that CloudFormation updates.
        left: ids of stacks that are deployed but not in the new assembly; `cdk deploy` leaves them running.
    """

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    skipped: tuple[str, ...]
    created: tuple[str, ...]
    updated: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def blocking(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.blocks)

    @property
    def untold(self) -> tuple[Change, ...]:
        """The changes that no finding is about."""
        told = {(finding.stack, finding.name) for finding in self.findings}
        return tuple(change for change in self.changes if (change.stack, change.name) not in told)

    @property
    def interruption(self) -> Interruption:
        """The greatest interruption of all changes."""
        return max((change.interruption for change in self.changes), default=Interruption.NONE)
