"""One service or job on Kubernetes: its image, its role, its objects, its alarms."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack, aws_eks_v2, aws_iam
from constructs import Construct

from config.service import Kind
from config.settings import Insights, Platform
from stacks.alarms import Metric, ServiceAlarms
from stacks.base import EnvironmentStack
from stacks.eks.cluster import EksClusterStack
from stacks.eks.roles import pod_identity_principal
from stacks.kubernetes.service_objects import ServiceObjects
from stacks.synthesizer import ServiceSynthesizer
from stacks.workload import Workload


class EksServiceStack(EnvironmentStack):
    """The stack Eks-<name>."""

    def __init__(
        self, scope: Construct, construct_id: str, *, workload: Workload, cluster: EksClusterStack, registry: Stack
    ) -> None:
        spec = workload.spec
        super().__init__(
            scope,
            construct_id,
            settings=workload.settings,
            key=workload.key,
            description=f"{workload.settings.prefix}: {spec.name} on EKS",
            synthesizer=ServiceSynthesizer(
                settings=workload.settings, service=spec.name, platform=Platform.EKS, registry=registry
            ),
        )
        self.workload = workload
        self._cluster = cluster
        objects = self._create_objects()
        if spec.table or spec.secrets:
            # The agent hands out the role to pods that start after the association; earlier ones would have none.
            objects.node.add_dependency(self._create_identity())
        if workload.settings.container_insights is not Insights.DISABLED:
            self._watch()
        if spec.kind is Kind.HTTP:
            CfnOutput(self, "Url", value=f"{cluster.url}{spec.path}", description=spec.description)

    def _create_objects(self) -> aws_eks_v2.KubernetesManifest:
        workload = self.workload
        objects = ServiceObjects(
            spec=workload.spec,
            settings=workload.settings,
            catalog=workload.catalog,
            image=workload.build_image(self).image_uri,
            environment=workload.environment(),
            public_cidrs=self._cluster.public_cidrs,
        )
        return aws_eks_v2.KubernetesManifest(
            self, "Objects", cluster=self._cluster.cluster, manifest=objects.all(), prune=True, overwrite=True
        )

    def _create_identity(self) -> aws_eks_v2.CfnPodIdentityAssociation:
        workload = self.workload
        role = aws_iam.Role(
            self,
            "Role",
            description=f"{workload.spec.name} on EKS",
            assumed_by=pod_identity_principal(),
        )
        workload.grant_table(role)
        for secret in workload.secrets_manager_secrets(self).values():
            secret.grant_read(role)
        for parameter in workload.ssm_parameters(self).values():
            parameter.grant_read(role)
        return aws_eks_v2.CfnPodIdentityAssociation(
            self,
            "Identity",
            cluster_name=self._cluster.cluster.cluster_name,
            namespace=workload.settings.app,
            service_account=workload.spec.name,
            role_arn=role.role_arn,
        )

    def _watch(self) -> None:
        spec = self.workload.spec
        prefix = f"{self.workload.settings.prefix}-eks-{spec.name}"
        alarms = ServiceAlarms(self, "Alarms", prefix=prefix, topic_arn=self.workload.alarm_topic_arn)
        if spec.kind is Kind.JOB:
            alarms.above(
                "Failures",
                self._metric("pod_status_failed", "Maximum", PodName=spec.name),
                0,
                periods=1,
                description=f"A run of {spec.name} on EKS failed",
            )
            return
        alarms.above(
            "Restarts",
            self._metric("pod_number_of_container_restarts", "Maximum", PodName=spec.name),
            2,
            periods=5,
            description=f"{spec.name} on EKS keeps restarting",
        )
        if spec.kind is Kind.HTTP:
            alarms.below(
                "Running",
                self._metric("service_number_of_running_pods", "Minimum", Service=spec.name),
                spec.scaling.min,
                periods=5,
                description=f"{spec.name} on EKS runs fewer pods than its minimum",
            )

    def _metric(self, name: str, statistic: str, **dimensions: str) -> Metric:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html
        settings = self.workload.settings
        shared = {"ClusterName": settings.prefix, "Namespace": settings.app}
        return Metric(
            namespace="ContainerInsights", name=name, dimensions={**shared, **dimensions}, statistic=statistic
        )
