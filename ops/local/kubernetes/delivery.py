"""Brings the images to the nodes of a cluster: each tool for local clusters has a command for it; others pull from a registry."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.errors import OpsError
from ops.local.engine import Engine
from ops.local.workspace import Workspace
from ops.process import Finished, capture

REGISTRY_VARIABLE = "KUBERNETES_REGISTRY"
LOAD_VARIABLE = "KUBERNETES_LOAD"
# Where the images of the container engine are already those of the node.
SHARED_CONTEXTS = ("docker-desktop", "rancher-desktop", "colima", "orbstack")
TOOLS = {"kind": "kind", "k3d": "k3d", "minikube": "minikube"}
_REGISTRY = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9._/-]*[a-z0-9])?")


@dataclass(frozen=True)
class Delivery:
    """How a cluster's nodes get the images.

    Attributes:
        how: kind, k3d or minikube: loaded by that tool; command: by the user's own; registry: pushed there; held: nothing to do.
        registry: what the images' names in the objects begin with.
        name: of the tool's cluster; or the user's command.
    """

    how: str
    registry: str
    name: str = ""

    @property
    def in_this_engine(self) -> bool:
        """True if the nodes are containers of an engine on this machine."""
        return self.how in TOOLS


def choose(environ: Mapping[str, str], *, context: str, nodes: Sequence[Mapping[str, Any]], registry: str) -> Delivery:
    """How the images get to the nodes of a cluster. Raises OpsError, with exit code 2, if there is no way.

    Args:
        environ: the user's variables.
        context: name of the context in the kubeconfig.
        nodes: the cluster's nodes; may be empty.
        registry: the emulator's, e.g. localhost:4566.
    """
    if other := environ.get(REGISTRY_VARIABLE):
        if not _REGISTRY.fullmatch(other):
            raise OpsError(
                f"{REGISTRY_VARIABLE}={other}: not a registry; write host, host:port or host/folder, without https://",
                exit_code=2,
            )
        return Delivery("held" if other == registry else "registry", other)
    if command := environ.get(LOAD_VARIABLE):
        return Delivery("command", registry, command)
    tool, name = _tool(context, nodes)
    if tool:
        _require(tool, context, environ)
        return Delivery(tool, registry, name)
    if context.startswith(SHARED_CONTEXTS) or any(map(_on_this_machine, nodes)):
        return Delivery("held", registry)
    raise OpsError(
        f"KUBECONFIG: the nodes of {context} cannot pull from {registry}; name a registry that they can pull from "
        f"({REGISTRY_VARIABLE}=host/folder) or a command that loads images ({LOAD_VARIABLE}): docs/kubernetes.md",
        exit_code=2,
    )


def _tool(context: str, nodes: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The tool that made the cluster and its name for it; empty if none of ours. Nodes count more than a name."""
    for node in nodes:
        labels = node["metadata"].get("labels", {})
        if profile := labels.get("minikube.k8s.io/name"):
            return "minikube", str(profile)
        provider = str(node.get("spec", {}).get("providerID", ""))
        if provider.startswith("kind://") and context not in SHARED_CONTEXTS:
            return "kind", provider.split("/")[3]
        if made := re.fullmatch(r"k3d-(.+)-(?:server|agent)-\d+", str(node["metadata"]["name"])):
            return "k3d", made[1]
    for tool in ("kind", "k3d"):
        if context.startswith(f"{tool}-"):
            return tool, context.removeprefix(f"{tool}-")
    return ("minikube", context) if context == "minikube" else ("", "")


def _require(tool: str, context: str, environ: Mapping[str, str]) -> None:
    if not shutil.which(tool, path=environ.get("PATH", "")):
        raise OpsError(
            f"KUBECONFIG: {context} is a cluster of {tool}, but {tool}, which loads images into it, is not on PATH; "
            f"install it, or set {REGISTRY_VARIABLE}",
            exit_code=2,
        )


def _on_this_machine(node: Mapping[str, Any]) -> bool:
    """True if a node runs on this machine itself, where localhost is the emulator's registry."""
    addresses = [entry for entry in node.get("status", {}).get("addresses", []) if entry.get("type") == "InternalIP"]
    return any(is_own_address(str(entry["address"])) for entry in addresses)


def is_own_address(address: str) -> bool:
    """True if this machine has the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def deliver(
    delivery: Delivery,
    images: Iterable[str],
    *,
    nodes: Sequence[Mapping[str, Any]],
    local_registry: str,
    engine: Engine,
    workspace: Workspace,
) -> list[str]:
    """Bring the images that the nodes lack to them; returns those delivered. Raises OpsError.

    Args:
        delivery: how.
        images: names as in the objects.
        nodes: the cluster's nodes, which report the images that they hold.
        local_registry: what the images' names in the engine begin with.
        engine: holds the images.
        workspace: for a file on the way.
    """
    wanted = sorted(set(images))
    if delivery.how == "registry":
        return [name for name in wanted if _push(name, delivery, local_registry, engine)]
    missing = [] if delivery.how == "held" else [name for name in wanted if not _held(name, nodes)]
    if missing:
        done = _load(delivery, missing, engine, workspace)
        if not done.ok:
            how = delivery.name if delivery.how == "command" else delivery.how
            raise OpsError(f"{how} could not load the images into the cluster: {done.last_line()}")
    return missing


def _held(name: str, nodes: Sequence[Mapping[str, Any]]) -> bool:
    """True if every node reports the image; the tag is a hash of what is inside. A node reports at most 50."""
    return bool(nodes) and all(
        any(name in (image.get("names") or ()) for image in node.get("status", {}).get("images", [])) for node in nodes
    )


def _push(name: str, delivery: Delivery, local_registry: str, engine: Engine) -> bool:
    local = f"{local_registry}/{name.removeprefix(f'{delivery.registry}/')}"
    engine.run("tag", local, name)
    done = engine.run("push", name)
    if not done.ok:
        raise OpsError(f"{REGISTRY_VARIABLE}={delivery.registry}: pushing {name} failed: {done.last_line()}")
    engine.run("image", "rm", name)  # only the name: the image keeps its local one
    return True


def _load(delivery: Delivery, images: Sequence[str], engine: Engine, workspace: Workspace) -> Finished:
    env = dict(engine.full_environment)
    if engine.client.name == "podman":
        env["KIND_EXPERIMENTAL_PROVIDER"] = "podman"
    if delivery.how == "kind":
        return capture(["kind", "load", "docker-image", *images, "--name", delivery.name], env=env)
    if delivery.how == "k3d":
        return capture(["k3d", "image", "import", *images, "--cluster", delivery.name], env=env)
    if delivery.how == "minikube":
        return _each([["minikube", "--profile", delivery.name, "image", "load", image] for image in images], env)
    archive = workspace.folder / "images.tar"
    try:
        saved = engine.run("save", "--output", str(archive), *images)
        if not saved.ok:
            return saved
        return capture(["sh", "-c", f"{delivery.name} < {shlex.quote(str(archive))}"], env=env)
    finally:
        archive.unlink(missing_ok=True)


def _each(commands: Iterable[Sequence[str]], env: Mapping[str, str]) -> Finished:
    done = Finished(0, "", "")
    for command in commands:
        done = capture(command, env=env)
        if not done.ok:
            break
    return done
