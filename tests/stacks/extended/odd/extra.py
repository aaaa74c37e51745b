"""A topic of the service's own, and a property that no field of service.yaml sets."""

from __future__ import annotations

from aws_cdk import aws_ecs, aws_iam, aws_sns

from config.settings import Platform
from stacks.extra import ExtraService


def add(service: ExtraService) -> None:
    """Runs before the service's own resources are created."""
    topic = aws_sns.Topic(service.stack, "Shipped", enforce_ssl=True, master_key=service.stack.key)
    service.set_variable("SHIPPED_TOPIC", topic.topic_arn)
    service.allow(aws_iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn]))


def change(service: ExtraService) -> None:
    """Runs after them."""
    if service.platform is Platform.ECS:
        for construct in service.stack.node.find_all():
            if isinstance(construct, aws_ecs.CfnTaskDefinition):
                construct.add_property_override("EnableFaultInjection", True)
