"""Builds the services' images and pushes them to the emulator's registry, as the asset manifests say.

Against AWS the CDK CLI does this. Here it happens before the CLI runs, because the emulator always answers yes when the CLI
asks whether an image exists. It also lets builds run in parallel, and gives each failure one line that names the service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.assembly import Assembly
from ops.errors import OpsError
from ops.local.engine import FREE_SPACE, NO_SPACE, Engine
from ops.local.target import Target
from ops.local.workspace import Workspace
from ops.process import end_children, stream
from ops.say import Say

SUPPORTED = {"directory", "dockerFile", "dockerBuildTarget", "dockerBuildArgs", "platform", "networkMode"}
BUILDS_AT_ONCE = 2
BUILDKIT_ERROR = re.compile(r"^(?:#(?P<step>\d+) )?(?:ERROR|error)[: ]+(?P<what>.*)$")
STOPPED_BY_ANOTHER = "context canceled"  # the error of a step that ran in parallel with the failed one
COMMAND_FAILED = re.compile(r"exit code: (?P<code>\d+)$")
ERROR_WORDS = re.compile(r"\b(?:E:|error|fatal|failed|cannot|could not|denied|not found)", re.IGNORECASE)


@dataclass(frozen=True)
class Image:
    """One image asset: what to build, and the repository and tags it is published under."""

    service: str
    source: str  # hash of everything that goes into it
    repository: str
    tags: tuple[str, ...]
    options: tuple[str, ...]  # for `build`, without the context
    context: Path

    def names(self, registry: str) -> tuple[str, ...]:
        return tuple(f"{registry}/{self.repository}:{tag}" for tag in self.tags)


def from_assembly(assembly: Assembly) -> list[Image]:
    """Every image of an assembly; one that both platforms use appears once, with the tags of both."""
    found: dict[tuple[str, str], Image] = {}
    for asset in assembly.images():
        key = (asset.hash, asset.repository)
        earlier = found[key].tags if key in found else ()
        found[key] = Image(
            service=asset.repository.rpartition("/")[2],
            source=asset.hash,
            repository=asset.repository,
            tags=tuple(sorted({*earlier, asset.tag})),
            options=tuple(_build_options(asset.source, assembly.folder)),
            context=(assembly.folder / asset.source["directory"]).resolve(),
        )
    return list(found.values())


def _build_options(source: dict[str, Any], folder: Path) -> Iterable[str]:
    strange = set(source) - SUPPORTED
    if strange:
        raise OpsError(
            f"{folder.name}: image asset: {', '.join(sorted(strange))} is not supported by ops/local/images.py"
        )
    if "dockerFile" in source:
        yield from ("--file", str((folder / source["directory"]).resolve() / source["dockerFile"]))
    if "dockerBuildTarget" in source:
        yield from ("--target", source["dockerBuildTarget"])
    if "platform" in source:
        yield from ("--platform", source["platform"])
    if "networkMode" in source:
        yield from ("--network", source["networkMode"])
    for key, value in sorted(source.get("dockerBuildArgs", {}).items()):
        yield from ("--build-arg", f"{key}={value}")


def build_all(images: list[Image], *, engine: Engine, target: Target, workspace: Workspace, say: Say) -> list[str]:
    """Build the images that the engine lacks, two at a time; returns the services built. Raises OpsError for the first fault."""
    missing = [image for image in images if not _present(image, engine, target)]
    with ThreadPoolExecutor(BUILDS_AT_ONCE) as pool:
        waiting = {pool.submit(_build, image, engine, target, workspace): image for image in missing}
        try:
            for done in as_completed(waiting):
                done.result()
                say.note(f"built {waiting[done].service}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_children()
            raise
    return sorted({image.service for image in missing})


def _present(image: Image, engine: Engine, target: Target) -> bool:
    return engine.run("image", "inspect", *image.names(target.registry)).ok


def _build(image: Image, engine: Engine, target: Target, workspace: Workspace) -> None:
    log = workspace.log(f"build-{image.service}")
    tags = [part for name in image.names(target.registry) for part in ("--tag", name)]
    command: list[str | Path] = [engine.client, "build", "--progress=plain", *image.options, *tags, image.context]
    done = stream(command, env=engine.full_environment, cwd=image.context, log=log)
    if done.ok:
        return
    if NO_SPACE.search(done.out):
        raise OpsError(f"{image.service}: the disk is full and its image cannot be built; {FREE_SPACE} (log: {log})")
    raise OpsError(f"{image.service}: image build failed: {build_error(done.out)} (log: {log})")


def build_error(output: str) -> str:
    """The line of a build's output that says why it failed, cut to a readable length.

    For a failed RUN, BuildKit repeats only the command and its exit code; the reason is in what the command wrote.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [match for line in lines if (match := BUILDKIT_ERROR.match(line)) and match["what"] != STOPPED_BY_ANOTHER]
    chosen = errors[-1]["what"] if errors else (lines[-1] if lines else "it wrote nothing")
    failed = COMMAND_FAILED.search(chosen)
    step = next((error["step"] for error in errors if error["step"] and error["what"] in chosen), None)
    if failed and step and (written := _written(lines, step)):
        chosen = f"exit code {failed['code']}: {written}"
    return chosen if len(chosen) <= 240 else f"{chosen[:237]}..."


