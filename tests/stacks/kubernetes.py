"""What a Kubernetes API server would check or do with an object, for tests without a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

Object = dict[str, Any]

_SUFFIXES = {"": 1, "m": Fraction(1, 1000), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SUFFIXES |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
_RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC")
WORKLOADS = ("Deployment", "CronJob", "Job")


def quantity(text: str) -> Fraction:
    """A quantity as a number. Raises ValueError where Kubernetes would refuse it.

    Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?", text)
    if not match:
        raise ValueError(f"{text!r} is not a quantity")
    return Fraction(match[1]) * _SUFFIXES[match[2] or ""]


def pod_template(workload: Object) -> Object:
    """The pod template of a Deployment, Job or CronJob."""
    spec: Object = workload["spec"]
    if workload["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: Object = spec["template"]
    return template


def workloads(objects: Iterable[Object]) -> list[Object]:
    return [o for o in objects if o["kind"] in WORKLOADS]


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector matches a set of labels; an empty one matches all."""
    return selector.get("matchLabels", {}).items() <= labels.items()


def restricted_faults(pod: Object) -> Iterator[str]:
    """The violations of the Pod Security level `restricted` in a pod spec; none if it would be admitted."""
    yield from (field for field in _HOST_FIELDS if pod.get(field))
    own = pod.get("securityContext", {})
    for volume in pod.get("volumes", []):
        if not set(volume) - {"name"} <= _RESTRICTED_VOLUMES:
            yield f"volume {volume['name']}"
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        yield from (f"{container['name']}: {fault}" for fault in _container_faults(container, own))


def _container_faults(container: Object, pod: Object) -> Iterator[str]:
    own = container.get("securityContext", {})
    effective = {**pod, **own}
    capabilities = own.get("capabilities", {})
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if effective.get("runAsNonRoot") is not True:
        yield "runAsNonRoot"
    if effective.get("runAsUser", 1) == 0:
        yield "runAsUser"
    if effective.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile"
    if "ALL" not in capabilities.get("drop", []) or not set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"}:
        yield "capabilities"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "hostPort"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"


def port_number(container: Object, port: str | int) -> int | None:
    """The container port with this name or number, or None."""
    declared = container.get("ports", [])
    return next((p["containerPort"] for p in declared if port in (p.get("name"), p["containerPort"])), None)


def admitted(policies: Iterable[Object], pod: dict[str, str], direction: str) -> list[tuple[str, int | None]]:
    """(peer, port) of each path that the policies selecting a pod open; a peer reads `pod name`, `pod namespace/name` or `cidr`.

    Raises AssertionError if no policy selects the pod: then everything would be open.
    """
    selecting = [
        p["spec"] for p in policies if direction in p["spec"]["policyTypes"] and selects(p["spec"]["podSelector"], pod)
    ]
    assert selecting, "no policy selects the pod"
    side, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    return [
        (_peer(peer), port.get("port"))
        for spec in selecting
        for rule in spec.get(side, [])
        for peer in rule.get(peers) or [{"everything": True}]
        for port in rule.get("ports") or [{}]
    ]


def _peer(peer: Object) -> str:
    if set(peer) == {"ipBlock"} and set(peer["ipBlock"]) <= {"cidr", "except"}:
        cidr: str = peer["ipBlock"]["cidr"]
        return cidr
    if set(peer) == {"namespaceSelector", "podSelector"}:
        place = ",".join(peer["namespaceSelector"]["matchLabels"].values())
        return f"pod {place}/" + ",".join(peer["podSelector"]["matchLabels"].values())
    if set(peer) == {"podSelector"}:
        return "pod " + ",".join(peer["podSelector"].get("matchLabels", {}).values())
    return f"unexpected {peer}"
