"""What a service keeps data in, as its two stacks see it: names, and the rights to read and write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Aws, Stack, aws_iam, aws_kms

from config.fields.tables import Table
from stacks.acknowledgements import acknowledge
from stacks.permissions import allow, allow_key

# Reading and writing items; neither streams nor the table's own settings.
_TABLE_DATA = [
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
]
_INDEX_DATA = ["dynamodb:Query", "dynamodb:Scan"]
_STREAM_DATA = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
# How DynamoDB uses the key on the caller's behalf.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
_TABLE_KEY = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
]
_OBJECT_DATA = [
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
]
# An upload in parts is decrypted to be put together (CreateMultipartUpload in botocore's model of S3).
_BUCKET_KEY = ["kms:Decrypt", "kms:GenerateDataKey"]


@dataclass(frozen=True, kw_only=True)
class TableAccess:
    """One table.

    Attributes:
        variable: the variable that holds its name.
        name: its name.
        declared: as the manifest has it.
        stream_arn: of its stream, if it has one.
        key: that encrypts it; None for DynamoDB's own.
    """

    variable: str
    name: str
    declared: Table
    stream_arn: str | None
    key: aws_kms.IKey | str | None


@dataclass(frozen=True, kw_only=True)
class BucketAccess:
    """The bucket.

    Attributes:
        variable: the variable that holds its name.
        name: its name.
        in_findings: the name as cdk-nag writes it into the names of findings.
        existing: whether others own it.
        key: that encrypts it; None for S3's own.
    """

    variable: str
    name: str
    in_findings: str
    existing: bool
    key: aws_kms.IKey | str | None


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a service keeps data in.

    Attributes:
        tables: its tables.
        bucket: its bucket, if it has one.
        stack: that holds what is the service's own; None if nothing is.
    """

    tables: Sequence[TableAccess]
    bucket: BucketAccess | None
    stack: Stack | None

    def environment(self) -> dict[str, str]:
        """The variables with the names of them all, and with the ARNs of streams."""
        variables: dict[str, str] = {}
        for table in self.tables:
            variables[table.variable] = table.name
            if table.stream_arn:
                variables[f"{table.variable}_STREAM"] = table.stream_arn
        if self.bucket:
            variables[self.bucket.variable] = self.bucket.name
        return variables

    def grant(self, role: aws_iam.Role) -> None:
        """Lets a role read and write all of it."""
        if self.tables:
            _grant_tables(role, self.tables)
        if self.bucket:
            _grant_bucket(role, self.bucket)


def _grant_tables(role: aws_iam.Role, tables: Sequence[TableAccess]) -> None:
    allow(role, _TABLE_DATA, *(_table_arn(table.name) for table in tables))
    indexes = [f"{_table_arn(table.name)}/index/{index}" for table in tables for index in table.declared.indexes]
    if indexes:
        allow(role, _INDEX_DATA, *indexes)
    streams = [table.stream_arn for table in tables if table.stream_arn]
    if streams:
        allow(role, _STREAM_DATA, *streams)
    # The environment's key is one object for all tables.
    for key in dict.fromkeys(table.key for table in tables if table.key):
        allow_key(role, key, _TABLE_KEY, service="dynamodb")


def _table_arn(name: str) -> str:
    # Built from the name, which the container needs anyway: the ARN would take up another of State's 200 outputs.
    return f"arn:{Aws.PARTITION}:dynamodb:{Aws.REGION}:{Aws.ACCOUNT_ID}:table/{name}"


def _grant_bucket(role: aws_iam.Role, bucket: BucketAccess) -> None:
    arn = f"arn:{Aws.PARTITION}:s3:::{bucket.name}"
    allow(role, ["s3:ListBucket"], arn)
    allow(role, _OBJECT_DATA, f"{arn}/*")
    if bucket.key:
        allow_key(role, bucket.key, _BUCKET_KEY, service="s3")
    owner = "Others own the bucket; its" if bucket.existing else "The bucket is this service's alone; its"
    finding = f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket.in_findings}/*]"
    acknowledge(role, {finding: f"{owner} objects have names that the service chooses."})
