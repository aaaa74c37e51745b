"""A job on EKS: a CronJob starts it."""

from __future__ import annotations

from constructs import Construct

from config.service import Job
from stacks.eks.workload import EksWorkload
from stacks.kubernetes.job_objects import JobObjects
from stacks.narrow import narrow


class JobOnEks(Construct):
    """CronJob and alarm."""

    def __init__(self, scope: Construct, construct_id: str, *, on_eks: EksWorkload) -> None:
        super().__init__(scope, construct_id)
        self._on_eks = on_eks
        spec = narrow(on_eks.workload.spec, Job)
        on_eks.apply(self, JobObjects(spec=spec, around=on_eks.surroundings).groups())
        if on_eks.watched:
            self._watch_failures()

    def _watch_failures(self) -> None:
        name = self._on_eks.name
        self._on_eks.create_alarms(self).above(
            "Failures",
            self._on_eks.metric("pod_status_failed", "Maximum", PodName=name),
            0,
            periods=1,
            description=f"A run of {name} on EKS failed",
        )
