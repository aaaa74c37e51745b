"""The nodes that Auto Mode starts: their role, their access entry, their NodeClass and NodePool."""

from __future__ import annotations

from aws_cdk import aws_eks_v2, aws_iam

from stacks.base import EnvironmentStack
from stacks.eks.kubectl_provider import apply_objects
from stacks.kubernetes import cluster_objects
from stacks.vpc import Network

# The last of Auto Mode's kinds to appear in a new cluster, some seconds after the cluster is active.
_LAST_KIND = "nodepools.karpenter.sh"


def let_nodes_join(
    scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster, role: aws_iam.Role
) -> aws_eks_v2.AccessEntry:
    """Lets instances with the nodes' role join the cluster."""
    return aws_eks_v2.AccessEntry(
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
    scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster, role: aws_iam.Role, network: Network
) -> aws_eks_v2.KubernetesManifest:
    """Creates the NodeClass and NodePool for all pods."""
    access = let_nodes_join(scope, cluster=cluster, role=role)
    nodes = apply_objects(
        cluster,
        "Nodes",
        cluster_objects.network_policy_controller(),
        cluster_objects.node_class(
            role_name=role.role_name,
            subnet_ids=[subnet.subnet_id for subnet in network.private_subnets],
            security_group_id=cluster.cluster_security_group_id,
        ),
        cluster_objects.node_pool(scope.settings),
    )
    # CloudFormation deletes in reverse: a node without its access entry could not be drained.
    nodes.node.add_dependency(access, _wait_for_kinds(scope, cluster))
    return nodes


def _wait_for_kinds(scope: EnvironmentStack, cluster: aws_eks_v2.ICluster) -> aws_eks_v2.KubernetesObjectValue:
    """A kind that the cluster does not know yet is refused, and the handler does not try again."""
    return aws_eks_v2.KubernetesObjectValue(
        scope,
        "AutoModeKinds",
        cluster=cluster,
        object_type="customresourcedefinition",
        object_name=_LAST_KIND,
        json_path=".status.acceptedNames.kind",
    )
