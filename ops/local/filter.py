"""Makes a copy of the cloud assembly that the emulator can deploy, and lists what it had to drop.

Stacks do not depend on the emulator. Instead, resources of unknown types are dropped from a copy, then resources that refer
to them, in other stacks too, then dangling outputs and DependsOn. Known types are read from the installed package, so an
update of the emulator narrows the gap without a change here. Two values are rewritten: the registry that images are pulled
from, and the one attribute (a VPC's CidrBlock) that the emulator cannot look up. Containers of one task are put in the order in
which they start.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import references
from ops.assembly import Assembly, Stack
from ops.local import sidecars
from ops.references import Output

# Custom resources whose function the emulator runs as AWS does; those of CDK serve what it lacks.
RUN_HERE = frozenset({"Custom::BeforeDeploy"})
SERVING_ONLY_OTHERS = ("AWS::Lambda::Function", "AWS::Lambda::LayerVersion")
# Known types that the emulator refuses if they have a certain property: type, property, reason.
REFUSED_FORMS = (("AWS::CloudWatch::Alarm", "Metrics", "metric math"),)
PLACEHOLDER = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
VALIDATION_REPORT = "validation-report.json"  # about the complete templates; synth has acted on it
PLACEHOLDER_ID = "EverythingLeftOut"


@dataclass(frozen=True, order=True)
class Dropped:
    """A resource dropped from the emulator's copy, or an entry dropped from a list in one (then `type` names the list too).

    `because` is empty if the type itself is unknown; else it names the dropped thing referred to, or the refused form.
    """

    stack: str
    type: str
    logical_id: str
    because: str = ""


def known_types() -> frozenset[str]:
    """Resource types that the installed emulator can deploy."""
    provisioners = importlib.import_module("ministack.services.cloudformation.provisioners")
    return frozenset(provisioners._RESOURCE_HANDLERS) | RUN_HERE


def write_filtered(source: Path, target: Path, *, known: frozenset[str], registry: str) -> list[Dropped]:
    """Copy the assembly `source` to `target` without what the emulator lacks; returns what was dropped, sorted.

    `registry` is where the emulator's images are pulled from, e.g. localhost:4566. `target` is replaced.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for entry in source.iterdir():  # staged sources can be large and never change: link, do not copy
        if entry.is_dir() or entry.suffix == ".zip":
            (target / entry.name).symlink_to(entry.resolve())
        elif entry.name != VALIDATION_REPORT:
            shutil.copyfile(entry, target / entry.name)
    stacks = Assembly(source).stacks
    dropped = filter_stacks(stacks, known)
    for stack in stacks:
        sidecars.prepare(stack)
        blocks = _literal_cidr_blocks(stack.resources)
        stack.template = references.replaced(stack.template, registry=registry, attributes=blocks)
        (target / stack.template_file).write_text(json.dumps(stack.template, indent=1))
    _follow_in_assets(target, stacks)
    return dropped


def filter_stacks(stacks: list[Stack], known: frozenset[str]) -> list[Dropped]:
    """Remove unknown resources, and those that refer to them, from the templates in place; returns what was removed, sorted."""
    dropped: list[Dropped] = []
    gone_outputs: set[Output] = set()  # stack or "", output or export name
    changed = True
    while changed:
        changed = False
        for stack in stacks:
            for logical_id, because in _to_drop(stack, known, gone_outputs, dropped):
                dropped.append(Dropped(stack.id, stack.resources.pop(logical_id)["Type"], logical_id, because))
                changed = True
            lost = _lose_outputs(stack, gone_outputs)
            changed = changed or bool(lost)
            gone_outputs |= lost
    for stack in stacks:
        _clean_depends_on(stack)
        _drop_idle_parameters(stack)
        if not stack.resources:
            stack.resources[PLACEHOLDER_ID] = dict(PLACEHOLDER)
    return sorted(dropped)


def _to_drop(
    stack: Stack, known: frozenset[str], gone_outputs: set[Output], dropped: list[Dropped]
) -> list[tuple[str, str]]:
    gone = Gone({entry.logical_id for entry in dropped if entry.stack == stack.id}, gone_outputs)
    found = []
    for logical_id, resource in stack.resources.items():
        refused = next((why for kind, key, why in REFUSED_FORMS if _has(resource, kind, key)), "")
        if resource["Type"] not in known or refused:
            found.append((logical_id, refused))
            continue
        trimmed = Trim(gone)
        kept = trimmed.apply(resource.get("Properties", {}))
        if kept is Trim.NOTHING:
            found.append((logical_id, trimmed.because))
        elif trimmed.paths:
            resource["Properties"] = kept
            for path in trimmed.paths:
                dropped.append(Dropped(stack.id, f"{resource['Type']} {path}", logical_id, trimmed.because))
    return found or _idle_helpers(stack, dropped)


def _has(resource: Mapping[str, Any], kind: str, key: str) -> bool:
    return resource["Type"] == kind and key in resource.get("Properties", {})


@dataclass(frozen=True)
class Gone:
    """Dropped resources and outputs to which a stack may still refer."""

    logical_ids: set[str]
    outputs: set[Output]

    def in_(self, node: Any) -> str:
        """The first of these that a node refers to; empty if there is none."""
        names = sorted(references.names(node) & self.logical_ids)
        outputs = [
            f"{producer}.{output}"
            for producer, output in references.outputs_used(node)
            if (producer, output) in self.outputs
        ]
        return (names + outputs + [""])[0]


