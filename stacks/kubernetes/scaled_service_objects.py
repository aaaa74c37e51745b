"""What http services and workers have in common on Kubernetes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TypeVar

from config.fields.scaling import Cooldowns
from config.service import ScaledService
from stacks.kubernetes.migration_objects import migration_account, migration_job, migration_policy
from stacks.kubernetes.objects import MIGRATION, KubernetesObject, labels
from stacks.kubernetes.pod import Pod
from stacks.kubernetes.service_objects import ServiceObjects

# How long a rollout may take besides the start of its pods: new nodes, and image pulls.
_ROLLOUT_SECONDS = 300

# Percent of the CPU request; an autoscaler must have a metric even where min and max leave it nothing to decide.
_ANY_TARGET = 80

AnyScaled = TypeVar("AnyScaled", bound=ScaledService)


class ScaledServiceObjects(ServiceObjects[AnyScaled]):
    """A Deployment, its disruption budget and its autoscaler."""

    def _before(self) -> dict[str, list[KubernetesObject]]:
        scaling = {"Scaling": [self._pod_disruption_budget(), self._autoscaler()]}
        return {**super()._before(), **scaling, **self._migration()}

    def _migration(self) -> dict[str, list[KubernetesObject]]:
        """The group whose Job ends before the next group is applied, if the service has one."""
        before, name = self._spec.before_deploy, self._spec.name
        if before is None:
            return {}
        account = migration_account(self._settings, name)
        policy = migration_policy(self._settings, name, self._reachable())
        return {MIGRATION: [account, policy, migration_job(self._settings, before, self._bare_pod())]}

    def _of_kind(self) -> list[KubernetesObject]:
        return [self._deployment()]

    @abstractmethod
    def _start_seconds(self) -> int:
        """How long a pod may take to start."""

    def _pod(self) -> Pod:
        """The pod that the Deployment keeps running."""
        return replace(self._bare_pod(), of_pod={"topologySpreadConstraints": self._spread()})

    def _bare_pod(self) -> Pod:
        """The same without what depends on the Deployment."""
        return Pod(
            spec=self._spec,
            settings=self._settings,
            image=self._around.image,
            environment=self._around.environment,
            sidecar_images=self._around.sidecar_images,
            restart_policy="Always",
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
            # New pods are ready before old ones go, as on ECS. A quarter at a time: with all at once, every old pod could be gone
            # before the load balancer takes any new one for healthy.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "template": self._pod().template(),
        }
        return self._named_object("apps/v1", "Deployment", body)

    def _pod_disruption_budget(self) -> KubernetesObject:
        """At most one pod at a time may be evicted; zero would block a node's drain for ever."""
        return self._named_object(
            "policy/v1",
            "PodDisruptionBudget",
            {
                "maxUnavailable": 1,
                "selector": {"matchLabels": labels(self._spec.name)},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        )

    def _autoscaler(self) -> KubernetesObject:
        """Always there, with min and max the same for a fixed number, so that the Deployment never has `replicas`.

        A Deployment that loses the field goes to one pod at once, and one that gets it is taken from its autoscaler.
        https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling
        """
        scaling = self._spec.scaling
        by_cpu = scaling.cpu_target or (None if scaling.memory_target else _ANY_TARGET)
        targets = {"cpu": by_cpu, "memory": scaling.memory_target}
        return self._named_object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self._spec.name},
                "minReplicas": scaling.min,
                "maxReplicas": scaling.max,
                "metrics": [_utilization(name, percent) for name, percent in targets.items() if percent],
                **_behavior(scaling.cooldowns),
            },
        )


def _utilization(resource: str, percent: int) -> KubernetesObject:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": resource, "target": target}}


def _behavior(cooldowns: Cooldowns | None) -> KubernetesObject:
    """The autoscaler goes by the gentlest of what it would have done in the last seconds.

    https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#stabilization-window
    """
    if cooldowns is None:
        return {}
    windows = {"scaleUp": cooldowns.up, "scaleDown": cooldowns.down}
    behavior = {
        name: {"stabilizationWindowSeconds": seconds} for name, seconds in windows.items() if seconds is not None
    }
    return {"behavior": behavior} if behavior else {}
