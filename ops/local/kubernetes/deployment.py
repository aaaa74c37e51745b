"""Applies the objects of the templates to a cluster, or else validates them, and reports which.

In the emulator an EKS cluster is only a record. With KUBECONFIG set, the objects in the templates are applied to that cluster
with kubectl, as CDK's handler does, and their rollout is awaited. Otherwise each is validated against the schemas of the
environment's Kubernetes version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.catalog import Catalog
from config.settings import Platform, Settings
from ops.assembly import Assembly
from ops.errors import OpsError
from ops.local import cloudformation
from ops.local.engine import Engine
from ops.local.kubernetes import cluster as clusters
from ops.local.kubernetes import delivery, endpoint, migration, objects, ownership, rollout
from ops.local.kubernetes.cluster import Cluster
from ops.local.kubernetes.endpoint import Endpoint
from ops.local.kubernetes.kubectl import refusals
from ops.local.kubernetes.objects import Object
from ops.local.kubernetes.state import applied_outcomes
from ops.local.kubernetes.validation import validate
from ops.local.outcome import LeftOut, Outcome
from ops.local.target import Target
from ops.local.workspace import Workspace
from ops.references import Known
from ops.say import Say

EMULATED_ROLLOUT_SECONDS = 60.0  # the emulator's own cluster is only a bonus
KUBERNETES = "kubernetes"  # the platform's name in the table


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One run of `make up` on the Kubernetes half.

    Attributes:
        assembly: the output of `cdk synth`.
        settings: the environment.
        catalog: its services.
        target: the emulator.
        workspace: for files on the way.
        engine: holds the images.
        environ: the user's variables.
        say: for progress.
    """

    assembly: Assembly
    settings: Settings
    catalog: Catalog
    target: Target
    workspace: Workspace
    engine: Engine
    environ: Mapping[str, str]
    say: Say

    def run(self, given: Cluster | None) -> list[Outcome]:
        """Apply to the cluster that the user gave, else to the emulator's own, else validate.

        The user's must accept the objects, or this raises OpsError. The emulator's own is a bonus: if it refuses them, they are
        validated, and the outcome has the reason.
        """
        if given:
            return self._apply(given)
        try:
            own = clusters.emulated_cluster(
                self.environ, engine=self.engine, target=self.target, workspace=self.workspace
            )
            if own:
                return self._apply(own)
        except OpsError as error:
            return self._validate(error.message)
        return self._validate("")

    def _known(self, registry: str) -> Known:
        return Known(cloudformation.stack_outputs(self.target), registry, self.target.account, self.target.region)

    def _services(self, known: Known) -> dict[str, list[Object]]:
        stacks = self.assembly.of_services(Platform.EKS)
        return {service: objects.of_stack(stack, known) for service, stack in stacks.items()}

    def _validate(self, obstacle: str) -> list[Outcome]:
        version = self.settings.eks_version
        known = self._known(self.target.registry)
        validate(objects.shared(self.assembly, known), version)
        return [
            Outcome(service, KUBERNETES, validate(found, version, refused_by_own=obstacle))
            for service, found in self._services(known).items()
        ]

    def _apply(self, cluster: Cluster) -> list[Outcome]:
        known = self._known(cluster.delivery.registry)
        pods = endpoint.for_pods(cluster, self.environ, engine=self.engine, target=self.target)
        services = self._services(known)
        left_out = {name: why for name, found in services.items() if (why := _lacking(cluster, found))}
        chosen = {name: found for name, found in services.items() if name not in left_out}
        found = [*objects.shared(self.assembly, known), *pods.policies(self.settings.app)]
        shared = _shared_of(cluster, found, self.settings.app)
        self._deliver(cluster, chosen)
        if cluster.given:
            clusters.keep(cluster, namespace=self.settings.app, workspace=self.workspace)
        wanted = self._apply_objects(cluster, shared, chosen, pods)
        faults = rollout.wait(
            cluster.kubectl,
            [entry for entry in wanted if entry["kind"] == "Deployment"],
            namespace=self.settings.app,
            say=self.say,
            at_most=None if cluster.given else EMULATED_ROLLOUT_SECONDS,
        )
        if faults:
            self.say.note("the objects stay in the cluster, for a look at them; `make down` removes them")
            raise OpsError("; ".join(f"{name} did not get ready in the cluster: {why}" for name, why in faults.items()))
        return [
            *applied_outcomes(cluster, self.catalog, namespace=self.settings.app, no_aws=pods.reason),
            *(Outcome(name, KUBERNETES, LeftOut(why)) for name, why in left_out.items()),
        ]

    def _deliver(self, cluster: Cluster, services: Mapping[str, list[Object]]) -> None:
        found = delivery.deliver(
            cluster.delivery,
            objects.images(entry for entries in services.values() for entry in entries),
            nodes=cluster.nodes,
            local_registry=self.target.registry,
            engine=self.engine,
            workspace=self.workspace,
        )
        if found:
            self.say.note(f"brought {len(found)} images to the cluster ({cluster.delivery.how})")

    def _apply_objects(
        self, cluster: Cluster, shared: Sequence[Object], services: Mapping[str, list[Object]], pods: Endpoint
    ) -> list[Object]:
        """Apply everything and delete what is no longer wanted; returns the objects applied."""
        app = self.settings.app
        variables = pods.variables(self.target)
        own = [
            entry
            for service, found in services.items()
            for entry in objects.owned(
                objects.with_variables(found, variables, endpoint=self.target.endpoint), namespace=app, service=service
            )
        ]
        namespaces = [entry for entry in shared if entry["kind"] == "Namespace"]
        others = objects.owned([entry for entry in shared if entry["kind"] != "Namespace"], namespace=app)
        for entry in namespaces or [_bare_namespace(app)]:
            ownership.apply_namespace(cluster, entry)
        wanted = [*self._not_of_others(cluster, others), *self._own(cluster, migration.named(own))]
        first, jobs, waiting = migration.split(wanted)
        migration.restart_failed(cluster, jobs, namespace=app)
        self._send(cluster, [*first, *jobs])
        migration.wait(cluster, jobs, namespace=app)
        if waiting:
            self._send(cluster, waiting)
        keep = {ownership.identity(entry) for entry in wanted}
        outdated = [entry for entry in ownership.ours(cluster, namespace=app) if ownership.identity(entry) not in keep]
        if outdated:
            self.say.note(f"no longer wanted: {', '.join(sorted(map(cluster.resource, outdated)))}")
        ownership.delete(cluster, outdated, namespace=app)
        return wanted

    def _not_of_others(self, cluster: Cluster, shared: Sequence[Object]) -> list[Object]:
        """The shared objects without those that the cluster already has from someone else."""
        theirs = ownership.of_others(cluster, shared, namespace=self.settings.app)
        for _, kind, name in sorted(theirs):
            self.say.note(f"{kind}/{name} is there already, from someone else: left as it is")
        return [entry for entry in shared if ownership.identity(entry) not in theirs]

    def _own(self, cluster: Cluster, own: Sequence[Object]) -> list[Object]:
        """The services' objects, unless one would replace another deployment's. Raises OpsError."""
        theirs = ownership.of_others(cluster, own, namespace=self.settings.app)
        if theirs:
            names = ", ".join(f"{kind}/{name}" for _, kind, name in sorted(theirs))
            raise OpsError(
                f"the namespace {self.settings.app} of {cluster.kubectl.context} already has {names} from another "
                "deployment; delete them, or choose another cluster"
            )
        return list(own)

    def _send(self, cluster: Cluster, wanted: Sequence[Object]) -> None:
        bundle = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(wanted)})
        done = cluster.kubectl.run("apply", "-f", "-", stdin=bundle)
        if not done.ok:
            raise OpsError(f"kubectl apply: {'; '.join(refusals(done))}")


