"""The Kubernetes half: applies the objects of the Eks-<name> stacks to a real cluster or else validates them, and reports which.

In the emulator an EKS cluster is only a record. With KUBECONFIG set, the objects in the templates are applied to that cluster
with kubectl, and their rollout is awaited. Otherwise each is validated against the schemas of the environment's Kubernetes
version.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from config.settings import Platform, Settings
from ops.assembly import Assembly, Stack
from ops.errors import OpsError
from ops.local import cloudformation
from ops.local.emulator import bridge_gateway
from ops.local.engine import Engine
from ops.local.outcome import Applied, Outcome, Validated
from ops.local.target import Target
from ops.local.workspace import Workspace
from ops.process import capture
from ops.references import Known

MANIFEST_TYPE = "Custom::AWSCDK-EKS-KubernetesResource"
ROLLOUT_SECONDS = 180
EMULATED_ROLLOUT_SECONDS = 60
CLUSTER_START_SECONDS = 60.0
CUSTOM_GROUPS = ("secrets-store.csi.x-k8s.io", "eks.amazonaws.com", "karpenter.sh")
WAITED_FOR = {"Deployment": "rollout"}


@dataclass(frozen=True)
class Cluster:
    """Where objects are applied.

    Attributes:
        kubeconfig: path of its kubeconfig file.
        given: True if the user gave it; False for the emulator's own.
    """

    kubeconfig: str
    given: bool


def outcomes(
    assembly: Assembly, *, target: Target, workspace: Workspace, settings: Settings, engine: Engine
) -> list[Outcome]:
    """Apply or validate each service's objects; each outcome holds which of the two, and why.

    A cluster that the user gave must accept them, or this raises OpsError. The emulator's own is a bonus: if it refuses them,
    they are validated, and the outcome holds the reason.
    """
    cluster = find_cluster(os.environ, engine=engine, target=target, workspace=workspace)
    # The emulator's cluster holds the images under this registry's name.
    aws = f"{target.account}.dkr.ecr.{target.region}.amazonaws.com"
    registry = aws if cluster and not cluster.given else target.registry
    known = Known(cloudformation.stack_outputs(target), registry, target.account, target.region)
    env = {**target.child_environment(workspace), "KUBECONFIG": cluster.kubeconfig if cluster else ""}
    found, obstacle = [], ""
    for service, stack in assembly.of_services(Platform.EKS).items():
        objects = objects_of(stack, known)
        applied = None
        if cluster and cluster.given:
            applied = apply(objects, namespace=settings.app, kubeconfig=cluster.kubeconfig, env=env)
        elif cluster and not obstacle:
            try:
                own = with_variables(objects, _emulator_variables(target, engine))
                applied = _apply_to_own(own, namespace=settings.app, kubeconfig=cluster.kubeconfig, env=env)
            except OpsError as error:
                obstacle = error.message
        result = applied or replace(validate(objects, settings.eks_version), refused_by_own=obstacle)
        found.append(Outcome(service, "kubernetes", result))
    return found


def find_cluster(environ: Mapping[str, str], *, engine: Engine, target: Target, workspace: Workspace) -> Cluster | None:
    """The cluster that the user gave, else the emulator's own, else None."""
    given = kubeconfig(environ)
    if given:
        return Cluster(given, given=True)
    own = emulated_cluster(engine, target, workspace)
    return Cluster(own, given=False) if own else None


def _emulator_variables(target: Target, engine: Engine) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://{bridge_gateway(engine)}:{target.port}",
        "AWS_ACCESS_KEY_ID": target.account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": target.region,
    }


def _apply_to_own(objects: list[dict[str, Any]], *, namespace: str, kubeconfig: str, env: Mapping[str, str]) -> Applied:
    wait_for_cluster(kubeconfig, env)
    return apply(objects, namespace=namespace, kubeconfig=kubeconfig, env=env, rollout_seconds=EMULATED_ROLLOUT_SECONDS)


def objects_of(stack: Stack, known: Known) -> list[dict[str, Any]]:
    """The Kubernetes objects in a stack's template, with references resolved."""
    found: list[dict[str, Any]] = []
    for resource in stack.of_type(MANIFEST_TYPE):
        found.extend(json.loads(known.text(resource["Properties"]["Manifest"])))
    return found


