"""Finds or starts a container engine, and a client that can build with it.

Not every Docker client can build: since version 23 BuildKit needs the separate buildx plug-in, which many machines lack. So
each client is tried on every engine that answers, and the first pair that can build is used. If no engine runs, one is
installed and started, with a notice, but only on Debian or Ubuntu and as root.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.local.workspace import Workspace
from ops.process import Finished, alive, capture, command_line, spawn_daemon, stop
from ops.say import Say

DEBIAN_CLIENT = Path("/usr/bin/docker")  # of the package docker.io
DEFAULT_SOCKET = Path("/var/run/docker.sock")
LAST_VERSION_WITH_BUILDKIT_INSIDE = 22  # Docker CLI 23 moved BuildKit to the buildx plug-in
START_SECONDS = 60.0
ANSWER_SECONDS = 20.0
PACKAGES = ("docker.io", "debootstrap")
OPTIONAL_PACKAGES = ("docker-cli", "docker-buildx")  # separate from docker.io in newer releases
PID_NAME = "dockerd"
# The kernel's message, as C and Node print it, and that of apt, which checks before it writes.
NO_SPACE = re.compile(r"no space left on device|ENOSPC|disk quota exceeded|enough free space in", re.IGNORECASE)
FREE_SPACE = "free some space (`docker system df` shows what the engine holds) and run `make up` again"


@dataclass(frozen=True)
class Engine:
    """A client and the engine it talks to; together they can build."""

    client: Path
    host: str  # as in DOCKER_HOST, e.g. unix:///var/run/docker.sock
    version: str
    architecture: str  # amd64 or arm64, as Docker names them
    needs_buildkit_flag: bool

    @property
    def environment(self) -> dict[str, str]:
        """Variables that a child process needs to use this engine and no other."""
        found = {"DOCKER_HOST": self.host, "CDK_DOCKER": str(self.client)}
        if self.client.name == "podman":
            found["CONTAINER_HOST"] = self.host
        if self.needs_buildkit_flag:
            found["DOCKER_BUILDKIT"] = "1"
        return found

    @property
    def full_environment(self) -> dict[str, str]:
        """The user's environment (a proxy, a credential helper) with this engine chosen."""
        return {**os.environ, **self.environment}

    def run(self, *arguments: str, timeout: float | None = None, stdin: str | None = None) -> Finished:
        """Run the client with these arguments and return what it printed."""
        return capture([self.client, *arguments], env=self.full_environment, timeout=timeout, stdin=stdin)


def clients(environ: Mapping[str, str]) -> Iterator[Path]:
    """Every `docker` and `podman` on PATH, in PATH's order, then Debian's; each file once."""
    seen: set[Path] = set()
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    found = [folder / name for name in ("docker", "podman") for folder in folders]
    for candidate in [*found, DEBIAN_CLIENT]:
        if candidate.is_file() and os.access(candidate, os.X_OK) and candidate.resolve() not in seen:
            seen.add(candidate.resolve())
            yield candidate


def hosts(environ: Mapping[str, str], found: list[Path]) -> Iterator[str]:
    """Addresses where an engine may listen: only DOCKER_HOST if it is set, else the places that common products use."""
    offered: list[str] = []
    if environ.get("DOCKER_HOST"):
        yield environ["DOCKER_HOST"]
        return
    for client in found:
        if client.name == "docker":
            context = capture([client, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], env=environ)
            offered.extend([context.out.strip()] if context.ok else [])
    home, runtime = Path(environ.get("HOME", "/")), environ.get("XDG_RUNTIME_DIR")
    sockets = [DEFAULT_SOCKET, home / ".docker/run/docker.sock", home / ".colima/default/docker.sock"]
    sockets += [home / ".rd/docker.sock", Path("/run/podman/podman.sock")]
    sockets += [Path(runtime) / name for name in ("docker.sock", "podman/podman.sock")] if runtime else []
    offered.extend(f"unix://{socket}" for socket in sockets)
    for host in dict.fromkeys(offered):
        path = Path(host.removeprefix("unix://"))
        if host and (not host.startswith("unix://") or path.exists()):
            yield host


def find(environ: Mapping[str, str] | None = None) -> Engine | None:
    """The first engine that answers, with the first client that can build on it; None if there is no such pair."""
    environ = os.environ if environ is None else environ
    found = list(clients(environ))
    for host in hosts(environ, found):
        for client in found:
            engine = _ask(client, host, environ)
            if engine is not None:
                return engine
    return None


