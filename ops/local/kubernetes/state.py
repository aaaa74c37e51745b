"""The services on a cluster as they are: pods, addresses, schedules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from config.catalog import Catalog
from config.service import ServiceSpec
from config.settings import Platform
from ops.local.kubernetes import ownership, rollout
from ops.local.kubernetes.cluster import Cluster
from ops.local.kubernetes.objects import SERVICE_LABEL, Object, pod_spec
from ops.local.outcome import OnCluster, Outcome, Scheduled

NO_ENDPOINT = "its pods cannot reach the emulator"


def applied_outcomes(cluster: Cluster, catalog: Catalog, *, namespace: str, no_aws: str = NO_ENDPOINT) -> list[Outcome]:
    """The outcome of each service that a local run has applied. Raises OpsError.

    Args:
        cluster: where.
        catalog: the services; one that the cluster does not have is left out.
        namespace: theirs.
        no_aws: why pods cannot reach the emulator, where they have not got its address.
    """
    found = ownership.ours(cluster, namespace=namespace, selector=SERVICE_LABEL)
    states = rollout.states(cluster.kubectl, namespace=namespace)
    outcomes = []
    for spec in catalog.on(Platform.EKS):
        own = [entry for entry in found if entry["metadata"]["labels"][SERVICE_LABEL] == spec.name]
        lacking = no_aws if spec.needs_role and not _has_endpoint(own) else ""
        if jobs := [entry for entry in own if entry["kind"] == "CronJob"]:
            outcomes.append(Outcome(spec.name, "kubernetes", Scheduled(str(jobs[0]["spec"]["schedule"]), lacking)))
        elif state := states.get(spec.name):
            address = _address(own, spec, namespace)
            result = OnCluster(state.ready, state.wanted, address, lacking, "" if state.complete else state.why)
            outcomes.append(Outcome(spec.name, "kubernetes", result))
    return outcomes


def _has_endpoint(own: Iterable[Object]) -> bool:
    containers = [container for entry in own for container in pod_spec(entry).get("containers", [])]
    return any(
        variable["name"] == "AWS_ENDPOINT_URL" for container in containers for variable in container.get("env", [])
    )


def _address(own: Iterable[Object], spec: ServiceSpec, namespace: str) -> str:
    """The address behind an ingress controller, else the one inside the cluster; empty for a worker."""
    by_kind = {entry["kind"]: entry for entry in reversed(list(own))}  # of several Ingresses the first
    ingress, service = by_kind.get("Ingress"), by_kind.get("Service")
    if ingress and (host := _host(ingress)):
        path = ingress["spec"]["rules"][0]["http"]["paths"][0]["path"]
        return f"http://{host}{path}"
    if service:
        return f"http://{spec.name}.{namespace}:{service['spec']['ports'][0]['port']} (inside the cluster)"
    return ""


def _host(ingress: Mapping[str, Any]) -> str:
    entries = ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    return str(entries[0].get("hostname") or entries[0].get("ip") or "")
