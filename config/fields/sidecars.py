"""Containers that run beside a service's own, in the same task or pod."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from config import reserved
from config import service_rules as rules
from config.limits import SIDECARS
from config.model import NOT_EMPTY, UNIQUE, Model, Pattern, Rule, fault

# The user of a sidecar that names none: the one that services' images run as.
_USER: Final = 65532
# Where a container may always write, beside the folders of `writable`.
TMP: Final = "/tmp"  # noqa: S108
# Folders that the container engine fills.
_ENGINES: Final = ("/dev", "/proc", "/sys")
# A volume's name is made of the sidecar's, and Kubernetes allows it 63 characters.
NAME: Final = Pattern(r"[a-z]([a-z0-9-]*[a-z0-9])?", "lower-case letters, digits and hyphens", "proxy", 40)
FOLDER: Final = Pattern(r"(/[A-Za-z0-9_.-]+)+", "a folder's full path", "/var/cache/proxy", 255)
# https://github.com/distribution/reference: registry, path, tag and digest.
IMAGE: Final = Pattern(
    r"[a-z0-9]([a-z0-9.-]*(:[0-9]+)?/)?[a-z0-9._/-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?",
    "an image with its tag or digest",
    "public.ecr.aws/nginx/nginx:1.29",
    512,
)


class Starts(StrEnum):
    BEFORE = "before"
    AFTER = "after"


def check_names(sidecars: dict[str, object]) -> None:
    """Names of sidecars are names of containers, and parts of tags and of volumes' names."""
    if len(sidecars) > SIDECARS:
        raise fault(f"has {len(sidecars)}, and a task has room for {SIDECARS}", "start several programs in one")
    for name in sidecars:
        if not re.fullmatch(NAME.pattern, name) or len(name) > (NAME.longest or 0):
            raise fault(f"is not a sidecar's name of 1 to {NAME.longest} characters", f"use {NAME.says}", field=name)
        if name.startswith(reserved.CONTAINER_BEGINNINGS):
            raise fault("begins like the containers that AWS adds to a task", "write another name", field=name)


def check_image(image: str) -> None:
    """An image that never changes under its name, as far as a name can tell."""
    path, _, digest = image.partition("@")
    tag = path.rpartition("/")[2].partition(":")[2]
    if not (tag or digest):
        raise fault("has neither a tag nor a digest", "add one, e.g. :1.29 or @sha256:...")
    if tag == "latest" and not digest:
        raise fault("is latest, which changes unseen", "write a version's tag or a digest")


def check_words(words: tuple[str, ...]) -> None:
    """Words of a command reach the container as written."""
    for index, word in enumerate(words):
        rules.check_values({str(index): word})


def check_folders(folders: tuple[str, ...]) -> None:
    for index, folder in enumerate(folders):
        if {".", ".."} & set(folder.split("/")):
            raise fault("has . or .. in it", "write the folder's full path", field=str(index))
        if folder == TMP or folder.startswith(f"{TMP}/"):
            raise fault(f"is in {TMP}, which is always writable", "remove it", field=str(index))
        if folder.startswith(_ENGINES):
            raise fault("belongs to the container engine", "write another folder", field=str(index))
        if any(folder.startswith(f"{other}/") for other in folders):
            raise fault("is inside another one of the list", "remove it", field=str(index))


class SidecarHealth(Model):
    """When the sidecar is healthy: checked every 5 seconds, from its start on."""

    command: Annotated[tuple[str, ...], NOT_EMPTY, Rule(check_words)] = Field(
        description="Program and arguments, run in the sidecar without a shell; 0 is healthy.",
        examples=[["wget", "-q", "-O-", "http://localhost:9000/healthz"]],
    )


class Sidecar(Model):
    """A container beside the service's own, hardened like it and with its role; they reach each other on localhost."""

    image: Annotated[str, IMAGE, Rule(check_image)] = Field(
        description="An existing image; copied through the service's own repository.",
        examples=["public.ecr.aws/nginx/nginx:1.29"],
    )
    command: Annotated[tuple[str, ...], NOT_EMPTY, Rule(check_words)] | None = Field(
        None, description="Arguments in place of the image's own.", examples=[["--config", "/etc/proxy.yaml"]]
    )
    environment: Annotated[dict[str, str], Rule(rules.check_own_variables), Rule(rules.check_values)] = Field(
        {}, description="Variables and their values; none of the service's.", examples=[{"LOG_LEVEL": "info"}]
    )
    secrets: Annotated[tuple[str, ...], UNIQUE] = Field(
        (), description="Those of the service's secrets that the sidecar gets too.", examples=[["DB_PASSWORD"]]
    )
    cpu: int = Field(ge=16, le=16384, description="CPU units, part of the service's cpu.", examples=[64])
    memory: int = Field(
        ge=16, le=122880, description="MiB that it may use, part of the service's memory.", examples=[128]
    )
    health: SidecarHealth | None = Field(
        None,
        description="Health check; with starts: before the service waits for it.",
        examples=[{"command": ["wget", "-q", "-O-", "http://localhost:9000/healthz"]}],
    )
    essential: bool = Field(
        True, description="Whether the service cannot do without it; false only on ECS.", examples=[True]
    )
    starts: Starts = Field(
        Starts.BEFORE,
        description="before or after the service's own container; one that starts before it also stops after it.",
        examples=["before"],
    )
    user: int = Field(
        _USER, ge=1, le=2_147_483_647, description="User and group that it runs as; a number, not 0.", examples=[1000]
    )
    writable: Annotated[tuple[Annotated[str, FOLDER], ...], UNIQUE, Rule(check_folders)] = Field(
        (),
        description="Folders that it may write to, beside /tmp; empty at its start.",
        examples=[["/var/cache/proxy"]],
    )

    @property
    def folders(self) -> tuple[str, ...]:
        """Every folder that the sidecar may write to."""
        return (TMP, *self.writable)

    @property
    def starts_before(self) -> bool:
        return self.starts is Starts.BEFORE
