"""Tasks of several containers on the emulator, which starts them in the order of the list, each with a network of its own.

The copy of the assembly that the emulator deploys lists containers in the order in which they start, with labels that say whose
task they are in. All share the network of the first, so they reach each other on localhost as on Fargate, and it has to live as
long as the task: so it is an essential one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ops.assembly import Stack
from ops.local.container_options import field

TASK_DEFINITION = "AWS::ECS::TaskDefinition"
SERVICE_LABEL = "container-services.service"  # value: the name of the service's own container
AWAITED_LABEL = "container-services.awaited"  # on a sidecar that must be healthy before what depends on it starts
NAME_LABEL = "com.amazonaws.ecs.container-name"
JOINED = "container:"  # how the engine spells the network of another container
SIDECAR_ENDED = "sidecar "  # what a reason begins with if a sidecar's end is why a task stopped
# A start may take a grace period and three failed checks.
HEALTHY_SECONDS = 90.0

Definition = dict[str, Any]


def prepare(stack: Stack) -> None:
    """Order and label the containers of a stack's task definitions that have several. The first is the service's own."""
    for resource in stack.of_type(TASK_DEFINITION):
        properties = resource["Properties"]
        given = properties.get("ContainerDefinitions", [])
        if len(given) > 1:
            properties["ContainerDefinitions"] = [_labelled(one, given) for one in in_start_order(given)]


def in_start_order(definitions: list[Definition]) -> list[Definition]:
    """What a container depends on comes before it; an essential container comes first."""
    ordered: list[Definition] = []
    while len(ordered) < len(definitions):
        started = {one["Name"] for one in ordered}
        waiting = [one for one in definitions if one["Name"] not in started]
        ordered.append(next((one for one in waiting if _depends_on(one) <= started), waiting[0]))
    first = next(one for one in ordered if one.get("Essential", True))
    return [first, *(one for one in ordered if one is not first)]


def _depends_on(definition: Definition) -> set[str]:
    return {entry["ContainerName"] for entry in definition.get("DependsOn", [])}


def _labelled(definition: Definition, all_of_them: list[Definition]) -> Definition:
    waits = [entry for one in all_of_them for entry in one.get("DependsOn", [])]
    awaited = {entry["ContainerName"] for entry in waits if entry["Condition"] == "HEALTHY"}
    labels = {SERVICE_LABEL: all_of_them[0]["Name"]}
    if definition["Name"] in awaited:
        labels[AWAITED_LABEL] = "true"
    return {**definition, "DockerLabels": {**definition.get("DockerLabels", {}), **labels}}


def labels(definition: Mapping[str, Any]) -> dict[str, str]:
    """The labels that `prepare` wrote."""
    return dict(field(definition, "DockerLabels") or {})


def service_of(definition: Mapping[str, Any]) -> str:
    """The name of the service that a container belongs to; its own name, unless it is a sidecar."""
    return labels(definition).get(SERVICE_LABEL, str(field(definition, "Name")))


def is_sidecar(container: Any) -> bool:
    """Whether a container of the engine is a sidecar."""
    name = container.labels.get(NAME_LABEL)
    return bool(container.labels.get(SERVICE_LABEL, name) != name)


def joined(run_options: Mapping[str, Any], name: str, task: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a container that is not the first of its task: it has the first one's network, hosts and all."""
    first = field(field(task, "ContainerDefinitions")[0], "Name")
    if name == first:
        return dict(run_options)
    kept = {key: value for key, value in run_options.items() if key not in ("network", "extra_hosts", "ports")}
    task_part = str(run_options["name"]).removesuffix(f"-{name}")
    return {**kept, "network_mode": f"{JOINED}{task_part}-{first}"}


def with_network(client: Any, container: Any) -> Any:
    """The container whose network a container has: its own, or that of the first one of its task."""
    mode = str((container.attrs.get("HostConfig") or {}).get("NetworkMode", ""))
    return client.containers.get(mode.removeprefix(JOINED)) if mode.startswith(JOINED) else container


def await_health(container: Any, pause: float) -> None:
    """Return once an awaited sidecar's health check passes. Raises RuntimeError if it never does, or if the sidecar ends."""
    name = container.labels.get(NAME_LABEL)
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        container.reload()
        refuse_ended(container)
        status = container.attrs["State"].get("Health", {}).get("Status")
        if status == "healthy":
            return
        if status == "unhealthy":
            break
        time.sleep(pause)
    checks = container.attrs["State"].get("Health", {}).get("Log") or [{}]
    said = str(checks[-1].get("Output", "")).strip().splitlines()
    raise RuntimeError(f"sidecar {name} never passed its health check: {said[-1][:200] if said else 'it said nothing'}")


def refuse_ended(container: Any) -> None:
    """Raises RuntimeError, with the last line that it wrote, if a container has ended."""
    if container.status in {"exited", "dead"}:
        raise RuntimeError(ending(container))


def what_ended(client: Any, task: Mapping[str, Any]) -> str | None:
    """How the essential container ended that stopped a task of several; None for any other task."""
    ids = task.get("_docker_ids") or []
    if len(ids) < 2:
        return None
    found = {one.id: one for one in client.containers.list(all=True, filters={"label": SERVICE_LABEL}) if one.id in ids}
    for identity, essential in zip(ids, task["_container_essentials"], strict=False):
        container = found.get(identity)
        if container and essential and container.status == "exited":
            return ending(container)
    return None


def ending(container: Any) -> str:
    """How a container ended, in one line."""
    kind = SIDECAR_ENDED if is_sidecar(container) else "container "
    code = container.attrs["State"]["ExitCode"]
    return f"{kind}{container.labels.get(NAME_LABEL)} exited with code {code}: {last_words(container)}"


def last_words(container: Any) -> str:
    """The last line that a container wrote, as the reason why it ended."""
    lines = container.logs(tail=5).decode(errors="replace").strip().splitlines()
    return str(lines[-1].strip()[:200]) if lines else "it wrote nothing"
