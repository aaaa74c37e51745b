"""The sidecars of a service in its pod: native ones, which start before its own container and stop after it.

https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.fields.sidecars import Sidecar
from config.limits import WRITABLE_GIB
from config.service import ServiceSpec
from stacks.kubernetes.objects import KubernetesObject

# Seconds between two checks, and the seconds that a start may take before a failing check counts; as on ECS.
_PERIOD = 5
_GRACE = 60


@dataclass(frozen=True, kw_only=True)
class Sidecars:
    """The containers and volumes of all sidecars of a service.

    Attributes:
        spec: the service's manifest.
        images: the URI of each sidecar's image, by its name.
        native_only: leaves out those that start after the service's own container; they would keep a pod from ending.
    """

    spec: ServiceSpec
    images: Mapping[str, str]
    native_only: bool = False

    def native(self) -> list[KubernetesObject]:
        """Those that start before the service's own container, in the order of the manifest."""
        return [
            {**self._container(name, sidecar), "restartPolicy": "Always"}
            for name, sidecar in self._chosen()
            if sidecar.starts_before
        ]

    def plain(self) -> list[KubernetesObject]:
        """Those that start after it: a kubelet starts a pod's containers in their order."""
        return [self._container(name, sidecar) for name, sidecar in self._chosen() if not sidecar.starts_before]

    def volumes(self) -> list[KubernetesObject]:
        """A volume for every folder that a sidecar may write to; none may hold more than all folders of the pod together."""
        limit = f"{self.spec.storage or WRITABLE_GIB}Gi"
        return [
            {"name": volume, "emptyDir": {"sizeLimit": limit}}
            for name, sidecar in self._chosen()
            for volume, _ in _mounts(name, sidecar)
        ]

    def _chosen(self) -> list[tuple[str, Sidecar]]:
        return [
            (name, sidecar)
            for name, sidecar in self.spec.sidecars.items()
            if sidecar.starts_before or not self.native_only
        ]

    def _container(self, name: str, sidecar: Sidecar) -> KubernetesObject:
        container: KubernetesObject = {
            "name": name,
            "image": self.images[name],
            "imagePullPolicy": "IfNotPresent",
            "resources": resources(sidecar.cpu, sidecar.memory),
            "securityContext": {
                "runAsUser": sidecar.user,
                "runAsGroup": sidecar.user,
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": volume, "mountPath": folder} for volume, folder in _mounts(name, sidecar)],
        }
        if sidecar.command:
            container["args"] = list(sidecar.command)
        env = self._env(sidecar)
        if env:
            container["env"] = env
        if sidecar.health:
            container |= _probes(sidecar.health.command)
        return container

    def _env(self, sidecar: Sidecar) -> list[KubernetesObject]:
        plain: list[KubernetesObject] = [
            {"name": name, "value": value} for name, value in sorted(sidecar.environment.items())
        ]
        secret = [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": self.spec.name, "key": name}}}
            for name in sorted(sidecar.secrets)
        ]
        return plain + secret


def resources(cpu: int, memory: int, storage: int | None = None) -> KubernetesObject:
    """Requests and limits of a container for CPU units, MiB and, if it asks for any, GiB of disk.

    Memory cannot be taken back from a process, so all that it may use is reserved. CPU can: without a limit there is no
    throttling, and the request is its share when a node is full.
    """
    limits = {"memory": f"{memory}Mi", **({"ephemeral-storage": f"{storage}Gi"} if storage else {})}
    return {"requests": {"cpu": f"{cpu * 1000 // 1024}m", **limits}, "limits": limits}


def _mounts(name: str, sidecar: Sidecar) -> list[tuple[str, str]]:
    return [(f"sidecar-{name}-{number}", folder) for number, folder in enumerate(sidecar.folders)]


def _probes(command: tuple[str, ...]) -> KubernetesObject:
    check = {"exec": {"command": list(command)}, "periodSeconds": _PERIOD, "timeoutSeconds": 5}
    return {
        "startupProbe": {**check, "failureThreshold": _GRACE // _PERIOD},
        "readinessProbe": {**check, "failureThreshold": 3},
        "livenessProbe": {**check, "failureThreshold": 3},
    }
