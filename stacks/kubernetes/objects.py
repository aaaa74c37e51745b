"""What Kubernetes objects have in common: names, labels and Ingresses.

Objects are plain data, readable and testable without a cluster. Nothing in stacks/kubernetes imports CDK.
"""

from __future__ import annotations

import json
from typing import Any

from config.settings import Settings

KubernetesObject = dict[str, Any]

# The name of the NodeClass, NodePool and IngressClass; one of each per cluster.
SHARED = "shared"
# The order of the entrance's Ingress: after every service's.
LAST_ORDER = 1000
# Ingresses of one group are ordered by number, from -1000 to 1000, the lowest first; listener rules from 1 to 50000. Each
# row maps a band of listener_priority to a range of orders, so that both load balancers try paths in the same order.
# https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html
_ORDERS = ((1, 5000, -1000, -801), (5001, 15000, -800, -401), (15001, 49999, -400, 997), (50000, 50000, 998, 998))
# The group of objects whose Job is not applied with the others, but run to its end.
MIGRATION = "Migration"

# Every http service's ports, by which Services, probes and network policies refer to them.
PORT_NAME = "http"
PRIVATE_PORT_NAME = "private"


def labels(name: str) -> dict[str, str]:
    """The label that selects a service's pods. Only this one: a selector can never be changed."""
    return {"app.kubernetes.io/name": name}


def meta(settings: Settings, name: str, **extra: Any) -> KubernetesObject:
    return {"name": name, "namespace": settings.app, "labels": {**labels(name), **part_of(settings)}, **extra}


def part_of(settings: Settings) -> dict[str, str]:
    return {"app.kubernetes.io/part-of": settings.app}


def _ingress_annotations(settings: Settings, order: int) -> dict[str, str]:
    """Only what is this Ingress's own; what all share is set once, on the class (entrance_objects.py)."""
    prefix = "alb.ingress.kubernetes.io"
    listener = {"HTTPS": 443} if settings.domain else {"HTTP": 80}
    return {
        f"{prefix}/target-type": "ip",
        f"{prefix}/group.order": str(order),
        f"{prefix}/listen-ports": json.dumps([listener]),
    }


def ingress(
    settings: Settings,
    name: str,
    path: str,
    order: int,
    backend: KubernetesObject,
    *,
    host: str | None = None,
    **annotations: str,
) -> KubernetesObject:
    rule: KubernetesObject = {"http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}
    own = f"eks.{settings.domain.name}" if settings.domain else None
    if host or own:
        rule = {"host": host or own, **rule}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": meta(settings, name, annotations={**_ingress_annotations(settings, order), **annotations}),
        "spec": {"ingressClassName": SHARED, "rules": [rule]},
    }


def ingress_order(priority: int) -> int:
    """The order of an Ingress in its group for a listener rule's priority (1 to 50000)."""
    first, last, low, high = next(band for band in _ORDERS if priority <= band[1])
    return low + (priority - first) * (high - low) // max(1, last - first)
