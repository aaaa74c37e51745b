"""One service's pod on Kubernetes: its user, file system, variables and resources.

Every pod passes the Pod Security level `restricted`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from config.fields.process import TMP
from config.limits import WRITABLE_GIB
from config.service import ServiceSpec
from config.settings import Settings
from stacks.kubernetes.objects import KubernetesObject, labels, part_of
from stacks.kubernetes.sidecars import Sidecars, resources


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod of any kind of service; each kind adds its own fields.

    Attributes:
        spec: the service's service.yaml.
        settings: the environment.
        image: the image's URI.
        environment: variables and their values.
        restart_policy: Always, or Never for a pod that ends by itself.
        sidecar_images: the URI of each sidecar's image, by its name.
        drain: seconds before SIGTERM, in which the load balancer stops sending.
        of_container: additional fields of the container.
        of_pod: additional fields of the pod.
    """

    spec: ServiceSpec
    settings: Settings
    image: str
    environment: Mapping[str, str]
    restart_policy: str
    sidecar_images: Mapping[str, str] = field(default_factory=dict)
    drain: int = 0
    of_container: KubernetesObject = field(default_factory=dict)
    of_pod: KubernetesObject = field(default_factory=dict)

    def template(self) -> KubernetesObject:
        """The pod template of a Deployment or a Job."""
        spec = self.spec
        user, group = spec.user_and_group
        pod: KubernetesObject = {
            "serviceAccountName": spec.name,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": self.restart_policy,
            "terminationGracePeriodSeconds": spec.stop_timeout + self.drain,
            "nodeSelector": {"kubernetes.io/arch": self.settings.architecture.value},
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": user,
                "runAsGroup": group,
                "fsGroup": group,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **({"initContainers": native} if (native := self._sidecars.native()) else {}),
            "containers": [self._container(), *self._sidecars.plain()],
            "volumes": [*self._volumes(), *self._sidecars.volumes()],
            **self.of_pod,
        }
        return {"metadata": {"labels": {**labels(spec.name), **part_of(self.settings)}}, "spec": pod}

    @cached_property
    def _sidecars(self) -> Sidecars:
        return Sidecars(spec=self.spec, images=self.sidecar_images, native_only=self.restart_policy == "Never")

    def _container(self) -> KubernetesObject:
        return {
            "name": self.spec.name,
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            **self._process(),
            "env": self._env(),
            "resources": resources(self.spec.own_cpu, self.spec.own_memory, self.spec.storage),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": self._volume_mounts(),
            **self.of_container,
        }

    def _process(self) -> KubernetesObject:
        """Kubernetes calls the image's ENTRYPOINT command, and its CMD args."""
        words = {"command": self.spec.entrypoint, "args": self.spec.command}
        return {name: list(given) for name, given in words.items() if given}

    def _env(self) -> list[KubernetesObject]:
        plain: list[KubernetesObject] = [{"name": name, "value": value} for name, value in self.environment.items()]
        secret = [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": self.spec.name, "key": name}}}
            for name in sorted(self.spec.secrets)
        ]
        return plain + secret

    def _volumes(self) -> list[KubernetesObject]:
        volumes: list[KubernetesObject] = [
            {"name": name, "emptyDir": {"sizeLimit": self._size_limit(path)}}
            for name, path in self.spec.volumes.items()
        ]
        if self.spec.secrets:
            volumes.append(
                {
                    "name": "secrets",
                    "csi": {
                        "driver": "secrets-store.csi.k8s.io",
                        "readOnly": True,
                        "volumeAttributes": {"secretProviderClass": self.spec.name},
                    },
                }
            )
        return volumes

    def _size_limit(self, folder: str) -> str:
        """No folder may hold more than all together; /tmp perhaps less."""
        if folder == TMP and self.spec.tmp_size:
            return f"{self.spec.tmp_size}Mi"
        return f"{self.spec.storage or WRITABLE_GIB}Gi"

    def _volume_mounts(self) -> list[KubernetesObject]:
        mounts: list[KubernetesObject] = [{"name": name, "mountPath": path} for name, path in self.spec.volumes.items()]
        if self.spec.secrets:
            # The mount makes the driver fetch the values and keep the Secret that the variables come from.
            mounts.append({"name": "secrets", "mountPath": "/mnt/secrets", "readOnly": True})
        return mounts
