"""The tables of the services that declare one: stateful, so apart from what is deployed ten times a day.

A table's logical id is held by a test: a changed one would be a new, empty table.
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import CfnOutput, aws_dynamodb, aws_kms
from constructs import Construct

from config.service import ServiceSpec
from config.settings import Settings
from stacks.base import PlatformStack


class StateStack(PlatformStack):
    """DynamoDB tables.

    Attributes:
        tables: by service name. Both platforms' workloads of a service share its table.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        services: Iterable[ServiceSpec],
        key: aws_kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, description=f"{settings.prefix}: tables")
        self._key = key
        self.tables = {spec.name: self._create_table(spec) for spec in services if spec.table}

    def _create_table(self, spec: ServiceSpec) -> aws_dynamodb.Table:
        assert spec.table is not None  # noqa: S101 - the caller filters
        encryption = (
            aws_dynamodb.TableEncryption.CUSTOMER_MANAGED if self._key else aws_dynamodb.TableEncryption.AWS_MANAGED
        )
        table = aws_dynamodb.Table(
            self,
            f"Table-{spec.name}",
            partition_key=_string_key(spec.table.partition_key),
            sort_key=_string_key(spec.table.sort_key) if spec.table.sort_key else None,
            time_to_live_attribute=spec.table.ttl,
            billing_mode=aws_dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=encryption,
            encryption_key=self._key,
            point_in_time_recovery_specification=aws_dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=not self.disposable,
            removal_policy=self.removal_policy,
        )
        CfnOutput(self, f"TableName-{spec.name}", value=table.table_name)
        return table


def _string_key(name: str) -> aws_dynamodb.Attribute:
    return aws_dynamodb.Attribute(name=name, type=aws_dynamodb.AttributeType.STRING)
