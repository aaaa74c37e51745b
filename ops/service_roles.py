"""Creates the service-linked roles that an environment needs and the account lacks. `make bootstrap` runs it.

AWS creates them with the first cluster or load balancer of an account, and sometimes a moment too late:
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/818
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from config.settings import Platform, Settings
from ops.errors import OpsError

_EVERY_PLATFORM: Final = {"elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing"}
_BY_PLATFORM: Final = {
    Platform.ECS: {
        "ecs.amazonaws.com": "AWSServiceRoleForECS",
        "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
    },
    Platform.EKS: {"eks.amazonaws.com": "AWSServiceRoleForAmazonEKS"},
}
# Nodes on Spot; Fargate on Spot needs none. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
_SPOT_NODES: Final = {"spot.amazonaws.com": "AWSServiceRoleForEC2Spot"}


def needed(settings: Settings) -> dict[str, str]:
    """The roles' names, by the service that they are for."""
    roles = dict(_EVERY_PLATFORM)
    for platform in settings.platforms:
        roles |= _BY_PLATFORM[platform]
    if Platform.EKS in settings.platforms and settings.spot_weight:
        roles |= _SPOT_NODES
    return roles


def create_missing(settings: Settings, iam: Any = None) -> Iterator[str]:
    """Creates what is missing; yields a line per role. Raises OpsError, with exit code 2, if AWS refuses."""
    try:
        client = iam or boto3.client("iam")
        for service, role in needed(settings).items():
            if _exists(client, role):
                yield f"{role}: there already"
            else:
                yield f"{role}: {_create(client, service)}"
    except (BotoCoreError, ClientError) as error:
        raise OpsError(
            f"service-linked roles: {error}; sign in as somebody who may create them", exit_code=2
        ) from error


def _exists(iam: Any, role: str) -> bool:
    try:
        iam.get_role(RoleName=role)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return False
    return True


def _create(iam: Any, service: str) -> str:
    try:
        iam.create_service_linked_role(AWSServiceName=service)
    except ClientError as error:
        # IAM answers InvalidInput and "has been taken in this account".
        if error.response["Error"]["Code"] != "EntityAlreadyExists" and "has been taken" not in str(error):
            raise
        return "there already"  # created by somebody else meanwhile, or under another name
    return "created"
