"""A worker on EKS: it runs continuously; nothing calls it."""

from __future__ import annotations

from constructs import Construct

from config.service import Worker
from stacks.eks.workload import EksWorkload, watch_restarts
from stacks.kubernetes.worker_objects import WorkerObjects
from stacks.narrow import narrow


class WorkerOnEks(Construct):
    """Deployment and alarms."""

    def __init__(self, scope: Construct, construct_id: str, *, on_eks: EksWorkload) -> None:
        super().__init__(scope, construct_id)
        spec = narrow(on_eks.workload.spec, Worker)
        on_eks.apply(self, WorkerObjects(spec=spec, around=on_eks.surroundings).groups())
        if on_eks.watched:
            # Container Insights counts the running pods of a Service, and a worker has none.
            watch_restarts(on_eks.create_alarms(self), on_eks)
