"""The internal load balancer beside the public one: who reaches it, what is behind it, and that both platforms agree."""

from __future__ import annotations

from typing import Any

from config.service import Kind
from config.settings import Platform
from tests.stacks.templates import Assembly, Resource
from tests.stacks.test_parity import READERS

INTERNAL_RANGES = {"10.50.0.0/16", "10.64.0.0/10"}


def _balancers(assembly: Assembly) -> dict[str, Resource]:
    return {b["Scheme"]: b for b in assembly.resources("AWS::ElasticLoadBalancingV2::LoadBalancer", stack="Ecs")}


def _params(assembly: Assembly) -> dict[str, dict[str, Any]]:
    found = [o for o in assembly.objects("Eks") if o["kind"] == "IngressClassParams"]
    return {o["spec"]["scheme"]: o["spec"] for o in found}


def _ingresses(assembly: Assembly, stack: str = "Eks") -> dict[str, dict[str, Any]]:
    return {o["metadata"]["name"]: o for o in assembly.objects(stack) if o["kind"] == "Ingress"}


def test_both_platforms_put_a_service_behind_the_load_balancer_of_its_manifest(borrowed):
    both = [s for s in borrowed.services(Platform.ECS, Kind.HTTP) if Platform.EKS in s.platforms and s.routed]
    assert {spec.internal for spec in both} == {True, False}
    for spec in both:
        assert {read(borrowed, spec) for read in READERS["internal"]} == {spec.internal}, spec.name


def test_only_its_own_ranges_reach_it(borrowed):
    group = borrowed.by_reference(_balancers(borrowed)["internal"]["SecurityGroups"][0])
    assert {rule["CidrIp"] for rule in group["SecurityGroupIngress"]} == INTERNAL_RANGES
    assert set(_params(borrowed)["internal"]["inboundCIDRs"]) == INTERNAL_RANGES
    assert set(_params(borrowed)["internet-facing"]["inboundCIDRs"]) == set(borrowed.settings.load_balancer_cidrs)


def test_a_service_admits_only_the_load_balancer_that_it_is_behind(borrowed):
    groups = {b["SecurityGroups"][0]: scheme for scheme, b in _balancers(borrowed).items()}
    for spec in borrowed.services(Platform.ECS, Kind.HTTP):
        rules = borrowed.resources("AWS::EC2::SecurityGroupIngress", stack=f"Ecs-{spec.name}")
        schemes = {groups[r["SourceSecurityGroupId"]] for r in rules if r["SourceSecurityGroupId"] in groups}
        own = {"internal" if spec.internal else "internet-facing"}
        assert schemes == (own if spec.routed else set()), spec.name


def test_it_is_protected_and_logged_as_the_public_one(borrowed):
    public, internal = (
        {a["Key"]: a["Value"] for a in b["LoadBalancerAttributes"]} for b in _balancers(borrowed).values()
    )
    assert public == internal
    assert internal["deletion_protection.enabled"] == "true"
    assert internal["access_logs.s3.enabled"] == "true"
    attributes = [params["loadBalancerAttributes"] for params in _params(borrowed).values()]
    assert attributes[0] == attributes[1]
    patched = {p["ResourceName"] for p in borrowed.resources("Custom::AWSCDK-EKS-KubernetesPatch")}
    assert patched == {"ingress/entrance", "ingress/internal-entrance"}


def test_each_has_a_group_a_404_and_a_redirect_of_its_own(borrowed):
    groups = {scheme: spec["group"]["name"] for scheme, spec in _params(borrowed).items()}
    assert groups == {"internet-facing": "quay-borrowed", "internal": "quay-borrowed-internal"}
    classes = {name: o["spec"]["ingressClassName"] for name, o in _ingresses(borrowed).items()}
    assert classes == {
        "entrance": "shared",
        "to-https": "shared",
        "internal-entrance": "internal",
        "internal-to-https": "internal",
    }


def test_each_has_a_name_and_a_certificate_of_its_own(borrowed):
    certificates = {c["DomainName"] for c in borrowed.resources("AWS::CertificateManager::Certificate")}
    names = {f"{label}.harbour.example.com" for label in ("ecs", "eks", "internal-ecs", "internal-eks")}
    assert certificates == names
    assert {r["Name"].rstrip(".") for r in borrowed.resources("AWS::Route53::RecordSet")} == names
    for stack, label in (("Ecs-inward", "internal-ecs"), ("Eks-inward", "internal-eks"), ("Ecs-front", "ecs")):
        assert borrowed.templates[stack]["Outputs"]["Url"]["Value"] == f"https://{label}.harbour.example.com/"
    assert (
        _ingresses(borrowed, "Eks-inward")["inward"]["spec"]["rules"][0]["host"] == "internal-eks.harbour.example.com"
    )


def test_two_services_may_have_one_path_on_different_load_balancers(borrowed):
    paths = [spec.path for spec in borrowed.services(Platform.ECS, Kind.HTTP)]
    assert paths.count("/") == 2


def test_the_environments_without_the_setting_have_one_each(sandbox, production, corners):
    for assembly in (sandbox, production, corners):
        assert set(_balancers(assembly)) == {"internet-facing"}
        assert set(_params(assembly)) == {"internet-facing"}
