"""A worker on Kubernetes."""

from __future__ import annotations

from config.service import Worker
from stacks.kubernetes.scaled_service_objects import ScaledServiceObjects

# Seconds that a start may take: a worker has no health check that would show when it has started.
_START_SECONDS = 60


class WorkerObjects(ScaledServiceObjects[Worker]):
    """A Deployment that nothing calls."""

    def _start_seconds(self) -> int:
        return _START_SECONDS
