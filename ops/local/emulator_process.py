"""Runs the emulator, MiniStack, with a few functions of its ECS wrapped to fill gaps.

Run by `ops.local.emulator`, never imported by it. MiniStack starts tasks as containers; these hooks apply the whole task
definition to each container, let it resolve the names of the services it calls, and count it as running only once its
target group's health check passes. Each hook wraps one function of the pinned package; if an update removes one, the process
ends at once and names it.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from config.limits import HEALTHY_CODES
from ops.local import container_options, health, secret_values, sidecars, task_variables
from ops.local.forwarder import Forwarder
from ops.local.kept_lines import Copied, KeptLines, kept_name
from ops.local.launcher import Launcher
from ops.local.mesh import Mesh
from ops.local.workspace import Workspace

PROBE_SECONDS = 0.15  # between two health checks of a starting task
COMMAND_SECONDS = 1.0  # between two runs of a health check that is a command
# AWS waits between deregistering a target and stopping its task; this is long enough for requests in flight.
DEREGISTRATION_SECONDS = 1.0
LAST_LINES_SECONDS = 5.0  # that the last lines of a container that has ended may take


class Hooks:
    """The wrappers, with the networks and the mesh that they need."""

    def __init__(self, ecs: Any, alb: Any, *, mesh_file: Path, kept: KeptLines, network: str, gateway: str) -> None:
        self._ecs = ecs
        self._alb = alb
        self._mesh_file = mesh_file
        self._kept = kept
        self._copied: dict[str, Copied] = {}  # by container
        self._network = network
        self._gateway = gateway
        self._networks_lock = threading.Lock()

    def install(self) -> None:
        """Install every wrapper; ends the process if the emulator lacks a function to wrap."""
        wrappers = self.wrappers
        missing = [name for name in wrappers if not hasattr(self._ecs, name)]
        if missing:
            sys.exit(f"this version of the emulator has no {', '.join(missing)}; update ops/local/emulator_process.py")
        for name, wrapper in wrappers.items():
            setattr(self._ecs, name, wrapper(getattr(self._ecs, name)))

    @property
    def wrappers(self) -> dict[str, Callable[[Any], Any]]:
        """Wrappers by the name of the function of the emulator's ECS that each wraps."""
        return {
            "_build_run_kwargs": self.build_run_kwargs,
            "_run_docker_container": self.run_docker_container,
            "_resolve_container_secrets": self.resolve_container_secrets,
            "_remove_docker_container": self.remove_docker_container,
            "_start_awslogs_forwarder": self.start_awslogs_forwarder,
            "_mark_task_stopped": self.mark_task_stopped,
            "_cleanup_task_resources": self.cleanup_task_resources,
        }

    def build_run_kwargs(self, original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """Adds the rest of the container definition, and credentials that the emulator accepts."""

        def wrapped(container: Mapping[str, Any], task: Mapping[str, Any], *rest: Any, **named: Any) -> dict[str, Any]:
            found = original(container, task, *rest, **named)
            found["labels"] = {
                **found["labels"],
                **container_options.labels(container),
                **sidecars.labels(container),
            }
            found.update(container_options.options(container, task))
            if self._gateway and "extra_hosts" in found:
                found["extra_hosts"] = {"host.docker.internal": self._gateway}
            found["environment"] = task_variables.reachable(task_variables.credentials(found["environment"]))
            return sidecars.joined(found, container["name"], task) if sidecars.labels(container) else found

        return wrapped

    def run_docker_container(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Start the container on its networks, then wait until it is healthy or has failed."""

        def wrapped(client: Any, container: Mapping[str, Any], run_kwargs: dict[str, Any], **named: Any) -> Any:
            task_arn = run_kwargs["labels"]["com.amazonaws.ecs.task-arn"]
            connected = self._is_of_a_service(task_arn)
            service = sidecars.service_of(container)
            launcher = Launcher(client, self, service if connected else "")
            started = original(launcher, container, run_kwargs, **named)
            try:
                self._ecs._start_awslogs_forwarder(started, container, task_arn.rpartition("/")[2])
                if service == container["name"]:
                    self._await_health(client, started, container, task_arn)
                    if connected:
                        self._publish(client, sidecars.with_network(client, started), service)
                elif sidecars.AWAITED_LABEL in run_kwargs["labels"]:
                    sidecars.await_health(started, PROBE_SECONDS)
            except Exception:
                self._ecs._remove_docker_container(client, started)
                raise
            return started

        return wrapped

    def resolve_container_secrets(self, original: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
        """Resolves `Secrets` in CloudFormation's spelling, which the emulator would silently skip, and their versions."""

        def wrapped(container: Mapping[str, Any]) -> dict[str, str]:
            try:
                return secret_values.resolve(
                    container,
                    current=original,
                    version=self._ecs.secretsmanager.resolve_secret_string,
                    parameter=secret_values.clear_parameter,
                )
            except LookupError as error:
                raise self._ecs._SecretResolutionError(str(error)) from error

        return wrapped

    def remove_docker_container(self, original: Callable[..., None]) -> Callable[..., None]:
        """Sends SIGTERM and waits for the definition's stop timeout, not for the emulator's fixed five seconds."""

        def wrapped(client: Any, container: Any) -> None:
            if client and container is not None:
                self._stop_gently(client, container)
                self._read_to_its_end(container)
            original(client, container)

        return wrapped

    def start_awslogs_forwarder(self, original: Callable[..., None]) -> Callable[..., None]:
        """Forwarding is under way before the health check, as on AWS; the emulator would lose what a failing container says."""

        def wrapped(container: Any, definition: Mapping[str, Any], task_id: str) -> None:
            if container.id not in self._copied:
                service, name = sidecars.service_of(definition), definition["name"]
                kept = service if service == name else kept_name(service, name)
                self._copied[container.id] = Copied(container, kept, self._kept)
                original(self._copied[container.id], definition, task_id)

        return wrapped

    def mark_task_stopped(self, original: Callable[..., bool]) -> Callable[..., bool]:
        """Says which container's end stopped a task of several, and what that one wrote last."""

        def wrapped(task_arn: str, task: Mapping[str, Any], reason: str, *rest: Any, **named: Any) -> bool:
            if rest[:1] == ("EssentialContainerExited",):
                reason = sidecars.what_ended(self._ecs._get_docker(), task) or reason
            return original(task_arn, task, reason, *rest, **named)

        return wrapped

    def cleanup_task_resources(self, original: Callable[..., None]) -> Callable[..., None]:
        """Stops the containers of a task in the opposite of the order of their start, also those that outlived another's end."""

        def wrapped(task: dict[str, Any], client: Any, *rest: Any) -> None:
            ids = task.get("_docker_ids") or []
            if len(ids) > 1:
                task["_docker_ids"] = [*reversed(ids)]
                client = client or self._ecs._get_docker()
            original(task, client, *rest)

        return wrapped

    def _read_to_its_end(self, container: Any) -> None:
        copied = self._copied.pop(container if isinstance(container, str) else container.id, None)
        if copied is not None:
            copied.wait(LAST_LINES_SECONDS)

    def _stop_gently(self, client: Any, container: Any) -> None:
        try:
            found = client.containers.get(container) if isinstance(container, str) else container
            found.reload()
            if found.status == "running":
                if not sidecars.is_sidecar(found):
                    self._withdraw(client, found)
                    time.sleep(DEREGISTRATION_SECONDS)
                found.stop(timeout=container_options.stop_timeout(found.labels))
        except Exception as error:
            print(f"stopping {container}: {error}", flush=True)

    def _is_of_a_service(self, task_arn: str) -> bool:
        """Only a service's own tasks have names and health: none started by itself, such as a job or `before_deploy`."""
        return str((self._ecs._tasks.get(task_arn) or {}).get("group", "")).startswith("service:")

    def _await_health(self, client: Any, started: Any, container: Mapping[str, Any], task_arn: str) -> None:
        check = self._health_check(task_arn, container["name"])
        first = sidecars.with_network(client, started)
        command = container_options.command_check(container) if self._is_of_a_service(task_arn) else None
        grace = command[1] if command else float(Mesh.load(self._mesh_file).of(container["name"]).grace)
        deadline = time.monotonic() + grace
        answer = "no answer yet"
        while time.monotonic() < deadline:
            started.reload()
            if started.status in {"exited", "dead"}:
                code = started.attrs["State"]["ExitCode"]
                if check is None and code == 0:
                    return  # a job that has finished already
                words = sidecars.last_words(started)
                raise RuntimeError(f"container {container['name']} exited with code {code}: {words}")
            if first is not started:
                first.reload()
                sidecars.refuse_ended(first)
            if check is not None:
                answer = health.probe(health.address(first, self._network), *check)
            elif command:
                answer = health.run(started, command[0])
            else:
                return
            if answer == "healthy":
                return
            time.sleep(PROBE_SECONDS if check is not None else COMMAND_SECONDS)
        what = f" on {check[1] or f'port {check[0]}'}" if check else ""
        raise RuntimeError(f"{container['name']} never passed its health check{what}: {answer}")

    def _health_check(self, task_arn: str, container: str) -> tuple[int, str, str] | None:
        """Port, path and accepted codes: of the mesh, else of the container's target group; None if neither has any."""
        member = Mesh.load(self._mesh_file).of(container)
        if member.port:
            return member.port, member.health, HEALTHY_CODES
        task = self._ecs._tasks.get(task_arn) or {}
        cluster = task.get("clusterArn", "").rsplit("/", 1)[-1]
        service = self._ecs._services.get(f"{cluster}/{task.get('group', '').removeprefix('service:')}") or {}
        for balancer in service.get("loadBalancers") or []:
            group = self._alb._tgs.get(balancer.get("targetGroupArn", ""))
            if group and balancer.get("containerName", container) == container:
                return int(balancer["containerPort"]), group["HealthCheckPath"], group["Matcher"].get("HttpCode", "200")
        return None

    def join(self, client: Any, container: Any, name: str) -> None:
        """Connect a container to the networks of what it calls, before it starts; without a name it calls nothing."""
        for called in Mesh.load(self._mesh_file).of(name).calls if name else ():
            self.network(client, f"{self._network}-{called}").connect(container)

    def _publish(self, client: Any, container: Any, name: str) -> None:
        """Give a healthy container its names; not before, so that no request reaches a task that is not listening yet."""
        mesh = Mesh.load(self._mesh_file)
        for served in sorted(mesh.called() & set(mesh.of(name).serves)):
            self.network(client, f"{self._network}-{served}").connect(container, aliases=[served])

    def _withdraw(self, client: Any, container: Any) -> None:
        """Take the names from a container that is about to stop; it can still call others while it drains."""
        name = container.labels.get(sidecars.NAME_LABEL, "")
        holder = sidecars.with_network(client, container)
        for served in Mesh.load(self._mesh_file).of(name).serves:
            network = f"{self._network}-{served}"
            if network in holder.attrs["NetworkSettings"]["Networks"]:
                self.network(client, network).disconnect(holder)

    def network(self, client: Any, name: str) -> Any:
        """The network of that name, created on first use."""
        with self._networks_lock:
            for found in client.networks.list(names=[name]):
                if found.name == name:
                    return found
            return client.networks.create(name, driver="bridge", labels={"container-services.network": self._network})

    @property
    def base_network(self) -> str:
        return self._network


def main() -> None:
    """Install the hooks and serve until SIGTERM. Other settings come from the environment (see `ops.local.emulator`)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--gateway", default="")
    parser.add_argument("--bridge", default="")
    options = parser.parse_args()
    sys.argv = ["ministack"]
    ecs = importlib.import_module("ministack.services.ecs")
    alb = importlib.import_module("ministack.services.alb")
    forwarder = Forwarder(options.gateway, options.port)
    forwarding = bool(options.gateway) and forwarder.listen()
    if forwarding:
        forwarder.start()
    bridge = Forwarder(options.bridge, options.port)  # for the emulator's own Kubernetes cluster, if it can start one
    if options.bridge and bridge.listen():
        bridge.start()
    network = f"container-services-{options.port}"
    gateway = options.gateway if forwarding else ""
    workspace = Workspace(options.workspace.parent)
    kept = KeptLines(workspace.service_logs)
    Hooks(ecs, alb, mesh_file=workspace.mesh, kept=kept, network=network, gateway=gateway).install()
    importlib.import_module("ministack.app").main()


if __name__ == "__main__":
    main()
