"""Files in a build context that no image needs but that change its tag. They get a notice, since nothing is excluded silently."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from config.build_context import BuildContext
from config.discovery import EXTRA, MANIFEST
from config.dockerignore import Pattern

UNWANTED: Final = (
    MANIFEST,
    EXTRA,
    "tests",
    ".git",
    "**/.venv",
    "**/__pycache__",
    "**/*.pyc",
    "**/.*_cache",
    "**/.DS_Store",
)
"""Lines for a .dockerignore."""


def unwanted_lines(context: BuildContext) -> list[str]:
    """The lines missing from .dockerignore that would exclude something today.

    Whatever a line brings back by name (`!tests`) is wanted.
    """
    missing, seen = [], set[str]()
    for line in UNWANTED:
        pattern = Pattern(line, brings_back=False)
        found = {entry.path for entry in context.entries if pattern.matches(entry.path)}
        found = {path for path in found if not (context.rules.asks_for(path) or _is_below(path, seen))}
        seen |= found
        if found:
            missing.append(line)
    return missing


def notice(context: BuildContext) -> str | None:
    """One line about the unwanted files; None if there are none."""
    lines = unwanted_lines(context)
    if not lines:
        return None
    problem = f"{context.ignore_file} lets in files that change the image's tag and are of no use in it"
    return f"{problem}: add {' '.join(lines)}, one per line (or !{lines[0]}, to keep it)"


def _is_below(path: str, folders: set[str]) -> bool:
    return any(str(parent) in folders for parent in PurePosixPath(path).parents)
