"""What became of one service on one platform, as facts; `ops.local.report` puts them into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tasks:
    """A service that runs on ECS.

    Attributes:
        running: tasks that run.
        wanted: tasks that should.
        url: where it answers; None where it answers no requests.
        status: with which it answered; 0 where it did not.
    """

    running: int
    wanted: int
    url: str | None = None
    status: int = 0

    @property
    def healthy(self) -> bool:
        return self.running > 0 and (self.url is None or self.status > 0)


@dataclass(frozen=True)
class JobRun:
    """A job on ECS: whether this version of it has run, and when it would on AWS."""

    ran: bool
    schedule: str

    @property
    def healthy(self) -> bool:
        return True  # one that has not run yet is as it should be; one that fails ends `make up`


@dataclass(frozen=True)
class Applied:
    """Kubernetes objects that a cluster took: how many of each kind, and how many it does not know the kind of."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0

    @property
    def healthy(self) -> bool:
        return True


@dataclass(frozen=True)
class Validated:
    """Kubernetes objects that were only checked.

    Attributes:
        version: the Kubernetes version whose schemas they keep to.
        checked: objects that have a schema.
        without_schema: custom ones, which have none.
        refused_by_own: why the emulator's own cluster did not take them; empty where it has none.
    """

    version: str
    checked: int
    without_schema: int = 0
    refused_by_own: str = ""

    @property
    def healthy(self) -> bool:
        return True


@dataclass(frozen=True)
class Outcome:
    """One service on one platform: what was found, the image, and the containers that run it."""

    service: str
    platform: str
    found: Tasks | JobRun | Applied | Validated
    image: str = ""
    containers: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """True where the service does what it should."""
        return self.found.healthy
