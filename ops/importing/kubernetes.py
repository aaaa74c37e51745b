"""Kubernetes manifests: a service for each workload, with the other objects that belong to it."""

from __future__ import annotations

import re
from typing import Any, Final

from ops.importing import pod
from ops.importing.draft import Draft, service_name, set_scaling
from ops.importing.kubernetes_routes import reached
from ops.importing.ledger import Ledger, View
from ops.importing.managed import replacement
from ops.importing.neighbours import finish
from ops.importing.values import is_template, whole

_WORKLOADS: Final = {"Deployment": "http", "StatefulSet": "http", "Pod": "http", "CronJob": "job", "Job": "job"}
_USED: Final = ("Service", "Ingress", "ConfigMap", "HorizontalPodAutoscaler", "Secret")
_NOT_HERE: Final = {
    "DaemonSet": "runs on every machine, and Fargate has none",
    "NetworkPolicy": "is written from calls and egress",
    "PodDisruptionBudget": "is written for every service with more than one copy",
    "PersistentVolumeClaim": "keeps data in a pod; use a table, a bucket or a managed database",
    "ServiceAccount": "is written for every service; write rights for what it may do in AWS",
    "Namespace": "is one for all services",
}


def recognizes(document: dict[str, Any]) -> bool:
    """Whether it is a Kubernetes object."""
    return "apiVersion" in document and isinstance(document.get("kind"), str)


