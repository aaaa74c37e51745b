"""Values of templates as readable text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import yaml

from ops.changes.differences import MISSING
from ops.references import Call, Pointer, Text
from ops.review.normalise import named
from ops.review.shown import cut

_LONGEST: Final = 2000
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml where the wheel has it: several times as fast


def plain(value: Any) -> Any:
    """The value with its references as readable text, and nothing that YAML or JSON cannot hold."""
    if isinstance(value, dict):
        return {_whole(str(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Pointer | Text | Call):
        return _whole(named(value))
    if isinstance(value, str):
        return _whole(value)
    return None if value is MISSING else value


def _whole(text: str) -> str:
    """Text that UTF-8 can hold: JSON may contain half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def as_yaml(value: Any) -> str:
    """The value as YAML, cut after a few pages; empty for a missing one."""
    if value is MISSING or value is None:
        return ""
    text: str = yaml.dump(
        plain(value), Dumper=_DUMPER, sort_keys=True, allow_unicode=True, width=1000, default_flow_style=False
    )
    return cut(text.removesuffix("...\n").rstrip("\n"), _LONGEST)


def listed(words: Iterable[str], *, most: int | None = None) -> str:
    """Words as a sentence lists them: `a, b and c`, or with more than one beyond the most: `a, b and 12 more`."""
    found = list(words)
    if most is not None and len(found) > most + 1:
        found = [*found[:most], f"{len(found) - most} more"]
    return " and ".join(filter(None, (", ".join(found[:-1]), *found[-1:])))
