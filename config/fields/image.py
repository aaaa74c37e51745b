"""Where a service's image comes from: an existing one, or a build that is not the plain one of its folder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Final

from pydantic import Field
from pydantic_core import PydanticCustomError

from config import service_rules as rules
from config.errors import shown
from config.model import Model, Pattern, Rule, fault

DEFAULT_DOCKERFILE: Final = "Dockerfile"
OWN_CONTEXT: Final = "."
BASE_REGISTRY: Final = "BASE_REGISTRY"
"""The build argument that every build gets, from the environment's setting base_registry."""

# The parts of an image's name: https://github.com/distribution/reference/blob/main/regexp.go
_REGISTRY: Final = r"(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+|[a-z0-9-]+(?=:\d))(?::\d{1,5})?"
_PATH: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(rf"(?:(?P<registry>{_REGISTRY})/)?(?P<path>{_PATH}(?:/{_PATH})*)")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST: Final = re.compile(r"sha256:[a-f0-9]{64}")

_EXAMPLE: Final = "public.ecr.aws/nginx/nginx:1.29"
# Characters of an image's name that a message repeats.
_LONGEST_REPEATED: Final = 100


def check_image(image: str) -> None:
    """One image that stays the same one: a registry, a name, and a digest or a tag that does not move by its very meaning."""
    name, at, digest = image.partition("@")
    head, colon, last = name.rpartition(":")
    tag = last if colon and "/" not in last else ""
    bare = head if tag else name.removesuffix(":")
    match = _NAME.fullmatch(bare)
    if match is None or (tag and not _TAG.fullmatch(tag)) or (at and not _DIGEST.fullmatch(digest)):
        raise fault(f"is {shown(image)}, not the name of an image", f"write REGISTRY/NAME:TAG, e.g. {_EXAMPLE}")
    if not match["registry"]:
        path = bare if "/" in bare else f"library/{bare}"
        whole = f"docker.io/{path}:TAG" if len(path) <= _LONGEST_REPEATED else f"REGISTRY/NAME:TAG, e.g. {_EXAMPLE}"
        raise fault("names no registry", f"write {whole}, or the registry that has it")
    if not at and tag in ("", "latest"):
        problem = "has the tag latest" if tag else "has neither tag nor digest"
        raise fault(f"{problem}, which is another image tomorrow", f"write a version, e.g. {_EXAMPLE}, or a digest")


def check_arguments(arguments: dict[str, str]) -> None:
    for name, value in arguments.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
            raise fault("is not a valid name", "use letters, digits and _, a letter first, e.g. VERSION", field=name)
        if name == BASE_REGISTRY:
            raise fault("is set by the environment's base_registry", "remove it", field=name)
        check_one(name, value)


def check_one(field: str, value: str) -> None:
    """Text that reaches Docker, or the container, as written."""
    try:
        rules.check_text(value)
    except PydanticCustomError as error:
        found = error.context or {}
        raise fault(found["problem"], found["remedy"], field=field) from None
    if "\0" in value:
        raise fault("contains a NUL character", "write text", field=field)


def _check_relative(path: str) -> None:
    if path.startswith("/") or "\\" in path or path != _normal(path):
        raise fault(
            f"is {shown(path)}, not a plain relative path", f"write it from the service's folder: {_from(path)}"
        )


def _normal(path: str) -> str:
    """The path without detours: up first, then down."""
    steps: list[str] = []
    for step in PurePosixPath(path).parts:
        if step == ".." and steps and steps[-1] != "..":
            steps.pop()
        else:
            steps.append(step)
    return "/".join(steps) or "."


def _from(path: str) -> str:
    normal = _normal(path.replace("\\", "/").lstrip("/"))
    return normal if normal not in (".", path) else "docker/Dockerfile"


def _check_context(path: str) -> None:
    if path != OWN_CONTEXT and set(path.split("/")) != {".."}:
        raise fault(
            f"is {shown(path)}, not the service's folder or one above it", "write ., .. or ../.., as in compose files"
        )


class Build(Model):
    """How the image is built, if not from the folder's own Dockerfile and files alone."""

    dockerfile: Annotated[
        str, Pattern(r"[^\x00-\x1f\x7f]+", "a path", "docker/Dockerfile", 500), Rule(_check_relative)
    ] = Field(
        DEFAULT_DOCKERFILE,
        description="Path of the Dockerfile, from the service's folder; it may be outside, within the project.",
        examples=["docker/Dockerfile"],
    )
    target: Annotated[str, Pattern(r"[A-Za-z][A-Za-z0-9._-]*", "a stage's name", "runtime", 128)] | None = Field(
        None, description="Stage to build; the last one by default.", examples=["runtime"]
    )
    args: Annotated[dict[str, str], Rule(check_arguments)] = Field(
        {},
        description="Build arguments and their values, as text. They stay readable in the image, so no secrets.",
        examples=[{"VERSION": "1.2"}],
    )
    context: Annotated[str, Pattern(r"[^\x00-\x1f\x7f]+", "a path", "..", 200), Rule(_check_context)] = Field(
        OWN_CONTEXT,
        description="Folder that COPY reads from: the service's, or one above it in the project.",
        examples=["../.."],
    )
