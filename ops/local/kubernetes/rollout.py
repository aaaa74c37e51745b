"""Waits for the Deployments of a namespace, and explains pods that do not start."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.errors import OpsError
from ops.local.kubernetes.kubectl import Kubectl
from ops.local.kubernetes.objects import Object
from ops.local.kubernetes.ownership import PART_OF
from ops.say import Say

POLL_SECONDS = 2.0
# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/#DeploymentSpec
DEFAULT_DEADLINE_SECONDS = 600
SLACK_SECONDS = 30.0  # Kubernetes reports that the deadline is over a little later
# How long a Deployment that Kubernetes has given up is still watched: an earlier run may have lacked what is there now.
GIVEN_UP_SECONDS = 120.0
# Reasons that do not go away while one waits: after three failed pulls; or if the cluster refuses to create the pod.
HOPELESS = {"ImagePullBackOff": 60.0, "ErrImageNeverPull": 0.0, "InvalidImageName": 0.0, "FailedCreate": 30.0}
HINTS = {"ImagePullBackOff": "how nodes get images: docs/kubernetes.md"}


@dataclass(frozen=True)
class State:
    """One Deployment in the cluster.

    Attributes:
        ready: pods of its current version that are available.
        wanted: pods that it should run.
        complete: True once its current version has replaced all earlier ones.
        failed: why Kubernetes gave it up; empty if it did not.
        reason: a word for why it is not complete, as Kubernetes has it; empty if unknown.
        detail: that reason in a sentence.
    """

    ready: int
    wanted: int
    complete: bool
    failed: str = ""
    reason: str = ""
    detail: str = ""

    @property
    def why(self) -> str:
        """The reason and its sentence, or what is known without them."""
        words = f"{self.reason}: {self.detail}" if self.detail and self.reason not in self.detail else self.detail
        return words or self.reason or f"{self.ready} of {self.wanted} pods are ready"


def states(kubectl: Kubectl, *, namespace: str) -> dict[str, State]:
    """Every Deployment of the project, by name. Raises OpsError."""
    found = kubectl.items("deployments,replicasets,pods", "-n", namespace, "-l", f"{PART_OF}={namespace}")
    by_kind: dict[str, list[Object]] = defaultdict(list)
    for entry in found:
        by_kind[entry["kind"]].append(entry)
    sets = {entry["metadata"]["uid"]: entry for entry in by_kind["ReplicaSet"]}
    result = {}
    for deployment in by_kind["Deployment"]:
        own = [entry for entry in sets.values() if _owner(entry) == deployment["metadata"]["uid"]]
        ids = {entry["metadata"]["uid"] for entry in own}
        pods = [entry for entry in by_kind["Pod"] if _owner(entry) in ids]
        result[deployment["metadata"]["name"]] = _state(deployment, own, pods, kubectl, namespace)
    return result


def _owner(entry: Mapping[str, Any]) -> str:
    owners = entry["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("uid", ""))


def _state(deployment: Object, sets: list[Object], pods: list[Object], kubectl: Kubectl, namespace: str) -> State:
    status, wanted = deployment.get("status", {}), int(deployment["spec"].get("replicas", 1))
    updated, available = int(status.get("updatedReplicas", 0)), int(status.get("availableReplicas", 0))
    observed = int(status.get("observedGeneration", 0)) >= int(deployment["metadata"].get("generation", 0))
    complete = observed and updated == wanted == int(status.get("replicas", 0)) and available >= wanted
    if complete:
        return State(available, wanted, complete=True)
    reason, detail = _reason(deployment, sets, pods)
    if reason == "ContainerCreating":
        detail = _warning(pods, kubectl, namespace)
    return State(
        min(updated, available),
        wanted,
        complete=False,
        failed=_failed(deployment) if observed else "",
        reason=reason,
        detail=detail,
    )


def _failed(deployment: Object) -> str:
    for condition in _conditions(deployment):
        if condition["type"] == "Progressing" and condition["status"] == "False":
            return str(condition.get("message") or condition.get("reason", "it makes no progress"))
    return ""


def _conditions(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(entry.get("status", {}).get("conditions") or [])


def _reason(deployment: Object, sets: list[Object], pods: list[Object]) -> tuple[str, str]:
    """Why a Deployment is not complete: its pods are refused, not scheduled, or do not start."""
    for entry in (*sets, deployment):
        for condition in _conditions(entry):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                return str(condition.get("reason", "FailedCreate")), str(condition.get("message", ""))
    found = [reason for pod in pods if (reason := _waiting(pod))[0]]
    return (
        max(found, key=lambda entry: (entry[0] not in {"ContainerCreating", "PodInitializing"}, entry))
        if found
        else (
            "",
            "",
        )
    )


def _waiting(pod: Object) -> tuple[str, str]:
    status = pod.get("status", {})
    for condition in _conditions(pod):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("reason", "Unschedulable")), str(condition.get("message", ""))
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            reason = str(waiting.get("reason", "waiting"))
            ended = container.get("lastState", {}).get("terminated") or {}
            detail = str(waiting.get("message", ""))
            return reason, f"exit code {ended['exitCode']}: {detail}" if "exitCode" in ended else detail
        if container.get("state", {}).get("running") and not container.get("ready"):
            return "NotReady", "its container runs, but its readiness probe does not pass"
    return "", ""


def _warning(pods: list[Object], kubectl: Kubectl, namespace: str) -> str:
    """The last warning about pods that a node cannot start, e.g. a volume whose driver is missing."""
    names = {pod["metadata"]["name"] for pod in pods}
    events = kubectl.items("events", "-n", namespace, "--field-selector=type=Warning,involvedObject.kind=Pod")
    about = [event for event in events if event["involvedObject"]["name"] in names]
    about.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return f"{about[-1]['reason']}: {about[-1]['message']}" if about else ""


# --- waiting ---------------------------------------------------------------------------------------------------------


@dataclass
class _Watch:
    """One Deployment that is waited for."""

    start: float
    deadline: float
    reason: str = ""
    since: float = 0.0
    fault: str = ""
    said: set[str] = field(default_factory=set)


def wait(
    kubectl: Kubectl, deployments: Iterable[Object], *, namespace: str, say: Say, at_most: float | None = None
) -> dict[str, str]:
    """Wait for all Deployments at once; returns the reason of each that did not get ready. Raises OpsError.

    Each is waited for until its own progressDeadlineSeconds are over; less only where waiting cannot help, or if `at_most`
    says so. What holds one up is printed as soon as it is known.
    """
    start = time.monotonic()
    watches = {
        entry["metadata"]["name"]: _Watch(start, start + min(_deadline(entry), at_most or float("inf")))
        for entry in deployments
    }
    open_ones = dict(watches)
    while open_ones:
        now, current = time.monotonic(), states(kubectl, namespace=namespace)
        for name, watch in list(open_ones.items()):
            state = current.get(name)
            if state is None:
                raise OpsError(f"deployment {name} is gone from the cluster")
            _observe(name, watch, state, now, say)
            if state.complete or watch.fault:
                del open_ones[name]
        if open_ones:
            time.sleep(POLL_SECONDS)
    return {name: watch.fault for name, watch in watches.items() if watch.fault}


def _deadline(deployment: Object) -> float:
    return float(deployment["spec"].get("progressDeadlineSeconds", DEFAULT_DEADLINE_SECONDS)) + SLACK_SECONDS


def _observe(name: str, watch: _Watch, state: State, now: float, say: Say) -> None:
    # A pull that failed alternates between two reasons.
    reason = "ImagePullBackOff" if state.reason == "ErrImagePull" else state.reason
    if reason != watch.reason:
        watch.reason, watch.since = reason, now
    if reason not in {"", "NotReady", "ContainerCreating", *watch.said} or (
        reason == "ContainerCreating" and state.detail and state.detail not in watch.said
    ):
        watch.said |= {reason, state.detail} - {"ContainerCreating"}
        say.note(f"{name} waits: {state.why}")
    hopeless = reason in HOPELESS and now - watch.since >= HOPELESS[reason]
    given_up = bool(state.failed) and now - watch.start >= GIVEN_UP_SECONDS
    if state.complete or not (hopeless or given_up or now > watch.deadline):
        return
    hint = f" ({HINTS[reason]})" if reason in HINTS else ""
    watch.fault = f"{state.why if state.reason else state.failed or state.why}{hint}"
