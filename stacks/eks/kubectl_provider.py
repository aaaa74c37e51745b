"""The handler with which CDK applies objects to the cluster: its options, and what CDK leaves us to adjust afterwards."""

from __future__ import annotations

from typing import cast

from aws_cdk import CfnElement, aws_eks_v2, aws_iam, aws_lambda
from aws_cdk.lambda_layer_kubectl_v36 import KubectlV36Layer
from constructs import Construct, IConstruct

from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.eks.roles import KUBECTL_ROLE, create_kubectl_role
from stacks.kubernetes.objects import KubernetesObject
from stacks.logs import own_function_log_group
from stacks.narrow import narrow
from stacks.network import NetworkStack

# One row per EKS version that config/ accepts: kubectl must be within one minor version of the cluster's.
KUBECTL_BY_VERSION = {"1.36": KubectlV36Layer}


def apply_objects(cluster: aws_eks_v2.ICluster, name: str, *objects: KubernetesObject) -> aws_eks_v2.KubernetesManifest:
    """Applies objects that services share, under the id that `add_manifest` would give them.

    `add_manifest` would create them instead: an attempt after one that failed halfway would find some of them there already.
    """
    return aws_eks_v2.KubernetesManifest(
        cast("Construct", cluster), f"manifest-{name}", cluster=cluster, manifest=list(objects), overwrite=True
    )


def kubectl_provider_options(scope: EnvironmentStack, *, network: NetworkStack) -> aws_eks_v2.KubectlProviderOptions:
    """The kubectl of the cluster's version, inside the VPC, with our own role."""
    return aws_eks_v2.KubectlProviderOptions(
        kubectl_layer=KUBECTL_BY_VERSION[scope.settings.eks_version](scope, "Kubectl"),
        private_subnets=network.private_subnets,
        role=create_kubectl_role(scope).without_policy_updates(),
    )


def adjust_kubectl_provider(scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster) -> aws_lambda.IFunction:
    """Gives the handler's functions log groups of this stack, and acknowledges the findings on CDK's framework.

    Returns the function that runs kubectl.
    """
    provider = cluster.node.find_child("KubectlProvider")
    handler = provider.node.find_child("Handler")
    framework = provider.node.find_child("Provider").node.find_child("framework-onEvent")
    log_group = own_function_log_group(scope, "KubectlLogGroup", handler)
    log_group.grant_write(narrow(scope.node.find_child(KUBECTL_ROLE), aws_iam.Role))
    own_function_log_group(scope, "KubectlFrameworkLogGroup", framework)
    # The condition belongs to the role that CDK would have created; nothing uses it here.
    scope.node.try_remove_child("HasEcrPublic")
    handler_id = scope.get_logical_id(narrow(handler.node.default_child, CfnElement))
    _acknowledge_handler(handler)
    _acknowledge_framework(framework, handler_id)
    return cast("aws_lambda.IFunction", handler)


def _acknowledge_handler(handler: IConstruct) -> None:
    acknowledge(
        handler,
        {
            "AwsSolutions-L1": "CDK picks the newest Python runtime that every region offers; the pinned CDK version "
            "decides when that changes."
        },
    )


def _acknowledge_framework(framework: IConstruct, handler_id: str) -> None:
    managed = "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/{}]"
    own_log = managed.format("AWSLambdaBasicExecutionRole")
    join_vpc = managed.format("AWSLambdaVPCAccessExecutionRole")
    acknowledge(
        framework.node.find_child("ServiceRole"),
        {
            own_log: "The role of CDK's custom resource framework, which offers no way to replace it; the policy lets it "
            "write its own log.",
            join_vpc: "The role of CDK's custom resource framework, which offers no way to replace it; the policy lets "
            "the function join the VPC.",
            f"AwsSolutions-IAM5[Resource::<{handler_id}.Arn>:*]": "The framework invokes only this handler, in any of its "
            "versions.",
        },
    )