def validate(objects: list[dict[str, Any]], version: str) -> Validated:
    """Validate strictly against the schemas of a Kubernetes version.

    Raises OpsError for the first object that breaks its schema.
    """
    validator = importlib.import_module("kubernetes_validate")
    checked = without_schema = 0
    for item in objects:
        group = str(item.get("apiVersion", "")).rpartition("/")[0]
        if group in CUSTOM_GROUPS:
            without_schema += 1
            continue
        try:
            validator.validate(item, version, strict=True)
        except Exception as error:
            name = f"{item.get('kind')}/{item.get('metadata', {}).get('name')}"
            raise OpsError(f"Kubernetes {version} would refuse {name}: {str(error).splitlines()[0]}") from error
        checked += 1
    return Validated(version, checked, without_schema)


def with_variables(objects: list[dict[str, Any]], variables: Mapping[str, str]) -> list[dict[str, Any]]:
    """The objects with variables added to every container, so that pods in the emulator's own cluster find the emulator."""
    copies = json.loads(json.dumps(objects))
    for entry in copies:
        spec = entry.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        for container in spec.get("template", {}).get("spec", {}).get("containers", []):
            container.setdefault("env", []).extend({"name": key, "value": value} for key, value in variables.items())
    return copies  # type: ignore[no-any-return]


def apply(
    objects: list[dict[str, Any]],
    *,
    namespace: str,
    kubeconfig: str,
    env: Mapping[str, str],
    rollout_seconds: int = ROLLOUT_SECONDS,
) -> Applied:
    """Apply to the cluster of `kubeconfig` and wait for its Deployments. Raises OpsError."""
    base = ["kubectl", "--kubeconfig", kubeconfig]
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    served = _served_groups(base, env)
    chosen = [entry for entry in objects if str(entry["apiVersion"]).rpartition("/")[0] in served]
    bundle = json.dumps({"apiVersion": "v1", "kind": "List", "items": [space, *chosen]})
    done = capture([*base, "apply", "-f", "-"], env=env, stdin=bundle)
    if not done.ok:
        raise OpsError(f"kubectl apply failed: {done.last_line()}")
    for entry in chosen:
        if entry["kind"] in WAITED_FOR:
            name = f"{entry['kind'].lower()}/{entry['metadata']['name']}"
            waiting = [*base, "--namespace", namespace, "rollout", "status", name, f"--timeout={rollout_seconds}s"]
            done = capture(waiting, env=env)
            if not done.ok:
                raise OpsError(f"{name} did not become ready in the cluster: {done.last_line()}")
    kinds = Counter(str(entry["kind"]) for entry in chosen)
    return Applied(dict(sorted(kinds.items())), left_out=len(objects) - len(chosen))


def _served_groups(base: list[str], env: Mapping[str, str]) -> set[str]:
    done = capture([*base, "api-versions"], env=env)
    if not done.ok:
        raise OpsError(f"the cluster of KUBECONFIG does not answer: {done.last_line()}; start it, or unset KUBECONFIG")
    return {line.rpartition("/")[0] for line in done.out.split()}


def wait_for_cluster(kubeconfig: str, env: Mapping[str, str]) -> None:
    """Return once the emulator's own cluster, which starts in the background, answers. Raises OpsError."""
    deadline = time.monotonic() + CLUSTER_START_SECONDS
    while True:
        try:
            _served_groups(["kubectl", "--kubeconfig", kubeconfig], env)
        except OpsError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


def kubeconfig(environ: Mapping[str, str]) -> str | None:
    """The kubeconfig that the user gave for this run; None if there is none."""
    given = environ.get("KUBECONFIG", "")
    if not given:
        return None
    if not Path(given).is_file():
        raise OpsError(f"KUBECONFIG={given}: there is no such file; correct it, or unset it", exit_code=2)
    return given


def emulated_cluster(engine: Engine, target: Target, workspace: Workspace) -> str | None:
    """A kubeconfig for the emulator's own cluster, if it could start a real one (k3s in a container); else None."""
    listed = engine.run(
        "ps", "-q", "--filter", "label=ministack=eks", "--filter", f"label=ministack.instance={target.instance}"
    )
    for container in listed.out.split():
        content = engine.run("exec", container, "cat", "/etc/rancher/k3s/k3s.yaml")
        published = engine.run("port", container, "6443/tcp").out.split()
        if content.ok and published:
            path = workspace.folder / "kubeconfig"
            port = published[0].rpartition(":")[2]
            path.write_text(re.sub(r"https://[^\s]+", f"https://127.0.0.1:{port}", content.out))
            path.chmod(0o600)
            return str(path)
    return None
