"""Kubernetes objects as plain data: what is applied to the cluster, readable and testable without one.

Every pod passes the Pod Security level `restricted`, and every path between pods is one that a manifest declares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from config.catalog import Catalog
from config.service import USER_ID, HttpService, Kind, ServiceSpec
from config.settings import EKS_SERVICE_CIDR, Platform, Settings

Manifest = dict[str, Any]

# The name of the NodeClass, NodePool and IngressClass; one of each a cluster.
SHARED = "shared"
# The Ingress that holds the load balancer from the cluster's first day to its last.
ENTRANCE = "entrance"
# Where a pod gets its role's credentials: the Pod Identity agent on its own node.
# https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
_POD_IDENTITY_AGENT = "169.254.170.23/32"
_ANYWHERE = "0.0.0.0/0"
# Ingresses of one group are ordered by number, from -1000 to 1000, the lowest first; listener rules from 1 to 50000. Each
# row maps a band of listener_priority to a range of orders, so that both load balancers try paths in the same order.
# https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html
_ORDERS = ((1, 5000, -1000, -801), (5001, 15000, -800, -401), (15001, 49999, -400, 997), (50000, 50000, 998, 998))
_LAST_ORDER = 1000
# Probes: a start may take health_grace; after that three misses in a row count.
_PROBE_PERIOD = 5


def labels(name: str) -> dict[str, str]:
    """The label that selects a service's pods, and nothing else: selectors can never be changed afterwards."""
    return {"app.kubernetes.io/name": name}


def _meta(settings: Settings, name: str, **extra: Any) -> Manifest:
    return {"name": name, "namespace": settings.app, "labels": {**labels(name), **_part_of(settings)}, **extra}


def _part_of(settings: Settings) -> dict[str, str]:
    return {"app.kubernetes.io/part-of": settings.app}


# --- the cluster's own ------------------------------------------------------------------------------------------------


def network_policy_controller() -> Manifest:
    """Switches NetworkPolicy on; Auto Mode ignores policies without it.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-net-pol.html
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "amazon-vpc-cni", "namespace": "kube-system"},
        "data": {"enable-network-policy-controller": "true"},
    }


def node_class(settings: Settings, *, role_name: str, subnet_ids: Sequence[str], security_group_id: str) -> Manifest:
    """What nodes are made of. Source: https://docs.aws.amazon.com/eks/latest/userguide/create-node-class.html"""
    return {
        "apiVersion": "eks.amazonaws.com/v1",
        "kind": "NodeClass",
        "metadata": {"name": SHARED},
        "spec": {
            "role": role_name,
            "subnetSelectorTerms": [{"id": subnet_id} for subnet_id in subnet_ids],
            "securityGroupSelectorTerms": [{"id": security_group_id}],
            "networkPolicy": "DefaultAllow",
            "networkPolicyEventLogs": "Enabled",
            "tags": {"app": settings.app, "environment": settings.environment},
        },
    }


def node_pool(settings: Settings) -> Manifest:
    """Which nodes may be started. Source: https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html"""
    capacity = ["spot", "on-demand"] if settings.spot_weight else ["on-demand"]
    requirements = {
        "kubernetes.io/arch": [settings.architecture.value],
        "kubernetes.io/os": ["linux"],
        "karpenter.sh/capacity-type": capacity,
        "eks.amazonaws.com/instance-category": ["c", "m", "r", "t"],
    }
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": SHARED},
        "spec": {
            "template": {
                "spec": {
                    "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": SHARED},
                    "requirements": [
                        {"key": key, "operator": "In", "values": values} for key, values in requirements.items()
                    ],
                    # Two weeks: nodes are replaced, and so patched, well within Auto Mode's limit of 21 days.
                    "expireAfter": "336h",
                    "terminationGracePeriod": "1h",
                }
            },
            "disruption": {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "1m"},
            "limits": {"cpu": "64", "memory": "256Gi"},
        },
    }


