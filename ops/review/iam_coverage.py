"""What two sets of statements allow and forbid, compared by what they mean rather than by how they are written.

A request is allowed, forbidden or left to other policies, from the most to the least: forbidden wins. Rights are wider where some
request gets more than before, and narrower where one gets less. A statement is cut into pieces (one principal, one action, one
resource), and each piece is tried with requests that nothing but the piece itself or a broader one matches.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Final

from ops.review.iam_conditions import holds, matches, worlds
from ops.review.iam_statements import Some, Statement, Test, order

# No policy contains it, so nothing but a wildcard matches it.
_FRESH: Final = "\ue000"
_STRETCH: Final = _FRESH * 12
_MOST_PIECES: Final = 5000
_MOST_POINTS: Final = 20000
_MOST_BUT: Final = 500
_MOST_TRIED: Final = 400_000

# A request: principal, action, resource and the tests that it passes.
Request = tuple[str, str, str, frozenset[Test]]


@dataclass(frozen=True)
class Difference:
    """Pieces of statements that make a difference.

    Attributes:
        allowed: what is allowed and was not.
        unforbidden: what was forbidden and is not.
        disallowed: what was allowed and is not.
        forbidden: what is forbidden and was not.
    """

    allowed: tuple[Statement, ...] = ()
    unforbidden: tuple[Statement, ...] = ()
    disallowed: tuple[Statement, ...] = ()
    forbidden: tuple[Statement, ...] = ()

    @property
    def is_wider(self) -> bool:
        return bool(self.allowed or self.unforbidden)

    @property
    def is_narrower(self) -> bool:
        return bool(self.disallowed or self.forbidden)


def difference(before: Sequence[Statement], after: Sequence[Statement]) -> Difference:
    """What the second set of statements means that the first does not, and the other way around."""
    if set(before) == set(after):
        return Difference()
    old, new = _Policy(before), _Policy(after)
    requests = _Requests((*before, *after))
    gone, added = old.pieces - new.pieces, new.pieces - old.pieces
    # No policy that AWS accepts is this long: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    long = (len(gone) + len(added)) * (len(before) + len(after)) > _MOST_TRIED or requests.are_many

    def which(
        pieces: Iterable[Statement], *, allow: bool, less: _Policy, limit: _Policy | None
    ) -> tuple[Statement, ...]:
        """Pieces with a request that `less` does not allow (or forbid), nor `limit` forbid."""
        asked = [piece for piece in pieces if piece.allow is allow]
        if long:
            return tuple(sorted(asked, key=order))

        def counts(request: Request) -> bool:
            return not (less.says(request, allow=allow) or (limit and limit.says(request, allow=False)))

        return _broadest([piece for piece in asked if any(map(counts, requests.of(piece)))])

    return Difference(
        allowed=which(added, allow=True, less=old, limit=new),
        unforbidden=which(gone, allow=False, less=new, limit=None),
        disallowed=which(gone, allow=True, less=new, limit=old),
        forbidden=which(added, allow=False, less=old, limit=None),
    )


@lru_cache(maxsize=20_000)
def pieces(statement: Statement) -> frozenset[Statement]:
    """The statement cut into one principal, action and resource each; not cut if that were too many."""
    dimensions = [_singles(some) for some in (statement.who, statement.actions, statement.resources)]
    if len(dimensions[0]) * len(dimensions[1]) * len(dimensions[2]) > _MOST_PIECES:
        return frozenset({statement})
    return frozenset(replace(statement, who=w, actions=a, resources=r) for w, a, r in product(*dimensions))


def covers(broad: Statement, narrow: Statement) -> bool:
    """Whether everything that the second piece is about, the first is too."""
    return (
        broad.allow is narrow.allow
        and _includes(broad.who, narrow.who)
        and _includes(broad.actions, narrow.actions, fold=True)
        and _includes(broad.resources, narrow.resources)
        and all(holds(test, narrow.tests) for test in broad.tests)
    )


def touches(one: Some, other: Some, *, fold: bool = False) -> bool:
    """Whether one of them includes the other."""
    return _includes(one, other, fold=fold) or _includes(other, one, fold=fold)


class _Policy:
    def __init__(self, found: Sequence[Statement]) -> None:
        self._found = found
        cut = [pieces(statement) for statement in found]
        self.pieces: frozenset[Statement] = frozenset().union(*cut)

    def says(self, request: Request, *, allow: bool) -> bool:
        """Whether a statement allows the request, or forbids it."""
        who, action, resource, world = request
        return any(
            statement.allow is allow
            and _matches(statement.who, who)
            and _matches(statement.actions, action, fold=True)
            and _matches(statement.resources, resource)
            and all(holds(test, world) for test in statement.tests)
            for statement in self._found
        )


class _Requests:
    """Requests to try pieces with. One made of the piece itself is enough, unless a statement is about everything but something:
    then what others name counts too.
    """

    def __init__(self, found: Sequence[Statement]) -> None:
        named = [some for statement in found for some in (statement.who, statement.actions, statement.resources)]
        count = sum(len(some.patterns) for some in named)
        self.are_many = count > (_MOST_BUT if any(some.but for some in named) else _MOST_POINTS)
        self._points = [
            self._others([getattr(statement, name) for statement in found]) for name in ("who", "actions", "resources")
        ]

    def of(self, piece: Statement) -> Iterator[Request]:
        dimensions = [
            self._inside(some, points, fold=index == 1)
            for index, (some, points) in enumerate(
                zip((piece.who, piece.actions, piece.resources), self._points, strict=True)
            )
        ]
        if len(dimensions[0]) * len(dimensions[1]) * len(dimensions[2]) > _MOST_POINTS:
            dimensions = [dimension[:16] for dimension in dimensions]
        for who, action, resource in product(*dimensions):
            for world in worlds(piece.tests):
                yield who, action, resource, world

    @staticmethod
    def _others(named: list[Some]) -> tuple[str, ...]:
        if not any(some.but for some in named):
            return ()
        return tuple(sorted({_point(pattern) for some in named for pattern in some.patterns}))

    @staticmethod
    def _inside(some: Some, others: tuple[str, ...], *, fold: bool) -> list[str]:
        own = [f"{_FRESH}:{_STRETCH}"] if some.but else sorted(map(_point, some.patterns))
        return [point for point in dict.fromkeys((*own, *others)) if _matches(some, point, fold=fold)]


def _singles(some: Some) -> list[Some]:
    return [some] if some.but else [Some(frozenset({pattern})) for pattern in sorted(some.patterns)]


def _broadest(found: list[Statement]) -> tuple[Statement, ...]:
    """Without those that another covers, as long as they are not too many to compare."""
    found.sort(key=order)
    wide = [piece for piece in found if any(_is_wide(some) for some in (piece.who, piece.actions, piece.resources))]
    if len(wide) * len(found) > _MOST_POINTS * 10:
        return tuple(found)
    return tuple(
        piece
        for piece in found
        if not any(
            covers(other, piece) and not (covers(piece, other) and order(piece) <= order(other)) for other in wide
        )
        and not any(other.tests < piece.tests and covers(other, piece) for other in found[:200])
    )


def _is_wide(some: Some) -> bool:
    return some.but or bool(some.wild)


def _matches(some: Some, text: str, *, fold: bool = False) -> bool:
    known = text.lower() in some.folded if fold else text in some.patterns
    return (known or any(matches(pattern, text, fold=fold) for pattern in some.wild)) is not some.but


def _includes(broad: Some, narrow: Some, *, fold: bool = False) -> bool:
    if broad == narrow:
        return True
    if not broad.but and not narrow.but:
        return all(_matches(broad, one, fold=fold) for one in narrow.patterns)
    if broad.but and narrow.but:
        return all(any(matches(n, b, fold=fold) for n in narrow.patterns) for b in broad.patterns)
    if broad.but:
        return not any(
            matches(b, n, fold=fold) or matches(n, b, fold=fold) for b in broad.patterns for n in narrow.patterns
        )
    return "*" in broad.patterns


def _point(pattern: str) -> str:
    """A text that only this pattern and broader ones match."""
    return pattern.replace("*", _STRETCH).replace("?", _FRESH)
