"""`python -m ops changes`: what a deployment would do, the most dangerous first, and whether that is accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ops.assembly import Stack
from ops.changes.compare import compare
from ops.changes.model import Action, Change, Interruption, Result
from ops.changes.plan import plan
from ops.changes.sentences import described, sentence
from ops.errors import OpsError

_WORDS: Final[Mapping[Action, str]] = {Action.POLICY: "with another deletion policy"}


@dataclass(frozen=True)
class Answer:
    """What the command prints, and its exit code: 2 if something is refused or lost that is not accepted."""

    lines: tuple[str, ...]
    exit_code: int


def answer(
    before: Sequence[Stack],
    after: Sequence[Stack],
    *,
    accepted: Collection[str] = (),
    environment: str = "sandbox",
    quotas: Mapping[str, int] | None = None,
) -> Answer:
    """Compares, and says what the user has to know. Nothing deployed yet: nothing to say.

    Args:
        before: the deployed stacks.
        after: the stacks of the new assembly.
        accepted: ids of findings that are accepted.
        environment: for the commands to type.
        quotas: quotas that AWS raised.

    Raises:
        OpsError: an accepted id is none of the findings'.
    """
    if not before:
        return Answer((), 0)
    result = compare(before, after, quotas=quotas)
    return answer_to(result, before, after, accepted=accepted, environment=environment, quotas=quotas)


def answer_to(
    result: Result,
    before: Sequence[Stack],
    after: Sequence[Stack],
    *,
    accepted: Collection[str] = (),
    environment: str = "sandbox",
    quotas: Mapping[str, int] | None = None,
) -> Answer:
    """The rest of `answer`, once `before` and `after` are compared with this result."""
    _check_accepted(accepted, result)
    blocking = [finding for finding in result.blocking if finding.id not in accepted]
    lines = [*(sentence(finding) for finding in result.findings if finding.id not in accepted), *_routine(result)]
    if blocking:
        lines += _advice(before, after, result, environment, quotas)
    if not result.changes and not result.findings:
        lines.append("nothing changes")
    return Answer(tuple(lines), 2 if blocking else 0)


def _check_accepted(accepted: Collection[str], result: Result) -> None:
    ids = {finding.id for finding in result.findings}
    for one in accepted:
        if one not in ids:
            raise OpsError(f"--accept {one}: is no finding of this comparison; leave it out", exit_code=2)


def _advice(
    before: Sequence[Stack],
    after: Sequence[Stack],
    result: Result,
    environment: str,
    quotas: Mapping[str, int] | None,
) -> Iterator[str]:
    steps = plan(before, after, result, quotas=quotas)
    if steps is not None and len(steps.commands(environment)) > 1:
        yield "this order works:"
        yield from (f"  {line}" for line in steps.commands(environment))
    yield "to deploy in spite of a line: --accept and the id at its end (with make: ACCEPT=id)"


def _routine(result: Result) -> Iterator[str]:
    """The changes that no finding is about, summed up."""
    named = {(finding.stack, finding.name) for finding in result.findings}
    rest = [change for change in result.changes if (change.stack, change.name) not in named]
    noticed = [change for change in rest if change.interruption is not Interruption.NONE]
    yield from (f"note    {described(change)}: {change.why}" for change in noticed)
    for stack, changes in groupby((c for c in rest if c not in noticed), key=lambda change: change.stack):
        yield f"        {stack}: {_counted(list(changes))}"


def _counted(changes: list[Change]) -> str:
    counts = Counter(Action.UPDATED if change.routine else change.action for change in changes)
    return ", ".join(f"{counts[action]} {_WORDS.get(action, action.value)}" for action in Action if counts[action])
