"""A template's values in a form that people can read and that no hash changes: references are the resource that they point to,
JSON inside of text is structure, lists without an order are sorted, and lines look like YAML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from config.errors import one_line
from ops.assembly import Stack
from ops.changes.sentences import readable
from ops.references import Call, Pointer, Text, Values

_MASKS: Final = (
    (re.compile(r"(:(?:ecs|eks)-(?:sidecar\.[a-z0-9-]+\.)?)[0-9a-f]{64}\b"), r"\1…"),
    (re.compile(r"\b[0-9a-f]{64}(?=\.(?:zip|json)\b)"), "…"),
    (re.compile(r"\bprune-[0-9a-f]{42}\b"), "prune-…"),
    (re.compile(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}\b"), r"\1"),
)
_SHORTEST_HASH: Final = 32
_SHORT: Final = 60  # characters of texts that templates repeat
# Of metadata, what CDK adds for itself.
_OF_CDK: Final = ("aws:cdk:", "aws:asset:", "cdk_nag")
# Lists whose order means nothing to the service that reads them.
_UNORDERED: Final = frozenset(
    {
        "DependsOn",
        "Tags",
        "Environment",
        "Secrets",
        "Statement",
        "Action",
        "NotAction",
        "Resource",
        "ManagedPolicyArns",
        "SecurityGroups",
        "SecurityGroupIds",
        "SecurityGroupIngress",
        "SecurityGroupEgress",
        "TargetGroupAttributes",
        "LoadBalancerAttributes",
        "Dimensions",
        "policyTypes",
    }
)
_MOST_NESTED: Final = 3  # JSON in text in JSON in text
_PLAIN: Final = re.compile(r"[A-Za-z0-9_/<$.…(][^:#\n]*(?::(?! )[^:#\n]*)*(?<! )")
_AMBIGUOUS: Final = re.compile(
    r"true|false|null|yes|no|on|off|~|[-+.]?[0-9][0-9_.,eE+-]*|0[xo][0-9a-f]+", re.IGNORECASE
)

Read = Callable[[str], str]


def masked(text: str) -> str:
    """The text without the hashes of images, assets and prune labels, which change with content that is elsewhere."""
    if len(text) < _SHORTEST_HASH:
        return text
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def structured(value: Any, read: Read = masked, nested: int = 0) -> Any:
    """The value with text for references and structure for JSON in text; `read` is applied to every text."""
    if isinstance(value, str):
        return _text(value, read, nested)
    if isinstance(value, dict):
        return {read(str(key)): _entry(key, inner, read, nested) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [structured(inner, read, nested) for inner in value]
    if isinstance(value, Text):
        return _text(value.inside_json(named) if _begins_json(value.parts[0]) else named(value), read, nested)
    if isinstance(value, Pointer | Call):
        return read(named(value))
    return value


def named(value: Any) -> str:
    """A reference as text, without the hashes that CDK appends to logical ids; other text as it is."""
    if isinstance(value, Pointer):
        return readable(str(value))
    if isinstance(value, Call):
        return f"<{value.function} {named(value.argument)}>"
    if isinstance(value, tuple):
        return ", ".join(named(inner) for inner in value)
    return "".join(map(named, value.parts)) if isinstance(value, Text) else str(value)


def _begins_json(part: Any) -> bool:
    return isinstance(part, str) and part.lstrip()[:1] in {"{", "["}


def _text(text: str, read: Read, nested: int) -> Any:
    if nested < _MOST_NESTED and _begins_json(text) and text.rstrip()[-1:] in {"}", "]"}:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return read(text)
        if found and isinstance(found, dict | list):
            return structured(found, read, nested + 1)
    return read(text)


def _entry(key: Any, value: Any, read: Read, nested: int) -> Any:
    found = structured(value, read, nested)
    if key == "Manifest" and isinstance(found, list):
        return _by_name(found)
    return sorted(found, key=_sortable) if key in _UNORDERED and isinstance(found, list) else found


def _by_name(objects: list[Any]) -> Any:
    """Kubernetes objects by kind and name, if each has its own."""
    found = {
        f"{item.get('kind')} {item['metadata'].get('name')}": item
        for item in objects
        if isinstance(item, dict) and isinstance(item.get("metadata"), dict)
    }
    return found if len(found) == len(objects) else objects


def _sortable(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


class Normaliser:
    """Normalises the resources of one side."""

    def __init__(self, stacks: Mapping[str, Stack], values: Values) -> None:
        self._stacks = stacks
        self._values = values

    def value(self, stack: str, node: Any, read: Read = masked, *, json_as_text: bool = False) -> Any:
        """A node of the template of a stack."""
        return structured(self._values.of(stack, node), read, _MOST_NESTED if json_as_text else 0)

    def properties(self, stack: str, kinds: tuple[str, ...] = ()) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Logical id, type and properties of a stack's resources of some types, or of all; hashes and JSON are as they are."""
        for name, body in self._stacks[stack].resources.items() if stack in self._stacks else ():
            if not kinds or body["Type"] in kinds:
                found = self.value(stack, body.get("Properties", {}), str, json_as_text=True)
                yield name, body["Type"], found if isinstance(found, dict) else {}

    def resource(self, stack: str, body: Any) -> Any:
        """A resource without CDK's metadata."""
        return self.value(stack, without_metadata(body))


def without_metadata(body: Any) -> Any:
    """A resource or template without what CDK notes in its metadata."""
    if not isinstance(body, dict) or "Metadata" not in body:
        return body
    noted = body["Metadata"]
    kept = (
        {key: value for key, value in noted.items() if not str(key).startswith(_OF_CDK)}
        if isinstance(noted, dict)
        else noted
    )
    return {key: value for key, value in body.items() if key != "Metadata"} | ({"Metadata": kept} if kept else {})


def lines(value: Any) -> list[str]:
    """The value line by line, as YAML has it, with sorted keys."""
    found: list[str] = []
    _write(value, "", "", found)
    return found


def _write(value: Any, lead: str, indent: str, found: list[str]) -> None:
    """Appends the lines of a value: `lead` begins the first one, and `indent` those of its parts."""
    if isinstance(value, dict) and value:
        for key in sorted(value, key=str):
            _write_entry(f"{lead}{_scalar(str(key))}:", value[key], indent, found)
            lead = indent
    elif isinstance(value, list) and value:
        for inner in value:
            _write(inner, f"{lead}- ", f"{indent}  ", found)
            lead = indent
    elif isinstance(value, str) and "\n" in value.rstrip("\n"):
        found.append(f"{lead}|")
        found.extend(f"{indent}  {one_line(line)}" for line in value.split("\n"))
    else:
        found.append(f"{lead}{_scalar(value)}")


def _write_entry(lead: str, value: Any, indent: str, found: list[str]) -> None:
    if isinstance(value, dict | list) and value:
        found.append(lead)
        _write(value, f"{indent}  ", f"{indent}  ", found)
    else:
        _write(value, f"{lead} ", indent, found)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value) if len(value) <= _SHORT else _quoted.__wrapped__(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int) else json.dumps(value, default=str)


@lru_cache(maxsize=20_000)
def _quoted(text: str) -> str:
    """A text in quotation marks, if it needs them."""
    if _PLAIN.fullmatch(text) and not _AMBIGUOUS.fullmatch(text) and text.isprintable():
        return text
    return one_line(json.dumps(text, ensure_ascii=False))
