"""The objects of the cluster itself: its nodes and its namespace; entrance_objects.py has its load balancer."""

from __future__ import annotations

from collections.abc import Sequence

from config.reserved import ALLOW_DNS, DEFAULT_DENY, SYNCING_ROLE
from config.settings import EKS_SERVICE_CIDR, Settings
from stacks.kubernetes.objects import SHARED, KubernetesObject, part_of

# The add-on's namespace and the driver's service account in it.
# https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html and the driver's chart.
_SECRETS_DRIVER = {"kind": "ServiceAccount", "name": "secrets-store-csi-driver", "namespace": "aws-secrets-manager"}


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


def node_class(*, role_name: str, subnet_ids: Sequence[str], security_group_id: str) -> KubernetesObject:
    """How nodes are set up. Source: https://docs.aws.amazon.com/eks/latest/userguide/create-node-class.html

    No tags: AmazonEKSComputePolicy refuses to start an instance with tags other than EKS's own, of which
    eks:eks-cluster-name already names the environment.
    https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html#tag-prop
    """
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
        # The floor: Nitro leaves out everything before c5, m5, r5 and t3. A minimum generation would be the same number
        # for all categories, and 5 leaves out t3 and t4g, the cheapest.
        "eks.amazonaws.com/instance-hypervisor": ["nitro"],
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
    # A new pod is ready only once its load balancer's target is healthy, so a rollout never drains the last healthy one.
    # Auto Mode's own label; the open source controller's begins with elbv2.k8s.aws.
    # https://docs.aws.amazon.com/eks/latest/best-practices/load-balancing.html#_use_pod_readiness_gates
    gate = {"eks.amazonaws.com/pod-readiness-gate-inject": "enabled"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": settings.app, "labels": {**restricted, **gate, **part_of(settings)}},
        },
        _network_policy(settings, DEFAULT_DENY, {"policyTypes": ["Ingress", "Egress"]}),
        _network_policy(settings, ALLOW_DNS, {"policyTypes": ["Egress"], "egress": [_dns(settings)]}),
    ]


def _network_policy(settings: Settings, name: str, spec: KubernetesObject) -> KubernetesObject:
    """A policy for every pod of the namespace."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": settings.app},
        "spec": {"podSelector": {}, **spec},
    }


def _dns(settings: Settings) -> KubernetesObject:
    """Auto Mode answers DNS on every node, at the service address; other clusters in the pods labeled kube-dns."""
    resolvers: list[KubernetesObject] = [{"ipBlock": {"cidr": cidr}} for cidr in (EKS_SERVICE_CIDR, settings.vpc_cidr)]
    resolvers.append(
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    )
    return {"to": resolvers, "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}


def secret_syncing(settings: Settings) -> list[KubernetesObject]:
    """Lets the secrets driver keep the Secrets that services' variables come from.

    The add-on accepts `syncSecret`, but does not pass it to the driver's chart, whose only use of it is this permission:
    https://github.com/aws/secrets-store-csi-driver-provider-aws/issues/597. The driver watches Secrets in all namespaces;
    it writes only those of our namespace.
    """
    everywhere = _bound("ClusterRole", {"name": SYNCING_ROLE}, ["get", "list", "watch"])
    in_place: KubernetesObject = {"name": SYNCING_ROLE, "namespace": settings.app}
    return [*everywhere, *_bound("Role", in_place, ["create", "delete", "patch", "update"])]


def _bound(kind: str, metadata: KubernetesObject, verbs: list[str]) -> list[KubernetesObject]:
    """A role for Secrets, and its binding to the secrets driver."""
    group = "rbac.authorization.k8s.io"
    return [
        {
            "apiVersion": f"{group}/v1",
            "kind": kind,
            "metadata": dict(metadata),
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": f"{kind}Binding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": group, "kind": kind, "name": metadata["name"]},
            "subjects": [dict(_SECRETS_DRIVER)],
        },
    ]
