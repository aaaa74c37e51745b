"""The tables and queues of the services that declare one, apart from the stacks that are deployed ten times a day.

A test pins their logical ids: a changed one would create a new, empty table or queue.
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_dynamodb, aws_kms
from constructs import Construct

from config.fields.tables import Table
from config.service import ServiceSpec, Worker
from config.settings import Settings
from stacks.base import EnvironmentStack
from stacks.queues import create_queue


class StateStack(EnvironmentStack):
    """DynamoDB tables and SQS queues.

    Attributes:
        tables: by service name. Both platforms' workloads of a service share its table.
        queues: by the name of the worker, whose workloads on both platforms share it.
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
        holds = "tables and queues" if any(spec.queue for spec in workers) else "tables"
        super().__init__(scope, construct_id, settings=settings, description=f"{settings.prefix}: {holds}", key=key)
        self.tables = {spec.name: self._create_table(spec.name, spec.table) for spec in holders if spec.table}
        self.queues = {
            spec.name: create_queue(self, spec, spec.queue, alarm_topic_arn=alarm_topic_arn)
            for spec in workers
            if spec.queue
        }

    def _create_table(self, service: str, table: Table) -> aws_dynamodb.Table:
        encryption = (
            aws_dynamodb.TableEncryption.CUSTOMER_MANAGED if self.key else aws_dynamodb.TableEncryption.AWS_MANAGED
        )
        return aws_dynamodb.Table(
            self,
            f"Table-{service}",
            partition_key=_string_key(table.partition_key),
            sort_key=_string_key(table.sort_key) if table.sort_key else None,
            time_to_live_attribute=table.ttl,
            billing_mode=aws_dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=encryption,
            encryption_key=self.key,
            point_in_time_recovery_specification=aws_dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=not self.disposable,
            removal_policy=self.removal_policy,
        )


def _string_key(name: str) -> aws_dynamodb.Attribute:
    return aws_dynamodb.Attribute(name=name, type=aws_dynamodb.AttributeType.STRING)
