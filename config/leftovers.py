"""What lies in a build context that no image wants, and that changes its tag: worth a line, since nothing is left out unasked."""

from __future__ import annotations

from typing import Final

from config.build_context import BuildContext
from config.discovery import MANIFEST
from config.dockerignore import IgnoreRules

UNWANTED: Final = (
    MANIFEST,
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
    """The lines that .dockerignore lacks, as far as they matter today.

    What a line brings back by its own name (`!tests`) is wanted.
    """
    missing = []
    ahead = [entry.path for entry in context.entries if not context.rules.asks_for(entry.path)]
    for line in UNWANTED:
        rules = IgnoreRules(line.encode())
        rest = [path for path in ahead if not _leaves_out(rules, path)]
        if len(rest) < len(ahead):
            missing.append(line)
        ahead = rest
    return missing


def notice(context: BuildContext) -> str | None:
    """One line about them; None where there is nothing to say."""
    lines = unwanted_lines(context)
    if not lines:
        return None
    file = f"{context.name}/{context.ignore_file}"
    problem = f"{file} lets in what changes the image's tag and is no use in the image"
    return f"{problem}: add {' '.join(lines)}, a line each (or !{lines[0]}, to keep it)"


def _leaves_out(rules: IgnoreRules, path: str) -> bool:
    parts = path.split("/")
    hits = rules.at_the_top
    left_out = False
    for depth in range(1, len(parts) + 1):
        left_out, hits = rules.decide("/".join(parts[:depth]), hits)
    return left_out
