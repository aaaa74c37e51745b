"""Start, find and stop the embedded AWS, and the clients that speak to it and to nothing else.

Safety rests on three things: the endpoint must be loopback, or nothing starts; every child process and client gets endpoint,
credentials, region and home from here and none from the user; and the credentials are the emulator's account number, which
no real AWS would take.
"""

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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ops.errors import OpsError
from ops.local.engine import Engine
from ops.local.state import State
from ops.process import alive, capture, command_line, spawn_daemon, stop

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

DEFAULT_ENDPOINT = "http://localhost:4566"
ACCOUNT = "000000000000"
REGION = "us-east-1"
PROCESS = "ops.local.emulator_process"
PID_NAME = "emulator"
READY_SECONDS = 60.0
HEALTH_PATH = "/_ministack/health"
# What children keep of the user's environment: nothing that names an account, a profile or an endpoint.
KEPT_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TERM",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "NO_COLOR",
)


@dataclass(frozen=True)
class Target:
    """The one place that local commands talk to."""

    endpoint: str = DEFAULT_ENDPOINT
    account: str = ACCOUNT
    region: str = REGION

    def __post_init__(self) -> None:
        require_loopback(self.endpoint)

    @property
    def port(self) -> int:
        return urlsplit(self.endpoint).port or 80

    @property
    def registry(self) -> str:
        """Host and port of the emulator's image registry, as the engine calls it."""
        return f"localhost:{self.port}"

    @property
    def network(self) -> str:
        """Name, and prefix of the names, of the engine's networks that tasks run in."""
        return f"container-services-{self.port}"

    @property
    def instance(self) -> str:
        """Value of the label `ministack.instance` on every container that this emulator starts."""
        return f"container-services:{self.port}"

    def child_environment(self, state: State, *, engine: Engine | None = None) -> dict[str, str]:
        """The whole environment of a child process: built up from nothing, so that no real account can be reached."""
        kept = {key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}
        scratch = state.folder / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        virtual_environment = str(Path(sys.executable).parent)
        kept["PATH"] = os.pathsep.join([virtual_environment, kept.get("PATH", os.defpath)])
        return {
            **kept,
            "HOME": str(state.home),
            "TMPDIR": str(scratch),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CDK_VALIDATION": "false",  # docs/decisions/0012
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            **(engine.environment if engine else {}),
        }

    def client(self, service: str) -> Any:
        """A boto3 client for the emulator; nothing of the user's configuration is read."""
        import boto3  # noqa: PLC0415 - half a second that commands without AWS need not wait
        import botocore.session  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        nobody = {  # where botocore would look: setting, environment variable, default, conversion
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
            "ca_bundle": (None, None, None, None),
        }
        session = boto3.session.Session(
            aws_access_key_id=self.account,
            aws_secret_access_key="local",  # noqa: S106 - the emulator takes any
            region_name=self.region,
            botocore_session=botocore.session.Session(session_vars=nobody),
        )
        config = Config(retries={"max_attempts": 2}, connect_timeout=3, read_timeout=60, proxies={})
        return session.client(service, endpoint_url=self.endpoint, config=config)  # type: ignore[call-overload]

    @property
    def cloudformation(self) -> CloudFormationClient:
        return self.client("cloudformation")  # type: ignore[no-any-return]

    @property
    def ecr(self) -> ECRClient:
        return self.client("ecr")  # type: ignore[no-any-return]

    @property
    def ecs(self) -> ECSClient:
        return self.client("ecs")  # type: ignore[no-any-return]

    @property
    def logs(self) -> CloudWatchLogsClient:
        return self.client("logs")  # type: ignore[no-any-return]


def require_loopback(endpoint: str) -> None:
    """Raise OpsError unless the endpoint is plain HTTP on this machine's loopback, under every address its name has."""
    parts = urlsplit(endpoint)
    refusal = OpsError(
        f"--endpoint {endpoint}: local commands only talk to this machine; write http://localhost:PORT", exit_code=2
    )
    try:
        port = parts.port
    except ValueError:
        raise refusal from None
    if parts.scheme != "http" or not parts.hostname or port is None or parts.username or parts.path.strip("/"):
        raise refusal
    try:
        addresses = {entry[4][0] for entry in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)}
    except OSError:
        raise refusal from None
    if not addresses or not all(ipaddress.ip_address(str(address)).is_loopback for address in addresses):
        raise refusal


