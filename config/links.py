"""Where symbolic links lead, one step at a time, so that none leaves the project on its way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MOST_LINKS: Final = 40  # in a row, as on Linux; more is a circle


class BadLink(ValueError):  # noqa: N818  # a fact about a link, told by whoever knows its name
    """A link that cannot be part of an image; the text says why."""


@dataclass(frozen=True)
class Destination:
    """Where a link ends.

    Attributes:
        path: the real path; nothing need be there if the link stays.
        stays: whether it never left the tree that it is in, so that it means the same wherever the tree is copied to.
    """

    path: Path
    stays: bool


def follow(link: Path, *, root: Path, tree: Path) -> Destination:
    """Follows a link, and the links that it leads through.

    Args:
        link: the link, in a real folder of `tree`.
        root: the project, a real path that no step may leave.
        tree: the folder that is copied as a whole, a real path in `root`.

    Raises:
        BadLink: it is absolute, leaves the project, ends nowhere outside its tree, or never ends.
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
            raise BadLink("leads outside the project")
        stays = stays and at.is_relative_to(tree)
    if not (stays or at.exists()):
        raise BadLink("leads nowhere")
    return Destination(at, stays)


def _check(target: Path, links: int) -> None:
    if target.is_absolute():
        # Even into the project: in another clone it would lead elsewhere.
        raise BadLink("is absolute, so that it leads outside the project or holds on this machine only")
    if links > _MOST_LINKS:
        raise BadLink("leads in a circle")
