"""What ops asks about a service that only some kinds have: the one place where ops looks at a kind."""

from __future__ import annotations

from config.service import Kind, ServiceSpec

_GRACE_WITHOUT_HEALTH_CHECK = 60  # seconds until a container without a health check must run


def is_job(spec: ServiceSpec) -> bool:
    """True for a service that runs on a schedule and ends."""
    return spec.kind is Kind.JOB


def is_http(spec: ServiceSpec) -> bool:
    """True for a service that answers requests."""
    return spec.kind is Kind.HTTP


def path_of(spec: ServiceSpec) -> str | None:
    """The path below which a service answers; None where it answers no requests."""
    return spec.path if spec.kind is Kind.HTTP else None


def fewest_copies(spec: ServiceSpec) -> int:
    """How many tasks run at least; 0 for a job."""
    return 0 if spec.kind is Kind.JOB else spec.scaling.min


def grace_of(spec: ServiceSpec) -> int:
    """Seconds that a task may take until it is healthy."""
    return spec.health_grace if spec.kind is Kind.HTTP else _GRACE_WITHOUT_HEALTH_CHECK


def schedule_of(spec: ServiceSpec) -> str:
    """When a job runs; empty for other kinds."""
    return spec.schedule or ""
