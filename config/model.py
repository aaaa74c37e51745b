"""The base of all configuration models, and the annotations of their fields.

A rule lives beside its field as an annotation, so the loader's messages, the JSON Schema for editors and the tables in docs/
have one source and cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from config.errors import shown

FAULT = "config_fault"


class Model(BaseModel):
    """Frozen, strict (no silent coercion of quoted numbers or booleans), unknown keys refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    given_by_loader: ClassVar[frozenset[str]] = frozenset()  # fields that are never keys of the file

    @classmethod
    def words_for_unknown(cls, key: str) -> tuple[str, str] | None:
        """Problem and remedy for an unknown key, if the model can say more than that it is unknown."""
        del key
        return None

    @classmethod
    def words_for_missing(cls, key: str) -> str | None:
        """The problem with a missing key, if the model can say more than that it is missing."""
        del key
        return None


def fault(problem: str, remedy: str, *, field: str | None = None) -> PydanticCustomError:
    """What a validator raises: the problem and what to write instead; `field` for a part of what it checks: a key, or [0]."""
    return PydanticCustomError(FAULT, "{problem}; {remedy}", {"problem": problem, "remedy": remedy, "field": field})


class _Annotation:
    """An annotation that checks a value after its type is checked, and adds to the JSON Schema what it can."""

    def check(self, value: Any) -> Any:
        raise NotImplementedError

    def json_schema(self) -> dict[str, Any]:
        return {}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), **self.json_schema()}


@dataclass(frozen=True)
class Pattern(_Annotation):
    """Text of a given form and length; `says` describes the form, `example` is a valid one."""

    pattern: str  # valid in ECMAScript too: no anchors, no Python extensions
    says: str
    example: str
    longest: int | None = None
    shortest: int = 1

    def check(self, value: str) -> str:
        if not value and self.shortest:
            raise fault("is empty", f"write {self.says}, e.g. {self.example}")
        if self.longest is not None and len(value) > self.longest:
            raise fault(f"has {len(value)} characters, more than {self.longest}", f"write {self.says}")
        if not re.fullmatch(self.pattern, value) or len(value) < self.shortest:
            raise fault(f"is {shown(value)}, which is not valid", f"write {self.says}, e.g. {self.example}")
        return value

    def json_schema(self) -> dict[str, Any]:
        bounds = {"minLength": self.shortest} if self.shortest else {}
        if self.longest is not None:
            bounds["maxLength"] = self.longest
        return {"pattern": f"^(?:{self.pattern})$", **bounds}


@dataclass(frozen=True)
class OrText:
    """Text as the short form of a mapping: the value of one of its keys."""

    key: str
    form: Pattern

    def _expanded(self, value: Any) -> Any:
        return {self.key: self.form.check(value)} if isinstance(value, str) else value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._expanded, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        mapping = handler(schema)
        return {"anyOf": [{"type": "string", **self.form.json_schema()}, *mapping.get("anyOf", [mapping])]}


@dataclass(frozen=True)
class Rule(_Annotation):
    """A check that a pattern cannot express; `schema` is the part that JSON Schema can."""

    function: Callable[[Any], Any]
    schema: tuple[tuple[str, Any], ...] = ()

    def check(self, value: Any) -> Any:
        self.function(value)
        return value

    def json_schema(self) -> dict[str, Any]:
        return dict(self.schema)


def _unique(values: Iterable[object]) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise fault(f"lists {shown(value)} twice", "list each once")
        seen.add(value)


def _not_empty(values: tuple[object, ...]) -> None:
    if not values:
        raise fault("is an empty list", "list at least one, or remove the line if it is optional")


UNIQUE = Rule(_unique, (("uniqueItems", True),))
NOT_EMPTY = Rule(_not_empty, (("minItems", 1),))


@dataclass(frozen=True)
class Meaning:
    """What a field does on each platform, for docs/manifest.md."""

    ecs: str
    eks: str
