"""The values of a task's secrets, from the emulator's Secrets Manager and Parameter Store.

The emulator resolves secrets and keys of JSON, but gives every task the current version, and parameters encrypted.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from ops.local import container_options

# An ARN of Secrets Manager has seven parts; ECS appends key, stage and version id.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
_PARTS = 7


def resolve(
    container: Mapping[str, Any],
    *,
    current: Callable[[Mapping[str, Any]], dict[str, str]],
    version: Callable[..., str | None],
    parameter: Callable[[str], str | None],
) -> dict[str, str]:
    """The values by variable.

    Args:
        container: a container definition.
        current: the emulator's own way, for what names no version.
        version: the emulator's look-up of a secret by ARN, stage and version id; None if there is none.
        parameter: the emulator's look-up of a parameter by ARN, in the clear; None if there is none.

    Raises:
        LookupError: a version, a key of one, or a parameter does not exist.
    """
    secrets = container_options.secrets(container)
    pinned = {secret["name"]: secret["valueFrom"].split(":") for secret in secrets if _is_pinned(secret["valueFrom"])}
    parameters = {secret["name"]: secret["valueFrom"] for secret in secrets if ":ssm:" in secret["valueFrom"]}
    plain = [secret for secret in secrets if secret["name"] not in {*pinned, *parameters}]
    found = current({**container, "secrets": plain}) if plain else {}
    found |= {name: _parameter(arn, parameter) for name, arn in parameters.items()}
    return found | {name: _value(parts, version) for name, parts in pinned.items()}


def _parameter(arn: str, look_up: Callable[[str], str | None]) -> str:
    value = look_up(arn)
    if value is None:
        raise LookupError(f"{arn} does not exist")
    return value


def clear_parameter(arn: str) -> str | None:
    """A parameter's value in the clear, in the emulator's own process; None if there is none."""
    keeper = importlib.import_module("ministack.services.ssm")
    found: str | None = keeper.resolve_parameter_value(arn, decrypt=True)
    return found


def _is_pinned(value_from: str) -> bool:
    return ":secretsmanager:" in value_from and any(value_from.split(":")[_PARTS + 1 :])


def _value(parts: list[str], version: Callable[..., str | None]) -> str:
    arn = ":".join(parts[:_PARTS])
    key, stage, version_id = (*parts[_PARTS:], "", "")[:3]
    value = version(arn, version_stage=stage or "AWSCURRENT", version_id=version_id or None)
    if value is None:
        raise LookupError(f"{arn} has no version {stage or version_id}")
    if not key:
        return value
    try:
        content = json.loads(value)
    except ValueError:
        content = None
    if not isinstance(content, dict) or key not in content:
        raise LookupError(f"{arn} has no key {key} in its version {stage or version_id}")
    return str(content[key])
