"""A service on EKS, read from the Kubernetes objects of its stack."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ops.review.workload import (
    Facts,
    Workload,
    at,
    each,
    first,
    listed,
    number,
    parsed,
    seconds,
    secret,
    text,
    whole,
    words,
)

Object = Mapping[str, Any]

_ALB: Final = "alb.ingress.kubernetes.io/"
_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_UNITS: Final = {"m": 0.001, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "": 1}
_UNITS_OF_TWO: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_DISK: Final = 20  # GiB that folders may hold unless a service asks for more (config/limits.py)
_ARCHITECTURES: Final = {"amd64": "x86_64"}
# What every service may reach: AWS, and the agent that gives it its role.
_USUAL: Final = frozenset({"tcp 443 to 0.0.0.0/0", "tcp 80 to 169.254.170.23/32"})
_OWN_HOST: Final = re.compile(r"(?:internal-)?eks\.")
_CHECKS: Final = {"httpGet": "http", "grpc": "grpc", "tcpSocket": "tcp"}


def eks_workload(service: str, objects: Sequence[Object]) -> Workload | None:
    """The service; None if the objects run none. Values of another form than Kubernetes' are left out."""
    by_kind: dict[str, list[Object]] = {}
    for item in objects:
        by_kind.setdefault(text(item.get("kind")), []).append(item)
    workload = next((by_kind[kind][0] for kind in ("Deployment", "CronJob", "StatefulSet") if kind in by_kind), None)
    if workload is None:
        return None
    pod = pod_of(workload)
    own = first(at(pod, "containers"), "name", service) or next(each(pod, "containers"), {})
    others = [item for item in (*each(pod, "initContainers"), *each(pod, "containers")) if item is not own]
    kind = "job" if "CronJob" in by_kind else "http" if "Service" in by_kind else "worker"
    facts: Facts = {"kind": kind}
    facts |= _size(pod, own, others) | _traffic(by_kind, own) | _health(by_kind, own)
    facts |= _copies(by_kind) | _runs(workload) | _process(pod, own) | _network(service, by_kind)
    facts["before_deploy"] = words(at(pod_of(next(iter(by_kind.get("Job", ())), {})), "containers", 0, "args"))
    facts["sidecars"] = listed(item.get("name") for item in others)
    sources = _sources(by_kind)
    variables = _variables(own, sources)
    for item in others:
        name = f"{text(item.get('name'))}: "
        facts |= {f"{name}{key}": value for key, value in _sidecar(item).items()}
        variables |= {f"{name}{key}": value for key, value in _variables(item, sources).items()}
    images = {text(item.get("name")): text(item.get("image")) for item in (own, *others) if item}
    return Workload(kind, images, facts | variables)


def pod_of(workload: Object) -> Any:
    """The pod's spec in a Deployment, Job or CronJob."""
    if workload.get("kind") == "CronJob":
        return at(workload, "spec", "jobTemplate", "spec", "template", "spec")
    return at(workload, "spec", "template", "spec")


def quantity(value: Any) -> float | None:
    """A quantity as a number; None if it is none.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    found = _QUANTITY.fullmatch(text(value))
    return float(found[1]) * ({**_UNITS, **_UNITS_OF_TWO})[found[2] or ""] if found else None


def _cpu(container: Object) -> int | None:
    """In CPU units, which Kubernetes' thousandths were rounded down from."""
    found = quantity(at(container, "resources", "requests", "cpu"))
    return None if found is None else math.ceil(found * 1024 - 1e-6)


def _memory(container: Object) -> float | None:
    found = quantity(at(container, "resources", "limits", "memory"))
    return None if found is None else found / 2**20


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _size(pod: Any, own: Object, others: Sequence[Object]) -> Facts:
    everyone = (own, *others)
    disk = quantity(at(own, "resources", "limits", "ephemeral-storage"))
    architecture = text(at(pod, "nodeSelector", "kubernetes.io/arch"))
    folder = text(at(first(at(pod, "volumes"), "name", "tmp"), "emptyDir", "sizeLimit"))
    return {
        "cpu": whole(_sum([_cpu(item) for item in everyone])),
        "memory": whole(_sum([_memory(item) for item in everyone]), "MiB"),
        "storage": whole(_DISK if disk is None else disk / 2**30, "GiB"),
        "architecture": _ARCHITECTURES.get(architecture, architecture),
        "writable": listed(mount.get("mountPath") for mount in each(own, "volumeMounts") if not mount.get("readOnly")),
        "tmp_size": f"{folder.removesuffix('Mi')} MiB" if folder.endswith("Mi") else "",
    }


