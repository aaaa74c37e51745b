"""The control plane's log group of an earlier cluster with the same name.

EKS writes its last events some time after a cluster is gone, and creates the group again for them: without retention, and under
the name that the next creation needs. An environment that is kept keeps the group itself, so nothing comes back there.
https://github.com/terraform-aws-modules/terraform-aws-eks/issues/2763
"""

from __future__ import annotations

from aws_cdk import Aws, aws_iam, custom_resources

from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.logs import owned_log_group


def remove_leftover(scope: EnvironmentStack, *, name: str) -> custom_resources.AwsCustomResource:
    """Deletes a group that EKS left behind, when the stack is created.

    Args:
        scope: the cluster's stack.
        name: the group's name.
    """
    log_group = owned_log_group(scope, "LeftoverLogsLogGroup")
    role = _create_role(scope, name)
    log_group.grant_write(role)
    return custom_resources.AwsCustomResource(
        scope,
        "LeftoverLogs",
        resource_type="Custom::LeftoverLogGroup",
        on_create=custom_resources.AwsSdkCall(
            service="@aws-sdk/client-cloudwatch-logs",
            action="deleteLogGroup",
            parameters={"logGroupName": name},
            physical_resource_id=custom_resources.PhysicalResourceId.of(name),
            # There is none, or it is one that a stack created.
            ignore_error_codes_matching="ResourceNotFoundException|AccessDeniedException",
        ),
        role=role,
        log_group=log_group,
        # The runtime's own SDK knows the call; installing the newest one needs npm's registry.
        install_latest_aws_sdk=False,
    )


def _create_role(scope: EnvironmentStack, name: str) -> aws_iam.Role:
    """May delete the group unless it has our tags: those of a stack have them, those that EKS creates do not."""
    group = f"log-group:{name}:*"
    role = aws_iam.Role(
        scope,
        "LeftoverLogsRole",
        description="Deletes the log group that an earlier cluster left behind",
        assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    role.add_to_policy(
        aws_iam.PolicyStatement(
            actions=["logs:DeleteLogGroup"],
            resources=[f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:{group}"],
            conditions={"Null": {"aws:ResourceTag/environment": "true"}},
        )
    )
    acknowledge(
        role,
        {
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:{group}]": "The ARN of one "
            "log group ends in :*, which stands for its streams."
        },
    )
    return role
