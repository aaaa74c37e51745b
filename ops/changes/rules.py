"""Loads rules.yaml and kubernetes.yaml: what the resource schemas do not say about a type, each with its source."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from ops.changes.model import Action, Interruption

_HERE: Final = Path(__file__).parent
_CUSTOM: Final = ("Custom::", "AWS::CloudFormation::CustomResource")

Occasion = Literal["add", "update", "replace", "remove"]
OCCASIONS: Final[Mapping[Action, Occasion]] = {
    Action.ADDED: "add",
    Action.UPDATED: "update",
    Action.MAY_BE_REPLACED: "replace",
    Action.REPLACED: "replace",
    Action.REMOVED: "remove",
}


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interrupts(_Rule):
    """What users notice of a change, and why."""

    when: tuple[Occasion, ...]
    paths: tuple[str, ...] = ()
    unless: str = ""
    what: Literal["connections", "seconds", "data"]
    why: str

    def applies(self, occasion: Occasion, changed: tuple[str, ...], attributes: Collection[str] = ()) -> bool:
        """Whether the change is one of these.

        Args:
            occasion: what happens.
            changed: the paths of the properties that change.
            attributes: what the resource has beside its properties.
        """
        if occasion not in self.when or self.unless in attributes:
            return False
        return not self.paths or any(_is_below(path, mine) for path in changed for mine in self.paths)

    @property
    def interruption(self) -> Interruption:
        return Interruption[self.what.upper()]


class Protection(_Rule):
    """When AWS refuses to delete the resource.

    Attributes:
        path: the property that decides.
        key: the entry of that property that decides, if it is a list of keys and values.
        value: the value that protects.
        unless: the value without which it is protected, as long as it holds something.
        emptied_by: the type of a custom resource that empties it first.
    """

    path: str = ""
    key: str = ""
    value: str | bool | None = None
    unless: bool | None = None
    emptied_by: str = ""


class Unsupported(_Rule):
    """An update that fails.

    Attributes:
        path: the property that changes.
        why: why AWS refuses it.
        keeps: only if the zones or the VPC of the subnets in that property change.
        beside: only if this property is there before and after.
    """

    path: str
    why: str
    keeps: Literal["zones", "vpc"] | None = None
    beside: str = ""


class Rules(_Rule):
    """What rules.yaml says about a type."""

    source: str = ""
    holds: str = ""
    routine: bool = False
    name: str = ""
    once: tuple[tuple[str, ...], ...] = ()
    clash: Literal["refused", "undone"] = "refused"
    protection: Protection | None = None
    unsupported: tuple[Unsupported, ...] = ()
    replaced_for: tuple[str, ...] = ()
    updated_for: tuple[str, ...] = ()
    interrupts: tuple[Interrupts, ...] = ()


class KindRules(_Rule):
    """What kubernetes.yaml says about a kind of object."""

    source: str = ""
    holds: str = ""
    immutable: tuple[str, ...] = ()
    interrupts: tuple[Interrupts, ...] = ()


class _Pruned(_Rule):
    source: str
    kinds: frozenset[str]


class _Kubernetes(_Rule):
    pruned: _Pruned
    kinds: Mapping[str, KindRules] = Field(default_factory=dict)


@cache
def all_rules() -> dict[str, Rules]:
    """The rules of every type in rules.yaml."""
    return {kind: Rules.model_validate(rules) for kind, rules in _read("rules.yaml").items()}


@cache
def rules_of(kind: str) -> Rules:
    """The rules of a type. Those of Custom::* hold for every custom resource."""
    rules = all_rules().get(kind, Rules())
    if kind.startswith(_CUSTOM):
        everywhere = all_rules()["Custom::*"]
        return rules.model_copy(update={"unsupported": (*rules.unsupported, *everywhere.unsupported)})
    return rules


@cache
def _kubernetes() -> _Kubernetes:
    return _Kubernetes.model_validate(_read("kubernetes.yaml"))


def kind_rules(kind: str) -> KindRules:
    """The rules of a kind of Kubernetes object."""
    return _kubernetes().kinds.get(kind, KindRules())


def is_pruned(kind: str) -> bool:
    """Whether `kubectl apply --prune` deletes objects of the kind."""
    return kind in _kubernetes().pruned.kinds


def _is_below(path: str, ancestor: str) -> bool:
    """Whether a path is the other one or below it; or above it, as when a whole object is replaced by a reference."""
    return f"{path}/".startswith(f"{ancestor}/") or f"{ancestor}/".startswith(f"{path}/")


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((_HERE / name).read_text(encoding="utf-8"))
    return content
