"""`make verify-kubernetes`: walks through `make up` on a real Kubernetes cluster, and prints one line per step.

Uses the cluster of KUBECONFIG, else a kind cluster of its own, which it deletes again. Works on a copy of the project, with an
emulator on a port of its own. Exit code 1 if a step fails, 2 if there is nothing to run it on.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config.command_line import run
from ops.errors import OpsError
from ops.local import engine as engines
from ops.local.engine import Engine
from ops.process import stream
from tests.conftest import ROOT
from tests.kubernetes.on_cluster import on_cluster
from tests.kubernetes.walk import Walk

KIND_CLUSTER = "container-services-verify"
NOTHING_TO_RUN_ON = (
    "no cluster to verify on: install kind (https://kind.sigs.k8s.io), or set KUBECONFIG to one of yours"
)


def main() -> int:
    return run(lambda: verify(os.environ), before="error: ")


def verify(environ: Mapping[str, str]) -> int:
    """Returns the exit code. Raises OpsError, with exit code 2, without a cluster or an engine."""
    if not environ.get("KUBECONFIG") and not shutil.which("kind", path=environ.get("PATH")):
        raise OpsError(NOTHING_TO_RUN_ON, exit_code=2)
    engine = engines.find()
    if engine is None:
        raise OpsError("no container engine that can build answers; start Docker and run it again", exit_code=2)
    with tempfile.TemporaryDirectory(prefix="verify-kubernetes-") as scratch:
        folder = Path(scratch)
        with _cluster(environ, engine, folder) as kubeconfig:
            return Walk(on_cluster(ROOT, folder / "project", engine, kubeconfig)).run()


@contextmanager
def _cluster(environ: Mapping[str, str], engine: Engine, folder: Path) -> Iterator[str]:
    """The kubeconfig of the user's cluster, or of a new one, which is deleted afterwards."""
    if given := environ.get("KUBECONFIG"):
        yield os.pathsep.join(str(Path(part).absolute()) for part in given.split(os.pathsep) if part)
        return
    kubeconfig = folder / "kubeconfig"
    options = ["--name", KIND_CLUSTER, "--kubeconfig", str(kubeconfig)]
    print(f"==> kind create cluster --name {KIND_CLUSTER}", flush=True)
    log = folder / "kind.log"
    try:
        made = stream(
            ["kind", "create", "cluster", *options, "--wait", "180s"], env=engine.full_environment, cwd=folder, log=log
        )
        if not made.ok:
            lines = made.out.strip().splitlines() or ["it wrote nothing"]
            raise OpsError(f"kind could not create a cluster: {lines[-1]}", exit_code=2)
        yield str(kubeconfig)
    finally:
        stream(["kind", "delete", "cluster", *options], env=engine.full_environment, cwd=folder, log=log)


if __name__ == "__main__":
    sys.exit(main())
