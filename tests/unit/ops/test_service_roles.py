"""`make bootstrap` creates the service-linked roles that the account lacks, and only those of the environment."""

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

import ops.__main__ as command
from config.settings import load_settings
from ops.errors import OpsError
from ops.service_roles import create_missing, needed
from tests.conftest import ROOT

BOTH = {
    "AWSServiceRoleForElasticLoadBalancing",
    "AWSServiceRoleForECS",
    "AWSServiceRoleForApplicationAutoScaling_ECSService",
    "AWSServiceRoleForAmazonEKS",
}


def settings(**overrides):
    return load_settings(ROOT, "sandbox", overrides)


def roles():
    return {role["RoleName"] for role in boto3.client("iam").list_roles()["Roles"]}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, BOTH | {"AWSServiceRoleForEC2Spot"}),
        ({"spot_weight": "0"}, BOTH),
        ({"platforms": "ecs"}, BOTH - {"AWSServiceRoleForAmazonEKS"}),  # Fargate on Spot needs no role
        (
            {"platforms": "eks", "spot_weight": "0"},
            {"AWSServiceRoleForElasticLoadBalancing", "AWSServiceRoleForAmazonEKS"},
        ),
    ],
)
def test_only_the_roles_of_the_environments_platforms_are_needed(overrides, expected):
    assert set(needed(settings(**overrides)).values()) == expected


def error(code, message):
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Iam:
    """IAM with some roles; `races` are those that appear between a look and the creation."""

    def __init__(self, *there, race=False, denied=False):
        self.there, self.created, self.race, self.denied = set(there), [], race, denied

    def get_role(self, *, RoleName):  # noqa: N803 - boto3's spelling
        if RoleName not in self.there:
            raise error("NoSuchEntity", "GetRole")

    def create_service_linked_role(self, *, AWSServiceName):  # noqa: N803 - boto3's spelling
        if self.denied:
            raise error("AccessDenied", "no")
        if self.race:
            raise error("InvalidInput", "Service role name x has been taken in this account")
        self.created.append(AWSServiceName)


def test_what_is_missing_is_created_and_said():
    iam = Iam("AWSServiceRoleForECS", "AWSServiceRoleForElasticLoadBalancing")
    lines = list(create_missing(settings(platforms="ecs"), iam))
    assert iam.created == ["ecs.application-autoscaling.amazonaws.com"]
    assert "AWSServiceRoleForECS: there already" in lines
    assert "AWSServiceRoleForApplicationAutoScaling_ECSService: created" in lines


def test_a_role_that_somebody_else_creates_meanwhile_is_no_fault():
    assert {line.partition(": ")[2] for line in create_missing(settings(), Iam(race=True))} == {"there already"}


def test_a_refusal_is_one_line():
    with pytest.raises(OpsError, match=r"service-linked roles: .*AccessDenied.*; sign in as somebody") as caught:
        list(create_missing(settings(), Iam(denied=True)))
    assert (caught.value.exit_code, caught.value.message.count("\n")) == (2, 0)


@mock_aws
def test_the_command_asks_nothing_and_can_run_again(capsys, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert command.main(["service-roles", "--root", str(ROOT)]) == 0
    first = roles()
    assert len(first) == len(BOTH) + 1
    assert command.main(["service-roles", "--root", str(ROOT)]) == 0
    assert roles() == first
    assert capsys.readouterr().out.count("created") == len(first)
