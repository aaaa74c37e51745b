"""What changes in policies, as sentences."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from ops.review.drafts import Draft
from ops.review.iam import Holder, Place, Policies, Role, place_of, shown
from ops.review.iam_coverage import covers, difference, pieces, touches
from ops.review.iam_labels import Labels, Who, belongs
from ops.review.iam_statements import ANY, EVERYTHING, Some, Statement, Test, dumped, order
from ops.review.iam_words import only, phrase, when
from ops.review.model import Evidence

_MOST_LOOKED_AT: Final = 2000
_MOST_COMPARED: Final = 200_000
_MOST_ALIKE: Final = 100
_MOST_EVIDENCE: Final = 4
# Actions that AWS allows on every resource or on none.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
_WHOLE: Final = re.compile(
    r"ecr:getauthorizationtoken|ec2:describe\w+|cloudwatch:putmetricdata|sts:getcalleridentity"
    r"|xray:(put|get)\w+|logs:describeloggroups|autoscaling:describe\w+|elasticloadbalancing:describe\w+"
)
_UNBOUNDED: Final = re.compile(r"\*|arn:.*:(?:[a-z0-9-]+[/:])?\*(?:/\*)?", re.DOTALL)
# What keeps a policy for everybody to those meant.
_BOUNDS: Final = re.compile(
    r"aws:(sourceaccount|sourcearn|sourceorgid|sourcevpce?|principalaccount|principalarn|principalorgid|resourceaccount)|kms:calleraccount"
)
_NUMBER: Final = re.compile(r":iam::(\d{12}):")
_WIDER: Final = {"allowed", "unforbidden"}


@dataclass(frozen=True)
class _Line:
    """Pieces that make one sentence: `other` are the conditions of the same right on the other side, if only they differ."""

    mode: str
    who: Some
    tests: frozenset[Test]
    other: frozenset[Test] | None


@dataclass(frozen=True)
class _Side:
    """One holder's statements, with the resources where they are written."""

    statements: Mapping[Statement, Place]

    def origins(self, wanted: Iterable[Statement]) -> list[Statement]:
        """The statements that the pieces are from."""
        return sorted({self._owners[piece] for piece in wanted if piece in self._owners}, key=order)

    @cached_property
    def pieces(self) -> list[Statement]:
        return sorted(self._owners, key=order)[:_MOST_LOOKED_AT]

    @cached_property
    def _owners(self) -> dict[Statement, Statement]:
        return {piece: found for found in sorted(self.statements, key=order) for piece in pieces(found)}


def changes(before: Policies, after: Policies, labels: Labels) -> Iterator[Draft]:
    """A draft for each change of a right."""
    for holder in sorted({*before.statements, *after.statements}):
        old, new = before.statements.get(holder, {}), after.statements.get(holder, {})
        if holder.role is Role.ENDPOINT:
            # Without the endpoint nothing filters, so one that comes or goes is compared with one that lets everything through.
            default = {Statement(allow=True, who=ANY, actions=ANY, resources=ANY): before.places.get(holder, ("", ""))}
            old, new = old or default, new or default
        if old.keys() != new.keys():
            place = after.places.get(holder) or before.places.get(holder) or ("", "")
            kept = place not in before.present ^ after.present
            yield from _Holder(holder, place, _Side(old), _Side(new), labels).drafts(kept=kept)