def namespace(settings: Settings) -> list[Manifest]:
    """The namespace of all services: `restricted` pods, nothing in or out that is not declared, names resolve."""
    restricted = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    dns_ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    # Auto Mode answers DNS on every node, behind the service address.
    resolvers = [{"ipBlock": {"cidr": cidr}} for cidr in (EKS_SERVICE_CIDR, settings.vpc_cidr)]
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": settings.app, "labels": {**restricted, **_part_of(settings)}},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "default-deny", "namespace": settings.app},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "allow-dns", "namespace": settings.app},
            "spec": {
                "podSelector": {},
                "policyTypes": ["Egress"],
                "egress": [{"to": resolvers, "ports": dns_ports}],
            },
        },
    ]


def ingress_class(settings: Settings, certificate_arn: str | None) -> list[Manifest]:
    """One class whose group makes all Ingresses share one load balancer.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html
    """
    spec: Manifest = {"scheme": "internet-facing", "ipAddressType": "ipv4", "group": {"name": settings.prefix}}
    if certificate_arn:
        spec["certificateARNs"] = [certificate_arn]
    return [
        {
            "apiVersion": "eks.amazonaws.com/v1",
            "kind": "IngressClassParams",
            "metadata": {"name": SHARED},
            "spec": spec,
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": SHARED},
            "spec": {
                "controller": "eks.amazonaws.com/alb",
                "parameters": {"apiGroup": "eks.amazonaws.com", "kind": "IngressClassParams", "name": SHARED},
            },
        },
    ]


def _ingress_annotations(settings: Settings, order: int) -> dict[str, str]:
    prefix = "alb.ingress.kubernetes.io"
    listeners = [{"HTTP": 80}, {"HTTPS": 443}] if settings.domain else [{"HTTP": 80}]
    annotations = {
        f"{prefix}/target-type": "ip",
        f"{prefix}/group.order": str(order),
        f"{prefix}/listen-ports": json.dumps(listeners),
        f"{prefix}/inbound-cidrs": ",".join(settings.load_balancer_cidrs),
    }
    if settings.domain:
        annotations[f"{prefix}/ssl-redirect"] = "443"
    return annotations


def _ingress(settings: Settings, name: str, path: str, order: int, backend: Manifest, **annotations: str) -> Manifest:
    rule: Manifest = {"http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}
    if settings.domain:
        rule = {"host": f"eks.{settings.domain.name}", **rule}
    meta = _meta(settings, name, annotations={**_ingress_annotations(settings, order), **annotations})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": meta,
        "spec": {"ingressClassName": SHARED, "rules": [rule]},
    }


def ingress_order(priority: int) -> int:
    """The order of an Ingress in its group that stands for a listener rule's priority (1 to 50000)."""
    first, last, low, high = next(band for band in _ORDERS if priority <= band[1])
    return low + (priority - first) * (high - low) // max(1, last - first)


def entrance(settings: Settings) -> Manifest:
    """Answers 404 where no service has the path; the last rule of all."""
    action = {
        "type": "fixed-response",
        "fixedResponseConfig": {
            "contentType": "application/json",
            "statusCode": "404",
            "messageBody": '{"title":"No service has this path","status":404}',
        },
    }
    backend = {"service": {"name": "not-found", "port": {"name": "use-annotation"}}}
    annotation = {"alb.ingress.kubernetes.io/actions.not-found": json.dumps(action)}
    return _ingress(settings, ENTRANCE, "/", _LAST_ORDER, backend, **annotation)


# --- a service's own --------------------------------------------------------------------------------------------------


