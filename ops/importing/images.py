"""Images as service.yaml names them: an existing one with its registry and version, or a build from a folder of the project."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ops.importing.draft import Draft
from ops.importing.ledger import View
from ops.importing.values import is_template

_DEFAULT = "Dockerfile"
_ROOT = "../.."  # the project's root, from the folder of a service


def set_image(draft: Draft, view: View) -> None:
    """An image that another tool pulls: with docker.io, where that goes without saying there."""
    if is_template(view.value):
        view.lose("is filled in from outside the file", "write image: registry/repository:version")
    elif view.text:
        draft.set("image", full_name(view.carry()))
        if not re.search(r"@sha256:|:(?!latest$)[^/:]+$", view.text):
            view.guess()
            draft.say("image", "write a version: one without, or latest, is another image tomorrow")


def full_name(image: str) -> str:
    """The image's name with its registry: https://github.com/distribution/reference"""
    first, slash, _ = image.partition("/")
    if slash and (re.search(r"[.:]", first) or first == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def set_build(
    draft: Draft, *, context: str, dockerfile: str, target: str = "", arguments: dict[str, str] | None = None
) -> None:
    """A build. `context` is a folder of the other tool's project, `dockerfile` a path from there.

    What is built from the root there is built from the root here; what is built from a folder has its files in the service's.
    """
    found: dict[str, object] = {}
    folder, file = _normal(context), _normal(dockerfile or _DEFAULT)
    if folder == ".":
        found = {"context": _ROOT, "dockerfile": f"{_ROOT}/{file}"}
        draft.say("build", "guessed: what it is built from is at the same place in this project as it was there")
    elif file.startswith("../"):
        draft.say(
            "build", f"its Dockerfile was {dockerfile}: copy that and {folder} to this folder, then write dockerfile"
        )
    else:
        found = {"dockerfile": file} if file != _DEFAULT else {}
        draft.say("build", f"copy {folder} to this folder, with a .dockerignore")
    if target:
        found["target"] = target
    if arguments:
        found["args"] = arguments
    if found:
        draft.set("build", found)
    draft.files.append(folder)


def _normal(path: str) -> str:
    """The path without ./ and without detours."""
    steps: list[str] = []
    for step in PurePosixPath(path).parts:
        if step == ".." and steps and steps[-1] != "..":
            steps.pop()
        elif step != "/":
            steps.append(step)
    return "/".join(steps) or "."
