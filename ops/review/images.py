"""What becomes of an image: its tag, the image below it, and the files that it is built from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from config.dockerfile import Dockerfile
from config.errors import one_line
from ops.assembly import Assembly, ImageAsset
from ops.review.model import ImageChange, Status
from ops.review.pair import Side

_OWN_TAG: Final = re.compile(r"(?:ecs|eks)-(?:sidecar\.[^.]*\.)?([0-9a-f]{64})")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_SHORT: Final = 12  # characters of a hash, as Docker shows it
# How a Dockerfile begins that the platform wrote for an existing image (config/dockerfile.py).
_EXISTING: Final = re.compile(r"FROM (\S+) AS container-services-image\n\n# Added by the platform:")
_RECIPE: Final = ".service.Dockerfile"
_NAMES: Final = {_RECIPE: "Dockerfile", f"{_RECIPE}.dockerignore": ".dockerignore"}


def tag_of(image: str) -> str:
    """The tag or digest in an image's address; empty if it has none. Of the platform's own, the hash of what it is made from."""
    name, at, digest = image.partition("@")
    last = name.rpartition("/")[2]
    tag = digest if at else last.partition(":")[2]
    own = _OWN_TAG.fullmatch(tag)
    return own[1] if own else tag


class Images:
    """The images of both sides."""

    def __init__(self, before: Side, after: Side) -> None:
        self._before = _Built(before)
        self._after = _Built(after)

    def change(self, before: str, after: str) -> ImageChange:
        """What becomes of an image, from its addresses then and now; either is empty where there is none."""
        old, new = tag_of(before), tag_of(after)
        was, will_be = self._before.source(old), self._after.source(new)
        known = (was is not None or not before) and (will_be is not None or not after)
        return ImageChange(
            tag_before=_shown(old, was if known else None),
            tag_after=_shown(new, will_be if known else None),
            base_before=was.base if was else "",
            base_after=will_be.base if will_be else "",
            files=_files(was, will_be) if known and old != new else (),
            files_known=known,
        )


class _Source:
    """What an image of an assembly is built from."""

    def __init__(self, folder: Path, asset: ImageAsset) -> None:
        source = asset.source if isinstance(asset.source, Mapping) else {}
        self.folder = folder / str(source.get("directory", ""))
        self._recipe = self.folder / str(source.get("dockerFile") or "Dockerfile")
        target = source.get("dockerBuildTarget")
        arguments = source.get("dockerBuildArgs")
        text = _read(self._recipe)
        named = {str(key): str(value) for key, value in arguments.items()} if isinstance(arguments, Mapping) else {}
        self.base = one_line(Dockerfile(text).base(target if isinstance(target, str) else None, named))
        found = _EXISTING.match(text)
        self.existing = one_line(found[1]) if found else ""


class _Built:
    """The images of one side, by what `tag_of` says of their addresses."""

    def __init__(self, side: Side) -> None:
        self._assembly = side.assembly
        self._assets = dict(_assets(side.assembly)) if side.assembly is not None else {}
        self._sources: dict[str, _Source] = {}

    def source(self, tag: str) -> _Source | None:
        """None if only the tag is known."""
        if self._assembly is None or tag not in self._assets:
            return None
        if tag not in self._sources:
            self._sources[tag] = _Source(self._assembly.folder, self._assets[tag])
        return self._sources[tag]


def _assets(assembly: Assembly) -> Iterator[tuple[str, ImageAsset]]:
    try:
        for asset in assembly.images():
            yield tag_of(f"image:{asset.tag}"), asset
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # an assembly that another tool wrote, or that lost files: only the tags are known


def _shown(tag: str, source: _Source | None) -> str:
    if source is not None and source.existing:
        return _short(tag_of(source.existing))
    return _short(tag)


def _short(tag: str) -> str:
    """A tag or digest with the first characters of its hash."""
    return one_line(_HASH.sub(lambda found: found[0][:_SHORT], tag))


def _files(before: _Source | None, after: _Source | None) -> tuple[tuple[Status, str], ...]:
    """The files that differ, sorted by name; none of an existing image, whose folder only holds what the platform wrote."""
    if any(source is not None and source.existing for source in (before, after)):
        return ()
    old = _contents(before.folder) if before else {}
    new = _contents(after.folder) if after else {}
    found = []
    for name in sorted({*old, *new}):
        if name not in old:
            found.append((Status.ADDED, name))
        elif name not in new:
            found.append((Status.REMOVED, name))
        elif not _same(old[name], new[name]):
            found.append((Status.CHANGED, name))
    return tuple((status, one_line(_NAMES.get(name, name))) for status, name in found)


def _contents(folder: Path) -> Mapping[str, Path]:
    """Every file of a folder and the folders below, by its path there."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}


def _same(old: Path, new: Path) -> bool:
    """Whether both are the same to a build: links by their target, files by bytes and executable bit."""
    try:
        if old.is_symlink() or new.is_symlink():
            return old.is_symlink() and new.is_symlink() and old.readlink() == new.readlink()
        was, will_be = old.stat(), new.stat()
        if was.st_size != will_be.st_size or (was.st_mode ^ will_be.st_mode) & 0o100:
            return False
        return old.read_bytes() == new.read_bytes()
    except OSError:
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def unchanged(image: ImageChange) -> bool:
    """True if nothing of an image changes."""
    return (image.tag_before, image.base_before) == (image.tag_after, image.base_after) and not image.files
