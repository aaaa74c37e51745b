"""The resource schemas that cfn-lint carries: which properties CloudFormation replaces a resource for, and how it does so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

# Of the commercial regions, the one with the most types. Which properties are create-only does not differ by region.
_REGION: Final = "us-east-1"
_PREFIX: Final = "/properties/"


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What a type's schema says about updates. A path is a tuple of keys, `*` for any index.

    Attributes:
        create_only: properties for which the resource is replaced.
        conditional: properties for which it may be replaced; the type's documentation says when.
        identifier: properties that identify a resource, if a template can set all of them; otherwise empty.
        deletes_first: True if CloudFormation deletes the old resource before it creates the new one.
        tags: the property with the resource's tags; empty if CloudFormation gives it none.
    """

    create_only: tuple[tuple[str, ...], ...] = ()
    conditional: tuple[tuple[str, ...], ...] = ()
    identifier: tuple[tuple[str, ...], ...] = ()
    deletes_first: bool = False
    tags: tuple[str, ...] = ()


NOTHING_KNOWN: Final = Schema()


@cache
def schema_of(kind: str) -> Schema:
    """The schema of a type; one that says nothing for a custom resource or an unknown type."""
    if not kind.startswith("AWS::") or kind == "AWS::CloudFormation::CustomResource":
        return NOTHING_KNOWN
    name = _names().get(kind)
    return from_json(_read(_data() / "resources" / f"{name}.json")) if name else NOTHING_KNOWN


def from_json(schema: Mapping[str, Any]) -> Schema:
    """Reads a CloudFormation resource schema."""
    read_only = set(schema.get("readOnlyProperties") or ())
    identifier = schema.get("primaryIdentifier") or ()
    tagging = schema.get("tagging") or {}
    tagged = tagging.get("taggable", False) and tagging.get("tagUpdatable", True)
    return Schema(
        create_only=_paths(schema.get("createOnlyProperties")),
        conditional=_paths(schema.get("conditionalCreateOnlyProperties")),
        identifier=() if read_only & set(identifier) else _paths(identifier),
        deletes_first=schema.get("replacementStrategy") == "delete_then_create",
        tags=_path(tagging.get("tagProperty", f"{_PREFIX}Tags")) if tagged else (),
    )


def matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a property's path is at the pattern's place, below it, or above it (when the whole object is unknown)."""
    return all(want in {"*", have} for want, have in zip(pattern, path, strict=False))


def _paths(texts: Sequence[str] | None) -> tuple[tuple[str, ...], ...]:
    return tuple(_path(text) for text in texts or ())


def _path(text: str) -> tuple[str, ...]:
    return tuple("*" if part == "items" else part for part in text.removeprefix(_PREFIX).split("/"))


@cache
def _data() -> Path:
    """The folder of the package's own schemas. The package itself takes a second to import, and by default its reader would
    prefer a newer download of the user's.
    """
    found = find_spec("cfnlint")
    assert found is not None, "cfn-lint is pinned in requirements.txt"  # noqa: S101
    return Path(str(found.origin)).parent / "data" / "schemas"


@cache
def _names() -> Mapping[str, str]:
    """The name of each type's file."""
    return _read(_data() / "providers" / f"{_REGION}.json")


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content
