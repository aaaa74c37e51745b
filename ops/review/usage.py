"""How full the quotas are that the templates count toward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from config.quotas import Quota
from ops.assembly import Stack
from ops.changes.limits import template_sizes, usages
from ops.changes.sentences import readable
from ops.references import Values
from ops.review.model import Usage
from ops.review.pair import Pair

_CLOSE: Final = 0.5  # of a quota
_Counts = dict[tuple[Quota, str], int]


def limits(pair: Pair) -> tuple[Usage, ...]:
    """For each quota, the place that is fullest, then and now; further places from half full on. The fullest first."""
    before = _counted(pair.sides.before, pair.sides.was)
    after = _counted(pair.sides.after, pair.sides.will_be)
    found = [
        Usage(
            quota=quota.counts,
            where=readable(where),
            before=before.get((quota, where), 0),
            after=after.get((quota, where), 0),
            limit=pair.quotas.get(quota.name, quota.value),
            source=quota.source,
        )
        for quota, where in {**before, **after}
    ]
    found.sort(key=lambda usage: (-usage.share, usage.before == usage.after, usage.quota, usage.where))
    fullest = {usage.quota: usage for usage in reversed(found)}
    return tuple(usage for usage in found if usage.share >= _CLOSE or usage is fullest[usage.quota])


def _counted(stacks: Mapping[str, Stack], values: Values) -> _Counts:
    return {**usages(stacks.values(), values), **_fullest_templates(stacks.values())}


def _fullest_templates(stacks: Iterable[Stack]) -> _Counts:
    return {
        (quota, f"the template of {stack.id}"): size
        for stack in stacks
        for quota, size in template_sizes(stack).items()
    }
