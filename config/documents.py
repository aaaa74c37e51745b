"""Handwritten documents with generated parts, each between its own two markers:
`<!-- fields: written by `make docs` -->` and `<!-- end of fields -->`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from config.errors import ConfigError


def updated(text: str, parts: Mapping[str, str], file: str, *, target: str = "docs") -> str:
    """The document's text with each named part between its markers, which name the make target that writes it.

    Raises ConfigError if a marker is missing.
    """
    for name, part in parts.items():
        begin, end = f"<!-- {name}: written by `make {target}` -->", f"<!-- end of {name} -->"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ConfigError(file, name, "has no place in the document", f"put {begin} and {end} where it belongs")
        text = f"{head}{begin}\n{part.strip()}\n{end}{tail}"
    return text


def update(root: Path, file: str, parts: Mapping[str, str]) -> bool:
    """Writes the parts into the document; True if that changed it."""
    path = root / file
    before = path.read_text(encoding="utf-8")
    after = updated(before, parts, file)
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after != before


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells may contain any text."""
    rule = "| " + " | ".join(["---"] * len(heads)) + " |"
    return "\n".join([_row(heads), rule, *(_row(row) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;').replace('<', '&lt;') for cell in cells)} |"
