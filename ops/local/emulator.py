"""Starts, finds and stops the emulator, and removes what it leaves in the container engine."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from ops.errors import OpsError
from ops.local.engine import Engine
from ops.local.kept_lines import KeptLines
from ops.local.target import Target
from ops.local.workspace import Workspace
from ops.process import alive, capture, command_line, spawn_daemon, stop

PROCESS = "ops.local.emulator_process"
PID_NAME = "emulator"
READY_SECONDS = 60.0
HEALTH_PATH = "/_ministack/health"


def answers(target: Target) -> bool:
    """True if an emulator (ours or another) is ready at the endpoint."""
    try:
        with urllib.request.urlopen(f"{target.endpoint}{HEALTH_PATH}", timeout=2) as answer:  # noqa: S310 - loopback http
            return "services" in json.loads(answer.read())
    except (OSError, ValueError, urllib.error.URLError):
        return False


def port_taken(target: Target) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", target.port)) == 0


def running_pid(target: Target, workspace: Workspace) -> int | None:
    """The process id of this project's emulator at this port; found even if the workspace was deleted."""
    marker = f"{PROCESS} --port {target.port} --workspace {workspace.folder}"
    kept = workspace.read_pid(PID_NAME)
    if kept is not None and alive(kept) and marker in command_line(kept):
        return kept
    # -ww: otherwise COLUMNS in the environment truncates the lines, and the emulator is not recognized.
    for line in capture(["ps", "-ww", "-eo", "pid=,args="]).out.splitlines():
        pid, _, arguments = line.strip().partition(" ")
        if marker in arguments and int(pid) != os.getpid():
            return int(pid)
    return None


def launch(target: Target, workspace: Workspace, engine: Engine) -> bool:
    """Start this project's emulator unless it is running; returns True if this call started it. Does not wait."""
    pid = running_pid(target, workspace)
    if pid is not None:
        workspace.write_pid(PID_NAME, pid)
        return False
    if port_taken(target):
        raise OpsError(
            f"port {target.port} is taken by another program; stop it, or choose another: "
            f"make up ENDPOINT=http://localhost:{target.port + 1}"
        )
    workspace.prepare()
    log = workspace.log("emulator")
    log.unlink(missing_ok=True)
    KeptLines(workspace.service_logs).forget()
    command: list[str | Path] = [
        sys.executable,
        "-m",
        PROCESS,
        "--port",
        str(target.port),
        "--workspace",
        workspace.folder,
    ]
    gateway = network_gateway(target, engine)
    command += ["--gateway", gateway] if gateway else []
    command += ["--bridge", bridge_gateway(engine)]
    package_root = Path(__file__).resolve().parents[2]
    pid = spawn_daemon(command, env=_process_environment(target, workspace, engine), log=log, cwd=package_root)
    workspace.write_pid(PID_NAME, pid)
    return True


def _process_environment(target: Target, workspace: Workspace, engine: Engine) -> dict[str, str]:
    return {
        **target.child_environment(workspace, engine=engine),
        "GATEWAY_PORT": str(target.port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "MINISTACK_HOSTNAME": target.instance.partition(":")[0],
        "MINISTACK_REGION": target.region,
        "IOT_MTLS_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
        # The emulator works out the endpoint of a task; with HOSTNAME set it would be loopback, which a container cannot reach.
        "HOSTNAME": "",
    }


def network_gateway(target: Target, engine: Engine) -> str:
    """The machine's address on the tasks' network, which is created if missing; empty if unknown."""
    label = f"container-services.network={target.network}"
    if not engine.run("network", "inspect", target.network).ok:
        made = engine.run("network", "create", "--label", label, target.network)
        if not made.ok:
            raise OpsError(f"the engine could not create the network {target.network}: {made.last_line()}")
    answer = engine.run("network", "inspect", target.network, "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}")
    addresses = [word for word in answer.out.split() if word.count(".") == 3]
    return addresses[0] if answer.ok and addresses else ""


def bridge_gateway(engine: Engine) -> str:
    """The machine's address on the engine's default bridge, where the emulator's own Kubernetes cluster looks for it.

    It is the first of the network's range, which is all that older engines report.
    """
    answer = engine.run("network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}")
    for word in answer.out.split():
        try:
            return str(next(ipaddress.IPv4Network(word).hosts()))
        except ValueError:
            continue
    return "172.17.0.1"


def wait_until_ready(target: Target, workspace: Workspace) -> None:
    """Return once the emulator answers; OpsError with its last line if it ended or took too long."""
    deadline = time.monotonic() + READY_SECONDS
    pid = workspace.read_pid(PID_NAME)
    while time.monotonic() < deadline:
        if answers(target):
            return
        if pid is not None and not alive(pid):
            break
        time.sleep(0.1)
    raise OpsError(
        f"the emulator did not start: {_last_line(workspace.log('emulator'))} (log: {workspace.log('emulator')})"
    )


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    return lines[-1].strip() if lines else "it wrote nothing"


def shut_down(target: Target, workspace: Workspace, engine: Engine | None) -> None:
    """Stop the emulator and remove every container and network that it made; does nothing if nothing is left."""
    pid = running_pid(target, workspace)
    if pid is not None:
        stop(pid, grace=15.0)
    workspace.forget_pid(PID_NAME)
    if engine is not None:
        remove_leftovers(target, engine)


def leftovers(target: Target, engine: Engine) -> Mapping[str, list[str]]:
    """Containers and networks of this emulator that the engine still holds, by kind."""
    containers = engine.run("ps", "-aq", "--filter", f"label=ministack.instance={target.instance}").out.split()
    networks = engine.run(
        "network", "ls", "-q", "--filter", f"label=container-services.network={target.network}"
    ).out.split()
    return {"containers": containers, "networks": networks}


def remove_leftovers(target: Target, engine: Engine) -> None:
    found = leftovers(target, engine)
    if found["containers"]:
        engine.run("rm", "-f", "-v", *found["containers"])
    if found["networks"]:
        engine.run("network", "rm", *found["networks"])
