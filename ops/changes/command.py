"""`python -m ops changes`: what a deployment would do, the most dangerous first, and whether that is accepted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from ops.assembly import Stack
from ops.changes.compare import compare
from ops.changes.model import Interruption, Result
from ops.changes.plan import plan
from ops.changes.sentences import counted, described, sentence
from ops.errors import OpsError


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
    noticed = [change for change in result.untold if change.interruption is not Interruption.NONE]
    yield from (f"note    {described(change)}: {change.why}" for change in noticed)
    for stack, changes in groupby((c for c in result.untold if c not in noticed), key=lambda change: change.stack):
        yield f"        {stack}: {counted(changes)}"
