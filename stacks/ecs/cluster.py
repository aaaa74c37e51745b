"""What the services on Fargate share: the cluster, one load balancer, and the namespace in which they find each other.

This stack never depends on a service. Everything that ties a service to it (listener rule, target group, security group rules)
is in the service's own stack, so adding a service changes nothing that is running.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, aws_ecs, aws_kms, aws_servicediscovery
from constructs import Construct

from config.settings import Insights, Settings
from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.ecs.entrance import create_entrance
from stacks.ecs.exec import exec_configuration
from stacks.logs import owned_log_group
from stacks.narrow import narrow
from stacks.network import NetworkStack

_INSIGHTS = {
    Insights.DISABLED: aws_ecs.ContainerInsights.DISABLED,
    Insights.ENABLED: aws_ecs.ContainerInsights.ENABLED,
    Insights.ENHANCED: aws_ecs.ContainerInsights.ENHANCED,
}


class EcsClusterStack(EnvironmentStack):
    """Cluster, load balancer and Service Connect namespace.

    Attributes:
        vpc: the network of the services.
        private_subnet_ids: the subnets of their tasks.
        namespace_arn: of Service Connect's namespace.
        cluster: with both Fargate capacity providers; its default namespace is Service Connect's.
        cluster_name: the cluster's name, read from CDK once.
        entrance: the one load balancer of all services on ECS.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        network: NetworkStack,
        key: aws_kms.IKey | None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            description=f"{settings.prefix}: ECS cluster and its load balancer",
            key=key,
        )
        self.vpc = network.vpc
        self.private_subnet_ids = [subnet.subnet_id for subnet in network.private_subnets]
        self.namespace_arn = self._create_namespace().namespace_arn
        self.cluster = self._create_cluster()
        self.cluster_name = self.cluster.cluster_name
        self._decide_on_insights()
        self.entrance = create_entrance(self, vpc=self.vpc)
        self._create_outputs()
        self.share(self.cluster_name, self.cluster.cluster_arn, self.namespace_arn, *self.entrance.shared)

    def _create_namespace(self) -> aws_servicediscovery.HttpNamespace:
        return aws_servicediscovery.HttpNamespace(
            self, "Namespace", name=self.settings.prefix, description="Service Connect names"
        )

    def _create_cluster(self) -> aws_ecs.Cluster:
        cluster = aws_ecs.Cluster(
            self,
            "Cluster",
            cluster_name=self.settings.prefix,
            vpc=self.vpc,
            container_insights_v2=_INSIGHTS[self.settings.container_insights],
            enable_fargate_capacity_providers=True,
        )
        resource = narrow(cluster.node.default_child, aws_ecs.CfnCluster)
        if self.settings.exec:
            resource.configuration = exec_configuration(self.key)
        resource.service_connect_defaults = aws_ecs.CfnCluster.ServiceConnectDefaultsProperty(
            namespace=self.namespace_arn
        )
        return cluster

    def _decide_on_insights(self) -> None:
        if self.settings.container_insights is Insights.DISABLED:
            acknowledge(
                self.cluster,
                {
                    "AwsSolutions-ECS4": "This environment sets container_insights to disabled: the metrics cost more "
                    "than its idle tasks. Alarms use the load balancer's and the service's own metrics."
                },
            )
            return
        # Container Insights would create this group itself, without retention.
        name = f"/aws/ecs/containerinsights/{self.settings.prefix}/performance"
        self.cluster.node.add_dependency(owned_log_group(self, "InsightsLogGroup", name=name))

    def _create_outputs(self) -> None:
        CfnOutput(self, "Url", value=self.entrance.url, description="The services on ECS, behind the load balancer")
        CfnOutput(self, "ClusterName", value=self.cluster_name)
