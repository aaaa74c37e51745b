"""The bucket that a load balancer writes its access logs to; each platform's load balancer has its own."""

from __future__ import annotations

from aws_cdk import Aws, Duration, aws_iam, aws_s3

from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.logs import own_provider_log_group

# Load balancer logs answer "who called" for as long as an investigation usually reaches back.
_KEPT_DAYS = 90


def create_access_logs_bucket(scope: EnvironmentStack) -> aws_s3.Bucket:
    """Creates the bucket `AccessLogs`, with its policy."""
    bucket = _create_bucket(scope)
    bucket.add_to_resource_policy(_let_load_balancers_deliver(bucket))
    if scope.disposable:
        own_provider_log_group(scope, "Custom::S3AutoDeleteObjectsCustomResourceProvider")
    acknowledge(
        bucket,
        {
            "AwsSolutions-S1": "This bucket receives the load balancer's access logs; logging access to the logs "
            "would never end."
        },
    )
    return bucket


def _create_bucket(scope: EnvironmentStack) -> aws_s3.Bucket:
    return aws_s3.Bucket(
        scope,
        "AccessLogs",
        # Load balancers deliver only to buckets encrypted with SSE-S3.
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
        encryption=aws_s3.BucketEncryption.S3_MANAGED,
        block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        versioned=not scope.disposable,
        lifecycle_rules=[_lifecycle(scope)],
        removal_policy=scope.removal_policy,
        auto_delete_objects=scope.disposable,
    )


def _lifecycle(scope: EnvironmentStack) -> aws_s3.LifecycleRule:
    return aws_s3.LifecycleRule(
        expiration=Duration.days(_KEPT_DAYS),
        noncurrent_version_expiration=None if scope.disposable else Duration.days(_KEPT_DAYS),
        abort_incomplete_multipart_upload_after=Duration.days(1),
    )


def _let_load_balancers_deliver(bucket: aws_s3.Bucket) -> aws_iam.PolicyStatement:
    return aws_iam.PolicyStatement(
        sid="LoadBalancerLogDelivery",
        principals=[aws_iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
        actions=["s3:PutObject"],
        # The path holds the account, so no other account's load balancer can write here. The guide's policy has no condition
        # on aws:SourceAccount, and a delivery that does not send it would be refused.
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
        resources=[bucket.arn_for_objects(f"AWSLogs/{Aws.ACCOUNT_ID}/*")],
    )
