"""The load balancer of the services on EKS: what is set once for all Ingresses, and how a domain is added to it."""

from __future__ import annotations

import json
from typing import Any

from config.limits import TLS_POLICY
from config.service import HttpService
from tests.stacks.templates import Assembly, statements

PREFIX = "alb.ingress.kubernetes.io"
OWN = {"target-type", "group.order", "listen-ports"}
SHARED_BY_THE_GROUP = {
    "certificate-arn", "inbound-cidrs", "ip-address-type", "load-balancer-attributes", "scheme", "security-groups",
    "ssl-policy", "ssl-redirect", "subnets", "tags",
}  # fmt: skip


def parameters(assembly: Assembly) -> dict[str, Any]:
    spec: dict[str, Any] = assembly.object("Eks", "IngressClassParams")["spec"]
    return spec


def ingresses(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """Every Ingress of the environment, by name."""
    return {o["metadata"]["name"]: o for o in assembly.objects() if o["kind"] == "Ingress"}


def annotation(ingress: dict[str, Any], name: str) -> Any:
    return json.loads(ingress["metadata"]["annotations"][f"{PREFIX}/{name}"])


def test_the_load_balancer_admits_the_settings_ranges(assembly):
    assert parameters(assembly)["inboundCIDRs"] == list(assembly.settings.load_balancer_cidrs)


def test_no_ingress_sets_what_the_whole_group_shares(assembly):
    """Members of a group that disagree, as between two deployments, block each other."""
    for name, ingress in ingresses(assembly).items():
        own = {key.removeprefix(f"{PREFIX}/") for key in ingress["metadata"]["annotations"]}
        assert not own & SHARED_BY_THE_GROUP, name
        assert own >= OWN, name


def test_the_load_balancer_has_what_the_one_on_ecs_has(assembly):
    attributes = {a["key"]: a["value"] for a in parameters(assembly)["loadBalancerAttributes"]}
    assert attributes == {
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": assembly.one("AWS::S3::Bucket", stack="Eks").ref,
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }


def test_its_access_logs_are_private_and_expire_as_those_of_ecs(assembly):
    buckets = [assembly.one("AWS::S3::Bucket", stack=stack) for stack in ("Ecs", "Eks")]
    assert buckets[0].properties == buckets[1].properties
    policies = [assembly.one("AWS::S3::BucketPolicy", stack=stack) for stack in ("Ecs", "Eks")]
    read = [statements(policy["PolicyDocument"]) for policy in policies]
    ecs, eks = ([(s.effect, s.actions, s.conditions) for s in found] for found in read)
    assert ecs == eks
    assert all(resource.startswith("<Eks/AccessLogs") for s in read[1] for resource in s.resources)


def test_the_entrance_answers_404(assembly):
    action = annotation(ingresses(assembly)["entrance"], "actions.not-found")
    assert action["fixedResponseConfig"]["statusCode"] == "404"
    assert isinstance(json.loads(action["fixedResponseConfig"]["messageBody"]), dict)


# --- domain -----------------------------------------------------------------------------------------------------------


def test_with_a_domain_there_is_a_certificate_and_an_alias(corners):
    certificate = corners.one("AWS::CertificateManager::Certificate", stack="Eks")
    record = corners.one("AWS::Route53::RecordSet", stack="Eks")
    assert certificate["DomainName"] == "eks.harbour.example.com"
    assert parameters(corners)["certificateARNs"][0] == certificate.ref
    assert record["Name"] == "eks.harbour.example.com."
    assert corners.outputs("Eks")["Url"] == "https://eks.harbour.example.com"


def test_https_takes_modern_clients_only(corners, sandbox):
    assert parameters(corners)["sslPolicy"] == TLS_POLICY
    assert TLS_POLICY.startswith("ELBSecurityPolicy-TLS13-1-2-Res")
    assert "sslPolicy" not in parameters(sandbox)
    listeners = corners.resources("AWS::ElasticLoadBalancingV2::Listener", stack="Ecs")
    assert [listener["SslPolicy"] for listener in listeners if listener["Protocol"] == "HTTPS"] == [TLS_POLICY]


def test_each_service_and_the_404_are_on_one_listener(assembly):
    domain = assembly.settings.domain
    for name, ingress in ingresses(assembly).items():
        if name != "to-https":
            assert annotation(ingress, "listen-ports") == ([{"HTTPS": 443}] if domain else [{"HTTP": 80}]), name
            host = ingress["spec"]["rules"][0].get("host")
            assert host == (f"eks.{domain.name}" if domain else None) or host in _hosts(assembly), name


def _hosts(assembly):
    services = [spec for spec in assembly.catalog.services if isinstance(spec, HttpService)]
    return {host for spec in services for host in spec.hosts}


def test_http_redirects_to_the_domain_whatever_name_it_came_by(synthesis, sandbox):
    redirect = ingresses(synthesis.assembly("production-domain"))["to-https"]
    assert annotation(redirect, "listen-ports") == [{"HTTP": 80}]
    assert annotation(redirect, "actions.to-https") == {
        "type": "redirect",
        "redirectConfig": {
            "protocol": "HTTPS",
            "port": "443",
            "host": "eks.harbour.example.com",
            "statusCode": "HTTP_301",
        },
    }
    assert [path["path"] for path in redirect["spec"]["rules"][0]["http"]["paths"]] == ["/"]
    assert "host" not in redirect["spec"]["rules"][0]
    assert "to-https" not in ingresses(sandbox)


def test_a_domain_can_be_added_while_services_still_answer_on_port_80(corners, sandbox):
    """The redirect takes only what no service's rule on port 80 takes first, and no Ingress empties port 80.

    A service that was deployed without the domain has a rule for its path there, for any host.
    """
    redirect = ingresses(corners)["to-https"]
    last = int(redirect["metadata"]["annotations"][f"{PREFIX}/group.order"])
    for name, before in ingresses(sandbox).items():
        if name != "entrance":
            assert annotation(before, "listen-ports") == [{"HTTP": 80}]
            assert "host" not in before["spec"]["rules"][0]
            assert int(before["metadata"]["annotations"][f"{PREFIX}/group.order"]) < last
    assert not [
        name for name, i in ingresses(corners).items() if f"{PREFIX}/ssl-redirect" in i["metadata"]["annotations"]
    ]
