"""The objects of one service: a class per kind, on a base that says what every service has.

Every path between pods is one that a service.yaml declares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from config.catalog import Catalog
from config.service import HttpService, Job, ScaledService, ServiceSpec, Worker
from config.settings import Platform, Settings
from stacks.kubernetes.objects import KubernetesObject, ingress, ingress_order, labels, meta
from stacks.kubernetes.pod import Pod

# Where a pod gets its role's credentials: the Pod Identity agent on its own node.
# https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
_POD_IDENTITY_AGENT = "169.254.170.23/32"
_ANYWHERE = "0.0.0.0/0"
# Probes: a start may take health_grace; after that three misses in a row count.
_PROBE_PERIOD = 5
# How long a rollout may take besides the start of its pods: nodes that come first, and their images.
_ROLLOUT_SECONDS = 300
# What a worker's start may take: it has no health check that could say when it is over.
_WORKER_START_SECONDS = 60

AnyService = TypeVar("AnyService", bound=ServiceSpec)
AnyScaled = TypeVar("AnyScaled", bound=ScaledService)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a service's objects are made of besides its service.yaml.

    Attributes:
        settings: the environment.
        catalog: all services, to look up callees and callers.
        image: the image's URI.
        environment: the container's variables and their values.
        public_cidrs: where the load balancer's requests come from.
    """

    settings: Settings
    catalog: Catalog
    image: str
    environment: Mapping[str, str]
    public_cidrs: Sequence[str]


class ServiceObjects(Generic[AnyService]):
    """What every service has: an account, its network policy, its secrets."""

    def __init__(self, *, spec: AnyService, around: Surroundings) -> None:
        self._spec = spec
        self._around = around
        self._settings = around.settings

    def all(self) -> list[KubernetesObject]:
        """Everything of the service, in the order in which it is applied."""
        secrets = [self._secret_provider_class()] if self._spec.secrets else []
        return [self._service_account(), self._network_policy(), *secrets, *self._of_kind()]

    def _of_kind(self) -> list[KubernetesObject]:
        """What only this kind has."""
        raise NotImplementedError

    def _object(self, api_version: str, kind: str, spec: KubernetesObject) -> KubernetesObject:
        """An object of the service's name."""
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
        """Fetches the secrets by the pod's own role and keeps them in a Secret of the service's name.

        Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/ascp-pod-identity-integration.html
        """
        sources = sorted(self._spec.secrets.items())
        objects = [
            {
                "objectName": source.secrets_manager or source.ssm,
                "objectType": "secretsmanager" if source.secrets_manager else "ssmparameter",
                "objectAlias": name,
            }
            for name, source in sources
        ]
        data = [{"objectName": name, "key": name} for name, _ in sources]
        return self._object(
            "secrets-store.csi.x-k8s.io/v1",
            "SecretProviderClass",
            {
                "provider": "aws",
                "parameters": {"usePodIdentity": "true", "objects": json.dumps(objects)},
                "secretObjects": [{"secretName": self._spec.name, "type": "Opaque", "data": data}],
            },
        )

    def _network_policy(self) -> KubernetesObject:
        """Exactly the declared calls: in from the load balancer and the callers, out to the callees and to AWS."""
        return self._object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            {
                "podSelector": {"matchLabels": labels(self._spec.name)},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": self._admitted(),
                "egress": self._reachable(),
            },
        )

    def _admitted(self) -> list[KubernetesObject]:
        """Nobody, unless the kind listens."""
        return []

    def _reachable(self) -> list[KubernetesObject]:
        calls = [
            {
                "to": [{"podSelector": {"matchLabels": labels(callee.name)}}],
                "ports": [{"protocol": "TCP", "port": callee.port}],
            }
            for callee in self._around.catalog.callees(self._spec)
        ]
        https = {"to": [{"ipBlock": {"cidr": _ANYWHERE}}], "ports": [{"protocol": "TCP", "port": 443}]}
        if not (self._spec.table or self._spec.secrets):
            return [*calls, https]
        agent = {"to": [{"ipBlock": {"cidr": _POD_IDENTITY_AGENT}}], "ports": [{"protocol": "TCP", "port": 80}]}
        return [*calls, https, agent]


