"""A service on ECS that no load balancer reaches: a worker, or an http service that only others call."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_applicationautoscaling
from constructs import Construct

from config.service import ScaledService
from stacks.ecs.before_deploy import before_deploy
from stacks.ecs.fargate_service import (
    create_fargate_service,
    create_scalable_target,
    create_service_outputs,
    watch_running_tasks,
)
from stacks.ecs.workload import EcsWorkload


@dataclass(frozen=True, kw_only=True)
class Running:
    """A service that was created.

    Attributes:
        service_name: as ECS knows it.
        target: what scales it, if anything does.
    """

    service_name: str
    target: aws_applicationautoscaling.CfnScalableTarget | None


def create_unbalanced_service(scope: Construct, *, on_ecs: EcsWorkload, spec: ScaledService) -> Running:
    """Service, scaling and an alarm.

    ECS checks no health here: only a target group or a command in the image could. So the service counts its tasks, and its
    circuit breaker every one that ends.

    Args:
        scope: the construct of the kind.
        on_ecs: the service on ECS.
        spec: its service.yaml.
    """
    alarms = on_ecs.create_alarms(scope)
    service = create_fargate_service(scope, on_ecs=on_ecs, spec=spec)
    # Without its policy the first task could not pull its image, so the first deployment would start with a failure.
    service.node.add_dependency(*on_ecs.task.roles, *before_deploy(scope, on_ecs=on_ecs, spec=spec))
    service_name = service.attr_name
    watch_running_tasks(alarms, on_ecs=on_ecs, spec=spec, service_name=service_name)
    target = (
        create_scalable_target(scope, on_ecs=on_ecs, spec=spec, service_name=service_name) if spec.autoscaled else None
    )
    create_service_outputs(scope, on_ecs=on_ecs, service_name=service_name)
    return Running(service_name=service_name, target=target)
