"""A worker on ECS: it runs continuously; nothing calls it."""

from __future__ import annotations

from aws_cdk import aws_applicationautoscaling
from constructs import Construct

from config.service import Worker
from stacks.alarms import Metric
from stacks.ecs.fargate_service import (
    create_fargate_service,
    create_scalable_target,
    create_service_outputs,
    track_queries,
)
from stacks.ecs.workload import EcsWorkload
from stacks.narrow import narrow
from stacks.queues import queue_metric

_CfnScalingPolicy = aws_applicationautoscaling.CfnScalingPolicy


class WorkerOnEcs(Construct):
    """Service, scaling and an alarm."""

    def __init__(self, scope: Construct, construct_id: str, *, on_ecs: EcsWorkload) -> None:
        super().__init__(scope, construct_id)
        self._on_ecs = on_ecs
        self._spec = narrow(on_ecs.workload.spec, Worker)
        self._alarms = on_ecs.create_alarms(self)
        service = create_fargate_service(self, on_ecs=on_ecs, spec=self._spec)
        # Without its policy the first task could not pull its image, so the first deployment would start with a failure.
        service.node.add_dependency(*on_ecs.task.roles)
        service_name = service.attr_name
        self._watch(service_name)  # refers to the service, so the alarm is not there before its first task
        if self._spec.autoscaled:
            target = create_scalable_target(self, on_ecs=on_ecs, spec=self._spec, service_name=service_name)
            self._scale_on_backlog(target, service_name)
        create_service_outputs(self, on_ecs=on_ecs, service_name=service_name)

    def _running_tasks(self, service_name: str) -> Metric:
        """Each running task sends one CPU sample a minute, so their number is the number of running tasks.

        Container Insights has a metric for it, but not every environment has Container Insights.
        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html
        """
        return Metric(
            namespace="AWS/ECS",
            name="CPUUtilization",
            dimensions={"ClusterName": self._on_ecs.cluster.cluster_name, "ServiceName": service_name},
            statistic="SampleCount",
        )

    def _watch(self, service_name: str) -> None:
        self._alarms.below(
            "Running",
            self._running_tasks(service_name),
            self._spec.scaling.min,
            periods=5,
            description=f"{self._spec.name} on ECS runs fewer tasks than its minimum",
        )

    def _scale_on_backlog(self, target: aws_applicationautoscaling.CfnScalableTarget, service_name: str) -> None:
        """Keeps the messages that wait per running task at the target, if the manifest has one.

        https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking-metric-math.html
        """
        wanted = self._spec.scaling.backlog_target
        if wanted is None:
            return
        waiting = queue_metric(self._on_ecs.workload.queues[self._spec.name], "ApproximateNumberOfMessagesVisible")
        query = _CfnScalingPolicy.TargetTrackingMetricDataQueryProperty
        track_queries(
            self,
            "ScaleOnBacklog",
            target,
            [
                query(id="backlog", expression="waiting / tasks", label="messages per task", return_data=True),
                query(id="waiting", metric_stat=_stat(waiting), return_data=False),
                query(id="tasks", metric_stat=_stat(self._running_tasks(service_name)), return_data=False),
            ],
            wanted,
        )


def _stat(metric: Metric) -> _CfnScalingPolicy.TargetTrackingMetricStatProperty:
    dimension = _CfnScalingPolicy.TargetTrackingMetricDimensionProperty
    return _CfnScalingPolicy.TargetTrackingMetricStatProperty(
        metric=_CfnScalingPolicy.TargetTrackingMetricProperty(
            namespace=metric.namespace,
            metric_name=metric.name,
            dimensions=[dimension(name=name, value=value) for name, value in metric.dimensions.items()],
        ),
        stat=metric.statistic,
    )
