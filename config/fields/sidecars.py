"""Containers that run beside a service's own, in the same task or pod."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from config import reserved
from config import service_rules as rules
from config.fields.image import check_image
from config.fields.process import TMP, Words, check_folders
from config.limits import SIDECARS
from config.model import UNIQUE, Model, Pattern, Rule, fault

# The user of a sidecar that names none: the one that services' images run as.
_USER: Final = 65532
# The exit codes of sidecars that ECS stops at the end of a task: 0, or 128 and the number of SIGKILL or SIGTERM.
STOPPED_EXIT_CODES: Final = (0, 137, 143)
# A volume's name is made of the sidecar's, and Kubernetes allows it 63 characters.
NAME: Final = Pattern(r"[a-z]([a-z0-9-]*[a-z0-9])?", "lower-case letters, digits and hyphens", "proxy", 40)


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


class SidecarHealth(Model):
    """When the sidecar is healthy: checked every 5 seconds, from its start on."""

    command: Words = Field(
        description="Program and arguments, run in the sidecar without a shell; 0 is healthy.",
        examples=[["wget", "-q", "-O-", "http://localhost:9000/healthz"]],
    )


class Sidecar(Model):
    """A container beside the service's own, hardened like it and with its role; the two reach each other on localhost."""

    image: Annotated[str, Rule(check_image)] = Field(
        description="An existing image; copied through the service's own repository.",
        examples=["public.ecr.aws/nginx/nginx:1.29"],
    )
    command: Words | None = Field(
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
        description="Health check, which the service waits for if the sidecar starts before it.",
        examples=[{"command": ["wget", "-q", "-O-", "http://localhost:9000/healthz"]}],
    )
    essential: bool = Field(
        True, description="Whether the service cannot do without it; false only on ECS.", examples=[True]
    )
    starts: Starts = Field(
        Starts.BEFORE,
        description="Before or after the service's own container; one that starts before it also stops after it.",
        examples=["before"],
    )
    user: int = Field(
        _USER, ge=1, le=2_147_483_647, description="User and group that it runs as; a number, not 0.", examples=[1000]
    )
    writable: Annotated[tuple[str, ...], UNIQUE, Rule(check_folders)] = Field(
        (),
        description="Folders that it may write to, besides /tmp; empty at its start.",
        examples=[["/var/cache/proxy"]],
    )

    @property
    def folders(self) -> tuple[str, ...]:
        """Every folder that the sidecar may write to."""
        return (TMP, *self.writable)

    @property
    def starts_before(self) -> bool:
        return self.starts is Starts.BEFORE
