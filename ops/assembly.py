"""The only reader of a cloud assembly, the output of `cdk synth`: its stacks, asset manifests and images.

Only files that manifest.json names count: the folder may also hold stacks that an earlier synth left behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from config.names import service_of
from config.settings import Platform
from ops.errors import OpsError

Json = dict[str, Any]
_MANIFEST = "manifest.json"


@dataclass
class Stack:
    """A stack of an assembly.

    Attributes:
        id: its name in the assembly, e.g. Ecs-web.
        name: its name in CloudFormation.
        template_file: the template's file name.
        template: the template; changes to it are not written to the file.
    """

    id: str
    name: str
    template_file: str
    template: Json

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
            )
            for identifier, artifact in self._artifacts("aws:cloudformation:stack")
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

    def _artifacts(self, kind: str) -> Iterator[tuple[str, Json]]:
        for identifier, artifact in self.manifest["artifacts"].items():
            if artifact["type"] == kind:
                yield identifier, artifact


def _read(path: Path) -> Json:
    content: Json = json.loads(path.read_text(encoding="utf-8"))
    return content
