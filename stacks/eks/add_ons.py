"""EKS add-ons that the services need: metrics for the autoscaler, secrets as files, pods' logs in CloudWatch, and Container
Insights if enabled.
"""

from __future__ import annotations

import json

from aws_cdk import aws_eks_v2
from constructs import IDependable

from config import add_ons
from config.settings import Insights
from stacks.base import EnvironmentStack
from stacks.eks.roles import create_managed_role, pod_identity_principal
from stacks.logs import owned_log_group

# The permission for `syncSecret` is in cluster_objects.secret_syncing.
_SECRETS_DRIVER: dict[str, object] = {"secrets-store-csi-driver": {"enableSecretRotation": True}}
_PodIdentity = aws_eks_v2.CfnAddon.PodIdentityAssociationProperty


def create_add_ons(
    scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster, nodes: IDependable
) -> list[aws_eks_v2.CfnAddon]:
    """Installs the add-ons that this environment needs, and returns them.

    Args:
        scope: the cluster's stack.
        cluster: where they run.
        nodes: the nodes; without them an add-on never becomes active.
    """
    name = cluster.cluster_name
    installed = [
        _add_on(scope, add_ons.METRICS, cluster_name=name),  # the source of the autoscaler's CPU metrics
        _add_on(scope, add_ons.SECRETS, cluster_name=name, configuration=_SECRETS_DRIVER),
        _create_observability(scope, name),
    ]
    for add_on in installed:
        add_on.node.add_dependency(nodes)
    return installed


def _create_observability(scope: EnvironmentStack, cluster_name: str) -> aws_eks_v2.CfnAddon:
    """Ships the logs of all pods to CloudWatch, which keeps them when a pod or node is gone; as tasks' logs on ECS."""
    insights = scope.settings.container_insights is not Insights.DISABLED
    # The add-on's agents would create these groups themselves, without retention.
    names = ["application", "dataplane", "host", *(["performance"] if insights else [])]
    groups = [
        owned_log_group(scope, f"{name.title()}LogGroup", name=f"/aws/containerinsights/{scope.settings.prefix}/{name}")
        for name in names
    ]
    role = create_managed_role(
        scope,
        "ObservabilityRole",
        description="CloudWatch agent and log shipper of the observability add-on",
        assumed_by=pod_identity_principal(),
        policies=("CloudWatchAgentServerPolicy",),
        reason="The policy that the add-on's guide names for its agent.",
    )
    add_on = _add_on(
        scope,
        add_ons.OBSERVABILITY,
        cluster_name=cluster_name,
        configuration=_observability(insights=insights),
        identity=_PodIdentity(role_arn=role.role_arn, service_account="cloudwatch-agent"),
    )
    for group in groups:
        add_on.node.add_dependency(group)
    return add_on


def _observability(*, insights: bool) -> dict[str, object]:
    """Values of the add-on's chart.

    Since version 5 it also instruments every Deployment behind a Service, through an init container that Pod Security
    `restricted` refuses: https://github.com/aws/amazon-cloudwatch-agent-operator/issues/361.
    Source: https://github.com/aws-observability/helm-charts/tree/main/charts/amazon-cloudwatch-observability
    """
    return {
        "containerLogs": {"enabled": True},
        "containerInsights": {"enabled": insights},
        "otelContainerInsights": {"enabled": False},
        "manager": {"applicationSignals": {"autoMonitor": {"monitorAllServices": False}}},
    }


def _add_on(
    scope: EnvironmentStack,
    name: str,
    *,
    cluster_name: str,
    configuration: dict[str, object] | None = None,
    identity: _PodIdentity | None = None,
) -> aws_eks_v2.CfnAddon:
    return aws_eks_v2.CfnAddon(
        scope,
        f"AddOn-{name}",
        addon_name=name,
        addon_version=add_ons.VERSIONS[scope.settings.eks_version][name],
        cluster_name=cluster_name,
        configuration_values=json.dumps(configuration) if configuration else None,
        resolve_conflicts="OVERWRITE",
        pod_identity_associations=[identity] if identity else None,
    )
