"""The load balancer that all services on EKS share. Kubernetes creates it for the first Ingress of the shared class."""

from __future__ import annotations

from aws_cdk import Duration, aws_eks_v2, aws_route53
from constructs import Construct, IDependable

from config.reserved import ENTRANCE
from stacks.base import EnvironmentStack
from stacks.domain import DomainName
from stacks.kubernetes import cluster_objects

# How long the load balancer of the first Ingress may take.
_LOAD_BALANCER_WAIT = Duration.minutes(10)


def create_entrance(scope: EnvironmentStack, *, cluster: aws_eks_v2.ICluster, ready: IDependable) -> str:
    """Creates the ingress class, and an Ingress that makes the load balancer answer 404 before there is any service.

    Args:
        scope: the cluster's stack.
        cluster: the cluster that both are applied to.
        ready: namespace and nodes, without which Kubernetes could not delete its load balancer again.

    Returns:
        The address for a browser.
    """
    domain = _create_domain(scope)
    classes = _apply_ingress_class(scope, cluster, domain)
    entrance = cluster.add_manifest("Entrance", cluster_objects.entrance(scope.settings))
    # Deleted first: Kubernetes can delete its load balancer only while the class and the nodes exist.
    entrance.node.add_dependency(classes, ready)
    address = _wait_for_address(scope, cluster, entrance)
    scope.share(address)
    return _create_url(scope, address, domain)


def _create_domain(scope: EnvironmentStack) -> DomainName | None:
    domain = scope.settings.domain
    return DomainName(scope, "Domain", domain=domain, label="eks") if domain else None


def _apply_ingress_class(
    scope: EnvironmentStack, cluster: aws_eks_v2.ICluster, domain: DomainName | None
) -> aws_eks_v2.KubernetesManifest:
    certificate_arn = domain.certificate.certificate_arn if domain else None
    return cluster.add_manifest("IngressClass", *cluster_objects.ingress_class(scope.settings, certificate_arn))


def _wait_for_address(scope: EnvironmentStack, cluster: aws_eks_v2.ICluster, entrance: IDependable) -> str:
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
    return address.value


def _create_url(scope: Construct, address: str, domain: DomainName | None) -> str:
    if domain is None:
        return f"http://{address}"
    aws_route53.CnameRecord(
        scope,
        "Alias",
        zone=domain.zone,
        record_name=f"{domain.host}.",
        domain_name=address,
        ttl=Duration.minutes(5),
    )
    return f"https://{domain.host}"
