"""Runs the emulator, MiniStack, with a few functions of its ECS wrapped to fill gaps.

Run by `ops.local.emulator`, never imported by it. MiniStack starts tasks as containers; these hooks apply the whole task
definition to each container, let it resolve the names of the services it calls, and count it as running only once its
target group's health check passes. Each hook wraps one function of the pinned package; if an update removes one, the process
ends at once and names it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ops.local import container_options, health, secret_values
from ops.local.forwarder import Forwarder
from ops.local.kept_lines import Copied, KeptLines
from ops.local.mesh import Mesh
from ops.local.workspace import Workspace

PROBE_SECONDS = 0.15  # between two health checks of a starting task
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
        }

    def build_run_kwargs(self, original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """Adds the rest of the container definition, and credentials that the emulator accepts."""

        def wrapped(container: Mapping[str, Any], task: Mapping[str, Any], *rest: Any, **named: Any) -> dict[str, Any]:
            found = original(container, task, *rest, **named)
            found["labels"] = {**found["labels"], **container_options.labels(container)}
            found.update(container_options.options(container, task))
            if self._gateway and "extra_hosts" in found:
                found["extra_hosts"] = {"host.docker.internal": self._gateway}
            found["environment"] = _task_credentials(found["environment"])
            return found

        return wrapped

    def run_docker_container(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Start the container on its networks, then wait until it is healthy or has failed."""

        def wrapped(client: Any, container: Mapping[str, Any], run_kwargs: dict[str, Any], **named: Any) -> Any:
            launcher = Launcher(client, self, container["name"])
            started = original(launcher, container, run_kwargs, **named)
            task_arn = run_kwargs["labels"]["com.amazonaws.ecs.task-arn"]
            try:
                self._ecs._start_awslogs_forwarder(started, container, task_arn.rpartition("/")[2])
                self._await_health(started, container, task_arn)
                self._publish(client, started, container["name"])
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
                self._copied[container.id] = Copied(container, definition["name"], self._kept)
                original(self._copied[container.id], definition, task_id)

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
                self._withdraw(client, found)
                time.sleep(DEREGISTRATION_SECONDS)
                found.stop(timeout=container_options.stop_timeout(found.labels))
        except Exception as error:
            print(f"stopping {container}: {error}", flush=True)

    def _await_health(self, started: Any, container: Mapping[str, Any], task_arn: str) -> None:
        check = self._health_check(task_arn, container["name"])
        deadline = time.monotonic() + Mesh.load(self._mesh_file).of(container["name"]).grace
        answer = "no answer yet"
        while time.monotonic() < deadline:
            started.reload()
            if started.status in {"exited", "dead"}:
                code = started.attrs["State"]["ExitCode"]
                if check is None and code == 0:
                    return  # a job that has finished already
                raise RuntimeError(f"container {container['name']} exited with code {code}: {_last_words(started)}")
            if check is None:
                return
            answer = health.probe(_address(started, self._network), *check)
            if answer == "healthy":
                return
            time.sleep(PROBE_SECONDS)
        raise RuntimeError(
            f"{container['name']} never passed its health check on {check[1] if check else ''}: {answer}"
        )

    def _health_check(self, task_arn: str, container: str) -> tuple[int, str, str] | None:
        """Port, path and accepted codes of the container's target group; None if it has none."""
        task = self._ecs._tasks.get(task_arn) or {}
        cluster = task.get("clusterArn", "").rsplit("/", 1)[-1]
        service = self._ecs._services.get(f"{cluster}/{task.get('group', '').removeprefix('service:')}") or {}
        for balancer in service.get("loadBalancers") or []:
            group = self._alb._tgs.get(balancer.get("targetGroupArn", ""))
            if group and balancer.get("containerName", container) == container:
                return int(balancer["containerPort"]), group["HealthCheckPath"], group["Matcher"].get("HttpCode", "200")
        return None

    def join(self, client: Any, container: Any, name: str) -> None:
        """Connect a container to the networks of what it calls, before it starts."""
        for called in Mesh.load(self._mesh_file).of(name).calls:
            self.network(client, f"{self._network}-{called}").connect(container)

    def _publish(self, client: Any, container: Any, name: str) -> None:
        """Give a healthy container its names; not before, so that no request reaches a task that is not listening yet."""
        mesh = Mesh.load(self._mesh_file)
        for served in sorted(mesh.called() & set(mesh.of(name).serves)):
            self.network(client, f"{self._network}-{served}").connect(container, aliases=[served])

    def _withdraw(self, client: Any, container: Any) -> None:
        """Take the names from a container that is about to stop; it can still call others while it drains."""
        name = container.labels.get("com.amazonaws.ecs.container-name", "")
        for served in Mesh.load(self._mesh_file).of(name).serves:
            network = f"{self._network}-{served}"
            if network in container.attrs["NetworkSettings"]["Networks"]:
                self.network(client, network).disconnect(container)

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


class Launcher:
    """Replaces the emulator's Docker client, so that a container joins its networks before it starts."""

    def __init__(self, client: Any, hooks: Hooks, name: str) -> None:
        self._client = client
        self._hooks = hooks
        self._name = name
        self.images = client.images
        self.containers = self

    def run(self, image: str, *, detach: bool = True, **options: Any) -> Any:
        """Create, connect, start; a container that cannot start is removed again."""
        assert detach, "tasks never run in the foreground"  # noqa: S101
        if "network_mode" not in options:
            options["network"] = self._hooks.network(self._client, self._hooks.base_network).name
        container = self._client.containers.create(image, **options)
        try:
            if "network_mode" not in options:
                self._hooks.join(self._client, container, self._name)
            container.start()
        except Exception:
            container.remove(force=True, v=True)
            raise
        return container

    def get(self, identity: str) -> Any:
        return self._client.containers.get(identity)


def _task_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """The emulator serves credentials from a host that SDKs refuse, so pass them as variables; they name only its account."""
    kept = {key: value for key, value in environment.items() if not key.startswith(("AWS_CONTAINER_",))}
    account, region = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_DEFAULT_REGION"]
    return {
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        **kept,
    }


def _address(container: Any, network: str) -> str:
    networks = container.attrs["NetworkSettings"]["Networks"]
    chosen: Mapping[str, Any] = networks.get(network) or next(iter(networks.values()), {})
    return str(chosen.get("IPAddress", ""))


def _last_words(container: Any) -> str:
    """The last line that a container wrote, as the reason why it ended."""
    lines = container.logs(tail=5).decode(errors="replace").strip().splitlines()
    return str(lines[-1].strip()[:200]) if lines else "it wrote nothing"


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