def flat(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The objects by kind and name; those of a List one by one."""
    objects: dict[str, Any] = {}
    for document in found:
        inner = document.get("items") if document.get("kind") == "List" else None
        for one in inner if isinstance(inner, list) else [document]:
            if isinstance(one, dict) and recognizes(one):
                metadata = one.get("metadata")
                name = metadata.get("name", "") if isinstance(metadata, dict) else ""
                key = f"{one['kind']}/{name}"
                objects[key if key not in objects else f"{key} ({len(objects)})"] = one
    return objects


def drafts(objects: dict[str, Any], ledger: Ledger) -> tuple[list[Draft], list[str]]:
    """The services of some objects, and a line for each database and each object that has no place here."""
    file = View(objects, ledger)
    written: list[Draft] = []
    lines: list[str] = []
    outside: dict[str, int] = {}
    for key, one in objects.items():
        view = file.at(key)
        for part in ("apiVersion", "kind", "metadata", "status"):
            view.at(part).idle()
        kind, name = one["kind"], key.partition("/")[2]
        image = _pod_spec(view).at("containers", 0, "image").text
        managed = replacement(image)
        if kind in _WORKLOADS and managed:
            view.idle()
            outside |= {service.at("metadata", "name").text: managed[1] for service in _services_of(file, view)} or {
                name: managed[1]
            }
            _idle_beside(file, view)
            lines.append(f"not written: {name} ({image}): use {managed[0]}")
        elif kind in _WORKLOADS:
            written.append(_workload(file, view, service_name(name), ledger))
        elif kind in _NOT_HERE:
            view.idle() if kind != "DaemonSet" else view.lose(_NOT_HERE[kind], "run what it does elsewhere")
            lines.append(f"not written: {kind} {name}: {_NOT_HERE[kind]}")
        elif kind not in _USED:
            view.lose("has no place here", "look for its meaning in docs/manifest.md")
            lines.append(f"not written: {kind} {name}")
    _left_over(file, objects)
    finish(written, {name: port for name, port in outside.items() if port})
    return written, lines


def _pod_spec(view: View) -> View:
    kind = view.at("kind").text
    if kind == "CronJob":
        return view.at("spec", "jobTemplate", "spec", "template", "spec")
    return view.at("spec") if kind == "Pod" else view.at("spec", "template", "spec")


def _labels(view: View) -> dict[str, str]:
    kind = view.at("kind").text
    labels = view.at("metadata", "labels") if kind == "Pod" else view.at("spec", "template", "metadata", "labels")
    return labels.value if isinstance(labels.value, dict) else {}


def _services_of(file: View, view: View) -> list[View]:
    labels = _labels(view)
    return [
        one
        for one in file.each()
        if one.at("kind").text == "Service"
        and isinstance(one.at("spec", "selector").value, dict)
        and one.at("spec", "selector").value.items() <= labels.items()
    ]


def _idle_beside(file: View, view: View) -> None:
    """What belongs to a database that is not written."""
    for service in _services_of(file, view):
        service.idle()
    for name in re.findall(r"'(?:name|claimName)': '([\w.-]+)'", str(_pod_spec(view).value)):
        for kind in ("ConfigMap", "PersistentVolumeClaim"):
            if file.at(f"{kind}/{name}"):
                file.at(f"{kind}/{name}").idle()


def _left_over(file: View, objects: dict[str, Any]) -> None:
    for key, one in objects.items():
        if (key,) in file.ledger.marks:
            continue
        if one["kind"] in ("ConfigMap", "Secret"):
            for part in ("data", "stringData", "binaryData"):
                for entry in file.at(key, part).each():
                    if entry.path not in file.ledger.marks:
                        entry.lose(
                            "is read by no variable here",
                            "write it under environment or secrets, or put it into the image",
                        )
            for part in ("type", "immutable"):
                file.at(key, part).idle()
        elif one["kind"] in ("Service", "Ingress", "HorizontalPodAutoscaler") and not any(
            mark[:2] == (key, "spec") for mark in file.ledger.marks
        ):
            file.at(key).lose(
                "belongs to no workload in this file", "import it with its workload, e.g. the whole folder"
            )


# --- one workload ----------------------------------------------------------------------------------------------------


def _workload(file: View, view: View, name: str, ledger: Ledger) -> Draft:
    kind = view.at("kind").text
    draft = Draft(name, f"{kind} {view.at('metadata', 'name').text}", ledger, scope=[view.path])
    services = _services_of(file, view)
    spec = _pod_spec(view)
    draft.set("kind", _WORKLOADS[kind])
    template = view.at("spec", "jobTemplate", "spec", "template") if kind == "CronJob" else view.at("spec", "template")
    template.at("metadata").idle()
    for part in ("selector", "revisionHistoryLimit", "serviceName", "podManagementPolicy"):
        view.at("spec", part).idle()
    if kind == "StatefulSet":
        view.at("spec", "volumeClaimTemplates").lose(
            "keeps data in a pod", "use a table, a bucket or a managed database"
        )
    if _WORKLOADS[kind] == "http" and not services and not pod.ports(spec):
        draft.set("kind", "worker")
    pod.container(draft, spec, file)
    pod.around(draft, spec)
    if _WORKLOADS[kind] == "job":
        _job(draft, view)
    else:
        _running(draft, view, file)
    if draft.fields["kind"] == "http":
        reached(draft, file, services)
    return draft


def _running(draft: Draft, view: View, file: View) -> None:
    replicas = view.at("spec", "replicas")
    number = whole(replicas.text)
    if number:
        draft.set("scaling", {"min": number, "max": number})
        replicas.carry()
    else:
        replicas.lose("is 0", "write scaling.schedule, which can go down to 0")
    strategy = view.at("spec", "strategy")
    if strategy.at("type").text == "Recreate":
        strategy.lose("stops pods before new ones run", "nothing: deployments keep old tasks until new ones are ready")
    elif strategy:
        strategy.carry()  # old tasks stay until new ones are ready, as with maxUnavailable: 0
    view.at("spec", "updateStrategy").idle()
    for key in ("minReadySeconds", "progressDeadlineSeconds"):
        view.at("spec", key).lose("is how a deployment waits", "write health_grace; a bad deployment is rolled back")
    wanted = view.at("metadata", "name").text
    for scaler in file.each():
        if (
            scaler.at("kind").text == "HorizontalPodAutoscaler"
            and scaler.at("spec", "scaleTargetRef", "name").text == wanted
        ):
            draft.scope.append(scaler.path)
            _scaled(draft, scaler.at("spec"))


def _scaled(draft: Draft, spec: View) -> None:
    spec.at("scaleTargetRef").idle()
    scaling: dict[str, Any] = {"min": 1}
    for key, name in (("minReplicas", "min"), ("maxReplicas", "max"), ("targetCPUUtilizationPercentage", "cpu_target")):
        if whole(spec.at(key).text):
            scaling[name] = int(spec.at(key).carry())
    for metric in spec.at("metrics").each():
        target = metric.at("resource", "target", "averageUtilization")
        what = metric.at("resource", "name").text
        if not target:
            target = metric.at("resource", "targetAverageUtilization")
        if what in ("cpu", "memory") and whole(target.text):
            scaling[f"{what}_target"] = int(target.text)
            metric.carry()
        else:
            metric.lose("is no target here", "write cpu_target, memory_target or requests_target")
    for direction, name in (("scaleUp", "up"), ("scaleDown", "down")):
        window = spec.at("behavior", direction, "stabilizationWindowSeconds")
        if whole(window.text):
            scaling.setdefault("cooldowns", {})[name] = int(window.guess())
            draft.say("scaling", "guessed: cooldowns are the stabilization windows")
    spec.at("behavior").at("scaleUp").at("policies").lose("limits the steps", "nothing: the platforms choose the steps")
    spec.at("behavior").at("scaleDown").at("policies").lose(
        "limits the steps", "nothing: the platforms choose the steps"
    )
    set_scaling(draft, scaling)


def _job(draft: Draft, view: View) -> None:
    spec = view.at("spec")
    if view.at("kind").text == "CronJob":
        _scheduled(draft, spec)
        spec = spec.at("jobTemplate", "spec")
    else:
        draft.say(
            "kind", "it had no schedule: python -m ops run starts it; a migration is before_deploy of its service"
        )
    for key, name in (("activeDeadlineSeconds", "timeout"), ("backoffLimit", "retries")):
        if whole(spec.at(key).text) is not None:
            draft.set(name, int(spec.at(key).carry()))
    spec.at("ttlSecondsAfterFinished").idle()
    for key in ("completions", "parallelism"):
        if not spec.at(key).accept("1"):
            spec.at(key).lose("starts several pods", "start what it needs inside one, or write a worker")


def _scheduled(draft: Draft, spec: View) -> None:
    spec.at("jobTemplate", "metadata").idle()
    for key, name in (("schedule", "schedule"), ("timeZone", "timezone")):
        if spec.at(key).text and not is_template(spec.at(key).value):
            draft.set(name, spec.at(key).carry())
        else:
            spec.at(key).lose("is filled in by another tool", f"write {name}")
    if not spec.at("concurrencyPolicy").accept("Forbid"):
        spec.at("concurrencyPolicy").lose("is not Forbid", "nothing: a run that is due while another runs is left out")
    spec.at("startingDeadlineSeconds").lose("is no field here", "nothing")
    spec.at("suspend").accept("false")
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        spec.at(key).idle()
