"""Follows symbolic links one step at a time, so that none leaves the project along the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MOST_LINKS: Final = 40  # in a row, as on Linux; more is a loop


class BadLink(ValueError):  # noqa: N818  # a fact about a link; the caller knows its name and reports it
    """A link that cannot be part of an image; the text says why."""


@dataclass(frozen=True)
class Destination:
    """Where a link ends.

    Attributes:
        path: the real path; it need not exist if the link stays.
        stays: whether it never leaves its tree, so it means the same wherever the tree is copied.
    """

    path: Path
    stays: bool


def follow(link: Path, *, root: Path, tree: Path) -> Destination:
    """Follows a link, and the links on its way.

    Args:
        link: the link, in a real folder of `tree`.
        root: the project, a real path that no step may leave.
        tree: the folder that is copied as a whole, a real path in `root`.

    Raises:
        BadLink: it is absolute, leaves the project, points to nothing outside its tree, or never ends.
    """
    at, ahead, links, stays = link.parent, [link.name], 0, True
    while ahead:
        step = ahead.pop()
        at = at.parent if step == ".." else at / step
        if at.is_symlink():
            links += 1
            target = at.readlink()
            _check(target, links)
            ahead += reversed(target.parts)
            at = at.parent
        if not at.is_relative_to(root):
            raise BadLink("points outside the project")
        stays = stays and at.is_relative_to(tree)
    if not (stays or at.exists()):
        raise BadLink("points to nothing")
    return Destination(at, stays)


def _check(target: Path, links: int) -> None:
    if target.is_absolute():
        # Even one into the project: in another clone it would point elsewhere.
        raise BadLink("is absolute, so it points outside the project or works only on this machine")
    if links > _MOST_LINKS:
        raise BadLink("loops back to itself")
