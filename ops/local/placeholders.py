"""Values for the secrets that manifests name, which on AWS an operator creates before the first deployment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from config.catalog import Catalog
from config.fields.secrets import SecretSource
from ops.local.target import Target

PLACEHOLDER = "local-placeholder"


def create(target: Target, catalog: Catalog) -> None:
    """Give every secret that a manifest names a value, with the keys and versions that it names, unless it has one."""
    sources = [source for spec in catalog.services for source in spec.secrets.values()]
    secrets_manager, ssm = target.client("secretsmanager"), target.client("ssm")
    for name in sorted({source.secrets_manager for source in sources if source.secrets_manager}):
        _create_secret(secrets_manager, name, [source for source in sources if source.secrets_manager == name])
    for name in sorted({source.ssm for source in sources if source.ssm}):
        with suppress(ssm.exceptions.ParameterAlreadyExists):
            ssm.put_parameter(Name=name, Value=PLACEHOLDER, Type="SecureString")


def _create_secret(client: Any, name: str, sources: Iterable[SecretSource]) -> None:
    with suppress(client.exceptions.ResourceExistsException):
        client.create_secret(Name=name, SecretString=PLACEHOLDER)
    by_version: dict[tuple[str | None, str | None], set[str]] = {(None, None): set()}
    for source in sources:
        stage = None if source.stage == "AWSCURRENT" else source.stage
        by_version.setdefault((stage, source.version_id), set()).update({source.key} if source.key else ())
    for (stage, version_id), keys in by_version.items():
        _fill(client, name, stage=stage, version_id=version_id, keys=keys)


def _fill(client: Any, name: str, *, stage: str | None, version_id: str | None, keys: set[str]) -> None:
    """Adds the keys that a version lacks, or the version; a value that somebody has set keeps the rest of its keys."""
    wanted: dict[str, Any] = {"SecretId": name}
    if stage:
        wanted["VersionStage"] = stage
    if version_id:
        wanted["VersionId"] = version_id
    try:
        value = client.get_secret_value(**wanted).get("SecretString", PLACEHOLDER)
    except client.exceptions.ResourceNotFoundException:
        value = None
    filled = _with_keys(value or PLACEHOLDER, keys)
    if filled == value:
        return
    # A version of its own, but for the current one.
    stages = {} if (stage, version_id) == (None, None) else {"VersionStages": [stage or "PLACEHOLDER"]}
    token = {"ClientRequestToken": version_id} if version_id else {}
    client.put_secret_value(SecretId=name, SecretString=filled, **stages, **token)


def _with_keys(value: str, keys: set[str]) -> str:
    if not keys:
        return value
    content = {} if value == PLACEHOLDER else _parsed(value)
    if not isinstance(content, dict):
        return value  # somebody's own; a task that wants a key of it says that there is none
    missing = {key: PLACEHOLDER for key in sorted(keys) if key not in content}
    return json.dumps({**content, **missing}) if missing else value


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return None
