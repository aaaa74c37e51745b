"""How the platforms see whether a service is healthy."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from config.fields.process import Words
from config.limits import HEALTHY_CODES
from config.model import Model, Pattern, fault

HEALTH_PATH: Final = Pattern(r"/[A-Za-z0-9_.~/-]*", "a path that begins with /", "/healthz", 255)
_CODES: Final = Pattern(
    r"[2-4][0-9]{2}(-[2-4][0-9]{2})?(,[2-4][0-9]{2}(-[2-4][0-9]{2})?)*",
    "codes from 200 to 499, or ranges of them, with commas",
    HEALTHY_CODES,
)


# The bounds are the target group's, which are within those of a kubelet's probes:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
class HttpHealth(Model):
    """The check of an http service. A path alone, as text, leaves the rest as it is here."""

    path: Annotated[str, HEALTH_PATH] = Field(
        description="Path of the check inside the container, without the prefix of the service.", examples=["/healthz"]
    )
    codes: Annotated[str, _CODES] = Field(
        HEALTHY_CODES,
        description="Status codes that count as healthy. A kubelet always counts 200 to 399, so others are for ECS alone.",
        examples=["200"],
    )
    interval: int | None = Field(
        None,
        ge=5,
        le=300,
        description="Seconds between two checks; 10 if left out, and 5 for a pod's readiness.",
        examples=[30],
    )
    timeout: int | None = Field(
        None,
        ge=2,
        le=120,
        description="Seconds that an answer may take; 5 if left out, and 3 for a pod's start and readiness.",
        examples=[10],
    )
    healthy: int | None = Field(
        None, ge=2, le=10, description="Good answers in a row until it gets requests; 2 if left out.", examples=[3]
    )
    unhealthy: int | None = Field(
        None,
        ge=2,
        le=10,
        description="Bad answers in a row until it gets none; 3 if left out, and 2 at the load balancer of EKS.",
        examples=[5],
    )
    liveness: Annotated[str, HEALTH_PATH] | None = Field(
        None,
        description="Path whose failure restarts the pod, while a failure of path only keeps requests away. Only on EKS: the one "
        "check of ECS does both.",
        examples=["/livez"],
    )

    @model_validator(mode="after")
    def _check_timeout(self) -> Self:
        interval = self.interval or DEFAULT_INTERVAL
        if (self.timeout or 0) >= interval:
            raise fault(
                f"is {self.timeout}, not less than the interval ({interval})", f"write {interval - 1}", field="timeout"
            )
        return self


DEFAULT_INTERVAL: Final = 10
DEFAULT_TIMEOUT: Final = 5
DEFAULT_HEALTHY: Final = 2
DEFAULT_UNHEALTHY: Final = 3
"""The target group's check on ECS."""


# Bounds and defaults are those of ECS: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
class CommandHealth(Model):
    """The check of a worker: a command in its container, healthy if it ends with 0."""

    command: Words = Field(
        description="A program of the image and its arguments, without a shell.",
        examples=[["python3", "-m", "mailer.alive"]],
    )
    interval: int = Field(30, ge=5, le=300, description="Seconds between two checks.", examples=[30])
    timeout: int = Field(5, ge=2, le=60, description="Seconds that one may take.", examples=[5])
    retries: int = Field(
        3, ge=1, le=10, description="Failures in a row after which the copy is replaced.", examples=[3]
    )
    start: int = Field(
        0, ge=0, le=300, description="Seconds at the start in which failures do not count.", examples=[60]
    )

    @property
    def start_seconds(self) -> int:
        """How long a copy that never gets healthy is left alone."""
        return self.start + self.retries * (self.interval + self.timeout)
