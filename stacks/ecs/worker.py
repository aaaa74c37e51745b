"""A worker on ECS: it runs continuously; nothing calls it."""

from __future__ import annotations

from constructs import Construct

from config.service import Worker
from stacks.alarms import Metric
from stacks.ecs.before_deploy import before_deploy
from stacks.ecs.fargate_service import create_fargate_service, create_scalable_target, create_service_outputs
from stacks.ecs.workload import EcsWorkload
from stacks.narrow import narrow


class WorkerOnEcs(Construct):
    """Service, scaling and an alarm."""

    def __init__(self, scope: Construct, construct_id: str, *, on_ecs: EcsWorkload) -> None:
        super().__init__(scope, construct_id)
        self._on_ecs = on_ecs
        self._spec = narrow(on_ecs.workload.spec, Worker)
        self._alarms = on_ecs.create_alarms(self)
        service = create_fargate_service(self, on_ecs=on_ecs, spec=self._spec)
        # Without its policy the first task could not pull its image, so the first deployment would start with a failure.
        service.node.add_dependency(*on_ecs.task.roles, *before_deploy(self, on_ecs=on_ecs, spec=self._spec))
        service_name = service.attr_name
        self._watch(service_name)  # refers to the service, so the alarm is not there before its first task
        if self._spec.autoscaled:
            create_scalable_target(self, on_ecs=on_ecs, spec=self._spec, service_name=service_name)
        create_service_outputs(self, on_ecs=on_ecs, service_name=service_name)

    def _watch(self, service_name: str) -> None:
        # Each running task sends one CPU sample a minute, so their number is the number of running tasks.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html
        samples = Metric(
            namespace="AWS/ECS",
            name="CPUUtilization",
            dimensions={"ClusterName": self._on_ecs.cluster.cluster_name, "ServiceName": service_name},
            statistic="SampleCount",
        )
        self._alarms.below(
            "Running",
            samples,
            self._spec.scaling.min,
            periods=5,
            description=f"{self._spec.name} on ECS runs fewer tasks than its minimum",
        )
