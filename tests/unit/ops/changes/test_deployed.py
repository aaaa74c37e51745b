"""What is deployed, read through CloudFormation."""

import boto3
import pytest
from botocore.exceptions import ClientError

from ops.changes.compare import compare
from ops.changes.deployed import client_in, deployed_stacks
from ops.errors import OpsError
from tests.fakes.aws import CloudFormation
from tests.fakes.stacks import resource, stack

QUEUE = {"Q": resource("AWS::SQS::Queue")}
AFTER = [stack("Network", QUEUE), stack("Ecs-web", QUEUE, tags={"app": "quay"}, protected=True)]


def test_the_environments_stacks_are_read_those_of_gone_services_included():
    names = ["quay-test-Network", "quay-test-Ecs-old", "quay-test-two-Network", "quay-production-Network", "CDKToolkit"]
    client = CloudFormation(templates={name: {"Resources": {}} for name in names})
    found = deployed_stacks(client, AFTER)
    assert [(one.id, one.name) for one in found] == [("Network", names[0]), ("Ecs-old", names[1])]


def test_a_stack_that_is_deployed_as_it_is_synthesized_is_skipped():
    client = CloudFormation(templates={"quay-test-Ecs-web": AFTER[1].template})
    found = deployed_stacks(client, AFTER)
    assert found[0].place == "aws://123456789012/eu-central-1"
    assert compare(found, AFTER).skipped == ("Ecs-web",)


@pytest.mark.parametrize("status", ["DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_what_holds_nothing_is_not_deployed(status):
    client = CloudFormation(templates={"quay-test-Network": {"Resources": {}}})
    client.status["quay-test-Network"] = status
    assert deployed_stacks(client, AFTER) == []


def test_without_credentials_one_line_says_what_to_do():
    client = CloudFormation()
    client.get_paginator = refuse
    with pytest.raises(OpsError, match="sign in, or check AWS_PROFILE") as caught:
        deployed_stacks(client, AFTER)
    assert caught.value.exit_code == 2


def refuse(_):
    raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "DescribeStacks")


def test_without_a_region_one_line_says_what_to_do(monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(OpsError, match="set AWS_REGION"):
        client_in(None)
    assert client_in("eu-central-1").meta.region_name == "eu-central-1"


def test_only_reads_are_called():
    """Another client, e.g. the real one, could do more."""

    class ReadOnly(CloudFormation):
        def __getattr__(self, name):
            raise AssertionError(f"{name} is called")

    deployed_stacks(ReadOnly(templates={"quay-test-Network": {"Resources": {}}}), AFTER)
