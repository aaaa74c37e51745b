"""Every secret of a manifest has a value locally, with the keys and versions that the manifest names."""

import json

import boto3
import pytest
from moto import mock_aws

from config.catalog import Catalog
from config.fields.buckets import Bucket
from config.fields.queue import Queue
from config.fields.secrets import SecretSource
from config.fields.tables import Index, Table
from ops.local import placeholders
from tests.fakes.aws import FakeTarget
from tests.fakes.specs import http, worker


@pytest.fixture
def target():
    with mock_aws():
        keys = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        yield FakeTarget(
            **{name: boto3.client(name, **keys) for name in ("secretsmanager", "ssm", "dynamodb", "s3", "sqs")}
        )


def test_every_secret_of_a_manifest_gets_a_value_once(target):
    wanted = {"A": SecretSource(secrets_manager="harbour/key"), "B": SecretSource(ssm="/harbour/key")}
    catalog = Catalog((http(secrets=wanted),))
    for _ in range(2):
        placeholders.create(target, catalog)
    secret = target.client("secretsmanager").get_secret_value(SecretId="harbour/key")
    parameter = target.client("ssm").get_parameter(Name="/harbour/key")
    assert secret["SecretString"] == placeholders.PLACEHOLDER
    assert parameter["Parameter"]["Type"] == "SecureString"


ID = "01234567-89ab-cdef-0123-456789abcdef"


def db(**more: str) -> SecretSource:
    return SecretSource(secrets_manager="harbour/db", **more)


def read(target, **of: str) -> str:
    return target.client("secretsmanager").get_secret_value(SecretId="harbour/db", **of)["SecretString"]


def test_a_json_secret_has_the_keys_that_all_services_together_name(target):
    one = http(secrets={"USER": db(key="user"), "ALL": db()})
    placeholders.create(target, Catalog((one, http(name="other", secrets={"PASSWORD": db(key="password")}))))
    assert json.loads(read(target)) == dict.fromkeys(("user", "password"), placeholders.PLACEHOLDER)


def test_a_key_that_a_manifest_adds_later_is_added_and_a_value_that_somebody_has_set_stays(target):
    placeholders.create(target, Catalog((http(secrets={"USER": db(key="user")}),)))
    target.client("secretsmanager").put_secret_value(SecretId="harbour/db", SecretString='{"user": "ada"}')
    placeholders.create(target, Catalog((http(secrets={"A": db(key="user"), "B": db(key="password")}),)))
    assert json.loads(read(target)) == {"user": "ada", "password": placeholders.PLACEHOLDER}


def test_text_that_somebody_has_set_stays(target):
    target.client("secretsmanager").create_secret(Name="harbour/db", SecretString="text")
    placeholders.create(target, Catalog((http(secrets={"A": db(key="user")}),)))
    assert read(target) == "text"


def test_the_versions_that_manifests_name_exist(target):
    wanted = {"A": db(version="AWSPREVIOUS", key="password"), "B": db(version=ID), "C": db(version="AWSCURRENT")}
    for _ in range(2):
        placeholders.create(target, Catalog((http(secrets=wanted),)))
    assert json.loads(read(target, VersionStage="AWSPREVIOUS")) == {"password": placeholders.PLACEHOLDER}
    assert read(target, VersionId=ID) == read(target) == placeholders.PLACEHOLDER


def test_tables_and_buckets_that_exist_on_aws_exist_locally_too(target):
    indexes = {"by_owner": Index(partition_key="owner", sort_key="at")}
    table = Table(existing="orders-prod", partition_key="id", sort_key="at", indexes=indexes)
    spec = http(table=table, tables={"own": Table(partition_key="id")}, bucket=Bucket(existing="orders-archive"))
    other = http(name="other", bucket=Bucket(), tables={"orders": table})
    for _ in range(2):
        placeholders.create(target, Catalog((spec, other)))
    dynamodb, s3 = target.client("dynamodb"), target.client("s3")
    assert dynamodb.list_tables()["TableNames"] == ["orders-prod"]
    [index] = dynamodb.describe_table(TableName="orders-prod")["Table"]["GlobalSecondaryIndexes"]
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["owner", "at"]
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["orders-archive"]


def test_queues_that_exist_on_aws_exist_locally_too_in_order_by_their_names(target):
    named = [worker(name=n, queue=Queue(existing=f"orders{suffix}")) for n, suffix in (("a", ""), ("b", ".fifo"))]
    for _ in range(2):
        placeholders.create(target, Catalog((*named, worker(name="own", queue=Queue()))))
    sqs = target.client("sqs")
    urls = sqs.list_queues()["QueueUrls"]
    assert [url.rpartition("/")[2] for url in urls] == ["orders", "orders.fifo"]
    assert sqs.get_queue_attributes(QueueUrl=urls[1], AttributeNames=["FifoQueue"])["Attributes"]["FifoQueue"] == "true"