def _bare_namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _shared_of(cluster: Cluster, shared: Sequence[Object], namespace: str) -> list[Object]:
    """The shared objects that mean something on this cluster; other namespaces are none of a local run's business."""
    on_eks = any(group == objects.EKS_GROUP for group, _ in cluster.resources)
    return [
        entry
        for entry in shared
        if entry["metadata"].get("namespace", namespace) == namespace
        and cluster.serves(entry)
        and (on_eks or not objects.only_for_eks(entry))
    ]


def _lacking(cluster: Cluster, entries: Sequence[Object]) -> str:
    """Why a service cannot run on the cluster; empty if it can."""
    missing = sorted({f"{entry['kind']} ({entry['apiVersion']})" for entry in entries if not cluster.serves(entry)})
    if missing:
        return f"the cluster does not know {', '.join(missing)}"
    drivers = {volume["csi"]["driver"] for volume in _volumes(entries) if "csi" in volume}
    if drivers and (lacking := sorted(drivers - _drivers(cluster))):
        return f"the cluster lacks the volume driver {', '.join(lacking)}"
    return ""


def _volumes(entries: Sequence[Object]) -> list[dict[str, Any]]:
    return [volume for entry in entries for volume in objects.pod_spec(entry).get("volumes", [])]


def _drivers(cluster: Cluster) -> set[str]:
    return {entry["metadata"]["name"] for entry in cluster.kubectl.items("csidrivers")}
