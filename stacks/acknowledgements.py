"""One way to acknowledge a cdk-nag finding: on one construct, one finding, with a reason.

Wildcard findings of IAM carry their finding in the id (`AwsSolutions-IAM5[Resource::*]`), so that a second wildcard on the
same construct is still reported. Nothing here takes a stack: an acknowledgement on a stack would cover what is added later.
"""

from __future__ import annotations

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, findings: dict[str, str]) -> None:
    """Acknowledge findings on a construct and what it holds.

    Args:
        construct: the smallest construct that the finding is reported on; never a stack.
        findings: rule id, with its finding where it has one, to the reason that an auditor reads.

    Raises:
        TypeError: the construct is a stack.
    """
    if isinstance(construct, Stack):
        raise TypeError(f"{construct.node.path} is a stack; acknowledge on the construct that the finding names")
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in findings.items())
    )
