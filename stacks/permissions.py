"""Statements for the roles of services, without the wildcards of CDK's own grants."""

from __future__ import annotations

from aws_cdk import Aws, aws_iam, aws_kms


def allow(role: aws_iam.IRole, actions: list[str], *resources: str) -> None:
    """Lets a role make some calls."""
    role.add_to_principal_policy(aws_iam.PolicyStatement(actions=actions, resources=list(resources)))


def allow_key(role: aws_iam.IRole, key: aws_kms.IKey | str, actions: list[str], *, service: str) -> None:
    """Lets a role use a key, or the one with an ARN, through one AWS service only."""
    arn = key if isinstance(key, str) else key.key_arn
    role.add_to_principal_policy(
        aws_iam.PolicyStatement(actions=actions, resources=[arn], conditions={"StringEquals": via(service)})
    )


def via(*services: str) -> dict[str, list[str]]:
    """A condition on the services through which a key is used; the form of the partitions aws and aws-us-gov."""
    return {"kms:ViaService": [f"{service}.{Aws.REGION}.amazonaws.com" for service in services]}
