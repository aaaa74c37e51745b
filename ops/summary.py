"""Summarizes a synth: its stacks, images and addresses. Reads only the cloud assembly."""

from __future__ import annotations

from ops import references
from ops.assembly import Assembly


def summarize(assembly: Assembly) -> str:
    """Lists the assembly's stacks with their resources, its images with their tags, and the addresses that services will have."""
    stacks = sorted(assembly.stacks, key=lambda stack: stack.id)
    lines = [f"Stacks ({len(stacks)})"]
    for stack in stacks:
        count = len(stack.resources)
        noun = "resource " if count == 1 else "resources"
        lines.append(f"  {stack.id:<16} {count:>3} {noun}  {stack.template.get('Description', '')}")
    lines += ["", "Images"]
    lines += sorted(f"  {image.repository}:{image.tag}" for image in assembly.images()) or ["  none"]
    lines += ["", "Addresses (known when deployed)"]
    urls = [(stack.id, stack.outputs["Url"]["Value"]) for stack in stacks if "Url" in stack.outputs]
    lines += [f"  {name:<16} {references.text(url, _unknown)}" for name, url in urls] or ["  none"]
    return "\n".join(lines)


def _unknown(_function: str, _value: object) -> str:
    """The load balancer's name is the only part of an address that is unknown before the deployment."""
    return "<load balancer>"
