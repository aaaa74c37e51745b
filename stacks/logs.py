"""Log groups: owned, expiring, and encrypted where the environment has a key.

A log group that AWS makes by itself never expires and outlives its stack, so every one is made here first.
"""

from __future__ import annotations

from aws_cdk import CfnResource, aws_kms, aws_logs
from constructs import Construct, IConstruct

from stacks.base import PlatformStack

# The enum's names follow the console's words; CloudWatch Logs itself takes these numbers of days.
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
    scope: Construct, construct_id: str, *, key: aws_kms.IKey | None, name: str | None = None
) -> aws_logs.LogGroup:
    """A log group with the environment's retention and removal.

    Args:
        scope: a construct inside a PlatformStack, whose settings decide retention and removal.
        construct_id: the construct's id.
        key: the environment's key, or None for CloudWatch's own encryption.
        name: the physical name, only where AWS writes to a name of its own choice.
    """
    stack = _platform_stack(scope)
    return aws_logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=_RETENTION[stack.settings.log_retention_days],
        encryption_key=key,
        removal_policy=stack.removal_policy,
    )


def own_managed_log_group(function: IConstruct, *, key: aws_kms.IKey | None) -> None:
    """Gives the log group that CDK makes beside a function this environment's retention and key."""
    group = function.node.find_child("LogGroup").node.default_child
    if not isinstance(group, aws_logs.CfnLogGroup):
        raise TypeError(f"{function.node.path} has no log group of CDK's making")
    group.retention_in_days = _platform_stack(function).settings.log_retention_days
    group.kms_key_id = key.key_arn if key else None


def own_provider_log_group(stack: PlatformStack, provider: str, *, key: aws_kms.IKey | None) -> None:
    """Gives the function of one of CDK's built-in custom resources a log group of the stack's own.

    Args:
        stack: the stack that the custom resource is in.
        provider: the construct id of the provider, e.g. `Custom::S3AutoDeleteObjectsCustomResourceProvider`.
        key: the environment's key, or None.
    """
    handler = stack.node.find_child(provider).node.find_child("Handler")
    if not isinstance(handler, CfnResource):
        raise TypeError(f"{handler.node.path} is not a function")
    name = provider.removeprefix("Custom::").removesuffix("CustomResourceProvider")
    group = owned_log_group(stack, f"{name}LogGroup", key=key)
    handler.add_property_override("LoggingConfig.LogGroup", group.log_group_name)


def _platform_stack(scope: IConstruct) -> PlatformStack:
    stack = PlatformStack.of(scope)
    if not isinstance(stack, PlatformStack):
        raise TypeError(f"{scope.node.path} is not inside a PlatformStack")
    return stack
