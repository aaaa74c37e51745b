"""An http service on Kubernetes."""

from __future__ import annotations

from dataclasses import replace

from config.limits import HEALTHY_CODES
from config.service import HttpService
from config.settings import Platform
from stacks.kubernetes.objects import PORT_NAME, KubernetesObject, ingress, ingress_order, labels
from stacks.kubernetes.pod import Pod
from stacks.kubernetes.scaled_service_objects import ScaledServiceObjects

# Probes: a start may take health_grace; after that three misses in a row count.
_PROBE_PERIOD = 5


class HttpServiceObjects(ScaledServiceObjects[HttpService]):
    """A Deployment behind a Service and an Ingress."""

    def _of_kind(self) -> list[KubernetesObject]:
        # Before the Deployment: its pods wait for the load balancer only if they are already behind one when they start.
        # https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/pod_readiness_gate/
        return [self._service(), self._ingress(), *super()._of_kind()]

    def _start_seconds(self) -> int:
        return self._spec.health_grace

    def _pod(self) -> Pod:
        # The load balancer stops sending before the process gets SIGTERM; on ECS that order is built in.
        drain = self._spec.drain_seconds
        listening = {
            "ports": [{"name": PORT_NAME, "containerPort": self._spec.port, "protocol": "TCP"}],
            "lifecycle": {"preStop": {"sleep": {"seconds": drain}}},
            **self._probes(),
        }
        return replace(super()._pod(), drain=drain, of_container=listening)

    def _probes(self) -> KubernetesObject:
        action = {"httpGet": {"path": self._spec.health, "port": PORT_NAME}, "periodSeconds": _PROBE_PERIOD}
        starts = max(1, -(-self._spec.health_grace // _PROBE_PERIOD))
        return {
            "startupProbe": {**action, "failureThreshold": starts, "timeoutSeconds": 3},
            "readinessProbe": {**action, "failureThreshold": 3, "timeoutSeconds": 3},
            "livenessProbe": {**action, "periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5},
        }

    def _admitted(self) -> list[KubernetesObject]:
        sources: list[KubernetesObject] = [{"ipBlock": {"cidr": cidr}} for cidr in self._around.public_cidrs]
        sources += [
            {"podSelector": {"matchLabels": labels(caller.name)}}
            for caller in self._around.catalog.callers(self._spec.name, Platform.EKS)
        ]
        # The name is resolved for each pod, so old ones are still reached while the port changes. Older policy controllers skip a
        # name for an ipBlock, which would shut out the load balancer, so the number is there too.
        # https://github.com/aws/amazon-network-policy-controller-k8s (pkg/resolvers/endpoints.go)
        return [
            {"from": sources, "ports": [{"protocol": "TCP", "port": port} for port in (self._spec.port, PORT_NAME)]}
        ]

    def _service(self) -> KubernetesObject:
        return self._named_object(
            "v1",
            "Service",
            {
                "type": "ClusterIP",
                "selector": labels(self._spec.name),
                # Each pod's own port of that name: a number would be wrong for old pods while the port changes.
                "ports": [{"name": PORT_NAME, "port": self._spec.port, "targetPort": PORT_NAME, "protocol": "TCP"}],
            },
        )

    def _ingress(self) -> KubernetesObject:
        spec = self._spec
        backend = {"service": {"name": spec.name, "port": {"name": PORT_NAME}}}
        health = {
            "alb.ingress.kubernetes.io/healthcheck-path": spec.health,
            "alb.ingress.kubernetes.io/success-codes": HEALTHY_CODES,
            "alb.ingress.kubernetes.io/healthcheck-interval-seconds": "10",
            "alb.ingress.kubernetes.io/target-group-attributes": (
                f"deregistration_delay.timeout_seconds={spec.drain_seconds}"
            ),
        }
        order = ingress_order(spec.listener_priority)
        return ingress(self._settings, spec.name, spec.path, order, backend, internal=spec.internal, **health)
