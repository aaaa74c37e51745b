"""Access logs of the load balancer on ECS."""

from __future__ import annotations

from aws_cdk import aws_elasticloadbalancingv2, aws_s3


def keep_access_logs(load_balancer: aws_elasticloadbalancingv2.ApplicationLoadBalancer, bucket: aws_s3.Bucket) -> None:
    """Makes the load balancer write its access logs to a bucket.

    Args:
        load_balancer: the load balancer to log.
        bucket: made by `create_access_logs_bucket`.
    """
    load_balancer.set_attribute("access_logs.s3.enabled", "true")
    load_balancer.set_attribute("access_logs.s3.bucket", bucket.bucket_name)
    if bucket.policy:
        load_balancer.node.add_dependency(bucket.policy)
