"""`before_deploy` on ECS: the stack runs the command as a task of the new version, and goes on only if that ends with 0.

docs/decisions/0014-a-migration-is-part-of-its-service.md has the reasons.
"""

from __future__ import annotations

from aws_cdk import Aws, CfnElement, CustomResource, Duration, aws_iam, aws_lambda
from constructs import Construct, IDependable

from config.fields.commands import BeforeDeploy
from config.reserved import BEFORE_DEPLOY
from config.service import ScaledService
from config.settings import Platform
from stacks.acknowledgements import acknowledge
from stacks.base import stack_of
from stacks.ecs.migration_script import MIGRATION_SCRIPT
from stacks.ecs.workload import EcsWorkload
from stacks.logs import owned_log_group
from stacks.narrow import narrow

# Lambda's own limit, which config.fields.commands.MIGRATION_SECONDS leaves room below.
_FUNCTION_SECONDS = 900
# CloudFormation gives up on a function that never answers a little after that; by default it waits for an hour.
_ANSWER_SECONDS = 960


def before_deploy(scope: Construct, *, on_ecs: EcsWorkload, spec: ScaledService) -> list[IDependable]:
    """What a service waits for before it changes; nothing, unless it has such a command."""
    if spec.before_deploy is None:
        return []
    return [MigrationOnEcs(scope, "BeforeDeploy", on_ecs=on_ecs, before_deploy=spec.before_deploy).done]


class MigrationOnEcs(Construct):
    """The function that runs the command, its role, and the resource that CloudFormation waits for.

    Attributes:
        done: what the service waits for.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, on_ecs: EcsWorkload, before_deploy: BeforeDeploy
    ) -> None:
        super().__init__(scope, construct_id)
        self._on_ecs = on_ecs
        self._before_deploy = before_deploy
        self._cluster_arn = on_ecs.cluster.cluster.cluster_arn
        self._log_group = owned_log_group(self, "LogGroup")
        role = self._create_role()
        function = self._create_function(role)
        self.done = self._create_resource(function)
        # Without its own policy the function could start nothing, and without its roles' the task could not pull its image.
        self.done.node.add_dependency(role, *on_ecs.task.roles)

    def _create_function(self, role: aws_iam.Role) -> aws_lambda.Function:
        return aws_lambda.Function(
            self,
            "Function",
            description=f"Runs {self._on_ecs.name}'s before_deploy",
            runtime=aws_lambda.Runtime.PYTHON_3_14,
            architecture=aws_lambda.Architecture.ARM_64,
            handler="index.handler",
            code=aws_lambda.Code.from_inline(MIGRATION_SCRIPT),
            timeout=Duration.seconds(_FUNCTION_SECONDS),
            role=role.without_policy_updates(),
            log_group=self._log_group,
        )

    def _create_resource(self, function: aws_lambda.Function) -> CustomResource:
        before_deploy, task = self._before_deploy, self._on_ecs.task
        return CustomResource(
            self,
            "Run",
            resource_type="Custom::BeforeDeploy",
            service_token=function.function_arn,
            service_timeout=Duration.seconds(_ANSWER_SECONDS),
            properties={
                "Task": stack_of(self).to_json_string(self._run_task()),
                "Container": self._on_ecs.name,
                "Seconds": str(before_deploy.timeout),
                "LogGroup": task.log_group_name,
                "StreamPrefix": Platform.ECS.value,
            },
        )

    def _run_task(self) -> dict[str, object]:
        """The arguments of ECS's RunTask. Never on Spot, where an interruption would fail the deployment."""
        override = {"name": self._on_ecs.name, "command": list(self._before_deploy.command)}
        return {
            "cluster": self._on_ecs.cluster.cluster_name,
            "taskDefinition": self._on_ecs.task.definition_arn,
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

    def _create_role(self) -> aws_iam.Role:
        role = aws_iam.Role(
            self,
            "Role",
            description=f"Runs {self._on_ecs.name}'s before_deploy",
            assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        self._log_group.grant_write(role)
        for statement in self._statements():
            role.add_to_policy(statement)
        self._acknowledge_role(role)
        return role

    def _statements(self) -> list[aws_iam.PolicyStatement]:
        task = self._on_ecs.task
        in_cluster = {"ArnEquals": {"ecs:cluster": self._cluster_arn}}
        own = (Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID)
        return [
            aws_iam.PolicyStatement(actions=["ecs:RunTask"], resources=[task.definition_arn], conditions=in_cluster),
            aws_iam.PolicyStatement(
                actions=["ecs:DescribeTasks", "ecs:StopTask"], resources=[self._tasks_arn(*own)], conditions=in_cluster
            ),
            # The task gets the definition's tags only if whoever starts it may tag.
            aws_iam.PolicyStatement(
                actions=["ecs:TagResource"],
                resources=[self._tasks_arn(*own)],
                conditions={"StringEquals": {"ecs:CreateAction": "RunTask"}},
            ),
            aws_iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn for role in task.roles],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
            aws_iam.PolicyStatement(actions=["cloudformation:DescribeStacks"], resources=[Aws.STACK_ID]),
            aws_iam.PolicyStatement(
                actions=["logs:GetLogEvents"], resources=[self._streams_arn(*own, task.log_group_name)]
            ),
        ]

    def _tasks_arn(self, partition: str, region: str, account: str) -> str:
        return f"arn:{partition}:ecs:{region}:{account}:task/{self._on_ecs.workload.settings.prefix}/*"

    def _streams_arn(self, partition: str, region: str, account: str, log_group: str) -> str:
        streams = f"{Platform.ECS.value}/{self._on_ecs.name}/*"
        return f"arn:{partition}:logs:{region}:{account}:log-group:{log_group}:log-stream:{streams}"

    def _acknowledge_role(self, role: aws_iam.Role) -> None:
        own = ("<AWS::Partition>", "<AWS::Region>", "<AWS::AccountId>")
        tasks_log_group = narrow(self._on_ecs.task.node.find_child("LogGroup").node.default_child, CfnElement)
        log_group = f"<{stack_of(self).get_logical_id(tasks_log_group)}>"
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{self._tasks_arn(*own)}]": "A task's ARN contains an id that is generated at its "
                "start; the statements are limited to this cluster.",
                f"AwsSolutions-IAM5[Resource::{self._streams_arn(*own, log_group)}]": "The stream of a task has its id, which "
                "is generated at its start; the statement reads only this service's own streams.",
            },
        )