def answers(target: Target) -> bool:
    """True where an emulator (ours or another) is ready at the endpoint."""
    try:
        with urllib.request.urlopen(f"{target.endpoint}{HEALTH_PATH}", timeout=2) as answer:  # noqa: S310 - loopback http
            return "services" in json.loads(answer.read())
    except (OSError, ValueError, urllib.error.URLError):
        return False


def port_taken(target: Target) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", target.port)) == 0


def running_pid(target: Target, state: State) -> int | None:
    """The process id of this project's emulator at this port; also found when the state folder was deleted under it."""
    marker = f"{PROCESS} --port {target.port} --state {state.folder}"
    kept = state.read_pid(PID_NAME)
    if kept is not None and alive(kept) and marker in command_line(kept):
        return kept
    # -ww: without it a COLUMNS in the environment cuts the lines, and the emulator would be a stranger.
    for line in capture(["ps", "-ww", "-eo", "pid=,args="]).out.splitlines():
        pid, _, arguments = line.strip().partition(" ")
        if marker in arguments and int(pid) != os.getpid():
            return int(pid)
    return None


def launch(target: Target, state: State, engine: Engine) -> bool:
    """Start the emulator unless this project's runs already; returns True when it was started now. Does not wait."""
    pid = running_pid(target, state)
    if pid is not None:
        state.write_pid(PID_NAME, pid)
        return False
    if port_taken(target):
        raise OpsError(
            f"port {target.port} is taken by another program; stop it, or choose another: "
            f"make up ENDPOINT=http://localhost:{target.port + 1}"
        )
    state.prepare()
    log = state.log("emulator")
    log.unlink(missing_ok=True)
    command: list[str | Path] = [sys.executable, "-m", PROCESS, "--port", str(target.port), "--state", state.folder]
    gateway = network_gateway(target, engine)
    command += ["--gateway", gateway] if gateway else []
    command += ["--bridge", bridge_gateway(engine)]
    package_root = Path(__file__).resolve().parents[2]
    pid = spawn_daemon(command, env=_process_environment(target, state, engine), log=log, cwd=package_root)
    state.write_pid(PID_NAME, pid)
    return True


def _process_environment(target: Target, state: State, engine: Engine) -> dict[str, str]:
    return {
        **target.child_environment(state, engine=engine),
        "GATEWAY_PORT": str(target.port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "MINISTACK_HOSTNAME": target.instance.partition(":")[0],
        "MINISTACK_REGION": target.region,
        "IOT_MTLS_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
        # A task's endpoint is worked out by the emulator; with this one set it would be loopback, which a container is not.
        "HOSTNAME": "",
    }


def network_gateway(target: Target, engine: Engine) -> str:
    """The machine's address on the network that tasks run in, which is created when it is not there; empty if unknown."""
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

    Older engines tell the network's range only; the machine then has its first address.
    """
    answer = engine.run("network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}")
    for word in answer.out.split():
        try:
            return str(next(ipaddress.IPv4Network(word).hosts()))
        except ValueError:
            continue
    return "172.17.0.1"


def wait_until_ready(target: Target, state: State) -> None:
    """Return once the emulator answers; OpsError with its last line when it ended or took too long."""
    deadline = time.monotonic() + READY_SECONDS
    pid = state.read_pid(PID_NAME)
    while time.monotonic() < deadline:
        if answers(target):
            return
        if pid is not None and not alive(pid):
            break
        time.sleep(0.1)
    raise OpsError(f"the emulator did not start: {_last_line(state.log('emulator'))} (log: {state.log('emulator')})")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    return lines[-1].strip() if lines else "it wrote nothing"


def shut_down(target: Target, state: State, engine: Engine | None) -> None:
    """Stop the emulator and remove every container and network that it made; does nothing where nothing is left."""
    pid = running_pid(target, state)
    if pid is not None:
        stop(pid, grace=15.0)
    state.forget_pid(PID_NAME)
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
