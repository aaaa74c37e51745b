"""Runs the Jobs of `before_deploy` to their end before the Deployments that wait for them, as the stacks do on AWS."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Iterable, Sequence

from ops.errors import OpsError
from ops.local.kubernetes import ownership
from ops.local.kubernetes.cluster import Cluster
from ops.local.kubernetes.objects import SERVICE_LABEL, Object

POLL_SECONDS = 1.0
SLACK_SECONDS = 30.0  # Kubernetes reports that the deadline is over a little later


def named(entries: Iterable[Object]) -> list[Object]:
    """The objects, each Job with a name that is new whenever its content is, since a Job's template cannot be changed."""
    copies = copy.deepcopy(list(entries))
    for entry in copies:
        if entry["kind"] == "Job":
            content = hashlib.sha256(json.dumps(entry["spec"], sort_keys=True).encode()).hexdigest()
            entry["metadata"]["name"] += f"-{content[:8]}"
    return copies


def split(entries: Sequence[Object]) -> tuple[list[Object], list[Object], list[Object]]:
    """What is applied first, the Jobs, and the Deployments that wait for them."""
    jobs = [entry for entry in entries if entry["kind"] == "Job"]
    services = {_service(entry) for entry in jobs}
    waiting = [entry for entry in entries if entry["kind"] == "Deployment" and _service(entry) in services]
    return [entry for entry in entries if entry not in jobs and entry not in waiting], jobs, waiting


def restart_failed(cluster: Cluster, jobs: Sequence[Object], *, namespace: str) -> None:
    """Delete those that failed in an earlier run, so that they run again. Raises OpsError."""
    failed = [job for job in jobs if _ended(cluster, job, namespace) == "Failed"]
    ownership.delete(cluster, failed, namespace=namespace)


def wait(cluster: Cluster, jobs: Sequence[Object], *, namespace: str) -> None:
    """Return once all are complete. Raises OpsError with the last line of one that failed."""
    for job in jobs:
        name, service = job["metadata"]["name"], _service(job)
        deadline = time.monotonic() + float(job["spec"]["activeDeadlineSeconds"]) + SLACK_SECONDS
        while not (ended := _ended(cluster, job, namespace)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if ended != "Complete":
            said = cluster.kubectl.run("logs", "-n", namespace, f"job/{name}", "--tail=1").out.strip()
            why = "failed" if ended else f"did not end within {job['spec']['activeDeadlineSeconds']} s"
            raise OpsError(
                f"{service}: before_deploy {why} in the cluster{f': {said[:500]}' if said else ''}; its Deployment is as before"
            )


def _ended(cluster: Cluster, job: Object, namespace: str) -> str:
    """Complete or Failed; empty while a Job runs, or if it is not there. Raises OpsError."""
    for found in cluster.kubectl.items(cluster.resource(job), "-n", namespace):
        for condition in found.get("status", {}).get("conditions") or []:
            if condition["type"] in {"Complete", "Failed"} and condition["status"] == "True":
                return str(condition["type"])
    return ""


def _service(entry: Object) -> str:
    return str(entry["metadata"].get("labels", {}).get(SERVICE_LABEL, ""))
