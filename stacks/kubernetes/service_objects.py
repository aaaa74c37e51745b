"""The objects that services of every kind have on Kubernetes; each kind has a module for its own.

Pods can reach each other only where a service.yaml declares a call.
"""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from config.catalog import Catalog
from config.fields.egress import LINK_LOCAL, Destination
from config.service import ServiceSpec
from config.settings import Settings
from stacks.kubernetes.objects import PORT_NAME, PRIVATE_PORT_NAME, KubernetesObject, labels, meta
from stacks.kubernetes.secret_objects import secret_provider_spec

# The Pod Identity agent on a pod's own node, which gives it its role's credentials.
# https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
_POD_IDENTITY_AGENT = "169.254.170.23/32"
_ANYWHERE = "0.0.0.0/0"

AnyService = TypeVar("AnyService", bound=ServiceSpec)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The inputs of a service's objects besides its service.yaml.

    Attributes:
        settings: the environment.
        catalog: all services, to look up callees and callers.
        image: the image's URI.
        environment: the container's variables and their values.
        public_cidrs: the ranges that the load balancer's requests come from.
        has_role: whether the pods have a role in AWS.
        sidecar_images: the URI of each sidecar's image, by its name.
    """

    settings: Settings
    catalog: Catalog
    image: str
    environment: Mapping[str, str]
    public_cidrs: Sequence[str]
    has_role: bool
    sidecar_images: Mapping[str, str] = field(default_factory=dict)


class ServiceObjects(ABC, Generic[AnyService]):
    """The objects of a service of any kind: service account, network policy, secrets."""

    def __init__(self, *, spec: AnyService, around: Surroundings) -> None:
        self._spec = spec
        self._around = around
        self._settings = around.settings

    def groups(self) -> dict[str, list[KubernetesObject]]:
        """All objects of the service by the name of the group that is applied, and deleted, as one.

        The groups and the objects in them are in the order in which they are applied. An object that some services do not have
        is in a group of its own: `kubectl apply --prune` deletes only kinds on its list, and neither autoscalers nor
        SecretProviderClasses are, so such an object would stay when it leaves a group.
        https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/kubectl/pkg/util/prune/prune.go
        """
        return {**self._before(), "Objects": [self._service_account(), self._network_policy(), *self._of_kind()]}

    def _before(self) -> dict[str, list[KubernetesObject]]:
        """The groups that the pods need, or that must be there before a Deployment changes."""
        return {"Secrets": [self._secret_provider_class()]} if self._spec.secrets else {}

    @abstractmethod
    def _of_kind(self) -> list[KubernetesObject]:
        """The objects that only this kind has."""

    def _named_object(self, api_version: str, kind: str, spec: KubernetesObject) -> KubernetesObject:
        """An object with the service's name."""
        return {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": meta(self._settings, self._spec.name),
            "spec": spec,
        }

    def _service_account(self) -> KubernetesObject:
        return {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": meta(self._settings, self._spec.name),
            "automountServiceAccountToken": False,
        }

    def _secret_provider_class(self) -> KubernetesObject:
        """Fetches the secrets with the pod's own role and keeps them in a Secret with the service's name."""
        spec = secret_provider_spec(self._spec.name, self._spec.secrets)
        return self._named_object("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass", spec)

    def _network_policy(self) -> KubernetesObject:
        """Exactly the declared calls: in from the load balancer and the callers, out to the callees and to AWS."""
        return self._named_object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            {
                "podSelector": {"matchLabels": labels(self._spec.name)},
                "policyTypes": ["Ingress", "Egress"],
                # An empty list would count as a change at every apply: the API server drops it.
                **({"ingress": admitted} if (admitted := self._admitted()) else {}),
                "egress": self._reachable(),
            },
        )

    def _admitted(self) -> list[KubernetesObject]:
        """No peers, unless the kind listens on a port."""
        return []

    def _reachable(self) -> list[KubernetesObject]:
        calls = [
            {
                "to": [{"podSelector": {"matchLabels": labels(callee.name)}}],
                # By name: while the callee moves to another port, each of its pods is reached on its own.
                "ports": [
                    {"protocol": "TCP", "port": name}
                    for name, _ in zip((PORT_NAME, PRIVATE_PORT_NAME), callee.ports, strict=False)
                ],
            }
            for callee in self._around.catalog.callees(self._spec)
        ]
        https = {"to": [{"ipBlock": {"cidr": _ANYWHERE}}], "ports": [{"protocol": "TCP", "port": 443}]}
        outside = [_to(destination) for destination in self._spec.egress]
        if not self._around.has_role:
            return [*calls, https, *outside]
        agent = {"to": [{"ipBlock": {"cidr": _POD_IDENTITY_AGENT}}], "ports": [{"protocol": "TCP", "port": 80}]}
        return [*calls, https, *outside, agent]


def _to(destination: Destination) -> KubernetesObject:
    """Opens the way to a system outside, in no case to the metadata and credentials of nodes and pods."""
    return {
        "to": [{"ipBlock": _block(cidr)} for cidr in destination.cidrs],
        "ports": [{"protocol": destination.protocol.upper(), "port": destination.port}],
    }


def _block(cidr: str) -> KubernetesObject:
    holds_them = LINK_LOCAL.subnet_of(ipaddress.IPv4Network(cidr))
    return {"cidr": cidr, **({"except": [str(LINK_LOCAL)]} if holds_them else {})}
