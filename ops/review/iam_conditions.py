"""Patterns and conditions of policies: which one includes which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Final

from ops.review.iam_statements import Test

_MOST_WORLDS: Final = 64
_LONGEST: Final = 2_000_000
# ArnEquals and ArnLike behave alike.
_SAME: Final = re.compile(r"(Arn|ArnNot)Equals$")
_STRING: Final = re.compile(r"(String|StringNot)Like$")
_LAX: Final = "IfExists"


@lru_cache(maxsize=100_000)
def matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Whether the pattern matches the text, or every text that the text, itself a pattern, matches."""
    if fold:
        pattern, text = pattern.lower(), text.lower()
    if pattern in {"*", text}:
        return True
    if len(pattern) * len(text) > _LONGEST:
        return False
    star = -1
    at = position = mark = 0
    while position < len(text):
        sign = pattern[at] if at < len(pattern) else ""
        if sign == "*":
            star, mark = at, position
            at += 1
        elif sign and (sign == text[position] or (sign == "?" and text[position] != "*")):
            at, position = at + 1, position + 1
        elif star >= 0:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return not pattern[at:].strip("*")


def worlds(tests: frozenset[Test]) -> Iterator[frozenset[Test]]:
    """What a request can pass, that passes all the tests: one value of each."""
    choices = [
        [replace(test, values=frozenset({value})) for value in sorted(test.values)] if _is_choice(test) else [test]
        for test in sorted(tests, key=lambda test: (test.operator, test.key))
    ]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > _MOST_WORLDS:
        yield tests
        return
    for chosen in product(*choices):
        yield frozenset(chosen)


def _is_choice(test: Test) -> bool:
    return bool(test.values) and not _is_negated(test) and not test.operator.startswith("ForAllValues:")


def _is_negated(test: Test) -> bool:
    return "Not" in test.operator


def holds(test: Test, world: frozenset[Test]) -> bool:
    """Whether whatever passes the tests of the world passes this one too."""
    return test in world or any(_implies(other, test) for other in world)


def _implies(given: Test, test: Test) -> bool:
    if given.key.lower() != test.key.lower() or not _is_stricter(given, test):
        return False
    if _is_negated(test):
        return test.values <= given.values
    if "Like" in test.operator or "Arn" in test.operator:
        return all(any(matches(value, one) for value in test.values) for one in given.values)
    return given.values <= test.values


def _is_stricter(given: Test, test: Test) -> bool:
    """Whether the first operator, on the same values, is at least as strict as the second.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    if given.operator.endswith(_LAX) and not test.operator.endswith(_LAX):
        return False
    one, other = _operator(given), _operator(test)
    return one == other or (one, other) == ("StringEquals", "StringLike")


def _operator(test: Test) -> str:
    """The operator; one for patterns is one for values where no value is a pattern."""
    found = _SAME.sub(r"\1Like", test.operator.removesuffix(_LAX))
    plain = not any("*" in value or "?" in value for value in test.values)
    return _STRING.sub(r"\1Equals", found) if plain else found
