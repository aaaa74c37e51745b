"""The Kubernetes objects inside a template, and what a change of them interrupts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.changes.differences import differences
from ops.changes.model import Interruption
from ops.changes.rules import Occasion, is_pruned, kind_rules
from ops.references import Pointer, Text

APPLIED: Final = "Custom::AWSCDK-EKS-KubernetesResource"
_MANIFEST: Final = "Manifest"


@dataclass(frozen=True, order=True)
class Key:
    """What identifies an object in a cluster. The version of its API does not."""

    kind: str
    name: str
    namespace: str = ""
    group: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class ObjectChange:
    """What happens to one object of a resource that is updated.

    Attributes:
        key: the object.
        occasion: add, update or remove.
        paths: the fields that change.
        interruption: what users notice.
        why: why they do.
        refused: the immutable field that changes, if any: the API server refuses that.
        holds: what is lost if it is removed.
        stays: True if it leaves the manifest but not the cluster.
    """

    key: Key
    occasion: Occasion
    paths: tuple[str, ...] = ()
    interruption: Interruption = Interruption.NONE
    why: str = ""
    refused: str = ""
    holds: str = ""
    stays: bool = False


def objects_of(properties: Any) -> dict[Key, Any]:
    """The objects that a resource applies. References inside are text. Empty if the manifest cannot be read."""
    manifest = properties.get(_MANIFEST) if isinstance(properties, Mapping) else None
    if isinstance(manifest, Text):
        manifest = manifest.inside_json()
    try:
        listed = json.loads(manifest) if isinstance(manifest, str) else []
    except ValueError:
        return {}
    found = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return {_key(item): item for item in found}


def object_changes(before: Any, after: Any, moved: tuple[Pointer, ...] = ()) -> Iterator[ObjectChange]:
    """What happens to each object when a resource's properties change; `moved` are references to replaced resources."""
    was, will_be = objects_of(before), objects_of(after)
    prunes = isinstance(after, Mapping) and "PruneLabel" in after
    for key in sorted({*was, *will_be}):
        if key not in will_be:
            yield _removed(key, prunes=prunes)
        elif key not in was:
            yield ObjectChange(key=key, occasion="add")
        else:
            paths = tuple("/".join(d.path) for d in differences(was[key], will_be[key]))
            if not paths and any(str(pointer) in json.dumps(will_be[key], ensure_ascii=False) for pointer in moved):
                paths = ("spec",)
            if paths:
                yield _changed(key, "update", paths)


def _removed(key: Key, *, prunes: bool) -> ObjectChange:
    if not (prunes and is_pruned(key.kind)):
        return ObjectChange(key=key, occasion="remove", stays=True)
    return _changed(key, "remove", ())


def _changed(key: Key, occasion: Occasion, paths: tuple[str, ...]) -> ObjectChange:
    rules = kind_rules(key.kind)
    noticed = [rule for rule in rules.interrupts if rule.applies(occasion, paths)]
    worst = max(noticed, key=lambda rule: rule.interruption, default=None)
    refused = [field for field in rules.immutable if any(f"{path}/".startswith(f"{field}/") for path in paths)]
    return ObjectChange(
        key=key,
        occasion=occasion,
        paths=paths,
        interruption=worst.interruption if worst else Interruption.NONE,
        why=worst.why if worst else "",
        refused=refused[0] if refused else "",
        holds=rules.holds if occasion == "remove" else "",
    )


def _key(item: Mapping[str, Any]) -> Key:
    metadata = item.get("metadata")
    names = metadata if isinstance(metadata, dict) else {}
    group, slash, _ = str(item.get("apiVersion", "")).partition("/")
    return Key(
        kind=str(item.get("kind", "")),
        name=str(names.get("name", "")),
        namespace=str(names.get("namespace", "")),
        group=group if slash else "",
    )
