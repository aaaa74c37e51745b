"""What became of each value of an imported file, so that none is lost silently.

A field is a leaf: a text at the end of a path of keys. Each has exactly one outcome. Whoever reads a value marks its path; what
nobody marked is lost, with a note that says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Path = tuple[str | int, ...]


class Outcome(StrEnum):
    """What became of a field."""

    CARRIED = "carried over"
    GUESSED = "carried over with a guess"
    LOST = "not carried over"
    IDLE = "means nothing at run time"


@dataclass(frozen=True)
class Note:
    """One thing that was not carried over, why, and what to do instead."""

    path: Path
    problem: str
    remedy: str


@dataclass(frozen=True)
class Count:
    """How many fields have which outcome; those that mean nothing at run time are counted apart."""

    carried: int = 0
    guessed: int = 0
    lost: int = 0
    idle: int = 0

    @property
    def meant(self) -> int:
        """The fields that mean something at run time."""
        return self.carried + self.guessed + self.lost

    def __add__(self, other: Count) -> Count:
        return Count(
            self.carried + other.carried,
            self.guessed + other.guessed,
            self.lost + other.lost,
            self.idle + other.idle,
        )


@dataclass
class Ledger:
    """The outcomes of one document's fields. A deeper mark counts before one above it."""

    marks: dict[Path, Outcome] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def mark(self, path: Path, outcome: Outcome) -> None:
        self.marks[path] = outcome

    def lose(self, path: Path, problem: str, remedy: str) -> None:
        self.marks[path] = Outcome.LOST
        note = Note(path, problem, remedy)
        if note not in self.notes:
            self.notes.append(note)

    def settle(self, value: Any, path: Path = ()) -> None:
        """Lose what nobody marked, as few notes as possible."""
        reached = {mark[:length] for mark in self.marks for length in range(len(mark) + 1)}
        self._settle(value, path, reached)

    def _settle(self, value: Any, path: Path, reached: set[Path]) -> None:
        if path in self.marks or next(leaves(value), None) is None:
            return
        if path not in reached:
            self.lose(path, "is not known here", "look for its meaning in docs/manifest.md")
            return
        for key, child in children(value):
            self._settle(child, (*path, key), reached)

    def count(self, value: Any, path: Path = ()) -> Count:
        """The outcomes of a settled value's fields."""
        found = [self._outcome(leaf) for leaf in leaves(value, path)]
        return Count(
            found.count(Outcome.CARRIED),
            found.count(Outcome.GUESSED),
            found.count(Outcome.LOST),
            found.count(Outcome.IDLE),
        )

    def _outcome(self, leaf: Path) -> Outcome:
        for length in range(len(leaf), -1, -1):
            if leaf[:length] in self.marks:
                return self.marks[leaf[:length]]
        return Outcome.LOST


class View:
    """A value of the file, and the path that leads to it."""

    def __init__(self, value: Any, ledger: Ledger, path: Path = ()) -> None:
        self.value = value
        self.ledger = ledger
        self.path = path

    def __bool__(self) -> bool:
        return self.value is not None

    @property
    def key(self) -> str:
        return str(self.path[-1])

    @property
    def text(self) -> str:
        """The value if it is text, else ''."""
        return self.value if isinstance(self.value, str) else ""

    def at(self, *keys: str | int) -> View:
        """The value below these keys; of None where there is none."""
        value = self.value
        for key in keys:
            if isinstance(value, dict):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                value = None
        return View(value, self.ledger, (*self.path, *keys))

    def each(self) -> list[View]:
        """The values below this one."""
        return [self.at(key) for key, child in children(self.value) if child is not None]

    def carry(self) -> Any:
        self.ledger.mark(self.path, Outcome.CARRIED)
        return self.value

    def guess(self) -> Any:
        self.ledger.mark(self.path, Outcome.GUESSED)
        return self.value

    def accept(self, *values: str) -> bool:
        """Carry it over if it is one of these texts: what is so here anyway."""
        found = self.text in values and bool(self)
        if found:
            self.carry()
        return found

    def idle(self) -> None:
        self.ledger.mark(self.path, Outcome.IDLE)

    def lose(self, problem: str, remedy: str) -> None:
        """Say that it was not carried over; nothing if it is not there."""
        if self:
            self.ledger.lose(self.path, problem, remedy)


def children(value: Any) -> list[tuple[Any, Any]]:
    """The keys and values of a mapping or a list."""
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all texts in a value; null means 'not set'."""
    if value is None:
        return
    if not isinstance(value, dict | list):
        yield path
    for key, child in children(value):
        yield from leaves(child, (*path, key))


def dotted(path: Path) -> str:
    """A path as comments print it: http.healthcheck.path, ports[0]."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")
