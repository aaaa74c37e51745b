"""Writes a cloud assembly of a test's stacks and images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.assembly import Assembly

REGISTRY = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}"


def image(repository: str, tag: str, **source: Any) -> dict[str, Any]:
    """An image asset as an asset manifest holds it."""
    return {
        "source": {"directory": "asset.a", **source},
        "destinations": {"d": {"repositoryName": repository, "imageTag": tag}},
    }


def write_assembly(
    folder: Path, *, stacks: Mapping[str, Any] | None = None, assets: Mapping[str, Any] | None = None
) -> Assembly:
    """Write templates by stack id and asset manifests by stack id, keeping the files of earlier calls."""
    (folder / "asset.a").mkdir(parents=True, exist_ok=True)
    artifacts: dict[str, Any] = {}
    for name, template in (stacks or {}).items():
        file = f"{name}.template.json"
        (folder / file).write_text(json.dumps(template))
        url = f"s3://bucket/{name}.json"
        properties = {"templateFile": file, "stackName": f"app-{name}", "stackTemplateAssetObjectUrl": url}
        artifacts[name] = {"type": "aws:cloudformation:stack", "properties": properties}
    for name, content in (assets or {}).items():
        file = f"{name}.assets.json"
        (folder / file).write_text(json.dumps(content))
        artifacts[f"{name}.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": file}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return Assembly(folder)
