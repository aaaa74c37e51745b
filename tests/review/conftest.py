"""Reviews of real assemblies, which the whole run shares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

import pytest

from ops.assembly import Assembly
from ops.review.command import review
from ops.review.gate import judged, rules_from
from ops.review.model import Review
from ops.review.pair import Pair, Side
from ops.review.sources import comparable

Reviewed = Callable[[str, str], Review]
TODAY = date(2026, 11, 26)
EVERYTHING = "data-loss,refused,wider-rights,new-exposure,cost>0"


@pytest.fixture(scope="session")
def reviewed(synthesis) -> Reviewed:
    """The review of two variants of the project by their names, with every gate closed."""

    def side(name: str) -> Side:
        found = Assembly(synthesis.assembly(name).directory)
        return Side(name, found.stacks, found)

    @cache
    def of(before: str, after: str) -> Review:
        both = comparable(side(before), (), side(after))
        found = review(Pair(both.before, both.after), both, "sandbox")
        return judged(found, rules_from(EVERYTHING), (), TODAY)

    return of
