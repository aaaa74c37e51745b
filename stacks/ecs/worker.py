"""A worker on ECS: it runs continuously; nothing calls it."""

from __future__ import annotations

from aws_cdk import aws_applicationautoscaling
from constructs import Construct

from config.service import Worker
from stacks.alarms import Metric
from stacks.ecs.fargate_service import running_tasks
from stacks.ecs.scaling import track_queries
from stacks.ecs.unbalanced import create_unbalanced_service
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
        running = create_unbalanced_service(self, on_ecs=on_ecs, spec=self._spec)
        if running.target:
            self._scale_on_backlog(running.target, running.service_name)

    def _scale_on_backlog(self, target: aws_applicationautoscaling.CfnScalableTarget, service_name: str) -> None:
        """Keeps the messages that wait per running task at the target, if the manifest has one.

        https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking-metric-math.html
        """
        wanted = self._spec.scaling.backlog_target
        if wanted is None:
            return
        waiting = queue_metric(self._on_ecs.workload.queues[self._spec.name].name, "ApproximateNumberOfMessagesVisible")
        query = _CfnScalingPolicy.TargetTrackingMetricDataQueryProperty
        track_queries(
            self,
            "ScaleOnBacklog",
            target,
            [
                query(id="backlog", expression="waiting / tasks", label="messages per task", return_data=True),
                query(id="waiting", metric_stat=_stat(waiting), return_data=False),
                query(id="tasks", metric_stat=_stat(running_tasks(self._on_ecs, service_name)), return_data=False),
            ],
            wanted,
            self._spec.scaling,
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
