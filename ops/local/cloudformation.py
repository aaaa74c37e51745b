"""Queries the emulator's CloudFormation for stacks, their resources and their outputs, and deletes stacks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from config.catalog import Catalog
from config.names import stack_id, stack_name
from config.settings import Platform, Settings
from ops.errors import OpsError
from ops.local.cdk import TOOLKIT_STACK
from ops.local.target import Target
from ops.references import Output

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceSummaryTypeDef, StackTypeDef

GONE_SECONDS = 60.0
REPOSITORY = "AWS::ECR::Repository"


def _stacks(target: Target) -> Iterator[StackTypeDef]:
    for page in target.cloudformation.get_paginator("describe_stacks").paginate():
        yield from page["Stacks"]


def stack_names(target: Target) -> list[str]:
    """Names of every stack in the emulator that is not deleted."""
    return [stack["StackName"] for stack in _stacks(target) if stack["StackStatus"] != "DELETE_COMPLETE"]


def stack_outputs(target: Target) -> dict[Output, str]:
    """Every stack's outputs, by stack name and key; one that is exported also by ("", export)."""
    found: dict[Output, str] = {}
    for stack in _stacks(target):
        for output in stack.get("Outputs", []):
            found[stack["StackName"], output["OutputKey"]] = output["OutputValue"]
            if export := output.get("ExportName"):
                found["", export] = output["OutputValue"]
    return found


def parts(target: Target, stack: str) -> list[StackResourceSummaryTypeDef]:
    """The resources of a stack; empty if it is not deployed."""
    try:
        pages = target.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        return [entry for page in pages for entry in page["StackResourceSummaries"]]
    except ClientError:
        return []


def physical_ids(target: Target, stack: str, kind: str) -> list[str]:
    """Physical ids of a stack's resources of a type; empty if it is not deployed."""
    return [entry.get("PhysicalResourceId", "") for entry in parts(target, stack) if entry["ResourceType"] == kind]


def physical_ids_by_name(target: Target, stack: str, kind: str) -> dict[str, str]:
    """The same by logical id."""
    found = [entry for entry in parts(target, stack) if entry["ResourceType"] == kind]
    return {entry.get("LogicalResourceId", ""): entry.get("PhysicalResourceId", "") for entry in found}


def repositories_of_stacks(target: Target) -> set[str]:
    """Names of the image repositories that stacks own."""
    stacks = [name for name in stack_names(target) if name != TOOLKIT_STACK]
    return {name for stack in stacks for name in physical_ids(target, stack, REPOSITORY)}


def stacks_of_gone_services(target: Target, settings: Settings, catalog: Catalog) -> list[str]:
    """Service stacks in the emulator whose service this environment no longer has."""
    wanted = {
        stack_name(settings, stack_id(platform, spec.name))
        for platform in settings.platforms
        for spec in catalog.on(platform)
    }
    prefixes = tuple(stack_name(settings, stack_id(platform, "")) for platform in Platform)
    return sorted({name for name in stack_names(target) if name.startswith(prefixes)} - wanted)


def delete_stacks(target: Target, names: list[str]) -> None:
    """Delete stacks that the CLI no longer knows, and wait until they are gone."""
    for name in names:
        target.cloudformation.delete_stack(StackName=name)
    deadline = time.monotonic() + GONE_SECONDS
    left = set(names)
    while left and time.monotonic() < deadline:
        left &= set(stack_names(target))
        time.sleep(0.1)
    if left:
        raise OpsError(f"{', '.join(sorted(left))}: could not be deleted; run `make down`, then `make up`")
