"""Every secret of a manifest has a value locally."""

import boto3
import pytest
from moto import mock_aws

from config.catalog import Catalog
from config.fields.secrets import SecretSource
from ops.local import placeholders
from tests.fakes.aws import FakeTarget
from tests.fakes.specs import http


@pytest.fixture
def target():
    with mock_aws():
        keys = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        yield FakeTarget(**{name: boto3.client(name, **keys) for name in ("secretsmanager", "ssm")})


def test_every_secret_of_a_manifest_gets_a_value_once(target):
    wanted = {"A": SecretSource(secrets_manager="harbour/key"), "B": SecretSource(ssm="/harbour/key")}
    catalog = Catalog((http(secrets=wanted),))
    for _ in range(2):
        placeholders.create(target, catalog)
    secret = target.client("secretsmanager").get_secret_value(SecretId="harbour/key")
    parameter = target.client("ssm").get_parameter(Name="/harbour/key")
    assert secret["SecretString"] == placeholders.PLACEHOLDER
    assert parameter["Parameter"]["Type"] == "SecureString"
