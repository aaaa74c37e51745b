"""Which objects of a cluster belong to a local run: it changes and deletes those, and leaves all others as they are."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ops.errors import OpsError
from ops.local.kubernetes.cluster import Cluster
from ops.local.kubernetes.kubectl import group_of
from ops.local.kubernetes.objects import CDK_LABEL, KINDS, LOCAL_LABEL, Object
from ops.process import Finished

MANAGER = "container-services-local"
CREATED = "container-services/created"  # annotation on a namespace that a local run created
PART_OF = "app.kubernetes.io/part-of"
DELETE_SECONDS = 300
# Of a namespace with nothing in it.
_ALWAYS_THERE = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}
_USERS_KINDS = (*KINDS, "Secret", "PersistentVolumeClaim", "Pod", "StatefulSet", "DaemonSet", "Job")

Identity = tuple[str, str, str]  # group, kind, name


def identity(entry: Mapping[str, Any]) -> Identity:
    """What makes an object the same one; its version does not."""
    return group_of(str(entry["apiVersion"])), str(entry["kind"]), str(entry["metadata"]["name"])


def of_others(cluster: Cluster, objects: Iterable[Object], *, namespace: str) -> set[Identity]:
    """Those of the objects that the cluster already has from someone else. Raises OpsError."""
    wanted = [entry for entry in objects if entry["kind"] != "Namespace"]
    if not wanted:
        return set()
    existing = cluster.kubectl.items(*[cluster.resource(entry) for entry in wanted], "-n", namespace)
    return {identity(entry) for entry in existing if not _is_ours(entry, namespace)}


def _is_ours(entry: Mapping[str, Any], namespace: str) -> bool:
    """Ours by our label; or by the label of the project, if an earlier version of `make up` applied it."""
    labels = entry["metadata"].get("labels") or {}
    if any(key.startswith(CDK_LABEL) for key in labels):
        return False
    return namespace in (labels.get(LOCAL_LABEL), labels.get(PART_OF))


def ours(cluster: Cluster, *, namespace: str, selector: str = "") -> list[Object]:
    """Every object in the cluster that a local run applied. Raises OpsError."""
    labels = ",".join(filter(None, (f"{LOCAL_LABEL}={namespace}", selector)))
    return cluster.kubectl.items(cluster.resource_names(KINDS), "-n", namespace, "-l", labels)


def delete(cluster: Cluster, objects: Collection[Object], *, namespace: str) -> None:
    """Delete objects and wait until they are gone, pods included. Raises OpsError."""
    if not objects:
        return
    names = [cluster.resource(entry) for entry in objects]
    options = ["--ignore-not-found", "--cascade=foreground", f"--timeout={DELETE_SECONDS}s"]
    done = cluster.kubectl.run("delete", "-n", namespace, *names, *options)
    if not done.ok:
        raise OpsError(f"kubectl delete: {done.last_line()}")


# --- the namespace ---------------------------------------------------------------------------------------------------


def apply_namespace(cluster: Cluster, wanted: Object) -> None:
    """Create the namespace, or add our labels to one that exists; labels of others keep their values. Raises OpsError."""
    name = wanted["metadata"]["name"]
    existing = cluster.kubectl.items("namespaces", f"--field-selector=metadata.name={name}")
    entry = json.loads(json.dumps(wanted))
    labels = entry["metadata"].setdefault("labels", {})
    if not existing or is_created(existing[0]):
        entry["metadata"]["annotations"] = {CREATED: "true"}
    else:
        theirs = existing[0]["metadata"].get("labels") or {}
        entry["metadata"]["labels"] = {key: value for key, value in labels.items() if theirs.get(key, value) == value}
    done = _server_side(cluster, entry)
    if not done.ok:
        raise OpsError(f"namespace {name}: {done.last_line()}")


def is_in_use(cluster: Cluster, name: str) -> bool:
    """True if a local run created the namespace, even if a run that failed left nothing else."""
    found = cluster.kubectl.items("namespaces", f"--field-selector=metadata.name={name}")
    return bool(found) and is_created(found[0])


def is_created(namespace: Mapping[str, Any]) -> bool:
    """True if a local run created the namespace."""
    annotations = namespace["metadata"].get("annotations") or {}
    return bool(annotations.get(CREATED) == "true")


def _server_side(cluster: Cluster, entry: Object) -> Finished:
    """Server-side, so that labels that others set stay, and ours go once we no longer send them."""
    arguments = ["apply", "--server-side", f"--field-manager={MANAGER}", "--force-conflicts", "-f", "-"]
    return cluster.kubectl.run(*arguments, stdin=json.dumps(entry))


def remove_namespace(cluster: Cluster, name: str) -> str:
    """Delete the namespace if a local run created it and nothing of others is in it. Returns what stays, or nothing.

    Raises OpsError.
    """
    found = cluster.kubectl.items("namespaces", f"--field-selector=metadata.name={name}")
    if not found:
        return ""
    if not is_created(found[0]):
        _server_side(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return f"namespace {name}, which `make up` did not create"
    if left := _left_by_others(cluster, name):
        return f"namespace {name}, which holds {', '.join(left)}"
    done = cluster.kubectl.run("delete", "namespace", name, f"--timeout={DELETE_SECONDS}s")
    if not done.ok:
        raise OpsError(f"namespace {name}: {done.last_line()}")
    return ""


def _left_by_others(cluster: Cluster, namespace: str) -> list[str]:
    kinds = [kind for (_, kind), resource in cluster.resources.items() if resource.namespaced and kind in _USERS_KINDS]
    found = cluster.kubectl.items(cluster.resource_names(kinds), "-n", namespace)
    return sorted(
        f"{entry['kind']}/{entry['metadata']['name']}"
        for entry in found
        if (entry["kind"], entry["metadata"]["name"]) not in _ALWAYS_THERE
        and not entry["metadata"].get("ownerReferences")
        and entry.get("type") != "kubernetes.io/service-account-token"
    )
