"""Refuses to touch an AWS account that the environment does not allow.

`make deploy` and `make destroy` run this check first. It only reads the caller's identity.
"""

from __future__ import annotations

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from config.settings import Settings
from ops.errors import OpsError

# Those whose service principals and endpoints the stacks name.
PARTITIONS = ("aws", "aws-us-gov")


class AccountRefusedError(OpsError):
    """The environment may not be deployed to the caller's account. Exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=2)


def check_account(settings: Settings, account: str) -> None:
    """Compares the caller's account with those that the environment allows.

    Args:
        settings: the environment; `account` and `allowed_accounts` decide, and any account is allowed if neither is set.
        account: the 12 digits of the caller's account.

    Raises:
        AccountRefusedError: the account is not allowed; the message lists those that are.
    """
    allowed = {settings.account} if settings.account else set(settings.allowed_accounts)
    if allowed and account not in allowed:
        names = ", ".join(sorted(allowed))
        raise AccountRefusedError(
            f"config/environments/{settings.environment}.yaml: allowed_accounts: these credentials are for {account}, and "
            f"{settings.environment} may only be deployed to {names}; use a profile of that account, or add this one to the list"
        )


def caller_account() -> str:
    """The account of the credentials in use.

    Raises:
        OpsError: there are none, they do not work, or they are of a partition that the stacks do not support; exit code 2.
    """
    try:
        identity = boto3.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise OpsError(
            f"AWS credentials: {error}; set AWS_PROFILE, or sign in with: aws sso login", exit_code=2
        ) from error
    partition = identity["Arn"].split(":")[1]
    if partition not in PARTITIONS:
        raise AccountRefusedError(
            f"AWS credentials: are of the partition {partition}, in which services have other names; use an account of "
            f"{' or '.join(PARTITIONS)}"
        )
    return str(identity["Account"])