def _process(pod: Any, own: Object) -> Facts:
    stop = number(at(pod, "terminationGracePeriodSeconds"))
    pause = number(at(own, "lifecycle", "preStop", "sleep", "seconds")) or 0
    return {
        **_run_as(at(pod, "securityContext"), own),
        "stop_timeout": "" if stop is None else whole(stop - pause, "s"),
    }


def _run_as(context: Any, container: Object) -> Facts:
    user, group = text(at(context, "runAsUser")), text(at(context, "runAsGroup"))
    return {
        "entrypoint": words(container.get("command")),
        "command": words(container.get("args")),
        "user": f"{user}:{group}" if user or group else "",
        "read-only root": text(at(container, "securityContext", "readOnlyRootFilesystem")),
    }


def _sidecar(container: Object) -> Facts:
    cpu = _cpu(container)
    return {
        "cpu": "" if cpu is None else text(cpu),
        "memory": whole(_memory(container), "MiB"),
        "health": words(at(container, "livenessProbe", "exec", "command")),
        "writable": listed(m.get("mountPath") for m in each(container, "volumeMounts") if not m.get("readOnly")),
        **_run_as(at(container, "securityContext"), container),
    }


# --- variables -------------------------------------------------------------------------------------------------------


def _variables(container: Object, sources: Mapping[str, str]) -> Facts:
    found: Facts = {}
    for entry in each(container, "env"):
        name = text(entry.get("name"))
        if "valueFrom" in entry:
            key = text(at(entry, "valueFrom", "secretKeyRef", "key"))
            found[name] = sources.get(key) or text(entry["valueFrom"])
        else:
            # Kubernetes reads $$ as $; an empty variable is there, which an empty fact is not.
            found[name] = text(entry.get("value")) or '""'
    return {name: found[name] for name in sorted(found) if name}


def _sources(by_kind: Mapping[str, Sequence[Object]]) -> Facts:
    """Where each key of the Secret that the driver writes comes from."""
    files: Facts = {}
    data: dict[str, str] = {}
    for provider in by_kind.get("SecretProviderClass", ()):
        for source in each(parsed(at(provider, "spec", "parameters", "objects"))):
            parameter = source.get("objectType") == "ssmparameter"
            version = source.get("objectVersionLabel"), source.get("objectVersion")
            name = source.get("objectName")
            files[text(source.get("objectAlias"))] = secret(name, "", *version, parameter=parameter)
            for part in each(source, "jmesPath"):
                key = parsed(part.get("path"))
                files[text(part.get("objectAlias"))] = secret(
                    name, part.get("path") if key is None else key, *version, parameter=parameter
                )
        for kept in each(provider, "spec", "secretObjects"):
            data |= {text(item.get("key")): text(item.get("objectName")) for item in each(kept, "data")}
    return {key: files.get(name, "") for key, name in data.items()}


# --- what reaches it, and how it is checked --------------------------------------------------------------------------


def _traffic(by_kind: Mapping[str, Sequence[Object]], own: Object) -> Facts:
    ports = own.get("ports")
    ready = at(own, "readinessProbe")
    ingresses = by_kind.get("Ingress", ())
    classes = {text(at(item, "spec", "ingressClassName")) for item in ingresses} - {""}
    rules = [rule for item in ingresses for rule in each(item, "spec", "rules")]
    http = first(ports, "name", "http")
    return {
        "port": text(http.get("containerPort")),
        "private_port": text(first(ports, "name", "private").get("containerPort")),
        "protocol": next((word for key, word in _CHECKS.items() if at(ready, key)), "") if http else "",
        "path": listed(path.get("path") for rule in rules for path in each(rule, "http", "paths")),
        # The platform's own host is the same for every service (stacks/domain.py).
        "hosts": listed(rule.get("host") for rule in rules if not _OWN_HOST.match(text(rule.get("host")))),
        "priority": listed(_annotations(item).get(f"{_ALB}group.order") for item in ingresses),
        "load balancer": listed("internal" if "nternal" in name else "public" for name in classes),
        "sticky": listed(_sticky(text(_annotations(item).get(f"{_ALB}target-group-attributes"))) for item in ingresses),
    }


def _annotations(item: Object) -> Mapping[str, Any]:
    found = at(item, "metadata", "annotations")
    return found if isinstance(found, Mapping) else {}


