"""The nodes that Auto Mode starts: their role, their access entry, their NodeClass and NodePool."""

from __future__ import annotations

from aws_cdk import aws_eks_v2, aws_iam

from stacks.base import EnvironmentStack
from stacks.kubernetes import cluster_objects
from stacks.network import NetworkStack


def let_nodes_join(scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster, role: aws_iam.Role) -> None:
    """Lets instances with the nodes' role join the cluster."""
    aws_eks_v2.AccessEntry(
        scope,
        "NodeAccess",
        cluster=cluster,
        principal=role.role_arn,
        access_entry_type=aws_eks_v2.AccessEntryType.EC2,
        access_policies=[
            aws_eks_v2.AccessPolicy.from_access_policy_name(
                "AmazonEKSAutoNodePolicy", access_scope_type=aws_eks_v2.AccessScopeType.CLUSTER
            )
        ],
    )


def create_nodes(
    scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster, role: aws_iam.Role, network: NetworkStack
) -> aws_eks_v2.KubernetesManifest:
    """Creates the NodeClass and NodePool for all pods."""
    return cluster.add_manifest(
        "Nodes",
        cluster_objects.network_policy_controller(),
        cluster_objects.node_class(
            scope.settings,
            role_name=role.role_name,
            subnet_ids=[subnet.subnet_id for subnet in network.private_subnets],
            security_group_id=cluster.cluster_security_group_id,
        ),
        cluster_objects.node_pool(scope.settings),
    )
