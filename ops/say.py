"""Prints the progress of a command: one line per step, and the time that each phase took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Say:
    """Writes progress to `out`; records how long each phase took, in seconds."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    phases: list[tuple[str, float]] = field(default_factory=list)

    def line(self, text: str = "") -> None:
        self.out.write(f"{text}\n")  # in one piece, as two threads may say something at a time
        self.out.flush()

    def note(self, text: str) -> None:
        self.line(f"    {text}")

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Announce a phase, and its time once it has succeeded."""
        self.line(f"==> {title}")
        started = time.monotonic()
        yield
        took = time.monotonic() - started
        self.phases.append((title, took))
        self.note(f"{took:.1f} s")
