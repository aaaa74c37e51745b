"""The Kubernetes half: apply the Eks-<name> manifests to a real cluster, or else validate them; and always say which.

The emulator keeps an EKS cluster as a record only. With KUBECONFIG set, the manifests that the templates carry are applied to
that cluster with kubectl and waited for. Without one, each object is validated against the schemas of the environment's
Kubernetes version.
"""

from __future__ import annotations

import importlib
import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.local.emulator import Target
from ops.local.engine import Engine
from ops.local.filter import REGISTRY_HOST, Stack
from ops.local.workspace import Workspace
from ops.process import capture

MANIFEST_TYPE = "Custom::AWSCDK-EKS-KubernetesResource"
ROLLOUT_SECONDS = 180
EMULATED_ROLLOUT_SECONDS = 60
CLUSTER_START_SECONDS = 60.0
CUSTOM_GROUPS = ("secrets-store.csi.x-k8s.io", "eks.amazonaws.com", "karpenter.sh")
WAITED_FOR = {"Deployment": "rollout"}


def objects(stack: Stack, values: Mapping[tuple[str, str], str], registry: str) -> list[dict[str, Any]]:
    """The Kubernetes objects that a stack's template carries, with its references filled in.

    `values` maps (stack name, output) to values; what is not in it gets a readable stand-in of the right kind.
    """
    found: list[dict[str, Any]] = []
    for resource in stack.resources.values():
        if resource["Type"] == MANIFEST_TYPE:
            found.extend(json.loads(_text(resource["Properties"]["Manifest"], values, registry)))
    return found


def _text(node: Any, values: Mapping[tuple[str, str], str], registry: str) -> str:
    if isinstance(node, str):
        return node
    [(function, value)] = node.items()
    if function == "Fn::Join":
        return str(value[0]).join(_text(part, values, registry) for part in value[1])
    if function == "Fn::Sub" and isinstance(value, str):
        return REGISTRY_HOST.sub(f"{registry}/", value)
    if function == "Fn::GetStackOutput":
        return values.get((value["StackName"], value["OutputName"]), "stand-in")
    if function == "Ref" and value in {"AWS::Region", "AWS::AccountId", "AWS::Partition"}:
        return {"AWS::Region": "us-east-1", "AWS::AccountId": "000000000000", "AWS::Partition": "aws"}[value]
    return "stand-in"


def validate(manifests: list[dict[str, Any]], version: str) -> tuple[int, int]:
    """Validate strictly; returns how many objects have a schema and how many (custom resources) have none.

    Raises OpsError for the first object that breaks its schema.
    """
    validator = importlib.import_module("kubernetes_validate")
    checked = without_schema = 0
    for manifest in manifests:
        group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
        if group in CUSTOM_GROUPS:
            without_schema += 1
            continue
        try:
            validator.validate(manifest, version, strict=True)
        except Exception as error:
            name = f"{manifest.get('kind')}/{manifest.get('metadata', {}).get('name')}"
            raise OpsError(f"Kubernetes {version} would refuse {name}: {str(error).splitlines()[0]}") from error
        checked += 1
    return checked, without_schema


def describe_validation(manifests: list[dict[str, Any]], version: str) -> str:
    """What to tell after an offline validation."""
    checked, without_schema = validate(manifests, version)
    custom = f", {without_schema} custom without a schema" if without_schema else ""
    return f"no cluster: {checked} manifests valid for {version}{custom}"


def with_variables(manifests: list[dict[str, Any]], variables: Mapping[str, str]) -> list[dict[str, Any]]:
    """The manifests with variables added to every container: how pods of the emulator's own cluster find the emulator."""
    copies = json.loads(json.dumps(manifests))
    for entry in copies:
        spec = entry.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        for container in spec.get("template", {}).get("spec", {}).get("containers", []):
            container.setdefault("env", []).extend({"name": key, "value": value} for key, value in variables.items())
    return copies  # type: ignore[no-any-return]


def apply(
    manifests: list[dict[str, Any]],
    *,
    namespace: str,
    kubeconfig: str,
    env: Mapping[str, str],
    rollout_seconds: int = ROLLOUT_SECONDS,
) -> str:
    """Apply to the cluster of `kubeconfig` and wait for its Deployments; returns what to tell. Raises OpsError."""
    base = ["kubectl", "--kubeconfig", kubeconfig]
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    served = _served_groups(base, env)
    chosen = [entry for entry in manifests if str(entry["apiVersion"]).rpartition("/")[0] in served]
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
    kinds = Counter(entry["kind"] for entry in chosen)
    left = len(manifests) - len(chosen)
    skipped = f"; {left} of kinds this cluster does not know were left out" if left else ""
    return f"applied to the cluster: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}{skipped}"


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
    """The kubeconfig the user gave for this run; None when there is none."""
    given = environ.get("KUBECONFIG", "")
    if not given:
        return None
    if not Path(given).is_file():
        raise OpsError(f"KUBECONFIG={given}: there is no such file; correct it, or unset it", exit_code=2)
    return given


def emulated_cluster(engine: Engine, target: Target, workspace: Workspace) -> str | None:
    """A kubeconfig for the emulator's own cluster, where it could start a real one (k3s in a container); else None."""
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
