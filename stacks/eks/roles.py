"""The roles of the cluster itself: its control plane, its nodes, and the handler that applies objects to it."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, aws_iam
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack

# https://docs.aws.amazon.com/eks/latest/userguide/auto-create-node-role.html
_NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
# https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html
_CLUSTER_POLICIES = (
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
_FUNCTION_IN_A_VPC = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
]


def create_node_role(scope: Construct) -> aws_iam.Role:
    """Creates the role of the nodes; the pods on them cannot use it."""
    return create_managed_role(
        scope,
        "NodeRole",
        description="Nodes of EKS Auto Mode: join the cluster, pull images",
        assumed_by=aws_iam.ServicePrincipal("ec2.amazonaws.com"),
        policies=_NODE_POLICIES,
        reason="Only the two policies that Auto Mode's guide names for its nodes.",
    )


def create_cluster_role(scope: Construct) -> aws_iam.Role:
    """Creates the role that the control plane uses in the account."""
    return create_managed_role(
        scope,
        "ClusterRole",
        description="EKS Auto Mode: nodes, volumes, load balancers",
        assumed_by=aws_iam.SessionTagsPrincipal(aws_iam.ServicePrincipal("eks.amazonaws.com")),
        policies=_CLUSTER_POLICIES,
        reason="The policies that Auto Mode's guide names for its cluster role.",
    )


def create_managed_role(
    scope: Construct,
    construct_id: str,
    *,
    description: str,
    assumed_by: aws_iam.IPrincipal,
    policies: Sequence[str],
    reason: str,
) -> aws_iam.Role:
    """Creates a role with AWS managed policies, where a guide asks for exactly those.

    Args:
        scope: where the role is created.
        construct_id: the role's id.
        description: the role's description.
        assumed_by: the principal that assumes it.
        policies: names of AWS managed policies.
        reason: why they are acknowledged, for an auditor.
    """
    role = aws_iam.Role(
        scope,
        construct_id,
        description=description,
        assumed_by=assumed_by,
        managed_policies=[aws_iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in policies],
    )
    acknowledge(
        role,
        {f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]": reason for name in policies},
    )
    return role


def create_kubectl_role(scope: EnvironmentStack) -> aws_iam.Role:
    """Creates the role of the handler that applies objects: it may join the VPC, and look up this cluster.

    CDK's own role may also read every repository of the account, which only Helm charts need.
    """
    role = aws_iam.Role(
        scope,
        "KubectlRole",
        description="Applies manifests to the cluster",
        assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    cluster_arn = f"arn:{Aws.PARTITION}:eks:{Aws.REGION}:{Aws.ACCOUNT_ID}:cluster/{scope.settings.prefix}"
    logs = f"log-group:/aws/lambda/{scope.stack_name}-*"
    log_arn = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:{logs}"
    for actions, resource in (
        (["eks:DescribeCluster"], cluster_arn),
        (_FUNCTION_IN_A_VPC, "*"),
        (["logs:CreateLogStream", "logs:PutLogEvents"], log_arn),
    ):
        role.add_to_policy(aws_iam.PolicyStatement(actions=actions, resources=[resource]))
    acknowledge(
        role,
        {
            "AwsSolutions-IAM5[Resource::*]": "Lambda creates the function's network interfaces, so a statement cannot name "
            "them in advance (Lambda's guide).",
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:{logs}]": "The "
            "function's name is generated; its log group's name starts with this stack's name.",
        },
    )
    return role


def pod_identity_principal() -> aws_iam.IPrincipal:
    """The principal that assumes a pod's role: Pod Identity, which tags the session with the names of cluster and pod."""
    return aws_iam.SessionTagsPrincipal(aws_iam.ServicePrincipal("pods.eks.amazonaws.com"))