def _written(lines: list[str], step: str) -> str | None:
    """The last line of a step's command that reads like an error (`#5 2.37 E: ...`), else its last line."""
    prefix = re.compile(rf"^#{step} \d+\.\d+ (.+)$")
    said = [match[1] for line in lines if (match := prefix.match(line))]
    return next((line for line in reversed(said) if ERROR_WORDS.search(line)), said[-1] if said else None)


def create_repositories(images: list[Image], target: Target) -> None:
    """Create missing repositories: the registry refuses a push to an unknown one. The Registry stack takes them over."""
    ecr = target.ecr
    known = {entry["repositoryName"] for entry in ecr.describe_repositories()["repositories"]}
    for repository in sorted({image.repository for image in images} - known):
        ecr.create_repository(repositoryName=repository)


def push_all(images: list[Image], *, engine: Engine, target: Target, workspace: Workspace) -> list[str]:
    """Push the images that the emulator's registry lacks; returns the services pushed. The repositories must exist."""
    ecr = target.ecr
    held: set[tuple[str, str]] = set()
    for repository in {image.repository for image in images}:
        for identity in ecr.list_images(repositoryName=repository)["imageIds"]:
            held.add((repository, identity.get("imageTag", "")))
    missing = [image for image in images if any((image.repository, tag) not in held for tag in image.tags)]
    for image in missing:  # in turn: repositories share layers, so the base is pushed once
        _push(image, engine, target, workspace)
    return sorted({image.service for image in missing})


def _push(image: Image, engine: Engine, target: Target, workspace: Workspace) -> None:
    for name in image.names(target.registry):  # in turn: the second reuses the first one's layers
        done = engine.run("push", name)
        if not done.ok:
            log = workspace.log(f"push-{image.service}")
            log.write_text(done.out + done.err)
            raise OpsError(f"{image.service}: pushing to the local registry failed: {done.last_line()} (log: {log})")


def local_names(engine: Engine, target: Target) -> list[str]:
    """Every image name of this emulator's registry that the engine holds."""
    listed = engine.run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{target.registry}/*/*").out.split()
    return [name for name in listed if not name.endswith(":<none>")]


def remove_outdated(images: list[Image], *, engine: Engine, target: Target) -> int:
    """Remove names of earlier builds, so that a day of editing does not fill the disk; layers in use stay. Returns how many."""
    current = {name for image in images for name in image.names(target.registry)}
    outdated = [name for name in local_names(engine, target) if name not in current]
    return sum(engine.run("image", "rm", name).ok for name in outdated)
