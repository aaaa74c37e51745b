"""Commands that run in a service's image."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field
from pydantic_core import PydanticCustomError

from config import service_rules as rules
from config.model import NOT_EMPTY, Model, Rule, fault

MIGRATION_SECONDS: Final = 780
"""The longest that a deployment waits for `before_deploy`: one Lambda function waits for it, and Lambda ends a function after 900
seconds. The rest is for the start of the function and of the container.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def _check_words(words: tuple[str, ...]) -> None:
    """Each word must reach the process as written."""
    for index, word in enumerate(words):
        try:
            rules.check_values({f"[{index}]": word})
        except PydanticCustomError as error:
            found = error.context or {}
            raise fault(f"{found['problem']} (word {index + 1})", found["remedy"]) from None


Command = Annotated[tuple[str, ...], NOT_EMPTY, Rule(_check_words)]
"""A program and its arguments, one word an item; no shell reads it."""


class BeforeDeploy(Model):
    """A command that runs to its end, in the new image, before a new version starts; if it fails, the version is not deployed."""

    command: Command = Field(
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
