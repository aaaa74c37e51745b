"""Where the values of secrets come from."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from config import service_rules as rules
from config.model import Model, Pattern, Rule, fault


class SecretSource(Model):
    """Exactly one of the two: the name of a Secrets Manager secret, or of an SSM SecureString parameter."""

    secrets_manager: (
        Annotated[
            str, Rule(rules.check_secret_name), Pattern(r"[A-Za-z0-9/_+=.@-]+", "a secret's name", "harbour/db", 512)
        ]
        | None
    ) = Field(None, description="Name of a Secrets Manager secret.", examples=["harbour/db"])
    ssm: (
        Annotated[
            str,
            Rule(rules.check_parameter_name),
            Pattern(r"(/[A-Za-z0-9_.-]+)+", "a parameter's full name", "/harbour/key", 900),
        ]
        | None
    ) = Field(None, description="Name of an SSM SecureString parameter.", examples=["/harbour/key"])

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if self.secrets_manager and self.ssm:
            raise fault("names two sources", "keep secrets_manager or ssm")
        if not self.secrets_manager and not self.ssm:
            raise fault("names no source", "write {secrets_manager: NAME} or {ssm: /NAME}")
        return self
