"""References in templates: what they name, and what they resolve to."""

import re

import pytest

from ops import references
from ops.references import Known
from tests.fakes.assembly import REGISTRY

KNOWN = Known({("app-State", "Table"): "t-1"}, "localhost:1", "000000000000", "us-east-1")


@pytest.mark.parametrize(
    ("node", "names"),
    [
        ({"Ref": "A"}, ["A"]),
        ({"Fn::GetAtt": ["A", "Arn"]}, ["A"]),
        ({"Fn::GetAtt": "A.Arn"}, ["A"]),
        ({"Fn::Sub": "${A}-${B.Arn}-${!C}"}, ["A", "B"]),
        ({"Fn::Sub": ["${A}-${own}", {"own": {"Ref": "B"}}]}, ["A", "B"]),
        ({"Fn::Join": ["", ["x", {"Ref": "A"}]]}, ["A"]),
        ({"Ref": "A", "Other": 1}, []),
    ],
    ids=str,
)
def test_a_reference_names_what_it_depends_on(node, names):
    assert sorted(references.names([{"deep": node}])) == names


def test_outputs_of_other_stacks_are_found_in_both_forms():
    weak = {"Fn::GetStackOutput": {"StackName": "app-State", "OutputName": "Table"}}
    assert list(references.outputs_used([weak, {"Fn::ImportValue": "exported"}])) == [
        ("app-State", "Table"),
        ("", "exported"),
    ]


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ("plain", "plain"),
        (
            {"Fn::Join": ["", ["https://sqs.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/q"]]},
            "https://sqs.us-east-1.amazonaws.com/q",
        ),
        ({"Fn::Sub": f"{REGISTRY}/app/web:1"}, "localhost:1/app/web:1"),
        ({"Fn::GetStackOutput": {"StackName": "app-State", "OutputName": "Table"}}, "t-1"),
        ({"Fn::GetStackOutput": {"StackName": "app-State", "OutputName": "Other"}}, "stand-in"),
        ({"Fn::Join": ["-", [{"Ref": "AWS::Region"}, {"Ref": "AWS::AccountId"}]]}, "us-east-1-000000000000"),
        ({"Ref": "A"}, "stand-in"),
        ({"Fn::GetAtt": ["A", "Arn"]}, "stand-in"),
    ],
    ids=str,
)
def test_known_references_are_resolved_and_others_get_a_stand_in(node, text):
    assert KNOWN.text(node) == text


@pytest.mark.parametrize(
    ("node", "form"),
    [
        ({"Fn::GetAtt": ["Cluster", "ClusterSecurityGroupId"]}, r"sg-[0-9a-f]{17}"),
        ({"Fn::GetStackOutput": {"StackName": "n", "OutputName": "VpcPrivateSubnet1Ref"}}, r"subnet-[0-9a-f]{17}"),
        ({"Fn::ImportValue": "app-Network:ExportsOutputRefPrivateSubnet1"}, r"subnet-[0-9a-f]{17}"),
        ({"Ref": "Vpc8378EB38"}, r"vpc-[0-9a-f]{17}"),
    ],
    ids=str,
)
def test_a_stand_in_has_the_form_that_an_api_checks(node, form):
    assert re.fullmatch(form, KNOWN.text(node))
    assert KNOWN.text(node) == KNOWN.text(node)


def test_two_subnets_do_not_become_one():
    one, two = ({"Ref": f"PrivateSubnet{number}"} for number in (1, 2))
    assert KNOWN.text(one) != KNOWN.text(two)


def test_only_attributes_and_the_registry_are_replaced():
    node = {"A": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}], "B": {"Fn::Sub": f"{REGISTRY}/x"}, "C": {"Ref": "Vpc"}}
    found = references.replaced(node, registry="localhost:1", attributes={("Vpc", "CidrBlock"): "10.0.0.0/16"})
    assert found == {"A": ["10.0.0.0/16"], "B": "localhost:1/x", "C": {"Ref": "Vpc"}}
