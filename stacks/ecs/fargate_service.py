"""What http services and workers have in common on ECS: copies that run until they are stopped, one or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import CfnOutput, aws_applicationautoscaling, aws_ecs
from constructs import Construct

from config.fields.network import Protocol
from config.service import HttpService, ScaledService, Worker
from stacks.alarms import Metric, ServiceAlarms
from stacks.ecs.container import PORT_NAME, PRIVATE_PORT_NAME
from stacks.ecs.task import capacity_weights
from stacks.ecs.workload import EcsWorkload

CfnService = aws_ecs.CfnService
_CfnScalingPolicy = aws_applicationautoscaling.CfnScalingPolicy

# Failed tasks that end a deployment: also the least that ECS's own percentage comes to.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
_FAILURES = 3


@dataclass(frozen=True, kw_only=True)
class Balanced:
    """What the load balancer reaches, where a service is behind it.

    Attributes:
        port: of the container.
        target_group_arn: where the load balancer finds the tasks.
        health_grace: seconds during which a failing health check does not count.
        rollback_alarms: names of the alarms that roll a deployment back.
    """

    port: int
    target_group_arn: str
    health_grace: int
    rollback_alarms: Sequence[str]


def create_fargate_service(
    scope: Construct, *, on_ecs: EcsWorkload, spec: ScaledService, balanced: Balanced | None = None
) -> CfnService:
    """A service that rolls back by itself and is replaced without a gap.

    It is CloudFormation's own resource: CDK's class takes more calls to Node, for defaults that are all written out here.

    Args:
        scope: the construct of the kind.
        on_ecs: the service on ECS.
        spec: its service.yaml.
        balanced: what the load balancer reaches, if it does.
    """
    return CfnService(
        Construct(scope, "Service"),
        "Service",
        cluster=on_ecs.cluster.cluster_name,
        task_definition=on_ecs.task.definition_arn,
        # With scaling on, the count is the scaler's: a number here would undo its work at each deployment.
        desired_count=None if spec.autoscaled else spec.scaling.min,
        deployment_configuration=_replaced_without_a_gap(balanced, checked=bool(balanced) or _is_checked(spec)),
        capacity_provider_strategy=[
            CfnService.CapacityProviderStrategyItemProperty(capacity_provider=provider, weight=weight)
            for provider, weight in capacity_weights(on_ecs.workload.settings).items()
        ],
        availability_zone_rebalancing="ENABLED",
        health_check_grace_period_seconds=balanced.health_grace if balanced else None,
        load_balancers=[
            CfnService.LoadBalancerProperty(
                container_name=on_ecs.name, container_port=balanced.port, target_group_arn=balanced.target_group_arn
            )
        ]
        if balanced
        else [],
        network_configuration=CfnService.NetworkConfigurationProperty(
            awsvpc_configuration=CfnService.AwsVpcConfigurationProperty(
                assign_public_ip="DISABLED",
                security_groups=[on_ecs.security_group_id],
                subnets=on_ecs.cluster.private_subnet_ids,
            )
        ),
        enable_ecs_managed_tags=True,
        enable_execute_command=on_ecs.workload.settings.exec or None,
        propagate_tags="SERVICE",
        service_connect_configuration=_service_connect(on_ecs, spec),
    )


def _is_checked(spec: ScaledService) -> bool:
    return isinstance(spec, Worker) and spec.health is not None


def _replaced_without_a_gap(balanced: Balanced | None, *, checked: bool) -> CfnService.DeploymentConfigurationProperty:
    alarms = (
        CfnService.DeploymentAlarmsProperty(alarm_names=list(balanced.rollback_alarms), enable=True, rollback=True)
        if balanced
        else None
    )
    return CfnService.DeploymentConfigurationProperty(
        minimum_healthy_percent=100,
        maximum_percent=200,
        deployment_circuit_breaker=_circuit_breaker() if checked else _strict_circuit_breaker(),
        alarms=alarms,
    )


def _circuit_breaker() -> CfnService.DeploymentCircuitBreakerProperty:
    return CfnService.DeploymentCircuitBreakerProperty(enable=True, rollback=True)


def _strict_circuit_breaker() -> CfnService.DeploymentCircuitBreakerProperty:
    """For a task without a health check: ECS takes it for healthy as soon as it runs.

    By default a healthy task sets the count of failures back to 0, so a version that starts and exits a second later would be
    restarted for ever. Here every failure counts, and the third ends the deployment.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html
    """
    return CfnService.DeploymentCircuitBreakerProperty(
        enable=True,
        rollback=True,
        reset_on_healthy_task=False,
        threshold_configuration=CfnService.ThresholdConfigurationProperty(type="COUNT", value=_FAILURES),
    )


def _service_connect(on_ecs: EcsWorkload, spec: ScaledService) -> CfnService.ServiceConnectConfigurationProperty | None:
    """The names that the service offers and finds."""
    offered = _offered(spec) if isinstance(spec, HttpService) else []
    if not (offered or spec.calls):
        return None  # a proxy that nothing goes through would cost memory
    namespace = on_ecs.cluster.namespace_arn
    if not offered:
        return CfnService.ServiceConnectConfigurationProperty(enabled=True, namespace=namespace)
    return CfnService.ServiceConnectConfigurationProperty(
        enabled=True,
        namespace=namespace,
        services=offered,
        log_configuration=CfnService.LogConfigurationProperty(
            log_driver="awslogs", options=on_ecs.task.log_options("service-connect")
        ),
    )


def _offered(spec: HttpService) -> list[CfnService.ServiceConnectServiceProperty]:
    """One entry for each port. Both have one alias, as name and port together are what must be unique.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectService.html
    """
    # A connection has no requests to time.
    timed = None if spec.protocol is Protocol.TCP else spec.call_timeout
    entries = [_entry(spec, PORT_NAME, spec.name, spec.port, timed)]
    if spec.private_port is not None:
        private = f"{spec.name}_{PRIVATE_PORT_NAME}"  # no service has a _ in its name
        entries.append(_entry(spec, PRIVATE_PORT_NAME, private, spec.private_port, spec.call_timeout))
    return entries


def _entry(
    spec: HttpService, port_name: str, discovery_name: str, port: int, timeout: int | None
) -> CfnService.ServiceConnectServiceProperty:
    return CfnService.ServiceConnectServiceProperty(
        port_name=port_name,
        discovery_name=discovery_name,
        client_aliases=[CfnService.ServiceConnectClientAliasProperty(dns_name=spec.name, port=port)],
        # Without it Service Connect ends every call after 15 s.
        timeout=CfnService.TimeoutConfigurationProperty(per_request_timeout_seconds=timeout) if timeout else None,
    )


def running_tasks(on_ecs: EcsWorkload, service_name: str) -> Metric:
    """The number of running tasks: each sends one CPU sample a minute.

    Container Insights has a metric for it, but not every environment has Container Insights.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html
    """
    return Metric(
        namespace="AWS/ECS",
        name="CPUUtilization",
        dimensions={"ClusterName": on_ecs.cluster.cluster_name, "ServiceName": service_name},
        statistic="SampleCount",
    )


def watch_running_tasks(alarms: ServiceAlarms, *, on_ecs: EcsWorkload, spec: ScaledService, service_name: str) -> None:
    """Adds an alarm for too few tasks, for a service whose health no load balancer checks.

    It refers to the service, so it is not there before the first task.
    """
    alarms.below(
        "Running",
        running_tasks(on_ecs, service_name),
        spec.scaling.min,
        periods=5,
        description=f"{spec.name} on ECS runs fewer tasks than its minimum",
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


def track_queries(
    scope: Construct,
    name: str,
    target: aws_applicationautoscaling.CfnScalableTarget,
    queries: Sequence[_CfnScalingPolicy.TargetTrackingMetricDataQueryProperty],
    value: int,
) -> None:
    """Keeps the result of metric math at a value, by the number of copies."""
    _CfnScalingPolicy(
        scope,
        name,
        policy_name=name,
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=_CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            customized_metric_specification=_CfnScalingPolicy.CustomizedMetricSpecificationProperty(
                metrics=list(queries)
            ),
            target_value=value,
        ),
    )


def create_service_outputs(scope: Construct, *, on_ecs: EcsWorkload, service_name: str) -> None:
    """What a reader needs to ask ECS and CloudWatch Logs about the service."""
    CfnOutput(scope, "ServiceName", value=service_name)
    CfnOutput(scope, "LogGroupName", value=on_ecs.task.log_group_name)
