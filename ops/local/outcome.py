"""The outcome of one service on one platform, as facts; `ops.local.report` puts them into words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tasks:
    """A service that runs on ECS.

    Attributes:
        running: number of tasks that run.
        wanted: number of tasks that should run.
        url: its address; None if it takes no requests.
        status: HTTP status with which it answered; 0 if it did not.
        host: what a request names as its host; empty if any will do.
    """

    running: int
    wanted: int
    url: str | None = None
    status: int = 0
    host: str = ""

    @property
    def healthy(self) -> bool:
        return self.running > 0 and (self.url is None or self.status > 0)


@dataclass(frozen=True)
class JobRun:
    """A job on ECS: whether its current version has run, and its schedule on AWS."""

    ran: bool
    schedule: str

    @property
    def healthy(self) -> bool:
        return True  # a job that has not run yet is fine; one that fails ends `make up`


@dataclass(frozen=True)
class OnCluster:
    """An http service or worker on a Kubernetes cluster.

    Attributes:
        ready: pods that are ready.
        wanted: pods that should be.
        address: where it answers; empty if it takes no requests.
        no_aws: why its pods cannot reach the AWS that it uses; empty if they can, or if it uses none.
        obstacle: why fewer are ready than wanted; empty if all are.
    """

    ready: int
    wanted: int
    address: str = ""
    no_aws: str = ""
    obstacle: str = ""

    @property
    def healthy(self) -> bool:
        return self.ready > 0


@dataclass(frozen=True)
class Scheduled:
    """A job on a Kubernetes cluster, which only its schedule starts; `no_aws` as in `OnCluster`."""

    schedule: str
    no_aws: str = ""

    @property
    def healthy(self) -> bool:
        return True


@dataclass(frozen=True)
class LeftOut:
    """A service that was not applied to the cluster, which lacks something that its pods need."""

    reason: str

    @property
    def healthy(self) -> bool:
        return True  # nothing on this machine can change it


@dataclass(frozen=True)
class Validated:
    """Kubernetes objects that were only checked.

    Attributes:
        version: the Kubernetes version whose schemas they were validated against.
        checked: objects that have a schema.
        without_schema: custom ones, which have none.
        refused_by_own: why the emulator's own cluster refused them; empty if there is none.
    """

    version: str
    checked: int
    without_schema: int = 0
    refused_by_own: str = ""

    @property
    def healthy(self) -> bool:
        return True


Found = Tasks | JobRun | OnCluster | Scheduled | LeftOut | Validated


@dataclass(frozen=True)
class Outcome:
    """One service on one platform: what was found, the image, and the containers that run it."""

    service: str
    platform: str
    found: Found
    image: str = ""
    containers: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """True if the service works as it should."""
        return self.found.healthy
