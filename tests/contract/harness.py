"""Builds the service images and runs them as production does, so that contract tests see them only from outside.

All tests run them the same way: read-only root, numeric user without a name, no capabilities, no new privileges, limits on
memory and processes. The ECS and EKS stacks ask for the same, so what fails here fails there.

    from tests.contract.harness import build, run, wait_http

    def test_it_answers(engine, network):
        with run(build("tracking"), network=network, ports=(8080,)) as tracking:
            assert wait_http(tracking.url(8080, "/healthz")).status_code == 200

`ops.local.engine` finds the engine and its client, as for `make up`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from ops.local.engine import Engine, find

ROOT = Path(__file__).resolve().parents[2]
SESSION = f"harbour-test-{uuid.uuid4().hex[:8]}"  # prefix of all names, so that nobody else's containers are touched
USER = "65532:65532"
HARDENING = (
    "--read-only",
    f"--user={USER}",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=256",
)


class EngineError(RuntimeError):
    """A command of the container engine failed; the message holds its standard error."""


@functools.cache
def found_engine() -> Engine | None:
    """The engine that `make up` would use, or None."""
    return find()


def client() -> str:
    """The engine's command line client; skips the test with a reason if no engine answers."""
    found = found_engine()
    if found is None:
        pytest.skip("no container engine that can build answers: `python -m ops engine` finds or starts one")
    return str(found.client)


def docker(*arguments: str, check: bool = True, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run the engine's client; raises EngineError with its output if it fails and `check` is set."""
    command = [client(), *arguments]
    environment = found_engine().full_environment  # type: ignore[union-attr]  (client() has looked)
    result = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=timeout, env=environment, check=False
    )
    if check and result.returncode != 0:
        raise EngineError(f"docker {' '.join(arguments)}: {result.stderr.strip() or result.stdout.strip()}")
    return result


@pytest.fixture(scope="session")
def engine() -> str:
    """The client of a running engine; skips the test with a reason if there is none."""
    return client()


@functools.cache
def build(service: str) -> str:
    """Build services/<service> once per session; returns the image's tag."""
    return build_folder(ROOT / "services" / service, f"harbour-test/{service}:contract")


def build_folder(folder: Path, tag: str) -> str:
    """Build any folder with a Dockerfile; $BASE_REGISTRY names another registry for the base image. Returns the tag."""
    arguments = ["build", "--quiet", "--tag", tag]
    if registry := os.environ.get("BASE_REGISTRY"):
        arguments += ["--build-arg", f"BASE_REGISTRY={registry}"]
    docker(*arguments, str(folder), timeout=1200)
    return tag


@dataclass(frozen=True)
class Container:
    """A container that was started by `run`; its methods are the engine's commands."""

    name: str

    def inspect(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(docker("inspect", self.name).stdout)
        return found[0]

    def url(self, port: int, path: str = "/") -> str:
        """The URL of the container's published `port` on this machine (it changes with a restart)."""
        address = docker("port", self.name, f"{port}/tcp").stdout.splitlines()[0]
        return f"http://127.0.0.1:{address.rsplit(':', 1)[1]}{path}"

    def logs(self) -> str:
        """Standard output and standard error together."""
        result = docker("logs", self.name)
        return result.stdout + result.stderr

    def json_logs(self) -> list[dict[str, Any]]:
        """Standard output, each line of which must be a JSON object."""
        return [json.loads(line) for line in docker("logs", self.name).stdout.splitlines()]

    def exec(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return docker("exec", self.name, *command, check=check)

    def stop(self, timeout: int = 30) -> int:
        """SIGTERM, SIGKILL after `timeout` seconds; returns the exit code."""
        docker("stop", f"--time={timeout}", self.name)
        return self.exit_code()

    def kill(self, signal: str = "KILL") -> None:
        docker("kill", f"--signal={signal}", self.name)

    def start(self) -> None:
        docker("start", self.name)

    def wait(self, timeout: float = 60) -> int:
        """Wait for the container to exit; returns the exit code."""
        return int(docker("wait", self.name, timeout=timeout).stdout)

    def exit_code(self) -> int:
        return int(self.inspect()["State"]["ExitCode"])

    def health(self) -> str:
        """The status of the image's HEALTHCHECK: starting, healthy or unhealthy."""
        return str(self.inspect()["State"]["Health"]["Status"])


@contextlib.contextmanager
def run(
    image: str,
    name: str | None = None,
    env: Mapping[str, str] | None = None,
    network: str | None = None,
    ports: Sequence[int] = (),
    *,
    alias: str | None = None,
    memory: str = "512m",
    options: Sequence[str] = (),
    command: Sequence[str] = (),
) -> Iterator[Container]:
    """Run `image` hardened, detached; removed with its volumes at the end.

    `name` is made unique for this session. `alias` is the name under which others on `network` find it. `ports` are
    published on the loopback at free ports. `options` go to `docker run` as they are, after the hardening ones.
    """
    container = Container(f"{SESSION}-{name or Path(image).name.partition(':')[0]}-{uuid.uuid4().hex[:6]}")
    arguments = ["run", "--detach", "--name", container.name, *HARDENING, f"--memory={memory}"]
    arguments += [f"--env={key}={value}" for key, value in (env or {}).items()]
    arguments += [f"--publish=127.0.0.1::{port}" for port in ports]
    if network:
        arguments += ["--network", network]
        arguments += ["--network-alias", alias] if alias else []
    try:
        docker(*arguments, *options, image, *command)
        yield container
    finally:
        docker("rm", "--force", "--volumes", container.name, check=False)


@contextlib.contextmanager
def temporary_network() -> Iterator[str]:
    """A user network, on which containers find each other by name."""
    name = f"{SESSION}-{uuid.uuid4().hex[:6]}"
    docker("network", "create", name)
    try:
        yield name
    finally:
        docker("network", "rm", name, check=False)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextlib.contextmanager
def emulated_aws() -> Iterator[str]:
    """The embedded AWS on the loopback; yields its address. Containers reach it with --network=host."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = os.environ | {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"}
    command = [Path(sys.prefix) / "bin" / "ministack"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_http(f"{endpoint}/_ministack/health")
            yield endpoint
        finally:
            process.terminate()


def aws_variables(endpoint: str) -> dict[str, str]:
    """The variables that lead a container's SDK to the embedded AWS."""
    return {
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": "x",
    }


def aws_client(service: str, endpoint: str) -> Any:
    """A client of the embedded AWS."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="x",
    )


@pytest.fixture
def network(engine: str) -> Iterator[str]:
    """A network for one test."""
    with temporary_network() as name:
        yield name


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 60, interval: float = 0.1) -> None:
    """Poll until `condition` holds; fails the test with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout:g} s: {what}")
        time.sleep(interval)


def wait_http(url: str, status: int = 200, timeout: float = 60) -> requests.Response:
    """Poll `url` until it answers with `status`; fails the test if it does not within `timeout` seconds."""
    answers: list[requests.Response] = []

    def answered() -> bool:
        with contextlib.suppress(requests.RequestException):
            answers.append(requests.get(url, timeout=5))
        return bool(answers) and answers[-1].status_code == status

    wait_until(answered, f"{status} from {url}", timeout)
    return answers[-1]
