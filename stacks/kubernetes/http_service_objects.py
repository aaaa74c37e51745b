"""An http service on Kubernetes."""

from __future__ import annotations

from dataclasses import replace

from config.limits import HEALTHY_CODES
from config.service import HttpService
from config.settings import Platform
from stacks.kubernetes.objects import KubernetesObject, ingress, ingress_order, labels
from stacks.kubernetes.pod import Pod
from stacks.kubernetes.scaled_service_objects import ScaledServiceObjects

# Probes: a start may take health_grace; after that three misses in a row count.
_PROBE_PERIOD = 5


class HttpServiceObjects(ScaledServiceObjects[HttpService]):
    """A Deployment behind a Service and an Ingress."""

    def _of_kind(self) -> list[KubernetesObject]:
        return [*super()._of_kind(), self._service(), self._ingress()]

    def _start_seconds(self) -> int:
        return self._spec.health_grace

    def _pod(self) -> Pod:
        # The load balancer stops sending before the process gets SIGTERM; on ECS that order is built in.
        drain = self._spec.drain_seconds
        listening = {
            "ports": [{"name": "http", "containerPort": self._spec.port, "protocol": "TCP"}],
            "lifecycle": {"preStop": {"sleep": {"seconds": drain}}},
            **self._probes(),
        }
        return replace(super()._pod(), drain=drain, of_container=listening)

    def _probes(self) -> KubernetesObject:
        action = {"httpGet": {"path": self._spec.health, "port": "http"}, "periodSeconds": _PROBE_PERIOD}
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
        return [{"from": sources, "ports": [{"protocol": "TCP", "port": self._spec.port}]}]

    def _service(self) -> KubernetesObject:
        return self._named_object(
            "v1",
            "Service",
            {
                "type": "ClusterIP",
                "selector": labels(self._spec.name),
                "ports": [{"name": "http", "port": self._spec.port, "targetPort": "http", "protocol": "TCP"}],
            },
        )

    def _ingress(self) -> KubernetesObject:
        spec = self._spec
        backend = {"service": {"name": spec.name, "port": {"name": "http"}}}
        health = {
            "alb.ingress.kubernetes.io/healthcheck-path": spec.health,
            "alb.ingress.kubernetes.io/success-codes": HEALTHY_CODES,
            "alb.ingress.kubernetes.io/healthcheck-interval-seconds": "10",
            "alb.ingress.kubernetes.io/target-group-attributes": (
                f"deregistration_delay.timeout_seconds={spec.drain_seconds}"
            ),
        }
        order = ingress_order(spec.listener_priority)
        return ingress(self._settings, spec.name, spec.path, order, backend, **health)
