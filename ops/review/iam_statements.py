"""Statements of policies in one form, whatever their spelling.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final

import yaml

from ops.changes.sentences import readable
from ops.references import Text

EVERYTHING: Final = "*"
_MOST_STATEMENTS: Final = 2000
_MOST_SHOWN: Final = 100
_LONGEST: Final = 300
_PART: Final = r"(?:<AWS::\w+>|[^:<>]*)"
_ACCOUNT: Final = rf"(?:arn:{_PART}:iam::)?(?P<id>\d{{12}}|<AWS::AccountId>)(?::root)?"
# An ARN made of the name of a resource of these templates is that resource's ARN.
_OWN_ARN: Final = re.compile(
    rf"arn:{_PART}:(?:dynamodb:{_PART}:{_PART}:table/|sqs:{_PART}:{_PART}:|s3:::|iam::{_PART}:role/"
    rf"|kms:{_PART}:{_PART}:key/|lambda:{_PART}:{_PART}:function:)<(?P<what>[^<>]+?)(?:\.(?:QueueName|KeyId))?>"
)


@dataclass(frozen=True)
class Some:
    """What an element names: whatever matches a pattern, or everything but that."""

    patterns: frozenset[str]
    but: bool = False

    @cached_property
    def wild(self) -> tuple[str, ...]:
        """The patterns that match more than themselves."""
        return tuple(sorted(pattern for pattern in self.patterns if "*" in pattern or "?" in pattern))

    @cached_property
    def folded(self) -> frozenset[str]:
        """The patterns in lower case."""
        return frozenset(map(str.lower, self.patterns))

    def __str__(self) -> str:
        text = ", ".join(sorted(self.patterns))
        return f"everything but {text}" if self.but else text


ANY: Final = Some(frozenset({EVERYTHING}))


@dataclass(frozen=True)
class Test:
    """A test of a condition, such as (StringEquals, aws:SourceAccount, {1234})."""

    operator: str
    key: str
    values: frozenset[str]


@dataclass(frozen=True)
class Statement:
    """A statement, without its id.

    Attributes:
        allow: True for Allow, False for Deny.
        who: its principals; everybody in a policy that names none.
        actions: what may be done, as they are spelt.
        resources: on what.
        tests: the conditions; all must hold.
    """

    allow: bool
    who: Some
    actions: Some
    resources: Some
    tests: frozenset[Test] = field(default=frozenset())


def statements(document: Any, own: str = EVERYTHING) -> tuple[Statement, ...]:
    """The statements of a policy document with references followed; what cannot be read is left out.

    Args:
        document: the document, or its JSON as text.
        own: what a statement without Resource is about, e.g. the role in a trust policy.
    """
    content = _parsed(document)
    listed = content.get("Statement") if isinstance(content, Mapping) else None
    found = {statement for item in _list(listed)[:_MOST_STATEMENTS] for statement in _statement(item, own)}
    return tuple(sorted(found, key=order))


@lru_cache(maxsize=50_000)
def order(statement: Statement) -> str:
    """A text to sort by, the same in every run."""
    tests = sorted((test.operator, test.key, sorted(test.values)) for test in statement.tests)
    parts = (statement.allow, str(statement.who), str(statement.actions), str(statement.resources), tests)
    return json.dumps(parts)


def texts(value: Any) -> list[str]:
    """The values of an element as text: one stands for a list of one."""
    return [_text(item) for item in _list(value)]


def cut(text: str) -> str:
    """The text as far as anybody reads it."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def dumped(statement: Statement) -> str:
    """The statement as YAML, its references as readable text."""
    content: dict[str, Any] = {"Effect": "Allow" if statement.allow else "Deny"}
    for name, some in (("Principal", statement.who), ("Action", statement.actions), ("Resource", statement.resources)):
        if name != "Principal" or some != ANY:
            content[f"Not{name}" if some.but else name] = _short(some.patterns)
    if statement.tests:
        condition: dict[str, dict[str, Any]] = {}
        for test in sorted(statement.tests, key=lambda test: (test.operator, test.key, sorted(test.values))):
            condition.setdefault(test.operator, {})[test.key] = _short(test.values)
        content["Condition"] = condition
    return yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True)


def _short(values: frozenset[str]) -> Any:
    listed = [readable(cut(value)) for value in sorted(values)[:_MOST_SHOWN]]
    if len(values) > _MOST_SHOWN:
        listed.append(f"… {len(values) - _MOST_SHOWN} more")
    return listed[0] if len(listed) == 1 else listed


def _parsed(document: Any) -> Any:
    if isinstance(document, Text):
        document = document.inside_json()
    if not isinstance(document, str):
        return document
    try:
        return json.loads(document)
    except (ValueError, RecursionError):
        return None


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _OWN_ARN.sub(r"<\g<what>.Arn>", str(value))


def _statement(item: Any, own: str) -> Iterator[Statement]:
    if not isinstance(item, Mapping) or item.get("Effect") not in ("Allow", "Deny"):
        return
    actions, resources = _some(item, "Action"), _some(item, "Resource") or Some(frozenset({own}))
    if actions is None:
        return
    who = _principals(item)
    yield Statement(item["Effect"] == "Allow", who, actions, resources, frozenset(_tests(item.get("Condition"))))


def _some(item: Mapping[Any, Any], name: str) -> Some | None:
    for key, but in ((name, False), (f"Not{name}", True)):
        if key in item:
            return _normal(texts(item[key]), but=but)
    return None


def _normal(patterns: list[str], *, but: bool) -> Some:
    """`*` stands for every other pattern beside it."""
    return Some(frozenset({EVERYTHING} if EVERYTHING in patterns else patterns), but)


def _principals(item: Mapping[Any, Any]) -> Some:
    for key, but in (("Principal", False), ("NotPrincipal", True)):
        if key in item:
            return _normal(list(_named(item[key])), but=but)
    return ANY


def _named(principal: Any) -> Iterator[str]:
    """Principals as `Service:ec2.amazonaws.com`; everybody is `*`, an account `account:` with its number.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if not isinstance(principal, Mapping):
        principal = {"AWS": principal}
    for kind, values in principal.items():
        for value in texts(values):
            account = re.fullmatch(_ACCOUNT, value) if kind == "AWS" else None
            if account:
                yield f"account:{account['id']}"
            else:
                yield EVERYTHING if (kind, value) == ("AWS", EVERYTHING) else f"{kind}:{value}"


def _tests(condition: Any) -> Iterator[Test]:
    if condition is None:
        return
    if not isinstance(condition, Mapping):
        yield Test("", "a condition", frozenset({_text(condition)}))
        return
    for operator, keys in condition.items():
        for key, values in keys.items() if isinstance(keys, Mapping) else [("", keys)]:
            yield Test(str(operator), str(key), frozenset(texts(values)))
