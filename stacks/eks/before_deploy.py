"""`before_deploy` on EKS: the stack runs the command as a Job of the new version, and goes on only if that completes."""

from __future__ import annotations

from aws_cdk import CustomResource, aws_iam
from constructs import Construct

from config.fields.commands import BeforeDeploy
from stacks.base import stack_of
from stacks.eks.cluster import EksClusterStack
from stacks.kubernetes.objects import KubernetesObject
from stacks.migration import Migration
from stacks.migration_script import ON_EKS


def run_job(
    scope: Construct, *, cluster: EksClusterStack, service: str, before: BeforeDeploy, job: KubernetesObject
) -> CustomResource:
    """The resource that runs a Job to its end whenever the Job changes.

    Args:
        scope: the construct of the service's kind.
        cluster: where, with the handler that runs kubectl.
        service: the service's name.
        before: its command.
        job: the Job; the function adds to its name.
    """
    return Migration(
        scope,
        service=service,
        script=ON_EKS,
        # Not the type of the task on ECS, which the local emulator runs.
        resource_type="Custom::BeforeDeployOnKubernetes",
        properties={
            "Manifest": stack_of(scope).to_json_string([job]),
            "Namespace": job["metadata"]["namespace"],
            "ClusterName": cluster.cluster.cluster_name,
            "Kubectl": cluster.kubectl_arn,
            "Seconds": str(before.timeout),
        },
        statements=[aws_iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[cluster.kubectl_arn])],
        findings={},
    ).done