class Trim:
    """Removes references to dropped things from a resource's properties, and as little else as possible.

    In a list only the entry goes (one alarm of several, one statement of a policy). A value outside a list, or the last entry
    of one, takes its parent along; if that reaches the top, the whole resource goes.
    """

    NOTHING = object()

    def __init__(self, gone: Gone) -> None:
        self._gone = gone
        self.paths: list[str] = []
        self.because = ""

    def apply(self, node: Any, path: str = "") -> Any:
        """The node without references to dropped things, or NOTHING."""
        lost = self._gone.in_(node)
        if not lost:
            return node
        self.because = self.because or lost
        if isinstance(node, list):
            kept = [value for value in (self.apply(entry, path) for entry in node) if value is not self.NOTHING]
            if kept and len(kept) < len(node):
                self.paths.append(path)
            return kept or self.NOTHING
        if not isinstance(node, dict) or references.is_reference(node):
            return self.NOTHING
        found = {}
        for key, value in node.items():
            found[key] = self.apply(value, f"{path}.{key}".lstrip("."))
            if found[key] is self.NOTHING:
                return self.NOTHING
        return found


def _idle_helpers(stack: Stack, dropped: list[Dropped]) -> list[tuple[str, str]]:
    """Lambda functions and layers that nothing refers to any more: they only served dropped resources."""
    if not any(entry.stack == stack.id for entry in dropped):
        return []
    used: set[str] = set()
    for logical_id, resource in stack.resources.items():
        used |= references.names(resource.get("Properties", {})) - {logical_id}
    return [
        (logical_id, "its only users")
        for logical_id, resource in stack.resources.items()
        if resource["Type"] in SERVING_ONLY_OTHERS and logical_id not in used
    ]


def _lose_outputs(stack: Stack, already: set[Output]) -> set[Output]:
    """Remove outputs that refer to dropped resources; returns the names under which other stacks read them."""
    outputs = stack.template.get("Outputs", {})
    there = set(stack.resources) | set(stack.template.get("Parameters", {}))
    lost: set[Output] = set()
    for key in [key for key, output in outputs.items() if _dangling(output, there, already)]:
        export = outputs.pop(key).get("Export", {}).get("Name")
        lost.add((stack.name, key))
        if isinstance(export, str):
            lost.add(("", export))
    return lost


def _dangling(node: Any, there: set[str], gone_outputs: set[Output]) -> bool:
    names = {name for name in references.names(node) if not name.startswith("AWS::")}
    return bool(names - there) or any(used in gone_outputs for used in references.outputs_used(node))


def _clean_depends_on(stack: Stack) -> None:
    for resource in stack.resources.values():
        declared = resource.get("DependsOn")
        if declared is None:
            continue
        kept = [name for name in ([declared] if isinstance(declared, str) else declared) if name in stack.resources]
        if kept:
            resource["DependsOn"] = kept
        else:
            del resource["DependsOn"]


def _drop_idle_parameters(stack: Stack) -> None:
    """Remove parameters that only served dropped resources, e.g. the SSM lookup of a NAT instance's machine image."""
    sections = [content for section, content in stack.template.items() if section != "Parameters"]
    used = set().union(*(references.names(section) for section in sections))
    parameters = stack.template.get("Parameters", {})
    for name in [name for name in parameters if name not in used]:
        del parameters[name]


def _literal_cidr_blocks(resources: Mapping[str, Any]) -> dict[Output, str]:
    found = {}
    for logical_id, resource in resources.items():
        block = resource.get("Properties", {}).get("CidrBlock")
        if resource["Type"] == "AWS::EC2::VPC" and isinstance(block, str):
            found[logical_id, "CidrBlock"] = block
    return found


def _follow_in_assets(target: Path, stacks: list[Stack]) -> None:
    """Make the asset manifests name the filtered templates by their new hash, and leave out files no longer used."""
    assembly = Assembly(target)
    everything = "".join((target / stack.template_file).read_text() for stack in stacks)
    digests = {}
    for stack in stacks:
        digest = hashlib.sha256((target / stack.template_file).read_bytes()).hexdigest()
        digests[stack.template_file] = digest
        properties = assembly.manifest["artifacts"][stack.id]["properties"]
        url = properties.get("stackTemplateAssetObjectUrl", "")
        properties["stackTemplateAssetObjectUrl"] = f"{url.rpartition('/')[0]}/{digest}.json"
    for file, content in assembly.asset_manifests():
        content["files"] = {
            key: _renamed(entry, digests[path]) if path in digests else entry
            for key, entry in content.get("files", {}).items()
            if (path := entry["source"].get("path")) in digests or key in everything
        }
        file.write_text(json.dumps(content, indent=1))
    assembly.write_manifest()


def _renamed(entry: dict[str, Any], digest: str) -> dict[str, Any]:
    destinations = {
        key: {**destination, "objectKey": f"{digest}.json"} for key, destination in entry["destinations"].items()
    }
    return {**entry, "destinations": destinations}
