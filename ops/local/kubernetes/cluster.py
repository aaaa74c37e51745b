"""The cluster that objects are applied to: the user's, which is checked before anything is built, or the emulator's own."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.local.engine import Engine
from ops.local.kubernetes.delivery import Delivery, choose
from ops.local.kubernetes.kubectl import (
    Kubectl,
    Resources,
    current_context,
    find_program,
    given_files,
    group_of,
    names,
    served,
    users_environment,
)
from ops.local.target import Target
from ops.local.workspace import Workspace

START_SECONDS = 60.0
_RECORD = "kubernetes.json"


@dataclass(frozen=True)
class Cluster:
    """Where objects are applied.

    Attributes:
        kubectl: reaches it.
        given: True if the user gave it; False for the emulator's own.
        resources: the kinds that it serves.
        delivery: how its nodes get the images.
        nodes: its nodes; empty if the user may not list them.
    """

    kubectl: Kubectl
    given: bool
    resources: Resources
    delivery: Delivery
    nodes: tuple[dict[str, Any], ...] = field(default=())

    def serves(self, entry: Mapping[str, Any]) -> bool:
        """True if the cluster knows an object's kind."""
        return (group_of(str(entry["apiVersion"])), str(entry["kind"])) in self.resources

    def resource(self, entry: Mapping[str, Any]) -> str:
        """An object as `kubectl delete` takes it: resource/name."""
        kind = self.resources[group_of(str(entry["apiVersion"])), str(entry["kind"])]
        return f"{kind.name}/{entry['metadata']['name']}"

    def resource_names(self, kinds: Iterable[str]) -> str:
        """Those of the kinds that the cluster serves, as `kubectl get` takes them."""
        return names(self.resources, kinds)


def given_cluster(environ: Mapping[str, str], *, target: Target, workspace: Workspace) -> Cluster | None:
    """The cluster of KUBECONFIG, if it is set and answers.

    Raises OpsError, with exit code 2 and one line, for anything that would stop `make up` later: a wrong path, no kubectl, no
    answer, or nodes that could not get the images.
    """
    kubeconfig = given_files(environ)
    if not kubeconfig:
        return None
    kubectl = users_kubectl(environ, kubeconfig=kubeconfig, context="", target=target, workspace=workspace)
    context = current_context(kubectl)
    kubectl = Kubectl(kubectl.program, kubectl.env, context)
    resources = served(kubectl)
    nodes = tuple(_nodes(kubectl))
    delivery = choose(environ, context=context, nodes=nodes, registry=target.registry)
    return Cluster(kubectl, given=True, resources=resources, delivery=delivery, nodes=nodes)


def users_kubectl(
    environ: Mapping[str, str], *, kubeconfig: str, context: str, target: Target, workspace: Workspace
) -> Kubectl:
    """A kubectl for a cluster that the user gave. Raises OpsError if there is no kubectl."""
    program = find_program(environ, workspace)
    child = target.child_environment(workspace)
    return Kubectl(program, users_environment(environ, kubeconfig=kubeconfig, child_environment=child), context)


def _nodes(kubectl: Kubectl) -> list[dict[str, Any]]:
    try:
        return kubectl.items("nodes")
    except OpsError:
        return []  # the user may see only a namespace


# --- the emulator's own ----------------------------------------------------------------------------------------------


def emulated_cluster(
    environ: Mapping[str, str], *, engine: Engine, target: Target, workspace: Workspace
) -> Cluster | None:
    """The emulator's own cluster (k3s in a container), if it could start a real one and that answers; else None.

    Raises OpsError if there is one that does not answer.
    """
    kubeconfig = _emulated_kubeconfig(engine, target, workspace)
    if kubeconfig is None:
        return None
    env = {**target.child_environment(workspace), "KUBECONFIG": kubeconfig}
    kubectl = Kubectl(find_program(environ, workspace), env)
    # It holds the images under the name of AWS's registry.
    aws = f"{target.account}.dkr.ecr.{target.region}.amazonaws.com"
    return Cluster(kubectl, given=False, resources=_wait_until_served(kubectl), delivery=Delivery("held", aws))


def _wait_until_served(kubectl: Kubectl) -> Resources:
    """The cluster starts in the background. Raises OpsError."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return served(kubectl)
        except OpsError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def _emulated_kubeconfig(engine: Engine, target: Target, workspace: Workspace) -> str | None:
    listed = engine.run(
        "ps", "-q", "--filter", "label=ministack=eks", "--filter", f"label=ministack.instance={target.instance}"
    )
    for container in listed.out.split():
        content = engine.run("exec", container, "cat", "/etc/rancher/k3s/k3s.yaml")
        published = engine.run("port", container, "6443/tcp").out.split()
        if content.ok and published:
            path = workspace.folder / "kubeconfig"
            port = published[0].rpartition(":")[2]
            path.write_text(re.sub(r"https://[^\s]+", f"https://127.0.0.1:{port}", content.out))
            path.chmod(0o600)
            return str(path)
    return None


# --- which cluster an earlier run used -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """The cluster and namespace that an earlier `make up` applied to."""

    kubeconfig: str
    context: str
    namespace: str


def record_file(workspace: Workspace) -> Path:
    """Where the record is kept."""
    return workspace.folder / _RECORD


def keep(cluster: Cluster, *, namespace: str, workspace: Workspace) -> None:
    """Remember the cluster, for `make down`, `make prune` and `make status` in a shell without KUBECONFIG."""
    record = Record(cluster.kubectl.env["KUBECONFIG"], cluster.kubectl.context, namespace)
    others = [entry for entry in recorded(workspace) if entry != record]
    content = json.dumps([asdict(entry) for entry in (*others, record)], indent=1)
    record_file(workspace).write_text(content, encoding="utf-8")


def recorded(workspace: Workspace) -> list[Record]:
    """The clusters of earlier runs of `make up`, the last one at the end."""
    try:
        content = json.loads(record_file(workspace).read_text(encoding="utf-8"))
        return [Record(str(e["kubeconfig"]), str(e["context"]), str(e["namespace"])) for e in content]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def forget(workspace: Workspace) -> None:
    """Forget the clusters of earlier runs."""
    record_file(workspace).unlink(missing_ok=True)


def recorded_cluster(
    record: Record, environ: Mapping[str, str], *, target: Target, workspace: Workspace
) -> Cluster | None:
    """The cluster of an earlier `make up`; None if the user has deleted it. Raises OpsError if it does not answer."""
    if not any(Path(part).is_file() for part in record.kubeconfig.split(os.pathsep)):
        return None
    kubectl = users_kubectl(
        environ, kubeconfig=record.kubeconfig, context=record.context, target=target, workspace=workspace
    )
    known = kubectl.run("config", "get-contexts", record.context, "-o", "name")
    if not known.ok:
        return None
    return Cluster(kubectl, given=True, resources=served(kubectl), delivery=Delivery("held", target.registry))