def _ask(client: Path, host: str, environ: Mapping[str, str]) -> Engine | None:
    env = {**environ, "DOCKER_HOST": host, "CONTAINER_HOST": host}
    if client.name == "podman":
        return _ask_podman(client, host, env)
    answer = capture([client, "version", "--format", "{{json .}}"], env=env, timeout=ANSWER_SECONDS)
    try:
        facts = json.loads(answer.out)
        server, own_version = facts["Server"], str(facts["Client"]["Version"])
        version, architecture = str(server["Version"]), str(server["Arch"])
    except (ValueError, KeyError, TypeError):
        return None  # no engine there, or not a Docker client
    if capture([client, "buildx", "version"], env=env, timeout=ANSWER_SECONDS).ok:
        return Engine(client, host, version, architecture, needs_buildkit_flag=False)
    if _major(own_version) <= LAST_VERSION_WITH_BUILDKIT_INSIDE:
        return Engine(client, host, version, architecture, needs_buildkit_flag=True)
    return None


def _ask_podman(client: Path, host: str, env: Mapping[str, str]) -> Engine | None:
    """Podman has its own builder (Buildah); it only has to reach the socket that the emulator will use."""
    answer = capture(
        [client, "--remote", "info", "--format", "{{.Version.Version}} {{.Host.Arch}}"], env=env, timeout=ANSWER_SECONDS
    )
    parts = answer.out.split()
    return (
        Engine(client, host, parts[0], parts[1], needs_buildkit_flag=False) if answer.ok and len(parts) == 2 else None
    )


def _major(version: str) -> int:
    head = version.split(".", maxsplit=1)[0]
    return int(head) if head.isdigit() else LAST_VERSION_WITH_BUILDKIT_INSIDE + 1


def ensure(workspace: Workspace, say: Say) -> Engine:
    """A working engine: a running one, else (on Debian or Ubuntu, as root) one installed and started here.

    Raises OpsError, which says what to start, if neither is possible.
    """
    engine = find()
    if engine is not None:
        return engine
    chosen = os.environ.get("DOCKER_HOST", "")
    if chosen and chosen != f"unix://{DEFAULT_SOCKET}":
        raise OpsError(f"DOCKER_HOST={chosen}: no engine that can build answers there; start it, or unset DOCKER_HOST")
    if not _may_install():
        raise OpsError(_what_to_start())
    _install(say)
    _start(workspace, say)
    engine = find()
    if engine is None:
        raise OpsError(f"the engine started but no client can build with it; see {workspace.log(PID_NAME)}")
    return engine


def _what_to_start() -> str:
    return (
        "no container engine that can build answers; start Docker Desktop, Colima, Rancher Desktop or dockerd "
        "(with buildx), or set DOCKER_HOST to one, and run the command again"
    )


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install(say: Say) -> None:
    missing = [name for name in PACKAGES if not _installed(name)]
    missing += [name for name in OPTIONAL_PACKAGES if _offered(name) and not _installed(name)] if missing else []
    if not missing:
        return
    say.note(f"no engine here: apt-get install {' '.join(missing)}")
    apt = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing, "iptables", "ca-certificates"]
    done = capture(install, env=apt)
    if not done.ok:  # package lists may be missing or old
        capture(["apt-get", "update", "-q"], env=apt)
        done = capture(install, env=apt)
    if not done.ok:
        raise OpsError(f"apt-get could not install {' '.join(missing)}: {done.last_line()}")


def _installed(package: str) -> bool:
    return "install ok installed" in capture(["dpkg-query", "-W", "-f", "${Status}", package]).out


def _offered(package: str) -> bool:
    return capture(["apt-cache", "show", package]).ok


def _start(workspace: Workspace, say: Say) -> None:
    """Start dockerd in its own session. Removes the pid file of a dead engine (power cut, kill -9), which would prevent it."""
    workspace.prepare()
    daemon = shutil.which("dockerd") or "/usr/sbin/dockerd"
    _clear_stale(Path("/var/run/docker.pid"))
    log = workspace.log(PID_NAME)
    say.note(f"starting {daemon} in the background (log: {log})")
    pid = spawn_daemon([daemon, "--host", f"unix://{DEFAULT_SOCKET}"], env=os.environ, log=log, cwd=Path("/"))
    workspace.write_pid(PID_NAME, pid)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if find() is not None:
            return
        if not alive(pid):
            break
        time.sleep(0.3)
    raise OpsError(f"dockerd did not start: {_last_log_line(log)} (log: {log})")


def _clear_stale(pid_file: Path) -> None:
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return
    if "dockerd" not in command_line(pid):
        pid_file.unlink(missing_ok=True)


def _last_log_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1].strip() if lines else "it wrote nothing"


def stop_started(workspace: Workspace, say: Say) -> bool:
    """Stop the engine that `ensure` started from this project; False if there is none. Never touches another engine."""
    pid = workspace.read_pid(PID_NAME)
    workspace.forget_pid(PID_NAME)
    if pid is None or not alive(pid) or "dockerd" not in command_line(pid):
        return False
    say.note(f"stopping the engine started here (pid {pid})")
    stop(pid, grace=30.0)
    return True
