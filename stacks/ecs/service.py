"""One service or job on ECS Fargate: a stack that deploys and rolls back alone."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import (
    CfnOutput,
    Duration,
    Stack,
    aws_applicationautoscaling,
    aws_ec2,
    aws_ecs,
    aws_elasticloadbalancingv2,
)
from constructs import Construct, IDependable

from config.service import Kind
from config.settings import Platform
from stacks.alarms import Formula, Metric, ServiceAlarms
from stacks.base import EnvironmentStack
from stacks.ecs.cluster import EcsClusterStack
from stacks.ecs.job import ScheduledJob
from stacks.ecs.task import PORT_NAME, FargateTask, capacity_provider_strategies
from stacks.synthesizer import ServiceSynthesizer
from stacks.workload import Workload

# Thresholds at which a deployment is rolled back and somebody is told. Rates, so that they hold for a quiet service too.
_ERROR_PERCENT = 5
_ERRORS_THAT_COUNT = 5
_SLOW_SECONDS = 1.0
# The target group's own check; a container start is covered by health_grace.
_HEALTH_INTERVAL = 10
_HEALTH_TIMEOUT = 5


class EcsServiceStack(EnvironmentStack):
    """The stack Ecs-<name>.

    Attributes:
        security_group_id: of the service's tasks; callers' stacks add their rule to it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        workload: Workload,
        cluster: EcsClusterStack,
        registry: Stack,
        earlier: Mapping[str, EcsServiceStack],
    ) -> None:
        """Builds the stack.

        Args:
            scope: the app.
            construct_id: Ecs-<name>.
            workload: the service and what is around it.
            cluster: the cluster stack.
            registry: the stack whose repositories must exist before an image is pushed.
            earlier: the service stacks that deploy before this one, by service name. Rules between two services stand in
                the later of their stacks, so that even services that call each other never wait for each other.
        """
        spec = workload.spec
        super().__init__(
            scope,
            construct_id,
            settings=workload.settings,
            key=workload.key,
            description=f"{workload.settings.prefix}: {spec.name} on ECS Fargate",
            synthesizer=ServiceSynthesizer(
                settings=workload.settings, service=spec.name, platform=Platform.ECS, registry=registry
            ),
        )
        self.workload = workload
        self._cluster = cluster
        self._security_group = self._create_security_group()
        self.security_group_id = self._security_group.security_group_id
        self._open_declared_calls(earlier)
        self.task = FargateTask(self, "Task", workload=workload)
        self._target_group: aws_elasticloadbalancingv2.ApplicationTargetGroup | None = None
        self.alarms = ServiceAlarms(
            self, "Alarms", prefix=f"{workload.settings.prefix}-ecs-{spec.name}", topic_arn=workload.alarm_topic_arn
        )
        if spec.kind is Kind.JOB:
            ScheduledJob(
                self,
                "Job",
                workload=workload,
                task=self.task,
                cluster=cluster,
                security_group_id=self.security_group_id,
                alarms=self.alarms,
            )
        else:
            self._create_service()

    def _create_security_group(self) -> aws_ec2.SecurityGroup:
        group = aws_ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self._cluster.vpc,
            description=f"{self.workload.spec.name} on ECS",
            allow_all_outbound=False,
        )
        group.add_egress_rule(aws_ec2.Peer.any_ipv4(), aws_ec2.Port.tcp(443), "HTTPS to AWS and beyond")
        return group

    def _open_declared_calls(self, earlier: Mapping[str, EcsServiceStack]) -> None:
        for name, peer in earlier.items():
            if name in self.workload.spec.calls:
                self._open_path(caller=self, callee=peer)
            if self.workload.spec.name in peer.workload.spec.calls:
                self._open_path(caller=peer, callee=self)

    def _open_path(self, *, caller: EcsServiceStack, callee: EcsServiceStack) -> None:
        names = f"{caller.workload.spec.name} to {callee.workload.spec.name}"
        identity = f"{caller.workload.spec.name}-{callee.workload.spec.name}"
        self._open(
            identity,
            source=caller.security_group_id,
            target=callee.security_group_id,
            port=callee.workload.spec.port or 0,
            description=names,
        )

    def _open(self, identity: str, *, source: str, target: str, port: int, description: str) -> None:
        """Opens one port from one security group to another, on both sides, in this stack."""
        aws_ec2.CfnSecurityGroupIngress(
            self,
            f"Ingress-{identity}",
            group_id=target,
            source_security_group_id=source,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=description,
        )
        aws_ec2.CfnSecurityGroupEgress(
            self,
            f"Egress-{identity}",
            group_id=source,
            destination_security_group_id=target,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=description,
        )

    def _create_service(self) -> None:
        service = self._create_fargate_service()
        name = service.service_name
        # Without its policy the first task could not pull its image, and the first deployment would begin with a failure.
        first: list[IDependable] = [self.task.execution_role]
        if self.workload.spec.kind is Kind.HTTP:
            first += self._put_behind_the_load_balancer(service)
        else:
            self._watch_worker(name)
        service.node.add_dependency(*first)
        if self.workload.spec.autoscaled:
            self._scale(name)
        CfnOutput(self, "ServiceName", value=name)
        CfnOutput(self, "LogGroupName", value=self.task.log_group.log_group_name)

    def _create_fargate_service(self) -> aws_ecs.FargateService:
        spec = self.workload.spec
        return aws_ecs.FargateService(
            self,
            "Service",
            cluster=self._cluster.cluster,
            task_definition=self.task.definition,
            # With scaling on, the count is the scaler's: a number here would undo its work at each deployment.
            desired_count=None if spec.autoscaled else spec.scaling.min,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=aws_ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            capacity_provider_strategies=capacity_provider_strategies(self.settings),
            availability_zone_rebalancing=aws_ecs.AvailabilityZoneRebalancing.ENABLED,
            health_check_grace_period=Duration.seconds(spec.health_grace) if spec.kind is Kind.HTTP else None,
            security_groups=[self._security_group],
            vpc_subnets=aws_ec2.SubnetSelection(subnets=self._cluster.private_subnets),
            assign_public_ip=False,
            enable_ecs_managed_tags=True,
            propagate_tags=aws_ecs.PropagatedTagSource.SERVICE,
            service_connect_configuration=self._service_connect(),
        )

    def _service_connect(self) -> aws_ecs.ServiceConnectProps | None:
        spec = self.workload.spec
        if spec.kind is not Kind.HTTP:
            if not spec.calls:
                return None
            return aws_ecs.ServiceConnectProps(namespace=self._cluster.namespace_arn)
        return aws_ecs.ServiceConnectProps(
            namespace=self._cluster.namespace_arn,
            services=[
                aws_ecs.ServiceConnectService(
                    port_mapping_name=PORT_NAME, discovery_name=spec.name, dns_name=spec.name, port=spec.port
                )
            ],
            log_driver=aws_ecs.LogDrivers.aws_logs(
                stream_prefix="service-connect",
                log_group=self.task.log_group,
                mode=aws_ecs.AwsLogDriverMode.NON_BLOCKING,
            ),
        )

    def _put_behind_the_load_balancer(self, service: aws_ecs.FargateService) -> list[IDependable]:
        """Returns what must be there before the service: a target group that no rule feeds yet is refused by ECS."""
        spec = self.workload.spec
        self._open(
            "load-balancer",
            source=self._cluster.entrance.security_group_id,
            target=self.security_group_id,
            port=spec.port or 0,
            description=f"load balancer to {spec.name}",
        )
        target_group = self._target_group = self._create_target_group()
        rule = self._create_listener_rule(target_group)
        service.attach_to_application_target_group(target_group)
        alarms = self._watch_http(service, target_group)
        base = self._cluster.entrance.url
        CfnOutput(self, "Url", value=f"{base}{spec.path}", description=spec.description)
        return [rule, *alarms]

    def _create_target_group(self) -> aws_elasticloadbalancingv2.ApplicationTargetGroup:
        spec = self.workload.spec
        return aws_elasticloadbalancingv2.ApplicationTargetGroup(
            self,
            "TargetGroup",
            vpc=self._cluster.vpc,
            port=spec.port,
            protocol=aws_elasticloadbalancingv2.ApplicationProtocol.HTTP,
            target_type=aws_elasticloadbalancingv2.TargetType.IP,
            deregistration_delay=Duration.seconds(spec.drain_seconds),
            health_check=aws_elasticloadbalancingv2.HealthCheck(
                path=spec.health,
                healthy_http_codes="200",
                interval=Duration.seconds(_HEALTH_INTERVAL),
                timeout=Duration.seconds(_HEALTH_TIMEOUT),
                healthy_threshold_count=2,
                unhealthy_threshold_count=3,
            ),
        )

    def _create_listener_rule(
        self, target_group: aws_elasticloadbalancingv2.ApplicationTargetGroup
    ) -> aws_elasticloadbalancingv2.CfnListenerRule:
        spec = self.workload.spec
        return aws_elasticloadbalancingv2.CfnListenerRule(
            self,
            "ListenerRule",
            listener_arn=self._cluster.entrance.listener_arn,
            priority=spec.listener_priority,
            conditions=[
                aws_elasticloadbalancingv2.CfnListenerRule.RuleConditionProperty(
                    field="path-pattern",
                    path_pattern_config=aws_elasticloadbalancingv2.CfnListenerRule.PathPatternConfigProperty(
                        values=list(spec.path_patterns)
                    ),
                )
            ],
            actions=[
                aws_elasticloadbalancingv2.CfnListenerRule.ActionProperty(
                    type="forward", target_group_arn=target_group.target_group_arn
                )
            ],
        )

    def _watch_http(
        self,
        service: aws_ecs.FargateService,
        target_group: aws_elasticloadbalancingv2.ApplicationTargetGroup,
    ) -> list[IDependable]:
        name = self.workload.spec.name
        full_name = target_group.target_group_full_name
        errors = self.alarms.above(
            "Errors",
            self._error_percent(full_name),
            _ERROR_PERCENT,
            periods=3,
            description=f"{name} on ECS answers more than {_ERROR_PERCENT} % of its requests with 5xx",
        )
        latency = self.alarms.above(
            "Latency",
            self._cluster.entrance.metric("TargetResponseTime", full_name, statistic="p99"),
            _SLOW_SECONDS,
            periods=5,
            description=f"{name} on ECS takes over {_SLOW_SECONDS:g} s for its slowest 1 % of requests",
        )
        self.alarms.below(
            "Running",
            self._cluster.entrance.metric("HealthyHostCount", full_name, statistic="Minimum"),
            self.workload.spec.scaling.min,
            periods=5,
            description=f"{name} on ECS runs fewer healthy tasks than its minimum",
        )
        # Both watch the target group, not the service, so the service may wait for them without a cycle.
        service.enable_deployment_alarms(
            [self.alarms.name_of("Errors"), self.alarms.name_of("Latency")],
            behavior=aws_ecs.AlarmBehavior.ROLLBACK_ON_ALARM,
        )
        return [errors, latency]

    def _error_percent(self, target_group: str) -> Formula:
        return Formula(
            expression=f"IF(errors > {_ERRORS_THAT_COUNT}, 100 * errors / requests, 0)",
            label="5xx, percent of requests",
            metrics={
                "errors": self._cluster.entrance.metric("HTTPCode_Target_5XX_Count", target_group, statistic="Sum"),
                "requests": self._cluster.entrance.metric("RequestCount", target_group, statistic="Sum"),
            },
        )

    def _watch_worker(self, service_name: str) -> None:
        # Each running task sends one CPU sample a minute, so their number is the number of running tasks.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html
        samples = Metric(
            namespace="AWS/ECS",
            name="CPUUtilization",
            dimensions={"ClusterName": self._cluster.cluster_name, "ServiceName": service_name},
            statistic="SampleCount",
        )
        self.alarms.below(
            "Running",
            samples,
            self.workload.spec.scaling.min,
            periods=5,
            description=f"{self.workload.spec.name} on ECS runs fewer tasks than its minimum",
        )

    def _scale(self, service_name: str) -> None:
        scaling = self.workload.spec.scaling
        target = aws_applicationautoscaling.CfnScalableTarget(
            self,
            "ScalableTarget",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{self._cluster.cluster_name}/{service_name}",
            min_capacity=scaling.min,
            max_capacity=scaling.max,
        )
        if scaling.cpu_target:
            self._track(target, "ScaleOnCpu", "ECSServiceAverageCPUUtilization", scaling.cpu_target)
        if scaling.requests_target and self._target_group:
            label = f"{self._cluster.entrance.load_balancer_full_name}/{self._target_group.target_group_full_name}"
            self._track(target, "ScaleOnRequests", "ALBRequestCountPerTarget", scaling.requests_target, label)

    def _track(
        self,
        target: aws_applicationautoscaling.CfnScalableTarget,
        name: str,
        metric: str,
        value: int,
        resource_label: str | None = None,
    ) -> None:
        policy = aws_applicationautoscaling.CfnScalingPolicy
        policy(
            self,
            name,
            policy_name=name,
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=policy.TargetTrackingScalingPolicyConfigurationProperty(
                predefined_metric_specification=policy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type=metric, resource_label=resource_label
                ),
                target_value=value,
            ),
        )
