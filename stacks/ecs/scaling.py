"""What sets the number of copies of a service on ECS: Application Auto Scaling, by metrics and by schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_applicationautoscaling
from constructs import Construct

from config.fields.scaling import Scaling
from config.schedule import eventbridge_cron
from config.service import ScaledService
from stacks.ecs.workload import EcsWorkload

_CfnScalableTarget = aws_applicationautoscaling.CfnScalableTarget
_CfnScalingPolicy = aws_applicationautoscaling.CfnScalingPolicy


def create_scalable_target(
    scope: Construct, *, on_ecs: EcsWorkload, spec: ScaledService, service_name: str
) -> aws_applicationautoscaling.CfnScalableTarget:
    """Lets Application Auto Scaling set the service's count: by schedule, CPU and memory, whichever the manifest has."""
    scaling = spec.scaling
    target = aws_applicationautoscaling.CfnScalableTarget(
        scope,
        "ScalableTarget",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=f"service/{on_ecs.cluster.cluster_name}/{service_name}",
        min_capacity=scaling.min,
        max_capacity=scaling.max,
        scheduled_actions=_scheduled_actions(scaling),
    )
    if scaling.cpu_target:
        track(scope, "ScaleOnCpu", target, "ECSServiceAverageCPUUtilization", scaling.cpu_target, scaling)
    if scaling.memory_target:
        track(scope, "ScaleOnMemory", target, "ECSServiceAverageMemoryUtilization", scaling.memory_target, scaling)
    return target


def _scheduled_actions(scaling: Scaling) -> list[_CfnScalableTarget.ScheduledActionProperty] | None:
    """Each sets the range from its time on, and with it the count, also to 0.

    https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html
    """
    return [
        _CfnScalableTarget.ScheduledActionProperty(
            scheduled_action_name=f"Range{number}",
            schedule=eventbridge_cron(then.cron),
            timezone=scaling.timezone,
            scalable_target_action=_CfnScalableTarget.ScalableTargetActionProperty(
                min_capacity=then.min, max_capacity=then.max
            ),
        )
        for number, then in enumerate(scaling.schedule or (), start=1)
    ] or None


def track(
    scope: Construct,
    name: str,
    target: aws_applicationautoscaling.CfnScalableTarget,
    metric: str,
    value: int,
    scaling: Scaling,
    resource_label: str | None = None,
) -> None:
    """Keeps one of Application Auto Scaling's own metrics at a value, by the number of copies."""
    specification = _CfnScalingPolicy.PredefinedMetricSpecificationProperty(
        predefined_metric_type=metric, resource_label=resource_label
    )
    _create_policy(scope, name, target, value, scaling, predefined_metric_specification=specification)


def track_queries(
    scope: Construct,
    name: str,
    target: aws_applicationautoscaling.CfnScalableTarget,
    queries: Sequence[_CfnScalingPolicy.TargetTrackingMetricDataQueryProperty],
    value: int,
    scaling: Scaling,
) -> None:
    """Keeps the result of metric math at a value, by the number of copies."""
    specification = _CfnScalingPolicy.CustomizedMetricSpecificationProperty(metrics=list(queries))
    _create_policy(scope, name, target, value, scaling, customized_metric_specification=specification)


def _create_policy(
    scope: Construct,
    name: str,
    target: aws_applicationautoscaling.CfnScalableTarget,
    value: int,
    scaling: Scaling,
    **measured: Any,
) -> None:
    tracking = _CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
        target_value=value,
        scale_out_cooldown=scaling.cooldowns.up if scaling.cooldowns else None,
        scale_in_cooldown=scaling.cooldowns.down if scaling.cooldowns else None,
        **measured,
    )
    _CfnScalingPolicy(
        scope,
        name,
        policy_name=name,
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=tracking,
    )