class ScaledServiceObjects(ServiceObjects[AnyScaled]):
    """What http services and workers have besides: copies that are kept running, and their number."""

    def _of_kind(self) -> list[KubernetesObject]:
        scaler = [self._autoscaler()] if self._spec.autoscaled else []
        return [self._deployment(), self._pod_disruption_budget(), *scaler]

    def _start_seconds(self) -> int:
        """How long a pod may take to start."""
        raise NotImplementedError

    def _pod(self) -> Pod:
        """The pod that the Deployment keeps running."""
        return Pod(
            spec=self._spec,
            settings=self._settings,
            image=self._around.image,
            environment=self._around.environment,
            restart_policy="Always",
            of_pod={"topologySpreadConstraints": self._spread()},
        )

    def _spread(self) -> list[KubernetesObject]:
        return [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels(self._spec.name)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ]

    def _deployment(self) -> KubernetesObject:
        body: KubernetesObject = {
            "selector": {"matchLabels": labels(self._spec.name)},
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": self._start_seconds() + _ROLLOUT_SECONDS,
            # New pods are ready before old ones go, as on ECS (100 to 200 percent).
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "100%"}},
            "template": self._pod().template(),
        }
        if not self._spec.autoscaled:
            body["replicas"] = self._spec.scaling.min
        return self._object("apps/v1", "Deployment", body)

    def _pod_disruption_budget(self) -> KubernetesObject:
        """At most one pod at a time is taken away; never none, which would block a node's drain for ever."""
        return self._object(
            "policy/v1",
            "PodDisruptionBudget",
            {
                "maxUnavailable": 1,
                "selector": {"matchLabels": labels(self._spec.name)},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        )

    def _autoscaler(self) -> KubernetesObject:
        scaling = self._spec.scaling
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": scaling.cpu_target}}
        return self._object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self._spec.name},
                "minReplicas": scaling.min,
                "maxReplicas": scaling.max,
                "metrics": [{"type": "Resource", "resource": cpu}],
            },
        )


class HttpServiceObjects(ScaledServiceObjects[HttpService]):
    """A Deployment behind a Service and an Ingress."""

    def _of_kind(self) -> list[KubernetesObject]:
        return [*super()._of_kind(), self._service(), self._ingress()]

    def _start_seconds(self) -> int:
        return self._spec.health_grace

    def _pod(self) -> Pod:
        # The load balancer stops sending before the process is told to stop; ECS drains first by itself.
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
        return self._object(
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
            "alb.ingress.kubernetes.io/healthcheck-interval-seconds": "10",
            "alb.ingress.kubernetes.io/target-group-attributes": (
                f"deregistration_delay.timeout_seconds={spec.drain_seconds}"
            ),
        }
        order = ingress_order(spec.listener_priority)
        return ingress(self._settings, spec.name, spec.path, order, backend, **health)


class WorkerObjects(ScaledServiceObjects[Worker]):
    """A Deployment that nothing calls."""

    def _start_seconds(self) -> int:
        return _WORKER_START_SECONDS


class JobObjects(ServiceObjects[Job]):
    """A CronJob."""

    def _of_kind(self) -> list[KubernetesObject]:
        return [self._cron_job()]

    def _cron_job(self) -> KubernetesObject:
        pod = Pod(
            spec=self._spec,
            settings=self._settings,
            image=self._around.image,
            environment=self._around.environment,
            restart_policy="Never",
        )
        run = {"backoffLimit": 0, "ttlSecondsAfterFinished": 86400, "template": pod.template()}
        return self._object(
            "batch/v1",
            "CronJob",
            {
                "schedule": self._spec.schedule,
                "timeZone": self._spec.timezone,
                "concurrencyPolicy": "Forbid",
                # As on ECS: a run that could not start within the hour is not started late.
                "startingDeadlineSeconds": 3600,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {"spec": run},
            },
        )
