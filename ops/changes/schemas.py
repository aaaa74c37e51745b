"""The resource schemas that cfn-lint carries: which properties CloudFormation replaces a resource for, and how it does so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cfnlint.schema.manager import ProviderSchemaManager

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
    from cfnlint.schema import ResourceNotFoundError  # noqa: PLC0415

    try:
        return from_json(_manager().get_resource_schema(_REGION, kind).schema)
    except ResourceNotFoundError:
        return NOTHING_KNOWN


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
def _manager() -> ProviderSchemaManager:
    """Reads only the files asked for. The folder is the package's own: by default, a newer download of the user's would win."""
    import cfnlint  # noqa: PLC0415 - takes a second
    from cfnlint.schema.manager import ProviderSchemaManager  # noqa: PLC0415

    data = Path(str(cfnlint.__file__)).parent / "data" / "schemas"
    return ProviderSchemaManager(providers_dir=data / "providers", resources_dir=data / "resources")
