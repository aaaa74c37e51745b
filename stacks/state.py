"""The tables, buckets and queues of the services that declare one, apart from the stacks that are deployed ten times a day.

A test pins their logical ids: a changed one would create a new, empty table, bucket or queue.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aws_cdk import CfnOutput, Duration, Fn, aws_dynamodb, aws_kms, aws_s3
from constructs import Construct

from config.fields.buckets import KEPT_VERSIONS_DAYS, Bucket
from config.fields.tables import Table
from config.service import ServiceSpec, Worker
from config.settings import References, Settings
from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.data import BucketAccess, Data, TableAccess
from stacks.logs import own_provider_log_group
from stacks.queues import QueueAccess, create_queue, existing_queue, watch_backlog


class StateStack(EnvironmentStack):
    """DynamoDB tables, S3 buckets and SQS queues.

    Attributes:
        tables: by the variable that holds the name, of each service by its name. Both platforms' workloads of a service share
            its tables.
        bucket_names: by service name, as the stacks of services refer to them.
        queues: by the name of the worker, whose workloads on both platforms share it. Of an existing one only the alarm is here.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        services: Iterable[ServiceSpec],
        key: aws_kms.IKey | None,
        alarm_topic_arn: str,
    ) -> None:
        holders = [spec for spec in services if spec.holds_state]
        workers = [spec for spec in holders if isinstance(spec, Worker)]
        holds = "tables"
        holds += ", buckets" if any(spec.bucket and not spec.bucket.existing for spec in holders) else ""
        holds += " and queues" if any(spec.makes_queue for spec in workers) else ""
        super().__init__(scope, construct_id, settings=settings, description=f"{settings.prefix}: {holds}", key=key)
        self.tables = {spec.name: self._create_tables(spec) for spec in holders if spec.all_tables}
        self.bucket_names = {
            spec.name: self._publish(spec.name, self._create_bucket(spec.name, spec.bucket).bucket_name)
            for spec in holders
            if spec.bucket and not spec.bucket.existing
        }
        if self.bucket_names and self.disposable:
            own_provider_log_group(self, "Custom::S3AutoDeleteObjectsCustomResourceProvider")
        self.queues = {
            spec.name: create_queue(self, spec, spec.queue, alarm_topic_arn=alarm_topic_arn)
            for spec in workers
            if spec.queue and not spec.queue.existing
        }
        for spec in workers:
            if spec.queue and spec.queue.existing:
                watch_backlog(self, spec, spec.queue.existing, alarm_topic_arn=alarm_topic_arn)

    # --- tables ---

    def _create_tables(self, spec: ServiceSpec) -> dict[str, aws_dynamodb.Table]:
        tables = {}
        if spec.table and not spec.table.existing:
            tables[spec.table_variable] = self._create_table(self, f"Table-{spec.name}", spec.table)
        own = {name: table for name, table in spec.tables.items() if not table.existing}
        if own:
            # A scope of its own: names with hyphens put together could be another service's.
            scope = Construct(self, f"Tables-{spec.name}")
            for name, table in own.items():
                tables[spec.variable_of_table(name)] = self._create_table(scope, name, table)
        return tables

    def _create_table(self, scope: Construct, construct_id: str, declared: Table) -> aws_dynamodb.Table:
        encryption = (
            aws_dynamodb.TableEncryption.CUSTOMER_MANAGED if self.key else aws_dynamodb.TableEncryption.AWS_MANAGED
        )
        table = aws_dynamodb.Table(
            scope,
            construct_id,
            partition_key=_string_key(declared.partition_key),
            sort_key=_string_key(declared.sort_key) if declared.sort_key else None,
            time_to_live_attribute=declared.ttl,
            billing_mode=aws_dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=encryption,
            encryption_key=self.key,
            point_in_time_recovery_specification=aws_dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            stream=aws_dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if declared.stream else None,
            deletion_protection=not self.disposable,
            removal_policy=self.removal_policy,
        )
        for name, index in declared.indexes.items():
            table.add_global_secondary_index(
                index_name=name,
                partition_key=_string_key(index.partition_key),
                sort_key=_string_key(index.sort_key) if index.sort_key else None,
                projection_type=aws_dynamodb.ProjectionType.ALL,
            )
        return table

    # --- buckets ---

    def _create_bucket(self, service: str, declared: Bucket) -> aws_s3.Bucket:
        bucket = aws_s3.Bucket(
            self,
            f"Bucket-{service}",
            encryption=aws_s3.BucketEncryption.KMS if self.key else aws_s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.key,
            # One request to KMS for many objects: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
            bucket_key_enabled=True if self.key else None,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=declared.versions,
            lifecycle_rules=[_lifecycle(declared)],
            removal_policy=self.removal_policy,
            auto_delete_objects=self.disposable,
        )
        acknowledge(
            bucket,
            {
                "AwsSolutions-S1": "Only the roles of one service reach the bucket, by IAM and over TLS. Who read what is in "
                "CloudTrail's data events, which an account switches on for all of its buckets."
            },
        )
        return bucket

    def _publish(self, service: str, bucket_name: str) -> str:
        """The name as other stacks read it, written out: CDK decides only later how a reference to another stack reads, and an
        acknowledgement has to name the wildcard below the bucket before.
        """
        if self.settings.references is References.STRONG:
            return self.export_value(bucket_name)
        output = CfnOutput(self, f"BucketName-{service}", value=bucket_name)
        return Fn.get_stack_output(self.stack_name, self.resolve(output.logical_id))

    def as_in_findings(self, reference: str) -> str:
        """A reference as cdk-nag writes it into the names of findings."""
        found: Any = self.resolve(reference)
        imported = found.get("Fn::ImportValue") if isinstance(found, dict) else found
        return imported if isinstance(imported, str) else json.dumps(found, separators=(",", ":"))