class _Holder:
    def __init__(self, holder: Holder, place: Place, old: _Side, new: _Side, labels: Labels) -> None:
        self._holder, self._old, self._new, self._labels = holder, old, new, labels
        known = place if place[0] else min([*old.statements.values(), *new.statements.values()])
        self._place = known
        self._is_new = not old.statements
        # What becomes of a new statement is looked for among the old ones that go, and the other way around.
        gone, came = old.statements.keys() - new.statements.keys(), new.statements.keys() - old.statements.keys()
        self._changed = {
            True: sorted(gone, key=order)[:_MOST_ALIKE],
            False: sorted(came, key=order)[:_MOST_ALIKE],
        }

    def drafts(self, *, kept: bool) -> Iterator[Draft]:
        """Where the holder itself comes or goes, what it forbids changes nothing for anybody."""
        found = difference(list(self._old.statements), list(self._new.statements))
        lines = defaultdict(list)
        for mode in ("allowed", "unforbidden", "disallowed", "forbidden") if kept else ("allowed", "disallowed"):
            others = self._old.pieces if mode in {"allowed", "forbidden"} else self._new.pieces
            if len(getattr(found, mode)) * len(others) > _MOST_COMPARED:
                others = []
            for piece in getattr(found, mode):
                lines[_Line(mode, piece.who, piece.tests, _conditions_of(piece, others))].append(piece)
        for line, inside in lines.items():
            if line.mode == "disallowed" and self._is_told(line, lines):
                continue
            for actions, resources, mine in _grouped(inside):
                yield self._draft(line, actions, resources, mine)

    @staticmethod
    def _is_told(line: _Line, lines: Mapping[_Line, list[Statement]]) -> bool:
        """Whether another sentence, about what the condition is now, says what it was before."""
        told = lines.get(_Line("allowed", line.who, line.other or frozenset(), line.tests), [])
        what = {(piece.actions, piece.resources) for piece in told}
        return line.other is not None and all((piece.actions, piece.resources) in what for piece in lines[line])

    def _draft(self, line: _Line, actions: list[Some], resources: list[Some], mine: list[Statement]) -> Draft:
        wider = line.mode in _WIDER
        what = self._things(resources)
        who, lead = self._who(line.who)
        content = [self._holder.role, self._holder.key, line.mode, *sorted(map(order, mine)), _told(line.other)]
        return Draft(
            who=who,
            predicate=lead + self._predicate(line, phrase(actions, what), mine),
            wider=wider,
            quiet=self._is_new and self._holder.role is Role.TRUST and _is_service(line.who),
            danger=line.mode == "allowed" and any(self._is_unbounded(piece) for piece in mine),
            content=json.dumps(content),
            place=self._place,
            evidence=self._evidence(mine, new=line.mode in {"allowed", "forbidden"}),
        )

    def _things(self, resources: list[Some]) -> str:
        if len(resources) == 1 and resources[0].but:
            return self._labels.things(resources[0])
        patterns = frozenset(pattern for some in resources for pattern in some.patterns)
        if patterns == {EVERYTHING} and self._holder.role is Role.RESOURCE:
            return self._labels.thing(self._holder.key)
        return self._labels.things(Some(patterns))

    def _who(self, who: Some) -> tuple[Who, str]:
        """The subject, and what comes between it and the verb."""
        if self._holder.role is Role.IDENTITY:
            return self._labels.holder(self._holder.key), ""
        name = self._labels.principal(who)
        if self._holder.role is Role.ENDPOINT:
            return Who(name), f"through {self._labels.thing(self._holder.key)} "
        single = next(iter(who.patterns)) if len(who.patterns) == 1 and not who.but else ""
        known = place_of(single.partition(":")[2])
        named = self._labels.holder(shown(known)) if known else Who(name)
        # Whoever a service's own policies name is grouped with it.
        return (named if known else replace(named, service=belongs(self._place[0])[0])), ""

    def _predicate(self, line: _Line, text: str, mine: list[Statement]) -> str:
        if line.mode in {"unforbidden", "forbidden"}:
            text = text.replace("do everything", "do anything")
            limit = f" if {when(line.tests)}" if line.tests else ""
            return f"is {'now' if line.mode == 'forbidden' else 'no longer'} forbidden to {text}{limit}"
        if line.other is not None:
            then, now = (line.other, line.tests) if line.mode == "allowed" else (line.tests, line.other)
            return f"may now {text} {only(now)}, before {only(then)}"
        if line.mode == "allowed":
            known = any(found.allow and touches(found.who, line.who) for found in self._old.statements)
            return f"may {'also ' if known else ''}{text}" + (f", {only(line.tests)}" if line.tests else "")
        kept = self._kept(mine)
        return f"may no longer {text}{kept}" + (f", before {only(line.tests)}" if line.tests and not kept else "")

    def _kept(self, mine: list[Statement]) -> str:
        """What is left of a broader right."""
        broad = [piece for piece in mine if piece.actions.wild or piece.resources.wild]
        if len(self._new.pieces) * len(broad) > _MOST_COMPARED:
            return ""
        kept = [piece for piece in self._new.pieces if piece.allow and any(covers(gone, piece) for gone in broad)]
        if not kept:
            return ""
        texts = [phrase(actions, self._things(resources)) for actions, resources, _ in _grouped(kept)]
        return f", only {texts[0]}" if len(texts) == 1 else ", only part of that"

    def _is_unbounded(self, piece: Statement) -> bool:
        if self._holder.role is Role.ENDPOINT:
            return False
        if self._holder.role is Role.IDENTITY:
            return self._is_wild(piece)
        if any(pattern.startswith("account:") and self._labels.is_own(pattern[8:]) for pattern in piece.who.patterns):
            return piece.who.but
        bounded = any(_BOUNDS.fullmatch(test.key.lower()) for test in piece.tests)
        wild = piece.who.but or EVERYTHING in piece.who.patterns
        return (wild and not bounded) or any(map(self._is_foreign, piece.who.patterns)) or self._is_wild(piece)

    def _is_wild(self, piece: Statement) -> bool:
        """Whether no action or resource bounds it. https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"""
        actions = piece.actions.patterns
        if piece.actions.but or any(action == EVERYTHING or action.endswith(":*") for action in actions):
            return True
        if self._holder.role is not Role.IDENTITY or all(_WHOLE.fullmatch(one.lower()) for one in actions):
            return False
        if piece.resources.but or EVERYTHING in piece.resources.patterns:
            return True
        return not piece.tests and any(_UNBOUNDED.fullmatch(pattern) for pattern in piece.resources.patterns)

    def _is_foreign(self, pattern: str) -> bool:
        kind, _, name = pattern.partition(":")
        number = name if kind == "account" else next(iter(_NUMBER.findall(name)), "") if kind == "AWS" else ""
        return bool(number) and not self._labels.is_own(number)

    def _evidence(self, mine: list[Statement], *, new: bool) -> tuple[Evidence, ...]:
        here = self._new if new else self._old
        found = []
        for origin in here.origins(mine)[:_MOST_EVIDENCE]:
            match = _closest(origin, self._changed[new])
            texts = (dumped(match) if match else "", dumped(origin))
            before, after = texts if new else reversed(texts)
            stack, name = here.statements[origin]
            found.append(Evidence(stack=stack, name=name, before=before, after=after))
        return tuple(found)


