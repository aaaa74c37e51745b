"""What a synth produced, for a person: stacks, images, addresses. Reads a cloud assembly and nothing else."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def summarize(assembly: Path) -> str:
    """Lists the assembly's stacks with their resources, its images with their tags, and the addresses to be.

    Args:
        assembly: a folder that `cdk synth` wrote.

    Raises:
        FileNotFoundError: there is no assembly.
    """
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    stacks = {
        name: json.loads((assembly / artifact["properties"]["templateFile"]).read_text(encoding="utf-8"))
        for name, artifact in sorted(manifest["artifacts"].items())
        if artifact["type"] == "aws:cloudformation:stack"
    }
    lines = [f"Stacks ({len(stacks)})"]
    for name, template in stacks.items():
        lines.append(f"  {name:<16} {len(template['Resources']):>3} resources  {template.get('Description', '')}")
    lines += ["", "Images"]
    lines += [f"  {image}" for image in _images(assembly)] or ["  none"]
    lines += ["", "Addresses (known when deployed)"]
    lines += [f"  {name:<16} {_readable(url)}" for name, url in _urls(stacks)] or ["  none"]
    return "\n".join(lines)


def _images(assembly: Path) -> list[str]:
    found = set()
    for path in sorted(assembly.glob("*.assets.json")):
        assets = json.loads(path.read_text(encoding="utf-8"))
        for image in assets.get("dockerImages", {}).values():
            for destination in image["destinations"].values():
                found.add(f"{destination['repositoryName']}:{destination['imageTag']}")
    return sorted(found)


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
    sys.exit(main())
