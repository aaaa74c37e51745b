"""Commands that run in a service's image."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from config.fields.process import Words
from config.model import Model

MIGRATION_SECONDS: Final = 780
"""The longest that a deployment waits for `before_deploy`: one Lambda function waits for it, and Lambda ends a function after 900
seconds. The rest is for the start of the function and of the container.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


class BeforeDeploy(Model):
    """A command that runs to its end, in the new image, before a new version starts; if it fails, the version is not deployed."""

    command: Words = Field(
        description="What the image's entry point gets instead of its usual command: a program and its arguments, without "
        "a shell. It has the service's variables, secrets and role.",
        examples=[["python3", "-m", "tracking.migrate"]],
    )
    timeout: int = Field(
        600,
        ge=10,
        le=MIGRATION_SECONDS,
        description="Seconds until it is stopped and counts as failed, the start of its container included.",
        examples=[600],
    )
