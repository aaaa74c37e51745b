"""Refuses to touch an AWS account that the environment does not name.

`make deploy` and `make destroy` ask here first. Only the caller's identity is read; nothing is changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from config.errors import ConfigError
from config.settings import Settings, load_settings, overrides_from_context

ROOT = Path(__file__).resolve().parent.parent


class AccountRefusedError(Exception):
    """The caller's account is not one that the environment may be deployed to."""


def check_account(settings: Settings, account: str) -> None:
    """Compares the caller's account with what the environment allows.

    Args:
        settings: the environment; `account` and `allowed_accounts` decide, and neither set allows any.
        account: the 12 digits of the caller's account.

    Raises:
        AccountRefusedError: the account is not allowed; the message says which are.
    """
    allowed = {settings.account} if settings.account else set(settings.allowed_accounts)
    if allowed and account not in allowed:
        names = ", ".join(sorted(allowed))
        raise AccountRefusedError(
            f"config/environments/{settings.environment}.yaml: allowed_accounts: these credentials are for {account}, and "
            f"{settings.environment} may go to {names} alone; use a profile of that account, or add the account to the list"
        )


def caller_account() -> str:
    """The account of the credentials in use."""
    return str(boto3.client("sts").get_caller_identity()["Account"])


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 where the environment may be deployed with these credentials, else one line and 2."""
    parser = argparse.ArgumentParser(prog="python -m ops.account", description=__doc__)
    parser.add_argument("--env", default="sandbox", metavar="NAME", help="the environment")
    parser.add_argument(
        "-c", action="append", default=[], metavar="KEY=VALUE", help="overrides a setting, as with cdk -c"
    )
    options = parser.parse_args(arguments)
    try:
        context = dict(item.partition("=")[::2] for item in options.c)
        settings = load_settings(ROOT, options.env, overrides_from_context(context))
        account = caller_account()
        check_account(settings, account)
    except (ConfigError, AccountRefusedError) as error:
        print(error, file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(f"AWS credentials: {error}; set AWS_PROFILE, or sign in with: aws sso login", file=sys.stderr)
        return 2
    print(f"{settings.prefix} in account {account}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
