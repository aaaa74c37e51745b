"""The base of a review in git: which commit, and a worktree of it for as long as it is synthesized. Tracked files, the index and
branches stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ops.errors import OpsError
from ops.process import Finished, capture

_MAIN: Final = ("main", "origin/main", "master", "origin/master")
_REMEDY: Final = "name a base: --base REF, or --base FOLDER with an output of cdk synth"


class Repository:
    """The git repository of the project's folder."""

    def __init__(self, root: Path) -> None:
        """Raises OpsError, with exit code 2, if git is missing or the folder is in no repository."""
        self._root = root
        top = self._git("rev-parse", "--show-toplevel")
        if not top.ok:
            raise OpsError(f"{root.resolve().name}: {top.last_line()}; {_REMEDY}", exit_code=2)
        # The project may be a folder of a larger repository.
        self._top = Path(top.out.strip())
        self._below = root.resolve().relative_to(self._top.resolve())

    def commit(self, ref: str) -> str | None:
        """The commit that a ref names; None if it names none."""
        found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return found.out.strip() if found.ok else None

    def merge_base(self) -> tuple[str, str]:
        """The commit at which this checkout left main, with the name of the branch that it is measured against.

        Of a local and a remote main, the one that this checkout left last. Raises OpsError, with exit code 2, if there is none.
        """
        found = [(base, ref) for ref in _MAIN if self.commit(ref) and (base := self._merge_base(ref))]
        if not found:
            raise OpsError(f"there is no branch main that this checkout comes from; {_REMEDY}", exit_code=2)
        latest = found[0]
        for one in found[1:]:
            if one[0] != latest[0] and self._git("merge-base", "--is-ancestor", latest[0], one[0]).ok:
                latest = one
        return latest

    def short(self, commit: str) -> str:
        """A commit as people write it."""
        return self._git("rev-parse", "--short", commit).out.strip() or commit[:7]

    @contextmanager
    def worktree(self, commit: str, folder: Path) -> Iterator[Path]:
        """The project's folder in a worktree of the commit, which is removed at the end. Raises OpsError if git refuses."""
        made = self._git("worktree", "add", "--detach", "--force", "--quiet", str(folder), commit)
        if not made.ok:
            raise OpsError(f"git cannot check out {self.short(commit)}: {made.last_line()}; {_REMEDY}")
        try:
            yield folder / self._below
        finally:
            self._git("worktree", "remove", "--force", str(folder))

    def _merge_base(self, ref: str) -> str:
        found = self._git("merge-base", ref, "HEAD")
        return found.out.strip() if found.ok else ""

    def _git(self, *arguments: str) -> Finished:
        # A hook, such as post-checkout, is meant for what a person does.
        return capture(["git", "-c", f"core.hooksPath={os.devnull}", *arguments], cwd=self._root)
