"""What `docker build services/<name>` would send to the builder, found without asking Docker; or another folder of the project.

The ignore file decides, and nothing is added to it. Only links differ from Docker, on purpose: a link within its folder stays a
link, a link to another folder of the project (shared code) becomes the files that it points to, and a link out of the project is
refused. Entries that are excluded may link anywhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from config.discovery import SERVICES
from config.dockerignore import BadPattern, Hits, IgnoreRules
from config.errors import ConfigError, shown
from config.links import BadLink, follow

DOCKERFILE: Final = "Dockerfile"
OWN_IGNORE_FILE: Final = f"{DOCKERFILE}.dockerignore"
"""Takes precedence over .dockerignore. https://docs.docker.com/build/concepts/context/#filename-and-location"""
IGNORE_FILE: Final = ".dockerignore"
_FOR_THE_BUILDER: Final = (DOCKERFILE, OWN_IGNORE_FILE, IGNORE_FILE)


class Kind(StrEnum):
    """What an entry is in the image. Git keeps no mode but the executable bit, so no other one counts."""

    FILE = "file"
    EXECUTABLE = "executable"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True)
class Entry:
    """One path of the context.

    Attributes:
        path: in the context, with slashes.
        kind: what it is.
        source: where its content is; outside the service's folder if a link points there.
        target: the text of a link.
    """

    path: str
    kind: Kind
    source: str
    target: str = ""


@dataclass(frozen=True)
class BuildContext:
    """A service's folder as its image's build sees it.

    Attributes:
        name: the folder, relative to the project's root, as in messages; empty for the root itself.
        folder: the folder itself.
        entries: sorted by path.
        ignore_file: the file whose rules were applied, relative to the project's root; empty for a context of nothing.
        rules: those rules.
    """

    name: str
    folder: Path
    entries: tuple[Entry, ...]
    ignore_file: str
    rules: IgnoreRules

    @classmethod
    def of_nothing(cls, name: str, folder: Path) -> BuildContext:
        """The context of an image that is built from no file of the project."""
        return cls(name, folder, (), "", IgnoreRules(b"*\n"))

    @property
    def builder_files(self) -> tuple[Entry, ...]:
        """The files that the builder itself reads, whether or not they are part of the context."""
        found = [name for name in _FOR_THE_BUILDER if (self.folder / name).is_file()]
        return tuple(Entry(name, Kind.FILE, str(self.folder / name)) for name in found)


def read_context(root: Path, folder: Path) -> BuildContext:
    """The build context of a service's folder in the project at `root`.

    Raises:
        ConfigError: .dockerignore has a bad line, or an entry points outside, is not a file, or cannot be read.
    """
    name = f"{SERVICES}/{folder.name}"
    ignore_file = OWN_IGNORE_FILE if (folder / OWN_IGNORE_FILE).is_file() else IGNORE_FILE
    return read_folder(root, folder, name, folder / ignore_file, f"{name}/{ignore_file}", kept=_FOR_THE_BUILDER)


def read_folder(
    root: Path, folder: Path, name: str, ignore_file: Path, ignore_name: str, *, kept: Collection[str] = ()
) -> BuildContext:
    """The build context of any folder of the project.

    Args:
        root: the project.
        folder: the folder.
        name: as messages call it, relative to the project.
        ignore_file: the file whose rules apply.
        ignore_name: as messages call it.
        kept: names of files at the top that must not stay links.

    Raises:
        ConfigError: as above.
    """
    rules = _rules(ignore_file, ignore_name)
    top = os.path.realpath(folder)
    walk = _Walk(os.path.realpath(root), name, rules, remedy=f"exclude it in {ignore_name}", kept=frozenset(kept))
    return BuildContext(name, folder, walk.entries(top), ignore_name, rules)


