"""An http service on ECS that only other services reach, by name: its service.yaml has no path and no hosts."""

from __future__ import annotations

from constructs import Construct

from config.service import HttpService
from stacks.ecs.unbalanced import create_unbalanced_service
from stacks.ecs.workload import EcsWorkload
from stacks.narrow import narrow


class InnerServiceOnEcs(Construct):
    """Service, scaling and an alarm. A path that is added later brings the rest; the service itself stays."""

    def __init__(self, scope: Construct, construct_id: str, *, on_ecs: EcsWorkload) -> None:
        super().__init__(scope, construct_id)
        create_unbalanced_service(self, on_ecs=on_ecs, spec=narrow(on_ecs.workload.spec, HttpService))
