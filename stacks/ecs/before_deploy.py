"""`before_deploy` on ECS: the stack runs the command as a task of the new version, and goes on only if that ends with 0."""

from __future__ import annotations

from aws_cdk import Aws, CfnElement, CustomResource, aws_iam
from constructs import Construct

from config.fields.commands import BeforeDeploy
from config.reserved import BEFORE_DEPLOY
from config.service import ScaledService
from config.settings import Platform
from stacks.base import stack_of
from stacks.ecs.workload import EcsWorkload
from stacks.migration import Migration
from stacks.migration_script import ON_ECS
from stacks.narrow import narrow


def before_deploy(scope: Construct, *, on_ecs: EcsWorkload, spec: ScaledService) -> list[CustomResource]:
    """What a service waits for before it changes; nothing, unless it has such a command."""
    if spec.before_deploy is None:
        return []
    own = _OnEcs(on_ecs)
    migration = Migration(
        scope,
        service=spec.name,
        script=ON_ECS,
        resource_type="Custom::BeforeDeploy",
        properties={
            "Task": stack_of(scope).to_json_string(own.run_task(spec.before_deploy)),
            "Container": spec.name,
            "Seconds": str(spec.before_deploy.timeout),
            "LogGroup": on_ecs.task.log_group_name,
            "StreamPrefix": Platform.ECS.value,
        },
        statements=own.statements(),
        findings=own.findings(),
    )
    migration.done.node.add_dependency(*on_ecs.task.roles)  # the task could not pull its image without their policies
    return [migration.done]


class _OnEcs:
    """What the function starts, and what it may do."""

    def __init__(self, on_ecs: EcsWorkload) -> None:
        self._on_ecs = on_ecs
        self._task = on_ecs.task

    def run_task(self, before: BeforeDeploy) -> dict[str, object]:
        """The arguments of ECS's RunTask. Never on Spot, where an interruption would fail the deployment."""
        override = {"name": self._on_ecs.name, "command": list(before.command)}
        return {
            "cluster": self._on_ecs.cluster.cluster_name,
            "taskDefinition": self._task.definition_arn,
            "launchType": "FARGATE",
            "startedBy": BEFORE_DEPLOY,
            "propagateTags": "TASK_DEFINITION",
            "enableECSManagedTags": True,
            "overrides": {"containerOverrides": [override]},
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    "assignPublicIp": "DISABLED",
                    "securityGroups": [self._on_ecs.security_group_id],
                    "subnets": list(self._on_ecs.cluster.private_subnet_ids),
                }
            },
        }

    def statements(self) -> list[aws_iam.PolicyStatement]:
        own = (Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID)
        tasks = self._tasks_arn(*own)
        in_cluster = {"ArnEquals": {"ecs:cluster": self._on_ecs.cluster.cluster.cluster_arn}}
        return [
            aws_iam.PolicyStatement(
                actions=["ecs:RunTask"], resources=[self._task.definition_arn], conditions=in_cluster
            ),
            aws_iam.PolicyStatement(
                actions=["ecs:DescribeTasks", "ecs:StopTask"], resources=[tasks], conditions=in_cluster
            ),
            # The task gets the definition's tags only if whoever starts it may tag.
            aws_iam.PolicyStatement(
                actions=["ecs:TagResource"],
                resources=[tasks],
                conditions={"StringEquals": {"ecs:CreateAction": "RunTask"}},
            ),
            aws_iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn for role in self._task.roles],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
            aws_iam.PolicyStatement(
                actions=["logs:GetLogEvents"], resources=[self._streams_arn(*own, self._task.log_group_name)]
            ),
        ]

    def findings(self) -> dict[str, str]:
        own = ("<AWS::Partition>", "<AWS::Region>", "<AWS::AccountId>")
        log_group = narrow(self._task.node.find_child("LogGroup").node.default_child, CfnElement)
        name = f"<{stack_of(self._task).get_logical_id(log_group)}>"
        return {
            f"AwsSolutions-IAM5[Resource::{self._tasks_arn(*own)}]": "A task's ARN contains an id that is generated at its "
            "start; the statements are limited to this cluster.",
            f"AwsSolutions-IAM5[Resource::{self._streams_arn(*own, name)}]": "The stream of a task has its id, which is "
            "generated at its start; the statement reads only this service's own streams.",
        }

    def _tasks_arn(self, partition: str, region: str, account: str) -> str:
        return f"arn:{partition}:ecs:{region}:{account}:task/{self._on_ecs.workload.settings.prefix}/*"

    def _streams_arn(self, partition: str, region: str, account: str, log_group: str) -> str:
        streams = f"{Platform.ECS.value}/{self._on_ecs.name}/*"
        return f"arn:{partition}:logs:{region}:{account}:log-group:{log_group}:log-stream:{streams}"
