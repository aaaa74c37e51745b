"""An http service on Kubernetes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from config.fields.health import DEFAULT_INTERVAL, DEFAULT_TIMEOUT, DEFAULT_UNHEALTHY
from config.fields.network import Protocol
from config.limits import GRPC_HEALTH, GRPC_HEALTHY_CODES
from config.routing import Route
from config.service import HttpService
from config.settings import Platform
from stacks.kubernetes.objects import (
    PORT_NAME,
    PRIVATE_PORT_NAME,
    KubernetesObject,
    ingress,
    ingress_order,
    labels,
)
from stacks.kubernetes.pod import Pod
from stacks.kubernetes.scaled_service_objects import ScaledServiceObjects

# Probes: a start may take health_grace; after that three misses in a row count.
_PROBE_PERIOD = 5
_PROBE_TIMEOUT = 3

_ANNOTATION: Final = "alb.ingress.kubernetes.io"


class HttpServiceObjects(ScaledServiceObjects[HttpService]):
    """A Deployment behind a Service, and behind an Ingress for each of its routes."""

    def _of_kind(self) -> list[KubernetesObject]:
        # Before the Deployment: its pods wait for the load balancer only if they are already behind one when they start.
        # https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/pod_readiness_gate/
        ingresses = [self._ingress(route) for route in self._spec.routes]
        return [self._service(), *ingresses, *super()._of_kind()]

    def _start_seconds(self) -> int:
        return self._spec.health_grace

    def _pod(self) -> Pod:
        # The load balancer stops sending before the process gets SIGTERM; on ECS that order is built in.
        drain = self._spec.drain_seconds
        listening = {
            "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in self._ports().items()],
            "lifecycle": {"preStop": {"sleep": {"seconds": drain}}},
            **self._probes(),
        }
        return replace(super()._pod(), drain=drain, of_container=listening)

    def _ports(self) -> dict[str, int]:
        """The ports by their names."""
        return dict(zip((PORT_NAME, PRIVATE_PORT_NAME), self._spec.ports, strict=False))

    def _check(self, path: str) -> KubernetesObject:
        """What a probe does. The one for gRPC takes a number only."""
        if self._spec.protocol is Protocol.TCP:
            return {"tcpSocket": {"port": PORT_NAME}}
        if self._spec.protocol is Protocol.GRPC:
            return {"grpc": {"port": self._spec.port}}
        return {"httpGet": {"path": path, "port": PORT_NAME}}

    def _probes(self) -> KubernetesObject:
        health = self._spec.check
        ready, alive = self._check(health.path), self._check(health.liveness or health.path)
        starts = max(1, -(-self._spec.health_grace // _PROBE_PERIOD))
        failures = health.unhealthy or DEFAULT_UNHEALTHY
        return {
            "startupProbe": {
                **alive,
                "periodSeconds": _PROBE_PERIOD,
                "failureThreshold": starts,
                "timeoutSeconds": health.timeout or _PROBE_TIMEOUT,
            },
            "readinessProbe": {
                **ready,
                "periodSeconds": health.interval or _PROBE_PERIOD,
                "failureThreshold": failures,
                "timeoutSeconds": health.timeout or _PROBE_TIMEOUT,
                **({"successThreshold": health.healthy} if health.healthy else {}),
            },
            "livenessProbe": {
                **alive,
                "periodSeconds": health.interval or DEFAULT_INTERVAL,
                "failureThreshold": failures,
                "timeoutSeconds": health.timeout or DEFAULT_TIMEOUT,
            },
        }

    def _admitted(self) -> list[KubernetesObject]:
        """The load balancer on the port for requests, callers on both ports."""
        callers: list[KubernetesObject] = [
            {"podSelector": {"matchLabels": labels(caller.name)}}
            for caller in self._around.catalog.callers(self._spec.name, Platform.EKS)
        ]
        sources: list[KubernetesObject] = []
        if self._spec.routed:
            sources = [{"ipBlock": {"cidr": cidr}} for cidr in self._around.public_cidrs]
        admitted = [_opening(sources + callers, self._spec.port, PORT_NAME)] if sources + callers else []
        if self._spec.private_port is not None and callers:
            admitted.append(_opening(callers, self._spec.private_port, PRIVATE_PORT_NAME))
        return admitted

    def _service(self) -> KubernetesObject:
        return self._named_object(
            "v1",
            "Service",
            {
                "type": "ClusterIP",
                "selector": labels(self._spec.name),
                # Each pod's own port of that name: a number would be wrong for old pods while the port changes.
                "ports": [
                    {"name": name, "port": port, "targetPort": name, "protocol": "TCP"}
                    for name, port in self._ports().items()
                ],
            },
        )

    def _thresholds(self) -> dict[str, str]:
        """What the manifest sets of the load balancer's check; its controller has defaults for the rest.

        https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#health-check
        """
        health = self._spec.check
        values = {
            "healthcheck-timeout-seconds": health.timeout,
            "healthy-threshold-count": health.healthy,
            "unhealthy-threshold-count": health.unhealthy,
        }
        return {f"{_ANNOTATION}/{name}": str(value) for name, value in values.items() if value}

    def _ingress(self, route: Route) -> KubernetesObject:
        """One for each route, as its place among all others belongs to the whole object.

        That of the service's own path has its name; the names of others, which no service can have, do not depend on their order.
        """
        spec = self._spec
        found = ingress(
            self._settings,
            spec.name,
            route.path,
            ingress_order(route.priority),
            {"service": {"name": spec.name, "port": {"name": PORT_NAME}}},
            host=route.host,
            **self._annotations(),
        )
        if not spec.is_own(route):
            found["metadata"] = {**found["metadata"], "name": f"{spec.name}.{route.key}"}
        return found

    def _annotations(self) -> dict[str, str]:
        """Of the target group. Source: https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations"""
        spec, grpc = self._spec, self._spec.protocol is Protocol.GRPC
        attributes = [f"deregistration_delay.timeout_seconds={spec.drain_seconds}"]
        if spec.sticky:
            attributes += [
                "stickiness.enabled=true",
                "stickiness.type=lb_cookie",
                f"stickiness.lb_cookie.duration_seconds={spec.sticky}",
            ]
        return {
            f"{_ANNOTATION}/healthcheck-path": GRPC_HEALTH if grpc else spec.check.path,
            f"{_ANNOTATION}/success-codes": GRPC_HEALTHY_CODES if grpc else spec.check.codes,
            f"{_ANNOTATION}/healthcheck-interval-seconds": str(spec.check.interval or DEFAULT_INTERVAL),
            **self._thresholds(),
            f"{_ANNOTATION}/target-group-attributes": ",".join(attributes),
            **({f"{_ANNOTATION}/backend-protocol-version": "GRPC"} if grpc else {}),
        }


def _opening(sources: list[KubernetesObject], port: int, name: str) -> KubernetesObject:
    """A port that the sources may reach.

    The name is resolved for each pod, so old ones are still reached while the port changes. Older policy controllers skip a
    name for an ipBlock, which would shut out the load balancer, so the number is there too.
    https://github.com/aws/amazon-network-policy-controller-k8s (pkg/resolvers/endpoints.go)
    """
    return {"from": sources, "ports": [{"protocol": "TCP", "port": each} for each in (port, name)]}
