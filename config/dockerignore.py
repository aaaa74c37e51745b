"""Which entries of a folder `docker build` sends to the builder, decided by .dockerignore as BuildKit reads it.

Follows BuildKit's own sources: moby/patternmatcher (patternmatcher.go, ignorefile/ignorefile.go) for lines and patterns,
tonistiigi/fsutil (filter.go) for how a folder's outcome affects its entries. docker-py's reader differs: it ignores case,
knows no escapes, always keeps .dockerignore itself, and compares fewer parents.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from posixpath import normpath
from typing import Final

_BYTE_ORDER_MARK: Final = "\ufeff"
# Go's unicode.IsSpace; str.strip() without arguments also strips four control characters.
_SPACE: Final = "".join(chr(c) for c in range(0x3001) if chr(c).isspace() and not 0x1C <= c <= 0x1F)
_WILDCARD: Final = re.compile(r"[*?\[\]\\]")
# What Go's filepath.Match accepts: Docker refuses a build whose .dockerignore contains anything else.
# A backslash before a letter means one thing to filepath.Match and another in the regular expression made from it: refused too.
_IN_BRACKETS: Final = r"(?:\\[^a-zA-Z0-9]|[^\\\]-])"
_VALID: Final = re.compile(rf"(?:\\[^a-zA-Z0-9]|\[\^?+(?:{_IN_BRACKETS}(?:-{_IN_BRACKETS})?)+\]|[^\\\[])*", re.DOTALL)
_TOKEN: Final = re.compile(r"\*\*/?|\\.|.", re.DOTALL)

Hits = tuple[bool, ...]
"""For each pattern, whether it matched a folder or one of its parents."""


class BadPattern(ValueError):  # noqa: N818  # a fact about a line; the caller knows the file and reports it
    """A line that Docker would not accept. `number` counts from 1."""

    def __init__(self, number: int, line: str) -> None:
        self.number = number
        self.line = line
        super().__init__(f"line {number}: {line}")


@dataclass(frozen=True)
class Pattern:
    """One line: a path with wildcards, and whether it brings back (`!`) what earlier lines exclude."""

    text: str
    brings_back: bool

    @property
    def is_valid(self) -> bool:
        """Whether Docker would accept it."""
        if not self.text or not _VALID.fullmatch(self.text):
            return False
        try:
            return self._expression is not None
        except re.error:
            return False

    def matches(self, path: str) -> bool:
        """Whether it matches this very path; what that means for a folder's entries is up to the rules."""
        before, stars, after = self.text.partition("**")
        if not _WILDCARD.search(self.text):
            return path == self.text
        if stars and not before and not _WILDCARD.search(after):
            return path.endswith(after) or (after.startswith("/") and path == after[1:])
        if stars and not after and not _WILDCARD.search(before):
            return path.startswith(before)
        return self._expression.fullmatch(path) is not None

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # `[[` means the same here as in Go
            return re.compile("".join(self._translated()))

    def _translated(self) -> Iterator[str]:
        for token in _TOKEN.finditer(self.text):
            piece = token.group()
            if piece.startswith("**"):
                yield ".*" if token.end() == len(self.text) else "(?:.*/)?"
            elif piece.startswith("\\"):
                yield re.escape(piece[1:])
            elif piece in "*?":
                yield {"*": "[^/]*", "?": "[^/]"}[piece]
            else:
                yield piece if piece in "[]^-" else re.escape(piece)

    def names_below(self, folder: str) -> bool:
        """Whether it begins with this folder's name, wildcards aside."""
        return self._literal_beginning.startswith(f"{folder}/")

    def may_match_below(self, folder: str) -> bool:
        """Whether it could match anything below this folder."""
        beginning = self._literal_beginning
        return self.names_below(folder) or (beginning != self.text and f"{folder}/".startswith(beginning))

    @cached_property
    def _literal_beginning(self) -> str:
        return _WILDCARD.split(self.text, maxsplit=1)[0]


class IgnoreRules:
    """A .dockerignore, applied from the top of the folder downwards."""

    def __init__(self, content: bytes) -> None:
        """Reads the file's bytes. Raises BadPattern for the first line that Docker would refuse."""
        self._patterns = tuple(_patterns(content.decode("utf-8", "surrogateescape")))
        self._exceptions = tuple(pattern for pattern in self._patterns if pattern.brings_back)

    @property
    def at_the_top(self) -> Hits:
        """The `around` that `decide` needs for entries at the top."""
        return (False,) * len(self._patterns)

    def decide(self, path: str, around: Hits) -> tuple[bool, Hits]:
        """Whether `path` is excluded, and what to pass for the entries below it. `around` is its folder's outcome."""
        left_out = False
        hits: list[bool] = []
        for pattern, inherited in zip(self._patterns, around, strict=True):
            # As in BuildKit, a pattern is tried only if it would change the outcome; one not tried is no hit for entries below.
            hit = inherited or (pattern.brings_back is left_out and pattern.matches(path))
            hits.append(hit)
            if hit:
                left_out = not pattern.brings_back
        return left_out, tuple(hits)

    def may_bring_back(self, folder: str) -> bool:
        """Whether anything below an excluded folder may be part of the context."""
        return any(pattern.may_match_below(folder) for pattern in self._exceptions)

    def names_below(self, path: str) -> bool:
        """Whether a line brings back something below this path by name."""
        return any(pattern.names_below(path) for pattern in self._exceptions)

    def asks_for(self, path: str) -> bool:
        """Whether a line brings back this very path, or something below it, by name and not along with its neighbors."""
        neighbor = f"{path.rpartition('/')[0]}/\0".removeprefix("/")  # no file has such a name
        by_name = any(p.matches(path) and not p.matches(neighbor) for p in self._exceptions)
        return by_name or self.names_below(path)


def _patterns(text: str) -> Iterator[Pattern]:
    for number, line in enumerate(text.removeprefix(_BYTE_ORDER_MARK).split("\n"), start=1):
        path = _cleaned(_without_leading_slash(line))
        if not path or line.startswith("#"):
            continue
        brings_back = path.startswith("!")
        pattern = Pattern(path.removeprefix("!"), brings_back)
        if not pattern.is_valid:
            raise BadPattern(number, line.strip(_SPACE))
        yield pattern


def _without_leading_slash(line: str) -> str:
    """The line as ignorefile.go returns it."""
    path = line.strip(_SPACE)
    mark = "!" if path.startswith("!") else ""
    path = _cleaned(path.removeprefix("!"))
    return mark + (path[1:] if len(path) > 1 and path.startswith("/") else path)


def _cleaned(path: str) -> str:
    """Stripped, then as Go's filepath.Clean leaves it: `/a/../b/` is `/b`."""
    path = path.strip(_SPACE)
    return re.sub("^//", "/", normpath(path)) if path else path
