"""A job on Kubernetes."""

from __future__ import annotations

from config.service import Job
from stacks.kubernetes.objects import KubernetesObject
from stacks.kubernetes.pod import Pod
from stacks.kubernetes.service_objects import ServiceObjects


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
            sidecar_images=self._around.sidecar_images,
            restart_policy="Never",
        )
        run = {"backoffLimit": 0, "ttlSecondsAfterFinished": 86400, "template": pod.template()}
        return self._named_object(
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
