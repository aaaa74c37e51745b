"""What the CDK CLI prints, and the line of it that a person has to read."""

from __future__ import annotations

import re
from typing import Final

_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_NOISE: Final = re.compile(
    r"Subprocess exited with error|^$|^INFO |^Acknowledge with|^NOTICES?\b|^Synthesis finished with errors$"
)


def plain(line: str) -> str:
    """A line without its colours."""
    return _ANSI.sub("", line)


def telling(output: str) -> list[str]:
    """The lines that say something, without their colours and indentation."""
    lines = (plain(line).strip() for line in output.splitlines())
    return [line for line in lines if not _NOISE.search(line)]
