"""A kubectl of the tests' own, with a small cluster behind it, as a test sets it up and looks at it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.fakes import kubectl_script
from tests.fakes.kubectl_script import STATE

Object = dict[str, Any]

# Name, API version, namespaced, kind: as `kubectl api-resources` prints them.
CORE = """
configmaps v1 true ConfigMap
secrets v1 true Secret
events v1 true Event
namespaces v1 false Namespace
nodes v1 false Node
pods v1 true Pod
serviceaccounts v1 true ServiceAccount
services v1 true Service
deployments apps/v1 true Deployment
replicasets apps/v1 true ReplicaSet
horizontalpodautoscalers autoscaling/v2 true HorizontalPodAutoscaler
cronjobs batch/v1 true CronJob
jobs batch/v1 true Job
ingressclasses networking.k8s.io/v1 false IngressClass
ingresses networking.k8s.io/v1 true Ingress
networkpolicies networking.k8s.io/v1 true NetworkPolicy
poddisruptionbudgets policy/v1 true PodDisruptionBudget
clusterroles rbac.authorization.k8s.io/v1 false ClusterRole
clusterrolebindings rbac.authorization.k8s.io/v1 false ClusterRoleBinding
roles rbac.authorization.k8s.io/v1 true Role
rolebindings rbac.authorization.k8s.io/v1 true RoleBinding
csidrivers storage.k8s.io/v1 false CSIDriver
"""
EKS = """
ingressclassparams eks.amazonaws.com/v1 false IngressClassParams
nodeclasses eks.amazonaws.com/v1 false NodeClass
nodepools karpenter.sh/v1 false NodePool
"""
SECRETS_STORE = "secretproviderclasses secrets-store.csi.x-k8s.io/v1 true SecretProviderClass\n"


class FakeCluster:
    """The cluster, as a test sets it up and looks at it; `program` is the kubectl that talks to it."""

    def __init__(self, folder: Path, *, served: str = CORE, context: str = "kind-test") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.program = folder / "kubectl"
        # Like the real one, it talks to the cluster of KUBECONFIG.
        self.program.write_text(
            f'#!/bin/sh\nfolder=$(dirname "${{KUBECONFIG##*:}}")\n[ -f "$folder/{STATE}" ] || folder={folder}\n'
            f'exec {sys.executable} -IS {Path(kubectl_script.__file__).resolve()} "$folder" "$@"\n'
        )
        self.program.chmod(0o755)
        self.kubeconfig = folder / "config"
        self.kubeconfig.write_text("")
        self.write(objects=[], served=served, context=context, calls=[], down="", refusals={}, pods={}, events=[])

    def read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / STATE).read_text())
        return content

    def write(self, **changes: Any) -> None:
        before = self.read() if (self.folder / STATE).exists() else {}
        (self.folder / STATE).write_text(json.dumps({**before, **changes}))

    def add(self, *objects: Object) -> None:
        """Objects of someone else."""
        self.write(objects=[*self.read()["objects"], *objects])

    def refuse(self, **refusals: str) -> None:
        """Have the API refuse objects of a kind, with a message each."""
        self.write(refusals=refusals)

    def pods(self, **waiting: dict[str, str]) -> None:
        """Have the pods of these Deployments wait, with a reason and a message each."""
        self.write(pods=waiting)

    @property
    def calls(self) -> list[str]:
        """The command lines so far."""
        return list(self.read()["calls"])

    def names(self, kind: str) -> list[str]:
        """Names of the objects of a kind."""
        return sorted(entry["metadata"]["name"] for entry in self.read()["objects"] if entry["kind"] == kind)

    def object(self, kind: str, name: str) -> Object:
        """One object; raises ValueError if it is not there."""
        [found] = [e for e in self.read()["objects"] if (e["kind"], e["metadata"]["name"]) == (kind, name)]
        return dict(found)
