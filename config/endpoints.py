"""The AWS services that tasks and nodes reach through interface endpoints where `egress` is `endpoints`."""

from __future__ import annotations

from typing import Final

from config.settings import Platform

# Needed on Fargate for image pulls, logs, secrets and tokens.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html and
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html (the three ECS ones: regions after 2023)
_EVERY_PLATFORM: Final = ("EcrApi", "EcrDocker", "Logs", "Monitoring", "SecretsManager", "Ssm", "Kms", "Sts")
_BY_PLATFORM: Final = {
    Platform.ECS: ("Ecs", "EcsAgent", "EcsTelemetry"),
    # Needed on EKS by nodes without internet, Pod Identity, the load balancer controller, and the kubectl handler, which its
    # framework invokes from inside the VPC. https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html
    Platform.EKS: ("Ec2", "Eks", "EksAuth", "ElasticLoadBalancing", "Lambda", "StepFunctions"),
}

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-internetwork-traffic-privacy.html
_FOR_QUEUES: Final = ("Sqs",)


def endpoints_of(
    platforms: tuple[Platform, ...], *, exec_on_ecs: bool = False, queues: bool = False
) -> tuple[str, ...]:
    """The names of the endpoints that are needed; each is billed per hour and zone.

    Args:
        platforms: those of the environment.
        exec_on_ecs: whether ECS Exec is on, whose agent talks to Session Manager.
        queues: whether any service takes messages from a queue or sends to one.
    """
    own = tuple(name for platform in platforms for name in _BY_PLATFORM[platform])
    sessions = ("SsmMessages",) if exec_on_ecs and Platform.ECS in platforms else ()
    return (*_EVERY_PLATFORM, *own, *sessions, *(_FOR_QUEUES if queues else ()))
