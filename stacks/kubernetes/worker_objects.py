"""A worker on Kubernetes."""

from __future__ import annotations

from dataclasses import replace

from config.service import Worker
from stacks.kubernetes.objects import KubernetesObject
from stacks.kubernetes.pod import Pod
from stacks.kubernetes.scaled_service_objects import ScaledServiceObjects

# Seconds that a start may take: a worker without a health check does not show when it has started.
_START_SECONDS = 60


class WorkerObjects(ScaledServiceObjects[Worker]):
    """A Deployment that nothing calls."""

    def _start_seconds(self) -> int:
        health = self._spec.health
        return max(_START_SECONDS, health.start_seconds) if health else _START_SECONDS

    def _pod(self) -> Pod:
        return replace(super()._pod(), of_container=self._probes())

    def _probes(self) -> KubernetesObject:
        """As on ECS: new copies are waited for until they are healthy, and one that no longer is gets replaced."""
        health = self._spec.health
        if health is None:
            return {}
        probe = {
            "exec": {"command": list(health.command)},
            "periodSeconds": health.interval,
            "timeoutSeconds": health.timeout,
            "failureThreshold": health.retries,
        }
        starts = health.retries + -(-health.start // health.interval)
        return {
            "startupProbe": {**probe, "failureThreshold": starts},
            "readinessProbe": dict(probe),
            "livenessProbe": dict(probe),
        }
