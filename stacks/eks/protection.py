"""Deletion protection of the cluster and its load balancer, where the environment is kept.

As properties, both would also stop CloudFormation from rolling back a first creation that failed: EKS refuses to delete an active
cluster that is protected, which would stay, named and billed. So they are switched on when everything else exists, and off before
anything else is deleted. https://docs.aws.amazon.com/eks/latest/userguide/deletion-protection.html
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, aws_ec2, aws_eks_v2, aws_iam, custom_resources
from constructs import Construct, IDependable

from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.eks.roles import FUNCTION_IN_A_VPC
from stacks.kubernetes import entrance_objects
from stacks.logs import owned_log_group
from stacks.vpc import Network


def protect(
    scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster, network: Network, ready: Sequence[IDependable]
) -> None:
    """Protects both from deletion.

    Args:
        scope: the cluster's stack.
        cluster: the cluster, with its entrance.
        network: the VPC of the function that calls EKS.
        ready: what must exist first: whatever could fail a first creation.
    """
    protected = [
        _protect_load_balancer(scope, cluster, internal=internal)
        for internal in ((False, True) if scope.settings.internal_load_balancer else (False,))
    ]
    for load_balancer in protected:
        load_balancer.node.add_dependency(*ready)
    _protect_cluster(scope, network).node.add_dependency(*protected)


def _protect_load_balancer(
    scope: EnvironmentStack, cluster: aws_eks_v2.ICluster, *, internal: bool
) -> aws_eks_v2.KubernetesPatch:
    return aws_eks_v2.KubernetesPatch(
        scope,
        "ProtectInternalLoadBalancer" if internal else "ProtectLoadBalancer",
        cluster=cluster,
        resource_name=f"ingress/{entrance_objects.entrance_name(internal=internal)}",
        resource_namespace=scope.settings.app,
        apply_patch=entrance_objects.deletion_protection(on=True),
        restore_patch=entrance_objects.deletion_protection(on=False),
    )


def _protect_cluster(scope: EnvironmentStack, network: Network) -> Construct:
    log_group = owned_log_group(scope, "ProtectionLogGroup")
    role = _create_role(scope)
    log_group.grant_write(role)
    return custom_resources.AwsCustomResource(
        scope,
        "ProtectCluster",
        resource_type="Custom::EksDeletionProtection",
        on_update=_switch(scope, on=True),
        on_delete=_switch(scope, on=False),
        role=role,
        log_group=log_group,
        vpc=network.vpc,
        vpc_subnets=aws_ec2.SubnetSelection(subnets=network.private_subnets[:2]),
        # The runtime's own SDK knows the call; installing the newest one needs npm's registry.
        install_latest_aws_sdk=False,
    )


def _switch(scope: EnvironmentStack, *, on: bool) -> custom_resources.AwsSdkCall:
    name = scope.settings.prefix
    return custom_resources.AwsSdkCall(
        service="eks",
        action="updateClusterConfig",
        parameters={"name": name, "deletionProtection": on},
        physical_resource_id=custom_resources.PhysicalResourceId.of(f"{name}-deletion-protection"),
    )


def _create_role(scope: EnvironmentStack) -> aws_iam.Role:
    cluster_arn = f"arn:{Aws.PARTITION}:eks:{Aws.REGION}:{Aws.ACCOUNT_ID}:cluster/{scope.settings.prefix}"
    role = aws_iam.Role(
        scope,
        "ProtectionRole",
        description="Switches the deletion protection of the cluster",
        assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    for actions, resource in ((["eks:UpdateClusterConfig"], cluster_arn), (FUNCTION_IN_A_VPC, "*")):
        role.add_to_policy(aws_iam.PolicyStatement(actions=actions, resources=[resource]))
    acknowledge(
        role,
        {
            "AwsSolutions-IAM5[Resource::*]": "Lambda creates the function's network interfaces, so a statement cannot name "
            "them in advance (Lambda's guide)."
        },
    )
    return role
