"""Small Kubernetes objects, a deployment of them to a fake cluster, and what was printed."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from config.catalog import Catalog
from config.service import ServiceSpec
from ops.local.kubernetes import cluster as clusters
from ops.local.kubernetes.deployment import Deployment
from ops.local.kubernetes.objects import MANIFEST_TYPE
from ops.local.kubernetes.removal import Removal
from ops.local.outcome import Outcome
from ops.local.workspace import Workspace
from ops.say import Say
from tests.fakes.assembly import write_assembly
from tests.fakes.aws import CloudFormation, FakeTarget
from tests.fakes.engine import FakeEngine
from tests.fakes.kubectl import FakeCluster

APP = "harbour"
PART_OF = {"app.kubernetes.io/part-of": APP}
Object = dict[str, Any]


def thing(
    kind: str, name: str, *, version: str = "v1", labels: Mapping[str, str] | None = None, **fields: Any
) -> Object:
    """An object of the namespace."""
    metadata: Object = {"name": name, "namespace": APP}
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def namespace(**labels: str) -> Object:
    """The namespace as the cluster's stack has it."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": APP, "labels": {**PART_OF, **labels}}}


def policy(name: str) -> Object:
    return thing("NetworkPolicy", name, version="networking.k8s.io/v1", spec={"podSelector": {}})


def deployment(name: str = "web", *, replicas: int | None = None, volumes: Any = (), deadline: int = 360) -> Object:
    """A Deployment of one container."""
    labels = {"app.kubernetes.io/name": name, **PART_OF}
    container = {"name": name, "image": f"localhost:4999/{APP}/{name}:eks-1", "env": [{"name": "PORT", "value": "1"}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": list(volumes)}}
    spec: Object = {"selector": {}, "progressDeadlineSeconds": deadline, "template": template}
    if replicas is not None:
        spec["replicas"] = replicas
    return thing("Deployment", name, version="apps/v1", labels=labels, spec=spec)


def autoscaler(name: str = "web") -> Object:
    return thing("HorizontalPodAutoscaler", name, version="autoscaling/v2", labels=PART_OF, spec={"maxReplicas": 4})


def stack(*objects: Object) -> Object:
    """A template that has the objects applied."""
    return {"Resources": {"Objects": {"Type": MANIFEST_TYPE, "Properties": {"Manifest": json.dumps(objects)}}}}


class LocalRun:
    """`make up` and `make down` on the Kubernetes half, without the rest."""

    def __init__(self, folder: Path, cluster: FakeCluster, *specs: ServiceSpec) -> None:
        self.folder = folder
        self.cluster = cluster
        self.workspace = Workspace(folder)
        self.workspace.prepare()
        self.engine = FakeEngine(folder / "engine")
        self.target = FakeTarget(cloudformation=CloudFormation())
        self.catalog = Catalog(specs)
        self.out = io.StringIO()
        path = f"{cluster.folder}:/usr/bin:/bin"
        self.environ = {"PATH": path, "KUBECONFIG": str(cluster.kubeconfig), "KUBERNETES_REGISTRY": "localhost:4999"}

    @property
    def printed(self) -> str:
        return self.out.getvalue()

    def up(self, shared: list[Object], **services: list[Object]) -> list[Outcome]:
        stacks = {"Eks": stack(*shared), **{f"Eks-{name}": stack(*found) for name, found in services.items()}}
        given = clusters.given_cluster(self.environ, target=self.target, workspace=self.workspace)
        deploying = Deployment(
            assembly=write_assembly(self.folder / "cdk.out", stacks=stacks),
            settings=SimpleNamespace(app=APP, eks_version="1.36"),  # type: ignore[arg-type]
            catalog=self.catalog,
            target=self.target,
            workspace=self.workspace,
            engine=self.engine.engine,
            environ=self.environ,
            say=Say(self.out),
        )
        return deploying.run(given)

    @property
    def removal(self) -> Removal:
        return Removal(target=self.target, workspace=self.workspace, environ=self.environ, say=Say(self.out))
