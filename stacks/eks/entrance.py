"""The load balancer that all services on EKS share. Kubernetes creates it for the first Ingress of the shared class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, aws_eks_v2, aws_route53
from constructs import IDependable

from config.reserved import ENTRANCE
from stacks.access_logs import create_access_logs_bucket
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
    scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster, network: Network, ready: IDependable
) -> Entrance:
    """Creates the ingress class, and Ingresses that make the load balancer answer 404 before there is any service.

    Args:
        scope: the cluster's stack.
        cluster: the cluster that both are applied to.
        network: the VPC whose public subnets hold the load balancer.
        ready: namespace and nodes, without which Kubernetes could not delete its load balancer again.
    """
    domain = _create_domain(scope)
    classes = _apply_ingress_class(scope, cluster, network, domain)
    classes.node.add_dependency(ready)
    entrance = apply_objects(cluster, "Entrance", *entrance_objects.entrance(scope.settings))
    # Deleted first: Kubernetes can delete its load balancer only while the class and the nodes exist.
    entrance.node.add_dependency(classes, ready)
    address = _wait_for_address(scope, cluster, entrance)
    scope.share(address.value)
    if domain is None:
        return Entrance(url=f"http://{address.value}", ready=[address])
    return Entrance(url=f"https://{domain.host}", ready=[address, _create_alias(scope, address.value, domain)])


def _create_domain(scope: EnvironmentStack) -> DomainName | None:
    domain = scope.settings.domain
    return DomainName(scope, "Domain", domain=domain, label="eks") if domain else None


def _apply_ingress_class(
    scope: EnvironmentStack, cluster: aws_eks_v2.ICluster, network: Network, domain: DomainName | None
) -> aws_eks_v2.KubernetesManifest:
    bucket = create_access_logs_bucket(scope)
    classes = apply_objects(
        cluster,
        "IngressClass",
        *entrance_objects.ingress_class(
            scope.settings,
            certificate_arn=domain.certificate.certificate_arn if domain else None,
            access_logs_bucket=bucket.bucket_name,
            # The subnets of an owner who knows nothing of Kubernetes have no tags.
            subnet_ids=network.public_subnet_ids if network.existing else [],
        ),
    )
    # The bucket admits the load balancer before it exists, and is emptied after it is gone.
    classes.node.add_dependency(bucket)
    return classes


def _wait_for_address(
    scope: EnvironmentStack, cluster: aws_eks_v2.ICluster, entrance: IDependable
) -> aws_eks_v2.KubernetesObjectValue:
    address = aws_eks_v2.KubernetesObjectValue(
        scope,
        "LoadBalancerAddress",
        cluster=cluster,
        object_type="ingress",
        object_name=ENTRANCE,
        object_namespace=scope.settings.app,
        json_path=".status.loadBalancer.ingress[0].hostname",
        timeout=_LOAD_BALANCER_WAIT,
    )
    address.node.add_dependency(entrance)
    return address


def _create_alias(scope: EnvironmentStack, address: str, domain: DomainName) -> aws_route53.CnameRecord:
    return aws_route53.CnameRecord(
        scope,
        "Alias",
        zone=domain.zone,
        record_name=f"{domain.host}.",
        domain_name=address,
        ttl=Duration.minutes(5),
    )
