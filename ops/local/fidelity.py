"""Keeps the fidelity tables in docs/emulator.md in line with the installed emulator and the templates."""

from __future__ import annotations

from pathlib import Path

from config import documents
from ops.assembly import Assembly
from ops.local.filter import filter_stacks, known_types
from ops.local.report import fidelity_markdown

DOCUMENT = "docs/emulator.md"
PART = "fidelity"  # in the names of the markers


def current(assembly: Assembly) -> str:
    """The tables for a synthesized assembly."""
    return fidelity_markdown(filter_stacks(assembly.stacks, known_types()))


def update_from(project: Path, assembly: Path) -> bool:
    """Write the tables for an assembly into the document; True if that changed it. Raises ConfigError without markers."""
    return documents.update(project, DOCUMENT, {PART: current(Assembly(assembly))})
