"""A service's image before it is built: the hash that names it, and the copy of its files that is built.

The tag is the content. The hash covers what determines the image and nothing else: paths, bytes, the executable bit and link
targets of the build context, the Dockerfile, the build arguments and the platform. Times, owners, other modes and the clone's
location do not count: the same commit gives the same tag anywhere. Every byte is read each time, since size and time do not
prove that a file is unchanged. CDK's own fingerprint ignores modes and carriage returns, and its cache trusts size and time
(docs/decisions/0011).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from config.build_context import DOCKERFILE, BuildContext, Entry, Kind, read_context, read_folder
from config.errors import ConfigError
from config.settings import Settings

RECIPE: Final = ".service.Dockerfile"
"""The Dockerfile of a copy if it is not the one of the service's folder."""
_RECIPE_IGNORE: Final = f"{RECIPE}.dockerignore"
_VERSION: Final = 1  # of the hashing; a new version gives every image a new tag
_FOLDER_MODE: Final = 0o755
_FILE_MODES: Final = {Kind.FILE: 0o644, Kind.EXECUTABLE: 0o755}


@dataclass(frozen=True)
class ImageSource:
    """What one service's image is made from.

    Attributes:
        context: the files.
        platform: as `docker build --platform` takes it.
        build_arguments: as `docker build --build-arg` takes them.
        recipe: the Dockerfile, if it is not the one of the service's folder as it is (config/recipe.py).
        target: the stage to build; None for the last one.
        label: what the tag begins with, after the platform's prefix, if the repository has images of several containers. No hash
            has the dot that follows.
    """

    context: BuildContext
    platform: str
    build_arguments: Mapping[str, str] = field(default_factory=dict)
    recipe: bytes | None = None
    target: str | None = None
    label: str = ""

    @classmethod
    def of(cls, root: Path, folder: Path, settings: Settings) -> ImageSource:
        """The source of the service in `folder` for an environment. Raises ConfigError for an unusable context."""
        return cls(
            context=read_context(root, folder),
            platform=f"linux/{settings.architecture.value}",
            build_arguments={"BASE_REGISTRY": settings.base_registry},
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hexadecimal, after the label. Raises ConfigError if a file disappeared after the context was read."""
        described = {
            "version": _VERSION,
            "platform": self.platform,
            "build_arguments": dict(self.build_arguments),
            "dockerfile": self._dockerfile(),
            "context": [(entry.path, entry.kind, self._content(entry)) for entry in self.context.entries],
        }
        if self.recipe is not None:
            # Another copy than that of the same files with their own Dockerfile, so another name.
            described["recipe"] = RECIPE
        if self.target:
            described["target"] = self.target
        found = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
        return f"{self.label}.{found}" if self.label else found

    def _dockerfile(self) -> str:
        if self.recipe is not None:
            return hashlib.sha256(self.recipe).hexdigest()
        return self._content(Entry(DOCKERFILE, Kind.FILE, str(self.context.folder / DOCKERFILE)))

    @property
    def staged_dockerfile(self) -> str | None:
        """The Dockerfile's name in the copy; None if it is the usual one."""
        return None if self.recipe is None else RECIPE

    @property
    def staged_name(self) -> str:
        """Name of the copy in the cloud assembly, as CDK would name it."""
        return f"asset.{self.digest}"

    def stage(self, assembly: Path) -> None:
        """Puts the copy that the image is built from into the cloud assembly.

        It holds the context, the Dockerfile and the ignore file, with the modes of a clone under umask 022, since COPY keeps
        modes. A copy is right if its hash is its name; an existing one is checked too.
        """
        target = assembly / self.staged_name
        if self._is_right(target):
            return
        assembly.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".staging-", dir=assembly))
        try:
            copy = scratch / self.context.folder.name
            self._copy_to(copy)
            if not self._is_right(copy):
                raise self._changed()
            shutil.rmtree(target, ignore_errors=True)
            copy.rename(target)
        finally:
            shutil.rmtree(scratch)

    def _copy_to(self, folder: Path) -> None:
        folder.mkdir()
        folder.chmod(_FOLDER_MODE)
        for entry in (*self.context.entries, *self._beside()):
            target = folder / entry.path
            try:
                _copy(entry, target)
            except FileNotFoundError:
                raise self._changed() from None
        if self.recipe is not None:
            self._write_recipe(folder, self.recipe)

    def _beside(self) -> list[Entry]:
        """What the builder itself reads and the image does not get."""
        if self.recipe is not None:
            return []
        return [entry for entry in self.context.builder_files if entry.path not in self._paths]

    def _write_recipe(self, folder: Path, recipe: bytes) -> None:
        """The Dockerfile under a name of our own, with an ignore file beside it that lets in the whole copy but the two."""
        own = {RECIPE: recipe, _RECIPE_IGNORE: f"{RECIPE}\n{_RECIPE_IGNORE}\n".encode()}
        for name, content in own.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(_FILE_MODES[Kind.FILE])

    @cached_property
    def _paths(self) -> frozenset[str]:
        return frozenset(entry.path for entry in self.context.entries)

    def _is_right(self, copy: Path) -> bool:
        if not copy.is_dir():
            return False
        try:
            return self._read_back(copy).digest == self.digest
        except (ConfigError, OSError):
            return False

    def _read_back(self, copy: Path) -> ImageSource:
        """The source that a copy is."""
        if self.recipe is None:
            return replace(self, context=read_context(copy, copy))
        context = read_folder(copy, copy, self.context.name, copy / _RECIPE_IGNORE, _RECIPE_IGNORE)
        return replace(self, context=context, recipe=(copy / RECIPE).read_bytes())

    def _content(self, entry: Entry) -> str:
        """An entry's content: the hash of a file, the target of a link."""
        if entry.kind is Kind.FOLDER:
            return ""
        if entry.kind is Kind.LINK:
            return entry.target
        try:
            with Path(entry.source).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise self._changed() from None

    def _changed(self) -> ConfigError:
        return ConfigError(self.context.name or ".", "folder", "changed while it was being read", "try again")


def _copy(entry: Entry, target: Path) -> None:
    if entry.kind is Kind.LINK:
        target.symlink_to(entry.target)
    elif entry.kind is Kind.FOLDER:
        target.mkdir()
        target.chmod(_FOLDER_MODE)
    else:
        # With its time, as a `docker build` by hand would send it: httpd, for example, derives ETags from it.
        shutil.copyfile(entry.source, target)
        found = Path(entry.source).stat()
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
        target.chmod(_FILE_MODES[entry.kind])
