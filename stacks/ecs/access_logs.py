"""Access logs of the load balancer on ECS."""

from __future__ import annotations

from aws_cdk import aws_elasticloadbalancingv2, aws_s3

from stacks.access_logs import create_access_logs_bucket
from stacks.base import EnvironmentStack


def keep_access_logs(
    scope: EnvironmentStack, load_balancer: aws_elasticloadbalancingv2.ApplicationLoadBalancer
) -> aws_s3.Bucket:
    """Makes the load balancer write its access logs to a new bucket, which is returned.

    Args:
        scope: the cluster's stack.
        load_balancer: the load balancer to log.
    """
    bucket = create_access_logs_bucket(scope)
    load_balancer.set_attribute("access_logs.s3.enabled", "true")
    load_balancer.set_attribute("access_logs.s3.bucket", bucket.bucket_name)
    if bucket.policy:
        load_balancer.node.add_dependency(bucket.policy)
    return bucket
