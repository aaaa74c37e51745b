"""What the services on Kubernetes share: the cluster (EKS Auto Mode), its nodes, one load balancer, and a namespace that
denies undeclared traffic.

This stack never depends on a service.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, aws_eks_v2, aws_kms
from constructs import Construct, IDependable

from config.settings import Settings
from stacks.base import EnvironmentStack
from stacks.eks.add_ons import create_add_ons
from stacks.eks.control_plane import create_control_plane
from stacks.eks.entrance import create_entrance
from stacks.eks.kubectl_provider import adjust_kubectl_provider, apply_objects
from stacks.eks.nodes import create_nodes
from stacks.eks.protection import protect
from stacks.eks.roles import create_node_role
from stacks.kubernetes import cluster_objects
from stacks.network import NetworkStack


class EksClusterStack(EnvironmentStack):
    """Cluster, nodes, namespace, ingress class, add-ons, and access for the configured administrators.

    Attributes:
        cluster: the cluster, with the handler that applies objects.
        vpc: the network of the pods.
        public_cidrs: the ranges that the load balancer's requests come from.
        kubectl_arn: of the function that runs kubectl.
        url: the address for a browser.
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
            description=f"{settings.prefix}: EKS cluster and its load balancer",
            key=key,
        )
        self.vpc = network.vpc
        self.public_cidrs = [subnet.ipv4_cidr_block for subnet in network.vpc.public_subnets]
        node_role = create_node_role(self)
        self.cluster = create_control_plane(self, network=network)
        nodes = create_nodes(self, cluster=self.cluster, role=node_role, network=network)
        namespace = self._create_namespace(nodes)
        add_ons = create_add_ons(self, cluster=self.cluster, nodes=nodes)
        entrance = create_entrance(self, cluster=self.cluster, ready=namespace)
        self.url = entrance.url
        if not self.disposable:
            protect(self, cluster=self.cluster, network=network, ready=[self.cluster, *add_ons, *entrance.ready])
        self._create_outputs()
        self.kubectl_arn = adjust_kubectl_provider(self, cluster=self.cluster).function_arn
        self.share(self.kubectl_arn)

    def _create_namespace(self, nodes: IDependable) -> aws_eks_v2.KubernetesManifest:
        objects = [*cluster_objects.namespace(self.settings), *cluster_objects.secret_syncing(self.settings)]
        namespace = apply_objects(self.cluster, "Namespace", *objects)
        namespace.node.add_dependency(nodes)
        return namespace

    def _create_outputs(self) -> None:
        CfnOutput(self, "Url", value=self.url, description="The services on EKS, behind the load balancer")
        CfnOutput(
            self,
            "UpdateKubeconfig",
            value=f"aws eks update-kubeconfig --name {self.settings.prefix} --region {self.region}",
            description="Makes kubectl talk to this cluster, for the principals in eks_admins"
            if self.settings.eks_admins
            else "Makes kubectl talk to this cluster; eks_admins is empty, so it answers nobody yet",
        )
