"""What the stack of a service on ECS passes to the construct of its kind."""

from __future__ import annotations

from dataclasses import dataclass

from constructs import Construct

from config.service import alarms_of
from stacks.alarms import ServiceAlarms
from stacks.ecs.cluster import EcsClusterStack
from stacks.ecs.task import FargateTask
from stacks.workload import Workload


@dataclass(frozen=True, kw_only=True)
class EcsWorkload:
    """One service on ECS, of any kind.

    Attributes:
        workload: the service, independent of the platform.
        cluster: the stack with everything that the services on ECS share.
        security_group_id: of the service's tasks.
        task: its task definition and roles.
    """

    workload: Workload
    cluster: EcsClusterStack
    security_group_id: str
    task: FargateTask

    @property
    def name(self) -> str:
        return self.workload.spec.name

    def create_alarms(self, scope: Construct) -> ServiceAlarms:
        """An empty set of alarms for the service; each kind adds its own."""
        return ServiceAlarms(
            scope,
            "Alarms",
            prefix=f"{self.workload.settings.prefix}-ecs-{self.name}",
            topic_arn=self.workload.alarm_topic_arn,
            declared=alarms_of(self.workload.spec),
        )
