"""The load balancer that all services on EKS share. Kubernetes creates it for the first Ingress of the shared class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, aws_eks_v2, aws_route53, aws_s3
from constructs import IDependable

from config.reserved import INTERNAL
from stacks.base import EnvironmentStack
from stacks.domain import DomainName
from stacks.eks.kubectl_provider import apply_objects
from stacks.kubernetes import entrance_objects
from stacks.vpc import Network

# How long the load balancer of the first Ingress may take.
_LOAD_BALANCER_WAIT = Duration.minutes(10)


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """The load balancer, once Kubernetes has created it.

    Attributes:
        url: the address for a browser.
        ready: what exists only when the load balancer has its address and its name.
    """

    url: str
    ready: Sequence[IDependable]


def create_entrance(
    scope: EnvironmentStack,
    *,
    cluster: aws_eks_v2.ICluster,
    network: Network,
    access_logs: aws_s3.Bucket,
    ready: IDependable,
    internal: bool = False,
) -> Entrance:
    """Creates the ingress class, and Ingresses that make the load balancer answer 404 before there is any service.

    Args:
        scope: the cluster's stack.
        cluster: the cluster that both are applied to.
        network: the VPC whose public subnets hold the load balancer. They hold the internal one too: nothing else is in them,
            so network policies can admit it by their ranges without admitting tasks and pods.
        access_logs: where the load balancer writes its logs.
        ready: namespace and nodes, without which Kubernetes could not delete its load balancer again.
        internal: whether it is the load balancer that only the VPC reaches.
    """
    builder = _Builder(scope, cluster, network, internal)
    domain = builder.create_domain()
    classes = builder.apply_ingress_class(domain, access_logs)
    classes.node.add_dependency(ready)
    entrance = builder.apply_entrance()
    # Deleted first: Kubernetes can delete its load balancer only while the class and the nodes exist.
    entrance.node.add_dependency(classes, ready)
    address = builder.wait_for_address(entrance)
    scope.share(address.value)
    if domain is None:
        return Entrance(url=f"http://{address.value}", ready=[address])
    return Entrance(url=f"https://{domain.host}", ready=[address, builder.create_alias(address.value, domain)])


@dataclass(frozen=True)
class _Builder:
    """The steps, for the public load balancer or for the internal one, whose ids begin with Internal."""

    scope: EnvironmentStack
    cluster: aws_eks_v2.ICluster
    network: Network
    internal: bool

    def _id(self, name: str) -> str:
        return f"Internal{name}" if self.internal else name

    def create_domain(self) -> DomainName | None:
        domain = self.scope.settings.domain
        label = f"{INTERNAL}-eks" if self.internal else "eks"
        return DomainName(self.scope, self._id("Domain"), domain=domain, label=label) if domain else None

    def apply_ingress_class(
        self, domain: DomainName | None, access_logs: aws_s3.Bucket
    ) -> aws_eks_v2.KubernetesManifest:
        classes = apply_objects(
            self.cluster,
            self._id("IngressClass"),
            *entrance_objects.ingress_class(
                self.scope.settings,
                certificate_arn=domain.certificate.certificate_arn if domain else None,
                access_logs_bucket=access_logs.bucket_name,
                # Tags would send an internal one to the private subnets, and other owners' subnets have none.
                subnet_ids=self.network.public_subnet_ids if self.internal or self.network.existing else [],
                internal=self.internal,
            ),
        )
        # The bucket admits the load balancer before it exists, and is emptied after it is gone.
        classes.node.add_dependency(access_logs)
        return classes

    def apply_entrance(self) -> aws_eks_v2.KubernetesManifest:
        objects = entrance_objects.entrance(self.scope.settings, internal=self.internal)
        return apply_objects(self.cluster, self._id("Entrance"), *objects)

    def wait_for_address(self, entrance: IDependable) -> aws_eks_v2.KubernetesObjectValue:
        address = aws_eks_v2.KubernetesObjectValue(
            self.scope,
            self._id("LoadBalancerAddress"),
            cluster=self.cluster,
            object_type="ingress",
            object_name=entrance_objects.entrance_name(internal=self.internal),
            object_namespace=self.scope.settings.app,
            json_path=".status.loadBalancer.ingress[0].hostname",
            timeout=_LOAD_BALANCER_WAIT,
        )
        address.node.add_dependency(entrance)
        return address

    def create_alias(self, address: str, domain: DomainName) -> aws_route53.CnameRecord:
        return aws_route53.CnameRecord(
            self.scope,
            self._id("Alias"),
            zone=domain.zone,
            record_name=f"{domain.host}.",
            domain_name=address,
            ttl=Duration.minutes(5),
        )
