"""Tests, links and commands that the documents name exist."""

import re

import pytest

from tests.conftest import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "services").glob("*/README.md")])


@pytest.fixture(scope="module")
def tests_by_name() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_document_names_exists(document, tests_by_name):
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", document.read_text("utf-8")))
    assert named - tests_by_name == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_that_a_document_names_exists(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = document.read_text("utf-8")
    named = set(re.findall(r"(?:`|^    |^\$ )make ([a-z-]+)", text, re.MULTILINE))
    assert named - targets == set()


def test_the_cost_that_the_readme_gives_is_that_of_the_bill():
    given = re.search(r"about (\d+) USD on ECS", (ROOT / "README.md").read_text("utf-8"))
    bill = re.search(r"On ECS only: ([\d.]+) USD", (ROOT / "docs" / "costs.md").read_text("utf-8"))
    assert given
    assert bill
    assert int(given[1]) == round(float(bill[1]))


def test_every_public_thread_has_an_answer():
    rows = [line for line in (ROOT / "docs" / "complaints.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    answers = {row.split("|")[1].strip(): row.split("|")[3].strip() for row in rows[1:]}
    assert len(answers) > 25
    assert [complaint for complaint, answer in answers.items() if not answer] == []


COUNTED = {
    "AWS::CloudWatch::Alarm", "AWS::EC2::Instance", "AWS::EC2::NatGateway", "AWS::EC2::VPCEndpoint", "AWS::ECS::Service",
    "AWS::EKS::Cluster", "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::KMS::Key",
}  # fmt: skip
# Billed with one of those (a task definition, an address), by use (storage, requests, runs), or not at all.
NOT_COUNTED = {
    "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CertificateManager::Certificate", "AWS::DynamoDB::Table", "AWS::EC2::EIP", "AWS::EC2::FlowLog",
    "AWS::EC2::InternetGateway", "AWS::EC2::Route", "AWS::EC2::RouteTable", "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPC", "AWS::EC2::VPCGatewayAttachment", "AWS::ECR::Repository",
    "AWS::ECS::Cluster", "AWS::ECS::ClusterCapacityProviderAssociations", "AWS::ECS::TaskDefinition",
    "AWS::EKS::AccessEntry", "AWS::EKS::Addon", "AWS::EKS::PodIdentityAssociation",
    "AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerCertificate",
    "AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Events::Rule", "AWS::IAM::InstanceProfile", "AWS::IAM::Policy",
    "AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Lambda::LayerVersion", "AWS::Logs::LogGroup",
    "AWS::Route53::RecordSet", "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::SNS::Subscription", "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy", "AWS::SSM::Parameter", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule",
    "AWS::ServiceDiscovery::HttpNamespace", "AWS::StepFunctions::StateMachine", "AWS::WAFv2::WebACLAssociation",
    "Custom::AWSCDK-EKS-KubernetesObjectValue",
    "Custom::AWSCDK-EKS-KubernetesPatch", "Custom::AWSCDK-EKS-KubernetesResource", "Custom::EksDeletionProtection",
    "Custom::BeforeDeploy", "Custom::BeforeDeployOnKubernetes", "Custom::LeftoverLogGroup",
    "Custom::S3AutoDeleteObjects", "Custom::VpcRestrictDefaultSG",
}  # fmt: skip


def test_every_type_of_resource_is_in_the_bill_or_known_to_cost_nothing_when_idle(assembly):
    """A new one: count it in ops/costs.py, or add it to the second list."""
    types = {resource.body["Type"] for resource in assembly.resources()}
    assert types - COUNTED - NOT_COUNTED == set()


def test_the_bill_names_every_type_that_it_is_said_to_count():
    source = (ROOT / "ops" / "costs.py").read_text("utf-8")
    assert {kind for kind in COUNTED if f'"{kind}"' not in source} == set()
