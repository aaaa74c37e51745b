"""Keeps the fidelity tables in docs/emulator.md what the installed emulator and the templates make it."""

from __future__ import annotations

import platform
from pathlib import Path

from ops.assembly import Assembly
from ops.errors import OpsError
from ops.local.cdk import Cli
from ops.local.filter import filter_stacks, known_types
from ops.local.project import Project
from ops.local.report import fidelity_markdown
from ops.say import Say

DOCUMENT = Path("docs/emulator.md")
BEGIN = "<!-- fidelity: written by `python -m ops fidelity` -->"
END = "<!-- end of fidelity -->"
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


def current(assembly: Assembly) -> str:
    """The tables for a synthesized assembly."""
    return fidelity_markdown(filter_stacks(assembly.stacks, known_types()))


def replaced(document: str, tables: str) -> str:
    """The document with its tables exchanged; OpsError where its markers are missing."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise OpsError(f"{DOCUMENT}: the lines {BEGIN} and {END} are missing; put them where the tables belong")
    return f"{head}{BEGIN}\n{tables}{END}{tail}"


def update_from(project: Path, assembly: Path) -> bool:
    """Write the tables for an assembly into the document; True where that changed it."""
    path = project / DOCUMENT
    before = path.read_text()
    after = replaced(before, current(Assembly(assembly)))
    path.write_text(after)
    return before != after


def update(project: Project, say: Say) -> bool:
    """Synthesize, then `update_from`."""
    project.workspace.prepare()
    with say.phase("synthesize"):
        architecture = ARCHITECTURES.get(platform.machine(), "amd64")
        cli = Cli(project.root, project.workspace, project.target, None)
        cli.synth({"env": project.environment, "architecture": architecture}, project.assembly)
    return update_from(project.root, project.assembly)
