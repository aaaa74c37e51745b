"""A service as it is on ECS: what each kind gets from the service's stack."""

from __future__ import annotations

from dataclasses import dataclass

from constructs import Construct

from stacks.alarms import ServiceAlarms
from stacks.ecs.cluster import EcsClusterStack
from stacks.ecs.task import FargateTask
from stacks.workload import Workload


@dataclass(frozen=True, kw_only=True)
class EcsWorkload:
    """One service on ECS, whatever its kind.

    Attributes:
        workload: the service, as on any platform.
        cluster: the stack of what all services on ECS share.
        security_group_id: of the service's tasks.
        task: what it runs as.
    """

    workload: Workload
    cluster: EcsClusterStack
    security_group_id: str
    task: FargateTask

    @property
    def name(self) -> str:
        return self.workload.spec.name

    def create_alarms(self, scope: Construct) -> ServiceAlarms:
        """The service's alarms, without any yet: a kind adds what it watches."""
        return ServiceAlarms(
            scope,
            "Alarms",
            prefix=f"{self.workload.settings.prefix}-ecs-{self.name}",
            topic_arn=self.workload.alarm_topic_arn,
        )
