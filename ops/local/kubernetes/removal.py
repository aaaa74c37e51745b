"""`make down` and `make prune` on the Kubernetes half: deletes what local runs applied, and reports what stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ops.errors import OpsError
from ops.local.kubernetes import cluster as clusters
from ops.local.kubernetes import ownership
from ops.local.kubernetes.cluster import Cluster, Record
from ops.local.kubernetes.delivery import Delivery
from ops.local.kubernetes.kubectl import Kubectl, current_context, given_files, served
from ops.local.kubernetes.objects import SERVICE_LABEL
from ops.local.target import Target
from ops.local.workspace import Workspace
from ops.say import Say


@dataclass(frozen=True, kw_only=True)
class Removal:
    """The clusters that local runs of this project have used.

    Attributes:
        target: the emulator.
        workspace: has the record of earlier runs.
        environ: the user's variables.
        say: for progress.
    """

    target: Target
    workspace: Workspace
    environ: Mapping[str, str]
    say: Say

    def used(self, namespace: str) -> list[Record]:
        """Where to look: the clusters of earlier runs, and that of KUBECONFIG, in case the record is gone."""
        kept = clusters.recorded(self.workspace)
        try:
            kubeconfig = given_files(self.environ)
            if not (kubeconfig and namespace):
                return kept
            context = current_context(self._kubectl(Record(kubeconfig, "", namespace)))
        except OpsError as error:
            self.say.note(f"{error.message}; nothing was looked for there")
            return kept
        known = any((record.context, record.namespace) == (context, namespace) for record in kept)
        return kept if known else [*kept, Record(kubeconfig, context, namespace)]

    def down(self, namespace: str) -> list[str]:
        """Delete everything that local runs applied.

        Args:
            namespace: the app's name; empty if the settings cannot be read.

        Returns:
            What stays, each with the reason.
        """
        kept, stays = clusters.recorded(self.workspace), []
        for record in self.used(namespace):
            try:
                self._take_down(record)
            except OpsError as error:
                if record not in kept:
                    self.say.note(f"{error.message}; nothing was looked for there")
                    continue
                stays.append(
                    f"what `make up` applied to the cluster of {record.context} ({error.message}); run `make down` again, "
                    f"or delete {clusters.record_file(self.workspace)} if the cluster is gone for good"
                )
        if not stays:
            clusters.forget(self.workspace)
        return stays

    def prune(self, namespace: str, services: Collection[str]) -> list[str]:
        """Delete the objects of services other than these; returns what was deleted. Raises OpsError."""
        deleted = []
        for record in self.used(namespace):
            cluster = self._cluster(record)
            if cluster is None:
                continue
            selector = SERVICE_LABEL + (f",{SERVICE_LABEL} notin ({','.join(sorted(services))})" if services else "")
            gone = ownership.ours(cluster, namespace=namespace, selector=selector)
            ownership.delete(cluster, gone, namespace=namespace)
            deleted += [cluster.resource(entry) for entry in gone]
        return sorted(deleted)

    def _take_down(self, record: Record) -> None:
        cluster = self._cluster(record)
        if cluster is None:
            self.say.note(f"the cluster of {record.context} is gone, and what was in it")
            return
        found = ownership.ours(cluster, namespace=record.namespace)
        if not found and not ownership.is_in_use(cluster, record.namespace):
            return
        ownership.delete(cluster, found, namespace=record.namespace)
        self.say.note(f"deleted {len(found)} objects from the cluster of {record.context}")
        kept = ownership.remove_namespace(cluster, record.namespace)
        if kept:
            self.say.note(f"left in the cluster: {kept}")
        if left := ownership.ours(cluster, namespace=record.namespace):
            raise OpsError(f"still there: {', '.join(sorted(map(cluster.resource, left)))}")

    def _cluster(self, record: Record) -> Cluster | None:
        if record in clusters.recorded(self.workspace):
            return clusters.recorded_cluster(record, self.environ, target=self.target, workspace=self.workspace)
        kubectl = self._kubectl(record)
        return Cluster(kubectl, given=True, resources=served(kubectl), delivery=Delivery("held", self.target.registry))

    def _kubectl(self, record: Record) -> Kubectl:
        return clusters.users_kubectl(
            self.environ,
            kubeconfig=record.kubeconfig,
            context=record.context,
            target=self.target,
            workspace=self.workspace,
        )
