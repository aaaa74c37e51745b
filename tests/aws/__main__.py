"""`make verify-aws ENV=sandbox`: deploys to the account of your credentials, walks through what only AWS shows, cleans up.

It says what it will cost and asks first. What it saw is in verified/<environment>-<day>.md.
"""

from __future__ import annotations

import argparse
import sys

import pytest

from config.command_line import run
from config.settings import load_settings
from ops.account import caller_account, check_account
from tests.conftest import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.aws", description="Verify an environment in a real account.")
    parser.add_argument("--env", default="sandbox", help="environment in config/environments (default: sandbox)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return run(lambda: _verify(parser.parse_args()), before="error: ")


def _verify(options: argparse.Namespace) -> int:
    settings = load_settings(ROOT, options.env, {})
    account = caller_account()
    check_account(settings, account)
    print(
        f"This deploys {options.env} to account {account} under a name of its own (verify....-{options.env}), with removal:\n"
        "disposable, breaks and repairs a service, and destroys everything again. Allow two hours; it costs as\n"
        f"much as the environment does in that time (docs/costs.md); Ctrl-C destroys it early. {options.env} itself, if it\n"
        "is deployed, is not touched."
    )
    if not options.yes and input("Go on? Type yes: ").strip() != "yes":
        print("nothing was deployed")
        return 2
    arguments = ["-q", "-s", "-x", "--aws-environment", options.env, "--real-aws", str(ROOT / "tests" / "aws")]
    return int(pytest.main(arguments))


if __name__ == "__main__":
    sys.exit(main())
