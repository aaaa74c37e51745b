"""The only reader of a cloud assembly, the output of `cdk synth`: its stacks, asset manifests and images.

Only files that manifest.json names count: the folder may also hold stacks that an earlier synth left behind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from config.names import service_of
from config.settings import Platform
from ops.errors import OpsError

Json = dict[str, Any]
_MANIFEST = "manifest.json"
_STACK = "aws:cloudformation:stack"
_REPORT = "validation-report.json"
_ACKNOWLEDGED = "aws:cdk:acknowledged-rules"
_ID = "aws:cdk:logicalId"
_SOURCE = re.compile(r"^[A-Za-z-]+::")  # of a finding, as in Annotation::AwsSolutions-ECS2
UNKNOWN_PLACE: Final = "aws://unknown-account/unknown-region"


@dataclass
class Stack:
    """A stack of an assembly.

    Attributes:
        id: its name in the assembly, e.g. Ecs-web.
        name: its name in CloudFormation.
        template_file: the template's file name.
        template: the template; changes to it are not written to the file.
        tags: the tags that CloudFormation puts on the stack's resources.
        protected: whether CloudFormation refuses to delete the stack.
        place: account and region, e.g. aws://123456789012/eu-central-1; either may be unknown.
        needs: ids of the stacks that the CLI deploys before this one.
    """

    id: str
    name: str
    template_file: str
    template: Json
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    place: str = UNKNOWN_PLACE
    needs: frozenset[str] = frozenset()

    @property
    def resources(self) -> Json:
        """Resources by logical id."""
        return self.template.setdefault("Resources", {})  # type: ignore[no-any-return]

    @property
    def outputs(self) -> Json:
        """Outputs by key."""
        return self.template.get("Outputs", {})  # type: ignore[no-any-return]

    def of_type(self, kind: str) -> list[Json]:
        """The resources of a type."""
        return [resource for resource in self.resources.values() if resource["Type"] == kind]


@dataclass(frozen=True)
class ImageAsset:
    """An image to be published under a tag.

    Attributes:
        hash: hash of everything that goes into it.
        source: how to build it, as in the asset manifest.
        repository: name of the repository.
        tag: the tag there.
    """

    hash: str
    source: Json
    repository: str
    tag: str


@dataclass(frozen=True, order=True)
class Violation:
    """What cdk-nag or CDK's own rules object to.

    Attributes:
        rule: the rule, e.g. AwsSolutions-IAM5[Resource::*].
        construct: path of the construct, e.g. Ecs-web/Task/Definition/Resource.
        description: what the rule says.
    """

    rule: str
    construct: str
    description: str


class Assembly:
    """An output folder of `cdk synth`. Files are read when first needed."""

    def __init__(self, folder: Path) -> None:
        """Raises OpsError, with exit code 2, if the folder holds no assembly."""
        self.folder = folder
        try:
            self.manifest: Json = _read(folder / _MANIFEST)
        except FileNotFoundError:
            raise OpsError(f"{folder}: holds no cloud assembly; run `make synth` to write one", exit_code=2) from None

    @staticmethod
    def is_in(folder: Path) -> bool:
        """True if the folder holds an assembly."""
        return (folder / _MANIFEST).exists()

    def write_manifest(self) -> None:
        """Write `manifest` back to its file."""
        (self.folder / _MANIFEST).write_text(json.dumps(self.manifest, indent=1), encoding="utf-8")

    @cached_property
    def stacks(self) -> list[Stack]:
        """Every stack, in the manifest's order."""
        return [
            Stack(
                identifier,
                artifact["properties"].get("stackName", identifier),
                artifact["properties"]["templateFile"],
                _read(self.folder / artifact["properties"]["templateFile"]),
                tags=artifact["properties"].get("tags", {}),
                protected=artifact["properties"].get("terminationProtection", False),
                place=artifact.get("environment", UNKNOWN_PLACE),
                needs=self._needs(identifier),
            )
            for identifier, artifact in self._artifacts(_STACK)
        ]

    def of_services(self, platform: Platform) -> dict[str, Stack]:
        """The stacks of a platform's services, by service."""
        return {name: stack for stack in self.stacks if (name := service_of(stack.id, platform))}

    def asset_manifests(self) -> Iterator[tuple[Path, Json]]:
        """Every asset manifest with its file, sorted by the file's name."""
        files = {artifact["properties"]["file"] for _, artifact in self._artifacts("cdk:asset-manifest")}
        for file in sorted(files):
            yield self.folder / file, _read(self.folder / file)

    def images(self) -> Iterator[ImageAsset]:
        """Every image, once per destination."""
        for _, content in self.asset_manifests():
            for digest, asset in content.get("dockerImages", {}).items():
                for destination in asset["destinations"].values():
                    yield ImageAsset(digest, asset["source"], destination["repositoryName"], destination["imageTag"])

    def findings(self) -> tuple[Violation, ...]:
        """What the checkers object to, which nothing acknowledges; empty if they did not run."""
        try:
            report = _read(self.folder / _REPORT)
        except (OSError, ValueError):
            return ()
        found = {
            Violation(_text(violation, "ruleName"), _text(construct, "constructPath"), _text(violation, "description"))
            for plugin in _objects(report, "pluginReports")
            for violation in _objects(plugin, "violations")
            for construct in _objects(violation, "violatingConstructs")
        }
        return tuple(sorted(found))

    def acknowledgements(self) -> dict[str, dict[str, str]]:
        """Which rules are acknowledged and why: reasons by construct and by rule, as `findings` names them."""
        found: dict[str, dict[str, str]] = {}
        for construct, kind, data in self._metadata:
            if kind == _ACKNOWLEDGED and isinstance(data, dict):
                rules = {_SOURCE.sub("", str(rule)): str(reason) for rule, reason in data.items()}
                found.setdefault(construct, {}).update(rules)
        return found

    def logical_ids(self) -> dict[str, str]:
        """Logical ids of resources by the path of their construct."""
        return {construct: data for construct, kind, data in self._metadata if kind == _ID and isinstance(data, str)}

    @cached_property
    def _metadata(self) -> list[tuple[str, str, Any]]:
        """Construct, type and data of what CDK noted while it synthesized. Older versions write it into the manifest."""
        found: list[tuple[str, str, Any]] = []
        for identifier, artifact in self._artifacts(_STACK):
            try:
                noted = _read(self.folder / artifact.get("additionalMetadataFile", f"{identifier}.metadata.json"))
            except (OSError, ValueError):
                noted = {}
            for metadata in (noted, artifact.get("metadata")):
                for construct in metadata if isinstance(metadata, dict) else ():
                    path = str(construct).strip("/")
                    found += [
                        (path, entry.get("type", ""), entry.get("data")) for entry in _objects(metadata, construct)
                    ]
        return found

    def _needs(self, identifier: str) -> frozenset[str]:
        """The stacks that the CLI deploys before a stack, whatever it publishes: an asset that is already published, and so the
        order that comes from it, is left out of the CLI's plan (aws-cdk, work-graph.ts, removeUnnecessaryAssets).
        """
        stacks = dict(self._artifacts(_STACK))
        found: set[str] = set()
        ahead = [identifier]
        while ahead:
            needed = set(stacks[ahead.pop()].get("dependencies", ())) & stacks.keys() - found
            found |= needed
            ahead += needed
        return frozenset(found)

    def _artifacts(self, kind: str) -> Iterator[tuple[str, Json]]:
        for identifier, artifact in self.manifest["artifacts"].items():
            if artifact["type"] == kind:
                yield identifier, artifact


def _read(path: Path) -> Json:
    content: Json = json.loads(path.read_text(encoding="utf-8"))
    return content


def _objects(node: Any, key: str) -> list[Json]:
    """The objects in a list; other tools may have written the file."""
    found = node.get(key) if isinstance(node, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _text(node: Json, key: str) -> str:
    return str(node.get(key, ""))
