"""What http services and workers have in common on ECS: copies that run until they are stopped, one or several."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, aws_applicationautoscaling, aws_ec2, aws_ecs
from constructs import Construct

from config.service import ScaledService
from stacks.ecs.task import capacity_provider_strategies
from stacks.ecs.workload import EcsWorkload

_CfnScalingPolicy = aws_applicationautoscaling.CfnScalingPolicy


def create_fargate_service(
    scope: Construct,
    *,
    on_ecs: EcsWorkload,
    spec: ScaledService,
    service_connect: aws_ecs.ServiceConnectProps | None,
    health_grace: Duration | None = None,
) -> aws_ecs.FargateService:
    """A service that rolls back by itself and is replaced without a gap.

    Args:
        scope: the construct of the kind.
        on_ecs: the service on ECS.
        spec: its service.yaml.
        service_connect: the names that it offers and finds, or None without any.
        health_grace: how long a failing health check does not count, where there is one.
    """
    return aws_ecs.FargateService(
        scope,
        "Service",
        cluster=on_ecs.cluster.cluster,
        task_definition=on_ecs.task.definition,
        # With scaling on, the count is the scaler's: a number here would undo its work at each deployment.
        desired_count=None if spec.autoscaled else spec.scaling.min,
        min_healthy_percent=100,
        max_healthy_percent=200,
        circuit_breaker=aws_ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
        capacity_provider_strategies=capacity_provider_strategies(on_ecs.workload.settings),
        availability_zone_rebalancing=aws_ecs.AvailabilityZoneRebalancing.ENABLED,
        health_check_grace_period=health_grace,
        security_groups=[on_ecs.security_group],
        vpc_subnets=aws_ec2.SubnetSelection(subnets=on_ecs.cluster.private_subnets),
        assign_public_ip=False,
        enable_ecs_managed_tags=True,
        propagate_tags=aws_ecs.PropagatedTagSource.SERVICE,
        service_connect_configuration=service_connect,
    )


def create_scalable_target(
    scope: Construct, *, on_ecs: EcsWorkload, spec: ScaledService, service_name: str
) -> aws_applicationautoscaling.CfnScalableTarget:
    """Lets Application Auto Scaling set the service's count, by its CPU where the service has such a target."""
    target = aws_applicationautoscaling.CfnScalableTarget(
        scope,
        "ScalableTarget",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=f"service/{on_ecs.cluster.cluster_name}/{service_name}",
        min_capacity=spec.scaling.min,
        max_capacity=spec.scaling.max,
    )
    if spec.scaling.cpu_target:
        track(scope, "ScaleOnCpu", target, "ECSServiceAverageCPUUtilization", spec.scaling.cpu_target)
    return target


def track(
    scope: Construct,
    name: str,
    target: aws_applicationautoscaling.CfnScalableTarget,
    metric: str,
    value: int,
    resource_label: str | None = None,
) -> None:
    """Keeps one of Application Auto Scaling's own metrics at a value, by the number of copies."""
    _CfnScalingPolicy(
        scope,
        name,
        policy_name=name,
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=_CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            predefined_metric_specification=_CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                predefined_metric_type=metric, resource_label=resource_label
            ),
            target_value=value,
        ),
    )


def create_service_outputs(scope: Construct, *, on_ecs: EcsWorkload, service_name: str) -> None:
    """What a reader needs to ask ECS and CloudWatch Logs about the service."""
    CfnOutput(scope, "ServiceName", value=service_name)
    CfnOutput(scope, "LogGroupName", value=on_ecs.task.log_group.log_group_name)
