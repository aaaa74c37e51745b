"""What the workloads on Kubernetes share: the cluster (EKS Auto Mode), its nodes, one load balancer, and a namespace that
denies what nobody declared.

The built-in node pools run amd64 alone and leave NetworkPolicy off, so the cluster starts with none of them and brings a
NodeClass and a NodePool of its own.
"""

from __future__ import annotations

from typing import cast

from aws_cdk import (
    Aws,
    CfnOutput,
    Duration,
    aws_ec2,
    aws_eks_v2,
    aws_iam,
    aws_kms,
    aws_route53,
)
from aws_cdk.lambda_layer_kubectl_v36 import KubectlV36Layer
from constructs import Construct, IDependable

from config.settings import EKS_SERVICE_CIDR, Egress, EndpointAccess, Insights, Settings
from stacks import manifests
from stacks.acknowledgements import acknowledge
from stacks.base import PlatformStack
from stacks.domain import DomainName
from stacks.logs import own_managed_log_group, owned_log_group
from stacks.network import NetworkStack

# One row an EKS version that config/ accepts: the kubectl must be within one minor version of the cluster's.
_KUBECTL_LAYERS = {"1.36": KubectlV36Layer}
# How long the first Ingress may take to get its load balancer.
_LOAD_BALANCER_WAIT = Duration.minutes(10)


