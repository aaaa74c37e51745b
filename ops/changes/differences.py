"""Which properties differ between two versions of a resource."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ops.references import Call, Pointer, Text, frozen

MISSING: Final = object()
Path = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """A property that differs. `before` and `after` may be MISSING."""

    path: Path
    before: Any
    after: Any

    @property
    def certain(self) -> bool:
        """False if both may turn out to be the same value, e.g. a zone's name and `Fn::GetAZs`.

        Texts around the same unknown values are not the same.
        """
        unknown = _unknown(self.before), _unknown(self.after)
        return not any(unknown) or (unknown[0] == unknown[1] and isinstance(self.before, Text))


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Difference]:
    """The differing properties, down to the leaves; those of lists by position."""
    if isinstance(before, dict | list) and isinstance(after, type(before)):
        pairs = _pairs(before, after)
    elif isinstance(before, dict | list) and before and after is MISSING:
        pairs = _pairs(before, type(before)())
    elif isinstance(after, dict | list) and after and before is MISSING:
        pairs = _pairs(type(after)(), after)
    else:
        if not _equal(before, after):
            yield Difference(path, before, after)
        return
    for key, was, will_be in pairs:
        yield from differences(was, will_be, (*path, key))


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value without parts of its own, with its path."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, str(key)))
    else:
        yield path, value


def _pairs(before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield str(key), before.get(key, MISSING), after.get(key, MISSING)
        return
    for index in range(max(len(before), len(after))):
        yield (
            str(index),
            before[index] if index < len(before) else MISSING,
            after[index] if index < len(after) else MISSING,
        )


def _equal(before: Any, after: Any) -> bool:
    """CloudFormation passes numbers and booleans as text where a type asks for text: 1 and "1" are the same value."""
    if isinstance(before, str | int | float) and isinstance(after, str | int | float):
        return _as_text(before) == _as_text(after)
    return bool(frozen(before) == frozen(after)) if before is not MISSING and after is not MISSING else before is after


def _as_text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unknown(value: Any) -> list[Any]:
    """The parts of a value that only AWS knows, apart from what it gives a new resource."""
    if isinstance(value, Text):
        return [part for inner in value.parts for part in _unknown(inner)]
    return [value] if isinstance(value, Call) or (isinstance(value, Pointer) and not value.stack) else []
