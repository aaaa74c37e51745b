"""The rights that a manifest asks for by itself."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Aws, aws_iam

from config.fields.rights import Statement
from stacks.acknowledgements import acknowledge

_OWN = {"partition": Aws.PARTITION, "region": Aws.REGION, "account": Aws.ACCOUNT_ID}
# The same, as cdk-nag writes them.
_IN_FINDINGS = {"partition": "<AWS::Partition>", "region": "<AWS::Region>", "account": "<AWS::AccountId>"}


def grant_rights(role: aws_iam.Role, statements: Iterable[Statement]) -> None:
    """Adds a service's own statements to its role, and answers the review's questions about wildcards with its reasons."""
    reasons: dict[str, list[str]] = {}
    for statement in statements:
        role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=list(statement.actions),
                resources=[_filled(resource, _OWN) for resource in statement.resources],
                conditions={
                    operator: {key: list(values) for key, values in keys.items()}
                    for operator, keys in statement.conditions.items()
                },
            )
        )
        for wildcard in statement.wildcards:
            reasons.setdefault(_filled(wildcard, _IN_FINDINGS), []).append(statement.reason or "")
    if reasons:
        acknowledge(
            role,
            {f"AwsSolutions-IAM5[Resource::{resource}]": _joined(given) for resource, given in reasons.items()},
        )


def _filled(resource: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        resource = resource.replace(f"{{{name}}}", value)
    return resource


def _joined(reasons: list[str]) -> str:
    return " ".join(f"The service's manifest says: {reason.rstrip('.')}." for reason in dict.fromkeys(reasons))
