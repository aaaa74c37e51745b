"""The objects of one service.

Every pod passes the Pod Security level `restricted`, and every path between pods is one that a service.yaml declares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from config.catalog import Catalog
from config.service import USER_ID, HttpService, Kind, ServiceSpec
from config.settings import Platform, Settings
from stacks.kubernetes.objects import KubernetesObject, ingress, ingress_order, labels, meta, part_of

# Where a pod gets its role's credentials: the Pod Identity agent on its own node.
# https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
_POD_IDENTITY_AGENT = "169.254.170.23/32"
_ANYWHERE = "0.0.0.0/0"
# Probes: a start may take health_grace; after that three misses in a row count.
_PROBE_PERIOD = 5


class ServiceObjects:
    """The objects of one service, from its manifest."""

    def __init__(
        self,
        *,
        spec: ServiceSpec,
        settings: Settings,
        catalog: Catalog,
        image: str,
        environment: Mapping[str, str],
        public_cidrs: Sequence[str],
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._catalog = catalog
        self._image = image
        self._environment = environment
        self._public_cidrs = public_cidrs

    def all(self) -> list[KubernetesObject]:
        """Everything of the service, in the order in which it is applied."""
        objects = [self.service_account(), self.network_policy()]
        if self._spec.secrets:
            objects.append(self.secret_provider_class())
        if self._spec.kind is Kind.JOB:
            return [*objects, self.cron_job()]
        objects += [self.deployment(), self.pod_disruption_budget()]
        if self._spec.autoscaled:
            objects.append(self.autoscaler())
        if self._spec.kind is Kind.HTTP:
            objects += [self.service(), self.ingress()]
        return objects

    def service_account(self) -> KubernetesObject:
        return {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": meta(self._settings, self._spec.name),
            "automountServiceAccountToken": False,
        }

    def deployment(self) -> KubernetesObject:
        spec = self._spec
        body: KubernetesObject = {
            "selector": {"matchLabels": labels(spec.name)},
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": (spec.health_grace if isinstance(spec, HttpService) else 60) + 300,
            # New pods are ready before old ones go, as on ECS (100 to 200 percent).
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "100%"}},
            "template": self._pod_template(restart_policy="Always"),
        }
        if not spec.autoscaled:
            body["replicas"] = spec.scaling.min
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta(self._settings, spec.name),
            "spec": body,
        }

    def cron_job(self) -> KubernetesObject:
        spec = self._spec
        return {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": meta(self._settings, spec.name),
            "spec": {
                "schedule": spec.schedule,
                "timeZone": spec.timezone,
                "concurrencyPolicy": "Forbid",
                # As on ECS: a run that could not start within the hour is not started late.
                "startingDeadlineSeconds": 3600,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {
                    "spec": {
                        "backoffLimit": 0,
                        "ttlSecondsAfterFinished": 86400,
                        "template": self._pod_template(restart_policy="Never"),
                    }
                },
            },
        }

    def _pod_template(self, *, restart_policy: str) -> KubernetesObject:
        spec = self._spec
        # The load balancer stops sending before the process is told to stop; ECS drains first by itself.
        drain = spec.drain_seconds if spec.kind is Kind.HTTP else 0
        pod: KubernetesObject = {
            "serviceAccountName": spec.name,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": restart_policy,
            "terminationGracePeriodSeconds": spec.stop_timeout + drain,
            "nodeSelector": {"kubernetes.io/arch": self._settings.architecture.value},
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER_ID,
                "runAsGroup": USER_ID,
                "fsGroup": USER_ID,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [self._container(drain)],
            "volumes": self._volumes(),
        }
        if spec.kind is not Kind.JOB:
            pod["topologySpreadConstraints"] = self._spread()
        return {"metadata": {"labels": {**labels(spec.name), **part_of(self._settings)}}, "spec": pod}

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

    def _container(self, drain: int) -> KubernetesObject:
        spec = self._spec
        container: KubernetesObject = {
            "name": spec.name,
            "image": self._image,
            "imagePullPolicy": "IfNotPresent",
            "env": self._env(),
            "resources": self._resources(),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": self._volume_mounts(),
        }
        if spec.kind is Kind.HTTP:
            container["ports"] = [{"name": "http", "containerPort": spec.port, "protocol": "TCP"}]
            container["lifecycle"] = {"preStop": {"sleep": {"seconds": drain}}}
            container |= self._probes()
        return container

    def _env(self) -> list[KubernetesObject]:
        plain: list[KubernetesObject] = [{"name": name, "value": value} for name, value in self._environment.items()]
        secret = [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": self._spec.name, "key": name}}}
            for name in sorted(self._spec.secrets)
        ]
        return plain + secret

    def _resources(self) -> KubernetesObject:
        # Memory cannot be taken back from a process, so what it may use is what is reserved. CPU can: no limit, no
        # throttling, and the reservation is its share when a node is full.
        memory = f"{self._spec.memory}Mi"
        cpu = f"{self._spec.cpu * 1000 // 1024}m"
        return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}

    def _probes(self) -> KubernetesObject:
        action = {"httpGet": {"path": self._spec.health, "port": "http"}, "periodSeconds": _PROBE_PERIOD}
        starts = max(1, -(-self._spec.health_grace // _PROBE_PERIOD))
        return {
            "startupProbe": {**action, "failureThreshold": starts, "timeoutSeconds": 3},
            "readinessProbe": {**action, "failureThreshold": 3, "timeoutSeconds": 3},
            "livenessProbe": {**action, "periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5},
        }

    def _volumes(self) -> list[KubernetesObject]:
        volumes: list[KubernetesObject] = [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]
        if self._spec.secrets:
            volumes.append(
                {
                    "name": "secrets",
                    "csi": {
                        "driver": "secrets-store.csi.k8s.io",
                        "readOnly": True,
                        "volumeAttributes": {"secretProviderClass": self._spec.name},
                    },
                }
            )
        return volumes

    def _volume_mounts(self) -> list[KubernetesObject]:
        mounts: list[KubernetesObject] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the one writable folder
        if self._spec.secrets:
            # Mounting is what makes the driver fetch the values and keep the Secret that the variables come from.
            mounts.append({"name": "secrets", "mountPath": "/mnt/secrets", "readOnly": True})
        return mounts

    def secret_provider_class(self) -> KubernetesObject:
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
        return {
            "apiVersion": "secrets-store.csi.x-k8s.io/v1",
            "kind": "SecretProviderClass",
            "metadata": meta(self._settings, self._spec.name),
            "spec": {
                "provider": "aws",
                "parameters": {"usePodIdentity": "true", "objects": json.dumps(objects)},
                "secretObjects": [
                    {
                        "secretName": self._spec.name,
                        "type": "Opaque",
                        "data": [{"objectName": name, "key": name} for name, _ in sources],
                    }
                ],
            },
        }

    def service(self) -> KubernetesObject:
        spec = self._spec
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta(self._settings, spec.name),
            "spec": {
                "type": "ClusterIP",
                "selector": labels(spec.name),
                "ports": [{"name": "http", "port": spec.port, "targetPort": "http", "protocol": "TCP"}],
            },
        }

    def ingress(self) -> KubernetesObject:
        spec = self._spec
        path = spec.path or "/"
        order = ingress_order(spec.listener_priority)
        backend = {"service": {"name": spec.name, "port": {"name": "http"}}}
        health = {
            "alb.ingress.kubernetes.io/healthcheck-path": spec.health or "/",
            "alb.ingress.kubernetes.io/healthcheck-interval-seconds": "10",
            "alb.ingress.kubernetes.io/target-group-attributes": (
                f"deregistration_delay.timeout_seconds={spec.drain_seconds}"
            ),
        }
        return ingress(self._settings, spec.name, path, order, backend, **health)

    def pod_disruption_budget(self) -> KubernetesObject:
        """At most one pod at a time is taken away; never none, which would block a node's drain for ever."""
        return {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": meta(self._settings, self._spec.name),
            "spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": labels(self._spec.name)},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        }

    def autoscaler(self) -> KubernetesObject:
        spec = self._spec
        return {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": meta(self._settings, spec.name),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec.name},
                "minReplicas": spec.scaling.min,
                "maxReplicas": spec.scaling.max,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {
                            "name": "cpu",
                            "target": {"type": "Utilization", "averageUtilization": spec.scaling.cpu_target},
                        },
                    }
                ],
            },
        }

    def network_policy(self) -> KubernetesObject:
        """Exactly the declared calls: in from the load balancer and the callers, out to the callees and to AWS."""
        spec = self._spec
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": meta(self._settings, spec.name),
            "spec": {
                "podSelector": {"matchLabels": labels(spec.name)},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": self._admitted(),
                "egress": self._reachable(),
            },
        }

    def _admitted(self) -> list[KubernetesObject]:
        spec = self._spec
        if spec.kind is not Kind.HTTP:
            return []
        sources: list[KubernetesObject] = [{"ipBlock": {"cidr": cidr}} for cidr in self._public_cidrs]
        sources += [
            {"podSelector": {"matchLabels": labels(caller.name)}}
            for caller in self._catalog.callers(spec.name, Platform.EKS)
        ]
        return [{"from": sources, "ports": [{"protocol": "TCP", "port": spec.port}]}]

    def _reachable(self) -> list[KubernetesObject]:
        callees = [self._catalog.service(name) for name in self._spec.calls]
        calls = [
            {
                "to": [{"podSelector": {"matchLabels": labels(callee.name)}}],
                "ports": [{"protocol": "TCP", "port": callee.port}],
            }
            for callee in callees
        ]
        https = {"to": [{"ipBlock": {"cidr": _ANYWHERE}}], "ports": [{"protocol": "TCP", "port": 443}]}
        if not (self._spec.table or self._spec.secrets):
            return [*calls, https]
        agent = {"to": [{"ipBlock": {"cidr": _POD_IDENTITY_AGENT}}], "ports": [{"protocol": "TCP", "port": 80}]}
        return [*calls, https, agent]
