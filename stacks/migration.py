"""What `before_deploy` has on both platforms: a function that runs the command, and the resource that CloudFormation waits for.

docs/decisions/0014-a-migration-is-part-of-its-service.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Aws, CustomResource, aws_iam, aws_lambda
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.durations import seconds
from stacks.logs import owned_log_group

# Lambda's own limit, which config.fields.commands.MIGRATION_SECONDS leaves room below.
_FUNCTION_SECONDS = 900
# CloudFormation gives up on a function that never answers a little after that; by default it waits for an hour.
_ANSWER_SECONDS = 960


class Migration(Construct):
    """The function, its role and its log, and the resource.

    Attributes:
        done: the resource that a service waits for.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        service: str,
        script: str,
        resource_type: str,
        properties: Mapping[str, str],
        statements: Sequence[aws_iam.PolicyStatement],
        findings: Mapping[str, str],
    ) -> None:
        """Creates all of it.

        Args:
            scope: the construct of the service's kind.
            service: the service's name.
            script: the function's code.
            resource_type: of the resource.
            properties: what the function gets; it runs the command whenever one of them changes.
            statements: what the function may do besides writing its log and asking about its stack.
            findings: acknowledgements on its role.
        """
        super().__init__(scope, "BeforeDeploy")
        what = f"Runs {service}'s before_deploy"
        log_group = owned_log_group(self, "LogGroup")
        role = aws_iam.Role(self, "Role", description=what, assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        own_stack = aws_iam.PolicyStatement(actions=["cloudformation:DescribeStacks"], resources=[Aws.STACK_ID])
        for statement in (*statements, own_stack):
            role.add_to_policy(statement)
        acknowledge(role, dict(findings))
        function = aws_lambda.Function(
            self,
            "Function",
            description=what,
            runtime=aws_lambda.Runtime.PYTHON_3_14,
            architecture=aws_lambda.Architecture.ARM_64,
            handler="index.handler",
            code=aws_lambda.Code.from_inline(script),
            timeout=seconds(_FUNCTION_SECONDS),
            role=role.without_policy_updates(),
            log_group=log_group,
        )
        self.done = CustomResource(
            self,
            "Run",
            resource_type=resource_type,
            service_token=function.function_arn,
            service_timeout=seconds(_ANSWER_SECONDS),
            properties=dict(properties),
        )
        self.done.node.add_dependency(role)  # the function could start nothing without its policy
