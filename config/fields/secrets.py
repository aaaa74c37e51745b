"""Where the values of secrets come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from config import service_rules as rules
from config.fields.keys import KEY_ARN, KEY_EXAMPLE
from config.model import Model, Pattern, Rule, fault

# Secrets Manager's ids have 32 to 64 characters (SecretVersionIdType in botocore's model of it); its stages are words.
_VERSION_ID: Final = re.compile(r"[A-Za-z0-9-]{32,64}")


class SecretSource(Model):
    """Exactly one of the first two: the name of a Secrets Manager secret, or of an SSM SecureString parameter."""

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
    key: Annotated[str, Pattern(r"[A-Za-z0-9_.-]+", "a key of the JSON", "password", 128)] | None = Field(
        None,
        description="The key of a JSON secret whose value the variable gets; that value must be text. Only with secrets_manager.",
        examples=["password"],
    )
    version: (
        Annotated[
            str, Pattern(r"[A-Za-z0-9_+=.@-]+", "a stage such as AWSPREVIOUS, or a version's id", "AWSPREVIOUS", 64)
        ]
        | None
    ) = Field(
        None,
        description="A stage, or the id of a version; AWSCURRENT by default. Only with secrets_manager.",
        examples=["AWSPREVIOUS"],
    )
    kms_key: Annotated[str, KEY_ARN] | None = Field(
        None,
        description="ARN of the KMS key that encrypts it, if that is one of your own; the service may then use only this key.",
        examples=[KEY_EXAMPLE],
    )

    @property
    def name(self) -> str:
        """Of the secret or the parameter."""
        return self.secrets_manager or self.ssm or ""

    @property
    def version_id(self) -> str | None:
        """The version, if it is named by its id."""
        return self.version if self.version and _VERSION_ID.fullmatch(self.version) else None

    @property
    def stage(self) -> str | None:
        """The version, if it is named by a stage."""
        return None if self.version_id else self.version

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if self.secrets_manager and self.ssm:
            raise fault("names two sources", "keep secrets_manager or ssm")
        if not self.secrets_manager and not self.ssm:
            raise fault("names no source", "write {secrets_manager: NAME} or {ssm: /NAME}")
        return self

    @model_validator(mode="after")
    def _check_parameter(self) -> Self:
        """ECS takes a parameter's latest version, whole, and refuses a task definition that names anything else.

        https://github.com/aws/containers-roadmap/issues/859
        """
        if self.ssm and self.key:
            raise fault("means nothing for ssm", "keep each value in a parameter of its own", field="key")
        if self.ssm and self.version:
            problem = "means nothing for ssm: ECS takes only a parameter's latest version"
            raise fault(problem, f"put it into the name, e.g. {self.ssm}-v2, or use secrets_manager", field="version")
        return self


def check_sources(sources: Mapping[str, SecretSource]) -> None:
    """Several variables may come from one secret, whose key is then the same for all."""
    keys: dict[tuple[str | None, str | None], tuple[str, str | None]] = {}
    for variable, source in sources.items():
        first, key = keys.setdefault((source.secrets_manager, source.ssm), (variable, source.kms_key))
        if key != source.kms_key:
            problem = f"differs from that of {first}, which has the same source"
            raise fault(problem, "write the same kms_key for both", field=f"{variable}.kms_key")