def _sticky(attributes: str) -> str:
    found = dict(part.partition("=")[::2] for part in attributes.split(","))
    if found.get("stickiness.enabled") != "true":
        return ""
    return f"{found.get('stickiness.lb_cookie.duration_seconds', '')} s"


def _health(by_kind: Mapping[str, Sequence[Object]], own: Object) -> Facts:
    alive, start = at(own, "livenessProbe"), at(own, "startupProbe")
    period, tries = number(at(start, "periodSeconds")), number(at(start, "failureThreshold"))
    if at(alive, "exec") is not None:
        every, failures = number(at(alive, "periodSeconds")) or 0, number(at(alive, "failureThreshold")) or 0
        return {
            "health": words(at(alive, "exec", "command")),
            "health.interval": whole(every, "s"),
            "health.timeout": seconds(at(alive, "timeoutSeconds")),
            "health.retries": whole(failures),
            "health.start": whole(((tries or 0) - failures) * every, "s"),
        }
    ingress = next((_annotations(item) for item in by_kind.get("Ingress", ())), {})
    path = text(at(alive, "httpGet", "path"))
    checked = text(ingress.get(f"{_ALB}healthcheck-path")) or text(at(own, "readinessProbe", "httpGet", "path"))
    return {
        "health": checked,
        "health.liveness": path if path != checked else "",
        "health.codes": text(ingress.get(f"{_ALB}success-codes")),
        "health.interval": seconds(ingress.get(f"{_ALB}healthcheck-interval-seconds")),
        "health.timeout": seconds(ingress.get(f"{_ALB}healthcheck-timeout-seconds")),
        "health.healthy": text(ingress.get(f"{_ALB}healthy-threshold-count")),
        "health.unhealthy": text(ingress.get(f"{_ALB}unhealthy-threshold-count")),
        "health_grace": "" if period is None or tries is None else whole(period * tries, "s"),
    }


# --- how many copies, and when ---------------------------------------------------------------------------------------


def _copies(by_kind: Mapping[str, Sequence[Object]]) -> Facts:
    scaler = next(iter(by_kind.get("HorizontalPodAutoscaler", ())), None)
    if scaler is None:
        deployment = next(iter(by_kind.get("Deployment", ())), None)
        copies = text(at(deployment, "spec", "replicas"))
        return {"scaling.min": copies, "scaling.max": copies}
    low, high = text(at(scaler, "spec", "minReplicas")), text(at(scaler, "spec", "maxReplicas"))
    facts = {"scaling.min": low, "scaling.max": high}
    for metric in each(scaler, "spec", "metrics") if low != high else ():
        target = at(metric, "resource", "target", "averageUtilization")
        if target is not None:
            facts[f"scaling.{text(at(metric, 'resource', 'name'))}_target"] = text(target, "%")
    windows = [(way, at(scaler, "spec", "behavior", key, "stabilizationWindowSeconds")) for way, key in _WAYS]
    facts["scaling.cooldowns"] = ", ".join(f"{way} {text(wait)} s" for way, wait in windows if wait is not None)
    return facts


_WAYS: Final = (("up", "scaleUp"), ("down", "scaleDown"))


def _runs(workload: Object) -> Facts:
    if workload.get("kind") != "CronJob" or at(workload, "spec", "suspend"):
        return {}
    job = at(workload, "spec", "jobTemplate", "spec")
    retries = number(at(job, "backoffLimit"))
    return {
        "schedule": text(at(workload, "spec", "schedule")),
        "timezone": text(at(workload, "spec", "timeZone")),
        "timeout": seconds(at(job, "template", "spec", "activeDeadlineSeconds")),
        "retries": whole(retries) if retries else "",
    }


def _network(service: str, by_kind: Mapping[str, Sequence[Object]]) -> Facts:
    rules = [rule for item in by_kind.get("NetworkPolicy", ()) for rule in each(item, "spec", "egress")]
    called = [
        at(peer, "podSelector", "matchLabels", "app.kubernetes.io/name") for rule in rules for peer in each(rule, "to")
    ]
    return {
        "calls": listed(name for name in called if name and name != service),
        "egress": listed(way for rule in rules for way in _ways_out(rule)),
    }


def _ways_out(rule: Object) -> Iterator[str]:
    for peer in each(rule, "to"):
        where = text(at(peer, "ipBlock", "cidr"))
        ports = list(each(rule, "ports")) or [{}]
        for port in ports if where else ():
            number_ = text(port.get("port")) or "any port"
            found = f"{text(port.get('protocol') or 'any').lower()} {number_} to {where}"
            if found not in _USUAL:
                yield found
