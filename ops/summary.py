"""What a synth produced, for a person: stacks, images, addresses. Reads a cloud assembly and nothing else."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ops.pipe import end_with_the_reader

Json = dict[str, Any]


def summarize(assembly: Path) -> str:
    """Lists the assembly's stacks with their resources, its images with their tags, and the addresses to be.

    Args:
        assembly: a folder that `cdk synth` wrote.

    Raises:
        FileNotFoundError: there is no assembly.
    """
    artifacts: dict[str, Json] = _read(assembly / "manifest.json")["artifacts"]
    stacks = {
        name: _read(assembly / artifact["properties"]["templateFile"])
        for name, artifact in sorted(artifacts.items())
        if artifact["type"] == "aws:cloudformation:stack"
    }
    lines = [f"Stacks ({len(stacks)})"]
    for name, template in stacks.items():
        count = len(template["Resources"])
        noun = "resource " if count == 1 else "resources"
        lines.append(f"  {name:<16} {count:>3} {noun}  {template.get('Description', '')}")
    lines += ["", "Images"]
    lines += [f"  {image}" for image in _images(assembly, artifacts)] or ["  none"]
    lines += ["", "Addresses (known when deployed)"]
    lines += [f"  {name:<16} {_readable(url)}" for name, url in _urls(stacks)] or ["  none"]
    return "\n".join(lines)


def _read(path: Path) -> Json:
    content: Json = json.loads(path.read_text(encoding="utf-8"))
    return content


def _images(assembly: Path, artifacts: dict[str, Json]) -> list[str]:
    # From the manifest, not from what lies in the folder: an earlier synth may have left files of other stacks.
    manifests = [
        _read(assembly / artifact["properties"]["file"])
        for artifact in artifacts.values()
        if artifact["type"] == "cdk:asset-manifest"
    ]
    return sorted(
        f"{destination['repositoryName']}:{destination['imageTag']}"
        for assets in manifests
        for image in assets.get("dockerImages", {}).values()
        for destination in image["destinations"].values()
    )


def _urls(stacks: dict[str, Json]) -> list[tuple[str, Any]]:
    return [
        (name, template["Outputs"]["Url"]["Value"])
        for name, template in stacks.items()
        if "Url" in template.get("Outputs", {})
    ]


def _readable(value: Any) -> str:
    """A CloudFormation value with what only the deployment knows shown as a word in angle brackets."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(_readable(part) for part in parts)
    return "<load balancer>"


def main(arguments: list[str] | None = None) -> int:
    """Prints the summary of an assembly."""
    parser = argparse.ArgumentParser(prog="python -m ops.summary", description=__doc__)
    parser.add_argument("assembly", type=Path, nargs="?", default=Path("cdk.out"))
    assembly: Path = parser.parse_args(arguments).assembly
    try:
        print(summarize(assembly))
    except FileNotFoundError:
        print(f"{assembly}: there is no cloud assembly; write one with: make synth", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    end_with_the_reader()
    sys.exit(main())