def data_of(spec: ServiceSpec, state: StateStack | None, key: aws_kms.IKey | None) -> Data:
    """What a service keeps data in, its own and what exists.

    Args:
        spec: the service.
        state: the stack with what is its own.
        key: the environment's, which encrypts that.
    """
    own = state.tables.get(spec.name, {}) if state else {}
    tables = []
    for variable, declared in spec.all_tables.items():
        table = own.get(variable)
        tables.append(
            TableAccess(
                variable=variable,
                name=table.table_name if table else declared.existing or "",
                declared=declared,
                stream_arn=table.table_stream_arn if table and declared.stream else None,
                key=key if table else declared.kms_key,
            )
        )
    return Data(tables=tables, bucket=_bucket_of(spec, state, key), stack=state if spec.keeps_data else None)


def queue_of(spec: Worker, state: StateStack | None, key: aws_kms.IKey | None) -> QueueAccess:
    """A worker's queue, its own or one that exists.

    Args:
        spec: a worker that has a queue.
        state: the stack with those that are made.
        key: the environment's, which encrypts those.

    Raises:
        LookupError: the worker has none.
    """
    if spec.queue and spec.queue.existing:
        return existing_queue(spec.queue.existing, spec.queue.kms_key)
    if not state:
        raise LookupError(spec.name)
    made = state.queues[spec.name]
    return QueueAccess(name=made.queue_name, url=made.queue_url, key=key)


def _bucket_of(spec: ServiceSpec, state: StateStack | None, key: aws_kms.IKey | None) -> BucketAccess | None:
    if not spec.bucket:
        return None
    existing = spec.bucket.existing
    name = existing or (state.bucket_names[spec.name] if state else "")
    return BucketAccess(
        variable=spec.bucket_variable,
        name=name,
        in_findings=state.as_in_findings(name) if state else name,
        existing=bool(existing),
        key=spec.bucket.kms_key if existing else key,
    )


def _string_key(name: str) -> aws_dynamodb.Attribute:
    return aws_dynamodb.Attribute(name=name, type=aws_dynamodb.AttributeType.STRING)


def _lifecycle(declared: Bucket) -> aws_s3.LifecycleRule:
    return aws_s3.LifecycleRule(
        expiration=Duration.days(declared.expire_days) if declared.expire_days else None,
        noncurrent_version_expiration=Duration.days(KEPT_VERSIONS_DAYS) if declared.versions else None,
        abort_incomplete_multipart_upload_after=Duration.days(1),
    )
