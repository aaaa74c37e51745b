"""The objects of the cluster itself: its nodes, its namespace and its entrance."""

from __future__ import annotations

import json
from collections.abc import Sequence

from config.reserved import ALLOW_DNS, DEFAULT_DENY, ENTRANCE, NOT_FOUND
from config.settings import EKS_SERVICE_CIDR, Settings
from stacks.kubernetes.objects import LAST_ORDER, SHARED, KubernetesObject, ingress, part_of


def network_policy_controller() -> KubernetesObject:
    """Switches NetworkPolicy on; Auto Mode ignores policies without it.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-net-pol.html
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "amazon-vpc-cni", "namespace": "kube-system"},
        "data": {"enable-network-policy-controller": "true"},
    }


def node_class(
    settings: Settings, *, role_name: str, subnet_ids: Sequence[str], security_group_id: str
) -> KubernetesObject:
    """How nodes are set up. Source: https://docs.aws.amazon.com/eks/latest/userguide/create-node-class.html"""
    return {
        "apiVersion": "eks.amazonaws.com/v1",
        "kind": "NodeClass",
        "metadata": {"name": SHARED},
        "spec": {
            "role": role_name,
            "subnetSelectorTerms": [{"id": subnet_id} for subnet_id in subnet_ids],
            "securityGroupSelectorTerms": [{"id": security_group_id}],
            "networkPolicy": "DefaultAllow",
            "networkPolicyEventLogs": "Enabled",
            "tags": {"app": settings.app, "environment": settings.environment},
        },
    }


def node_pool(settings: Settings) -> KubernetesObject:
    """Which nodes may be started. Source: https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html"""
    capacity = ["spot", "on-demand"] if settings.spot_weight else ["on-demand"]
    requirements = {
        "kubernetes.io/arch": [settings.architecture.value],
        "kubernetes.io/os": ["linux"],
        "karpenter.sh/capacity-type": capacity,
        "eks.amazonaws.com/instance-category": ["c", "m", "r", "t"],
    }
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": SHARED},
        "spec": {
            "template": {
                "spec": {
                    "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": SHARED},
                    "requirements": [
                        {"key": key, "operator": "In", "values": values} for key, values in requirements.items()
                    ],
                    # Two weeks: nodes are replaced, and so patched, well within Auto Mode's limit of 21 days.
                    "expireAfter": "336h",
                    "terminationGracePeriod": "1h",
                }
            },
            "disruption": {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "1m"},
            "limits": {"cpu": "64", "memory": "256Gi"},
        },
    }


def namespace(settings: Settings) -> list[KubernetesObject]:
    """The namespace of all services: `restricted` pods, no undeclared traffic in or out except DNS."""
    restricted = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    dns_ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    # Auto Mode answers DNS on every node, at the service address.
    resolvers = [{"ipBlock": {"cidr": cidr}} for cidr in (EKS_SERVICE_CIDR, settings.vpc_cidr)]
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": settings.app, "labels": {**restricted, **part_of(settings)}},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": DEFAULT_DENY, "namespace": settings.app},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": ALLOW_DNS, "namespace": settings.app},
            "spec": {
                "podSelector": {},
                "policyTypes": ["Egress"],
                "egress": [{"to": resolvers, "ports": dns_ports}],
            },
        },
    ]


def ingress_class(settings: Settings, certificate_arn: str | None) -> list[KubernetesObject]:
    """The class through which all Ingresses share one load balancer.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html
    """
    spec: KubernetesObject = {"scheme": "internet-facing", "ipAddressType": "ipv4", "group": {"name": settings.prefix}}
    if certificate_arn:
        spec["certificateARNs"] = [certificate_arn]
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


def entrance(settings: Settings) -> KubernetesObject:
    """Keeps the load balancer for as long as the cluster exists, and answers 404 for a path that no service has."""
    action = {
        "type": "fixed-response",
        "fixedResponseConfig": {
            "contentType": "application/json",
            "statusCode": "404",
            "messageBody": '{"title":"No service has this path","status":404}',
        },
    }
    backend = {"service": {"name": NOT_FOUND, "port": {"name": "use-annotation"}}}
    annotation = {f"alb.ingress.kubernetes.io/actions.{NOT_FOUND}": json.dumps(action)}
    return ingress(settings, ENTRANCE, "/", LAST_ORDER, backend, **annotation)
