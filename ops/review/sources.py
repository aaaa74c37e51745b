"""Where the two sides of a review come from: this checkout, a commit, a folder, another environment, or what is deployed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from config.errors import did_you_mean
from config.settings import Settings, environments
from ops.assembly import Assembly
from ops.errors import OpsError
from ops.process import capture, end_children
from ops.review.git import Repository
from ops.review.pair import Side
from ops.review.renaming import prefix_of, under_the_name_of
from ops.review.synthesis import own_python, synthesize
from ops.say import Say

CACHE: Final = Path(".venv", "review")
"""Below the project: the bases that were synthesized, and the logs."""

_PACKAGES: Final = ("requirements.txt", "package-lock.json")
_KEPT: Final = 6  # bases; a few megabytes each


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to compare.

    Attributes:
        root: the project.
        settings: of the environment.
        context: settings of the command line.
        base: a git ref, or a folder with an assembly; empty for the merge base with main.
        against: another environment of this checkout as the base; empty for none.
        deployed: whether the base is what is deployed.
        assembly: a folder with the new side's assembly, instead of synthesizing this checkout.
    """

    root: Path
    settings: Settings
    context: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    against: str = ""
    deployed: bool = False
    assembly: Path | None = None

    @property
    def environment(self) -> str:
        return self.settings.environment


@dataclass(frozen=True)
class Sources:
    """Both sides, and what a reader has to know about them."""

    before: Side
    after: Side
    notes: tuple[str, ...] = ()
    deploys: bool = True
    """Whether the new side is deployed over the old one; two environments exist side by side."""


Base = tuple[Side, tuple[str, ...]]
"""The old side, and what a reader has to know about it."""


def sources(request: Request, say: Say) -> Sources:
    """Both sides. Raises OpsError or ConfigError if one of them cannot be had."""
    make_after = _checkout(request, say)
    if request.deployed:
        after = make_after()
        return comparable(*_deployed(request, after), after)
    make_before = _base(request, say)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(make_before)
        try:
            after = make_after()
            return comparable(*future.result(), after)
        except BaseException:
            end_children()  # else the pool would wait for a synthesis that nobody needs any more
            raise


def comparable(before: Side, notes: tuple[str, ...], after: Side) -> Sources:
    """Two sides, so that their resources pair up: another environment's stacks are read under the name of the new side's."""
    old, new = prefix_of(before.stacks), prefix_of(after.stacks)
    if not old or not new or old == new:
        return Sources(before, after, notes)
    named = replace(before, stacks=under_the_name_of(before.stacks, after.stacks))
    note = (
        f"two environments are compared: {old} is read under the name of {new}, and as neither is deployed over the other, "
        "nothing is said about data and downtime"
    )
    return Sources(named, after, (*notes, note), deploys=False)


def _side(label: str, folder: Path) -> Side:
    assembly = Assembly(folder)
    return Side(label, assembly.stacks, assembly)


def _checkout(request: Request, say: Say) -> Callable[[], Side]:
    """How to make the new side; a folder is read at once."""
    if request.assembly is not None:
        given = _side(f"the assembly in {request.assembly}", request.assembly)
        return lambda: given
    label = f"{request.environment} in this checkout" if request.against else "this checkout"
    return lambda: _synthesized(request, request.root, label, f"{request.environment}-after", say)


def _base(request: Request, say: Say) -> Callable[[], Base]:
    """How to make the base; what is wrong with the request is raised at once."""
    if request.against:
        known = environments(request.root)
        if request.against not in known:
            remedy = did_you_mean(request.against, known, else_say=f"write one of {', '.join(known)}")
            raise OpsError(f"--against {request.against}: has no file here; {remedy}", exit_code=2)
        other = replace(request, settings=request.settings.model_copy(update={"environment": request.against}))
        label = f"{request.against} in this checkout"
        return lambda: (_synthesized(other, request.root, label, f"{request.against}-before", say), ())
    if request.base and Assembly.is_in(Path(request.base)):
        given = _side(f"the assembly in {request.base}", Path(request.base))
        return lambda: (given, ())
    repository = Repository(request.root)
    if request.base:
        commit, name = repository.commit(request.base), request.base
        if commit is None:
            problem = "is neither a git ref nor a folder with an output of cdk synth"
            raise OpsError(f"--base {request.base}: {problem}; `git branch -a` lists refs", exit_code=2)
    else:
        commit, name = repository.merge_base()
    label = f"{name} at {repository.short(commit)}"
    return lambda: _of_commit(request, repository, commit, label, say)


def _synthesized(request: Request, project: Path, label: str, name: str, say: Say, tools: Path | None = None) -> Side:
    folder = request.root.resolve() / CACHE
    say.line(f"==> Synthesizing {label}")
    synthesize(
        project,
        folder / name,
        tools=(tools or request.root).resolve(),
        environment=request.environment,
        context=request.context,
        log=folder / "logs" / f"{name}.log",
    )
    return _side(label, folder / name)


def _of_commit(request: Request, repository: Repository, commit: str, label: str, say: Say) -> Base:
    kept = request.root.resolve() / CACHE / "bases" / _key(request, commit)
    if Assembly.is_in(kept):
        say.line(f"==> {label} was synthesized before")
        kept.touch()
        return _side(label, kept), ()
    name = f"{request.environment}-before"
    with (
        tempfile.TemporaryDirectory(prefix="review-") as folder,
        repository.worktree(commit, Path(folder, "base")) as project,
    ):
        if request.environment not in environments(project):
            note = f"{label} has no environment {request.environment}, so everything is new"
            return Side(label, ()), (note,)
        tools, notes = _tools(request, project, label, say)
        try:
            made = _synthesized(request, project, label, name, say, tools)
        except OpsError as error:
            raise OpsError(f"{label}: {error.message}", exit_code=error.exit_code) from error
    if notes:  # another run may have the packages
        return made, notes
    _keep(request.root.resolve() / CACHE / name, kept)
    return _side(label, kept), ()


def _key(request: Request, commit: str) -> str:
    asked = json.dumps([commit, request.environment, dict(request.context)], sort_keys=True)
    return f"{request.environment}-{commit[:12]}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"


def _keep(made: Path, kept: Path) -> None:
    """Moves an assembly to where the next review finds it, and drops the oldest ones."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(kept, ignore_errors=True)
    made.rename(kept)
    oldest = sorted(kept.parent.iterdir(), key=lambda folder: folder.stat().st_mtime)
    for folder in oldest[:-_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def _tools(request: Request, project: Path, label: str, say: Say) -> tuple[Path, tuple[str, ...]]:
    """The folder whose packages synthesize a commit: its own, where it pins other ones than this checkout."""
    differing = [name for name in _PACKAGES if _text(project / name) != _text(request.root / name)]
    if not differing:
        return request.root, ()
    say.line(f"==> Setting up the packages of {label}, which pins other ones ({', '.join(differing)})")
    environment = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}}
    done = capture([own_python(), "-I", project / "ops" / "setup.py", "runtime"], cwd=project, env=environment)
    if done.ok:
        return project, ()
    names = " and ".join(differing)
    note = f"the packages that {label} pins ({names}) could not be installed; it is synthesized with those of this checkout"
    return request.root, (note,)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _deployed(request: Request, after: Side) -> Base:
    from ops.changes.deployed import client_in, deployed_stacks  # noqa: PLC0415 - boto3 takes half a second to import

    found = deployed_stacks(client_in(request.settings.region), after.stacks)
    notes = () if found else (f"nothing of {request.environment} is deployed, so everything is new",)
    return Side("what is deployed", found), notes
