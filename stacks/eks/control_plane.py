"""The cluster itself: EKS Auto Mode, private nodes, every control-plane log, secrets encrypted under a separate key.

The built-in node pools run only amd64 and leave NetworkPolicy off, so the cluster has neither of them; nodes.py creates
our own.
"""

from __future__ import annotations

import hashlib
from typing import cast

from aws_cdk import aws_ec2, aws_eks_v2, aws_kms

from config.settings import EKS_SERVICE_CIDR, Egress, EndpointAccess, Settings
from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.eks.kubectl_provider import kubectl_provider_options
from stacks.eks.leftover_logs import remove_leftover
from stacks.eks.roles import create_cluster_role
from stacks.logs import owned_log_group
from stacks.narrow import narrow
from stacks.vpc import Network

# EKS takes at least two, and later never subnets in other zones than those of the first ones; nodes may be in any. With two,
# `zones` can grow. https://docs.aws.amazon.com/eks/latest/APIReference/API_VpcConfigRequest.html
_CONTROL_PLANE_ZONES = 2


def create_control_plane(scope: EnvironmentStack, *, network: Network) -> aws_eks_v2.ICluster:
    """Creates the cluster and grants access to the configured administrators.

    Args:
        scope: the cluster's stack.
        network: the VPC of the nodes and the kubectl handler.
    """
    cluster = _create_cluster(scope, network)
    _acknowledge_isolated_subnets(scope, cluster)
    if network.existing:
        _acknowledge_untagged_subnets(cluster)
    for principal in scope.settings.eks_admins:
        cluster.grant_cluster_admin(admin_id(principal), principal)
    # jsii's stub of Cluster lacks a member of the interface that it implements.
    return cast("aws_eks_v2.ICluster", cluster)


def admin_id(principal: str) -> str:
    """An id from the ARN: with its position in the list, removing one would change another's entry."""
    return f"Admin{hashlib.sha256(principal.encode()).hexdigest()[:12]}"


def _create_cluster(scope: EnvironmentStack, network: Network) -> aws_eks_v2.Cluster:
    settings = scope.settings
    # EKS would create this group itself, without retention.
    log_name = f"/aws/eks/{settings.prefix}/cluster"
    log_group = owned_log_group(scope, "ControlPlaneLogGroup", name=log_name)
    if scope.disposable:
        log_group.node.add_dependency(remove_leftover(scope, name=log_name))
    cluster = aws_eks_v2.Cluster(
        scope,
        "Cluster",
        cluster_name=settings.prefix,
        version=aws_eks_v2.KubernetesVersion.of(settings.eks_version),
        vpc=network.vpc,
        vpc_subnets=[aws_ec2.SubnetSelection(subnets=network.private_subnets[:_CONTROL_PLANE_ZONES])],
        role=create_cluster_role(scope),
        default_capacity_type=aws_eks_v2.DefaultCapacityType.AUTOMODE,
        compute=aws_eks_v2.ComputeConfig(node_pools=[]),
        endpoint_access=_endpoint_access(settings),
        service_ipv4_cidr=EKS_SERVICE_CIDR,
        secrets_encryption_key=_create_envelope_key(scope),
        cluster_logging=list(aws_eks_v2.ClusterLoggingTypes),
        bootstrap_cluster_creator_admin_permissions=False,
        output_config_command=False,
        kubectl_provider_options=kubectl_provider_options(scope, network=network),
        # No removal policy: it would also cover the functions and manifests inside. protection.py guards the cluster.
    )
    # Created before the cluster, and deleted after it.
    cluster.node.add_dependency(log_group)
    resource = narrow(cluster.node.default_child, aws_eks_v2.CfnCluster)
    resource.upgrade_policy = aws_eks_v2.CfnCluster.UpgradePolicyProperty(support_type=settings.eks_support.upper())
    return cluster


def _create_envelope_key(scope: EnvironmentStack) -> aws_kms.Key:
    return aws_kms.Key(
        scope,
        "EnvelopeKey",
        description=f"{scope.settings.prefix}: Kubernetes secrets at rest",
        enable_key_rotation=True,
        removal_policy=scope.removal_policy,
    )


def _endpoint_access(settings: Settings) -> aws_eks_v2.EndpointAccess:
    if settings.eks_endpoint_access is EndpointAccess.PRIVATE:
        return aws_eks_v2.EndpointAccess.PRIVATE
    return aws_eks_v2.EndpointAccess.PUBLIC_AND_PRIVATE.only_from(*settings.eks_endpoint_cidrs)


def _acknowledge_isolated_subnets(scope: EnvironmentStack, cluster: aws_eks_v2.Cluster) -> None:
    if scope.settings.egress is Egress.ENDPOINTS:
        acknowledge(
            cluster,
            {
                "Annotation::@aws-cdk/aws-eks:isolatedSubnetsForKubectlPrivateSubnets": "With egress: endpoints "
                "there is an endpoint for each AWS service that the handler calls."
            },
        )


def _acknowledge_untagged_subnets(cluster: aws_eks_v2.Cluster) -> None:
    acknowledge(
        cluster,
        {
            "Annotation::@aws-cdk/aws-eks:clusterMustManuallyTagSubnet": "The load balancer's class names its subnets, so "
            "the owner of the VPC need not tag them."
        },
    )
