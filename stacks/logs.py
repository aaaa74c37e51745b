"""Log groups: owned, expiring, and encrypted where the environment has a key.

A log group that AWS creates never expires and outlives its stack, so each is created here first.
"""

from __future__ import annotations

from aws_cdk import CfnResource, aws_logs
from constructs import Construct, IConstruct

from stacks.base import EnvironmentStack, stack_of
from stacks.narrow import narrow

# CDK's enum has names; settings have CloudWatch Logs' own numbers of days.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
_RETENTION = {
    1: aws_logs.RetentionDays.ONE_DAY,
    3: aws_logs.RetentionDays.THREE_DAYS,
    5: aws_logs.RetentionDays.FIVE_DAYS,
    7: aws_logs.RetentionDays.ONE_WEEK,
    14: aws_logs.RetentionDays.TWO_WEEKS,
    30: aws_logs.RetentionDays.ONE_MONTH,
    60: aws_logs.RetentionDays.TWO_MONTHS,
    90: aws_logs.RetentionDays.THREE_MONTHS,
    120: aws_logs.RetentionDays.FOUR_MONTHS,
    150: aws_logs.RetentionDays.FIVE_MONTHS,
    180: aws_logs.RetentionDays.SIX_MONTHS,
    365: aws_logs.RetentionDays.ONE_YEAR,
    400: aws_logs.RetentionDays.THIRTEEN_MONTHS,
    545: aws_logs.RetentionDays.EIGHTEEN_MONTHS,
    731: aws_logs.RetentionDays.TWO_YEARS,
    1096: aws_logs.RetentionDays.THREE_YEARS,
    1827: aws_logs.RetentionDays.FIVE_YEARS,
    2192: aws_logs.RetentionDays.SIX_YEARS,
    2557: aws_logs.RetentionDays.SEVEN_YEARS,
    2922: aws_logs.RetentionDays.EIGHT_YEARS,
    3288: aws_logs.RetentionDays.NINE_YEARS,
    3653: aws_logs.RetentionDays.TEN_YEARS,
}


def owned_log_group(
    scope: Construct, construct_id: str, *, name: str | None = None, stack: EnvironmentStack | None = None
) -> aws_logs.LogGroup:
    """Creates a log group with the environment's retention, removal policy and key.

    Args:
        scope: a construct in an EnvironmentStack, whose settings and key apply.
        construct_id: the construct's id.
        name: the physical name, only where AWS dictates it.
        stack: the scope's stack, if the caller has it; asking CDK for it is a call to Node.
    """
    stack = stack or stack_of(scope)
    return aws_logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=_RETENTION[stack.settings.log_retention_days],
        encryption_key=stack.key,
        removal_policy=stack.removal_policy,
    )


def own_function_log_group(scope: EnvironmentStack, construct_id: str, function: IConstruct) -> aws_logs.LogGroup:
    """Replaces the log group that CDK creates for a function.

    CDK's has the function's name in its own, so it is deleted first, and the function's last events bring it back without
    retention. Here the function refers to the group, which is deleted last.
    """
    function.node.try_remove_child("LogGroup")
    group = owned_log_group(scope, construct_id, stack=scope)
    resource = narrow(function.node.default_child, CfnResource)
    resource.add_property_override("LoggingConfig.LogGroup", group.log_group_name)
    return group


def own_provider_log_group(stack: EnvironmentStack, provider: str) -> None:
    """Gives the function of one of CDK's built-in custom resources a log group in the stack.

    Args:
        stack: the stack that the custom resource is in.
        provider: the construct id of the provider, e.g. `Custom::S3AutoDeleteObjectsCustomResourceProvider`.
    """
    handler = narrow(stack.node.find_child(provider).node.find_child("Handler"), CfnResource)
    name = provider.removeprefix("Custom::").removesuffix("CustomResourceProvider")
    group = owned_log_group(stack, f"{name}LogGroup")
    handler.add_property_override("LoggingConfig.LogGroup", group.log_group_name)
