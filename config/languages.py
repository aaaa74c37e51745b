"""The language of a service without a Dockerfile, to say which of docs/dockerfiles.md to paste."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCUMENT: Final = "docs/dockerfiles.md"


@dataclass(frozen=True)
class Language:
    """A language with a Dockerfile in docs/dockerfiles.md.

    Attributes:
        name: as people write it, and the title there.
        marks: files that a service in it has, as patterns of names; the first that is found is told.
    """

    name: str
    marks: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Where its Dockerfile is in the document, as links to titles are written."""
        return self.name.lower().replace(".", "").replace(" ", "-")

    def mark_in(self, folder: Path) -> str | None:
        """The name of the file that gives it away."""
        return next((found for mark in self.marks for found in _names(folder, mark)), None)


LANGUAGES: Final = (
    Language("Python", ("requirements.txt", "pyproject.toml", "Pipfile", "setup.py")),
    Language("Go", ("go.mod",)),
    Language("Java", ("pom.xml", "build.gradle", "build.gradle.kts")),
    Language("Rust", ("Cargo.toml",)),
    Language(".NET", ("*.csproj", "*.fsproj", "*.sln")),
    Language("Ruby", ("Gemfile", "config.ru")),
    Language("PHP", ("composer.json", "index.php")),
    # After those whose projects often have a package.json too, for their pages.
    Language("Node", ("package.json",)),
    Language("Static pages", ("index.html", "public/index.html", "site/index.html")),
)


def language_of(folder: Path) -> tuple[Language, str] | None:
    """The language that a folder's files give away, and the file that does."""
    for language in LANGUAGES:
        mark = language.mark_in(folder)
        if mark:
            return language, mark
    return None


def _names(folder: Path, mark: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob(mark) if path.is_file())
