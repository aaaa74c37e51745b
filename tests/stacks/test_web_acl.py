"""A web ACL of the settings is in front of the load balancer of each platform, and nothing else changes."""

from __future__ import annotations

from typing import Any

ANNOTATION = "alb.ingress.kubernetes.io/wafv2-acl-arn"


def _annotations(assembly: Any) -> dict[str, Any]:
    ingresses = [found for stack in assembly.stacks for found in assembly.objects(stack) if found["kind"] == "Ingress"]
    return {i["metadata"]["name"]: i["metadata"]["annotations"].get(ANNOTATION) for i in ingresses}


def test_every_load_balancer_is_behind_it(corners):
    acl = corners.settings.web_acl_arn
    associations = {(a["ResourceArn"], a["WebACLArn"]) for a in corners.resources("AWS::WAFv2::WebACLAssociation")}
    balancers = corners.resources("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert acl
    assert associations == {(balancer.ref, acl) for balancer in balancers}


def test_one_ingress_of_a_group_names_it(corners):
    """Two that differ block each other, so services must not be able to."""
    named = {name: acl for name, acl in _annotations(corners).items() if acl}
    assert named == {"entrance": corners.settings.web_acl_arn}


def test_without_the_setting_there_is_none(sandbox, production):
    for assembly in (sandbox, production):
        assert assembly.resources("AWS::WAFv2::WebACLAssociation") == []
        assert set(_annotations(assembly).values()) == {None}
