"""ECS Exec: a shell in a running task, where the environment's settings allow it.

The agent runs in the container, as root and with the task role. What is typed and shown goes to the service's own log group, so
each role may write to that one only. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
"""

from __future__ import annotations

from aws_cdk import aws_ecs, aws_iam, aws_kms, aws_logs

from stacks.acknowledgements import acknowledge

_CHANNELS = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]
_WRITE_LOG = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]


def exec_configuration(key: aws_kms.IKey | None) -> aws_ecs.CfnCluster.ClusterConfigurationProperty:
    """The cluster's part: sessions are logged as the task is and, where the environment has a key, encrypted with it too."""
    return aws_ecs.CfnCluster.ClusterConfigurationProperty(
        execute_command_configuration=aws_ecs.CfnCluster.ExecuteCommandConfigurationProperty(
            logging="DEFAULT", kms_key_id=key.key_arn if key else None
        )
    )


def allow_exec(task_role: aws_iam.Role, *, log_group: aws_logs.ILogGroup, key: aws_kms.IKey | None) -> None:
    """Lets the agent open its channels, write its log, and decrypt the key of a session.

    Args:
        task_role: the role of the containers, which the agent uses too.
        log_group: the service's own.
        key: the environment's key, or None.
    """
    task_role.add_to_policy(aws_iam.PolicyStatement(actions=[*_CHANNELS, "logs:DescribeLogGroups"], resources=["*"]))
    task_role.add_to_policy(aws_iam.PolicyStatement(actions=_WRITE_LOG, resources=[log_group.log_group_arn]))
    if key:
        # Whoever opens a session has its data key made with this context, and the agent decrypts it with the same:
        # https://github.com/aws/amazon-ssm-agent (agent/session/datachannel)
        task_role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[key.key_arn],
                conditions={"StringLike": {"kms:EncryptionContext:aws:ssm:SessionId": "ecs-execute-command-*"}},
            )
        )
    acknowledge(
        task_role,
        {
            "AwsSolutions-IAM5[Resource::*]": "Session Manager's channels have no resource type (IAM's reference), and the agent "
            "looks its log group up in the list of all."
        },
    )