class ServiceManifests:
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

    def all(self) -> list[Manifest]:
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

    def service_account(self) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": _meta(self._settings, self._spec.name),
            "automountServiceAccountToken": False,
        }

    def deployment(self) -> Manifest:
        spec = self._spec
        body: Manifest = {
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
            "metadata": _meta(self._settings, spec.name),
            "spec": body,
        }

    def cron_job(self) -> Manifest:
        spec = self._spec
        return {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": _meta(self._settings, spec.name),
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

    def _pod_template(self, *, restart_policy: str) -> Manifest:
        spec = self._spec
        # The load balancer stops sending before the process is told to stop; ECS drains first by itself.
        drain = spec.drain_seconds if spec.kind is Kind.HTTP else 0
        pod: Manifest = {
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
        return {"metadata": {"labels": {**labels(spec.name), **_part_of(self._settings)}}, "spec": pod}

    def _spread(self) -> list[Manifest]:
        return [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels(self._spec.name)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ]

    def _container(self, drain: int) -> Manifest:
        spec = self._spec
        container: Manifest = {
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

    def _env(self) -> list[Manifest]:
        plain: list[Manifest] = [{"name": name, "value": value} for name, value in self._environment.items()]
        secret = [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": self._spec.name, "key": name}}}
            for name in sorted(self._spec.secrets)
        ]
        return plain + secret

    def _resources(self) -> Manifest:
        # Memory cannot be taken back from a process, so what it may use is what is reserved. CPU can: no limit, no
        # throttling, and the reservation is its share when a node is full.
        memory = f"{self._spec.memory}Mi"
        cpu = f"{self._spec.cpu * 1000 // 1024}m"
        return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}

    def _probes(self) -> Manifest:
        action = {"httpGet": {"path": self._spec.health, "port": "http"}, "periodSeconds": _PROBE_PERIOD}
        starts = max(1, -(-self._spec.health_grace // _PROBE_PERIOD))
        return {
            "startupProbe": {**action, "failureThreshold": starts, "timeoutSeconds": 3},
            "readinessProbe": {**action, "failureThreshold": 3, "timeoutSeconds": 3},
            "livenessProbe": {**action, "periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5},
        }

    def _volumes(self) -> list[Manifest]:
        volumes: list[Manifest] = [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]
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

    def _volume_mounts(self) -> list[Manifest]:
        mounts: list[Manifest] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the one writable folder
        if self._spec.secrets:
            # Mounting is what makes the driver fetch the values and keep the Secret that the variables come from.
            mounts.append({"name": "secrets", "mountPath": "/mnt/secrets", "readOnly": True})
        return mounts

    def secret_provider_class(self) -> Manifest:
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
            "metadata": _meta(self._settings, self._spec.name),
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

    def service(self) -> Manifest:
        spec = self._spec
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _meta(self._settings, spec.name),
            "spec": {
                "type": "ClusterIP",
                "selector": labels(spec.name),
                "ports": [{"name": "http", "port": spec.port, "targetPort": "http", "protocol": "TCP"}],
            },
        }

    def ingress(self) -> Manifest:
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
        return _ingress(self._settings, spec.name, path, order, backend, **health)

    def pod_disruption_budget(self) -> Manifest:
        """At most one pod at a time is taken away; never none, which would block a node's drain for ever."""
        return {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": _meta(self._settings, self._spec.name),
            "spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": labels(self._spec.name)},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        }

    def autoscaler(self) -> Manifest:
        spec = self._spec
        return {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": _meta(self._settings, spec.name),
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

    def network_policy(self) -> Manifest:
        """Exactly the declared calls: in from the load balancer and the callers, out to the callees and to AWS."""
        spec = self._spec
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": _meta(self._settings, spec.name),
            "spec": {
                "podSelector": {"matchLabels": labels(spec.name)},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": self._admitted(),
                "egress": self._reachable(),
            },
        }

    def _admitted(self) -> list[Manifest]:
        spec = self._spec
        if spec.kind is not Kind.HTTP:
            return []
        sources: list[Manifest] = [{"ipBlock": {"cidr": cidr}} for cidr in self._public_cidrs]
        sources += [
            {"podSelector": {"matchLabels": labels(caller.name)}}
            for caller in self._catalog.callers(spec.name, Platform.EKS)
        ]
        return [{"from": sources, "ports": [{"protocol": "TCP", "port": spec.port}]}]

    def _reachable(self) -> list[Manifest]:
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