def _rules(file: Path, name: str) -> IgnoreRules:
    try:
        return IgnoreRules(file.read_bytes())
    except BadPattern as bad:
        problem = f"is {shown(bad.line)}, which Docker does not accept as a pattern"
        remedy = "write a path with *, ?, ** or [a-z], or remove it"
        raise ConfigError(name, f"line {bad.number}", problem, remedy) from None
    except OSError as error:
        raise ConfigError(name, "file", f"cannot be read ({error.strerror})", "make it readable") from None


@dataclass(frozen=True)
class _Walk:
    root: str
    name: str
    rules: IgnoreRules
    remedy: str
    kept: frozenset[str]

    def entries(self, top: str) -> tuple[Entry, ...]:
        """All entries of the service's real folder, sorted by path."""
        with self._telling(""):
            found = self._below(top, "", self.rules.at_the_top, tree=top, around=(top,))
            return tuple(sorted(found, key=lambda entry: entry.path))

    def _below(self, folder: str, path: str, hits: Hits, *, tree: str, around: tuple[str, ...]) -> Iterator[Entry]:
        """The entries below a real folder that is `path` in the context.

        `tree` is the real folder that a link must not leave to stay a link; `around` holds the real folders that are being read.
        """
        for name in sorted(entry.name for entry in Path(folder).iterdir()):
            inside = f"{path}/{name}" if path else name
            with self._telling(inside):
                yield from self._entry(folder, name, inside, hits, tree=tree, around=around)

    def _entry(
        self, folder: str, name: str, path: str, hits: Hits, *, tree: str, around: tuple[str, ...]
    ) -> Iterator[Entry]:
        left_out, hits = self.rules.decide(path, hits)
        if not left_out and not _is_utf8(path):
            raise self._fault(path, "file", "has a name that is not UTF-8, which Docker does not accept", "rename it")
        source = f"{folder}/{name}"
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            if left_out and not self.rules.names_below(path):
                return
            destination = follow(Path(source), root=Path(self.root), tree=Path(tree))
            if destination.stays and path not in self.kept:
                if not left_out:
                    # As written: Path.readlink() would normalize it.
                    yield Entry(path, Kind.LINK, source, os.readlink(source))  # noqa: PTH115
                return
            source = tree = str(destination.path)
            mode = os.lstat(source).st_mode
        if stat.S_ISDIR(mode):
            yield from self._folder(source, path, hits, left_out=left_out, tree=tree, around=around)
        elif not left_out:
            yield self._file(source, path, mode)

    def _folder(
        self, source: str, path: str, hits: Hits, *, left_out: bool, tree: str, around: tuple[str, ...]
    ) -> Iterator[Entry]:
        # Docker, too, skips an excluded folder that it cannot read.
        if left_out and not (self.rules.may_bring_back(path) and os.access(source, os.R_OK | os.X_OK)):
            return
        if source in around:
            raise BadLink("loops back to itself")
        entries = list(self._below(source, path, hits, tree=tree, around=(*around, source)))
        # Docker sends an excluded folder if something in it is included.
        if entries or not left_out:
            yield Entry(path, Kind.FOLDER, source)
        yield from entries

    def _file(self, source: str, path: str, mode: int) -> Entry:
        if not stat.S_ISREG(mode):
            raise self._fault(path, "file", "is a socket, a pipe or a device")
        if not os.access(source, os.R_OK):
            raise self._fault(path, "file", "cannot be read", "make it readable")
        return Entry(path, Kind.EXECUTABLE if mode & stat.S_IXUSR else Kind.FILE, source)

    @contextmanager
    def _telling(self, path: str) -> Iterator[None]:
        """Turns any fault of an entry into one line about it."""
        try:
            yield
        except BadLink as bad:
            remedy = "link to something in the project by a relative path, replace the link with a real file or folder"
            raise self._fault(path, "link", str(bad), remedy) from None
        except OSError as error:
            raise self._fault(path, "file", f"cannot be read ({error.strerror})", "make it readable") from None

    def _fault(self, path: str, field: str, problem: str, remedy: str = "remove it") -> ConfigError:
        return ConfigError(f"{self.name}/{path}".strip("/"), field, problem, f"{remedy}, or {self.remedy}")


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
