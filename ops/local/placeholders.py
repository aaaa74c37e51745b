"""What manifests name and somebody else has on AWS: values of secrets, and tables, buckets and queues that exist."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from config.catalog import Catalog
from config.fields.secrets import SecretSource
from config.fields.tables import Index, Table
from config.service import Worker
from ops.local.target import Target

PLACEHOLDER = "local-placeholder"


def create(target: Target, catalog: Catalog) -> None:
    """Give every secret that a manifest names a value, with the keys and versions that it names, unless it has one; and make
    the tables, buckets and queues that it says exist, empty, unless they do.
    """
    sources = [source for spec in catalog.services for source in spec.secrets.values()]
    secrets_manager, ssm = target.client("secretsmanager"), target.client("ssm")
    for name in sorted({source.secrets_manager for source in sources if source.secrets_manager}):
        _create_secret(secrets_manager, name, [source for source in sources if source.secrets_manager == name])
    for name in sorted({source.ssm for source in sources if source.ssm}):
        with suppress(ssm.exceptions.ParameterAlreadyExists):
            ssm.put_parameter(Name=name, Value=PLACEHOLDER, Type="SecureString")
    for table in (table for spec in catalog.services for table in spec.all_tables.values() if table.existing):
        _create_table(target.client("dynamodb"), table)
    for name in sorted({s.bucket.existing for s in catalog.services if s.bucket and s.bucket.existing}):
        s3 = target.client("s3")
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
            s3.create_bucket(Bucket=name)
    queues = {spec.queue.existing for spec in catalog.services if isinstance(spec, Worker) and spec.queue}
    for name in sorted(name for name in queues if name):
        sqs = target.client("sqs")
        with suppress(sqs.exceptions.QueueNameExists):
            sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if name.endswith(".fifo") else {})


def _create_table(client: Any, table: Table) -> None:
    indexes = [
        {"IndexName": name, "KeySchema": _key_schema(index), "Projection": {"ProjectionType": "ALL"}}
        for name, index in table.indexes.items()
    ]
    keyed: list[Table | Index] = [table, *table.indexes.values()]
    attributes = sorted({key for one in keyed for key in (one.partition_key, one.sort_key) if key})
    with suppress(client.exceptions.ResourceInUseException):
        client.create_table(
            TableName=table.existing,
            KeySchema=_key_schema(table),
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes],
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        )


def _key_schema(keyed: Table | Index) -> list[dict[str, str]]:
    keys = [("HASH", keyed.partition_key), ("RANGE", keyed.sort_key)]
    return [{"AttributeName": name, "KeyType": kind} for kind, name in keys if name]


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
    if stage == "AWSPREVIOUS":
        # What was current before the current one: the emulator would leave the stage on the older version too.
        current = client.get_secret_value(SecretId=name)["SecretString"]
        for each in (filled, current):
            client.put_secret_value(SecretId=name, SecretString=each)
    elif version_id:
        client.put_secret_value(
            SecretId=name, SecretString=filled, ClientRequestToken=version_id, VersionStages=[version_id]
        )
    else:
        client.put_secret_value(SecretId=name, SecretString=filled, **({"VersionStages": [stage]} if stage else {}))


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
