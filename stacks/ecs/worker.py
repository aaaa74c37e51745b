"""A worker on ECS: it runs continuously; nothing calls it."""

from __future__ import annotations

from constructs import Construct

from config.service import Worker
from stacks.ecs.unbalanced import create_unbalanced_service
from stacks.ecs.workload import EcsWorkload
from stacks.narrow import narrow


class WorkerOnEcs(Construct):
    """Service, scaling and an alarm."""

    def __init__(self, scope: Construct, construct_id: str, *, on_ecs: EcsWorkload) -> None:
        super().__init__(scope, construct_id)
        create_unbalanced_service(self, on_ecs=on_ecs, spec=narrow(on_ecs.workload.spec, Worker))
