"""The roles of the cluster itself: its control plane, its nodes, and the handler that applies objects to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Aws, aws_iam
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack

KUBECTL_ROLE = "KubectlRole"
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
FUNCTION_IN_A_VPC = [
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


def create_cluster_role(scope: EnvironmentStack) -> aws_iam.Role:
    """Creates the role that the control plane uses in the account."""
    rules = f"arn:{Aws.PARTITION}:elasticloadbalancing:{Aws.REGION}:{Aws.ACCOUNT_ID}:listener-rule/app/*"
    role = create_managed_role(
        scope,
        "ClusterRole",
        description="EKS Auto Mode: nodes, volumes, load balancers",
        assumed_by=aws_iam.SessionTagsPrincipal(aws_iam.ServicePrincipal("eks.amazonaws.com")),
        policies=_CLUSTER_POLICIES,
        reason="The policies that Auto Mode's guide names for its cluster role.",
        inline={"ReorderRules": _reordering_rules(scope, rules)},
    )
    acknowledge(
        role,
        {
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:elasticloadbalancing:<AWS::Region>:<AWS::AccountId>:"
            "listener-rule/app/*]": "EKS creates the rules, so a statement cannot name them; the condition admits only those "
            "with this cluster's tag."
        },
    )
    return role


def _reordering_rules(scope: EnvironmentStack, rules: str) -> aws_iam.PolicyDocument:
    """Each new service's rule goes above the entrance's, which moves that one.

    Versions of AmazonEKSLoadBalancingPolicy lack this action: https://github.com/aws/containers-roadmap/issues/2816
    """
    statement = aws_iam.PolicyStatement(
        actions=["elasticloadbalancing:SetRulePriorities"],
        resources=[rules],
        conditions={"StringEquals": {"aws:ResourceTag/eks:eks-cluster-name": scope.settings.prefix}},
    )
    return aws_iam.PolicyDocument(statements=[statement])


def create_managed_role(
    scope: Construct,
    construct_id: str,
    *,
    description: str,
    assumed_by: aws_iam.IPrincipal,
    policies: Sequence[str],
    reason: str,
    inline: Mapping[str, aws_iam.PolicyDocument] | None = None,
) -> aws_iam.Role:
    """Creates a role with AWS managed policies, where a guide asks for exactly those.

    Args:
        scope: where the role is created.
        construct_id: the role's id.
        description: the role's description.
        assumed_by: the principal that assumes it.
        policies: names of AWS managed policies.
        reason: why they are acknowledged, for an auditor.
        inline: further policies by name, part of the role itself, so that nothing gets the role without them.
    """
    role = aws_iam.Role(
        scope,
        construct_id,
        description=description,
        assumed_by=assumed_by,
        managed_policies=[aws_iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in policies],
        inline_policies=inline,
    )
    acknowledge(
        role,
        {f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]": reason for name in policies},
    )
    return role


def create_kubectl_role(scope: EnvironmentStack) -> aws_iam.Role:
    """Creates the role of the handler that applies objects: it may join the VPC, and look up this cluster.

    kubectl_provider.py adds its log. CDK's own role may also read every repository of the account, which only Helm charts need.
    """
    role = aws_iam.Role(
        scope,
        KUBECTL_ROLE,
        description="Applies manifests to the cluster",
        assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    cluster_arn = f"arn:{Aws.PARTITION}:eks:{Aws.REGION}:{Aws.ACCOUNT_ID}:cluster/{scope.settings.prefix}"
    for actions, resource in (
        (["eks:DescribeCluster"], cluster_arn),
        (FUNCTION_IN_A_VPC, "*"),
    ):
        role.add_to_policy(aws_iam.PolicyStatement(actions=actions, resources=[resource]))
    acknowledge(
        role,
        {
            "AwsSolutions-IAM5[Resource::*]": "Lambda creates the function's network interfaces, so a statement cannot name "
            "them in advance (Lambda's guide)."
        },
    )
    return role


def pod_identity_principal() -> aws_iam.IPrincipal:
    """The principal that assumes a pod's role: Pod Identity, which tags the session with the names of cluster and pod."""
    return aws_iam.SessionTagsPrincipal(aws_iam.ServicePrincipal("pods.eks.amazonaws.com"))
