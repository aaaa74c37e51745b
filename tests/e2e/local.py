"""A copy of the project with its own local deployment: another folder and port; nothing of the user's is touched."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from ops.local.engine import Engine
from ops.local.target import Target

COPIED = ("app.py", "cdk.json", "config", "stacks", "ops", "services", "docs")
LEFT_OUT = shutil.ignore_patterns("tests", "__pycache__", ".*_cache", ".schemathesis")
PORTS = range(20000, 30000)


@dataclass(frozen=True)
class Run:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


@dataclass
class Local:
    """One copy of the project, and the commands run on it."""

    folder: Path
    port: int
    engine: Engine

    @staticmethod
    def copy(project: Path, folder: Path, engine: Engine) -> Local:
        folder.mkdir(parents=True)
        for name in COPIED:
            source = project / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=LEFT_OUT)
            else:
                shutil.copy2(source, folder / name)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "node_modules").symlink_to(project / "node_modules")
        return Local(folder, free_port(), engine)

    @property
    def target(self) -> Target:
        return Target(endpoint=f"http://localhost:{self.port}")

    def command(self, *arguments: str) -> list[str]:
        name, *rest = arguments
        return [sys.executable, "-m", "ops", name, "--endpoint", self.target.endpoint, *rest]

    def ops(self, *arguments: str) -> Run:
        """Run `python -m ops ...` on the copy to its end."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
            env=self.environment,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        return {key: value for key, value in os.environ.items() if key not in {"KUBECONFIG", "PYTHONPATH"}}

    def interrupt(self, marker: str) -> Run:
        """Run `up`, send it SIGINT as soon as it has printed `marker`, and wait for its end."""
        child = subprocess.Popen(
            self.command("up"),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        seen = ""
        for line in child.stdout or ():
            seen += line
            if marker in line:
                child.send_signal(signal.SIGINT)
                break
        out, err = child.communicate(timeout=120)
        return Run(child.returncode, seen + out, err)

    def url(self, path: str) -> str:
        [balancer] = self.target.client("elbv2").describe_load_balancers()["LoadBalancers"]
        return f"{self.target.endpoint}/_alb/{balancer['LoadBalancerName']}{path}"

    def containers(self, service: str = "") -> list[str]:
        """Names of the running containers of this deployment, of one service or of all."""
        filters = [f"label=ministack.instance={self.target.instance}"]
        filters += [f"label=com.amazonaws.ecs.container-name={service}"] if service else []
        options = [part for value in filters for part in ("--filter", value)]
        return sorted(self.engine.run("ps", "--format", "{{.Names}}", *options).out.split())

    def inspect(self, container: str) -> dict[str, Any]:
        [found] = json.loads(self.engine.run("inspect", container).out)
        return found  # type: ignore[no-any-return]

    def on_network(self, name: str) -> set[str]:
        """Services that have a container on a called service's network."""
        network = f"{self.target.network}-{name}"
        names = self.engine.run("network", "inspect", network, "--format", "{{range .Containers}}{{.Name}} {{end}}").out
        return {container.split("-", 3)[3] for container in names.split()}

    def ecs_service(self, service: str) -> dict[str, Any]:
        ecs = self.target.ecs
        [cluster] = ecs.list_clusters()["clusterArns"]
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]:
            if f"-Ecs-{service}-" in arn:
                return {"cluster": cluster, "service": arn}
        raise LookupError(service)

    def add(self, service: str, manifest: dict[str, Any], **scripts: str) -> None:
        """A service of its own, from the base image alone: each script is `/app/<name>`, and `start` is what it runs."""
        folder = self.folder / "services" / service
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "service.yaml").write_text(
            json.dumps({"description": "A test", "cpu": 256, "memory": 512, **manifest})
        )
        (folder / ".dockerignore").write_text("\n".join(["*", *(f"!{name}" for name in scripts)]) + "\n")
        (folder / "Dockerfile").write_text(
            "ARG BASE_REGISTRY=public.ecr.aws/docker/library\nFROM ${BASE_REGISTRY}/debian:trixie-slim\n"
            f"COPY --chmod=0555 {' '.join(scripts)} /app/\nVOLUME /tmp\nUSER 65532:65532\n"
            'CMD ["/app/start"]\n'
        )
        for name, text in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        file = self.folder / path
        file.write_text(change(file.read_text()))


def free_port() -> int:
    """A port for an emulator that starts later: none that the system gives to connections meanwhile (32768 and above)."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise LookupError("no port is free")


def eventually(what: Callable[[], Any], seconds: float = 90) -> Any:
    """The first true value of `what`; fails with its last value or error if none comes in time."""
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            last = what()
            if last:
                return last
        except (requests.RequestException, AssertionError, LookupError) as error:
            last = error
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds:g} s; at last: {last!r}")


@contextmanager
def requested(urls: dict[str, str]) -> Iterator[Counter[tuple[str, str]]]:
    """Request each URL again and again until the block ends; counts (name, status or fault)."""
    counts: Counter[tuple[str, str]] = Counter()
    over = threading.Event()

    def go_on(name: str, url: str) -> None:
        while not over.is_set():
            try:
                answer = requests.get(url, timeout=15)
                counts[name, str(answer.status_code)] += 1
            except requests.RequestException as error:
                counts[name, type(error).__name__] += 1
            time.sleep(0.02)

    threads = [threading.Thread(target=go_on, args=item, daemon=True) for item in urls.items()]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        over.set()
        for thread in threads:
            thread.join()
