"""What of a Dockerfile the platform has to know: its stages, and where to add to it.

Follows BuildKit's own parser (frontend/dockerfile/parser/parser.go and instructions/parse.go): comments, continued lines, the
escape directive, here-documents. https://github.com/moby/buildkit/blob/master/frontend/dockerfile/docs/reference.md has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

_DIRECTIVE: Final = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_FROM: Final = re.compile(r"FROM(?:\s+--\S+)*\s+(?P<base>[^\s-]\S*)(?:\s+AS\s+(?P<name>\S+))?\s*", re.IGNORECASE)
_ARG: Final = re.compile(r"ARG\s+(?P<names>.+)", re.IGNORECASE | re.DOTALL)
# https://github.com/moby/buildkit/blob/master/frontend/dockerfile/docs/reference.md, "Predefined ARGs"
_KNOWN_WITHOUT_ARG: Final = re.compile(r"(HTTPS?|FTP|NO|ALL)_PROXY|BUILDKIT_\w+|SOURCE_DATE_EPOCH", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::?[-+][^}]*)?\}|(\w+))")
_TAKES_DOCUMENTS: Final = re.compile(r"\s*(?:RUN|COPY|ADD)\s", re.IGNORECASE)
_DOCUMENT: Final = re.compile(r"(?:^|\s)\d*<<(-?)([\"']?)([A-Za-z0-9_][\w.-]*)\2(?=\s|$|[|>&;])")

# Names of the stages that the platform adds.
_FOLDERS: Final = "container-services-folders"
_IMAGE: Final = "container-services-image"


@dataclass(frozen=True)
class Stage:
    """One FROM.

    Attributes:
        name: as written after AS, or None.
        last_line: number of the last line of its FROM instruction, from 0.
        base: what it is built on, as written: an image or a stage.
    """

    name: str | None
    last_line: int
    base: str = ""


@dataclass(frozen=True)
class Folder:
    """A folder that a container may write to: a volume, since the root is read-only.

    Attributes:
        path: its full path in the container.
        owner: user and group, in numbers.
        mode: permissions, in octal.
    """

    path: str
    owner: str
    mode: str


@dataclass(frozen=True)
class Dockerfile:
    """The text of a Dockerfile."""

    text: str

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Its stages, in order."""
        return tuple(self._stages())

    @cached_property
    def arguments(self) -> frozenset[str]:
        """The build arguments that its ARG instructions name."""
        found = (_ARG.fullmatch(instruction) for _, instruction in self._instructions())
        return frozenset(re.split(r"[=\s]", word)[0] for match in found if match for word in match["names"].split())

    def base(self, target: str | None = None, arguments: Mapping[str, str] | None = None) -> str:
        """The image below a stage (None: the last) and the stages that it is built on, with the values of build arguments.

        Empty if there is no such stage.
        """
        values = {**self._defaults, **(arguments or {})}
        found = ""
        for stage in reversed(self.stages):  # a stage can only be built on an earlier one
            if found.lower() == (stage.name or "").lower() if found else target in {None, stage.name}:
                found = _VARIABLE.sub(lambda name: values.get(name[1] or name[2], name[0]), stage.base)
        return found

    @cached_property
    def _defaults(self) -> dict[str, str]:
        """What ARG instructions before the first FROM give build arguments: only these count in FROM."""
        first = self.stages[0].last_line if self.stages else 0
        found = (_ARG.fullmatch(text) for number, text in self._instructions() if number < first)
        words = [word.partition("=") for match in found if match for word in match["names"].split()]
        return {name: value.strip("\"'") for name, given, value in words if given}

    def takes(self, argument: str) -> bool:
        """Whether a build argument means something in it; Docker ignores all others."""
        return argument in self.arguments or _KNOWN_WITHOUT_ARG.fullmatch(argument) is not None

    @cached_property
    def _lines(self) -> list[str]:
        return re.split(r"(?<=\n)", self.text.replace("\r\n", "\n"))

    def _stages(self) -> Iterator[Stage]:
        for last_line, instruction in self._instructions():
            match = _FROM.fullmatch(instruction)
            if match:
                yield Stage(match["name"], last_line, match["base"])

    def _instructions(self) -> Iterator[tuple[int, str]]:
        """Each instruction in one line, with the number of its last line."""
        continued = re.compile(rf"{re.escape(self._escape)}[ \t]*$")
        held, number = "", 0
        while number < len(self._lines):
            line = self._lines[number].rstrip("\n")
            if line.strip() and not line.lstrip().startswith("#"):
                held += continued.sub("", line)
                if not continued.search(line):
                    yield number, held.strip()
                    number = self._after_documents(held, number)
                    held = ""
            number += 1
        if held:
            yield number - 1, held.strip()

    def _after_documents(self, instruction: str, number: int) -> int:
        """The last line of the here-documents that an instruction begins."""
        if not _TAKES_DOCUMENTS.match(instruction):
            return number
        for tabs, _, word in _DOCUMENT.findall(instruction):
            at = number + 1
            while at < len(self._lines):
                line = self._lines[at].rstrip("\n")
                if (line.lstrip("\t") if tabs else line) == word:
                    number = at
                    break
                at += 1
        return number

    @property
    def _escape(self) -> str:
        for line in self._lines:
            match = _DIRECTIVE.fullmatch(line.rstrip("\n"))
            if match is None:
                break
            if match[1].lower() == "escape":
                return match[2]
        return "\\"

    def with_folders(self, folders: Sequence[Folder], target: str | None) -> str:
        """The text with lines at its end that make the image of a stage (None: the last) with volumes that a user may write to.

        Fargate mounts an empty volume for root alone unless the image declares one at the same path, whose mode and owner it
        then keeps. The lines need no shell and no particular user in the image: a stage from nothing has the folders, and COPY
        sets their owner and mode, also where the image has them already.
        """
        if not self.stages:
            return self.text
        text, name = (self.text, target) if target else self._with_last_stage_named()
        return "\n".join([text.rstrip("\n"), "", *_added(folders, name), ""])

    def _with_last_stage_named(self) -> tuple[str, str]:
        last = self.stages[-1]
        if last.name:
            return self.text, last.name
        lines = list(self._lines)
        lines[last.last_line] = f"{lines[last.last_line].rstrip()} AS {_IMAGE}\n"
        return "".join(lines), _IMAGE


def from_image(image: str, folders: Sequence[Folder]) -> str:
    """The Dockerfile of an existing image with volumes that a user may write to."""
    return "\n".join([f"FROM {image} AS {_IMAGE}", "", *_added(folders, _IMAGE), ""])


def _added(folders: Sequence[Folder], stage: str) -> Iterator[str]:
    yield "# Added by the platform: folders that the container may write to."
    yield f"FROM scratch AS {_FOLDERS}"
    for number, folder in enumerate(folders):
        yield f"WORKDIR /{number}/{_split(folder.path)[1]}"
    yield f"FROM {stage}"
    for number, folder in enumerate(folders):
        # The folder above is copied, not the folder: COPY leaves the owner of what it copies into as it is.
        above, _ = _split(folder.path)
        yield f"COPY --from={_FOLDERS} --chown={folder.owner} --chmod={folder.mode} /{number}/ {above}"
    volumes = ", ".join(f'"{folder.path}"' for folder in folders)
    yield f"VOLUME [{volumes}]"


def _split(path: str) -> tuple[str, str]:
    above, _, name = path.rpartition("/")
    return f"{above}/", name
