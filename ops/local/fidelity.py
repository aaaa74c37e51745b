"""Keeps the fidelity tables in docs/emulator.md what the installed emulator and the templates make it."""

from __future__ import annotations

import platform
from pathlib import Path

from config import documents
from ops.assembly import Assembly
from ops.local.cdk import Cli
from ops.local.filter import filter_stacks, known_types
from ops.local.project import Project
from ops.local.report import fidelity_markdown
from ops.say import Say

DOCUMENT = "docs/emulator.md"
PART = "fidelity"  # in the names of the markers
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


def current(assembly: Assembly) -> str:
    """The tables for a synthesized assembly."""
    return fidelity_markdown(filter_stacks(assembly.stacks, known_types()))


def update_from(project: Path, assembly: Path) -> bool:
    """Write the tables for an assembly into the document; True where that changed it. Raises ConfigError without markers."""
    return documents.update(project, DOCUMENT, {PART: current(Assembly(assembly))})


def update(project: Project, say: Say) -> bool:
    """Synthesize, then `update_from`."""
    project.workspace.prepare()
    with say.phase("synthesize"):
        architecture = ARCHITECTURES.get(platform.machine(), "amd64")
        cli = Cli(project.root, project.workspace, project.target, None)
        cli.synth({"env": project.environment, "architecture": architecture}, project.assembly)
    return update_from(project.root, project.assembly)
