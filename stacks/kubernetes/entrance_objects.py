"""The objects of the load balancer that all services share: its class, and what it answers where no service does."""

from __future__ import annotations

import json
from typing import Final

from config.limits import TLS_POLICY
from config.reserved import ENTRANCE, NOT_FOUND, TO_HTTPS
from config.settings import Domain, Settings
from stacks.kubernetes.objects import LAST_ORDER, SHARED, KubernetesObject, ingress

_ANNOTATION: Final = "alb.ingress.kubernetes.io"


def ingress_class(
    settings: Settings, *, certificate_arn: str | None, access_logs_bucket: str
) -> list[KubernetesObject]:
    """The class through which all Ingresses share one load balancer, with everything that is set once for all of them.

    Ingresses of one group with different values for the same thing block each other, so none of it is an annotation.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html
    """
    spec: KubernetesObject = {
        "scheme": "internet-facing",
        "ipAddressType": "ipv4",
        "group": {"name": settings.prefix},
        "inboundCIDRs": list(settings.load_balancer_cidrs),
        "loadBalancerAttributes": [
            {"key": "access_logs.s3.enabled", "value": "true"},
            {"key": "access_logs.s3.bucket", "value": access_logs_bucket},
            {"key": "routing.http.drop_invalid_header_fields.enabled", "value": "true"},
        ],
    }
    if certificate_arn:
        spec |= {"certificateARNs": [certificate_arn, *settings.certificates], "sslPolicy": TLS_POLICY}
    return [
        {
            "apiVersion": "eks.amazonaws.com/v1",
            "kind": "IngressClassParams",
            "metadata": {"name": SHARED},
            "spec": spec,
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": SHARED},
            "spec": {
                "controller": "eks.amazonaws.com/alb",
                "parameters": {"apiGroup": "eks.amazonaws.com", "kind": "IngressClassParams", "name": SHARED},
            },
        },
    ]


def entrance(settings: Settings) -> list[KubernetesObject]:
    """Keeps the load balancer for as long as the cluster exists, and answers 404 for a path that no service has.

    With a domain, port 80 redirects what no service answers there. A service whose stack still has its rule on port 80, from
    before the domain, goes on answering; deploying it moves the rule to port 443, and the redirect takes over. The group's own
    redirect (`ssl-redirect`) would empty port 80 at once, before any service answers on port 443.
    """
    action = {
        "type": "fixed-response",
        "fixedResponseConfig": {
            "contentType": "application/json",
            "statusCode": "404",
            "messageBody": '{"title":"No service has this path","status":404}',
        },
    }
    not_found = _answer(settings, ENTRANCE, NOT_FOUND, action)
    if settings.web_acl_arn:
        # One Ingress speaks for the group. Auto Mode's classes have no field for it, and its cluster policy has the rights:
        # https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html and
        # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEKSLoadBalancingPolicy.html
        not_found["metadata"]["annotations"][f"{_ANNOTATION}/wafv2-acl-arn"] = settings.web_acl_arn
    return [not_found, _redirect(settings, settings.domain)] if settings.domain else [not_found]


def _redirect(settings: Settings, domain: Domain) -> KubernetesObject:
    """Takes any host, such as the load balancer's own name, to the one with a certificate; with more, each to itself."""
    host = "#{host}" if settings.certificates else f"eks.{domain.name}"
    target = {"protocol": "HTTPS", "port": "443", "host": host, "statusCode": "HTTP_301"}
    found = _answer(settings, TO_HTTPS, TO_HTTPS, {"type": "redirect", "redirectConfig": target})
    found["metadata"]["annotations"][f"{_ANNOTATION}/listen-ports"] = json.dumps([{"HTTP": 80}])
    for rule in found["spec"]["rules"]:
        rule.pop("host", None)
    return found


def _answer(settings: Settings, name: str, backend_name: str, action: KubernetesObject) -> KubernetesObject:
    """An Ingress after every service's, whose backend is an answer of the load balancer itself."""
    backend = {"service": {"name": backend_name, "port": {"name": "use-annotation"}}}
    annotation = {f"{_ANNOTATION}/actions.{backend_name}": json.dumps(action)}
    return ingress(settings, name, "/", LAST_ORDER, backend, **annotation)


def deletion_protection(*, on: bool) -> KubernetesObject:
    """A patch for the entrance: whether the load balancer can be deleted."""
    attribute = f"deletion_protection.enabled={str(on).lower()}"
    return {"metadata": {"annotations": {f"{_ANNOTATION}/load-balancer-attributes": attribute}}}