def _is_service(who: Some) -> bool:
    """Whether only services of AWS are meant: a new role that they assume has the rights that its policies give, no more."""
    return not who.but and all(pattern.startswith("Service:") for pattern in who.patterns)


def _conditions_of(piece: Statement, others: list[Statement]) -> frozenset[Test] | None:
    """The conditions of the same right on the other side; None if there is no such right there."""
    bare = replace(piece, tests=frozenset())
    found = (other for other in others if other.allow is piece.allow and other.tests != piece.tests)
    match = next((other for other in found if covers(replace(other, tests=frozenset()), bare)), None)
    return match.tests if match and piece.allow else None


def _grouped(inside: Sequence[Statement]) -> list[tuple[list[Some], list[Some], list[Statement]]]:
    """Pieces as actions and resources: those of one resource first, then resources with the same actions."""
    by_resource: dict[Some, set[Some]] = defaultdict(set)
    of_resource: dict[Some, list[Statement]] = defaultdict(list)
    for piece in inside:
        by_resource[piece.resources].add(piece.actions)
        of_resource[piece.resources].append(piece)
    by_actions: dict[frozenset[Some], list[Some]] = defaultdict(list)
    for resource, actions in by_resource.items():
        by_actions[frozenset(actions)].append(resource)
    return [
        (sorted(actions, key=str), sorted(found, key=str), [piece for one in found for piece in of_resource[one]])
        for actions, found in by_actions.items()
    ]


def _told(tests: frozenset[Test] | None) -> str:
    return "" if tests is None else str(sorted((test.operator, test.key, sorted(test.values)) for test in tests))


def _closest(origin: Statement, others: list[Statement]) -> Statement | None:
    """The statement that this one was, or becomes: of the same principals and resources, with the most actions in common."""
    alike = [
        other
        for other in others
        if other.allow is origin.allow and touches(other.who, origin.who) and touches(other.resources, origin.resources)
    ]
    return max(alike, key=lambda other: (_common(other, origin), order(other)), default=None)


def _common(one: Statement, other: Statement) -> int:
    return len(one.actions.patterns & other.actions.patterns) + len(one.resources.patterns & other.resources.patterns)
