"""A template in a form that a reviewer can read, and that does not change with a hash or a library's version.

References become the resource that they point to, Kubernetes objects are written as objects. Content hashes and the insides
of CDK's own functions are left out: they change with every build and say nothing about the platform. Logical ids stay, since
a changed one replaces the resource.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from tests.stacks.templates import KUBERNETES, Assembly

_HASHES = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "<content>"),
    (re.compile(r"prune-[0-9a-f]{42}\b"), "prune-<path>"),
    (re.compile(r"(?<=[A-Za-z0-9])[0-9A-F]{32}Parameter\b"), "<content>Parameter"),
)
# All functions and layers are CDK's own: their code, runtime and wording come with its version.
_OF_THE_LIBRARY = {
    "AWS::Lambda::Function": ("Code", "Runtime", "Description", "Handler", "Layers", "MemorySize", "Timeout"),
    "AWS::Lambda::LayerVersion": ("Content", "Description", "LicenseInfo"),
}


def normalised(assembly: Assembly, stack: str) -> str:
    """The stack as YAML with sorted keys."""
    content = {
        "Description": assembly.templates[stack]["Description"],
        "Outputs": assembly.outputs(stack),
        "Resources": {r.id: _resource(assembly, stack, r.body) for r in assembly.resources(stack=stack)},
    }
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=True, width=120, allow_unicode=True)
    return without_hashes(text)


def without_hashes(text: str) -> str:
    """The text with every content hash, and nothing else, replaced."""
    for pattern, replacement in _HASHES:
        text = pattern.sub(replacement, text)
    return text


def _resource(assembly: Assembly, stack: str, body: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in body.items() if key not in {"Metadata", "Properties"}}
    properties = assembly.resolve(stack, body.get("Properties", {}))
    if body["Type"] == KUBERNETES:
        properties["Manifest"] = json.loads(properties["Manifest"])
    hidden = _OF_THE_LIBRARY.get(body["Type"], ())
    return {**kept, "Properties": {key: value for key, value in properties.items() if key not in hidden}}


class _Dumper(yaml.SafeDumper):
    """Writes a repeated object in full each time, instead of an anchor and aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
