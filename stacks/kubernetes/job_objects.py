"""A job on Kubernetes."""

from __future__ import annotations

from config.service import Job
from stacks.kubernetes.objects import KubernetesObject
from stacks.kubernetes.pod import Pod
from stacks.kubernetes.service_objects import ServiceObjects

# The schedule of a job that has none: a CronJob needs one, and 31 February never comes, so nothing would start even if somebody
# resumed it.
_NEVER = "0 0 31 2 *"


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
            # Of the pod, not of the Job, whose limit would cover all attempts.
            of_pod={"activeDeadlineSeconds": self._spec.timeout} if self._spec.timeout else {},
        )
        run = {"backoffLimit": self._spec.retries, "ttlSecondsAfterFinished": 86400, "template": pod.template()}
        return self._named_object(
            "batch/v1",
            "CronJob",
            {
                "schedule": self._spec.schedule or _NEVER,
                **({} if self._spec.schedule else {"suspend": True}),
                "timeZone": self._spec.timezone,
                "concurrencyPolicy": "Forbid",
                # As on ECS: a run that could not start within the hour is not started late.
                "startingDeadlineSeconds": 3600,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {"spec": run},
            },
        )
