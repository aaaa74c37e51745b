"""The only way to acknowledge a cdk-nag finding: one finding on one construct, with a reason.

The id of an IAM wildcard finding names the wildcard (`AwsSolutions-IAM5[Resource::*]`), so a second wildcard on the same
construct is still reported. Stacks are refused: an acknowledgement on a stack would cover whatever is added to it later.
"""

from __future__ import annotations

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, findings: dict[str, str]) -> None:
    """Acknowledges findings on a construct and its children.

    Args:
        construct: the smallest construct that the finding is reported on; never a stack.
        findings: rule id, with the wildcard where it has one, to the reason that an auditor reads.

    Raises:
        TypeError: the construct is a stack.
    """
    if isinstance(construct, Stack):
        raise TypeError(f"{construct.node.path} is a stack; acknowledge on the construct that the finding names")
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in findings.items())
    )
