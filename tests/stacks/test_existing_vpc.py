"""An environment in a VPC that exists: nothing of the network is ours, and everything that runs is in its subnets."""

from __future__ import annotations

import json

from config.service import Kind
from config.settings import Platform

PUBLIC, PRIVATE = (
    {"subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2"},
    {
        "subnet-0bbbbbbbbbbbbbbb1",
        "subnet-0bbbbbbbbbbbbbbb2",
    },
)


def test_it_has_no_network_of_its_own(borrowed):
    assert "Network" not in borrowed.stacks
    ours = {"AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"}
    assert {r.type for r in borrowed.resources() if r.type.startswith("AWS::EC2::")} == ours


def test_nothing_was_looked_up_and_nothing_is_found(borrowed):
    assert "missing" not in borrowed.manifest or not borrowed.manifest["missing"]
    assert borrowed.findings() == []


def test_load_balancers_are_in_its_public_subnets(borrowed):
    for balancer in borrowed.resources("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        assert set(balancer["Subnets"]) == PUBLIC
    params = [found for found in borrowed.objects("Eks") if found["kind"] == "IngressClassParams"]
    assert len(params) == 2
    for found in params:
        assert set(found["spec"]["subnets"]["ids"]) == PUBLIC  # named, as nobody has tagged them


def test_tasks_nodes_the_control_plane_and_its_helpers_are_in_its_private_subnets(borrowed):
    for service in borrowed.resources("AWS::ECS::Service"):
        assert set(service["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]) == PRIVATE
    [cluster] = borrowed.resources("AWS::EKS::Cluster")
    assert set(cluster["ResourcesVpcConfig"]["SubnetIds"]) == PRIVATE
    node_class = borrowed.object("Eks", "NodeClass")
    assert {term["id"] for term in node_class["spec"]["subnetSelectorTerms"]} == PRIVATE
    inside = [f["VpcConfig"] for f in borrowed.resources("AWS::Lambda::Function") if f.get("VpcConfig")]
    assert inside
    assert {subnet for config in inside for subnet in config["SubnetIds"]} == PRIVATE


def test_its_range_bounds_what_the_load_balancer_reaches_and_its_public_ranges_are_admitted(borrowed):
    groups = borrowed.resources("AWS::EC2::SecurityGroup", stack="Ecs")
    assert len(groups) == 2
    for group in groups:
        assert group["VpcId"] == "vpc-0123456789abcdef0"
        assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["10.50.0.0/16"]
    for spec in borrowed.services(Platform.EKS, Kind.HTTP):
        policy = borrowed.object(f"Eks-{spec.name}", "NetworkPolicy", spec.name)["spec"]
        blocks = [peer["ipBlock"]["cidr"] for rule in policy["ingress"] for peer in rule["from"] if "ipBlock" in peer]
        assert blocks == (["10.50.0.0/24", "10.50.1.0/24"] if spec.routed else []), spec.name


def test_where_the_vpc_is_ours_the_tags_of_its_subnets_choose(corners):
    assert "subnets" not in json.dumps(corners.object("Eks", "IngressClassParams"))
