"""EKS add-ons that the services need: metrics for the autoscaler, secrets as files, and Container Insights if enabled."""

from __future__ import annotations

from aws_cdk import aws_eks_v2
from constructs import Construct, IDependable

from config.settings import Insights
from stacks.base import EnvironmentStack
from stacks.eks.roles import create_managed_role, pod_identity_principal
from stacks.logs import owned_log_group

_SECRETS_DRIVER = '{"secrets-store-csi-driver":{"syncSecret":{"enabled":true},"enableSecretRotation":true}}'
_PodIdentity = aws_eks_v2.CfnAddon.PodIdentityAssociationProperty


def create_add_ons(scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster, nodes: IDependable) -> None:
    """Installs the add-ons that this environment needs.

    Args:
        scope: the cluster's stack.
        cluster: where they run.
        nodes: the nodes; without them an add-on never becomes active.
    """
    name = cluster.cluster_name
    _add_on(scope, "metrics-server", cluster_name=name, nodes=nodes)  # the source of the autoscaler's CPU metrics
    _add_on(
        scope,
        "aws-secrets-store-csi-driver-provider",
        cluster_name=name,
        nodes=nodes,
        configuration=_SECRETS_DRIVER,
    )
    if scope.settings.container_insights is not Insights.DISABLED:
        _create_container_insights(scope, name, nodes)


def _create_container_insights(scope: EnvironmentStack, cluster_name: str, nodes: IDependable) -> None:
    # The add-on's agents would create these groups themselves, without retention.
    groups = [
        owned_log_group(scope, f"{name.title()}LogGroup", name=f"/aws/containerinsights/{scope.settings.prefix}/{name}")
        for name in ("application", "dataplane", "host", "performance")
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
        "amazon-cloudwatch-observability",
        cluster_name=cluster_name,
        nodes=nodes,
        identity=_PodIdentity(role_arn=role.role_arn, service_account="cloudwatch-agent"),
    )
    for group in groups:
        add_on.node.add_dependency(group)


def _add_on(
    scope: Construct,
    name: str,
    *,
    cluster_name: str,
    nodes: IDependable,
    configuration: str | None = None,
    identity: _PodIdentity | None = None,
) -> aws_eks_v2.CfnAddon:
    add_on = aws_eks_v2.CfnAddon(
        scope,
        f"AddOn-{name}",
        addon_name=name,
        cluster_name=cluster_name,
        configuration_values=configuration,
        resolve_conflicts="OVERWRITE",
        pod_identity_associations=[identity] if identity else None,
    )
    add_on.node.add_dependency(nodes)
    return add_on
