"""Templates of the shape that CloudFormation demands, whatever was in them: what has another shape is left out, and said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from ops.assembly import Stack

_SECTIONS: Final = ("Resources", "Outputs", "Parameters")
_DEEPEST: Final = 150  # levels; the deepest resource of the samples has 13


def sound(stacks: Sequence[Stack]) -> tuple[list[Stack], tuple[str, ...]]:
    """The stacks without what CloudFormation would refuse for its shape, and what that is, in words."""
    left_out: list[str] = []
    found = [replace(stack, template=_template(stack, left_out)) for stack in stacks]
    return found, tuple(left_out)


def _template(stack: Stack, left_out: list[str]) -> dict[str, Any]:
    template = stack.template if isinstance(stack.template, dict) else {}
    kept = dict(template)
    for section in _SECTIONS:
        if section not in template:
            continue
        content = template[section]
        whole = content if isinstance(content, dict) else {}
        if whole is not content:
            left_out.append(f"{stack.id}: {section} is no mapping and is left out")
        kept[section] = dict(_entries(stack.id, section, whole, left_out))
    return kept


def _entries(stack: str, section: str, content: dict[str, Any], left_out: list[str]) -> Iterator[tuple[str, Any]]:
    for name, body in content.items():
        if not isinstance(body, dict) or (section == "Resources" and not isinstance(body.get("Type"), str)):
            left_out.append(f"{stack}: {name} in {section} has no shape that CloudFormation accepts and is left out")
        elif _is_deeper(body):
            left_out.append(f"{stack}: {name} in {section} is nested too deeply and is left out")
        elif section == "Resources":
            yield name, {key: value for key, value in body.items() if _fits(key, value)}
        elif section == "Outputs" and not isinstance(body.get("Export", {}), dict):
            yield name, {key: value for key, value in body.items() if key != "Export"}
        else:
            yield name, body


def _fits(key: str, value: Any) -> bool:
    """Whether an attribute of a resource has the shape that it needs.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html
    """
    if key in {"Properties", "Metadata", "CreationPolicy", "UpdatePolicy"}:
        return isinstance(value, dict)
    if key == "DependsOn":
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))
    return key not in {"Condition", "DeletionPolicy", "UpdateReplacePolicy"} or isinstance(value, str)


def _is_deeper(value: Any) -> bool:
    """Whether objects and lists are nested more deeply than anything sensible. Without recursion, which they would exhaust."""
    layer = [value]
    for _ in range(_DEEPEST):
        layer = [
            inner
            for one in layer
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return False
    return True
