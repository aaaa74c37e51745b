"""An http service on ECS: behind the load balancer, and reachable by name for the services that call it."""

from __future__ import annotations

from aws_cdk import aws_ecs, aws_elasticloadbalancingv2
from constructs import Construct, IDependable

from config.fields import health
from config.fields.network import Protocol
from config.limits import GRPC_HEALTH, GRPC_HEALTHY_CODES
from config.routing import Route
from config.service import HttpService
from stacks.address import create_url_output
from stacks.alarms import Formula
from stacks.durations import seconds
from stacks.ecs.before_deploy import before_deploy
from stacks.ecs.fargate_service import (
    Balanced,
    create_fargate_service,
    create_scalable_target,
    create_service_outputs,
    track,
)
from stacks.ecs.security_groups import admit
from stacks.ecs.workload import EcsWorkload
from stacks.narrow import narrow

_CfnListenerRule = aws_elasticloadbalancingv2.CfnListenerRule

# Every target group's port. ECS registers each task with the port of its container, so this one is never used; but it cannot be
# changed, and a replaced group takes the traffic before it has a task.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
_NOMINAL_PORT = 8080
# The alarms below that a bad deployment can set off.
_ROLLBACK_ALARMS = ("Errors", "Latency")


class HttpServiceOnEcs(Construct):
    """Service, target group, listener rule, scaling and alarms."""

    def __init__(self, scope: Construct, construct_id: str, *, on_ecs: EcsWorkload) -> None:
        super().__init__(scope, construct_id)
        self._on_ecs = on_ecs
        self._spec = narrow(on_ecs.workload.spec, HttpService)
        self._entrance = on_ecs.cluster.entrance
        self._alarms = on_ecs.create_alarms(self)
        admitted = self._admit_load_balancer()
        target_group = self._create_target_group()
        self._target_group_arn = target_group.target_group_arn
        self._target_group_name = target_group.target_group_full_name
        rules = self._create_listener_rules()
        alarms = self._watch()
        service = self._create_service()
        # ECS refuses a target group that no listener rule uses yet. And without its role's policy the first task could not
        # pull its image, so the first deployment would start with a failure.
        # With another port, its tasks are reached only through the new rule.
        service.node.add_dependency(*on_ecs.task.roles, *rules, admitted, *alarms)
        service.node.add_dependency(*before_deploy(self, on_ecs=on_ecs, spec=self._spec))
        service_name = service.attr_name
        self._watch_number_of_tasks(service)
        create_url_output(self, self._spec, self._entrance.url)
        self._scale(service_name)
        create_service_outputs(self, on_ecs=on_ecs, service_name=service_name)

    def _create_service(self) -> aws_ecs.CfnService:
        spec = self._spec
        balanced = Balanced(
            port=spec.port,
            target_group_arn=self._target_group_arn,
            health_grace=spec.health_grace,
            rollback_alarms=[self._alarms.name_of(name) for name in _ROLLBACK_ALARMS],
        )
        return create_fargate_service(self, on_ecs=self._on_ecs, spec=spec, balanced=balanced)

    def _admit_load_balancer(self) -> IDependable:
        return admit(
            self,
            "load-balancer",
            source=self._entrance.security_group_id,
            target=self._on_ecs.security_group_id,
            port=self._spec.port,
            description=f"load balancer to {self._spec.name}",
        )

    def _create_target_group(self) -> aws_elasticloadbalancingv2.ApplicationTargetGroup:
        spec, grpc = self._spec, self._spec.protocol is Protocol.GRPC
        return aws_elasticloadbalancingv2.ApplicationTargetGroup(
            self,
            "TargetGroup",
            vpc=self._on_ecs.cluster.vpc,
            port=_NOMINAL_PORT,
            protocol=aws_elasticloadbalancingv2.ApplicationProtocol.HTTP,
            protocol_version=aws_elasticloadbalancingv2.ApplicationProtocolVersion.GRPC if grpc else None,
            stickiness_cookie_duration=seconds(spec.sticky) if spec.sticky else None,
            target_type=aws_elasticloadbalancingv2.TargetType.IP,
            deregistration_delay=seconds(spec.drain_seconds),
            health_check=aws_elasticloadbalancingv2.HealthCheck(
                path=GRPC_HEALTH if grpc else spec.check.path,
                healthy_http_codes=None if grpc else spec.check.codes,
                healthy_grpc_codes=GRPC_HEALTHY_CODES if grpc else None,
                interval=seconds(spec.check.interval or health.DEFAULT_INTERVAL),
                timeout=seconds(spec.check.timeout or health.DEFAULT_TIMEOUT),
                healthy_threshold_count=spec.check.healthy or health.DEFAULT_HEALTHY,
                unhealthy_threshold_count=spec.check.unhealthy or health.DEFAULT_UNHEALTHY,
            ),
        )

    def _create_listener_rules(self) -> list[_CfnListenerRule]:
        """One rule for each route, as each has its own priority. The one on HTTP forwards; with a domain it redirects, and one on
        HTTPS forwards.

        The listener of a rule cannot be changed. The rule on HTTP therefore stays when a domain is added, and only its action
        changes, after the one on HTTPS is there. Every service keeps one, as the rule of / on HTTP would otherwise take the
        requests of a service that has moved already.
        """
        forward = _CfnListenerRule.ActionProperty(type="forward", target_group_arn=self._target_group_arn)
        found = []
        for route in self._spec.routes:
            # The service's own path has the plain id, as when there are no others; their ids do not depend on their order.
            suffix = "" if self._spec.is_own(route) else route.key
            found += self._create_rules_of(route, suffix, forward)
        return found

    def _create_rules_of(
        self, route: Route, suffix: str, forward: _CfnListenerRule.ActionProperty
    ) -> list[_CfnListenerRule]:
        plain = f"ListenerRule{suffix}"
        if self._entrance.https_listener_arn is None:
            return [self._create_rule(plain, self._entrance.http_listener_arn, route, forward)]
        redirect = _CfnListenerRule.ActionProperty(
            type="redirect",
            redirect_config=_CfnListenerRule.RedirectConfigProperty(
                protocol="HTTPS", port="443", status_code="HTTP_301"
            ),
        )
        https = self._create_rule(f"Https{plain}", self._entrance.https_listener_arn, route, forward)
        http = self._create_rule(plain, self._entrance.http_listener_arn, route, redirect)
        http.node.add_dependency(https)
        return [https, http]

    def _create_rule(
        self, name: str, listener_arn: str, route: Route, action: _CfnListenerRule.ActionProperty
    ) -> _CfnListenerRule:
        conditions = [
            _CfnListenerRule.RuleConditionProperty(
                field="path-pattern",
                path_pattern_config=_CfnListenerRule.PathPatternConfigProperty(values=list(route.patterns)),
            )
        ]
        if route.host:
            conditions.append(
                _CfnListenerRule.RuleConditionProperty(
                    field="host-header",
                    host_header_config=_CfnListenerRule.HostHeaderConfigProperty(values=[route.host]),
                )
            )
        return _CfnListenerRule(
            self,
            name,
            listener_arn=listener_arn,
            priority=route.priority,
            conditions=conditions,
            actions=[action],
        )

    def _watch(self) -> list[IDependable]:
        """Returns the alarms that roll a deployment back."""
        name, thresholds = self._spec.name, self._spec.alarms
        errors = self._alarms.above(
            "Errors",
            self._error_percent(self._target_group_name),
            thresholds.errors_percent,
            periods=3,
            description=f"{name} on ECS answers more than {thresholds.errors_percent} % of its requests with 5xx, or not at all",
        )
        latency = self._alarms.above(
            "Latency",
            self._entrance.metric("TargetResponseTime", self._target_group_name, statistic="p99"),
            thresholds.latency_ms / 1000,
            periods=5,
            description=f"{name} on ECS takes more than {thresholds.latency_ms} ms for the slowest 1 % of its requests",
        )
        # Both watch the target group, not the service, so the service may depend on them without a cycle.
        return [errors, latency]

    def _watch_number_of_tasks(self, service: IDependable) -> None:
        alarm = self._alarms.below(
            "Running",
            self._entrance.metric("HealthyHostCount", self._target_group_name, statistic="Minimum"),
            self._spec.scaling.min,
            periods=5,
            description=f"{self._spec.name} on ECS runs fewer healthy tasks than its minimum",
        )
        # Missing data is too few tasks, so before the first one is healthy the alarm would go off.
        alarm.node.add_dependency(service)

    def _error_percent(self, target_group: str) -> Formula:
        """Requests passed to a task that did not get a good answer from it.

        A task that hangs or resets connections answers nothing: the load balancer sends 502 or 504 in its place, which no metric
        of the target group counts, but the request itself is counted. A WebSocket, whose answer is 101, looks the same.
        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
        """
        good = {f"good{code}": f"HTTPCode_Target_{code}XX_Count" for code in (2, 3, 4)}
        metrics = {"requests": "RequestCount", **good}
        filled = " - ".join(f"FILL({name}, 0)" for name in good)
        return Formula(
            expression=f"100 * (requests - {filled}) / requests",
            label="5xx or no answer, percent of requests",
            metrics={
                name: self._entrance.metric(metric, target_group, statistic="Sum") for name, metric in metrics.items()
            },
        )

    def _scale(self, service_name: str) -> None:
        if not self._spec.autoscaled:
            return
        target = create_scalable_target(self, on_ecs=self._on_ecs, spec=self._spec, service_name=service_name)
        requests = self._spec.scaling.requests_target
        if requests:
            label = f"{self._entrance.load_balancer_full_name}/{self._target_group_name}"
            track(self, "ScaleOnRequests", target, "ALBRequestCountPerTarget", requests, label)
