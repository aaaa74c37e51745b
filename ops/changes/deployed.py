"""Reads what is deployed: the templates and tags of an environment's stacks. Never writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from config.names import FOUNDATION, NETWORK, REGISTRY, STATE, platform_of
from ops.assembly import Stack
from ops.errors import OpsError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_SHARED: Final = frozenset({FOUNDATION, NETWORK, REGISTRY, STATE})
# REVIEW_IN_PROGRESS is a change set for a stack that does not exist yet; a stack whose creation failed holds nothing.
_NOT_THERE: Final = frozenset({"DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})


def client_in(region: str | None) -> CloudFormationClient:
    """CloudFormation in a region, by default the one of the caller's configuration. AWS_ENDPOINT_URL names an emulator.

    Raises:
        OpsError: there is no region.
    """
    try:
        return boto3.client("cloudformation", region_name=region)
    except BotoCoreError as error:
        raise OpsError(
            f"AWS region: {error}; set AWS_REGION, or region in the environment's file", exit_code=2
        ) from error


def deployed_stacks(client: CloudFormationClient, after: Sequence[Stack]) -> list[Stack]:
    """The environment's deployed stacks, those of services that are no longer in the app included.

    Args:
        client: CloudFormation, in the account and region of the environment.
        after: the stacks of the new assembly; their names begin with app and environment.

    Raises:
        OpsError: they cannot be read, e.g. for lack of credentials.
    """
    ids = {stack.name: stack.id for stack in after}
    prefix = next((s.name.removesuffix(s.id) for s in after if s.name.endswith(f"-{s.id}")), None)
    try:
        return [
            _read(client, stack, ids.get(stack["StackName"]) or stack["StackName"].removeprefix(prefix or ""))
            for stack in _all(client)
            if stack["StackName"] in ids or _is_ours(stack["StackName"], prefix)
        ]
    except (BotoCoreError, ClientError) as error:
        raise OpsError(
            f"the deployed templates cannot be read: {error}; sign in, or check AWS_PROFILE", exit_code=2
        ) from error


def _all(client: CloudFormationClient) -> Iterator[StackTypeDef]:
    for page in client.get_paginator("describe_stacks").paginate():
        yield from (stack for stack in page["Stacks"] if stack["StackStatus"] not in _NOT_THERE)


def _is_ours(name: str, prefix: str | None) -> bool:
    """Whether a stack that is not in the app has a name that this environment gives: no other one begins in the same way."""
    if prefix is None or not name.startswith(prefix):
        return False
    identifier = name.removeprefix(prefix)
    return identifier in _SHARED or platform_of(identifier) is not None


def _read(client: CloudFormationClient, stack: StackTypeDef, identifier: str) -> Stack:
    name = stack["StackName"]
    body: Any = client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    region, account = _place(stack.get("StackId", ""))
    return Stack(
        identifier,
        name,
        "",
        json.loads(body if isinstance(body, str) else json.dumps(body)),
        tags={tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])},
        protected=stack.get("EnableTerminationProtection", False),
        place=f"aws://{account}/{region}",
    )


def _place(arn: str) -> tuple[str, str]:
    """Region and account of a stack's ARN."""
    parts = arn.split(":")
    return (parts[3], parts[4]) if len(parts) > 4 else ("unknown-region", "unknown-account")
