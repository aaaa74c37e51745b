"""A service on EKS, of any kind: its objects, the role of its pods, and their Container Insights metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aws_cdk import CustomResource, aws_eks_v2, aws_iam
from constructs import Construct, IDependable

from config.fields.commands import BeforeDeploy
from config.service import ScaledService, alarms_of
from config.settings import Insights
from stacks.alarms import Metric, ServiceAlarms
from stacks.eks.before_deploy import run_job
from stacks.eks.cluster import EksClusterStack
from stacks.eks.roles import pod_identity_principal
from stacks.kubernetes.objects import MIGRATION, KubernetesObject
from stacks.kubernetes.service_objects import Surroundings
from stacks.narrow import narrow
from stacks.workload import Workload

# Each sample is the number of restarts since the one before, and a pod that keeps failing is restarted ever more rarely, at last
# every 5 minutes: three times in a quarter of an hour.
# https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
_RESTARTS_SECONDS = 15 * 60
_RESTARTS = 2


@dataclass(frozen=True, kw_only=True)
class EksWorkload:
    """One service on EKS, of any kind.

    Attributes:
        workload: the service, independent of the platform.
        cluster: the stack with everything that the services on EKS share.
        image_uri: of the service's image.
        sidecar_images: the URI of each sidecar's image, by its name.
    """

    workload: Workload
    cluster: EksClusterStack
    image_uri: str
    sidecar_images: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.workload.spec.name

    @property
    def watched(self) -> bool:
        """Whether there are metrics to alarm on: they come from Container Insights."""
        return self.workload.settings.container_insights is not Insights.DISABLED

    @property
    def surroundings(self) -> Surroundings:
        """The inputs of the service's objects besides its service.yaml."""
        return Surroundings(
            settings=self.workload.settings,
            catalog=self.workload.catalog,
            image=self.image_uri,
            environment=self.workload.environment(),
            public_cidrs=self.cluster.public_cidrs,
            has_role=self.workload.needs_role,
            sidecar_images=self.sidecar_images,
        )

    def apply(self, scope: Construct, groups: Mapping[str, list[KubernetesObject]]) -> None:
        """Applies the groups of the service's objects in their order, after creating the role of its pods if they need one."""
        before: list[IDependable] = []
        role = self._create_role(scope) if self.workload.needs_role else None
        for name, objects in groups.items():
            applied = aws_eks_v2.KubernetesManifest(
                scope,
                name,
                cluster=self.cluster.cluster,
                manifest=[entry for entry in objects if entry["kind"] != "Job"],
                prune=True,
                overwrite=True,
            )
            applied.node.add_dependency(*before)
            before = [applied]
            if name == MIGRATION:
                before = [self._migrate(scope, objects, after=applied, role=role)]
        if role:
            # Only pods that start after the association get the role, and their first calls need its policy.
            applied.node.add_dependency(role, self._create_identity(scope, "Identity", self.name, role))

    def _migrate(
        self, scope: Construct, objects: list[KubernetesObject], *, after: IDependable, role: aws_iam.Role | None
    ) -> CustomResource:
        """Runs the Job among the objects, as an account of its own with the service's role."""
        spec = narrow(self.workload.spec, ScaledService)
        [job] = [entry for entry in objects if entry["kind"] == "Job"]
        run = run_job(
            scope, cluster=self.cluster, service=self.name, before=narrow(spec.before_deploy, BeforeDeploy), job=job
        )
        run.node.add_dependency(after)
        if role:
            account = job["spec"]["template"]["spec"]["serviceAccountName"]
            run.node.add_dependency(role, self._create_identity(scope, "MigrationIdentity", account, role))
        return run

    def _create_identity(
        self, scope: Construct, construct_id: str, account: str, role: aws_iam.Role
    ) -> aws_eks_v2.CfnPodIdentityAssociation:
        return aws_eks_v2.CfnPodIdentityAssociation(
            scope,
            construct_id,
            cluster_name=self.cluster.cluster.cluster_name,
            namespace=self.workload.settings.app,
            service_account=account,
            role_arn=role.role_arn,
        )

    def _create_role(self, scope: Construct) -> aws_iam.Role:
        role = aws_iam.Role(scope, "Role", description=f"{self.name} on EKS", assumed_by=pod_identity_principal())
        self.workload.grant_data(role)
        self.workload.grant_queues(role)
        self.workload.grant_added(role)
        # The driver describes a secret to see whether the value that it has is still the current one.
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/ascp-pod-identity-integration.html
        self.workload.grant_secrets(
            role, read_secret=["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        )
        return role

    def create_alarms(self, scope: Construct) -> ServiceAlarms:
        """An empty set of alarms for the service; each kind adds its own."""
        return ServiceAlarms(
            scope,
            "Alarms",
            prefix=f"{self.workload.settings.prefix}-eks-{self.name}",
            topic_arn=self.workload.alarm_topic_arn,
            declared=alarms_of(self.workload.spec),
        )

    def metric(self, name: str, statistic: str, **dimensions: str) -> Metric:
        """A metric of Container Insights, over one minute.

        Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html
        """
        settings = self.workload.settings
        shared = {"ClusterName": settings.prefix, "Namespace": settings.app}
        return Metric(
            namespace="ContainerInsights", name=name, dimensions={**shared, **dimensions}, statistic=statistic
        )


def watch_restarts(alarms: ServiceAlarms, on_eks: EksWorkload) -> None:
    """Adds an alarm for pods that should keep running: those of http services and workers."""
    restarts = on_eks.metric("pod_number_of_container_restarts", "Sum", PodName=on_eks.name)
    alarms.above(
        "Restarts",
        replace(restarts, seconds=_RESTARTS_SECONDS),
        _RESTARTS,
        periods=1,
        description=f"{on_eks.name} on EKS restarted more than {_RESTARTS} times in {_RESTARTS_SECONDS // 60} minutes",
    )
