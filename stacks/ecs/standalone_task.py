"""A task that belongs to no service: how it is started, and what whoever starts it may do."""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, aws_iam

from config.settings import Settings
from stacks.ecs.task import capacity_weights
from stacks.ecs.workload import EcsWorkload


def run_task(on_ecs: EcsWorkload) -> dict[str, Any]:
    """The arguments of ECS's RunTask, in the API's spelling."""
    settings = on_ecs.workload.settings
    weights = capacity_weights(settings)
    return {
        "cluster": on_ecs.cluster.cluster_name,
        "taskDefinition": on_ecs.task.definition_arn,
        "propagateTags": "TASK_DEFINITION",
        "enableECSManagedTags": True,
        **({"enableExecuteCommand": True} if settings.exec else {}),
        "capacityProviderStrategy": [
            {"capacityProvider": provider, "weight": weight} for provider, weight in weights.items()
        ],
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "assignPublicIp": "DISABLED",
                "securityGroups": [on_ecs.security_group_id],
                "subnets": list(on_ecs.cluster.private_subnet_ids),
            }
        },
    }


def starting_tasks(on_ecs: EcsWorkload) -> list[aws_iam.PolicyStatement]:
    """Statements of a role that starts the task."""
    task = on_ecs.task
    return [
        aws_iam.PolicyStatement(
            actions=["ecs:RunTask"],
            resources=[task.definition_arn],
            conditions={"ArnEquals": {"ecs:cluster": on_ecs.cluster.cluster.cluster_arn}},
        ),
        aws_iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[role.role_arn for role in reversed(task.roles)],
            conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        # The task gets the task definition's tags only if whoever starts it may tag; the condition allows that only at the start.
        aws_iam.PolicyStatement(
            actions=["ecs:TagResource"],
            resources=[tasks_arn(on_ecs.workload.settings)],
            conditions={"StringEquals": {"ecs:CreateAction": "RunTask"}},
        ),
    ]


def watching_tasks(on_ecs: EcsWorkload) -> aws_iam.PolicyStatement:
    """The statement of a role that waits for the task's end, or stops it."""
    return aws_iam.PolicyStatement(
        actions=["ecs:DescribeTasks", "ecs:StopTask"],
        resources=[tasks_arn(on_ecs.workload.settings)],
        conditions={"ArnEquals": {"ecs:cluster": on_ecs.cluster.cluster.cluster_arn}},
    )


def tasks_arn(
    settings: Settings,
    partition: str = Aws.PARTITION,
    region: str = Aws.REGION,
    account: str = Aws.ACCOUNT_ID,
) -> str:
    """The ARNs of the cluster's tasks."""
    return f"arn:{partition}:ecs:{region}:{account}:task/{settings.prefix}/*"


def findings_on_tasks(settings: Settings) -> dict[str, str]:
    """The acknowledgement on a role with these statements."""
    arn = tasks_arn(settings, "<AWS::Partition>", "<AWS::Region>", "<AWS::AccountId>")
    return {
        f"AwsSolutions-IAM5[Resource::{arn}]": "A task's ARN contains an id that is generated at its start; the statements are "
        "limited to this cluster, and tagging to the call that starts the task."
    }