class EksClusterStack(PlatformStack):
    """Cluster, nodes, namespace, ingress class, add-ons, and access of the configured administrators.

    Attributes:
        cluster: the cluster, with the handler that applies manifests.
        ready: what a service's manifests wait for: namespace, policies, nodes.
        public_cidrs: where the load balancer's requests come from.
        url: what a browser is pointed at.
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
            scope, construct_id, settings=settings, description=f"{settings.prefix}: EKS cluster and what it shares"
        )
        self._key = key
        self._network = network
        self.public_cidrs = [subnet.ipv4_cidr_block for subnet in network.vpc.public_subnets]
        self.node_role = self._create_node_role()
        cluster = self._create_cluster()
        # jsii's stub of Cluster lacks a member of the interface that it implements.
        self.cluster = cast("aws_eks_v2.ICluster", cluster)
        self._create_access_entries(cluster)
        nodes = self._create_nodes()
        self.ready = self._create_namespace(nodes)
        self._create_add_ons(nodes)
        domain = DomainName(self, "Domain", domain=settings.domain, label="eks") if settings.domain else None
        self.url = self._create_entrance(domain)
        self._create_outputs()
        self._mend_kubectl_provider()

    def _create_node_role(self) -> aws_iam.Role:
        # https://docs.aws.amazon.com/eks/latest/userguide/auto-create-node-role.html
        policies = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
        role = aws_iam.Role(
            self,
            "NodeRole",
            description="Nodes of EKS Auto Mode: join the cluster, pull images",
            assumed_by=aws_iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[aws_iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in policies],
        )
        _acknowledge_managed(
            role, policies, "The two policies that Auto Mode's guide names for its nodes, and no other."
        )
        return role

    def _create_cluster(self) -> aws_eks_v2.Cluster:
        settings = self.settings
        log_group = owned_log_group(
            self, "ControlPlaneLogGroup", key=self._key, name=f"/aws/eks/{settings.prefix}/cluster"
        )
        cluster = aws_eks_v2.Cluster(
            self,
            "Cluster",
            cluster_name=settings.prefix,
            version=aws_eks_v2.KubernetesVersion.of(settings.eks_version),
            vpc=self._network.vpc,
            vpc_subnets=[aws_ec2.SubnetSelection(subnets=self._network.private_subnets)],
            role=self._create_cluster_role(),
            default_capacity_type=aws_eks_v2.DefaultCapacityType.AUTOMODE,
            compute=aws_eks_v2.ComputeConfig(node_pools=[]),
            endpoint_access=self._endpoint_access(),
            service_ipv4_cidr=EKS_SERVICE_CIDR,
            secrets_encryption_key=self._create_envelope_key(),
            cluster_logging=list(aws_eks_v2.ClusterLoggingTypes),
            bootstrap_cluster_creator_admin_permissions=False,
            output_config_command=False,
            kubectl_provider_options=aws_eks_v2.KubectlProviderOptions(
                kubectl_layer=_KUBECTL_LAYERS[settings.eks_version](self, "Kubectl"),
                private_subnets=self._network.private_subnets,
                role=self._create_kubectl_role().without_policy_updates(),
            ),
            removal_policy=self.removal_policy,
        )
        cluster.node.add_dependency(log_group)
        if settings.egress is Egress.ENDPOINTS:
            acknowledge(
                cluster,
                {
                    "Annotation::@aws-cdk/aws-eks:isolatedSubnetsForKubectlPrivateSubnets": "egress: endpoints brings an "
                    "endpoint for each service that the handler calls."
                },
            )
        return cluster

    def _create_cluster_role(self) -> aws_iam.Role:
        # https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html
        policies = (
            "AmazonEKSClusterPolicy",
            "AmazonEKSComputePolicy",
            "AmazonEKSBlockStoragePolicy",
            "AmazonEKSLoadBalancingPolicy",
            "AmazonEKSNetworkingPolicy",
        )
        role = aws_iam.Role(
            self,
            "ClusterRole",
            description="EKS Auto Mode: nodes, volumes, load balancers",
            assumed_by=aws_iam.SessionTagsPrincipal(aws_iam.ServicePrincipal("eks.amazonaws.com")),
            managed_policies=[aws_iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in policies],
        )
        _acknowledge_managed(role, policies, "The policies that Auto Mode's guide names for its cluster role.")
        return role

    def _create_envelope_key(self) -> aws_kms.Key:
        return aws_kms.Key(
            self,
            "EnvelopeKey",
            description=f"{self.settings.prefix}: Kubernetes secrets at rest",
            enable_key_rotation=True,
            removal_policy=self.removal_policy,
        )

    def _endpoint_access(self) -> aws_eks_v2.EndpointAccess:
        if self.settings.eks_endpoint_access is EndpointAccess.PRIVATE:
            return aws_eks_v2.EndpointAccess.PRIVATE
        return aws_eks_v2.EndpointAccess.PUBLIC_AND_PRIVATE.only_from(*self.settings.eks_endpoint_cidrs)

    def _create_access_entries(self, cluster: aws_eks_v2.Cluster) -> None:
        for index, principal in enumerate(self.settings.eks_admins):
            cluster.grant_cluster_admin(f"Admin{index}", principal)
        aws_eks_v2.AccessEntry(
            self,
            "NodeAccess",
            cluster=self.cluster,
            principal=self.node_role.role_arn,
            access_entry_type=aws_eks_v2.AccessEntryType.EC2,
            access_policies=[
                aws_eks_v2.AccessPolicy.from_access_policy_name(
                    "AmazonEKSAutoNodePolicy", access_scope_type=aws_eks_v2.AccessScopeType.CLUSTER
                )
            ],
        )

    def _create_nodes(self) -> aws_eks_v2.KubernetesManifest:
        return self.cluster.add_manifest(
            "Nodes",
            manifests.network_policy_controller(),
            manifests.node_class(
                self.settings,
                role_name=self.node_role.role_name,
                subnet_ids=[subnet.subnet_id for subnet in self._network.private_subnets],
                security_group_id=self.cluster.cluster_security_group_id,
            ),
            manifests.node_pool(self.settings),
        )

    def _create_namespace(self, nodes: IDependable) -> aws_eks_v2.KubernetesManifest:
        namespace = self.cluster.add_manifest("Namespace", *manifests.namespace(self.settings))
        namespace.node.add_dependency(nodes)
        return namespace

    def _create_add_ons(self, nodes: IDependable) -> None:
        self._add_on("metrics-server", nodes)  # the HPA's eyes
        self._add_on(
            "aws-secrets-store-csi-driver-provider",
            nodes,
            configuration='{"secrets-store-csi-driver":{"syncSecret":{"enabled":true},"enableSecretRotation":true}}',
        )
        if self.settings.container_insights is not Insights.DISABLED:
            self._create_container_insights(nodes)

    def _create_container_insights(self, nodes: IDependable) -> None:
        groups = [
            owned_log_group(
                self,
                f"{name.title()}LogGroup",
                key=self._key,
                name=f"/aws/containerinsights/{self.settings.prefix}/{name}",
            )
            for name in ("application", "dataplane", "host", "performance")
        ]
        policy = "CloudWatchAgentServerPolicy"
        role = aws_iam.Role(
            self,
            "ObservabilityRole",
            description="CloudWatch agent and log shipper of the observability add-on",
            assumed_by=pod_identity_principal(),
            managed_policies=[aws_iam.ManagedPolicy.from_aws_managed_policy_name(policy)],
        )
        _acknowledge_managed(role, (policy,), "The policy that the add-on's guide names for its agent.")
        add_on = self._add_on(
            "amazon-cloudwatch-observability", nodes, service_account="cloudwatch-agent", role_arn=role.role_arn
        )
        for group in groups:
            add_on.node.add_dependency(group)

    def _add_on(
        self,
        name: str,
        nodes: IDependable,
        *,
        configuration: str | None = None,
        service_account: str | None = None,
        role_arn: str | None = None,
    ) -> aws_eks_v2.CfnAddon:
        association = aws_eks_v2.CfnAddon.PodIdentityAssociationProperty
        add_on = aws_eks_v2.CfnAddon(
            self,
            f"AddOn-{name}",
            addon_name=name,
            cluster_name=self.cluster.cluster_name,
            configuration_values=configuration,
            resolve_conflicts="OVERWRITE",
            pod_identity_associations=[association(role_arn=role_arn, service_account=service_account)]
            if role_arn and service_account
            else None,
        )
        # Its pods need nodes before the add-on can become active.
        add_on.node.add_dependency(nodes)
        return add_on

    def _create_entrance(self, domain: DomainName | None) -> str:
        """The ingress class, and an Ingress that makes the load balancer answer 404 before any service is there."""
        classes = self.cluster.add_manifest(
            "IngressClass",
            *manifests.ingress_class(self.settings, domain.certificate.certificate_arn if domain else None),
        )
        entrance = self.cluster.add_manifest("Entrance", manifests.entrance(self.settings))
        # Deleted first: only while the class and the nodes are there does Kubernetes delete its load balancer.
        entrance.node.add_dependency(classes, self.ready)
        address = aws_eks_v2.KubernetesObjectValue(
            self,
            "LoadBalancerAddress",
            cluster=self.cluster,
            object_type="ingress",
            object_name=manifests.ENTRANCE,
            object_namespace=self.settings.app,
            json_path=".status.loadBalancer.ingress[0].hostname",
            timeout=_LOAD_BALANCER_WAIT,
        )
        address.node.add_dependency(entrance)
        if domain is None:
            return f"http://{address.value}"
        aws_route53.CnameRecord(
            self,
            "Alias",
            zone=domain.zone,
            record_name=f"{domain.host}.",
            domain_name=address.value,
            ttl=Duration.minutes(5),
        )
        return f"https://{domain.host}"

    def _create_outputs(self) -> None:
        name = self.settings.prefix
        CfnOutput(self, "Url", value=self.url, description="The services on EKS, behind the load balancer")
        CfnOutput(
            self,
            "UpdateKubeconfig",
            value=f"aws eks update-kubeconfig --name {name} --region {self.region}",
            description="Makes kubectl talk to this cluster (for the principals in eks_admins)",
        )

    def _create_kubectl_role(self) -> aws_iam.Role:
        """The role of the handler that applies manifests: what a function in a VPC needs, and this cluster's address.

        CDK's own role for it may also read every repository of the account, which it needs for Helm charts alone.
        """
        role = aws_iam.Role(
            self,
            "KubectlRole",
            description="Applies manifests to the cluster",
            assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        cluster_arn = f"arn:{Aws.PARTITION}:eks:{Aws.REGION}:{Aws.ACCOUNT_ID}:cluster/{self.settings.prefix}"
        role.add_to_policy(aws_iam.PolicyStatement(actions=["eks:DescribeCluster"], resources=[cluster_arn]))
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
        role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=[
                    "ec2:CreateNetworkInterface",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSubnets",
                ],
                resources=["*"],
            )
        )
        logs = f"log-group:/aws/lambda/{self.stack_name}-*"
        role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:{logs}"],
            )
        )
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "Lambda makes and removes the function's network interfaces before they have "
                "an address that a statement could name (Lambda's guide).",
                f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:{logs}]": "The "
                "function's name is generated; its log streams stand under this stack's name.",
            },
        )
        return role

    def _mend_kubectl_provider(self) -> None:
        """Gives the handler's log groups this environment's retention, and acknowledges what CDK's framework brings."""
        handler = self.cluster.node.find_child("KubectlProvider").node.find_child("Handler")
        framework = (
            self.cluster.node.find_child("KubectlProvider")
            .node.find_child("Provider")
            .node.find_child("framework-onEvent")
        )
        for function in (handler, framework):
            own_managed_log_group(function, key=self._key)
        # The condition belongs to the role that CDK would have made; nothing uses it here.
        self.node.try_remove_child("HasEcrPublic")
        handler_id = self.get_logical_id(handler.node.default_child)  # type: ignore[arg-type]
        acknowledge(
            handler,
            {
                "AwsSolutions-L1": "CDK picks the newest Python runtime that every region offers; the pinned CDK version "
                "decides when it moves."
            },
        )
        policy = "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/{}]"
        acknowledge(
            framework.node.find_child("ServiceRole"),
            {
                policy.format(
                    "AWSLambdaBasicExecutionRole"
                ): "The role of CDK's custom resource framework, which offers no "
                "way to bring another; the policy lets it write its own log.",
                policy.format(
                    "AWSLambdaVPCAccessExecutionRole"
                ): "The role of CDK's custom resource framework, which offers "
                "no way to bring another; the policy lets the function join the VPC.",
                f"AwsSolutions-IAM5[Resource::<{handler_id}.Arn>:*]": "The framework invokes the one handler, in any of its "
                "versions.",
            },
        )


def pod_identity_principal() -> aws_iam.IPrincipal:
    """Who assumes a workload's role: the Pod Identity service, which tags the session with the pod's names."""
    return aws_iam.SessionTagsPrincipal(aws_iam.ServicePrincipal("pods.eks.amazonaws.com"))


def _acknowledge_managed(role: aws_iam.Role, policies: tuple[str, ...], reason: str) -> None:
    acknowledge(
        role,
        {f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]": reason for name in policies},
    )
